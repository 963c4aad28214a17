/** Cedar's values as the naive evaluator has them: read from Cedar's JSON, compared pair by pair, and the extension functions. */
import { datetimeOf, decimalOf, durationOf, type Ip, ipOf, isWithin } from './naive-formats.ts'

export type Value =
  | { readonly kind: 'bool'; readonly is: boolean }
  | { readonly kind: 'long' | 'decimal' | 'datetime' | 'duration'; readonly is: bigint }
  | { readonly kind: 'string'; readonly is: string }
  | { readonly kind: 'entity'; readonly type: string; readonly id: string }
  | { readonly kind: 'set'; readonly all: readonly Value[] }
  | { readonly kind: 'record'; readonly all: ReadonlyMap<string, Value> }
  | { readonly kind: 'ip'; readonly is: Ip }

export type Entity = Extract<Value, { kind: 'entity' }>
export type Json = unknown
export type JsonRecord = Readonly<Record<string, unknown>>

export class Broken extends Error {}

const day = 86_400_000n

export function call(name: string, args: readonly Value[]): Value {
  const [first, second] = args
  const wanted = second === undefined ? 1 : 2
  if (first === undefined || args.length > 2) return fail('how many arguments')
  const alone = wanted === 1 ? callAlone(name, first) : undefined
  if (alone !== undefined) return alone
  if (second === undefined) return fail('how many arguments')
  switch (name) {
    case 'lessThan':
      return truth(as('decimal', first) < as('decimal', second))
    case 'lessThanOrEqual':
      return truth(as('decimal', first) <= as('decimal', second))
    case 'greaterThan':
      return truth(as('decimal', first) > as('decimal', second))
    case 'greaterThanOrEqual':
      return truth(as('decimal', first) >= as('decimal', second))
    case 'offset':
      return sized('datetime', as('datetime', first) + as('duration', second))
    case 'durationSince':
      return sized('duration', as('datetime', first) - as('datetime', second))
    case 'isInRange':
      return truth(isWithin(ip(first), ip(second)))
    default:
      return fail('how many arguments')
  }
}

function callAlone(name: string, value: Value): Value | undefined {
  switch (name) {
    case 'decimal':
      return sized('decimal', decimalOf(text(value)) ?? fail(name))
    case 'datetime':
      return sized('datetime', datetimeOf(text(value)) ?? fail(name))
    case 'duration':
      return sized('duration', durationOf(text(value)) ?? fail(name))
    case 'ip':
      return { kind: 'ip', is: ipOf(text(value)) ?? fail(name) }
    case 'toDate':
      return sized('datetime', floor(as('datetime', value)) * day)
    case 'toTime':
      return sized('duration', as('datetime', value) - floor(as('datetime', value)) * day)
    case 'toMilliseconds':
      return number(as('duration', value))
    case 'toSeconds':
      return number(as('duration', value) / 1_000n)
    case 'toMinutes':
      return number(as('duration', value) / 60_000n)
    case 'toHours':
      return number(as('duration', value) / 3_600_000n)
    case 'toDays':
      return number(as('duration', value) / day)
    case 'isIpv4':
      return truth(ip(value).bits === 32n)
    case 'isIpv6':
      return truth(ip(value).bits === 128n)
    case 'isLoopback':
      return truth(isWithin(ip(value), ipOf(ip(value).bits === 32n ? '127.0.0.0/8' : '::1') ?? fail(name)))
    case 'isMulticast':
      return truth(isWithin(ip(value), ipOf(ip(value).bits === 32n ? '224.0.0.0/4' : 'ff00::/8') ?? fail(name)))
    default:
      return undefined
  }
}

/** Days since 1970, those before it negative. */
function floor(milliseconds: bigint): bigint {
  const days = milliseconds / day
  return days * day > milliseconds ? days - 1n : days
}

/** Cedar's JSON of a value: entities and extension values wrapped, whole numbers as number or bigint. */
export function valueOf(json: Json): Value {
  if (typeof json === 'boolean') return truth(json)
  if (typeof json === 'string') return { kind: 'string', is: json }
  if (typeof json === 'number' || typeof json === 'bigint') return number(BigInt(json))
  if (Array.isArray(json)) return { kind: 'set', all: distinct(json.map(valueOf)) }
  const object = part(json)
  if (Object.hasOwn(object, '__entity')) return entityOf(object)
  if (!Object.hasOwn(object, '__extn')) return { kind: 'record', all: recordOf(object) }
  const { fn, arg } = part(object['__extn'])
  return call(String(fn), [valueOf(arg)])
}

export function recordOf(object: JsonRecord): ReadonlyMap<string, Value> {
  return new Map(Object.entries(object).map(([name, value]) => [name, valueOf(value)]))
}

export function entityOf(json: Json): Entity {
  const object = part(json)
  const { type, id } = part(Object.hasOwn(object, '__entity') ? object['__entity'] : object)
  return { kind: 'entity', type: String(type), id: String(id) }
}

export function distinct(values: readonly Value[]): readonly Value[] {
  const all: Value[] = []
  for (const value of values) if (!all.some((other) => same(value, other))) all.push(value)
  return all
}

export function same(left: Value, right: Value): boolean {
  if (left.kind === 'set' && right.kind === 'set') {
    const isIn = (all: readonly Value[]) => (value: Value) => all.some((other) => same(value, other))
    return left.all.every(isIn(right.all)) && right.all.every(isIn(left.all))
  }
  if (left.kind === 'record' && right.kind === 'record') {
    const isThere = ([name, value]: readonly [string, Value]) => {
      const other = right.all.get(name)
      return other !== undefined && same(value, other)
    }
    return left.all.size === right.all.size && [...left.all].every(isThere)
  }
  if (left.kind === 'entity' && right.kind === 'entity') return left.type === right.type && left.id === right.id
  if (left.kind === 'ip' && right.kind === 'ip')
    return left.is.bits === right.is.bits && left.is.address === right.is.address && left.is.prefix === right.is.prefix
  return left.kind === right.kind && 'is' in left && 'is' in right && left.is === right.is
}

export function order(left: Value, right: Value): number {
  const isOrdered = left.kind === 'long' || left.kind === 'datetime' || left.kind === 'duration'
  if (!isOrdered || left.kind !== right.kind || typeof right.is !== 'bigint') return fail('not ordered')
  return left.is < right.is ? -1 : Number(left.is > right.is)
}

export function truth(is: boolean): Value {
  return { kind: 'bool', is }
}

export function number(is: bigint): Value {
  return sized('long', is)
}

function sized(kind: 'long' | 'decimal' | 'datetime' | 'duration', is: bigint): Value {
  return BigInt.asIntN(64, is) === is ? { kind, is } : fail('beyond 64 bits')
}

export function bool(value: Value): boolean {
  return value.kind === 'bool' ? value.is : fail('no bool')
}

export function long(value: Value): bigint {
  return value.kind === 'long' ? value.is : fail('no long')
}

function as(kind: 'decimal' | 'datetime' | 'duration', value: Value): bigint {
  return value.kind === kind ? value.is : fail(`no ${kind}`)
}

export function text(value: Value): string {
  return value.kind === 'string' ? value.is : fail('no string')
}

export function set(value: Value): readonly Value[] {
  return value.kind === 'set' ? value.all : fail('no set')
}

function ip(value: Value): Ip {
  return value.kind === 'ip' ? value.is : fail('no ip')
}

export function asEntity(value: Value | undefined): Entity {
  return value?.kind === 'entity' ? value : fail('no entity')
}

export function part(json: Json): JsonRecord {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error(`no object: ${String(json)}`)
  return json as JsonRecord
}

export function list(json: Json): readonly Json[] {
  if (!Array.isArray(json)) throw new Error('no list')
  return json
}

export function fail(why: string): never {
  throw new Broken(why)
}
