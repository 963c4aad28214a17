/**
 * Cedar expressions over values that are partly known: of each, what it can come to and whether it can fail. Where the parts of an
 * operation are known, the evaluator itself is asked; only what an operation can do to the unknown is said here.
 */
import type { EntityStore } from './entities.ts'
import { compileExpression, type Expression } from './expressions.ts'
import { Fault } from './fault.ts'
import { asPossible, exactly, type Guess, guessOf, guessOfCall, onlyFails, type Possible, type PossibleTest } from './maybe-operations.ts'
import { assumed, isKnown, joinNames, kindOf, type Maybe, namesOf, noNames, PartialRecord, settled, Unknown } from './maybe-values.ts'
import { fieldOf, isObject, type JsonObject, onlyField, textAt, Unsupported } from './policy-json.ts'
import { type CedarRecord, CedarSet, type CedarValue, type Uid } from './values.ts'

/** What an expression may look at. */
export interface PartialFacts {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  readonly context: Maybe
  readonly entities: EntityStore
}

export type PartialExpression = (facts: PartialFacts) => Possible
export type PartialTest = (facts: PartialFacts) => PossibleTest

/** An expression of policy JSON that the evaluator has compiled before. */
export function compilePartial(body: unknown): PartialExpression {
  if (!readsContext(body)) return compileKnown(body)
  const [name, inner] = onlyField(body)
  switch (name) {
    case 'Var':
      return ({ context }) => exactly(context)
    case 'Set':
      return compileSet(inner)
    case 'Record':
      return compileRecord(inner)
    case '&&':
    case '||':
      return compileConnective(name, partsOf(inner))
    case 'if-then-else':
      return compileIf(partsOf(inner))
    default:
      return Array.isArray(inner) ? compileCall(name, inner) : compileOperator(name, partsOf(inner))
  }
}

/** The same as a condition. */
export function compileTest(body: unknown): PartialTest {
  const expression = compilePartial(body)
  return (facts) => asTest(expression(facts))
}

function readsContext(body: unknown): boolean {
  const waiting = [body]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null) continue
    if (isObject(next) && fieldOf(next, 'Var') === 'context') return true
    for (const inner of Object.values(next)) waiting.push(inner)
  }
  return false
}

/** What reads nothing of the context is what it is. */
function compileKnown(body: unknown): PartialExpression {
  const exact = compileExpression(body)
  return (facts) => attempt(exact, facts, noContext)
}

const noContext: CedarRecord = new Map()

function attempt(exact: Expression, { principal, action, resource, entities }: PartialFacts, context: CedarRecord): Possible {
  try {
    return exactly(exact({ principal, action, resource, entities, context }))
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause
    return onlyFails
  }
}

function partsOf(inner: unknown): JsonObject {
  if (!isObject(inner)) throw new Unsupported('an operation without its parts')
  return inner
}

interface Gathered {
  /** Absent where a part can come to nothing but an error. */
  readonly values: readonly Maybe[] | undefined
  readonly fails: boolean
  readonly names: readonly string[]
}

function gather(parts: readonly PartialExpression[], facts: PartialFacts): Gathered {
  const values: Maybe[] = []
  let fails = false
  let names = noNames
  for (const part of parts) {
    const found = part(facts)
    fails ||= found.fails
    names = joinNames(names, found.names)
    if (found.value === undefined) return { values: undefined, fails: true, names }
    values.push(found.value)
  }
  return { values, fails, names }
}

/** A made value, if making it cannot fail by itself. */
function compose(
  parts: readonly PartialExpression[],
  make: (values: readonly Maybe[], facts: PartialFacts) => Possible,
): PartialExpression {
  return (facts) => {
    const { values, fails, names } = gather(parts, facts)
    if (values === undefined) return { value: undefined, fails, names }
    const made = make(values, facts)
    return fails ? { value: made.value, fails, names: joinNames(names, made.names) } : made
  }
}

function compileSet(inner: unknown): PartialExpression {
  if (!Array.isArray(inner)) throw new Unsupported('a set without members')
  return compose(inner.map(compilePartial), (values) => {
    const known = values.filter(isKnown)
    return exactly(known.length === values.length ? new CedarSet(known) : new Unknown('set', joinNames(...values.map(namesOf))))
  })
}

function compileRecord(inner: unknown): PartialExpression {
  const entries = Object.entries(partsOf(inner))
  return compose(
    entries.map(([, field]) => compilePartial(field)),
    (values) => {
      const fields = entries.flatMap(([name], place) => {
        const value = values[place]
        return value === undefined ? [] : [[name, { value, isThere: true }] as const]
      })
      return exactly(settled(new PartialRecord({ fields: new Map(fields), isOpen: false, name: '' })))
    },
  )
}

/** The right side counts only as far as the left one may let it be reached. */
function compileConnective(name: '&&' | '||', parts: JsonObject): PartialExpression {
  const left = compileTest(fieldOf(parts, 'left'))
  const right = compileTest(fieldOf(parts, 'right'))
  const decisive = name === '||'
  // `x has a && x.a …`: the right side is only looked at where the field is there.
  const there = decisive ? [] : presencesIn(fieldOf(parts, 'left'))
  return (facts) => {
    const first = left(facts)
    const [decides, goesOn] = decisive ? [first.canBeTrue, first.canBeFalse] : [first.canBeFalse, first.canBeTrue]
    if (!goesOn) return asPossible(first)
    const second = right(there.length === 0 ? facts : { ...facts, context: there.reduce(assumed, facts.context) })
    return asPossible({
      canBeTrue: second.canBeTrue || (decisive && decides),
      canBeFalse: second.canBeFalse || (!decisive && decides),
      fails: first.fails || second.fails,
      names: joinNames(first.names, second.names),
    })
  }
}

/** The paths below the context that are there wherever this, or each part of this chain of `&&`, is true. */
function presencesIn(body: unknown): readonly (readonly string[])[] {
  if (!isObject(body)) return []
  const chain = fieldOf(body, '&&')
  if (isObject(chain)) return [...presencesIn(fieldOf(chain, 'left')), ...presencesIn(fieldOf(chain, 'right'))]
  const has = fieldOf(body, 'has')
  const owner = isObject(has) ? pathBelowContext(fieldOf(has, 'left')) : undefined
  const name = isObject(has) ? fieldOf(has, 'attr') : undefined
  return owner === undefined ? [] : [[...owner, ...(Array.isArray(name) ? name.map(String) : [String(name)])]]
}

function pathBelowContext(body: unknown): readonly string[] | undefined {
  if (!isObject(body)) return undefined
  if (fieldOf(body, 'Var') === 'context') return []
  const step = fieldOf(body, '.')
  const owner = isObject(step) ? pathBelowContext(fieldOf(step, 'left')) : undefined
  return owner === undefined || !isObject(step) ? undefined : [...owner, textAt(step, 'attr')]
}

function compileIf(parts: JsonObject): PartialExpression {
  const test = compileTest(fieldOf(parts, 'if'))
  const yes = compilePartial(fieldOf(parts, 'then'))
  const no = compilePartial(fieldOf(parts, 'else'))
  return (facts) => {
    const { canBeTrue, canBeFalse, fails, names } = test(facts)
    const branches = [...(canBeTrue ? [yes(facts)] : []), ...(canBeFalse ? [no(facts)] : [])]
    const values = branches.flatMap(({ value }) => (value === undefined ? [] : [value]))
    return {
      value: either(values, names),
      fails: fails || branches.some((branch) => branch.fails),
      names: joinNames(names, ...branches.map((branch) => branch.names)),
    }
  }
}

function either(values: readonly Maybe[], names: readonly string[]): Maybe | undefined {
  const [one, other] = values
  if (one === undefined || other === undefined || one === other) return one
  const kind = kindOf(one)
  return new Unknown(kind === kindOf(other) ? kind : undefined, joinNames(names, namesOf(one), namesOf(other)))
}

export function asTest({ value, fails, names }: Possible): PossibleTest {
  if (typeof value === 'boolean') return { canBeTrue: value, canBeFalse: !value, fails, names }
  const isBool = value instanceof Unknown && (value.kind === 'bool' || value.kind === undefined)
  if (!isBool) return { canBeTrue: false, canBeFalse: false, fails: true, names }
  return { canBeTrue: true, canBeFalse: true, fails: fails || value.kind === undefined, names: joinNames(names, value.names) }
}

const hole = (place: number) => `part ${place}`
const readHole = (place: number) => ({ '.': { left: { Var: 'context' }, attr: hole(place) } })

/** An operation on parts: asked of the evaluator where they are known, else of `guess`. */
function operation(parts: readonly unknown[], filled: JsonObject, guess: Guess): PartialExpression {
  const exact = compileExpression(filled)
  return compose(parts.map(compilePartial), (values, facts) => {
    const context = new Map<string, CedarValue>()
    for (const [place, value] of values.entries()) if (isKnown(value)) context.set(hole(place), value)
    return context.size === values.length ? attempt(exact, facts, context) : guess(values, facts.entities)
  })
}

function compileOperator(name: string, parts: JsonObject): PartialExpression {
  if (name === 'is' && fieldOf(parts, 'in') !== undefined) return compileIsIn(parts)
  const guess = guessOf(name, parts)
  if (Object.hasOwn(parts, 'arg')) return operation([parts['arg']], { [name]: { ...parts, arg: readHole(0) } }, guess)
  if (!Object.hasOwn(parts, 'right')) return operation([parts['left']], { [name]: { ...parts, left: readHole(0) } }, guess)
  return operation([parts['left'], parts['right']], { [name]: { ...parts, left: readHole(0), right: readHole(1) } }, guess)
}

/** `a is T in b` looks at `b` only where the type fits: `a is T && a in b`. */
function compileIsIn(parts: JsonObject): PartialExpression {
  const left = fieldOf(parts, 'left')
  const is = { is: { left, entity_type: textAt(parts, 'entity_type') } }
  return compileConnective('&&', { left: is, right: { in: { left, right: fieldOf(parts, 'in') } } })
}

function compileCall(name: string, args: readonly unknown[]): PartialExpression {
  return operation(args, { [name]: args.map((_, place) => readHole(place)) }, guessOfCall(name, args.length))
}
