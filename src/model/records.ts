/** Everything the store keeps, by kind. A record has the `space` it belongs to, and an `id` unique in its kind there. */
import type { Application } from './applications.ts'
import type { Approval, Challenge, Grant, Hold, Session, Signal, TokenBinding, Uses } from './grants.ts'
import type { Credential, DeviceSignIn, Identity, Issuer, OneTimeLink, Passkey, SignIn, StandingException } from './identities.ts'
import type { ChangeSet } from './change-sets.ts'
import type { EnrolledGateway } from './gateways.ts'
import type { PolicySet } from './policies.ts'
import type { Service } from './services.ts'
import type { UntrustedReading } from './untrusted.ts'

export interface Records {
  identity: Identity
  credential: Credential
  passkey: Passkey
  link: OneTimeLink
  signIn: SignIn
  device: DeviceSignIn
  exception: StandingException
  issuer: Issuer
  service: Service
  policySet: PolicySet
  grant: Grant
  uses: Uses
  session: Session
  binding: TokenBinding
  hold: Hold
  approval: Approval
  challenge: Challenge
  signal: Signal
  untrustedReading: UntrustedReading
  changeSet: ChangeSet
  gateway: EnrolledGateway
  application: Application
}

export type RecordKind = keyof Records

/** The kinds whose every change is a fact for decisions and goes out over the feed. */
export const factKinds = [
  'identity',
  'credential',
  'passkey',
  'exception',
  'issuer',
  'service',
  'policySet',
  'grant',
  'uses',
  'session',
  'binding',
  'hold',
  'changeSet',
  'gateway',
  'application',
] as const satisfies readonly RecordKind[]

/** Kinds that are passing notes: they need no ledger entry of their own, may be removed, and each has an `expiresAt`. */
export const ephemeralKinds = ['challenge', 'signIn', 'device', 'binding', 'untrustedReading'] as const satisfies readonly RecordKind[]

/** One committed change of one record; `removed` for those that are gone. */
export type FactChange = {
  [K in RecordKind]:
    | { readonly kind: K; readonly id: string; readonly record: Records[K] }
    | { readonly kind: K; readonly id: string; readonly removed: true }
}[RecordKind]
