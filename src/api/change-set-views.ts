/** Change-sets as they are shown to whoever may see them. */
import { formatInstant } from '../kernel/instants.ts'
import { answerableChangeSet } from '../control/change-set-price.ts'
import type { Desk } from '../control/desk.ts'
import { describeRequirement, isLocked } from '../control/rights.ts'
import type { ChangeSet } from '../model/change-sets.ts'
import type { ChangeSetView } from '../wire/configuration.ts'
import { approvalsOf, approvalViews } from './grant-views.ts'
import { instants } from './views.ts'

/** One read for all of them. */
export async function changeSetViews(desk: Desk, sets: readonly ChangeSet[]): Promise<ChangeSetView[]> {
  if (sets.length === 0) return []
  const approvals = await desk.store.read((tx) => approvalsOf(tx, sets))
  const now = desk.clock.now()
  return sets.map((set) => {
    const { id, state, author, changes, requirement, reason, base, digest, createdAt, expiresAt, endedAt, ending } = set
    const locked = state === 'proposed' && isLocked(desk, answerableChangeSet(set), now)
    return {
      id,
      state,
      author: author.name,
      class: set.class,
      changes,
      approval: describeRequirement(requirement),
      approvals: approvalViews(
        desk,
        approvals.filter((approval) => approval.subject === id),
      ),
      ...(locked ? { locked } : {}),
      ...(reason === undefined ? {} : { reason }),
      base,
      digest,
      createdAt: formatInstant(createdAt),
      expiresAt: formatInstant(expiresAt),
      ...instants({ endedAt }),
      ...(ending === undefined ? {} : { ending }),
      page: `${desk.pages().origin}/changes/${id}`,
    }
  })
}

export async function oneChangeSetView(desk: Desk, set: ChangeSet): Promise<ChangeSetView> {
  const [view] = await changeSetViews(desk, [set])
  if (view === undefined) throw new Error('one change-set has one view')
  return view
}
