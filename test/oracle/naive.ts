/**
 * Cedar once more, written to be read and not to be quick: it walks the policy's JSON, looks for ancestors by climbing, compares sets by
 * trying every pair, and shares no line with the evaluator that it is held against.
 */
import { datetimeOf, decimalOf, durationOf, type Ip, ipOf, isWithin } from './naive-formats.ts'

export type Value =
  | { readonly kind: 'bool'; readonly is: boolean }
  | { readonly kind: 'long' | 'decimal' | 'datetime' | 'duration'; readonly is: bigint }
  | { readonly kind: 'string'; readonly is: string }
  | { readonly kind: 'entity'; readonly type: string; readonly id: string }
  | { readonly kind: 'set'; readonly all: readonly Value[] }
  | { readonly kind: 'record'; readonly all: ReadonlyMap<string, Value> }
  | { readonly kind: 'ip'; readonly is: Ip }

type Entity = Extract<Value, { kind: 'entity' }>
type Json = unknown
type JsonRecord = Readonly<Record<string, unknown>>

export interface NaiveEntity {
  readonly uid: { readonly type: string; readonly id: string }
  readonly attrs: JsonRecord
  readonly parents: readonly { readonly type: string; readonly id: string }[]
  readonly tags?: JsonRecord
}

export interface NaiveRequest {
  readonly principal: Json
  readonly action: Json
  readonly resource: Json
  readonly context: JsonRecord
  readonly entities: readonly NaiveEntity[]
}

export interface NaiveAnswer {
  readonly decision: 'allow' | 'deny'
  readonly determining: readonly string[]
  readonly errors: readonly string[]
}

class Broken extends Error {}

interface World {
  readonly vars: Readonly<Record<string, Value>>
  readonly entities: readonly NaiveEntity[]
}

/** Policies by id, as JSON. The ids of the answer are in order. */
export function naively(policies: Readonly<Record<string, Json>>, request: NaiveRequest): NaiveAnswer {
  const world: World = {
    entities: request.entities,
    vars: {
      principal: entityOf(request.principal),
      action: entityOf(request.action),
      resource: entityOf(request.resource),
      context: valueOf(request.context),
    },
  }
  const met: Record<string, string[]> = { permit: [], forbid: [] }
  const errors: string[] = []
  for (const [id, policy] of Object.entries(policies)) {
    try {
      if (applies(world, part(policy))) met[String(part(policy)['effect'])]?.push(id)
    } catch (cause) {
      if (!(cause instanceof Broken)) throw cause
      errors.push(id)
    }
  }
  const [permits = [], forbids = []] = [met['permit'], met['forbid']]
  const decision = permits.length > 0 && forbids.length === 0 ? 'allow' : 'deny'
  return { decision, determining: (decision === 'allow' ? permits : forbids).toSorted(), errors: errors.toSorted() }
}

function applies(world: World, policy: JsonRecord): boolean {
  for (const place of ['principal', 'action', 'resource']) if (!isAbout(world, world.vars[place], part(policy[place]))) return false
  for (const clause of list(policy['conditions'])) {
    const { kind, body } = part(clause)
    if (bool(run(world, body)) !== (kind === 'when')) return false
  }
  return true
}

function isAbout(world: World, value: Value | undefined, scope: JsonRecord): boolean {
  const entity = asEntity(value)
  switch (scope['op']) {
    case 'All':
      return true
    case '==':
      return same(entity, entityOf(scope['entity']))
    case 'in':
      return (scope['entity'] === undefined ? list(scope['entities']) : [scope['entity']]).some((above) =>
        isBelow(world, entity, entityOf(above)),
      )
    case 'is':
      return (
        entity.type === scope['entity_type'] && (scope['in'] === undefined || isBelow(world, entity, entityOf(part(scope['in'])['entity'])))
      )
    default:
      throw new Error(`the scope ${JSON.stringify(scope)}`)
  }
}

function isBelow(world: World, below: Entity, above: Entity): boolean {
  if (same(below, above)) return true
  return (stored(world, below)?.parents ?? []).some((parent) => isBelow(world, entityOf(parent), above))
}

function stored({ entities }: World, { type, id }: Entity): NaiveEntity | undefined {
  return entities.find(({ uid }) => uid.type === type && uid.id === id)
}

function run(world: World, expression: Json): Value {
  const [[name = '', inner] = []] = Object.entries(part(expression))
  const of = (part: Json) => run(world, part)
  switch (name) {
    case 'Value':
      return valueOf(inner)
    case 'Var':
      return world.vars[String(inner)] ?? fail('no such variable')
    case 'Set':
      return { kind: 'set', all: distinct(list(inner).map(of)) }
    case 'Record':
      return { kind: 'record', all: new Map(Object.entries(part(inner)).map(([field, value]) => [field, of(value)])) }
  }
  if (Array.isArray(inner)) return call(name, inner.map(of))
  return operate(world, name, part(inner))
}

function operate(world: World, name: string, { left, right, arg, ...more }: JsonRecord): Value {
  const of = (part: Json) => run(world, part)
  switch (name) {
    case '!':
      return truth(!bool(of(arg)))
    case 'neg':
      return number(-long(of(arg)))
    case 'isEmpty':
      return truth(set(of(arg)).length === 0)
    case '&&':
      return truth(bool(of(left)) && bool(of(right)))
    case '||':
      return truth(bool(of(left)) || bool(of(right)))
    case 'if-then-else':
      return bool(of(more['if'])) ? of(more['then']) : of(more['else'])
    case 'like':
      return truth(isLike(text(of(left)), list(more['pattern'])))
    case 'is': {
      const entity = asEntity(of(left))
      return truth(entity.type === more['entity_type'] && (more['in'] === undefined || isIn(world, entity, of(more['in']))))
    }
    case '.':
      return fields(world, of(left)).get(String(more['attr'])) ?? fail('no such attribute')
    case 'has':
      return truth(hasPath(world, of(left), Array.isArray(more['attr']) ? more['attr'] : [more['attr']]))
    default: {
      const first = of(left)
      return two(world, name, first, of(right))
    }
  }
}

function two(world: World, name: string, left: Value, right: Value): Value {
  switch (name) {
    case '==':
      return truth(same(left, right))
    case '!=':
      return truth(!same(left, right))
    case '<':
      return truth(order(left, right) < 0)
    case '<=':
      return truth(order(left, right) <= 0)
    case '>':
      return truth(order(left, right) > 0)
    case '>=':
      return truth(order(left, right) >= 0)
    case '+':
      return number(long(left) + long(right))
    case '-':
      return number(long(left) - long(right))
    case '*':
      return number(long(left) * long(right))
    case 'in':
      return truth(isIn(world, asEntity(left), right))
    case 'contains':
      return truth(set(left).some((member) => same(member, right)))
    case 'containsAll': {
      const [all, wanted] = [set(left), set(right)]
      return truth(wanted.every((each) => all.some((member) => same(member, each))))
    }
    case 'containsAny': {
      const [all, wanted] = [set(left), set(right)]
      return truth(wanted.some((each) => all.some((member) => same(member, each))))
    }
    case 'hasTag':
      return truth(tags(world, asEntity(left)).has(text(right)))
    case 'getTag':
      return tags(world, asEntity(left)).get(text(right)) ?? fail('no such tag')
    default:
      throw new Error(`the operator ${name}`)
  }
}

function tags(world: World, entity: Entity): ReadonlyMap<string, Value> {
  return recordOf(stored(world, entity)?.tags ?? {})
}

function isIn(world: World, below: Entity, above: Value): boolean {
  if (above.kind === 'entity') return isBelow(world, below, above)
  const all = set(above).map(asEntity)
  return all.some((each) => isBelow(world, below, each))
}

function hasPath(world: World, owner: Value, path: readonly Json[]): boolean {
  const [name, ...rest] = path
  const value = fields(world, owner).get(String(name))
  if (value === undefined) return false
  return rest.length === 0 || hasPath(world, value, rest)
}

function fields(world: World, owner: Value): ReadonlyMap<string, Value> {
  if (owner.kind === 'record') return owner.all
  if (owner.kind !== 'entity') return fail('neither record nor entity')
  return recordOf(stored(world, owner)?.attrs ?? {})
}

function isLike(value: string, pattern: readonly Json[]): boolean {
  const [piece, ...rest] = pattern
  if (piece === undefined) return value === ''
  if (piece === 'Wildcard')
    return Array.from({ length: value.length + 1 }, (_, place) => place).some((place) => isLike(value.slice(place), rest))
  const literal = String(part(piece)['Literal'])
  return value.startsWith(literal) && isLike(value.slice(literal.length), rest)
}

const day = 86_400_000n

function call(name: string, args: readonly Value[]): Value {
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

function recordOf(object: JsonRecord): ReadonlyMap<string, Value> {
  return new Map(Object.entries(object).map(([name, value]) => [name, valueOf(value)]))
}

function entityOf(json: Json): Entity {
  const object = part(json)
  const { type, id } = part(Object.hasOwn(object, '__entity') ? object['__entity'] : object)
  return { kind: 'entity', type: String(type), id: String(id) }
}

function distinct(values: readonly Value[]): readonly Value[] {
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

function order(left: Value, right: Value): number {
  const isOrdered = left.kind === 'long' || left.kind === 'datetime' || left.kind === 'duration'
  if (!isOrdered || left.kind !== right.kind || typeof right.is !== 'bigint') return fail('not ordered')
  return left.is < right.is ? -1 : Number(left.is > right.is)
}

function truth(is: boolean): Value {
  return { kind: 'bool', is }
}

function number(is: bigint): Value {
  return sized('long', is)
}

function sized(kind: 'long' | 'decimal' | 'datetime' | 'duration', is: bigint): Value {
  return BigInt.asIntN(64, is) === is ? { kind, is } : fail('beyond 64 bits')
}

function bool(value: Value): boolean {
  return value.kind === 'bool' ? value.is : fail('no bool')
}

function long(value: Value): bigint {
  return value.kind === 'long' ? value.is : fail('no long')
}

function as(kind: 'decimal' | 'datetime' | 'duration', value: Value): bigint {
  return value.kind === kind ? value.is : fail(`no ${kind}`)
}

function text(value: Value): string {
  return value.kind === 'string' ? value.is : fail('no string')
}

function set(value: Value): readonly Value[] {
  return value.kind === 'set' ? value.all : fail('no set')
}

function ip(value: Value): Ip {
  return value.kind === 'ip' ? value.is : fail('no ip')
}

function asEntity(value: Value | undefined): Entity {
  return value?.kind === 'entity' ? value : fail('no entity')
}

function part(json: Json): JsonRecord {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error(`no object: ${String(json)}`)
  return json as JsonRecord
}

function list(json: Json): readonly Json[] {
  if (!Array.isArray(json)) throw new Error('no list')
  return json
}

function fail(why: string): never {
  throw new Broken(why)
}
