/** The address a client comes from, in one spelling. */

/** An IPv4 address mapped into IPv6 (`::ffff:10.0.0.1`) as IPv4; a zone (`%eth0`) dropped; `unknown` once the socket is gone. */
export function clientAddress(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return 'unknown'
  const [bare = ''] = remoteAddress.toLowerCase().split('%')
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice('::ffff:'.length) : bare
}
