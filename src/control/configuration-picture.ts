/** What is in force, by names: the two sides that a change-set compares, and the digest that says it is still the same. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../kernel/json.ts'
import type { Identity, IdentityKind, IssuedSubject, Issuer } from '../model/identities.ts'
import type { PolicySet } from '../model/policies.ts'
import type { Service } from '../model/services.ts'
import type { Desk } from './desk.ts'

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
}

export function pictureOf({ facts }: Pick<Desk, 'facts'>): Picture {
  return {
    identities: new Map([...facts.identities()].map((each) => [each.name, picturedIdentity(each, (id) => facts.identity(id)?.name)])),
    issuers: new Map([...facts.issuers()].map((each) => [each.id, each])),
    services: new Map(facts.services().map((each) => [each.id, each])),
    policies: facts.policies,
  }
}

export function picturedIdentity(identity: Identity, nameOf: (id: NonNullable<Identity['owner']>) => string | undefined): PicturedIdentity {
  const { name, kind, roles, state, signsInBy } = identity
  const owner = identity.owner === undefined ? undefined : nameOf(identity.owner)
  return { name, kind, roles, state, signsInBy, ...(owner === undefined ? {} : { owner }) }
}

/** SHA-256 in hex of anything that is JSON. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}

/** SHA-256 in hex of everything in force. */
export function pictureDigest({ identities, issuers, services, policies }: Picture): string {
  const hash = createHash('sha256')
  for (const things of [identities, issuers, services]) {
    hash.update(`${things.size}\n`)
    for (const name of [...things.keys()].toSorted()) hash.update(`${canonicalJson(things.get(name))}\n`)
  }
  return hash.update(policies?.version ?? 'none').digest('hex')
}
