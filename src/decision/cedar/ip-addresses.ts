/** IPv4 and IPv6 addresses and ranges as Cedar's ipaddr reads them: strict, so that one text has one meaning. */

/** All addresses that share the first `prefix` bits with `address`. */
export interface AddressRange {
  readonly bits: 32 | 128
  readonly address: bigint
  readonly prefix: number
  readonly first: bigint
  readonly last: bigint
}

/** `10.0.0.1`, `10.0.0.0/8`, `::1`, `2001:db8::/32`. No leading zeros in IPv4 and prefix, no IPv4 inside IPv6. */
export function parseAddress(text: string): AddressRange | undefined {
  const [written = '', prefixText, ...more] = text.split('/')
  if (more.length > 0) return undefined
  const isIpv4 = written.includes('.')
  const bits = isIpv4 ? 32 : 128
  const address = isIpv4 ? parseIpv4(written) : parseIpv6(written)
  if (address === undefined) return undefined
  if (prefixText === undefined) return addressRange(bits, address, bits)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefixText) || Number(prefixText) > bits) return undefined
  return addressRange(bits, address, Number(prefixText))
}

export function addressRange(bits: 32 | 128, address: bigint, prefix: number): AddressRange {
  const hostBits = BigInt(bits - prefix)
  const first = (address >> hostBits) << hostBits
  return { bits, address, prefix, first, last: first + (1n << hostBits) - 1n }
}

/** Every address of `inner` is one of `outer`. IPv4 and IPv6 never contain each other. */
export function isWithinRange(inner: AddressRange, outer: AddressRange): boolean {
  return inner.bits === outer.bits && inner.first >= outer.first && inner.last <= outer.last
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split('.')
  if (octets.length !== 4) return undefined
  let address = 0n
  for (const octet of octets) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined
    address = (address << 8n) | BigInt(octet)
  }
  return address
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [before, after] = halves.map((half) => (half === '' ? [] : half.split(':')))
  if (before === undefined) return undefined
  const written = before.length + (after?.length ?? 0)
  // `::` stands for at least one group of zeros.
  if (after === undefined ? written !== 8 : written > 7) return undefined
  const groups = [...before, ...Array.from({ length: 8 - written }, () => '0'), ...(after ?? [])]
  let address = 0n
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
    address = (address << 16n) | BigInt(`0x${group}`)
  }
  return address
}
