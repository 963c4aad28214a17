/** What a signed-in person may see: what they are party to, what they may answer, and everything if they may audit. */
import { deskAllows, type Desk } from '../../control/desk.ts'
import { type Answerable, isParty, mayAnswer } from '../../control/rights.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Identity } from '../../model/identities.ts'

export function personMaySee(desk: Desk, person: Identity, subject: Answerable, now: Instant): boolean {
  return isParty(desk, { actor: person }, subject.chain) || personMayJudge(desk, person, subject, now)
}

/** Not for being party to it: whoever may answer, or audit, is shown what else its actor did. */
export function personMayJudge(desk: Desk, person: Identity, subject: Answerable, now: Instant): boolean {
  return mayAnswer(desk, person, subject, now).ok || deskAllows(desk, person, 'audit', now).ok
}
