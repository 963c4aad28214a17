/** The end of a session, and of what was held on it, inside the transaction of whatever ended it. */
import type { Hold, Session } from '../model/grants.ts'
import { holdLife, sessionLife, step } from '../model/lives.ts'
import { note } from './desk.ts'
import { everyRecord } from './every-record.ts'
import type { Change } from './ports.ts'

export interface SessionEnding {
  readonly how: string
  readonly by: string
}

/** live → ended; held actions of it are withdrawn, since nobody could come back for them. */
export async function endSession(tx: Change, session: Session, { how, by }: SessionEnding): Promise<void> {
  const state = step(sessionLife, session.state, 'end')
  if (state === undefined) return
  await tx.put('session', { ...session, state, endedAt: tx.now })
  await note(tx, { kind: 'session.ended', actor: by, subject: session.id, facts: { grant: session.grant, how } })
  for await (const hold of everyRecord(tx, 'hold', { session: session.id, state: ['waiting', 'approved'] })) {
    const withdrawn = step(holdLife, hold.state, 'withdraw')
    if (withdrawn === undefined) continue
    await tx.put('hold', { ...withoutBody(hold), state: withdrawn, closedAt: tx.now, reason: `its session ended: ${how}` })
    await note(tx, { kind: 'hold.withdrawn', actor: by, subject: hold.id, facts: { grant: session.grant, how } })
  }
}

/** A hold that closes keeps its digest; the body and the whole definition that people were shown are erased. */
export function withoutBody(hold: Hold): Hold {
  const { body: _erased, definition, ...action } = hold.action
  if (definition === undefined) return { ...hold, action }
  const { says: _whole, ...shown } = definition
  return { ...hold, action: { ...action, definition: shown } }
}
