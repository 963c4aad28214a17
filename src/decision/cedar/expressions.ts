/** Cedar expressions compiled to closures: every operator with Cedar's types, order of evaluation and errors. */
import type { EntityStore } from './entities.ts'
import { compareOrdered, extensionFunctions } from './extensions.ts'
import { Fault } from './fault.ts'
import { fieldOf, isObject, listAt, objectAt, onlyField, readUid, textAt, Unsupported } from './policy-json.ts'
import { CedarSet, type CedarRecord, type CedarValue, isEqual, isRecord, longMax, longMin, typeName, Uid } from './values.ts'

/** What an expression may look at. */
export interface Facts {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  readonly context: CedarRecord
  readonly entities: EntityStore
}

export type Expression = (facts: Facts) => CedarValue
export type Condition = (facts: Facts) => boolean

// Deeper than what the checker lets through; it only keeps a caller who skipped the checker from overflowing the stack.
const depthMax = 400

/** The conditions of a policy as one: each `when` true, each `unless` false, in their order, errors thrown as `Fault`. */
export function compileConditions(clauses: readonly unknown[]): Condition {
  const parts = clauses.map((clause) => {
    if (!isObject(clause)) throw new Unsupported('a condition that is no object')
    const kind = textAt(clause, 'kind')
    if (kind !== 'when' && kind !== 'unless') throw new Unsupported(`the condition "${kind}"`)
    return { wanted: kind === 'when', test: asCondition(compile(fieldOf(clause, 'body'), 0)) }
  })
  return (facts) => {
    for (const { wanted, test } of parts) if (test(facts) !== wanted) return false
    return true
  }
}

/** One expression of policy JSON; throws `Unsupported` for what is not known, and when called `Fault` where Cedar has an error. */
export function compileExpression(body: unknown): Expression {
  return compile(body, 0)
}

function compile(body: unknown, depth: number): Expression {
  if (depth > depthMax) throw new Unsupported(`an expression nested deeper than ${depthMax}`)
  const [name, inner] = onlyField(body)
  const known = forms.get(name)
  if (known !== undefined) {
    if (!isObject(inner)) throw new Unsupported(`"${name}" without its parts`)
    return known(inner, (part) => compile(part, depth + 1))
  }
  switch (name) {
    case 'Value':
      return constant(readLiteral(inner, depth))
    case 'Var':
      return variable(inner)
    case 'Set': {
      const members = asList(inner, name).map((member) => compile(member, depth + 1))
      return (facts) => new CedarSet(members.map((member) => member(facts)))
    }
    case 'Record':
      return compileRecord(inner, (part) => compile(part, depth + 1))
    case '&&':
    case '||':
      return compileChain(name, body, depth)
    default:
      return compileCall(name, inner, (part) => compile(part, depth + 1))
  }
}

type Form = (parts: Readonly<Record<string, unknown>>, compilePart: (part: unknown) => Expression) => Expression

/** Operators whose parts are named. What is not here, nor in `compile`, nor an extension function, is refused by its name. */
const forms: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['==', binary((left, right) => isEqual(left, right))],
  ['!=', binary((left, right) => !isEqual(left, right))],
  ['<', binary((left, right) => compareOrdered(left, right) < 0)],
  ['<=', binary((left, right) => compareOrdered(left, right) <= 0)],
  ['>', binary((left, right) => compareOrdered(left, right) > 0)],
  ['>=', binary((left, right) => compareOrdered(left, right) >= 0)],
  ['+', binary((left, right) => checked(long(left) + long(right)))],
  ['-', binary((left, right) => checked(long(left) - long(right)))],
  ['*', binary((left, right) => checked(long(left) * long(right)))],
  ['contains', binary((left, right) => set(left).has(right))],
  ['containsAll', binary((left, right) => set(left).hasAll(set(right)))],
  ['containsAny', binary((left, right) => set(left).hasAny(set(right)))],
  ['!', unary((value) => !bool(value))],
  ['neg', unary((value) => checked(-long(value)))],
  ['isEmpty', unary((value) => set(value).size === 0)],
  ['in', (parts, compilePart) => compileIn(compilePart(parts['left']), compilePart(parts['right']))],
  ['.', compileAttribute],
  ['has', compileHas],
  ['hasTag', compileTag((tags, name) => tags?.has(name) ?? false)],
  ['getTag', compileTag((tags, name, owner) => tags?.get(name) ?? fault(`${owner.toString()} has no tag "${name}"`))],
  ['like', compileLike],
  ['is', compileIs],
  ['if-then-else', compileIf],
])

function binary(operate: (left: CedarValue, right: CedarValue) => CedarValue): Form {
  return (parts, compilePart) => {
    const left = compilePart(parts['left'])
    const right = compilePart(parts['right'])
    return (facts) => operate(left(facts), right(facts))
  }
}

function unary(operate: (value: CedarValue) => CedarValue): Form {
  return (parts, compilePart) => {
    const arg = compilePart(parts['arg'])
    return (facts) => operate(arg(facts))
  }
}

/** A chain of one connective, flattened: 256 terms are then one loop and not 256 calls inside each other. */
function compileChain(name: '&&' | '||', body: unknown, depth: number): Expression {
  const terms: unknown[] = []
  let rest = body
  for (;;) {
    const [connective, inner] = onlyField(rest)
    if (connective !== name || !isObject(inner)) break
    terms.unshift(fieldOf(inner, 'right'))
    rest = fieldOf(inner, 'left')
  }
  const tests = [rest, ...terms].map((term) => asCondition(compile(term, depth + 1)))
  const decisive = name === '||'
  return (facts) => {
    for (const test of tests) if (test(facts) === decisive) return decisive
    return !decisive
  }
}

function compileIf(parts: Readonly<Record<string, unknown>>, compilePart: (part: unknown) => Expression): Expression {
  const test = asCondition(compilePart(parts['if']))
  const yes = compilePart(parts['then'])
  const no = compilePart(parts['else'])
  return (facts) => (test(facts) ? yes(facts) : no(facts))
}

function compileRecord(inner: unknown, compilePart: (part: unknown) => Expression): Expression {
  if (!isObject(inner)) throw new Unsupported('a record without fields')
  const fields = Object.entries(inner).map(([name, field]) => [name, compilePart(field)] as const)
  return (facts) => new Map(fields.map(([name, field]) => [name, field(facts)]))
}

function compileIn(left: Expression, right: Expression): Expression {
  return (facts) => isIn(facts.entities, uid(left(facts)), right(facts))
}

/** `in`: the same entity, or one of its ancestors; of a set every member must be an entity, also those after a hit. */
function isIn(entities: EntityStore, below: Uid, above: CedarValue): boolean {
  if (above instanceof Uid) return isWithin(entities, below, above)
  let found = false
  for (const member of set(above).members()) found = isWithin(entities, below, uid(member)) || found
  return found
}

export function isWithin(entities: EntityStore, below: Uid, above: Uid): boolean {
  return below.key === above.key || entities.ancestorsOf(below.key).has(above.key)
}

function compileIs(parts: Readonly<Record<string, unknown>>, compilePart: (part: unknown) => Expression): Expression {
  const left = compilePart(parts['left'])
  const type = textAt(parts, 'entity_type')
  const above = fieldOf(parts, 'in') === undefined ? undefined : compilePart(parts['in'])
  if (above === undefined) return (facts) => uid(left(facts)).type === type
  // The right side is only looked at where the type fits.
  return (facts) => {
    const below = uid(left(facts))
    return below.type === type && isIn(facts.entities, below, above(facts))
  }
}

function compileAttribute(parts: Readonly<Record<string, unknown>>, compilePart: (part: unknown) => Expression): Expression {
  const left = compilePart(parts['left'])
  const name = textAt(parts, 'attr')
  return (facts) => attribute(facts.entities, left(facts), name)
}

function attribute(entities: EntityStore, owner: CedarValue, name: string): CedarValue {
  const value = fieldsOf(entities, owner)?.get(name)
  if (value === undefined) throw new Fault(`${owner instanceof Uid ? owner.toString() : typeName(owner)} has no attribute "${name}"`)
  return value
}

/** `has a`, and `has a.b.c`, which is true when each step is there. */
function compileHas(parts: Readonly<Record<string, unknown>>, compilePart: (part: unknown) => Expression): Expression {
  const left = compilePart(parts['left'])
  const written = fieldOf(parts, 'attr')
  const path = (Array.isArray(written) ? written : [written]).map((step: unknown) => {
    if (typeof step !== 'string') throw new Unsupported('"has" without a name')
    return step
  })
  return (facts) => {
    let owner = left(facts)
    for (const name of path) {
      const value = fieldsOf(facts.entities, owner)?.get(name)
      if (value === undefined) return false
      owner = value
    }
    return true
  }
}

/** The fields of a record, or the attributes of an entity; nothing for an entity that is not in the store. */
function fieldsOf(entities: EntityStore, owner: CedarValue): CedarRecord | undefined {
  if (owner instanceof Uid) return entities.get(owner.key)?.attributes
  if (isRecord(owner)) return owner
  throw new Fault(`expected a record or an entity, found ${typeName(owner)}`)
}

/** `hasTag` and `getTag`: the left side must be an entity and the right one a text, whatever the entity has. */
function compileTag(look: (tags: CedarRecord | undefined, name: string, owner: Uid) => CedarValue): Form {
  return (parts, compilePart) => {
    const left = compilePart(parts['left'])
    const right = compilePart(parts['right'])
    return (facts) => {
      const owner = uid(left(facts))
      return look(facts.entities.get(owner.key)?.tags, text(right(facts)), owner)
    }
  }
}

/** `like`: texts in their order between wildcards. Never slower than length of the pattern times length of the text. */
function compileLike(parts: Readonly<Record<string, unknown>>, compilePart: (part: unknown) => Expression): Expression {
  const left = compilePart(parts['left'])
  const pieces = ['']
  for (const piece of listAt(parts, 'pattern')) {
    if (piece === 'Wildcard') pieces.push('')
    else if (isObject(piece)) pieces.push(`${pieces.pop() ?? ''}${textAt(piece, 'Literal')}`)
    else throw new Unsupported('"like" with something that is neither text nor *')
  }
  return (facts) => isLike(text(left(facts)), pieces)
}

function isLike(value: string, pieces: readonly string[]): boolean {
  const first = pieces[0] ?? ''
  if (pieces.length === 1) return value === first
  const last = pieces.at(-1) ?? ''
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false
  const end = value.length - last.length
  let place = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, place)
    if (found < 0 || found + piece.length > end) return false
    place = found + piece.length
  }
  return true
}

function compileCall(name: string, inner: unknown, compilePart: (part: unknown) => Expression): Expression {
  const known = extensionFunctions.get(name)
  if (known === undefined) throw new Unsupported(`"${name}"`)
  const args = asList(inner, name).map(compilePart)
  // Cedar's parser takes it and its evaluator does not: an error only where it is reached.
  if (args.length !== known.takes) return () => fault(`${name} takes ${known.takes} arguments, found ${args.length}`)
  return (facts) => known.call(args.map((arg) => arg(facts)))
}

function readLiteral(value: unknown, depth: number): CedarValue {
  if (depth > depthMax) throw new Unsupported(`a value nested deeper than ${depthMax}`)
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return inRange(value)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (Array.isArray(value)) return new CedarSet(value.map((member) => readLiteral(member, depth + 1)))
  if (!isObject(value)) throw new Unsupported('a literal that is no Cedar value')
  if (Object.hasOwn(value, '__entity')) return readUid(value)
  if (Object.hasOwn(value, '__extn')) return readExtension(objectAt(value, '__extn'))
  return new Map(Object.entries(value).map(([name, field]) => [name, readLiteral(field, depth + 1)]))
}

function readExtension(call: Readonly<Record<string, unknown>>): CedarValue {
  const known = extensionFunctions.get(textAt(call, 'fn'))
  if (known === undefined || known.takes !== 1) throw new Unsupported(`"${textAt(call, 'fn')}"`)
  return known.call([textAt(call, 'arg')])
}

function variable(name: unknown): Expression {
  switch (name) {
    case 'principal':
      return (facts) => facts.principal
    case 'action':
      return (facts) => facts.action
    case 'resource':
      return (facts) => facts.resource
    case 'context':
      return (facts) => facts.context
    default:
      throw new Unsupported(`the variable "${String(name)}"`)
  }
}

function constant(value: CedarValue): Expression {
  return () => value
}

function asList(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Unsupported(`"${name}" without a list`)
  return value
}

function asCondition(expression: Expression): Condition {
  return (facts) => bool(expression(facts))
}

function inRange(value: bigint): bigint {
  if (value < longMin || value > longMax) throw new Unsupported('a number beyond 64 bits')
  return value
}

function checked(value: bigint): bigint {
  if (value < longMin || value > longMax) throw new Fault('a number overflowed 64 bits')
  return value
}

function bool(value: CedarValue): boolean {
  if (typeof value === 'boolean') return value
  throw expected('bool', value)
}

function long(value: CedarValue): bigint {
  if (typeof value === 'bigint') return value
  throw expected('long', value)
}

function text(value: CedarValue): string {
  if (typeof value === 'string') return value
  throw expected('string', value)
}

function set(value: CedarValue): CedarSet {
  if (value instanceof CedarSet) return value
  throw expected('set', value)
}

function uid(value: CedarValue): Uid {
  if (value instanceof Uid) return value
  throw expected('entity', value)
}

function fault(message: string): never {
  throw new Fault(message)
}

function expected(wanted: string, found: CedarValue): Fault {
  return new Fault(`expected ${wanted}, found ${typeName(found)}`)
}
