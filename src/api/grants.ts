/** Finding a grant, and waiting for it without polling. */
import type { GrantId } from '../kernel/ids.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import type { Result } from '../kernel/result.ts'
import type { Desk } from '../control/desk.ts'
import type { Grant } from '../model/grants.ts'
import { type Waited, waitWithin } from './waits.ts'

/** A grant of this space, open or ended. Whoever calls asks next whether it may be seen. */
export async function findGrant(desk: Desk, id: GrantId): Promise<Grant | undefined> {
  const grant = desk.facts.grant(id) ?? (await desk.store.read((tx) => tx.get('grant', id)))
  return grant?.space === desk.space ? grant : undefined
}

/** Resolves when the grant is in another state than now, when the time is over or the client is gone. */
export async function untilGrantLeaves(
  desk: Desk,
  { id, state }: Pick<Grant, 'id' | 'state'>,
  waiting: { readonly who: string; readonly wait: Milliseconds; readonly signal: AbortSignal },
): Promise<Result<undefined>> {
  const waited: Waited = {
    isOver: () => desk.facts.grant(id)?.state !== state,
    watch: (look) =>
      desk.facts.onChange((change) => {
        if (change.kind === 'grant' && change.id === id) look()
      }),
  }
  return waitWithin(desk, waited, waiting)
}
