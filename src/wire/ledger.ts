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
}
