/** The ledger and explanations as they cross the wire. Instants are RFC 3339 in UTC. */
import type { WireObject } from './values.ts'

export interface CheckpointView {
  /** C2SP signed note; empty before the first. */
  readonly checkpoint: string
  readonly size: number
  /** The note key with which it is verified. */
  readonly key: string
}

export interface LedgerEntryView {
  readonly index: number
  readonly kind: string
  readonly actor: string
  readonly subject: string
  readonly at: string
  readonly facts: WireObject
}

export interface LedgerEntryList {
  readonly entries: readonly (LedgerEntryView | { readonly index: number; readonly erased: true })[]
  readonly size: number
  /** `from` of the next page. */
  readonly next?: number
}

export interface EntryProofView {
  readonly index: number
  /** C2SP tlog-proof, with leaf, body and salt as its extra data. */
  readonly proof: string
}

export interface ConsistencyView {
  readonly first: number
  readonly second: number
  /** Base64, 32 bytes each. */
  readonly path: readonly string[]
}

export interface ErasedView {
  readonly index: number
  readonly kind: string
}

/** Why one action was allowed, held or refused. */
export interface ExplanationView {
  readonly decision: string
  /** Sentences, in order. */
  readonly words: readonly string[]
  readonly entries: readonly WireObject[]
}

export interface HealthView {
  readonly status: 'ok'
  readonly version: string
  readonly ledger: LedgerHealth
  /** There while the configuration on disk has a fault: what is in force is another one. */
  readonly configuration?: 'rejected'
}

/** How well others could hold this Remit to what it signed. */
export interface LedgerHealth {
  /** `disputed`: a witness holds another head; nothing is signed, no action let through. */
  readonly signing: 'signing' | 'disputed'
  /** Who outside holds its heads: `nobody` is a standing alarm; `late` means that somebody who should does not, just now. */
  readonly heads: 'held' | 'late' | 'nobody'
}
