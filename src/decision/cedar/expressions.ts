/** Cedar expressions compiled to closures: every operator with Cedar's types, order of evaluation and errors. */
import { follow, getTag, has, hasTag } from './attributes.ts'
import { CommonParts, type Condition, type Expression, type NumberedPart, type Part } from './common-parts.ts'
import type { EntityStore } from './entities.ts'
import { compareOrdered, extensionFunctions } from './extensions.ts'
import { Fault } from './fault.ts'
import { isLike, readPattern } from './like.ts'
import { fieldOf, isObject, type JsonObject, listAt, onlyField, onlyName, readUid, textAt, Unsupported } from './policy-json.ts'
import { asBool, asLong, asSet, asText, asUid, checked } from './types.ts'
import { CedarSet, type CedarValue, isEqual, keyOf, longMax, longMin, Uid } from './values.ts'

export type { Condition, Expression, Facts } from './common-parts.ts'

// More than what the checker lets through; they only keep a caller who skipped the checker from overflowing the stack.
const depthMax = 400
const stepsMax = 2_000

/** The conditions of a policy as one: each `when` true, each `unless` false, in their order, errors thrown as `Fault`. */
export function compileConditions(clauses: readonly unknown[], common = new CommonParts()): Condition {
  const parts = clauses.map((clause) => {
    if (!isObject(clause)) throw new Unsupported('a condition that is no object')
    const kind = textAt(clause, 'kind')
    if (kind !== 'when' && kind !== 'unless') throw new Unsupported(`the condition "${kind}"`)
    return { wanted: kind === 'when', test: testOf(compile(fieldOf(clause, 'body'), common, 0)) }
  })
  const [only] = parts
  if (only === undefined) return () => true
  if (parts.length === 1 && only.wanted) return only.test
  return (facts) => {
    for (const { wanted, test } of parts) if (test(facts) !== wanted) return false
    return true
  }
}

/** One expression by itself: nothing of it is shared. Throws `Unsupported`. */
export function compileExpression(body: unknown): Expression {
  return compile(body, new CommonParts(), 0).run
}

function compile(body: unknown, common: CommonParts, depth: number): NumberedPart {
  if (depth > depthMax) throw new Unsupported(`an expression nested deeper than ${depthMax}`)
  if (!isObject(body)) throw new Unsupported('an expression that is no object')
  const name = onlyName(body)
  const inner = body[name]
  // Most are looked up and not made once more.
  if (name === 'Var') return common.found(`Var ${String(inner)}`) ?? common.one(`Var ${String(inner)}`, { run: variable(inner) })
  // What is the same for all of one name, the numbers of the operands, and what is written: apart, because only the last may hold a space.
  let key = name
  const operand = (part: unknown) => {
    const compiled = compile(part, common, depth + 1)
    key += `,${compiled.number}`
    return compiled
  }
  const { part, written } = build(name, inner, operand)
  return common.one(`${key} ${written}`, part)
}

interface Built {
  readonly part: Part
  /** What is written in it besides its operands. */
  readonly written: string
}

function build(name: string, inner: unknown, operand: (part: unknown) => Part): Built {
  switch (name) {
    case 'Value': {
      const value = readLiteral(inner, 0)
      return { part: constant(value), written: keyOf(value) }
    }
    case 'Set':
      return { part: compileSet(asList(inner, name).map(operand)), written: '' }
    case 'Record': {
      if (!isObject(inner)) throw new Unsupported('a record without fields')
      const part = compileRecord(Object.entries(inner).map(([field, value]) => [field, operand(value)]))
      return { part, written: JSON.stringify(Object.keys(inner)) }
    }
    case '&&':
    case '||':
      return { part: compileChain(name, inner, operand), written: '' }
    case '.': {
      const { owner, path } = readPath(inner)
      // A list begins with a bracket, a name alone with a point.
      const [only] = path
      const written = path.length === 1 && only !== undefined ? `.${only}` : JSON.stringify(path)
      return { part: compilePath(operand(owner), path), written }
    }
    default: {
      const form = forms.get(name)
      if (form === undefined) return { part: compileCall(name, asList(inner, name).map(operand)), written: '' }
      if (!isObject(inner)) throw new Unsupported(`"${name}" without its parts`)
      const part = form(inner, (place) => operand(fieldOf(inner, place)))
      return { part, written: plainForms.has(name) ? '' : JSON.stringify(writtenIn.map((field) => fieldOf(inner, field))) }
    }
  }
}

/** The fields of an operator that are no expressions. */
const writtenIn = ['attr', 'entity_type', 'pattern']
/** Operators whose parts are all expressions, and most of those that there are. */
const plainForms: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in', '!', 'contains'])

type Form = (parts: JsonObject, at: (place: string) => Part) => Part

/** Operators whose parts are named. What is not here, nor in `compile`, nor an extension function, is refused by its name. */
const forms: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['==', (_, at) => compileEquality(at('left'), at('right'), true)],
  ['!=', (_, at) => compileEquality(at('left'), at('right'), false)],
  ['<', test((left, right) => compareOrdered(left, right) < 0)],
  ['<=', test((left, right) => compareOrdered(left, right) <= 0)],
  ['>', test((left, right) => compareOrdered(left, right) > 0)],
  ['>=', test((left, right) => compareOrdered(left, right) >= 0)],
  ['+', arithmetic((left, right) => left + right)],
  ['-', arithmetic((left, right) => left - right)],
  ['*', arithmetic((left, right) => left * right)],
  ['contains', test((left, right) => asSet(left).has(right))],
  ['containsAll', test((left, right) => asSet(left).hasAll(asSet(right)))],
  ['containsAny', test((left, right) => asSet(left).hasAny(asSet(right)))],
  ['isEmpty', (_, at) => isEmpty(at('arg').run)],
  ['!', (_, at) => not(testOf(at('arg')))],
  ['neg', (_, at) => negated(at('arg').run)],
  ['in', (_, at) => compileIn(at('left').run, at('right'))],
  ['is', compileIs],
  ['has', compileHas],
  ['hasTag', (_, at) => compileHasTag(at('left').run, at('right').run)],
  ['getTag', (_, at) => compileGetTag(at('left').run, at('right').run)],
  ['like', compileLike],
  ['if-then-else', (_, at) => compileIf(testOf(at('if')), at('then').run, at('else').run)],
])

function test(operate: (left: CedarValue, right: CedarValue) => boolean): Form {
  return (_, at) => {
    const left = at('left').run
    const right = at('right').run
    return truth((facts) => operate(left(facts), right(facts)))
  }
}

function arithmetic(operate: (left: bigint, right: bigint) => bigint): Form {
  return (_, at) => {
    const left = at('left').run
    const right = at('right').run
    return { run: (facts) => checked(operate(asLong(left(facts)), asLong(right(facts)))) }
  }
}

function not(arg: Condition): Part {
  return truth((facts) => !arg(facts))
}

function negated(arg: Expression): Part {
  return { run: (facts) => checked(-asLong(arg(facts))) }
}

function isEmpty(arg: Expression): Part {
  return truth((facts) => asSet(arg(facts)).size === 0)
}

function compileEquality(left: Part, right: Part, wanted: boolean): Part {
  const [run, other, value] = [left.run, right.run, right.value]
  // Most are `something == "text"`.
  if (typeof value === 'string') return truth((facts) => (run(facts) === value) === wanted)
  return truth((facts) => isEqual(run(facts), other(facts)) === wanted)
}

/** A chain of one connective, flattened: 256 terms are then one loop and not 256 calls inside each other. */
function compileChain(name: '&&' | '||', inner: unknown, operand: (part: unknown) => Part): Part {
  const { steps, rest } = unchain(name, inner)
  const tests = [rest, ...steps.map((step) => fieldOf(step, 'right'))].map((term) => testOf(operand(term)))
  const decisive = name === '||'
  const [first, second] = tests
  // Most have two terms.
  if (first !== undefined && second !== undefined && tests.length === 2)
    return truth((facts) => (first(facts) === decisive ? decisive : second(facts)))
  return truth((facts) => {
    for (const each of tests) if (each(facts) === decisive) return decisive
    return !decisive
  })
}

/** An operator that stands on the left of itself, `a && b && c`, `a.b.c`: its steps in their order, and what the first begins with. */
function unchain(name: string, inner: unknown): { readonly steps: readonly JsonObject[]; readonly rest: unknown } {
  const steps: JsonObject[] = []
  let [next, below]: readonly [string, unknown] = [name, inner]
  let rest: unknown
  while (next === name && isObject(below)) {
    if (steps.length >= stepsMax) throw new Unsupported(`"${name}" more than ${stepsMax} times in a row`)
    steps.push(below)
    rest = fieldOf(below, 'left')
    ;[next, below] = onlyField(rest)
  }
  return { steps: steps.toReversed(), rest }
}

function compileIf(condition: Condition, yes: Expression, no: Expression): Part {
  return { run: (facts) => (condition(facts) ? yes(facts) : no(facts)) }
}

function compileSet(members: readonly Part[]): Part {
  const values = members.flatMap(({ value }) => (value === undefined ? [] : [value]))
  if (values.length === members.length) return constant(new CedarSet(values))
  return { run: (facts) => new CedarSet(members.map(({ run }) => run(facts))) }
}

function compileRecord(fields: readonly (readonly [string, Part])[]): Part {
  return { run: (facts) => new Map(fields.map(([name, { run }]) => [name, run(facts)])) }
}

function compileIn(left: Expression, right: Part): Part {
  const { value } = right
  // Most name the entity.
  if (value instanceof Uid) return truth((facts) => isWithin(facts.entities, asUid(left(facts)), value))
  return truth((facts) => isIn(facts.entities, asUid(left(facts)), right.run(facts)))
}

/** `in`: the same entity, or one of its ancestors; of a set every member must be an entity, also those after a hit. */
function isIn(entities: EntityStore, below: Uid, above: CedarValue): boolean {
  if (above instanceof Uid) return isWithin(entities, below, above)
  let found = false
  for (const member of asSet(above).members()) found = isWithin(entities, below, asUid(member)) || found
  return found
}

export function isWithin(entities: EntityStore, below: Uid, above: Uid): boolean {
  return below.key === above.key || entities.ancestorsOf(below.key).has(above.key)
}

function compileIs(parts: JsonObject, at: (place: string) => Part): Part {
  const left = at('left').run
  const type = textAt(parts, 'entity_type')
  if (fieldOf(parts, 'in') === undefined) return truth((facts) => asUid(left(facts)).type === type)
  const above = at('in').run
  // The right side is only looked at where the type fits.
  return truth((facts) => {
    const below = asUid(left(facts))
    return below.type === type && isIn(facts.entities, below, above(facts))
  })
}

function readPath(inner: unknown): { readonly owner: unknown; readonly path: readonly string[] } {
  const { steps, rest } = unchain('.', inner)
  return { owner: rest, path: steps.map((step) => textAt(step, 'attr')) }
}

/** `owner.a.b.c` as one walk. */
function compilePath({ run: owner }: Part, path: readonly string[]): Part {
  return { run: (facts) => follow(facts.entities, owner(facts), path) }
}

/** `has a`, and `has a.b.c`. */
function compileHas(parts: JsonObject, at: (place: string) => Part): Part {
  const left = at('left').run
  const written = fieldOf(parts, 'attr')
  const steps: readonly unknown[] = Array.isArray(written) ? written : [written]
  if (steps.length > stepsMax) throw new Unsupported(`"has" with more than ${stepsMax} names in a row`)
  const path = steps.map((step) => {
    if (typeof step !== 'string') throw new Unsupported('"has" without a name')
    return step
  })
  return truth((facts) => has(facts.entities, left(facts), path))
}

function compileHasTag(left: Expression, right: Expression): Part {
  return truth((facts) => hasTag(facts.entities, left(facts), right(facts)))
}

function compileGetTag(left: Expression, right: Expression): Part {
  return { run: (facts) => getTag(facts.entities, left(facts), right(facts)) }
}

function compileLike(parts: JsonObject, at: (place: string) => Part): Part {
  const left = at('left').run
  const pieces = readPattern(listAt(parts, 'pattern'))
  return truth((facts) => isLike(asText(left(facts)), pieces))
}

function compileCall(name: string, args: readonly Part[]): Part {
  const known = extensionFunctions.get(name)
  if (known === undefined) throw new Unsupported(`"${name}"`)
  const { takes, call } = known
  // Cedar's parser takes it and its evaluator does not: an error only where it is reached.
  if (args.length !== takes) return failing(`${name} takes ${takes} arguments, found ${args.length}`)
  const values = args.flatMap(({ value }) => (value === undefined ? [] : [value]))
  if (values.length < takes) return { run: (facts) => call(args.map(({ run }) => run(facts))) }
  // `ip("10.0.0.0/8")` is read once. What cannot be read is an error only where it is reached.
  try {
    return constant(call(values))
  } catch (cause) {
    if (cause instanceof Fault) return failing(cause.message)
    throw cause
  }
}

function readLiteral(value: unknown, depth: number): CedarValue {
  if (depth > depthMax) throw new Unsupported(`a value nested deeper than ${depthMax}`)
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return inRange(value)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (Array.isArray(value)) return new CedarSet(value.map((member) => readLiteral(member, depth + 1)))
  if (!isObject(value)) throw new Unsupported('a literal that is no Cedar value')
  if (Object.hasOwn(value, '__entity')) return readUid(value)
  if (Object.hasOwn(value, '__extn')) return readExtension(fieldOf(value, '__extn'))
  return new Map(Object.entries(value).map(([name, field]) => [name, readLiteral(field, depth + 1)]))
}

function readExtension(call: unknown): CedarValue {
  if (!isObject(call)) throw new Unsupported('"__extn" without a function')
  const name = textAt(call, 'fn')
  const known = extensionFunctions.get(name)
  if (known === undefined || known.takes !== 1) throw new Unsupported(`"${name}"`)
  try {
    return known.call([textAt(call, 'arg')])
  } catch (cause) {
    throw cause instanceof Fault ? new Unsupported(cause.message) : cause
  }
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

function constant(value: CedarValue): Part {
  return { run: () => value, value }
}

function failing(message: string): Part {
  return {
    run: () => {
      throw new Fault(message)
    },
  }
}

function truth(condition: Condition): Part {
  return { run: condition, test: condition }
}

function testOf({ run, test: known }: Part): Condition {
  return known ?? ((facts) => asBool(run(facts)))
}

function asList(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Unsupported(extensionFunctions.has(name) ? `"${name}" without a list` : `"${name}"`)
  return value
}

function inRange(value: bigint): bigint {
  if (value < longMin || value > longMax) throw new Unsupported('a number beyond 64 bits')
  return value
}
