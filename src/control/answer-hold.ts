/** A yes or no to one held action: exactly this action, whole. */
import { done, type Result } from '../kernel/result.ts'
import type { Hold } from '../model/grants.ts'
import { holdLife, step } from '../model/lives.ts'
import { isSatisfied } from '../model/requirements.ts'
import { type Became, type Settling, type SubjectKind, takesNothingAway, yesSayers } from './answer-subjects.ts'
import { note } from './desk.ts'
import { withoutBody } from './end-session.ts'
import { answerableHold } from './rights.ts'

/** How long an approved hold may be used. */
const useMax = 300_000

export const holdSubject: SubjectKind = {
  async find(desk, id) {
    const hold = await desk.store.read((tx) => tx.get('hold', id))
    return hold === undefined ? undefined : { digest: hold.digest, answerable: answerableHold(desk, hold) }
  },
  async ask(desk, { subject }) {
    return done({
      async open(tx) {
        const hold = await tx.get('hold', subject)
        if (hold === undefined) return done(undefined)
        return done({
          answerable: answerableHold(desk, hold),
          digest: hold.digest,
          state: hold.state,
          isOpen: hold.state === 'waiting' && tx.now < hold.answerBy,
          fits: takesNothingAway,
          settle: (settling) => settleHold(settling, hold),
        })
      },
    })
  },
}

async function settleHold({ desk, tx, person, approval }: Settling, hold: Hold): Promise<Result<Became>> {
  if (approval.decision === 'deny') {
    const denied: Hold = {
      ...withoutBody(hold),
      state: step(holdLife, hold.state, 'deny') ?? hold.state,
      closedAt: tx.now,
      reason: `denied by ${person.name}`,
    }
    await tx.put('hold', denied)
    await note(tx, { kind: 'hold.denied', actor: person.name, subject: hold.id, facts: { digest: hold.digest } })
    return done({ state: denied.state, hold: denied })
  }
  const yes = await yesSayers(desk, tx, hold.id, answerableHold(desk, hold))
  if (!isSatisfied(hold.requirement, yes)) return done({ state: hold.state, hold })
  const approved: Hold = { ...hold, state: step(holdLife, hold.state, 'approve') ?? hold.state, approvedAt: tx.now, useBy: tx.now + useMax }
  await tx.put('hold', approved)
  await note(tx, {
    kind: 'hold.approved',
    actor: person.name,
    subject: hold.id,
    facts: { digest: hold.digest, useBy: tx.now + useMax },
  })
  return done({ state: approved.state, hold: approved })
}
