/** What every deed is handed: store, facts, clock, chance, keys. One change goes through `change`, so that facts and ledger follow it. */
import type { JsonObject } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { evaluate } from '../decision/cedar/evaluate.ts'
import { deskActionUid, deskUid } from '../decision/schema.ts'
import { identityUid } from '../decision/world.ts'
import type { DeskAction, Identity } from '../model/identities.ts'
import type { PolicyFile } from '../model/policies.ts'
import type { Facts } from './facts.ts'
import type {
  Chance,
  Change,
  Clock,
  IssuerTokens,
  LogStore,
  Passkeys,
  PolicyChecker,
  SecretSource,
  Store,
  TokenClaims,
  TokenMint,
  Vault,
} from './ports.ts'

export interface Desk {
  readonly space: string
  readonly store: Store
  /** The one ledger, of which a desk shows the bodies of its own space only. */
  readonly log: LogStore
  readonly facts: Facts
  readonly clock: Clock
  readonly chance: Chance
  readonly mint: TokenMint
  readonly issuerTokens: IssuerTokens
  readonly vault: Vault
  readonly secrets: SecretSource
  readonly passkeys: Passkeys
  readonly checker: PolicyChecker
  /** The desk's own policies, which every policy set contains. */
  readonly shipped: readonly PolicyFile[]
  /** Where people sign: origin and relying party id of WebAuthn. Known once the pages listen. */
  readonly pages: () => Pages
}

export interface Pages {
  readonly origin: string
  readonly rpId: string
}

/** Who calls, by a verified Remit token: the chain and what the token says. */
export interface Caller {
  /** Who acts first. */
  readonly actor: Identity
  readonly chain: readonly Identity[]
  readonly claims: TokenClaims
  readonly address: string
}

/** The name under which time and machinery act. */
export const machinery = 'remit'

/** What the ledger hears, without the part that is the same everywhere. */
export interface Happening {
  readonly kind: string
  readonly actor: string
  readonly subject: string
  readonly facts?: JsonObject
}

export async function note(tx: Change, happening: Happening): Promise<void> {
  const { kind, actor, subject, facts = {} } = happening
  await tx.record({ kind, actor, subject, facts })
}

/** Whether someone, as they are now, may do this at the desk: by the desk's policy, or by a live exception. */
export function deskAllows(desk: Pick<Desk, 'space' | 'facts'>, identity: Identity, action: DeskAction, now: Instant): Result<undefined> {
  // Whoever came in a while ago may have left since.
  const current = desk.facts.identity(identity.id)
  if (current?.state !== 'live' || current.quarantine !== undefined)
    return refuse('caller.not-allowed', { detail: `${identity.name} is not live` })
  for (const exception of desk.facts.exceptionsOf(identity.id)) {
    if (exception.state === 'active' && now < exception.expiresAt && exception.deskActions.includes(action)) return done(undefined)
  }
  const { rules, entities } = desk.facts
  if (rules === undefined) return refuse('caller.not-allowed', { detail: 'no policies are in force' })
  const request = { principal: identityUid(identity), action: deskActionUid(action), resource: deskUid(desk.space), context: new Map() }
  const answer = evaluate(rules.desk, request, entities)
  const broken = answer.errors.some(({ policy }) => policy.effect === 'forbid')
  if (answer.decision === 'allow' && !broken) return done(undefined)
  return refuse('caller.not-allowed', { detail: `${identity.name} may not ${action}` })
}
