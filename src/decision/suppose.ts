/** Facts as they would be under other policies and with a grant at hand, for questions of what if: nothing is permitted by them. */
import type { GrantId } from '../kernel/ids.ts'
import { nothingCounted } from '../model/counting.ts'
import type { Grant } from '../model/grants.ts'
import type { EntityStore } from './cedar/entities.ts'
import type { DecisionFacts } from './facts.ts'
import type { Rules } from './rules.ts'

export interface Supposed {
  readonly rules: Rules | undefined
  readonly entities: EntityStore
  /** Grants that are asked about; no other one is there. */
  readonly grant: (id: GrantId) => Grant | undefined
}

/** What is asked about is the policies: every proof stands, nothing was counted yet, and there are no sessions and no holds. */
export function suppose(
  facts: Pick<DecisionFacts, 'version' | 'identity' | 'service' | 'exceptionsOf'>,
  { rules, entities, grant }: Supposed,
): DecisionFacts {
  return {
    version: facts.version,
    rules,
    entities,
    identity: (id) => facts.identity(id),
    isProofLive: () => true,
    service: (name) => facts.service(name),
    grant,
    activeGrantsOf: () => [],
    counted: () => nothingCounted,
    session: () => undefined,
    holdsOf: () => [],
    exceptionsOf: (id) => facts.exceptionsOf(id),
  }
}

/** The grant as it was while it was used: active, and not near its end. A copy, so that nothing known of the real one is touched. */
export function asAtWork(grant: Grant): Grant {
  return { ...grant, state: 'active', expiresAt: Number.MAX_SAFE_INTEGER }
}
