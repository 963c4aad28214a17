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
import { type Caller, type Desk, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { claimsStand } from './identify.ts'
import type { Change } from './ports.ts'
import { maySee } from './rights.ts'
import { stillGiven } from './still-stands.ts'

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
    const still = await stillGiven(desk, tx, grant)
    if (!still.ok) {
      // It was approved under rules that no longer hold: it ends here rather than wait for better times.
      await endGrant(tx, grant, { how: 'revoked', by: 'remit', reason: 'no longer eligible when it was activated' })
      return done(still)
    }
    const active: Grant = { ...grant, state, activatedAt: tx.now, expiresAt: tx.now + grant.duration }
    await tx.put('grant', active)
    await note(tx, { kind: 'grant.activated', actor: caller.actor.name, subject: id, facts: { expiresAt: tx.now + grant.duration } })
    return done(done(active))
  })
  return outcome.ok ? outcome.value : outcome
}

/** A later end, with a reason: a new decision under the rules of now, and never beyond the most the grant may ever last. */
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
    const still = mayAsk(desk.facts, { chain: caller.chain, task: grant.task, scope: grant.scope, duration }, tx.now)
    if (!still.ok) return still
    if (needsPersons(still.value.requirement)) {
      return refuse('grant.extension-refused', { detail: 'people approved this length; ask for a new grant, which they can approve' })
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

/** A grant of this very chain, which still stands, or `not-found`. */
async function ownGrant(desk: Desk, tx: Change, caller: Caller, id: GrantId): Promise<Result<Grant>> {
  const standing = claimsStand(desk, caller.claims)
  if (!standing.ok) return standing
  const grant = await tx.get('grant', id)
  if (grant === undefined || grant.space !== desk.space || !maySee(desk, caller, grant.chain)) return refuse('not-found')
  const own = grant.chain.length === caller.chain.length && grant.chain.every((link, place) => link === caller.chain[place]?.id)
  return own ? done(grant) : refuse('caller.not-allowed', { detail: 'only the chain it was granted to may do this' })
}
