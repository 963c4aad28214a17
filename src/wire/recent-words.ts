/** What was done before a held action in words: the page and the command line say the same. */
import { isRefusalCode, refusals } from '../kernel/refusals.ts'
import type { RecentActionView, RecentComparison, RecentCounts, RecentView } from './holds.ts'

/** How often, and under what: sentences. */
export function countsInWords({ counts }: RecentView): string[] {
  const { thisGrant, otherGrants } = counts
  if (total(thisGrant) + total(otherGrants) === 0) return ['never before, as far as is on record here']
  const { grants } = otherGrants
  return [
    `under this grant: ${countInWords(thisGrant)}`,
    ...(total(otherGrants) === 0
      ? []
      : [`under ${grants === 1 ? 'one other grant' : `${grants} other grants`}: ${countInWords(otherGrants)}`]),
  ]
}

function total({ allowed, held, denied }: RecentCounts): number {
  return allowed + held + denied
}

function countInWords({ allowed, held, denied }: RecentCounts): string {
  const parts = [
    ...(allowed === 0 ? [] : [`${times(allowed)} let through`]),
    ...(held === 0 ? [] : [`${times(held)} held and not sent`]),
    ...(denied === 0 ? [] : [`${times(denied)} refused`]),
  ]
  return parts.length === 0 ? 'never before' : parts.join(', ')
}

function times(count: number): string {
  return count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`
}

/** How bad it looks. */
export type Mark = 'good' | 'warn' | 'bad' | ''

/** What became of an action, and how that looks. */
export function outcomeInWords({ outcome, status, error, hold, refusal, times: alike }: RecentActionView): {
  readonly says: string
  readonly mark: Mark
} {
  const code = status === undefined ? '' : ` ${status}`
  const often = alike === undefined ? '' : `, ${alike} times in a row`
  switch (outcome) {
    case 'answered':
      if (error === true) return { says: `answered${code}, with an error`, mark: 'warn' }
      return { says: `answered${code}`, mark: status !== undefined && status >= 400 ? 'warn' : 'good' }
    case 'failed':
      return { says: `failed${code}`, mark: 'bad' }
    case 'cut':
      return { says: 'cut off', mark: 'warn' }
    case 'not-sent':
      return { says: 'let through, not sent', mark: '' }
    case 'delegated':
      return { says: 'let through to a proxy', mark: '' }
    case 'unknown':
    case 'allowed':
      return { says: 'let through; how it ended is not on record', mark: '' }
    case 'held':
      return { says: heldInWords(hold?.state), mark: hold?.state === 'denied' ? 'bad' : 'warn' }
    case 'denied': {
      const why = refusal !== undefined && isRefusalCode(refusal) ? refusals[refusal].says : refusal
      return { says: `refused${often}${why === undefined ? '' : `: ${why}`}`, mark: 'bad' }
    }
  }
}

function heldInWords(state: NonNullable<RecentActionView['hold']>['state'] | undefined): string {
  switch (state) {
    case 'waiting':
      return 'held, and waits too'
    case 'denied':
      return 'held, and a person said no'
    case 'expired':
      return 'held, and nobody answered'
    case 'approved':
      return 'held, and approved: not sent yet'
    case 'spent':
      return 'held, approved and sent'
    case 'withdrawn':
    case undefined:
      return 'held, and not sent'
  }
}

/** What an argument was before, to be said of what it is now; `show` writes a value. */
export function differenceInWords<T>(
  { is, before }: RecentComparison,
  show: (value: RecentComparison['before'][number]) => T,
): (string | T)[] {
  const [least, most] = before
  const listed = before.flatMap((value, place): (string | T)[] => [...(place === 0 ? [] : [', ']), show(value)])
  switch (is) {
    case 'same':
      return ['as always']
    case 'seen':
      return ['as at times before']
    case 'within':
    case 'beyond': {
      const word = is === 'beyond' ? 'beyond what it was' : 'between what it was'
      if (least === undefined) return [word]
      return most === undefined ? [`${word}: `, show(least)] : [`${word}: `, show(least), ' to ', show(most)]
    }
    case 'new':
      return ['never seen; it was ', ...listed]
    case 'added':
      return ['was not given before']
    case 'absent':
      return ['is not given now; it was ', ...listed]
  }
}

/** What differs most comes first; what is as always is no difference. */
export function differences({ compared }: Pick<RecentView, 'compared'>): readonly RecentComparison[] {
  const order: readonly RecentComparison['is'][] = ['beyond', 'new', 'added', 'absent', 'within']
  return compared.filter(({ is }) => order.includes(is)).toSorted((a, b) => order.indexOf(a.is) - order.indexOf(b.is))
}

/** How far back was looked, and where not: sentences. */
export function lookedInWords({ looked }: Pick<RecentView, 'looked'>): string[] {
  const { since, from, cut, elsewhere } = looked
  const says = {
    none: `looked at what is on record here since ${day(since)}`,
    limit: `looked back to ${day(from ?? since)} and no further: there is more on record than is read for one question`,
    pruned: `looked back to ${day(from ?? since)}: what was before it was taken away from the record here`,
  } as const
  return [
    from === undefined ? 'no journal here has anything on record' : says[cut ?? 'none'],
    ...(elsewhere.length === 0
      ? []
      : [
          `not looked at: the journals kept elsewhere, of ${elsewhere.join(', ')}; of what went through there only what was held is known here`,
        ]),
  ]
}

function day(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`
}
