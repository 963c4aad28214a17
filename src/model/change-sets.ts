/** A proposed change of policy, people, impact or upstreams: who authored it, what it does in words, and what it needs. */
import type { ChangeSetId, IdentityId } from '../kernel/ids.ts'
import type { WantedApplication } from './applications.ts'
import type { ConfiguredException } from './configured-exceptions.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Tier } from './effects.ts'
import type { Issuer } from './identities.ts'
import type { ConfiguredIdentity, ConfiguredPerson } from './configuration.ts'
import type { ChangeSetState } from './lives.ts'
import type { PolicyFile } from './policies.ts'
import type { Requirement } from './requirements.ts'
import type { Service } from './services.ts'

/** What a change-set does to authority, the mildest first; a set is as strong as the strongest of its changes. */
export const changeClasses = ['neutral', 'narrows', 'widens', 'moves-secret', 'unclassified'] as const
export type ChangeClass = (typeof changeClasses)[number]

export function strongest(classes: Iterable<ChangeClass>): ChangeClass {
  const highest = Math.max(0, ...[...classes].map((each) => changeClasses.indexOf(each)))
  return changeClasses[highest] ?? 'unclassified'
}

/** Whether an administrator alone may make it. */
export function needsSecondPerson(changeClass: ChangeClass): boolean {
  return changeClass !== 'neutral' && changeClass !== 'narrows'
}

export const changedKinds = ['person', 'identity', 'role', 'issuer', 'service', 'operation', 'policy', 'application'] as const
export type ChangedKind = (typeof changedKinds)[number]

/** One effect of a change-set, in words: who gains and who loses what. One thing may have several. */
export interface ChangeLine {
  readonly kind: ChangedKind
  readonly name: string
  readonly what: 'add' | 'change' | 'remove'
  readonly class: ChangeClass
  readonly says: string
}

/** Whether what a document does not name goes: nothing, the policy files where it names any, or everything. */
export const prunings = ['nothing', 'policies', 'everything'] as const
export type Pruning = (typeof prunings)[number]

/** The configuration as it would be, every secret in it sealed. */
export interface WantedConfiguration {
  readonly people: readonly ConfiguredPerson[]
  readonly identities: readonly ConfiguredIdentity[]
  /** Role → names of its members. */
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly issuers: readonly Issuer[]
  readonly services: readonly Service[]
  /** Proposed once the rest is in force; people approve them. */
  readonly exceptions?: readonly ConfiguredException[]
  /** Each as a whole; those that are not named stay. */
  readonly applications?: readonly WantedApplication[]
  /** Absent: the policies in force stay. */
  readonly policyFiles?: readonly PolicyFile[]
  /** What goes when it is not named. */
  readonly prune: Pruning
}

export interface ChangeSet {
  readonly id: ChangeSetId
  readonly space: string
  readonly state: ChangeSetState
  /** Who authored it: an identity with whom it acted for, or the machine's operator (a name and nobody). */
  readonly author: { readonly name: string; readonly chain: readonly IdentityId[] }
  /** There while it waits. */
  readonly wanted?: WantedConfiguration
  /** SHA-256, hex, of what was in force when it was compared; something else in force makes the set stale. */
  readonly base: string
  /** Of `wanted`, `base`, `class` and `changes`: what people sign. */
  readonly digest: string
  readonly class: ChangeClass
  readonly changes: readonly ChangeLine[]
  readonly requirement: Requirement
  readonly tier: Tier
  readonly reason?: string
  readonly createdAt: Instant
  readonly expiresAt: Instant
  readonly endedAt?: Instant
  /** Why it came to its end, in words. */
  readonly ending?: string
}

/** How long a proposal waits for an answer unless its author says less. */
export const changeSetWaitMax: Milliseconds = 86_400_000
