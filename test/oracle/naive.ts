/**
 * Cedar once more, written to be read and not to be quick: it walks the policy's JSON, looks for ancestors by climbing, compares sets by
 * trying every pair, and shares no line with the evaluator that it is held against.
 */
import {
  Broken,
  type Entity,
  type Json,
  type JsonRecord,
  type Value,
  asEntity,
  bool,
  call,
  distinct,
  entityOf,
  fail,
  list,
  long,
  number,
  order,
  part,
  recordOf,
  same,
  set,
  text,
  truth,
  valueOf,
} from './naive-values.ts'

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
  const [[name, inner] = ['', undefined]] = Object.entries(part(expression))
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
