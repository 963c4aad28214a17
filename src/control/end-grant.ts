/** Every way a grant ends, and what ends with it: sessions, held actions, in the same transaction. */
import type { GrantId } from '../kernel/ids.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Ending, Grant } from '../model/grants.ts'
import { type GrantEvent, grantLife, step } from '../model/lives.ts'
import { type Caller, type Desk, note } from './desk.ts'
import { endSession } from './end-session.ts'
import { closeExceptionOf } from './exception-ending.ts'
import { everyRecord } from './every-record.ts'
import type { Change } from './ports.ts'
import { callerMay, isParty, maySee } from './rights.ts'
import type { Confirmation, Mark } from './stopping.ts'

/** Ends a grant in whatever open state it is, and everything that lived by it. A closed one stays as it is. */
export async function endGrant(tx: Change, grant: Grant, ending: Ending): Promise<Grant> {
  const state = step(grantLife, grant.state, eventOf(grant, ending))
  if (state === undefined) return grant
  const ended: Grant = { ...grant, state, endedAt: tx.now, ending }
  await tx.put('grant', ended)
  await note(tx, {
    kind: `grant.${state}`,
    actor: ending.by,
    subject: grant.id,
    facts: { how: ending.how, reason: ending.reason },
  })
  for await (const session of everyRecord(tx, 'session', { grant: grant.id, state: 'live' })) {
    await endSession(tx, session, ending)
  }
  await closeExceptionOf(tx, ended, ending)
  const [actor] = grant.chain
  if (state === 'ended' && actor !== undefined) {
    for await (const more of everyRecord(tx, 'grant', { actor, state: 'pending' }))
      if (more.continues === grant.id)
        await endGrant(tx, more, { how: 'withdrawn', by: ending.by, reason: 'what it would have continued has ended' })
  }
  return ended
}

/** Before the window a grant is withdrawn or goes unclaimed; in it, it ends. */
function eventOf(grant: Grant, ending: Ending): GrantEvent {
  switch (grant.state) {
    case 'requested':
      return 'deny'
    case 'pending':
      return ending.how === 'denied' ? 'deny' : 'withdraw'
    case 'approved':
      return 'unclaim'
    default:
      return 'end'
  }
}

/** The task is done: its own chain says so. */
export async function completeGrant(desk: Desk, caller: Caller, id: GrantId, reason: string): Promise<Result<Revocation>> {
  return closeOwn(desk, caller, id, (grant) => ({
    how: grant.state === 'active' ? 'completed' : 'withdrawn',
    by: caller.actor.name,
    reason,
  }))
}

/** The wrapped command's end, its kill or its silence. */
export async function abandonGrant(desk: Desk, caller: Caller, id: GrantId, reason: string): Promise<Result<Revocation>> {
  return closeOwn(desk, caller, id, (grant) => ({
    how: grant.state === 'active' ? 'abandoned' : 'withdrawn',
    by: caller.actor.name,
    reason,
  }))
}

async function closeOwn(desk: Desk, caller: Caller, id: GrantId, ending: (grant: Grant) => Ending): Promise<Result<Revocation>> {
  let mark = desk.stopping.mark()
  const closed = await desk.store.change(async (tx) => {
    const grant = await tx.get('grant', id)
    if (grant === undefined || grant.space !== desk.space || !maySee(desk, caller, grant.chain)) return refuse('not-found')
    if (!grant.chain.includes(caller.actor.id))
      return refuse('caller.not-allowed', { detail: 'only whoever acts under it says that it is done; revoke it instead' })
    mark = beforeItsEnd(mark, grant)
    return done(await endGrant(tx, grant, ending(grant)))
  })
  return closed.ok ? done({ grant: closed.value, confirmed: await desk.stopping.confirmed(mark) }) : closed
}

export interface Revocation {
  readonly grant: Grant
  /** What each gateway that it concerned did about it, and how long that took. */
  readonly confirmed: readonly Confirmation[]
}

/** It may have ended a moment ago, for another reason, and not have stopped everywhere: then whoever asks again waits as the first one does. */
function beforeItsEnd(mark: Mark, grant: Grant): Mark {
  return grant.endedAt === undefined ? mark : { ...mark, version: 0 }
}

/** Stop: its parties, their owners, and whoever may stop at the desk. Answers once every gateway has confirmed. */
export async function revokeGrant(desk: Desk, caller: Caller, id: GrantId, reason: string): Promise<Result<Revocation>> {
  let mark = desk.stopping.mark()
  const revoked = await desk.store.change(async (tx) => {
    const grant = await tx.get('grant', id)
    const mayStop = callerMay(desk, caller, 'stop').ok
    if (grant === undefined || grant.space !== desk.space) return refuse('not-found')
    if (!mayStop && !isParty(desk, caller, grant.chain))
      return refuse(maySee(desk, caller, grant.chain) ? 'caller.not-allowed' : 'not-found')
    mark = beforeItsEnd(mark, grant)
    return done(await endGrant(tx, grant, { how: grant.state === 'active' ? 'revoked' : 'withdrawn', by: caller.actor.name, reason }))
  })
  if (!revoked.ok) return revoked
  return done({ grant: revoked.value, confirmed: await desk.stopping.confirmed(mark) })
}
