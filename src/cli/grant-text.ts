/** Grants and held actions, as people read them. */
import { definitionFacts } from './definition-text.ts'
import { holdNameInWords } from '../sdk/definition-words.ts'
import type { Confirmation, GrantView, HoldView } from '../sdk/views.ts'
import { type Answer, type Run } from './command.ts'
import { exitCodes } from './failures.ts'
import { type FactLine, factLines, tableLines } from './table.ts'
import { clean, describeInstant, roughSpan, type Paint } from './text.ts'

type Reader = Pick<Run, 'paint' | 'width'> & { readonly io: { readonly now: () => number } }

/** One grant in full. */
export function grantLines(grant: GrantView, { paint, io }: Reader): string[] {
  const { task } = grant
  const now = io.now()
  const instant = (at: string | undefined) => (at === undefined ? undefined : describeInstant(at, now))
  const isOpen = grant.state === 'requested' || grant.state === 'pending'
  return [
    `${paint.bold(grant.id)}  ${paintState(grant.state, paint)}${grant.locked === true ? paint.red('  locked: nobody exists who could approve it') : ''}`,
    ...factLines(
      [
        ['standing', grant.exception === undefined ? undefined : `it is the permit of ${grant.exception}, and no grant for one task`],
        ['who', grant.chain.join(', for ')],
        ['task', `${task.kind}: ${task.statement}`],
        ['ticket', task.ticket],
        ['scope', grant.scope.map((line, place) => `${line}${describeUses(grant, place)}`)],
        ['on top of', grant.continues],
        ['tier', String(grant.tier)],
        ['lasts', `${grant.duration}${grant.durationMax === grant.duration ? '' : `, at most ${grant.durationMax} with extensions`}`],
        ['approval', `${grant.approval}${grant.untrusted === true ? ', because results were read that anybody may have written' : ''}`],
        [
          'answers',
          grant.approvals.map(
            ({ person, decision, at }) => `${person} ${decision === 'approve' ? 'approved' : 'denied'} ${describeInstant(at, now)}`,
          ),
        ],
        ['allowed by', grant.policies.map((policy) => `policy ${policy}`)],
        ['requested', instant(grant.requestedAt)],
        ['wait until', isOpen ? instant(grant.pendingUntil) : undefined],
        ['start by', grant.state === 'approved' ? instant(grant.claimBy) : undefined],
        ['started', instant(grant.activatedAt)],
        ['ends', grant.endedAt === undefined ? instant(grant.expiresAt) : undefined],
        ['ended', instant(grant.endedAt)],
        [
          'has read',
          grant.read === undefined
            ? undefined
            : `${grant.read.operation}, which anybody may have written, since ${instant(grant.read.since) ?? ''}`,
        ],
        ['because', describeEnding(grant)],
        ['page', isOpen ? grant.page : undefined],
      ],
      paint,
    ),
  ]
}

export function describeEnding({ ending }: GrantView): string | undefined {
  if (ending === undefined) return undefined
  return `${ending.how} by ${ending.by}${ending.reason === '' ? '' : `: ${ending.reason}`}`
}

function describeUses({ uses }: GrantView, line: number): string {
  const counted = uses.find((each) => each.line === line)
  if (counted === undefined) return ''
  const { spent, of, reserved, sum, rate } = counted
  const held = reserved === undefined ? '' : `, ${reserved} of them reserved by gateways`
  const parts = [
    ...(of === undefined ? [] : [`used ${spent} of ${of}${held}`]),
    ...(sum === undefined ? [] : [`${sum.argument} ${sum.spent} of ${sum.of}`]),
    ...(rate === undefined ? [] : [`${rate.recent} of ${rate.of} in the last ${rate.window}`]),
  ]
  return parts.length === 0 ? '' : `  (${parts.join('; ')})`
}

export function grantTable(grants: readonly GrantView[], { paint, width, io }: Reader): string[] {
  const now = io.now()
  const rows = grants.map((grant) => [
    grant.id,
    grant.state,
    grant.chain.join(' for '),
    grant.task.kind,
    remaining(grant, now),
    grant.scope.join('  '),
  ])
  const columns = [
    { title: 'GRANT' },
    { title: 'STATE' },
    { title: 'WHO', gives: true },
    { title: 'TASK', gives: true, drops: true },
    { title: 'LEFT' },
    { title: 'SCOPE', gives: true },
  ]
  return tableLines(columns, rows, { width, paint })
}

/** How long the state it is in may last. */
function remaining(grant: GrantView, now: number): string {
  const ends = { requested: grant.pendingUntil, pending: grant.pendingUntil, approved: grant.claimBy, active: grant.expiresAt }
  const end = grant.state in ends ? ends[openState(grant.state)] : undefined
  return end === undefined ? '-' : roughSpan(Date.parse(end) - now)
}

function openState(state: GrantView['state']): 'requested' | 'pending' | 'approved' | 'active' {
  return state === 'pending' || state === 'approved' || state === 'active' ? state : 'requested'
}

export function holdLines(hold: HoldView, { paint, io }: Reader): string[] {
  const now = io.now()
  const instant = (at: string | undefined) => (at === undefined ? undefined : describeInstant(at, now))
  const facts: FactLine[] = [
    ['who', hold.actor],
    ['grant', hold.grant],
    ['action', `${hold.service}/${hold.operation} (${hold.effect}, tier ${hold.tier})`],
    ['target', hold.target],
    ['arguments', Object.entries(hold.arguments).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)],
    ['headers', hold.headers.map(([name, value]) => `${name}: ${value}`)],
    ['body', describeBody(hold)],
    ...definitionFacts(hold.definition),
    ['held by', hold.policies.map(holdNameInWords)],
    ['approval', hold.approval],
    [
      'answers',
      hold.approvals.map(
        ({ person, decision, at }) => `${person} ${decision === 'approve' ? 'approved' : 'denied'} ${describeInstant(at, now)}`,
      ),
    ],
    ['opened', instant(hold.openedAt)],
    ['answer by', hold.state === 'waiting' ? instant(hold.answerBy) : undefined],
    ['use by', hold.state === 'approved' ? instant(hold.useBy) : undefined],
    ['closed', instant(hold.closedAt)],
    ['because', hold.reason],
    ['digest', hold.digest],
    ['page', hold.state === 'waiting' ? hold.page : undefined],
  ]
  return [`${paint.bold(hold.id)}  ${paintState(hold.state, paint)}`, ...factLines(facts, paint)]
}

function describeBody({ body }: HoldView): string | string[] | undefined {
  if (body === undefined) return undefined
  return body.encoding === 'base64' ? `base64 ${body.content}` : body.content.split('\n')
}

export function holdTable(holds: readonly HoldView[], { paint, width, io }: Reader): string[] {
  const now = io.now()
  const rows = holds.map((hold) => {
    const end = hold.state === 'waiting' ? hold.answerBy : hold.state === 'approved' ? hold.useBy : undefined
    return [
      hold.id,
      hold.state,
      hold.actor,
      `${hold.service}/${hold.operation}`,
      end === undefined ? '-' : roughSpan(Date.parse(end) - now),
      hold.target,
    ]
  })
  const columns = [
    { title: 'HOLD' },
    { title: 'STATE' },
    { title: 'WHO', gives: true },
    { title: 'ACTION', gives: true },
    { title: 'LEFT' },
    { title: 'TARGET', gives: true, drops: true },
  ]
  return tableLines(columns, rows, { width, paint })
}

const good = new Set(['approved', 'active', 'spent'])
const open = new Set(['requested', 'pending', 'waiting'])

export function paintState(state: string, paint: Paint): string {
  if (good.has(state)) return paint.green(clean(state))
  return open.has(state) ? paint.yellow(clean(state)) : paint.red(clean(state))
}

/** What a request, or the waiting for it, has come to. */
export function requestAnswer(grant: GrantView, reader: Reader): Answer {
  const { paint } = reader
  const next: Partial<Record<GrantView['state'], { readonly says: string; readonly exitCode: number }>> = {
    requested: { says: `waiting for ${grant.approval} at ${grant.page}`, exitCode: exitCodes.held },
    pending: { says: `waiting for ${grant.approval} at ${grant.page}`, exitCode: exitCodes.held },
    approved: { says: `start it with: remit activate ${grant.id}`, exitCode: exitCodes.done },
    active: { says: `when the task is done: remit done ${grant.id}`, exitCode: exitCodes.done },
  }
  const { says, exitCode } = next[grant.state] ?? { says: '', exitCode: exitCodes.refused }
  return { json: grant, text: [...grantLines(grant, reader), ...(says === '' ? [] : [paint.bold(clean(says))])], exitCode }
}

/** What each gateway did about it, and how long that took. */
export function confirmedLines(confirmed: readonly Confirmation[]): string[] {
  return confirmed.map(({ gateway, how, milliseconds }) =>
    clean(
      how === 'confirmed'
        ? `  gateway ${gateway} stopped it after ${milliseconds} ms`
        : `  gateway ${gateway} was not heard: it was waited for ${(milliseconds / 1_000).toFixed(1)} s, and lets nothing through any more, because its lease is over`,
    ),
  )
}
