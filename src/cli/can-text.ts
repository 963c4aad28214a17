/** What somebody can do, and who can do something, as people read it. */
import type { CanDeskView, CanOperationView, CanView, CouldView, NearnessName, WhoCanView, WhoView } from '../sdk/views.ts'
import type { Run } from './command.ts'
import { tableLines } from './table.ts'
import { clean, roughSpan } from './text.ts'

type Reader = Pick<Run, 'paint' | 'width'> & { readonly io: { readonly now: () => number } }

const columns = [
  { title: 'OPERATION' },
  { title: 'EFFECT' },
  { title: 'TIER' },
  { title: 'NOW' },
  { title: 'COULD' },
  { title: 'APPROVAL', gives: true },
  { title: 'IF', gives: true },
  { title: 'POLICIES', gives: true, drops: true },
]

/** A sentence on all of it, and a line for each operation. */
export function canLines(can: CanView, reader: Reader): string[] {
  const { chain, kind, stopped, operations, desk, leftOut } = can
  const [who = '', ...behind] = chain
  const name = `${reader.paint.bold(clean(who))}  ${clean(kind)}${behind.length === 0 ? '' : `, acting for ${behind.map(clean).join(', ')}`}`
  if (stopped !== undefined) return [name, `can do nothing: ${clean(stopped.says)} (${clean(stopped.code)})`]
  const rows = [...operations.map((each) => operationRow(each, reader.io.now())), ...desk.map(deskRow)]
  const table = rows.length === 0 ? [] : ['', ...tableLines(columns, rows, reader)]
  const more = leftOut === 0 ? [] : [`${leftOut} more: name a service with --service`]
  return [name, ...summary(can), ...table, ...more]
}

function summary({ now, could, nothing }: CanView): string[] {
  const of = (parts: readonly (readonly [number, string])[]) =>
    parts
      .filter(([count]) => count > 0)
      .map(([count, says]) => `${count} ${says}`)
      .join(', ')
  const doing = of([
    [now.yes, 'as it likes'],
    [now.may, 'depending on the action'],
    [now.held, 'held for a person'],
  ])
  const asking = of([
    [could.yes, 'by asking'],
    [could.may, 'by asking, under conditions'],
    [could.withApproval, "with somebody's yes"],
    [could.never, 'could be asked for and never done'],
  ])
  return [
    `now    ${doing === '' ? 'nothing' : doing}`,
    `could  ${asking === '' ? 'nothing more' : asking}`,
    ...(nothing === 0 ? [] : [`not    ${nothing} ${nothing === 1 ? 'operation' : 'operations'}: no policy lets it ask`]),
  ]
}

function operationRow(operation: CanOperationView, now: number): string[] {
  const { under, held, could, forbiddenBy, unless, nowIf } = operation
  const isNow = operation.now !== 'no'
  const until = under[0]?.expiresAt
  const left = isNow && until !== undefined ? ` ${roughSpan(Date.parse(until) - now)}` : ''
  const heldBy = held.map((each) => `held: ${each.by}`)
  const toAsk = could === 'may' ? conditionsOf(operation) : []
  const conditions = isNow ? [...nowIf, ...toAsk.map((each) => `to ask: ${each}`)] : toAsk
  const policies = [
    ...(isNow ? under.map((each) => each.exception ?? each.grant) : []),
    ...(could === 'never' ? forbiddenBy.map((policy) => `never: ${policy}`) : waysOf(operation)),
    ...held.map((each) => each.policy),
    ...unless.map((each) => `unless ${each.policy}`),
  ]
  return [
    operation.operation,
    operation.effect,
    String(operation.tier),
    `${operation.now}${left}`,
    could,
    [...approvalsOf(operation), ...heldBy].join('; '),
    [...new Set([...conditions, ...(isNow ? [] : unless.flatMap((each) => each.if))])].join(', '),
    [...new Set(policies)].join(', '),
  ]
}

function deskRow({ action, now, under, could }: CanDeskView): string[] {
  const policies = [...(under === undefined ? [] : [under]), ...(could === undefined ? [] : waysOf(could))]
  const asked =
    could === undefined
      ? { could: '-', approval: '', if: '' }
      : { ...could, approval: approvalsOf(could).join(' or '), if: conditionsOf(could).join(', ') }
  return [`desk/${action}`, '-', '-', now, asked.could, asked.approval, asked.if, policies.join(', ')]
}

function approvalsOf({ could, prices }: CouldView): string[] {
  if (could === 'no' || could === 'never') return []
  return [[...new Set(prices.map((price) => price.approval))].join(' or ')]
}

function conditionsOf({ conditions }: CouldView): string[] {
  return [...new Set(conditions.flatMap((each) => each.if))]
}

function waysOf({ prices, conditions }: CouldView): string[] {
  return [...new Set([...prices.flatMap((price) => price.policies), ...conditions.map((each) => each.policy)])]
}

const nearnessWords: Readonly<Record<NearnessName, string>> = {
  now: 'now',
  'now-perhaps': 'now, depending',
  'now-held': 'now, held',
  'by-asking': 'by asking',
  'with-approval': 'with a yes',
  perhaps: 'perhaps',
  never: 'never',
}

/** The nearest first, and how many there are of each. */
export function whoCanLines(found: WhoCanView, reader: Reader): string[] {
  const { who, operations, leftOut, unseen, counts } = found
  const shownOperations = operations.length > 5 ? `${operations.length} operations` : operations.map(clean).join(', ')
  const rows = who.map((each) => whoRow(each, reader.io.now()))
  const titles = [
    { title: 'WHO', gives: true },
    { title: 'KIND' },
    { title: 'HOW NEAR' },
    { title: 'OPERATION' },
    { title: 'APPROVAL', gives: true },
    { title: 'IF', gives: true },
    { title: 'POLICIES', gives: true, drops: true },
  ]
  const tally = whoTally(counts)
  return [
    ...(rows.length === 0
      ? [`nobody can, of those whom you may see: ${shownOperations}`]
      : [shownOperations, '', ...tableLines(titles, rows, reader), '', tally]),
    ...(leftOut === 0 ? [] : [`${leftOut} more are not shown: --max shows more`]),
    ...(unseen === 0 ? [] : [`${unseen} identities were not looked at: ask about fewer operations`]),
  ]
}

function whoTally(counts: WhoCanView['counts']): string {
  const names: readonly NearnessName[] = ['now', 'now-perhaps', 'now-held', 'by-asking', 'with-approval', 'perhaps', 'never']
  return names
    .filter((name) => counts[name] > 0)
    .map((name) => `${counts[name]} ${nearnessWords[name]}`)
    .join(', ')
}

function whoRow(
  { identity, kind, nearness, operation, until, approval = '', if: conditions, policies, under }: WhoView,
  now: number,
): string[] {
  const left = until === undefined ? '' : ` ${roughSpan(Date.parse(until) - now)}`
  const by = [...(under === undefined ? [] : [under]), ...policies]
  return [identity, kind, `${nearnessWords[nearness]}${left}`, operation, approval, conditions.join(', '), by.join(', ')]
}
