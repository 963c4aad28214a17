/** The texts of Cedar's extension types, read piece by piece. Each answers `undefined` for a text that Cedar does not take. */

export interface Ip {
  readonly bits: 32n | 128n
  readonly address: bigint
  readonly prefix: bigint
}

const digits = /^[0-9]+$/

/** In ten-thousandths. */
export function decimalOf(text: string): bigint | undefined {
  const isNegative = text.startsWith('-')
  const pieces = (isNegative ? text.slice(1) : text).split('.')
  const [whole = '', fraction = ''] = pieces
  if (pieces.length !== 2 || !digits.test(whole) || !digits.test(fraction) || fraction.length > 4) return undefined
  const size = BigInt(whole + fraction.padEnd(4, '0'))
  return fits(isNegative ? -size : size)
}

function fits(size: bigint): bigint | undefined {
  return BigInt.asIntN(64, size) === size ? size : undefined
}

const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Milliseconds since 1970, counted day by day from the calendar's rules. */
export function datetimeOf(text: string): bigint | undefined {
  const date = text.slice(0, 10)
  const [year, month, day] = [numberOf(date.slice(0, 4), 4), numberOf(date.slice(5, 7), 2), numberOf(date.slice(8, 10), 2)]
  if (year === undefined || month === undefined || day === undefined || date[4] !== '-' || date[7] !== '-') return undefined
  const isLeap = (of: number) => of % 4 === 0 && (of % 100 !== 0 || of % 400 === 0)
  const length = (daysOfMonth[month - 1] ?? 0) + (month === 2 && isLeap(year) ? 1 : 0)
  if (day < 1 || day > length) return undefined
  let days = 0
  for (let each = 1970; each < year; each += 1) days += isLeap(each) ? 366 : 365
  for (let each = year; each < 1970; each += 1) days -= isLeap(each) ? 366 : 365
  for (let each = 1; each < month; each += 1) days += (daysOfMonth[each - 1] ?? 0) + (each === 2 && isLeap(year) ? 1 : 0)
  const within = text.length === 10 ? 0 : timeOf(text.slice(10))
  return within === undefined ? undefined : BigInt((days + day - 1) * 86_400_000 + within)
}

/** `T11:35:00`, perhaps `.123`, then `Z` or `+0130`: milliseconds to add to the beginning of the day. */
function timeOf(text: string): number | undefined {
  const [hour, minute, second] = [numberOf(text.slice(1, 3), 2), numberOf(text.slice(4, 6), 2), numberOf(text.slice(7, 9), 2)]
  if (text[0] !== 'T' || text[3] !== ':' || text[6] !== ':' || hour === undefined || minute === undefined || second === undefined)
    return undefined
  const hasFraction = text[9] === '.'
  const milliseconds = hasFraction ? numberOf(text.slice(10, 13), 3) : 0
  const offset = offsetOf(text.slice(hasFraction ? 13 : 9))
  if (hour > 23 || minute > 59 || second > 59 || milliseconds === undefined || offset === undefined) return undefined
  return ((hour * 60 + minute) * 60 + second) * 1_000 + milliseconds - offset
}

function offsetOf(text: string): number | undefined {
  if (text === 'Z') return 0
  const [hours, minutes] = [numberOf(text.slice(1, 3), 2), numberOf(text.slice(3), 2)]
  if ((text[0] !== '+' && text[0] !== '-') || hours === undefined || minutes === undefined || hours > 23 || minutes > 59) return undefined
  return (hours * 60 + minutes) * (text[0] === '-' ? -60_000 : 60_000)
}

function numberOf(text: string, length: number): number | undefined {
  return text.length === length && digits.test(text) ? Number(text) : undefined
}

const units = ['d', 'h', 'm', 's', 'ms']
const sizes: Readonly<Record<string, bigint>> = { d: 86_400_000n, h: 3_600_000n, m: 60_000n, s: 1_000n, ms: 1n }

/** Milliseconds. */
export function durationOf(text: string): bigint | undefined {
  const isNegative = text.startsWith('-')
  let rest = isNegative ? text.slice(1) : text
  let last = -1
  let size = 0n
  if (rest === '') return undefined
  while (rest !== '') {
    const [piece = '', many = '', unit = ''] = /^([0-9]+)(ms|[dhms])/.exec(rest) ?? []
    const place = units.indexOf(unit)
    if (piece === '' || place <= last) return undefined
    size += BigInt(many) * (sizes[unit] ?? 0n)
    last = place
    rest = rest.slice(piece.length)
  }
  return fits(isNegative ? -size : size)
}

export function ipOf(text: string): Ip | undefined {
  const [written = '', prefixText, ...more] = text.split('/')
  const bits = written.includes(':') ? 128n : 32n
  const address = bits === 32n ? fourOf(written) : sixOf(written)
  if (address === undefined || more.length > 0) return undefined
  if (prefixText === undefined) return { bits, address, prefix: bits }
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(prefixText) || BigInt(prefixText) > bits) return undefined
  return { bits, address, prefix: BigInt(prefixText) }
}

function fourOf(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((each) => /^(?:0|[1-9][0-9]{0,2})$/.test(each) && Number(each) < 256)) return undefined
  return parts.reduce((sum, each) => sum * 256n + BigInt(each), 0n)
}

function sixOf(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [before = [], after = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - before.length - after.length
  // A double colon stands for one group at least; without one all eight are there.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...after]
  if (!groups.every((each) => /^[0-9a-fA-F]{1,4}$/.test(each))) return undefined
  return groups.reduce((sum, each) => sum * 65_536n + BigInt(`0x${each}`), 0n)
}

/** Every address of the first is one of the second. */
export function isWithin(inner: Ip, outer: Ip): boolean {
  const first = ({ bits, address, prefix }: Ip) => (address >> (bits - prefix)) << (bits - prefix)
  const last = (of: Ip) => first(of) + (1n << (of.bits - of.prefix)) - 1n
  return inner.bits === outer.bits && first(inner) >= first(outer) && last(inner) <= last(outer)
}
