/** What of a record goes out to a gateway: nothing that opens anything, and nothing that it does not look at. */
import type { RecordKind } from '../model/records.ts'
import { type Grant, type Hold, type TokenBinding, withoutPinnedTexts } from '../model/grants.ts'
import type { Credential, Issuer, Passkey } from '../model/identities.ts'
import type { FactChange } from '../model/records.ts'
import type { Service } from '../model/services.ts'

/** A change that brings a record, as a gateway gets it. */
export type OutgoingRecord = Extract<FactChange, { readonly record: unknown }>

/** A service of the gateway's own: the credential is known to be there, its value goes in a message of its own, its place of origin nowhere. */
export function ownService(service: Service): OutgoingRecord {
  const { credential } = service
  if (credential === undefined) return { kind: 'service', id: service.id, record: service }
  const { header, prefix } = credential
  return { kind: 'service', id: service.id, record: { ...service, credential: { header, prefix, sealed: '' } } }
}

/**
 * A service of another gateway that a shared grant names as well: what policies see of it, because whoever may still ask for the grant may
 * still ask for all of it. Not where it is, and not what opens it.
 */
export function outlined(service: Service): OutgoingRecord {
  const { credential: _kept, ...described } = service
  return { kind: 'service', id: service.id, record: { ...described, upstream: 'http://elsewhere.invalid', port: 0 } }
}

/** That it is there, whose, and until when. */
export function strippedCredential({ client: _kept, ...credential }: Credential): OutgoingRecord {
  return { kind: 'credential', id: credential.id, record: { ...credential, hash: '' } }
}

export function strippedPasskey(passkey: Passkey): OutgoingRecord {
  return { kind: 'passkey', id: passkey.id, record: { ...passkey, credentialId: '', publicKey: '', counter: 0 } }
}

/** Tokens of issuers are read at control; a gateway asks whether the issuer is still believed. */
export function strippedIssuer(issuer: Issuer): OutgoingRecord {
  const { jwks: _keys, jwksUri: _place, ...rest } = issuer
  return { kind: 'issuer', id: issuer.id, record: rest }
}

/** Whose chain is known where for its sake is control's business. */
export function strippedBinding(binding: TokenBinding): Extract<OutgoingRecord, { readonly kind: 'binding' }> {
  const { gateway: _where, chain: _whose, ...rest } = binding
  return { kind: 'binding', id: binding.id, record: rest }
}

/** People see the body, and what a tool is, on control's pages. */
export function strippedHold(hold: Hold): Extract<OutgoingRecord, { readonly kind: 'hold' }> {
  const { body: _shown, definition: _said, ...action } = hold.action
  return { kind: 'hold', id: hold.id, record: { ...hold, action } }
}

/** Of the tools that it has pinned the hashes: what they were is compared at control. */
export function strippedGrant(grant: Grant): OutgoingRecord {
  return { kind: 'grant', id: grant.id, record: withoutPinnedTexts(grant) }
}

export interface Forgotten {
  readonly kind: RecordKind
  readonly id: string
}
