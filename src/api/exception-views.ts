/** Exceptions as they are shown, with who answered. */
import { formatInstant } from '../kernel/instants.ts'
import type { Desk } from '../control/desk.ts'
import { blastInWords } from '../control/exception-words.ts'
import { answerableException } from '../control/exceptions.ts'
import { endsSoon } from '../control/exceptions-sweep.ts'
import { isLocked } from '../control/rights.ts'
import type { Approval } from '../model/grants.ts'
import type { StandingException } from '../model/identities.ts'
import { describeScopeLine } from '../model/scope.ts'
import type { ExceptionView } from '../wire/exceptions.ts'
import { approvalsOf, approvalViews } from './grant-views.ts'
import { instants, nameOf } from './views.ts'

/** One read for all of them. */
export async function exceptionViews(desk: Desk, exceptions: readonly StandingException[]): Promise<ExceptionView[]> {
  if (exceptions.length === 0) return []
  const approvals = await desk.store.read((tx) => approvalsOf(tx, exceptions))
  return exceptions.map((exception) =>
    exceptionView(
      desk,
      exception,
      approvals.filter(({ subject }) => subject === exception.id),
    ),
  )
}

export async function oneExceptionView(desk: Desk, exception: StandingException): Promise<ExceptionView> {
  const [view] = await exceptionViews(desk, [exception])
  if (view === undefined) throw new Error('one exception has one view')
  return view
}

export function exceptionView(desk: Desk, exception: StandingException, approvals: readonly Approval[]): ExceptionView {
  const { id, state, deskActions, blast, reason, grant, renews, renewals, ending, digest } = exception
  const now = desk.clock.now()
  const locked = state === 'proposed' && isLocked(desk, answerableException(desk.facts, exception), now)
  return {
    id,
    state,
    identity: nameOf(desk, exception.identity),
    owner: nameOf(desk, exception.owner),
    proposedBy: exception.proposedBy.name,
    deskActions,
    scope: exception.scope.map(describeScopeLine),
    reaches: blastInWords(exception),
    tier: blast.tier,
    operations: blast.operations,
    reason,
    remediation: exception.remediation.map(({ says, done }) => ({
      says,
      ...(done === undefined ? {} : { done: { by: done.by, at: formatInstant(done.at) } }),
    })),
    approvals: approvalViews(desk, approvals),
    ...(locked ? { locked } : {}),
    createdAt: formatInstant(exception.createdAt),
    answerBy: formatInstant(exception.answerBy),
    expiresAt: formatInstant(exception.expiresAt),
    ...(endsSoon(exception, now) ? { endsSoon: true } : {}),
    ...(grant === undefined ? {} : { grant }),
    ...(renews === undefined ? {} : { renews }),
    renewals,
    ...instants({ approvedAt: exception.approvedAt, standingSince: exception.standingSince, endedAt: exception.endedAt }),
    ...(ending === undefined ? {} : { ending }),
    digest,
    page: `${desk.pages().origin}/exceptions/${id}`,
  }
}
