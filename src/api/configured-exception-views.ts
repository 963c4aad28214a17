/** Exceptions of a document as they are shown: what would be proposed, and what became of each. */
import { formatInstant } from '../kernel/instants.ts'
import { describeRefusal } from '../kernel/refusals.ts'
import type { Planned } from '../control/change-sets.ts'
import type { ConfiguredOutcome } from '../control/configured-exceptions.ts'
import type { Desk } from '../control/desk.ts'
import type { ConfiguredException } from '../model/configured-exceptions.ts'
import type { ConfiguredOutcomeView, PlanView, ProposedExceptionView } from '../wire/configuration.ts'

export function planView({ exceptions, ...plan }: Planned): PlanView {
  return { ...plan, ...(exceptions === undefined ? {} : { exceptions: exceptions.map(toPropose) }) }
}

function toPropose({ identity, owner, scope, deskActions, reason, expiresAt }: ConfiguredException): ProposedExceptionView {
  const what = scope.length > 0 ? scope.join(', ') : `at the desk: ${deskActions.join(', ')}`
  return { identity, says: `keeps ${what}; ${owner} answers for it; until ${formatInstant(expiresAt)}: ${reason}` }
}

export function outcomeView(desk: Desk, { identity, exception, refusal }: ConfiguredOutcome): ConfiguredOutcomeView {
  if (exception === undefined) return { identity, ...(refusal === undefined ? {} : { refusal: describeRefusal(refusal) }) }
  const { id, state } = exception
  return { identity, id, state, page: `${desk.pages().origin}/exceptions/${id}` }
}
