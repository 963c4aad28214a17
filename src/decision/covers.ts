/** Whether a grant's scope covers an action, its arguments included: native, because patterns and counts are beyond Cedar. */
import type { Instant } from '../kernel/instants.ts'
import { Fraction } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import type { Refused } from '../kernel/result.ts'
import { type Action, type ArgumentValue, resourceOf } from '../model/actions.ts'
import { amountOf, type Counted, isCounted, isOpened, type Shortage, shortage } from '../model/counting.ts'
import { isOfFormat } from '../model/formats.ts'
import type { ArgumentConstraint, ScopeEntry } from '../model/grants.ts'
import { argumentText } from '../model/scope.ts'

export type Coverage =
  | { readonly covered: true; readonly line: number; readonly counted: boolean }
  | { readonly covered: false; readonly why: 'resource' | 'arguments' | Shortage['why']; readonly detail?: string }

/**
 * The line of the scope that carries this action: the first uncounted one, else the first counted one that has room for it.
 * `counted` answers what was taken of a line.
 */
export function covers(scope: readonly ScopeEntry[], action: Action, counted: (line: number) => Counted, now: Instant): Coverage {
  let first: number | undefined
  let nearest: NotCovered = { covered: false, why: 'resource' }
  for (const [line, entry] of scope.entries()) {
    if (!names(entry, action)) continue
    const failing = firstUnmet(entry, action)
    const amount = failing === undefined ? amountOf(entry, action.arguments) : undefined
    if (amount === undefined) {
      nearest = nearer(nearest, { covered: false, why: 'arguments', detail: failing ?? entry.sum?.argument ?? '' })
      continue
    }
    if (!isCounted(entry) && (entry.after === undefined || isOpened(entry, counted(line)))) return { covered: true, line, counted: false }
    if (first !== undefined) continue
    const short = shortage(entry, counted(line), amount, now)
    if (short === undefined) first = line
    else nearest = nearer(nearest, { covered: false, ...short })
  }
  return first === undefined ? nearest : { covered: true, line: first, counted: true }
}

type NotCovered = Extract<Coverage, { covered: false }>

/** What is nearest to a yes: what only has to be waited for, then what is spent, then other arguments. */
const nearness: Readonly<Record<NotCovered['why'], number>> = { resource: 0, arguments: 1, uses: 2, sum: 2, order: 3, rate: 4 }

function nearer(one: NotCovered, other: NotCovered): NotCovered {
  return nearness[other.why] > nearness[one.why] ? other : one
}

/** Whether a line carries this action as far as resource and arguments go, whatever is left of it. */
export function carries(entry: ScopeEntry, action: Action): boolean {
  return names(entry, action) && firstUnmet(entry, action) === undefined
}

/** The refusal that tells of a shortage. */
export function refuseShort({ why, detail }: Shortage): Refused {
  const codes = { uses: 'grant.uses-spent', sum: 'grant.sum-spent', rate: 'grant.rate', order: 'grant.order' } as const
  return refuse(codes[why], detail === undefined ? {} : { detail })
}

/** Whether a line speaks of this operation at all, whatever its arguments. */
export function names(entry: ScopeEntry, action: Pick<Action, 'service' | 'operation' | 'effect'>): boolean {
  if (entry.effects !== undefined && !entry.effects.includes(action.effect)) return false
  if (entry.resource === resourceOf(action)) return true
  return entry.effects !== undefined && entry.resource === action.service
}

function firstUnmet(entry: ScopeEntry, action: Action): string | undefined {
  if (entry.arguments === undefined) return undefined
  for (const [name, constraint] of Object.entries(entry.arguments)) {
    const value = Object.hasOwn(action.arguments, name) ? action.arguments[name] : undefined
    // An argument that is not there meets nothing: what was pinned must be said.
    if (value === undefined || !meets(constraint, value)) return name
  }
  return undefined
}

/** Whether a value meets a constraint. Lists meet it when every member does and there is one. */
export function meets(constraint: ArgumentConstraint, value: ArgumentValue): boolean {
  if (isList(value)) return value.length > 0 && value.every((member) => meets(constraint, member))
  const text = argumentText(value)
  if (constraint.oneOf !== undefined && !constraint.oneOf.some((one) => argumentText(one) === text)) return false
  if (constraint.like !== undefined && !matchesPattern(constraint.like, text)) return false
  if (constraint.format !== undefined && !(typeof value === 'string' && isOfFormat(constraint.format, value))) return false
  if (constraint.atLeast !== undefined && !(compare(value, constraint.atLeast) >= 0)) return false
  return constraint.atMost === undefined || compare(value, constraint.atMost) <= 0
}

function isList(value: ArgumentValue): value is readonly string[] {
  return Array.isArray(value)
}

/** Negative, zero or positive; NaN for what is no number, so that every comparison with it fails. */
function compare(value: ArgumentValue, bound: number): number {
  if (typeof value === 'number') return value - bound
  if (typeof value === 'bigint') {
    const limit = BigInt(bound)
    return value < limit ? -1 : value > limit ? 1 : 0
  }
  if (value instanceof Fraction) return compareFraction(value, bound)
  return Number.NaN
}

/** Exact for plain decimals, which are all that actions carry; anything with an exponent compares as no number. */
function compareFraction(value: Fraction, bound: number): number {
  const [, sign, whole = '', digits = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value.text) ?? []
  if (sign === undefined) return Number.NaN
  const scaled = BigInt(`${sign}${whole}${digits}`) - BigInt(bound) * 10n ** BigInt(digits.length)
  return scaled < 0n ? -1 : scaled > 0n ? 1 : 0
}

/** `*` stands for any run of characters. Linear in pattern × text at worst, without backtracking over more than one star. */
export function matchesPattern(pattern: string, text: string): boolean {
  let at = 0
  let place = 0
  let star = -1
  let resume = 0
  while (at < text.length) {
    if (pattern[place] === '*') {
      star = place
      place += 1
      resume = at
    } else if (place < pattern.length && pattern[place] === text[at]) {
      place += 1
      at += 1
    } else if (star >= 0) {
      place = star + 1
      resume += 1
      at = resume
    } else return false
  }
  while (pattern[place] === '*') place += 1
  return place === pattern.length
}
