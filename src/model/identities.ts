/** Who acts, how they prove it, and what opens a page for them. */
import type { CredentialId, DeviceSignInId, ExceptionId, IdentityId, LinkId, PasskeyId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
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
  readonly createdAt: Instant
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
  readonly createdAt: Instant
  readonly expiresAt: Instant
}

/** A standing privilege that had to stay: always owned, justified and dated. */
export interface StandingException {
  readonly id: ExceptionId
  readonly space: string
  readonly identity: IdentityId
  readonly deskActions: readonly DeskAction[]
  readonly reason: string
  readonly state: ExceptionState
  readonly createdAt: Instant
  readonly expiresAt: Instant
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
}
