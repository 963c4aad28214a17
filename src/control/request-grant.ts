/** Asking for a grant: one task, a scope, a time; approved by policy at once or pending until people answer. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../kernel/json.ts'
import type { GrantId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Eligible, mayAsk } from '../decision/ask.ts'
import type { Fact, Grant, ScopeEntry, Task } from '../model/grants.ts'
import type { Identity } from '../model/identities.ts'
import { grantLife, step } from '../model/lives.ts'
import { needsPersons } from '../model/requirements.ts'
import { describeScopeLine, parseScopeLine, scopeLinesMax } from '../model/scope.ts'
import { describeSelector } from '../model/selector.ts'
import type { UntrustedReading } from '../model/untrusted.ts'
import { type Caller, type Desk, note } from './desk.ts'
import { claimsStand } from './identify.ts'
import type { Change } from './ports.ts'
import { isLocked } from './rights.ts'
import { describeReading, readBy } from './untrusted.ts'

export interface GrantRequest {
  readonly task: string
  readonly statement: string
  readonly ticket?: string
  /** Lines as `parseScopeLine` reads them. */
  readonly scope: readonly string[]
  readonly duration?: Milliseconds
  readonly idle?: Milliseconds
  readonly heartbeat?: Milliseconds
}

export const pendingMax: Milliseconds = 24 * 3_600_000
export const claimMax: Milliseconds = 3_600_000
const idleDefault: Milliseconds = 600_000
const openRequestsMax = 50

/** Asks. Answers the grant as it stands: `approved` where policy needs nobody, else `pending`. */
export async function requestGrant(desk: Desk, caller: Caller, request: GrantRequest): Promise<Result<Grant>> {
  const scope = parseScope(request.scope)
  if (!scope.ok) return scope
  return desk.store.change(async (tx) => {
    const standing = claimsStand(desk, caller.claims)
    if (!standing.ok) return standing
    const task = taskOf(caller, request, tx.now)
    const chain = standing.value
    const asked = request.duration === undefined ? {} : { duration: request.duration }
    const eligible = mayAsk(desk.facts, { chain, task, scope: scope.value, ...asked }, tx.now)
    if (!eligible.ok) {
      return eligible
    }
    if ([...desk.facts.openGrantsOf(caller.actor.id)].length >= openRequestsMax)
      return refuse('request.too-many', { detail: `at most ${openRequestsMax}` })
    const { idle = idleDefault, heartbeat } = request
    const priced = await priceFor(desk, tx, chain, eligible.value)
    if (!priced.ok) return priced
    const { price, read } = priced.value
    const grant = makeGrant(desk, tx, caller, {
      task,
      scope: scope.value,
      eligible: price,
      idle,
      pendingUntil: tx.now + pendingMax,
      ...(heartbeat === undefined ? {} : { heartbeat }),
      ...(read === undefined ? {} : { read }),
    })
    return done(await submit(tx, caller, grant, read))
  })
}

export interface Price {
  readonly price: Eligible
  /** What somebody of the chain has read that anybody may have written: then this may be somebody else's wish. */
  readonly read?: UntrustedReading
}

/**
 * What it costs this chain. Whoever has read what anybody may have written is never answered by policy alone: at least one person is asked,
 * at a tier that asks nobody whoever may approve. Refuses `request.untrusted` where nobody may.
 */
export async function priceFor(desk: Desk, tx: Change, chain: readonly Identity[], eligible: Eligible): Promise<Result<Price>> {
  const ids = chain.map(({ id }) => id)
  const read = await readBy(tx, ids, tx.now)
  if (read === undefined) return done({ price: eligible })
  const price = withAPerson(eligible)
  if (isLocked(desk, { chain: ids, ...price }, tx.now)) return refuse('request.untrusted', { detail: describeReading(desk, read) })
  return done({ price, read })
}

export function withAPerson(eligible: Eligible): Eligible {
  const { requirement } = eligible
  return { ...eligible, requirement: { ...requirement, personsMin: Math.max(1, requirement.personsMin) } }
}

export function parseScope(lines: readonly string[]): Result<readonly ScopeEntry[]> {
  if (lines.length > scopeLinesMax) return refuse('input.invalid', { detail: `a scope has at most ${scopeLinesMax} lines` })
  const scope: ScopeEntry[] = []
  for (const line of lines) {
    const entry = parseScopeLine(line)
    if (!entry.ok) return entry
    scope.push(entry.value)
  }
  return scope.length === 0 ? refuse('scope.empty') : done(scope)
}

/** What the asker says is claimed; only what its verified token carried is proved. */
export function taskOf(caller: Caller, request: Pick<GrantRequest, 'task' | 'statement' | 'ticket'>, now: number): Task {
  const claimed: Fact[] =
    request.ticket === undefined ? [] : [{ name: 'ticket', value: request.ticket, source: caller.actor.name, at: now }]
  const proved = Object.entries(caller.claims.proved).map(([name, value]) => ({
    name,
    value,
    source: caller.claims.provedBy,
    at: caller.claims.issuedAt,
  }))
  return { kind: request.task, statement: request.statement, claimed, proved }
}

export interface Made {
  readonly task: Task
  readonly scope: readonly ScopeEntry[]
  readonly eligible: Eligible
  readonly idle: Milliseconds
  readonly heartbeat?: Milliseconds
  readonly pendingUntil: Instant
  /** The active grant that it asks more time for. */
  readonly continues?: GrantId
  /** It was asked for after this. */
  readonly read?: UntrustedReading | undefined
  /** … or more time is asked for what was. */
  readonly untrusted?: true | undefined
}

/** A request, not submitted yet. */
export function makeGrant(desk: Desk, tx: Change, caller: Caller, made: Made): Grant {
  const id = desk.chance.id('grn', tx.now)
  const chain = caller.chain.map((link) => link.id)
  const { task, scope, idle, pendingUntil } = made
  const { duration, durationMax, requirement, tier, policies } = made.eligible
  const more = {
    ...(made.continues === undefined ? {} : { continues: made.continues }),
    ...((made.untrusted ?? made.read !== undefined) ? { untrusted: true as const } : {}),
  }
  const form = canonicalJson({
    v: 1,
    grant: id,
    chain,
    task: { kind: task.kind, statement: task.statement, claimed: task.claimed.map(asPair), proved: task.proved.map(asPair) },
    scope: scope.map(describeScopeLine),
    duration,
    durationMax,
    ...more,
  })
  return {
    id,
    space: desk.space,
    chain,
    task,
    scope,
    tier,
    ...more,
    state: 'requested',
    duration,
    durationMax,
    requirement,
    policies,
    digest: `v1:${createHash('sha256').update(form).digest('hex')}`,
    idleMax: idle,
    ...(made.heartbeat === undefined ? {} : { heartbeat: made.heartbeat }),
    requestedAt: tx.now,
    pendingUntil,
  }
}

function asPair(fact: Fact): readonly [string, string] {
  return [fact.name, fact.value]
}

/** requested → pending, and on to approved where nobody needs to be asked. */
export async function submit(tx: Change, caller: Caller, requested: Grant, read?: UntrustedReading): Promise<Grant> {
  await note(tx, {
    kind: 'grant.requested',
    actor: caller.actor.name,
    subject: requested.id,
    facts: {
      chain: caller.chain.map((link) => link.name),
      task: requested.task.kind,
      statement: requested.task.statement,
      scope: requested.scope.map(describeScopeLine),
      tier: requested.tier,
      duration: requested.duration,
      approval: describeSelector(requested.requirement.selector),
      persons: requested.requirement.personsMin,
      policies: [...requested.policies],
      digest: requested.digest,
      ...(requested.continues === undefined ? {} : { continues: requested.continues }),
      ...(requested.untrusted === undefined ? {} : { untrusted: true }),
      ...(read === undefined ? {} : { read: { identity: read.identity, session: read.session, operation: read.operation, at: read.at } }),
    },
  })
  const pending: Grant = { ...requested, state: step(grantLife, requested.state, 'submit') ?? requested.state }
  const grant = needsPersons(pending.requirement) ? pending : await approveGrant(tx, pending, 'policy')
  await tx.put('grant', grant)
  return grant
}

/** pending → approved; the caller puts it. `by` is `policy` or the last person who was needed. */
export async function approveGrant(tx: Change, pending: Grant, by: string): Promise<Grant> {
  const approvals = needsPersons(pending.requirement) ? await tx.find('approval', { subject: pending.id }) : []
  const yes = approvals.filter((each) => each.decision === 'approve').map(({ person, passkey }) => ({ person, passkey }))
  const approved: Grant = {
    ...pending,
    state: step(grantLife, pending.state, 'approve') ?? pending.state,
    approvedAt: tx.now,
    ...(yes.length === 0 ? {} : { approvedBy: yes }),
    claimBy: tx.now + claimMax,
  }
  await note(tx, {
    kind: 'grant.approved',
    actor: by,
    subject: pending.id,
    facts: { claimBy: tx.now + claimMax, duration: approved.duration, scope: approved.scope.map(describeScopeLine) },
  })
  return approved
}
