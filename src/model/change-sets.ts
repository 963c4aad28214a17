/** A proposed change of policy, people, impact or upstreams: who authored it, what it does in words, and what it needs. */
import type { ChangeSetId, IdentityId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { ChangeSetState } from './lives.ts'

/** What a change-set does to authority, the mildest first; a set is as strong as the strongest of its changes. */
export const changeClasses = ['neutral', 'narrows', 'widens', 'moves-secret', 'unclassified'] as const
export type ChangeClass = (typeof changeClasses)[number]

export interface ChangeSet {
  readonly id: ChangeSetId
  readonly space: string
  readonly state: ChangeSetState
  /** Who authored it: an identity, or the machine's operator (a name without an id). */
  readonly author: { readonly name: string; readonly id?: IdentityId }
  /** The configuration as it would be, every secret in it sealed. */
  readonly document: JsonObject
  /** SHA-256, hex, of what was in force when it was compared; something else in force makes the set stale. */
  readonly base: string
  /** SHA-256, hex, of `document` and `base`: what people sign. */
  readonly digest: string
  readonly class: ChangeClass
  readonly reason?: string
  readonly createdAt: Instant
  readonly expiresAt: Instant
  readonly endedAt?: Instant
}
