/** The report of a replay for people: who loses, who gains, what was looked at and what was not. */
import type { ReplayedChangeView, ReplayView } from '../sdk/views.ts'
import { tableLines } from './table.ts'
import { clean, describeInstant, type Paint } from './text.ts'

export const failings = ['any', 'gains', 'losses', 'never'] as const
export type Failing = (typeof failings)[number]

/** Whether there is something that `--fail-on` names. What differs in both directions is a gain and a loss. */
export function failsOn(failing: Failing, { changes, leftOut }: Pick<ReplayView, 'changes' | 'leftOut'>): boolean {
  if (failing === 'never') return false
  // Of what found no room in the list nobody knows the direction.
  if (leftOut > 0) return true
  const against = failing === 'gains' ? 'loses' : 'gains'
  return changes.some(({ verdict }) => failing === 'any' || verdict !== against)
}

export interface Shown {
  readonly width: number
  readonly paint: Paint
  readonly now: number
}

export function replayText(report: ReplayView, shown: Shown): string[] {
  const { paint } = shown
  const { changes, leftOut } = report
  const lines = changes.length === 0 ? ['nobody gains and nobody loses anything'] : changeTable(changes, shown)
  return [
    ...lines,
    ...whyLines(changes),
    ...(leftOut === 0 ? [] : [paint.yellow(`and ${leftOut} more that are not listed`)]),
    '',
    ...lookedAt(report, shown.now).map((line) => clean(line)),
    ...notLookedAt(report).map((line) => paint.yellow(clean(line))),
  ]
}

/** What is in the way, policy by policy, once each. */
function whyLines(changes: readonly ReplayedChangeView[]): string[] {
  const lines = new Set(changes.flatMap(({ why = [] }) => why))
  return lines.size === 0 ? [] : ['', ...[...lines].slice(0, whyMax).map((line) => clean(line))]
}

const whyMax = 30

const order = ['loses', 'differs', 'gains'] as const

function changeTable(changes: readonly ReplayedChangeView[], { width, paint, now }: Shown): string[] {
  const rows = changes
    .toSorted((left, right) => order.indexOf(left.verdict) - order.indexOf(right.verdict) || left.identity.localeCompare(right.identity))
    .map((change) => [
      change.verdict,
      [change.identity, ...(change.actingFor ?? [])].join(' for '),
      change.kind === 'request' ? `asking for ${change.on}` : change.on,
      change.from.says,
      change.to.says,
      `${change.seen}`,
      describeInstant(change.lastSeen, now),
      change.example,
    ])
  const columns = [
    { title: '' },
    { title: 'WHO', gives: true },
    { title: 'WHAT', gives: true },
    { title: 'NOW', gives: true },
    { title: 'THEN', gives: true },
    { title: 'SEEN' },
    { title: 'LAST', drops: true },
    { title: 'EXAMPLE', drops: true },
  ]
  return tableLines(columns, rows, { width, paint })
}

function lookedAt({ since, counts, journals }: ReplayView, now: number): string[] {
  const { actions, decided, requests } = counts
  return [
    `looked at ${actions} ${actions === 1 ? 'action' : 'actions'} (${decided} different) and ${requests} ${requests === 1 ? 'request' : 'requests'} since ${describeInstant(since, now)}`,
    ...journals.map(
      ({ name, from }) => `journal ${name}: ${from === undefined ? 'nothing since then' : `from ${describeInstant(from, now)}`}`,
    ),
  ]
}

function notLookedAt({ counts, journals, notLookedAt: elsewhere, requestsCut }: ReplayView): string[] {
  const { withoutGrant, unknownGrant, goneOperation, unreadable } = counts
  const passed: readonly (readonly [number, string])[] = [
    [withoutGrant, 'refused for want of a grant, whatever policies say'],
    [unknownGrant, 'under a grant that is not known here'],
    [goneOperation, 'on an operation that is not declared any more'],
    [unreadable, 'in a form that is not read here'],
  ]
  return [
    ...passed.filter(([count]) => count > 0).map(([count, why]) => `not decided again: ${count} ${why}`),
    ...journals.flatMap(({ name, cut }) => {
      if (cut === undefined) return []
      return [`journal ${name}: what came before that ${cut === 'pruned' ? 'is not kept any more' : 'was more than is read at once'}`]
    }),
    ...(requestsCut ? ['there were more requests than are asked again'] : []),
    ...(elsewhere.length === 0 ? [] : [`not looked at, because it is kept with its gateway: ${elsewhere.join(', ')}`]),
  ]
}
