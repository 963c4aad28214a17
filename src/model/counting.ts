/** What a line counts: how much is taken of its uses, its sum and its rate, and whether there is room for one more action. */
import { formatDuration, type Instant, type Milliseconds } from '../kernel/instants.ts'
import { Fraction } from '../kernel/json.ts'
import type { Arguments, ArgumentValue } from './actions.ts'
import type { RateLimit, ScopeEntry, Uses } from './grants.ts'

/** What was taken of one line. */
export type Counted = Pick<Uses, 'spent' | 'returned' | 'reserved' | 'sum' | 'recent' | 'opened'>

export const nothingCounted: Counted = { spent: 0 }

/** Sums are counted in ten-thousandths: arguments have at most four digits after the point, so every sum is a whole number. */
const unit = 10_000n

/** Whether a line counts anything: then each action on it asks its home. */
export function isCounted(entry: ScopeEntry): boolean {
  return entry.uses !== undefined || entry.sum !== undefined || entry.rate !== undefined
}

/** Whether what the line comes after was answered. Never undone: whoever saw it once need not ask again. */
export function isOpened({ after }: ScopeEntry, { opened }: Counted): boolean {
  return after === undefined || opened !== undefined
}

/** Uses that are gone: spent, or reserved and not given back. */
export function usedOf({ spent, returned = 0 }: Counted): number {
  return spent - returned
}

/**
 * What an action adds to the line's sum, in ten-thousandths; 0 where the line has none. A negative amount adds nothing, so that none
 * makes room for another. `undefined` where the argument is missing, is no number, or has more digits than are counted.
 */
export function amountOf({ sum }: ScopeEntry, given: Arguments): bigint | undefined {
  if (sum === undefined) return 0n
  const value = Object.hasOwn(given, sum.argument) ? given[sum.argument] : undefined
  const amount = value === undefined ? undefined : tenThousandths(value)
  return amount !== undefined && amount < 0n ? 0n : amount
}

function tenThousandths(value: ArgumentValue): bigint | undefined {
  if (typeof value === 'bigint') return value * unit
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) * unit : undefined
  if (!(value instanceof Fraction)) return undefined
  const [, sign, whole = '', digits = ''] = /^(-?)(\d+)(?:\.(\d{1,4}))?$/.exec(value.text) ?? []
  return sign === undefined ? undefined : BigInt(`${sign}${whole}${digits.padEnd(4, '0')}`)
}

/** What is in the way of one more action. */
export interface Shortage {
  readonly why: 'uses' | 'sum' | 'rate' | 'order'
  readonly detail?: string
}

/** What is in the way of one more action of this amount, at this instant; what lasts is told before what passes. */
export function shortage(entry: ScopeEntry, counted: Counted, amount: bigint, now: Instant): Shortage | undefined {
  if (entry.uses !== undefined && usedOf(counted) >= entry.uses) return { why: 'uses' }
  if (entry.sum !== undefined && (isSumFull(entry, counted) || BigInt(counted.sum ?? 0) + amount > BigInt(entry.sum.atMost) * unit))
    return { why: 'sum', detail: `${entry.sum.argument} has come to ${decimalText(counted.sum ?? 0)} of ${entry.sum.atMost}` }
  if (!isOpened(entry, counted)) return { why: 'order', detail: entry.after ?? '' }
  const wait = entry.rate === undefined ? 0 : waitFor(entry.rate, counted, now)
  if (entry.rate === undefined || wait === 0) return undefined
  return { why: 'rate', detail: `${entry.rate.atMost} in ${formatDuration(entry.rate.window)}; one more in ${Math.ceil(wait / 1_000)}s` }
}

/** The line after one more action of this amount. Only where nothing is in its way: else it throws. */
export function countOne(entry: ScopeEntry, counted: Counted, amount: bigint, now: Instant): Counted {
  if (shortage(entry, counted, amount, now) !== undefined) throw new Error('counted beyond the limit')
  return {
    ...counted,
    spent: counted.spent + 1,
    ...(entry.sum === undefined ? {} : { sum: Number(BigInt(counted.sum ?? 0) + amount) }),
    ...(entry.rate === undefined ? {} : { recent: withOneMore(entry.rate, counted, now) }),
  }
}

/** Whether no action will ever find room on this line again. A rate only makes wait. */
export function takesNoMore(entry: ScopeEntry, counted: Counted): boolean {
  return (entry.uses !== undefined && usedOf(counted) >= entry.uses) || isSumFull(entry, counted)
}

function isSumFull({ sum }: ScopeEntry, counted: Counted): boolean {
  return sum !== undefined && BigInt(counted.sum ?? 0) >= BigInt(sum.atMost) * unit
}

/** A number of ten-thousandths as people write it: `120.5`. */
export function decimalText(tenThousandth: number): string {
  const whole = Math.floor(tenThousandth / Number(unit))
  const rest = String(tenThousandth % Number(unit))
    .padStart(4, '0')
    .replace(/0+$/, '')
  return rest === '' ? `${whole}` : `${whole}.${rest}`
}

/**
 * A rate slides: every action is counted for the whole window after it, so that no stretch of that length ever has more than the limit. A
 * token bucket lets twice as many through around the moment it is full, and so does a count that begins anew with each minute. To keep
 * a fixed number of figures and not each instant, actions are gathered in slots and counted from the end of theirs: what that
 * costs is at most one slot of waiting, never one action too many.
 */
const slots = 32

function slotOf({ window }: RateLimit): Milliseconds {
  return Math.ceil(window / slots)
}

/** Actions that the rate counts at this instant. */
export function recentOf({ window }: RateLimit, { recent = [] }: Counted, now: Instant): number {
  return recent.reduce((sum, { at, actions }) => (at + window > now ? sum + actions : sum), 0)
}

/** How long until there is room for one more; 0 where there is. */
function waitFor(rate: RateLimit, counted: Counted, now: Instant): Milliseconds {
  let over = recentOf(rate, counted, now) - rate.atMost
  if (over < 0) return 0
  for (const { at, actions } of counted.recent ?? []) {
    if (at + rate.window <= now) continue
    over -= actions
    if (over < 0) return at + rate.window - now
  }
  throw new Error('a rate of nothing')
}

function withOneMore(rate: RateLimit, { recent = [] }: Counted, now: Instant): NonNullable<Counted['recent']> {
  const slot = slotOf(rate)
  const at = Math.ceil(now / slot) * slot
  const kept = recent.filter((each) => each.at + rate.window > now)
  const last = kept.at(-1)
  // Time does not go back, so the newest slot is the last one.
  return last !== undefined && last.at >= at
    ? [...kept.slice(0, -1), { at: last.at, actions: last.actions + 1 }]
    : [...kept, { at, actions: 1 }]
}
