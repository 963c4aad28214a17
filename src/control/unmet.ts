/** Why an action that would be allowed, or held, is refused all the same: whoever asks cannot do, or has not said, what it takes. */
import type { Answer } from '../decision/decide.ts'
import { type Refusal, refuse } from '../kernel/refusals.ts'
import { describeObligations, namesOf } from '../model/obligations.ts'
import type { Call } from './ports.ts'

/** Nobody is asked to approve, and nothing is let through, that would not be done as a duty demands. */
export function unmetDuty(
  { meets = [] }: Call,
  { obligations, duties }: Pick<Exclude<Answer, { outcome: 'deny' }>, 'obligations' | 'duties'>,
): Refusal | undefined {
  const unmet = namesOf(obligations).filter((name) => name !== 'evidence' && !meets.includes(name))
  if (unmet.length === 0) return undefined
  const demanded = describeObligations(obligations)
  return refuse('action.duty-unmet', { detail: `${duties.join(', ')}: ${demanded}`, policies: duties }).refusal
}

/** A tool is called only as what its server says that it is; of this one nobody has said so. */
export function unheard({ action: { protocol, verb, definition }, heard }: Pick<Call, 'action' | 'heard'>): Refusal | undefined {
  if (protocol !== 'mcp' || verb !== 'tools/call') return undefined
  if (heard?.ok === false) return heard.refusal
  return definition === undefined ? refuse('action.definition-unknown').refusal : undefined
}
