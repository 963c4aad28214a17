/** The gate of a gateway in control's own process: it decides from the desk's facts, and the desk is its home. */
import type { Desk } from './desk.ts'
import type { Drilled } from './drills.ts'
import { Endings } from './endings.ts'
import { Orders } from './orders.ts'
import type { Gate } from './gate.ts'
import { homeAtDesk } from './home.ts'
import type { Journal } from './journal.ts'
import { followReferences, upstreamSecret } from './upstream-secret.ts'

/** A session that nobody has. */
const canary = 'ses_canary'

/** From here on this gateway counts among those that confirm what has ended: it has applied a commit before anybody is told of it. */
export function gateInProcess(
  desk: Desk,
  gateway: string,
  parts: Pick<Gate, 'journal' | 'alarm'> & { readonly journal: Journal; readonly isDisputed: () => boolean },
): Gate {
  const { space, facts, clock, chance, mint, pages, activity, stopping } = desk
  const endings = new Endings()
  // It has applied a commit, cuts included, before the change that made it resolves.
  stopping.join({
    isElsewhere: false,
    isHere: true,
    drill: () => {
      const at = clock.now()
      // As a session's end does it: whoever listens to it is cut in the same tick.
      const { promise, resolve } = Promise.withResolvers<readonly Drilled[]>()
      endings.listen(canary, () => resolve([{ gateway, milliseconds: clock.now() - at }]))
      endings.tell(canary, 'drill')
      return promise
    },
    confirm: ({ at }) => {
      const now = clock.now()
      return [{ gateway, how: 'confirmed', milliseconds: now - at, at: now }]
    },
  })
  followReferences(desk, gateway)
  facts.onChange((change) => {
    if (change.kind === 'service') followReferences(desk, gateway)
  })
  return {
    space,
    gateway,
    facts,
    clock,
    chance,
    mint,
    pages,
    activity,
    home: homeAtDesk(desk, gateway, { isDisputed: parts.isDisputed, activity }),
    secrets: { of: (service) => upstreamSecret(desk, service) },
    journal: parts.journal,
    alarm: parts.alarm,
    endings,
    refusals: new Map(),
    marked: new Set(),
    orders: new Orders(),
  }
}
