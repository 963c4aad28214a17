/** The gate of a gateway in control's own process: it decides from the desk's facts, and the desk is its home. */
import { Endings } from './endings.ts'
import type { Desk } from './desk.ts'
import type { Gate } from './gate.ts'
import { homeAtDesk } from './home.ts'
import type { Journal } from './journal.ts'
import { followReferences, upstreamSecret } from './upstream-secret.ts'

/** From here on this gateway counts among those that confirm what has ended: it has applied a commit before anybody is told of it. */
export function gateInProcess(
  desk: Desk,
  gateway: string,
  parts: Pick<Gate, 'journal' | 'alarm'> & { readonly journal: Journal; readonly isDisputed: () => boolean },
): Gate {
  const { space, facts, clock, chance, mint, pages, activity, stopping } = desk
  // It has applied a commit, cuts included, before the change that made it resolves.
  stopping.join({
    isElsewhere: false,
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
    endings: new Endings(),
    refusals: new Map(),
  }
}
