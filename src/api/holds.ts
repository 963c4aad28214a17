/** Finding a held action with the grant it is held under. */
import type { HoldId } from '../kernel/ids.ts'
import type { Desk } from '../control/desk.ts'
import { findGrant } from './grants.ts'
import type { HoldOfGrant } from './hold-views.ts'

/** A hold of this space, waiting or closed. Whoever calls asks next whether it may be seen. */
export async function findHold(desk: Desk, id: HoldId): Promise<HoldOfGrant | undefined> {
  const hold = desk.facts.hold(id) ?? (await desk.store.read((tx) => tx.get('hold', id)))
  if (hold === undefined || hold.space !== desk.space) return undefined
  const grant = await findGrant(desk, hold.grant)
  return grant === undefined ? undefined : { hold, grant }
}
