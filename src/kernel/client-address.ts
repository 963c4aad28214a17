/** The address of a client as one text, the same at every door: what the operating system says of the socket, never what a header claims. */

const ipv4 = /^\d{1,3}(?:\.\d{1,3}){3}$/
const ipv6 = /^[0-9a-f:.]*:[0-9a-f:.]*$/

/** IPv4 that came through an IPv6 socket is IPv4; a zone (`%eth0`) is left out; `unknown` once the socket is gone. */
export function clientAddress(remote: string | undefined): string {
  const [bare = ''] = (remote ?? '').toLowerCase().split('%')
  const address = bare.startsWith('::ffff:') && ipv4.test(bare.slice('::ffff:'.length)) ? bare.slice('::ffff:'.length) : bare
  return ipv4.test(address) || ipv6.test(address) ? address : 'unknown'
}

/** Whoever has one IPv6 address has 2^64 of them: counted by network. */
export function addressForCounting(address: string): string {
  if (!ipv6.test(address)) return address
  const [head = ''] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  return `${[...groups, '0', '0', '0', '0'].slice(0, 4).join(':')}::/64`
}
