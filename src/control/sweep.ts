/** What time and change end: grants, requests, holds, silent wrappers, idle windows. Runs often; what it ends is stored, not only computed. */
import type { Instant } from '../kernel/instants.ts'
import { done } from '../kernel/result.ts'
import { holdLife, step } from '../model/lives.ts'
import type { Ending, Grant, Hold } from '../model/grants.ts'
import type { Activity } from './activity.ts'
import { sweepChangeSets } from './change-sets.ts'
import { type Desk, machinery, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { everyRecord } from './every-record.ts'
import { endSession, withoutBody } from './end-session.ts'
import { sweepExceptions } from './exceptions-sweep.ts'
import { reevaluate } from './reevaluate.ts'
import { removeReadings } from './untrusted.ts'

const missedCallsMax = 3
/** One transaction ends at most so many, so that a crowd of them cannot hold the store. */
const batchMax = 200

/** Ends what is over by now. Answers how many. */
export async function sweep(desk: Desk, activity: Activity): Promise<number> {
  const fallen = (await reevaluate(desk)) + (await sweepExceptions(desk)) + (await sweepChangeSets(desk))
  const now = desk.clock.now()
  const grants = [...desk.facts.openGrants()].filter((grant) => overdue(grant, activity, now) !== undefined).slice(0, batchMax)
  const holds = [...desk.facts.holds()].filter((hold) => isOverdue(hold, now)).slice(0, batchMax)
  const sessions = [...desk.facts.liveSessions()].filter((session) => now >= session.endsAt).slice(0, batchMax)
  const bindings = [...desk.facts.bindings()].filter((binding) => now >= binding.expiresAt).slice(0, batchMax)
  if (grants.length + holds.length + sessions.length + bindings.length === 0) return fallen
  const swept = await desk.store.change(async (tx) => {
    let count = 0
    for (const { id } of grants) {
      const grant = await tx.get('grant', id)
      const ending = grant === undefined ? undefined : overdue(grant, activity, tx.now)
      if (grant === undefined || ending === undefined) continue
      await endGrant(tx, grant, ending)
      count += 1
    }
    for (const { id } of holds) {
      const hold = await tx.get('hold', id)
      if (hold === undefined || !isOverdue(hold, tx.now)) continue
      const reason = hold.state === 'waiting' ? 'nobody answered in time' : 'the approval was not used in time'
      await tx.put('hold', { ...withoutBody(hold), state: step(holdLife, hold.state, 'expire') ?? hold.state, closedAt: tx.now, reason })
      await note(tx, { kind: 'hold.expired', actor: machinery, subject: hold.id, facts: { reason } })
      count += 1
    }
    for (const { id } of sessions) {
      const session = await tx.get('session', id)
      if (session?.state !== 'live') continue
      await endSession(tx, session, { how: 'its token ended', by: machinery })
      count += 1
    }
    for (const { id } of bindings) await tx.remove('binding', id)
    return done(count)
  })
  return fallen + (swept.ok ? swept.value : 0)
}

/**
 * Removes the passing notes that are over: questions nobody signed, sign-ins, command lines that nobody confirmed. At most so many at a
 * time; answers how many.
 */
export async function removeExpired(desk: Desk): Promise<number> {
  const now = desk.clock.now()
  const over = await desk.store.read(async (tx) => {
    const found: { readonly kind: 'challenge' | 'signIn' | 'device'; readonly id: string }[] = []
    for (const kind of ['challenge', 'signIn', 'device'] as const) {
      for await (const { id, expiresAt } of everyRecord(tx, kind, {})) if (now >= expiresAt) found.push({ kind, id })
    }
    return found.slice(0, batchMax)
  })
  const readings = await removeReadings(desk, batchMax)
  if (over.length === 0) return readings
  const removed = await desk.store.change(async (tx) => {
    for (const { kind, id } of over) await tx.remove(kind, id)
    return done(over.length)
  })
  return readings + (removed.ok ? removed.value : 0)
}

function isOverdue(hold: Hold, now: Instant): boolean {
  if (hold.state === 'waiting') return now >= hold.answerBy
  return hold.state === 'approved' && hold.useBy !== undefined && now >= hold.useBy
}

/** Why a grant is over, or `undefined` while it is not. */
function overdue(grant: Grant, activity: Activity, now: Instant): Ending | undefined {
  const by = machinery
  switch (grant.state) {
    case 'requested':
    case 'pending':
      return now >= grant.pendingUntil ? { how: 'unanswered', by, reason: 'nobody answered in time' } : undefined
    case 'approved':
      return now >= (grant.claimBy ?? 0) ? { how: 'unclaimed', by, reason: 'not activated in time' } : undefined
    case 'active': {
      if (now >= (grant.expiresAt ?? 0)) return { how: 'expired', by, reason: 'its time is up' }
      const started = Math.max(grant.activatedAt ?? 0, activity.startedAt)
      if (grant.heartbeat !== undefined && now - (activity.lastCall(grant.id) ?? started) > grant.heartbeat * missedCallsMax) {
        return { how: 'abandoned', by, reason: `nothing was heard of its wrapper for ${missedCallsMax} intervals` }
      }
      const lastUse = activity.lastUse(grant.id) ?? started
      if (!activity.isInUse(grant.id) && now - lastUse >= grant.idleMax)
        return { how: 'abandoned', by, reason: 'nothing happened for the idle time' }
      return undefined
    }
    default:
      return undefined
  }
}
