/** What a decision looks at: a consistent picture of identities, grants and policy at one version. */
import type { GrantId, IdentityId, SessionId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Counted } from '../model/counting.ts'
import type { Grant, Hold, Session } from '../model/grants.ts'
import type { Identity, StandingException } from '../model/identities.ts'
import type { Service } from '../model/services.ts'
import type { EntityStore } from './cedar/entities.ts'
import type { Rules } from './rules.ts'

export interface DecisionFacts {
  readonly version: number
  /** Absent until a policy set is in force: then the answer to everything is no. */
  readonly rules: Rules | undefined
  readonly entities: EntityStore
  identity(id: IdentityId): Identity | undefined
  /** Whether the API secret, passkey or issued subject that a token rests on still stands. */
  isProofLive(proof: string, now: Instant): boolean
  service(name: string): Service | undefined
  grant(id: GrantId): Grant | undefined
  /** Grants of this actor that are active, in no order. */
  activeGrantsOf(actor: IdentityId): Iterable<Grant>
  /** What was taken of a counted line. */
  counted(grant: GrantId, line: number): Counted
  session(id: SessionId): Session | undefined
  holdsOf(session: SessionId): Iterable<Hold>
  exceptionsOf(identity: IdentityId): Iterable<StandingException>
}

/** Every link must be known, live, not quarantined, and a non-human's owner must be a live human. */
export function chainStands(facts: DecisionFacts, chain: readonly IdentityId[]): Result<readonly Identity[]> {
  const links: Identity[] = []
  for (const id of chain) {
    const identity = facts.identity(id)
    if (identity === undefined) return refuse('credential.invalid')
    const stands = identityStands(facts, identity)
    if (!stands.ok) return stands
    links.push(identity)
  }
  return links.length === 0 ? refuse('credential.invalid') : done(links)
}

function identityStands(facts: DecisionFacts, identity: Identity): Result<undefined> {
  if (identity.quarantine !== undefined) return refuse('identity.quarantined', { detail: identity.name })
  if (identity.state !== 'live') return refuse('identity.disabled', { detail: identity.name })
  if (identity.kind === 'human') return done(undefined)
  const owner = identity.owner === undefined ? undefined : facts.identity(identity.owner)
  if (owner === undefined || owner.kind !== 'human' || owner.state !== 'live' || owner.quarantine !== undefined) {
    return refuse('identity.owner-gone', { detail: identity.name })
  }
  return done(undefined)
}
