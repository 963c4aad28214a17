/** Which grant an action would ride, for what a gateway has to know of the task before it asks; decides nothing. */
import { chooseGrant } from '../decision/decide.ts'
import { names } from '../decision/covers.ts'
import { pinOf } from '../decision/drift.ts'
import type { Action } from '../model/actions.ts'
import type { Grant } from '../model/grants.ts'
import type { Gate } from './gate.ts'
import type { Bearer } from './ports.ts'

/** The live grant that `authorize` would take in the same tick; `undefined` where it would refuse for want of one. */
export function riding({ facts, clock }: Pick<Gate, 'facts' | 'clock'>, { claims, address }: Bearer, action: Action): Grant | undefined {
  const question = { chain: claims.chain, proof: claims.provedBy, grant: claims.grant, action, address, refusals: 0 }
  const chosen = chooseGrant(facts, question, clock.now())
  return chosen.ok ? chosen.value : undefined
}

/** Whether some line of the grant speaks of this operation at all, whatever it demands of arguments, counts or order. */
export function speaksOf({ scope }: Pick<Grant, 'scope'>, action: Action): boolean {
  return scope.some((entry) => names(entry, action))
}

/** The hash of what a tool was granted as. */
export function pinnedOf(grant: Pick<Grant, 'tools'>, action: Action): string | undefined {
  return pinOf(grant, action)?.hash
}
