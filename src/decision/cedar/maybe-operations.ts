/** What Cedar's operations can come to on values that are not known, or not wholly: what they take, what they give, whether they fail. */
import type { EntityStore } from './entities.ts'
import { fieldAt, joinNames, type Kind, kindOf, type Maybe, namesOf, noNames, Unknown } from './maybe-values.ts'
import { type JsonObject, listAt, textAt } from './policy-json.ts'
import { CedarSet, Uid } from './values.ts'

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

export const onlyFails: Possible = { value: undefined, fails: true, names: noNames }

export function exactly(value: Maybe): Possible {
  return { value, fails: false, names: noNames }
}

export function asPossible({ canBeTrue, canBeFalse, fails, names }: PossibleTest): Possible {
  if (canBeTrue && canBeFalse) return { value: new Unknown('bool', names), fails, names }
  return { value: canBeTrue ? true : canBeFalse ? false : undefined, fails, names }
}

export type Guess = (values: readonly Maybe[], entities: EntityStore) => Possible

/** What an operation takes and gives. */
interface Signature {
  readonly takes: readonly (Kind | 'any')[]
  readonly gives: Kind | undefined
  /** Whether parts of the right kinds may fail too: an overflow, a text that cannot be read. */
  readonly mayFail?: true
}

const whatever: Guess = (values) => {
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

/** What an operator can come to where not all of its parts are known. */
export function guessOf(name: string, parts: JsonObject): Guess {
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
      return signature === undefined ? whatever : bySignature(signature)
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

/** The same of an extension function or method. */
export function guessOfCall(name: string, count: number): Guess {
  const signature = signatures.get(name)
  return signature === undefined || signature.takes.length !== count ? whatever : bySignature(signature)
}
