/** Cedar's extension types: decimal, datetime, duration and ipaddr, with their strict parsers and their functions. */
import { Fault } from './fault.ts'
import { addressRange, type AddressRange, isWithinRange, parseAddress } from './ip-addresses.ts'
import { type CedarValue, Extension, longMax, longMin, typeName } from './values.ts'

export class Decimal extends Extension {
  override readonly typeName = 'decimal'
  /** In ten-thousandths. */
  readonly value: bigint

  constructor(value: bigint) {
    super()
    this.value = value
  }

  override get key(): string {
    return String(this.value)
  }
}

export class Datetime extends Extension {
  override readonly typeName = 'datetime'
  /** UTC milliseconds since 1970. */
  readonly value: bigint

  constructor(value: bigint) {
    super()
    this.value = value
  }

  override get key(): string {
    return String(this.value)
  }
}

export class Duration extends Extension {
  override readonly typeName = 'duration'
  /** Milliseconds. */
  readonly value: bigint

  constructor(value: bigint) {
    super()
    this.value = value
  }

  override get key(): string {
    return String(this.value)
  }
}

export class IpAddress extends Extension {
  override readonly typeName = 'ipaddr'
  readonly range: AddressRange

  constructor(range: AddressRange) {
    super()
    this.range = range
  }

  override get key(): string {
    return `${this.range.bits}:${this.range.address}/${this.range.prefix}`
  }
}

export interface ExtensionFunction {
  /** How many arguments; a method's receiver is the first. */
  readonly takes: number
  readonly call: (args: readonly CedarValue[]) => CedarValue
}

const millisecondsInDay = 86_400_000n

/** Every extension function and method that the evaluator knows, by Cedar's name. */
export const extensionFunctions: ReadonlyMap<string, ExtensionFunction> = new Map<string, ExtensionFunction>([
  ['decimal', constructor('decimal', parseDecimal)],
  ['datetime', constructor('datetime', parseDatetime)],
  ['duration', constructor('duration', parseCedarDuration)],
  ['ip', constructor('ip', parseIp)],
  ['lessThan', method(Decimal, Decimal, (left, right) => left.value < right.value)],
  ['lessThanOrEqual', method(Decimal, Decimal, (left, right) => left.value <= right.value)],
  ['greaterThan', method(Decimal, Decimal, (left, right) => left.value > right.value)],
  ['greaterThanOrEqual', method(Decimal, Decimal, (left, right) => left.value >= right.value)],
  ['offset', method(Datetime, Duration, (left, right) => new Datetime(checked(left.value + right.value)))],
  ['durationSince', method(Datetime, Datetime, (left, right) => new Duration(checked(left.value - right.value)))],
  ['toDate', property(Datetime, ({ value }) => new Datetime(checked(value - modulo(value, millisecondsInDay))))],
  ['toTime', property(Datetime, ({ value }) => new Duration(modulo(value, millisecondsInDay)))],
  ['toMilliseconds', property(Duration, ({ value }) => value)],
  ['toSeconds', property(Duration, ({ value }) => value / 1_000n)],
  ['toMinutes', property(Duration, ({ value }) => value / 60_000n)],
  ['toHours', property(Duration, ({ value }) => value / 3_600_000n)],
  ['toDays', property(Duration, ({ value }) => value / millisecondsInDay)],
  ['isIpv4', property(IpAddress, ({ range }) => range.bits === 32)],
  ['isIpv6', property(IpAddress, ({ range }) => range.bits === 128)],
  ['isLoopback', property(IpAddress, ({ range }) => isWithinRange(range, range.bits === 32 ? loopback4 : loopback6))],
  ['isMulticast', property(IpAddress, ({ range }) => isWithinRange(range, range.bits === 32 ? multicast4 : multicast6))],
  ['isInRange', method(IpAddress, IpAddress, (left, right) => isWithinRange(left.range, right.range))],
])

const loopback4 = addressRange(32, 127n << 24n, 8)
const loopback6 = addressRange(128, 1n, 128)
const multicast4 = addressRange(32, 224n << 24n, 4)
const multicast6 = addressRange(128, 0xffn << 120n, 8)

/** Orders two longs, two datetimes or two durations: negative, zero or positive. Anything else is a `Fault`. */
export function compareOrdered(left: CedarValue, right: CedarValue): number {
  if (typeof left === 'bigint' && typeof right === 'bigint') return order(left, right)
  if (left instanceof Datetime && right instanceof Datetime) return order(left.value, right.value)
  if (left instanceof Duration && right instanceof Duration) return order(left.value, right.value)
  throw new Fault(`${typeName(left)} and ${typeName(right)} cannot be ordered`)
}

/** At most four digits after the point, and at least one on each side of it. */
export function parseDecimal(text: string): Decimal | undefined {
  const [, sign, whole, fraction] = /^(-?)(\d+)\.(\d{1,4})$/.exec(text) ?? []
  if (whole === undefined || fraction === undefined) return undefined
  const size = BigInt(whole) * 10_000n + BigInt(fraction.padEnd(4, '0'))
  const value = sign === '-' ? -size : size
  return isLong(value) ? new Decimal(value) : undefined
}

/** `2024-10-15`, or with `T11:35:00` and optional `.000`, then `Z` or an offset of less than 24 h. */
export function parseDatetime(text: string): Datetime | undefined {
  const form = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{3}))?(?:Z|([+-])(\d{2})(\d{2})))?$/
  const found = form.exec(text)
  if (found === null) return undefined
  const [year, month, day, hour, minute, second, millisecond] = found.slice(1, 8).map((digits) => Number(digits ?? 0))
  if (year === undefined || month === undefined || day === undefined) return undefined
  const [offsetHours, offsetMinutes] = [Number(found[9] ?? 0), Number(found[10] ?? 0)]
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  // A day that a month does not have would roll over into the next one.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  date.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0, millisecond ?? 0)
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000 * (found[8] === '-' ? -1 : 1)
  return new Datetime(BigInt(date.getTime() - offset))
}

/** `1d2h3m4s5ms`, each unit at most once and in this order, with an optional minus before all of them. */
export function parseCedarDuration(text: string): Duration | undefined {
  const found = /^(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text)
  if (found === null || found.slice(2).every((digits) => digits === undefined)) return undefined
  const units = [millisecondsInDay, 3_600_000n, 60_000n, 1_000n, 1n]
  let size = 0n
  for (const [place, unit] of units.entries()) size += BigInt(found[place + 2] ?? 0) * unit
  const value = found[1] === '-' ? -size : size
  return isLong(value) ? new Duration(value) : undefined
}

export function parseIp(text: string): IpAddress | undefined {
  const range = parseAddress(text)
  return range === undefined ? undefined : new IpAddress(range)
}

function constructor(name: string, parse: (text: string) => CedarValue | undefined): ExtensionFunction {
  return {
    takes: 1,
    call: ([text]) => {
      if (typeof text !== 'string') throw new Fault(`${name}() expects a string`)
      const value = parse(text)
      if (value === undefined) throw new Fault(`"${text.slice(0, 60)}" cannot be read by ${name}()`)
      return value
    },
  }
}

type Kind<T> = new (...args: never) => T

function method<L extends Extension, R extends Extension>(
  left: Kind<L>,
  right: Kind<R>,
  apply: (left: L, right: R) => CedarValue,
): ExtensionFunction {
  return { takes: 2, call: ([receiver, other]) => apply(asKind(left, receiver), asKind(right, other)) }
}

function property<T extends Extension>(kind: Kind<T>, apply: (value: T) => CedarValue): ExtensionFunction {
  return { takes: 1, call: ([receiver]) => apply(asKind(kind, receiver)) }
}

function asKind<T extends Extension>(kind: Kind<T>, value: CedarValue | undefined): T {
  if (value instanceof kind) return value
  throw new Fault(`expected ${kind.name.toLowerCase()}, found ${value === undefined ? 'nothing' : typeName(value)}`)
}

function order(left: bigint, right: bigint): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}

/** Towards −∞, as Cedar's dates need it; BigInt's own remainder goes towards zero. */
function modulo(value: bigint, by: bigint): bigint {
  const rest = value % by
  return rest < 0n ? rest + by : rest
}

function isLong(value: bigint): boolean {
  return value >= longMin && value <= longMax
}

function checked(value: bigint): bigint {
  if (!isLong(value)) throw new Fault('a time overflowed 64 bits')
  return value
}
