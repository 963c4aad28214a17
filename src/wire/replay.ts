/** Trying a candidate set of policies on what was recorded, as it crosses the wire. Instants are RFC 3339 in UTC. */
import type { WireValue } from './values.ts'

export interface ReplayBody {
  /** The candidate: all its files, with the names that faults are told under. */
  readonly policyFiles: readonly { readonly name: string; readonly text: string }[]
  /** How far back, such as `7d`, which it is unless said. */
  readonly since?: string
}

/** One answer to an action or a request. */
export interface ReplayedAnswerView {
  readonly outcome: 'allow' | 'hold' | 'deny' | 'eligible' | 'not-eligible'
  readonly says: string
  /** Those that refuse or hold, or let ask. */
  readonly policies: readonly string[]
  /** Who must approve. */
  readonly approval?: string
  /** What a request gets that names no time, and the most that one may last. */
  readonly duration?: string
  readonly durationMax?: string
  /** Code of a refusal. */
  readonly refusal?: string
  /** What duties demand, as it is written in a policy, and the policies that demand it. */
  readonly obligations?: string
  readonly duties?: readonly string[]
}

export interface ReplayedChangeView {
  /** An action that was done or tried, or a request for a grant. */
  readonly kind: 'action' | 'request'
  /** `differs`: more in one way and less in another, or nobody can say in general. */
  readonly verdict: 'gains' | 'loses' | 'differs'
  readonly identity: string
  /** For whom it acted, and for whom that one did. */
  readonly actingFor?: readonly string[]
  /** The operation, such as `shop/restart`, or what was asked for. */
  readonly on: string
  readonly from: ReplayedAnswerView
  readonly to: ReplayedAnswerView
  /** How often it was done, tried or asked for. */
  readonly seen: number
  readonly lastSeen: string
  /** The last decision, or the last request: `remit explain` and `remit grant` show them. */
  readonly example: string
  /** Arguments of one of the actions; only for whoever may see them. */
  readonly arguments?: Readonly<Record<string, WireValue>>
  /** Policies, with file and line, and the values that they saw in it; only for whoever may see them. */
  readonly why?: readonly string[]
}

export interface ReplayedJournalView {
  readonly name: string
  /** Of the first action of it that was looked at. */
  readonly from?: string
  /** Why what came before was not: it was pruned, or there was too much. */
  readonly cut?: 'pruned' | 'limit'
}

export interface ReplayView {
  readonly since: string
  /** SHA-256 in hex of the candidate, and of what is in force. */
  readonly candidate: string
  readonly inForce: string
  readonly changes: readonly ReplayedChangeView[]
  /** Differences that found no room in the list. */
  readonly leftOut: number
  readonly counts: {
    readonly actions: number
    /** Different ones, each decided under both. */
    readonly decided: number
    readonly withoutGrant: number
    readonly unknownGrant: number
    readonly goneOperation: number
    readonly unreadable: number
    readonly requests: number
  }
  readonly journals: readonly ReplayedJournalView[]
  /** Journals that the ledger names and that are kept with their gateways: nothing of them is in this. */
  readonly notLookedAt: readonly string[]
  /** True where there were more requests than are asked again. */
  readonly requestsCut: boolean
}

export interface ReplayProgressView {
  /** Of the journal that is being read. */
  readonly bytes: number
  readonly ofBytes: number
  readonly actions: number
}

/** One line of the answer: progress, and the report as the last one. */
export type ReplayLine = { readonly progress: ReplayProgressView } | { readonly report: ReplayView }
