/** Grants as they are shown, with who answered and what was used. */
import { formatDuration, formatInstant, type Instant } from '../kernel/instants.ts'
import type { Desk } from '../control/desk.ts'
import type { Revocation } from '../control/end-grant.ts'
import type { Reading } from '../control/ports.ts'
import { answerableGrant, describeRequirement, isLocked } from '../control/rights.ts'
import { type Counted, decimalText, nothingCounted, recentOf, usedOf } from '../model/counting.ts'
import { type Approval, type Grant, type ScopeEntry, type Uses, usesId } from '../model/grants.ts'
import { describeScopeLine } from '../model/scope.ts'
import type { UntrustedReading } from '../model/untrusted.ts'
import type { ApprovalView, Confirmation, EndedGrantView, GrantView, UsesView } from '../wire/grants.ts'
import { firstReadings } from '../control/untrusted.ts'
import { instants, nameOf } from './views.ts'

/** One read for all of them. */
export async function grantViews(desk: Desk, grants: readonly Grant[]): Promise<GrantView[]> {
  if (grants.length === 0) return []
  const { approvals, spent, read } = await desk.store.read(async (tx) => ({
    approvals: await approvalsOf(tx, grants),
    spent: await spentOf(tx, grants),
    read: await firstReadings(tx, grants),
  }))
  return grants.map((grant) => {
    const given = approvals.filter((approval) => approval.subject === grant.id)
    const uses = grant.scope.map((entry, line) => usesView(entry, line, spent.get(usesId(grant.id, line)), desk.clock.now()))
    const reading = read.get(grant.id)
    return { ...grantView(desk, grant, given, uses), ...(reading === undefined ? {} : { read: readView(reading) }) }
  })
}

function usesView({ uses, sum, rate }: ScopeEntry, line: number, counted: Counted = nothingCounted, now: Instant): UsesView {
  return {
    line,
    spent: usedOf(counted),
    ...(uses === undefined ? {} : { of: uses }),
    ...((counted.reserved ?? 0) === 0 ? {} : { reserved: counted.reserved }),
    ...(sum === undefined ? {} : { sum: { argument: sum.argument, spent: decimalText(counted.sum ?? 0), of: `${sum.atMost}` } }),
    ...(rate === undefined ? {} : { rate: { recent: recentOf(rate, counted, now), of: rate.atMost, window: formatDuration(rate.window) } }),
  }
}

export async function oneGrantView(desk: Desk, grant: Grant): Promise<GrantView> {
  const [view] = await grantViews(desk, [grant])
  if (view === undefined) throw new Error('one grant has one view')
  return view
}

/** What every gateway that it concerned did about it. */
export function confirmationViews(confirmed: Revocation['confirmed']): readonly Confirmation[] {
  return confirmed.map(({ gateway, how, milliseconds, at }) => ({ gateway, how, milliseconds, at: formatInstant(at) }))
}

export async function endedGrantView(desk: Desk, { grant, confirmed }: Revocation): Promise<EndedGrantView> {
  return { ...(await oneGrantView(desk, grant)), confirmed: confirmationViews(confirmed) }
}

function grantView(desk: Desk, grant: Grant, approvals: readonly Approval[], uses: readonly UsesView[]): GrantView {
  const { id, state, task, policies, tier, ending } = grant
  const ticket = [...task.proved, ...task.claimed].find((fact) => fact.name === 'ticket')?.value
  const locked = state === 'pending' && isLocked(desk, answerableGrant(grant), desk.clock.now())
  return {
    id,
    state,
    chain: grant.chain.map((link) => nameOf(desk, link)),
    task: { kind: task.kind, statement: task.statement, ...(ticket === undefined ? {} : { ticket }) },
    scope: grant.scope.map(describeScopeLine),
    tier,
    duration: formatDuration(grant.duration),
    durationMax: formatDuration(grant.durationMax),
    approval: describeRequirement(grant.requirement),
    approvals: approvalViews(desk, approvals),
    ...(locked ? { locked } : {}),
    ...(grant.untrusted === undefined ? {} : { untrusted: true }),
    ...(grant.exception === undefined ? {} : { exception: grant.exception }),
    policies,
    ...(grant.continues === undefined ? {} : { continues: grant.continues }),
    requestedAt: formatInstant(grant.requestedAt),
    pendingUntil: formatInstant(grant.pendingUntil),
    ...instants({ claimBy: grant.claimBy, activatedAt: grant.activatedAt, expiresAt: grant.expiresAt, endedAt: grant.endedAt }),
    ...(ending === undefined ? {} : { ending }),
    uses,
    page: `${desk.pages().origin}/requests/${id}`,
  }
}

function readView({ operation, at }: UntrustedReading): NonNullable<GrantView['read']> {
  return { operation, since: formatInstant(at) }
}

export function approvalViews(desk: Pick<Desk, 'facts'>, approvals: readonly Approval[]): ApprovalView[] {
  return approvals.map(({ person, decision, at, letInBy }) => ({
    person: nameOf(desk, person),
    decision,
    at: formatInstant(at),
    ...(letInBy === undefined ? {} : { letInBy }),
  }))
}

const subjectsAtOnce = 50

/** At most a handful of persons answer one thing, so a page of a thousand holds the answers to fifty. */
export async function approvalsOf(tx: Reading, subjects: readonly { readonly id: string }[]): Promise<Approval[]> {
  const found: Approval[] = []
  for (let from = 0; from < subjects.length; from += subjectsAtOnce) {
    const subject = subjects.slice(from, from + subjectsAtOnce).map((each) => each.id)
    found.push(...(await tx.find('approval', { subject }, { max: 1_000 })))
  }
  return found
}

async function spentOf(tx: Reading, grants: readonly Grant[]): Promise<Map<string, Uses>> {
  const spent = new Map<string, Uses>()
  // A grant has at most 32 lines.
  for (let from = 0; from < grants.length; from += 30) {
    const grant = grants.slice(from, from + 30).map((each) => each.id)
    for (const uses of await tx.find('uses', { grant }, { max: 1_000 })) spent.set(uses.id, uses)
  }
  return spent
}
