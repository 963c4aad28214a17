/** Who acts, how they prove it, and what opens a page for them. */
import type { CredentialId, DeviceSignInId, ExceptionId, GrantId, IdentityId, LinkId, PasskeyId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import type { Effect, Tier } from './effects.ts'
import type { ScopeEntry } from './grants.ts'
import type { ExceptionState } from './lives.ts'

export const identityKinds = ['human', 'service-account', 'workload', 'api-client', 'robot', 'ai-agent'] as const
export type IdentityKind = (typeof identityKinds)[number]

/** The entity type that policies use for a kind. */
export const cedarTypes: Readonly<Record<IdentityKind, string>> = {
  human: 'Human',
  'service-account': 'ServiceAccount',
  workload: 'Workload',
  'api-client': 'ApiClient',
  robot: 'Robot',
  'ai-agent': 'AiAgent',
}

export interface Quarantine {
  readonly at: Instant
  readonly by: string
  readonly reason: string
}

/** A link between an identity and the subject of a configured token issuer. */
export interface IssuedSubject {
  readonly issuer: string
  readonly subject: string
}

export interface Identity {
  readonly id: IdentityId
  readonly space: string
  /** Immutable and never used again: the name by which policies know it. */
  readonly name: string
  readonly kind: IdentityKind
  /** The human who answers for a non-human; absent exactly for humans. */
  readonly owner?: IdentityId
  readonly roles: readonly string[]
  readonly state: 'live' | 'disabled'
  readonly quarantine?: Quarantine
  readonly signsInBy: readonly IssuedSubject[]
  readonly createdAt: Instant
}

/** An API secret: shown once, kept as a SHA-256 of 256 random bits, always with an end. */
export interface Credential {
  readonly id: CredentialId
  readonly space: string
  readonly identity: IdentityId
  readonly hash: string
  readonly issuedBy: string
  readonly createdAt: Instant
  readonly expiresAt: Instant
  readonly revokedAt?: Instant
  /** To within a day. */
  readonly lastUsedAt?: Instant
  /** There where it was given to an OAuth client: `hash` is then that of the refresh token of now. */
  readonly client?: ClientAuthorization
}

/** What a person gave to an OAuth client: to act as an agent of theirs, for them, at one endpoint. It permits nothing; grants to that chain do. */
export interface ClientAuthorization {
  /** The address of its metadata document. */
  readonly id: string
  readonly person: IdentityId
  readonly passkey: PasskeyId
  /** The gateway that its tokens are for, and the endpoint that it named (RFC 8707). */
  readonly gateway: string
  readonly resource: string
  /** What it said it would ask for. */
  readonly scope: readonly string[]
  /** SHA-256 of the code it was redeemed by, hex: whoever shows that again ends it. */
  readonly code: string
  /** SHA-256 of the part of its refresh tokens that stays, hex; absent where it was given none. */
  readonly family?: string
}

export interface Passkey {
  readonly id: PasskeyId
  readonly space: string
  readonly person: IdentityId
  /** WebAuthn credential id, base64url. */
  readonly credentialId: string
  /** COSE public key, base64url. */
  readonly publicKey: string
  readonly counter: number
  /** Made by the demo's software authenticator: refused outside a demo folder. */
  readonly software: boolean
  /** By whose link it came; absent on one made before that was kept. */
  readonly issuedBy?: string
  /** It took the place of passkeys that were lost: for a while its yes counts nowhere that the issuer of the link is a party. */
  readonly replaces?: true
  readonly createdAt: Instant
  readonly revokedAt?: Instant
  readonly lastUsedAt?: Instant
}

/** A link that works once: for registering a passkey. Kept as a hash. */
export interface OneTimeLink {
  readonly id: LinkId
  readonly space: string
  readonly hash: string
  /** Whom it is for; absent on the very first link, where the first administrator chooses a name. */
  readonly person?: IdentityId
  readonly firstAdministrator: boolean
  readonly issuedBy: string
  readonly createdAt: Instant
  readonly expiresAt: Instant
  readonly usedAt?: Instant
}

/** A person signed in to the pages: a cookie, kept as a hash. */
export interface SignIn {
  /** SHA-256 of the cookie, hex. */
  readonly id: string
  readonly space: string
  readonly person: IdentityId
  readonly createdAt: Instant
  readonly expiresAt: Instant
}

/** A command line that waits for its person to sign in (RFC 8628). */
export interface DeviceSignIn {
  readonly id: DeviceSignInId
  readonly space: string
  /** SHA-256 of the device code, hex. */
  readonly hash: string
  readonly userCode: string
  readonly address: string
  readonly state: 'waiting' | 'confirmed' | 'spent'
  readonly person?: IdentityId
  /** What confirmed it: once that is revoked, so is the confirmation. */
  readonly passkey?: PasskeyId
  readonly createdAt: Instant
  readonly expiresAt: Instant
}

/** How much an exception reaches, as it was when people were asked: what is more than this it does not permit. */
export interface Blast {
  /** `shop/restart`: every operation by name, sorted. One that is declared later is not among them. */
  readonly operations: readonly string[]
  readonly effects: readonly Effect[]
  readonly tier: Tier
}

/** One step on the way to not needing the exception any more. */
export interface RemediationStep {
  readonly says: string
  readonly done?: { readonly by: string; readonly at: Instant }
}

export interface ExceptionEnding {
  readonly how: 'expired' | 'closed' | 'fallen' | 'renewed' | 'denied' | 'withdrawn' | 'unanswered'
  readonly by: string
  /** Why, or where the proof stands that it is not needed any more. */
  readonly reason: string
}

/** A standing privilege that had to stay: always owned, justified and dated. */
export interface StandingException {
  readonly id: ExceptionId
  readonly space: string
  /** Who has it. */
  readonly identity: IdentityId
  /** The person who answers for it; it ends when they are gone. */
  readonly owner: IdentityId
  /** Whoever proposed it; without an id where that was the machine's operator, or Remit itself. */
  readonly proposedBy: { readonly name: string; readonly id?: IdentityId }
  /** What it permits: something at the desk, or a scope. One of the two is empty. */
  readonly deskActions: readonly DeskAction[]
  readonly scope: readonly ScopeEntry[]
  readonly blast: Blast
  readonly reason: string
  readonly remediation: readonly RemediationStep[]
  /** SHA-256 over what was proposed, without its id: the same is not proposed twice. */
  readonly content: string
  /** SHA-256 over what was proposed, with its id: what people sign. */
  readonly digest: string
  readonly state: ExceptionState
  readonly createdAt: Instant
  /** Until when somebody may answer. */
  readonly answerBy: Instant
  readonly approvedAt?: Instant
  /** The one absolute end. */
  readonly expiresAt: Instant
  /** The grant through which a scope is permitted; there from approval on. */
  readonly grant?: GrantId
  readonly renews?: ExceptionId
  /** How many in a row came before it, and when the first of them began. */
  readonly renewals: number
  readonly standingSince?: Instant
  /** The last warning before its end, in days. */
  readonly warnedDays?: number
  readonly endedAt?: Instant
  readonly ending?: ExceptionEnding
}

/** What may be done at Remit's own desk. */
export const deskActions = ['approve', 'audit', 'stop', 'operate', 'administer'] as const
export type DeskAction = (typeof deskActions)[number]

/** A token issuer whose JWTs are taken as proof of identity. */
export interface Issuer {
  readonly id: string
  readonly space: string
  readonly issuer: string
  readonly audience: string
  /** Where its keys are (https, or http on loopback), or the keys themselves. */
  readonly jwksUri?: string
  readonly jwks?: string
  /** Facts that its claims prove: fact name → claim name. */
  readonly proves: Readonly<Record<string, string>>
  /** Nobody is believed by it since then; the record stays, because its name is never used again. */
  readonly removedAt?: Instant
}
