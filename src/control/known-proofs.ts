/** What proves identities to Remit, by whom it proves: API secrets, passkeys, and the issuers whose tokens are taken. */
import type { IdentityId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import type { Credential, Identity, Issuer, Passkey } from '../model/identities.ts'
import { parseIssuedProof, splitProofs, subjectHash } from './proofs.ts'

export class KnownProofs {
  readonly #credentials = new Map<string, Credential>()
  readonly #passkeys = new Map<string, Passkey>()
  readonly #issuers = new Map<string, Issuer>()
  readonly #credentialsOf = new Map<string, Map<string, Credential>>()
  readonly #passkeysOf = new Map<string, Map<string, Passkey>>()
  readonly #identity: (id: string) => Identity | undefined

  constructor(identity: (id: string) => Identity | undefined) {
    this.#identity = identity
  }

  putCredential(credential: Credential): void {
    this.#credentials.set(credential.id, credential)
    under(this.#credentialsOf, credential.identity).set(credential.id, credential)
  }

  putPasskey(passkey: Passkey): void {
    this.#passkeys.set(passkey.id, passkey)
    under(this.#passkeysOf, passkey.person).set(passkey.id, passkey)
  }

  putIssuer(issuer: Issuer): void {
    this.#issuers.set(issuer.id, issuer)
  }

  /** Without a trace: nothing was revoked. */
  forget(kind: 'credential' | 'passkey' | 'issuer', id: string): void {
    if (kind === 'issuer') this.#issuers.delete(id)
    else if (kind === 'credential') {
      under(this.#credentialsOf, this.#credentials.get(id)?.identity ?? '').delete(id)
      this.#credentials.delete(id)
    } else {
      under(this.#passkeysOf, this.#passkeys.get(id)?.person ?? '').delete(id)
      this.#passkeys.delete(id)
    }
  }

  removeIssuer(id: string): void {
    this.#issuers.delete(id)
  }

  credential(id: string): Credential | undefined {
    return this.#credentials.get(id)
  }

  credentialsOf(identity: IdentityId): Credential[] {
    return [...(this.#credentialsOf.get(identity)?.values() ?? [])]
  }

  passkey(id: string): Passkey | undefined {
    return this.#passkeys.get(id)
  }

  /** Those that were revoked included. */
  passkeysOf(person: IdentityId): Passkey[] {
    return [...(this.#passkeysOf.get(person)?.values() ?? [])]
  }

  /** Everybody who ever had a passkey. */
  passkeyHolders(): IdentityId[] {
    return [...new Set([...this.#passkeys.values()].map(({ person }) => person))]
  }

  issuers(): Iterable<Issuer> {
    return this.#issuers.values()
  }

  issuer(id: string): Issuer | undefined {
    return this.#issuers.get(id)
  }

  /** Whether every part of a token's proof still stands. */
  isLive(proof: string, now: Instant): boolean {
    return splitProofs(proof).every((each) => this.#isPartLive(each, now))
  }

  #isPartLive(proof: string, now: Instant): boolean {
    if (proof.startsWith('crd_')) {
      const credential = this.#credentials.get(proof)
      return credential !== undefined && credential.revokedAt === undefined && now < credential.expiresAt
    }
    if (proof.startsWith('pks_')) {
      const passkey = this.#passkeys.get(proof)
      return passkey !== undefined && passkey.revokedAt === undefined
    }
    const issued = parseIssuedProof(proof)
    if (issued === undefined || !this.#issuers.has(issued.issuer)) return false
    const identity = this.#identity(issued.identity)
    return identity?.signsInBy.some((by) => by.issuer === issued.issuer && subjectHash(by.subject) === issued.subjectHash) === true
  }
}

function under<T>(index: Map<string, Map<string, T>>, key: string): Map<string, T> {
  const known = index.get(key) ?? new Map<string, T>()
  index.set(key, known)
  return known
}
