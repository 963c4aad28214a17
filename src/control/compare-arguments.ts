/** What is different in the arguments of a call from what they were before: for who answers, and no part of any decision. */
import { canonicalJson, Fraction } from '../kernel/json.ts'
import type { ArgumentValue } from '../model/actions.ts'
import type { RecordedArguments, ShortenedArgument } from './recorded-arguments.ts'

export type KeptValue = ArgumentValue | ShortenedArgument
export type KeptArguments = RecordedArguments

/**
 * `same`: never anything else. `seen`: one of several. `within`, `beyond`: a number not seen, between the others or not. `new`: never seen.
 * `added`: not given before. `absent`: given before, and not now.
 */
export type Difference = 'same' | 'seen' | 'within' | 'beyond' | 'new' | 'added' | 'absent'

export interface Compared {
  readonly name: string
  readonly is: Difference
  /** Absent where it is not given now. */
  readonly now?: KeptValue
  /** Different values of before: of numbers the least and the most, else the newest first, five at most. */
  readonly before: readonly KeptValue[]
}

/** Compares one call with earlier ones, the newest first; nothing where there are none. */
export function compareArguments(now: KeptArguments, earlier: readonly KeptArguments[]): readonly Compared[] {
  if (earlier.length === 0) return []
  const names = new Set([...Object.keys(now), ...earlier.flatMap((each) => Object.keys(each))])
  return [...names].map((name) => {
    const value = ownOf(now, name)
    const before = present(earlier.map((each) => ownOf(each, name)))
    const compared = { name, ...(value === undefined ? {} : { now: value }) }
    if (value === undefined) return { ...compared, is: 'absent', before: distinct(before) }
    if (before.length === 0) return { ...compared, is: 'added', before: [] }
    return { ...compared, ...weigh(value, before, before.length === earlier.length) }
  })
}

/** Whether two values are the same, as they would be recorded. */
export function isSameValue(one: KeptValue | undefined, other: KeptValue | undefined): boolean {
  return one === undefined || other === undefined ? one === other : keyOf(one) === keyOf(other)
}

function weigh(now: KeptValue, before: readonly KeptValue[], always: boolean): Pick<Compared, 'is' | 'before'> {
  const others = distinct(before)
  const isSeen = others.some((each) => isSameValue(each, now))
  if (isSeen && others.length === 1 && always) return { is: 'same', before: others }
  const numbers = before.flatMap((each) => numberOf(each) ?? [])
  const own = numberOf(now)
  if (own === undefined || numbers.length < before.length) return { is: isSeen ? 'seen' : 'new', before: others }
  const least = Math.min(...numbers)
  const most = Math.max(...numbers)
  const ends = present([before[numbers.indexOf(least)], before[numbers.indexOf(most)]])
  return { is: isSeen ? 'seen' : own < least || own > most ? 'beyond' : 'within', before: distinct(ends) }
}

/** A list is one value: it is not to be taken apart. */
function present(values: readonly (KeptValue | undefined)[]): KeptValue[] {
  return values.filter((value): value is KeptValue => value !== undefined)
}

function ownOf(given: KeptArguments, name: string): KeptValue | undefined {
  return Object.hasOwn(given, name) ? given[name] : undefined
}

/** As people compare them: beyond 2^53 a few digits are lost, and nothing is decided by them. */
function numberOf(value: KeptValue): number | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value)
  return value instanceof Fraction ? Number(value.text) : undefined
}

function distinct(values: readonly KeptValue[]): KeptValue[] {
  return [...new Map(values.map((value) => [keyOf(value), value])).values()].slice(0, 5)
}

/** A long value and one that is called alike have different forms: arguments are no objects. */
function keyOf(value: KeptValue): string {
  return canonicalJson(value)
}
