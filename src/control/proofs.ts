/** What a token rests on, as it is written in the token: one proof for every link of its chain that showed one. */
import { createHash } from 'node:crypto'
import type { IdentityId } from '../kernel/ids.ts'

/** A proof by a configured issuer. The subject, which may be of any length and letters, goes in as its hash. */
export function issuedProof(proof: { readonly issuer: string; readonly identity: IdentityId; readonly subject: string }): string {
  return `iss:${proof.issuer}:${proof.identity}:${subjectHash(proof.subject)}`
}

export interface IssuedProof {
  readonly issuer: string
  readonly identity: string
  readonly subjectHash: string
}

export function parseIssuedProof(text: string): IssuedProof | undefined {
  const [, issuer, identity, hash] = /^iss:([^: ]+):(idn_[0-9A-Z]{26}):([0-9a-f]{64})$/.exec(text) ?? []
  return issuer === undefined || identity === undefined || hash === undefined ? undefined : { issuer, identity, subjectHash: hash }
}

export function subjectHash(subject: string): string {
  return createHash('sha256').update(subject).digest('hex')
}

/** Proofs that must all stand. Whoever acts first comes first. */
export function joinProofs(actor: string, subject: string): string {
  return [...new Set([...splitProofs(actor), ...splitProofs(subject)])].join(' ')
}

export function splitProofs(text: string): readonly string[] {
  return text.split(' ')
}
