/** A yes or no to a request for a grant: it may take away time, lines and uses. */
import { done, type Result } from '../kernel/result.ts'
import type { Grant } from '../model/grants.ts'
import { grantLife, step } from '../model/lives.ts'
import { isSatisfied } from '../model/requirements.ts'
import { type Became, type Settling, type SubjectKind, yesSayers } from './answer-subjects.ts'
import { endGrant } from './end-grant.ts'
import { narrow } from './narrow.ts'
import { approveGrant } from './request-grant.ts'
import { answerableGrant } from './rights.ts'
import { moveEnd } from './work-window.ts'

export const grantSubject: SubjectKind = {
  async find(desk, id) {
    const grant = await desk.store.read((tx) => tx.get('grant', id))
    return grant === undefined ? undefined : { digest: grant.digest, answerable: answerableGrant(grant) }
  },
  async ask(_desk, { subject }) {
    return done({
      async open(tx) {
        const grant = await tx.get('grant', subject)
        if (grant === undefined) return done(undefined)
        return done({
          answerable: answerableGrant(grant),
          digest: grant.digest,
          state: grant.state,
          isOpen: grant.state === 'pending' && tx.now < grant.pendingUntil,
          fits: (narrowing) => {
            const narrowed = narrow(grant, narrowing)
            return narrowed.ok ? done(undefined) : narrowed
          },
          settle: (settling) => settleGrant(settling, grant),
        })
      },
    })
  },
}

async function settleGrant({ desk, tx, person, approval }: Settling, grant: Grant): Promise<Result<Became>> {
  if (approval.decision === 'deny') {
    const denied = await endGrant(tx, grant, { how: 'denied', by: person.name, reason: 'denied by a person' })
    return done({ state: denied.state, grant: denied })
  }
  const narrowed = narrow(grant, approval.narrowing)
  if (!narrowed.ok) return narrowed
  const yes = await yesSayers(desk, tx, grant.id, answerableGrant(grant))
  const enough = isSatisfied(grant.requirement, yes) && step(grantLife, grant.state, 'approve') !== undefined
  const next = enough ? await approveGrant(tx, narrowed.value, person.name) : narrowed.value
  await tx.put('grant', next)
  const moves = enough && next.continues !== undefined
  return done({ state: next.state, grant: moves ? await moveEnd(desk, tx, next) : next })
}
