/** The work window of a grant: it starts when the grant is activated, may be extended by a new decision, and has one absolute end. */
import type { GrantId } from '../kernel/ids.ts'
import { formatDuration, type Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { mayAsk } from '../decision/ask.ts'
import { isLive } from '../decision/decide.ts'
import type { Grant } from '../model/grants.ts'
import { grantLife, step } from '../model/lives.ts'
import { needsPersons } from '../model/requirements.ts'
import { type Caller, type Desk, machinery, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { claimsStand } from './identify.ts'
import type { Change } from './ports.ts'
import { makeGrant, pendingMax, priceFor, submit, withAPerson } from './request-grant.ts'
import { maySee } from './rights.ts'
import { inWords, stillAskable, stillGiven } from './still-stands.ts'

/** approved → active: eligibility, and the approvals it costs, are checked again, then the clock starts. Repeating it on an active grant answers the same grant. */
export async function activateGrant(desk: Desk, caller: Caller, id: GrantId): Promise<Result<Grant>> {
  const outcome = await desk.store.change<Result<Grant>>(async (tx) => {
    const found = await ownGrant(desk, tx, caller, id)
    if (!found.ok) return found
    const grant = found.value
    if (grant.state === 'active') return done(isLive(grant, tx.now) ? done(grant) : refuse('grant.ended'))
    if (grant.state === 'unclaimed') return refuse('grant.unclaimed')
    const state = step(grantLife, grant.state, 'activate')
    if (state === undefined) return refuse('grant.wrong-state', { detail: `it is ${grant.state}` })
    if (grant.claimBy === undefined || tx.now >= grant.claimBy) {
      await endGrant(tx, grant, { how: 'unclaimed', by: 'remit', reason: 'not activated in time' })
      return done(refuse('grant.unclaimed'))
    }
    const still = stillGiven(desk, grant, tx.now)
    if (!still.ok) {
      // It was approved under rules that no longer hold: it ends here rather than wait for better times.
      await endGrant(tx, grant, { how: 'revoked', by: 'remit', reason: inWords(still.refusal) })
      return done(still)
    }
    const active: Grant = { ...grant, state, activatedAt: tx.now, expiresAt: tx.now + grant.duration }
    await tx.put('grant', active)
    await note(tx, { kind: 'grant.activated', actor: caller.actor.name, subject: id, facts: { expiresAt: tx.now + grant.duration } })
    return done(done(active))
  })
  return outcome.ok ? outcome.value : outcome
}

/**
 * A later end, with a reason: a new decision under the rules of now, and never beyond the most the grant may ever last. Where that decision
 * needs people it becomes a request of its own, which `continues` this grant: they sign it as any other, until then the old end stands,
 * and their yes moves it. Answers the grant with its later end, or the request that waits.
 */
export async function extendGrant(
  desk: Desk,
  caller: Caller,
  id: GrantId,
  by: { readonly milliseconds: Milliseconds; readonly reason: string },
): Promise<Result<Grant>> {
  return desk.store.change(async (tx) => {
    const found = await ownGrant(desk, tx, caller, id)
    if (!found.ok) return found
    const grant = found.value
    if (!isLive(grant, tx.now) || grant.activatedAt === undefined || grant.expiresAt === undefined) {
      return refuse(grant.state === 'active' || grant.state === 'ended' ? 'grant.ended' : 'grant.wrong-state', {
        detail: `it is ${grant.state}`,
      })
    }
    const duration = grant.expiresAt + by.milliseconds - grant.activatedAt
    if (duration > grant.durationMax) {
      const left = grant.activatedAt + grant.durationMax - grant.expiresAt
      return refuse('grant.extension-refused', {
        detail: left > 0 ? `at most ${formatDuration(left)} more` : `it lasts at most ${formatDuration(grant.durationMax)} in all`,
      })
    }
    const task = { ...grant.task, statement: by.reason }
    const still = mayAsk(desk.facts, { chain: caller.chain, task, scope: grant.scope, duration }, tx.now)
    if (!still.ok) return still
    const priced = await priceFor(desk, tx, caller.chain, still.value)
    if (!priced.ok) return priced
    const { read } = priced.value
    const price = grant.untrusted === true ? withAPerson(still.value) : priced.value.price
    if (needsPersons(price.requirement)) {
      const waiting = [...desk.facts.openGrantsOf(caller.actor.id)].find((each) => each.continues === id)
      if (waiting !== undefined) return refuse('grant.extension-refused', { detail: `${waiting.id} waits for an answer already` })
      const eligible = { ...price, duration: by.milliseconds, durationMax: by.milliseconds }
      const { scope, idleMax: idle, expiresAt } = grant
      const pendingUntil = Math.min(tx.now + pendingMax, expiresAt)
      return done(
        await submit(
          tx,
          caller,
          makeGrant(desk, tx, caller, { task, scope, eligible, idle, pendingUntil, continues: id, read, untrusted: grant.untrusted }),
          read,
        ),
      )
    }
    const extended: Grant = { ...grant, duration, expiresAt: grant.activatedAt + duration }
    await tx.put('grant', extended)
    await note(tx, {
      kind: 'grant.extended',
      actor: caller.actor.name,
      subject: id,
      facts: { expiresAt: grant.activatedAt + duration, reason: by.reason },
    })
    return done(extended)
  })
}

/** A request for more time was approved: the grant that it continues ends later, stands on the new yes, and the request is over. */
export async function moveEnd(desk: Desk, tx: Change, approved: Grant): Promise<Grant> {
  const grant = approved.continues === undefined ? undefined : await tx.get('grant', approved.continues)
  const { expiresAt, activatedAt } = grant ?? {}
  const mayStill = stillAskable(desk, approved, tx.now)
  if (grant === undefined || expiresAt === undefined || activatedAt === undefined || !isLive(grant, tx.now) || !mayStill.ok) {
    const reason = mayStill.ok ? 'what it would have continued has ended' : inWords(mayStill.refusal)
    return endGrant(tx, approved, { how: 'unclaimed', by: machinery, reason })
  }
  const duration = expiresAt + approved.duration - activatedAt
  const later = activatedAt + duration
  if (duration > grant.durationMax)
    return endGrant(tx, approved, { how: 'unclaimed', by: machinery, reason: 'it would last longer than it may' })
  const { approvedBy = [], untrusted } = approved
  // Asked for after untrusted results, what lasts longer stands on that yes alone, also where policy asked nobody for what there was.
  await tx.put('grant', { ...grant, duration, expiresAt: later, approvedBy, ...(untrusted === undefined ? {} : { untrusted }) })
  await note(tx, {
    kind: 'grant.extended',
    actor: machinery,
    subject: grant.id,
    facts: { expiresAt: later, reason: approved.task.statement, request: approved.id },
  })
  const used: Grant = {
    ...approved,
    state: step(grantLife, approved.state, 'activate') ?? approved.state,
    activatedAt: tx.now,
    expiresAt: later,
  }
  await tx.put('grant', used)
  await note(tx, { kind: 'grant.activated', actor: machinery, subject: approved.id, facts: { expiresAt: later, continues: grant.id } })
  return endGrant(tx, used, { how: 'completed', by: machinery, reason: `its time went to ${grant.id}` })
}

/** A grant of this very chain, which still stands, or `not-found`. */
async function ownGrant(desk: Desk, tx: Change, caller: Caller, id: GrantId): Promise<Result<Grant>> {
  const standing = claimsStand(desk, caller.claims)
  if (!standing.ok) return standing
  const grant = await tx.get('grant', id)
  if (grant === undefined || grant.space !== desk.space || !maySee(desk, caller, grant.chain)) return refuse('not-found')
  const own = grant.chain.length === caller.chain.length && grant.chain.every((link, place) => link === caller.chain[place]?.id)
  return own ? done(grant) : refuse('caller.not-allowed', { detail: 'only the chain it was granted to may do this' })
}
