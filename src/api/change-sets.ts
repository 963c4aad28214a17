/** Finding a change-set, and waiting for it without polling. */
import type { ChangeSetId } from '../kernel/ids.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import type { Result } from '../kernel/result.ts'
import type { Desk } from '../control/desk.ts'
import type { ChangeSet } from '../model/change-sets.ts'
import { type Waited, waitWithin } from './waits.ts'

/** Whoever calls asks next whether it may be seen. */
export async function findChangeSet(desk: Desk, id: ChangeSetId): Promise<ChangeSet | undefined> {
  return desk.store.read((tx) => tx.get('changeSet', id))
}

/** Resolves when it no longer waits, when the time is over or the client is gone. */
export async function untilAnswered(
  desk: Desk,
  { id }: Pick<ChangeSet, 'id'>,
  waiting: { readonly who: string; readonly wait: Milliseconds; readonly signal: AbortSignal },
): Promise<Result<undefined>> {
  const waited: Waited = {
    isOver: () => ![...desk.facts.changes.waiting()].some((set) => set.id === id),
    watch: (look) =>
      desk.facts.onChange((change) => {
        if (change.kind === 'changeSet' && change.id === id) look()
      }),
  }
  return waitWithin(desk, waited, waiting)
}
