/** People of the simulation at a desk: they sign in by their passkey, answer with it, and stop what must stop. */
import { answer, type Answered, prepareAnswer } from '../../../src/control/answer.ts'
import type { Caller, Desk } from '../../../src/control/desk.ts'
import { controlAudience } from '../../../src/control/identify.ts'
import { parseId } from '../../../src/kernel/ids.ts'
import { refuse } from '../../../src/kernel/refusals.ts'
import { mustBe, type Result } from '../../../src/kernel/result.ts'
import { isSubjectId } from '../../../src/model/grants.ts'
import { signAs } from './quick-ports.ts'

/** The whole ceremony: question, signature, answer. */
export async function answerAs(desk: Desk, name: string, subject: string, decision: 'approve' | 'deny'): Promise<Result<Answered>> {
  const person = desk.facts.identityNamed(name)
  if (person === undefined || !isSubjectId(subject)) return refuse('not-found')
  const prepared = await prepareAnswer(desk, person, { subject, decision, narrowing: {} })
  if (!prepared.ok) return prepared
  const { challenge } = prepared.value
  return answer(desk, person, { challenge, response: signAs(name, challenge) })
}

/** A person at the desk. */
export function personAt(desk: Desk, name: string): Caller {
  const actor = desk.facts.identityNamed(name)
  if (actor === undefined) throw new Error(`nobody is called ${name}`)
  const [passkey] = desk.facts.proofs.passkeysOf(actor.id)
  const now = desk.clock.now()
  const jti = mustBe(parseId('tok', desk.chance.id('tok', now)))
  const claims = {
    jti,
    space: desk.space,
    chain: [actor.id],
    provedBy: passkey?.id ?? '',
    audience: controlAudience(desk.space),
    issuedAt: now,
    expiresAt: now + 3_600_000,
    proved: {},
  }
  return { actor, chain: [actor], claims, address: '127.0.0.1' }
}
