/** The address of a client as one text: what the operating system says of the socket, never what a header claims. */
import { isIPv4, isIPv6 } from 'node:net'

/** IPv4 that came through an IPv6 socket is IPv4; a zone (`%eth0`) is left out; anything else is `unknown`. */
export function clientAddress(remote: string | undefined): string {
  if (remote === undefined) return 'unknown'
  const [, mapped] = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(remote) ?? []
  if (mapped !== undefined) return mapped
  const [bare = ''] = remote.split('%')
  return isIPv4(bare) || isIPv6(bare) ? bare.toLowerCase() : 'unknown'
}

/** Whoever has one IPv6 address has 2^64 of them: counted by network. */
export function addressForCounting(address: string): string {
  if (!isIPv6(address)) return address
  const [head = ''] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  return `${[...groups, '0', '0', '0', '0'].slice(0, 4).join(':')}::/64`
}
