/** Identities, their credentials and invitations as they cross the wire. Instants are RFC 3339 in UTC. */
import type { ChangeSetView } from './configuration.ts'
import type { ExceptionView } from './exceptions.ts'
import type { Confirmation } from './grants.ts'

export interface IdentityView {
  readonly id: string
  readonly name: string
  readonly kind: 'human' | 'service-account' | 'workload' | 'api-client' | 'robot' | 'ai-agent'
  /** Name of the human who answers for it. */
  readonly owner?: string
  readonly roles: readonly string[]
  readonly state: 'live' | 'disabled'
  readonly quarantine?: { readonly at: string; readonly by: string; readonly reason: string }
}

/** Answer of `GET /v1/whoami`. */
export interface WhoamiView {
  readonly space: string
  readonly identity: IdentityView
  /** Names: who acts first, then for whom. */
  readonly chain: readonly string[]
  /** What may be done at Remit's own desk now. */
  readonly desk: readonly string[]
  /** The grant or exception by which each of them is given; those that stand by policy are not named. */
  readonly deskUnder?: Readonly<Record<string, string>>
  readonly exceptions: readonly ExceptionView[]
  readonly token: { readonly expiresAt: string; readonly provedBy: 'api-secret' | 'passkey' | 'issuer'; readonly grant?: string }
}

export interface IdentityList {
  readonly identities: readonly IdentityView[]
}

export interface QuarantineView {
  readonly identity: IdentityView
  /** Ids of the grants that ended with it. */
  readonly ended: readonly string[]
  readonly confirmed: readonly Confirmation[]
}

/** Body of `POST /v1/identities/:name/secrets`. */
export interface SecretBody {
  /** `30d`: every secret ends. */
  readonly lifetime: string
}

/** The secret is shown this once. */
export interface SecretView {
  readonly credential: string
  readonly identity: string
  readonly secret: string
  readonly expiresAt: string
}

export interface CredentialView {
  readonly id: string
  readonly identity: string
  readonly createdAt: string
  readonly expiresAt: string
  readonly revokedAt?: string
}

/** Body of `POST /v1/invitations`. */
export interface InvitationBody {
  readonly name: string
  /** Why the passkeys that the person has are revoked first. */
  readonly replace?: string
}

/** Nobody is called that yet: another person must sign that they come, and then the invitation is made. */
export interface InvitationProposedView {
  readonly person: string
  readonly changeSet: ChangeSetView
}

/** The link is shown this once. */
export interface InvitationView {
  readonly person: string
  readonly link: string
  readonly expiresAt: string
}
