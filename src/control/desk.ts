/** What every deed is handed: store, facts, clock, chance, keys. One change goes through `change`, so that facts and ledger follow it. */
import type { ExceptionId, GrantId } from '../kernel/ids.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { evaluate } from '../decision/cedar/evaluate.ts'
import { answersFor } from '../decision/exceptions.ts'
import type { DeskAction, Identity } from '../model/identities.ts'
import type { PolicyFile } from '../model/policies.ts'
import type { PolicyChecker } from './policy-checking.ts'
import type { Activity } from './activity.ts'
import type { Facts } from './facts.ts'
import type { Stopping } from './stopping.ts'
import type {
  Chance,
  Change,
  Clock,
  IssuerTokens,
  LogStore,
  Passkeys,
  SecretSource,
  Store,
  TokenClaims,
  TokenMint,
  Vault,
} from './ports.ts'
import { deskActionUid, deskUid, identityUid } from '../decision/names.ts'

export interface Desk {
  readonly space: string
  readonly store: Store
  /** The one ledger, of which a desk shows the bodies of its own space only. */
  readonly log: LogStore
  readonly facts: Facts
  /** Signs of life of grants, those at the desk included. */
  readonly activity: Activity
  /** Whether what has ended has stopped at every gateway. */
  readonly stopping: Stopping
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

/** What lets somebody do something at the desk: nothing more than policy, or an exception, or a grant for one task. */
export interface DeskRight {
  readonly under?: GrantId | ExceptionId
  /** The grant was used: it is not idle. */
  readonly touch?: (now: Instant) => void
}

/** What the ledger hears, without the part that is the same everywhere. */
export interface Happening {
  readonly kind: string
  readonly actor: string
  readonly subject: string
  readonly facts?: JsonObject
  /** What `callerMay` answered to it: the entry names the grant or exception. */
  readonly right?: DeskRight
}

export async function note(tx: Change, { kind, actor, subject, facts = {}, right = {} }: Happening): Promise<void> {
  const { under, touch } = right
  touch?.(tx.now)
  await tx.record({ kind, actor, subject, facts: under === undefined ? facts : { ...facts, under } })
}

/**
 * Whether someone, as they are now, may do this at the desk by what stands: its policy, or a live exception. What its policy forbids is
 * forbidden to both.
 */
export function deskAllows(desk: Pick<Desk, 'space' | 'facts'>, identity: Identity, action: DeskAction, now: Instant): Result<DeskRight> {
  // Whoever came in a while ago may have left since.
  const current = desk.facts.identity(identity.id)
  if (current?.state !== 'live' || current.quarantine !== undefined)
    return refuse('caller.not-allowed', { detail: `${identity.name} is not live` })
  const weighed = weighAtDesk(desk, identity, action)
  if (!weighed.ok) return weighed
  if (weighed.value) return done({})
  for (const exception of desk.facts.exceptionsOf(identity.id)) {
    const isLive = exception.state === 'active' && now < exception.expiresAt && answersFor(desk.facts, exception.owner)
    if (isLive && exception.deskActions.includes(action)) return done({ under: exception.id })
  }
  return refuse('caller.not-allowed', { detail: `${identity.name} may not ${action}` })
}

/** Refuses what the desk's policy forbids, or cannot say; else whether it permits it. */
export function weighAtDesk(desk: Pick<Desk, 'space' | 'facts'>, identity: Identity, action: DeskAction): Result<boolean> {
  const { rules, entities } = desk.facts
  if (rules === undefined) return refuse('caller.not-allowed', { detail: 'no policies are in force' })
  const request = { principal: identityUid(identity), action: deskActionUid(action), resource: deskUid(desk.space), context: new Map() }
  const { decision, forbids, errors } = evaluate(rules.desk, request, entities)
  const against = [...forbids, ...errors.flatMap(({ policy }) => (policy.effect === 'forbid' ? [policy] : []))].map((policy) => policy.id)
  return against.length === 0
    ? done(decision === 'allow')
    : refuse('caller.not-allowed', { detail: `${identity.name} may not ${action}: ${against.join(', ')}`, policies: against })
}
