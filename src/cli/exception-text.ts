/** Exceptions, and everything else that stands, as people read them. */
import type { ExceptionView, StandingView } from '../sdk/views.ts'
import type { Run } from './command.ts'
import { factLines, tableLines } from './table.ts'
import { clean, describeInstant, roughSpan, type Paint } from './text.ts'

type Reader = Pick<Run, 'paint' | 'width'> & { readonly io: { readonly now: () => number } }

/** One exception in full. */
export function exceptionLines(exception: ExceptionView, { paint, io }: Reader): string[] {
  const now = io.now()
  const instant = (at: string | undefined) => (at === undefined ? undefined : describeInstant(at, now))
  const { state, ending } = exception
  const locked = exception.locked === true ? paint.red('  locked: nobody exists who could approve it') : ''
  return [
    `${paint.bold(exception.id)}  ${paintExceptionState(state, paint)}${locked}`,
    ...factLines(
      [
        ['who', exception.identity],
        ['owner', exception.owner],
        ['permits', permitsOf(exception)],
        ['reaches', exception.reaches],
        ['why', exception.reason],
        ['way out', exception.remediation.map((step, place) => describeStep(step, place, now))],
        ['renews', describeRenewal(exception, now)],
        ['proposed', `by ${exception.proposedBy}, ${describeInstant(exception.createdAt, now)}`],
        ['answer by', state === 'proposed' ? instant(exception.answerBy) : undefined],
        [
          'answers',
          exception.approvals.map(
            ({ person, decision, at }) => `${person} ${decision === 'approve' ? 'approved' : 'denied'} ${describeInstant(at, now)}`,
          ),
        ],
        ['grant', exception.grant],
        ['ends', exception.endedAt === undefined ? instant(exception.expiresAt) : undefined],
        ['ended', instant(exception.endedAt)],
        ['because', ending === undefined ? undefined : `${ending.how} by ${ending.by}: ${ending.reason}`],
        ['page', exception.page],
      ],
      paint,
    ),
  ]
}

function permitsOf({ deskActions, scope }: ExceptionView): readonly string[] {
  return scope.length > 0 ? scope : [`at Remit's desk: ${deskActions.join(', ')}`]
}

function describeStep({ says, done }: ExceptionView['remediation'][number], place: number, now: number): string {
  return `${done === undefined ? '[ ]' : '[x]'} ${place + 1}. ${says}${done === undefined ? '' : ` (${done.by}, ${describeInstant(done.at, now)})`}`
}

function describeRenewal({ renews, renewals, standingSince }: ExceptionView, now: number): string | undefined {
  if (renews === undefined) return undefined
  const since = standingSince === undefined ? '' : `, standing since ${describeInstant(standingSince, now)}`
  return `${renews}, ${renewals === 1 ? 'once' : `${renewals} times in a row`}${since}`
}

const kinds: Readonly<Record<ExceptionView['state'], 'red' | 'yellow' | 'dim'>> = {
  active: 'red',
  proposed: 'yellow',
  ended: 'dim',
  denied: 'dim',
  withdrawn: 'dim',
}

function paintExceptionState(state: ExceptionView['state'], paint: Paint): string {
  return paint[kinds[state]](clean(state))
}

export function exceptionTable(exceptions: readonly ExceptionView[], { paint, width, io }: Reader): string[] {
  const now = io.now()
  const rows = exceptions.map((exception) => [
    exception.id,
    exception.state,
    exception.identity,
    exception.owner,
    String(exception.tier),
    `${roughSpan(Date.parse(exception.state === 'proposed' ? exception.answerBy : exception.expiresAt) - now)}${exception.endsSoon === true ? ' !' : ''}`,
    exception.renewals === 0 ? '-' : `${exception.renewals}x`,
    permitsOf(exception).join('  '),
  ])
  const columns = [
    { title: 'EXCEPTION' },
    { title: 'STATE' },
    { title: 'WHO', gives: true },
    { title: 'OWNER', gives: true },
    { title: 'TIER' },
    { title: 'LEFT' },
    { title: 'RENEWED' },
    { title: 'PERMITS', gives: true },
  ]
  return tableLines(columns, rows, { width, paint })
}

/** What stands, put before a list of what was lent; nothing where nothing stands. */
export function standingFirst(exceptions: readonly ExceptionView[] | undefined, reader: Reader): string[] {
  if (exceptions === undefined || exceptions.length === 0) return []
  return [reader.paint.bold('Standing privilege'), ...exceptionTable(exceptions, reader), '']
}

/** Everything that stands: what reaches furthest first, and a section for each kind. */
export function standingLines(standing: StandingView, reader: Reader): string[] {
  const { paint } = reader
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', paint.bold(title), ...lines])
  const { exceptions, machine, runsPartial } = standing
  const first = exceptions.length === 0 ? ['none'] : exceptionTable(exceptions, reader)
  return [
    paint.bold('Exceptions'),
    ...first,
    ...section("At Remit's desk, by policy", deskLines(standing, reader)),
    ...section('Grants without a gap: standing in effect', runLines(standing, reader)),
    ...(runsPartial === true ? [paint.yellow('there were too many ended grants to look at all of them')] : []),
    ...section('Upstream credentials that Remit holds', upstreamLines(standing, reader)),
    ...section('The machine', machine === undefined ? [] : [clean(machine)]),
    ...section('Proofs of identity: they permit nothing', credentialLines(standing, reader)),
  ]
}

function deskLines({ desk }: StandingView, reader: Reader): string[] {
  if (desk.length === 0) return []
  const rows = desk.map(({ actions, identities, count, policies }) => [
    actions.join(', '),
    String(count),
    identities.join(', '),
    policies.join(', '),
  ])
  return tableLines(
    [{ title: 'MAY' }, { title: 'COUNT' }, { title: 'WHO', gives: true }, { title: 'POLICY', gives: true, drops: true }],
    rows,
    reader,
  )
}

function runLines({ runs }: StandingView, reader: Reader): string[] {
  if (runs.length === 0) return []
  const now = reader.io.now()
  const rows = runs.map(({ identity, grants, tier, from, to, operations }) => [
    identity,
    String(tier),
    String(grants),
    roughSpan(Date.parse(to) - Date.parse(from)),
    describeInstant(to, now),
    operations.join(', '),
  ])
  const columns = [
    { title: 'WHO', gives: true },
    { title: 'TIER' },
    { title: 'GRANTS' },
    { title: 'SPAN' },
    { title: 'UNTIL', gives: true, drops: true },
    { title: 'OPERATIONS', gives: true },
  ]
  return tableLines(columns, rows, reader)
}

function upstreamLines({ upstreams }: StandingView, reader: Reader): string[] {
  if (upstreams.length === 0) return []
  const now = reader.io.now()
  const rows = upstreams.map(({ service, environment, header, since }) => [
    service,
    environment,
    header,
    since === undefined ? '-' : describeInstant(since, now),
  ])
  return tableLines([{ title: 'SERVICE' }, { title: 'ENVIRONMENT' }, { title: 'HEADER' }, { title: 'SINCE', gives: true }], rows, reader)
}

function credentialLines({ credentials }: StandingView, reader: Reader): string[] {
  if (credentials.length === 0) return []
  const now = reader.io.now()
  const rows = credentials.map(({ id, identity, kind, client, expiresAt, lastUsedAt, unused }) => [
    id,
    identity,
    client === undefined ? kind : `${kind} ${clean(client)}`,
    expiresAt === undefined ? '-' : roughSpan(Date.parse(expiresAt) - now),
    lastUsedAt === undefined ? 'never' : `${roughSpan(now - Date.parse(lastUsedAt))} ago`,
    unused === true ? 'not for 30 days' : '',
  ])
  const columns = [
    { title: 'CREDENTIAL' },
    { title: 'WHO', gives: true },
    { title: 'KIND' },
    { title: 'LEFT' },
    { title: 'USED' },
    { title: 'UNUSED', drops: true },
  ]
  return tableLines(columns, rows, reader)
}
