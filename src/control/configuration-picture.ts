/** What is in force, by names: the two sides that a change-set compares. */
import { hash } from 'node:crypto'
import { canonicalJson } from '../kernel/json.ts'
import type { Application } from '../model/applications.ts'
import type { Identity, IdentityKind, IssuedSubject, Issuer } from '../model/identities.ts'
import type { PolicySet } from '../model/policies.ts'
import type { Service } from '../model/services.ts'

export interface PicturedIdentity {
  readonly name: string
  readonly kind: IdentityKind
  /** The owner's name. */
  readonly owner?: string
  readonly roles: readonly string[]
  readonly state: 'live' | 'disabled'
  readonly signsInBy: readonly IssuedSubject[]
}

/** Quarantine is not in it: containing somebody makes no proposal stale. */
export interface Picture {
  readonly identities: ReadonlyMap<string, PicturedIdentity>
  readonly issuers: ReadonlyMap<string, Issuer>
  readonly services: ReadonlyMap<string, Service>
  readonly policies: PolicySet | undefined
  readonly applications: ReadonlyMap<string, Application>
}

export function picturedIdentity(identity: Identity, nameOf: (id: NonNullable<Identity['owner']>) => string | undefined): PicturedIdentity {
  const { name, kind, roles, state, signsInBy } = identity
  const owner = identity.owner === undefined ? undefined : nameOf(identity.owner)
  return { name, kind, roles, state, signsInBy, ...(owner === undefined ? {} : { owner }) }
}

/** SHA-256 in hex of anything that is JSON. */
export function digestOf(value: unknown): string {
  return hash('sha256', canonicalJson(value))
}
