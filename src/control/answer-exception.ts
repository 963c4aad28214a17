/** A yes or no to an exception: a yes may take away time, lines and uses, and makes the grant through which a scope is permitted. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { reach } from '../decision/ask.ts'
import { answersFor, blastOfDesk, blastOfScope, outgrown } from '../decision/exceptions.ts'
import { chainStands, type DecisionFacts } from '../decision/facts.ts'
import type { Instant } from '../kernel/instants.ts'
import type { Grant, Narrowing, ScopeEntry } from '../model/grants.ts'
import type { Blast, DeskAction, StandingException } from '../model/identities.ts'
import { exceptionLife, grantLife, step } from '../model/lives.ts'
import { isSatisfied, noRequirement } from '../model/requirements.ts'
import { describeScopeLine } from '../model/scope.ts'
import { type Became, type Settling, type SubjectKind, yesSayers } from './answer-subjects.ts'
import { note } from './desk.ts'
import { closeException } from './exception-ending.ts'
import { answerableException, endException } from './exceptions.ts'
import { narrowLine, strayLimit } from './narrow.ts'

export const exceptionSubject: SubjectKind = {
  async find(desk, id) {
    const exception = await desk.store.read((tx) => tx.get('exception', id))
    if (exception === undefined) return undefined
    return { digest: exception.digest, answerable: answerableException(desk.facts, exception) }
  },
  async ask(desk, { subject }) {
    return done({
      async open(tx) {
        const exception = await tx.get('exception', subject)
        if (exception === undefined) return done(undefined)
        return done({
          answerable: answerableException(desk.facts, exception),
          digest: exception.digest,
          state: exception.state,
          isOpen: exception.state === 'proposed' && tx.now < exception.answerBy,
          fits: (narrowing) => {
            const narrowed = narrowException(desk.facts, exception, narrowing, tx.now)
            return narrowed.ok ? done(undefined) : narrowed
          },
          settle: (settling) => settleException(settling, exception),
        })
      },
    })
  },
}

async function settleException({ desk, tx, person, approval }: Settling, exception: StandingException): Promise<Result<Became>> {
  if (approval.decision === 'deny') {
    const denied = await closeException(tx, exception, { how: 'denied', by: person.name, reason: 'denied by a person' })
    return done({ state: denied.state, exception: denied })
  }
  const { facts } = desk
  const stands = chainStands(facts, [exception.identity])
  if (!stands.ok) return stands
  if (!answersFor(facts, exception.owner)) return refuse('exception.owner', { detail: 'its owner is not a live person any more' })
  const narrowed = narrowException(facts, exception, approval.narrowing, tx.now)
  if (!narrowed.ok) return narrowed
  const about = answerableException(facts, exception)
  const state = step(exceptionLife, exception.state, 'approve')
  if (state === undefined || !isSatisfied(about.requirement, await yesSayers(desk, tx, exception.id, about)))
    return done({ state: exception.state, exception })
  const grant = narrowed.value.scope.length === 0 ? undefined : permitOf(desk.chance.id('grn', tx.now), narrowed.value, tx.now)
  const active: StandingException = {
    ...narrowed.value,
    state,
    approvedAt: tx.now,
    standingSince: exception.standingSince ?? tx.now,
    ...(grant === undefined ? {} : { grant: grant.id }),
  }
  await tx.put('exception', active)
  const { identity, scope, deskActions, expiresAt, renews } = active
  const who = facts.identity(identity)?.name ?? identity
  const permits = { identity: who, scope: scope.map(describeScopeLine), deskActions: [...deskActions], expiresAt }
  await note(tx, { kind: 'exception.approved', actor: person.name, subject: active.id, facts: permits })
  if (grant !== undefined) await activate(tx, grant, person.name)
  const before = renews === undefined ? undefined : await tx.get('exception', renews)
  if (before?.state === 'active')
    await endException(tx, before, { how: 'renewed', by: person.name, reason: `${active.id} takes its place` })
  return done({ state: active.state, exception: active })
}

/**
 * The grant through which an exception permits: sessions, cuts, counting and revocation are then those of any grant. Nobody has to be
 * eligible for it, since people approved exactly this, and no idle time ends it.
 */
function permitOf(id: Grant['id'], exception: StandingException, now: Instant): Grant {
  const duration = exception.expiresAt - now
  return {
    id,
    space: exception.space,
    chain: [exception.identity],
    task: { kind: 'exception', statement: exception.reason, claimed: [], proved: [] },
    scope: exception.scope,
    tier: exception.blast.tier,
    exception: exception.id,
    state: 'requested',
    duration,
    durationMax: duration,
    requirement: noRequirement,
    policies: [],
    digest: exception.digest,
    idleMax: duration,
    requestedAt: exception.createdAt,
    pendingUntil: exception.answerBy,
    approvedAt: now,
    claimBy: now,
    activatedAt: now,
    expiresAt: exception.expiresAt,
  }
}

/** Through every step of a grant's life in one change: what was signed was all of them. */
async function activate(tx: Settling['tx'], grant: Grant, by: string): Promise<void> {
  let { state } = grant
  for (const event of ['submit', 'approve', 'activate'] as const) state = step(grantLife, state, event) ?? state
  await tx.put('grant', { ...grant, state })
  await note(tx, {
    kind: 'grant.activated',
    actor: by,
    subject: grant.id,
    facts: {
      exception: grant.exception ?? '',
      scope: grant.scope.map(describeScopeLine),
      duration: grant.duration,
      claimBy: grant.claimBy ?? 0,
      expiresAt: grant.expiresAt ?? 0,
    },
  })
}

/**
 * The exception with less in it, or `approval.widens`. Lines are numbered from 0 as they stand in it, and are desk actions where it has
 * no scope; a duration counts from the signature. Refuses `exception.outgrown` where it would permit more by now than was proposed.
 */
export function narrowException(
  facts: DecisionFacts,
  exception: StandingException,
  narrowing: Narrowing,
  now: Instant,
): Result<StandingException> {
  const { duration, lines } = narrowing
  const expiresAt = duration === undefined ? exception.expiresAt : now + duration
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= now || expiresAt > exception.expiresAt)
    return refuse('approval.widens', { detail: 'duration' })
  const more = outgrown(facts, exception)
  if (more !== undefined) return refuse('exception.outgrown', { detail: more })
  const all = exception.scope.length === 0 ? exception.deskActions : exception.scope
  const kept = lines ?? [...all.keys()]
  if (kept.length === 0 || new Set(kept).size !== kept.length || kept.some((line) => all[line] === undefined))
    return refuse('approval.widens', { detail: 'lines' })
  const stray = strayLimit(narrowing, exception.scope.length === 0 ? [] : kept)
  if (stray !== undefined) return refuse('approval.widens', { detail: stray })
  const scope: ScopeEntry[] = []
  const deskActions: DeskAction[] = []
  for (const line of kept.toSorted((a, b) => a - b)) {
    const action = exception.deskActions[line]
    if (exception.scope.length === 0 && action !== undefined) deskActions.push(action)
    const entry = exception.scope[line]
    if (entry === undefined) continue
    const less = narrowLine(entry, line, narrowing)
    if (!less.ok) return less
    scope.push(less.value)
  }
  const blast = narrowedBlast(facts, exception, { scope, deskActions })
  return blast.ok ? done({ ...exception, expiresAt, scope, deskActions, blast: blast.value }) : blast
}

/** Of the operations that people were told of, those which the lines that stay reach. */
function narrowedBlast(
  facts: DecisionFacts,
  { blast }: StandingException,
  { scope, deskActions }: Pick<StandingException, 'scope' | 'deskActions'>,
): Result<Blast> {
  if (scope.length === 0) return done(blastOfDesk(deskActions).blast)
  const reached = reach(facts, scope)
  if (!reached.ok) return reached
  const told = reached.value.filter(({ service, route }) => blast.operations.includes(`${service.id}/${route.name}`))
  const left = blastOfScope(told)
  return left.ok ? done(left.value.blast) : left
}
