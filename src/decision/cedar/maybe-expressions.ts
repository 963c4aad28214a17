/**
 * Cedar expressions over values that are partly known: of each, what it can come to and whether it can fail. Where the parts of an
 * operation are known, the evaluator itself is asked; only what an operation can do to the unknown is said here.
 */
import type { EntityStore } from './entities.ts'
import { compileExpression, type Expression } from './expressions.ts'
import { Fault } from './fault.ts'
import {
  fieldAt,
  isKnown,
  joinNames,
  type Kind,
  kindOf,
  type Maybe,
  namesOf,
  noNames,
  PartialRecord,
  settled,
  Unknown,
} from './maybe-values.ts'
import { fieldOf, isObject, type JsonObject, listAt, onlyField, textAt, Unsupported } from './policy-json.ts'
import { CedarSet, type CedarRecord, type CedarValue, Uid } from './values.ts'

/** What an expression may look at. */
export interface PartialFacts {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  readonly context: Maybe
  readonly entities: EntityStore
}

/** What an expression can come to. */
export interface Possible {
  /** Absent where it can come to nothing but an error. */
  readonly value: Maybe | undefined
  readonly fails: boolean
  /** What failing hangs on. */
  readonly names: readonly string[]
}

/** What a condition can come to. */
export interface PossibleTest {
  readonly canBeTrue: boolean
  readonly canBeFalse: boolean
  readonly fails: boolean
  /** What it hangs on. */
  readonly names: readonly string[]
}

export type PartialExpression = (facts: PartialFacts) => Possible
export type PartialTest = (facts: PartialFacts) => PossibleTest

const onlyFails: Possible = { value: undefined, fails: true, names: noNames }

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

function exactly(value: Maybe): Possible {
  return { value, fails: false, names: noNames }
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
  return (facts) => {
    const first = left(facts)
    const [decides, goesOn] = decisive ? [first.canBeTrue, first.canBeFalse] : [first.canBeFalse, first.canBeTrue]
    if (!goesOn) return asPossible(first)
    const second = right(facts)
    return asPossible({
      canBeTrue: second.canBeTrue || (decisive && decides),
      canBeFalse: second.canBeFalse || (!decisive && decides),
      fails: first.fails || second.fails,
      names: joinNames(first.names, second.names),
    })
  }
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

function asPossible({ canBeTrue, canBeFalse, fails, names }: PossibleTest): Possible {
  if (canBeTrue && canBeFalse) return { value: new Unknown('bool', names), fails, names }
  return { value: canBeTrue ? true : canBeFalse ? false : undefined, fails, names }
}

const hole = (place: number) => `part ${place}`
const readHole = (place: number) => ({ '.': { left: { Var: 'context' }, attr: hole(place) } })

/** An operation on parts: asked of the evaluator where they are known, else of `guess`. */
function operation(
  parts: readonly unknown[],
  filled: JsonObject,
  guess: (values: readonly Maybe[], entities: EntityStore) => Possible,
): PartialExpression {
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
  const signature = signatures.get(name)
  const guess = signature === undefined || signature.takes.length !== args.length ? anything : bySignature(signature)
  return operation(args, { [name]: args.map((_, place) => readHole(place)) }, guess)
}

type Guess = (values: readonly Maybe[], entities: EntityStore) => Possible

/** What an operation takes and gives. */
interface Signature {
  readonly takes: readonly (Kind | 'any')[]
  readonly gives: Kind | undefined
  /** Whether parts of the right kinds may fail too: an overflow, a text that cannot be read. */
  readonly mayFail?: true
}

const anything: Guess = (values) => {
  const names = joinNames(...values.map(namesOf))
  return { value: new Unknown(undefined, names), fails: true, names }
}

function bySignature({ takes, gives, mayFail = false }: Pick<Signature, 'takes' | 'gives'> & { readonly mayFail?: boolean }): Guess {
  return (values) => {
    const names = joinNames(...values.map(namesOf))
    let fails = mayFail
    for (const [place, kind] of takes.entries()) {
      const found = kindOf(values[place] ?? false)
      if (kind === 'any' || found === kind) continue
      if (found !== undefined) return { value: undefined, fails: true, names }
      fails = true
    }
    return { value: new Unknown(gives, names), fails, names: fails ? names : noNames }
  }
}

const long2: Signature = { takes: ['long', 'long'], gives: 'long', mayFail: true }
const decimals: Signature = { takes: ['decimal', 'decimal'], gives: 'bool' }
const inDuration: Signature = { takes: ['duration'], gives: 'long' }
const ofAddress: Signature = { takes: ['ipaddr'], gives: 'bool' }

/** Operators of one shape, and the extension functions. */
const signatures: ReadonlyMap<string, Signature> = new Map<string, Signature>([
  ['+', long2],
  ['-', long2],
  ['*', long2],
  ['neg', { takes: ['long'], gives: 'long', mayFail: true }],
  ['!', { takes: ['bool'], gives: 'bool' }],
  ['isEmpty', { takes: ['set'], gives: 'bool' }],
  ['contains', { takes: ['set', 'any'], gives: 'bool' }],
  ['containsAll', { takes: ['set', 'set'], gives: 'bool' }],
  ['containsAny', { takes: ['set', 'set'], gives: 'bool' }],
  ['like', { takes: ['string'], gives: 'bool' }],
  ['is', { takes: ['entity'], gives: 'bool' }],
  ['hasTag', { takes: ['entity', 'string'], gives: 'bool' }],
  ['getTag', { takes: ['entity', 'string'], gives: undefined, mayFail: true }],
  ['decimal', { takes: ['string'], gives: 'decimal', mayFail: true }],
  ['datetime', { takes: ['string'], gives: 'datetime', mayFail: true }],
  ['duration', { takes: ['string'], gives: 'duration', mayFail: true }],
  ['ip', { takes: ['string'], gives: 'ipaddr', mayFail: true }],
  ['lessThan', decimals],
  ['lessThanOrEqual', decimals],
  ['greaterThan', decimals],
  ['greaterThanOrEqual', decimals],
  ['offset', { takes: ['datetime', 'duration'], gives: 'datetime', mayFail: true }],
  ['durationSince', { takes: ['datetime', 'datetime'], gives: 'duration', mayFail: true }],
  ['toDate', { takes: ['datetime'], gives: 'datetime', mayFail: true }],
  ['toTime', { takes: ['datetime'], gives: 'duration' }],
  ...['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'].map((name) => [name, inDuration] as const),
  ...['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'].map((name) => [name, ofAddress] as const),
  ['isInRange', { takes: ['ipaddr', 'ipaddr'], gives: 'bool' }],
])

function guessOf(name: string, parts: JsonObject): Guess {
  switch (name) {
    case '==':
      return guessEqual(false)
    case '!=':
      return guessEqual(true)
    case '<':
    case '<=':
    case '>':
    case '>=':
      return guessOrder
    case 'in':
      return guessIn
    case '.':
      return guessAttribute(textAt(parts, 'attr'))
    case 'has':
      return guessHas(Array.isArray(parts['attr']) ? listAt(parts, 'attr').map(String) : [textAt(parts, 'attr')])
    default: {
      const signature = signatures.get(name)
      return signature === undefined ? anything : bySignature(signature)
    }
  }
}

function guessEqual(across: boolean): Guess {
  return ([left = false, right = false]) => {
    const [one, other] = [kindOf(left), kindOf(right)]
    if (one !== undefined && other !== undefined && one !== other) return exactly(across)
    return exactly(new Unknown('bool', joinNames(namesOf(left), namesOf(right))))
  }
}

const ordered: ReadonlySet<Kind> = new Set<Kind>(['long', 'datetime', 'duration'])

const guessOrder: Guess = ([left = false, right = false]) => {
  const [one, other] = [kindOf(left), kindOf(right)]
  const names = joinNames(namesOf(left), namesOf(right))
  for (const kind of [one, other]) if (kind !== undefined && !ordered.has(kind)) return { value: undefined, fails: true, names }
  const isSure = one !== undefined && other !== undefined
  if (isSure && one !== other) return { value: undefined, fails: true, names }
  return { value: new Unknown('bool', names), fails: !isSure, names: isSure ? noNames : names }
}

const guessIn: Guess = (values, entities) => {
  const [left = false, right = false] = values
  const above = kindOf(right)
  // A set of which nothing is known may have members that are no entities.
  const isMixed = right instanceof CedarSet ? [...right.members()].some((member) => !(member instanceof Uid)) : false
  if (isMixed || (above !== undefined && above !== 'entity' && above !== 'set'))
    return { ...onlyFails, names: joinNames(...values.map(namesOf)) }
  const guess = bySignature({ takes: ['entity', 'any'], gives: 'bool', mayFail: above !== 'entity' && !(right instanceof CedarSet) })
  const found = guess([left, right], entities)
  return right instanceof CedarSet && right.size === 0 && found.value !== undefined ? { ...found, value: false } : found
}

function guessAttribute(name: string): Guess {
  return ([owner = false], entities) => {
    const { value, isAbsent, fails, names } = fieldAt(owner, name, (uid) => entities.get(uid.key)?.attributes)
    return { value, fails: isAbsent || fails, names }
  }
}

/** `has a.b.c`: true when each step is there. */
function guessHas(path: readonly string[]): Guess {
  return ([owner = false], entities) => {
    let current: Maybe | undefined = owner
    let canBeFalse = false
    let fails = false
    let names = noNames
    for (const name of path) {
      if (current === undefined) break
      const step = fieldAt(current, name, (uid) => entities.get(uid.key)?.attributes)
      canBeFalse ||= step.isAbsent
      fails ||= step.fails
      names = joinNames(names, step.names)
      current = step.value
    }
    return asPossible({ canBeTrue: current !== undefined, canBeFalse, fails, names })
  }
}
