/** Held actions as they cross the wire. Instants are RFC 3339 in UTC. */
import type { DefinitionView } from './definitions.ts'
import type { ApprovalView } from './grants.ts'
import type { WireValue } from './values.ts'

export type HoldStateName = 'waiting' | 'approved' | 'spent' | 'denied' | 'expired' | 'withdrawn'

export interface HoldView {
  readonly id: string
  readonly state: HoldStateName
  readonly grant: string
  /** Name of who acts. */
  readonly actor: string
  /** `POST /services/checkout/restart`. */
  readonly target: string
  readonly service: string
  readonly operation: string
  readonly effect: string
  readonly tier: number
  readonly arguments: Readonly<Record<string, WireValue>>
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Absent where there is none, and once the hold has closed. */
  readonly body?: { readonly encoding: 'utf-8' | 'base64'; readonly content: string }
  /** Of a tool of MCP: what its server says that it is. */
  readonly definition?: DefinitionView
  readonly policies: readonly string[]
  readonly approval: string
  readonly approvals: readonly ApprovalView[]
  readonly openedAt: string
  readonly answerBy: string
  readonly useBy?: string
  readonly closedAt?: string
  readonly reason?: string
  readonly digest: string
  /** URL where a person answers. */
  readonly page: string
}

/** Query of `GET /v1/holds`. */
export interface HoldQuery {
  /** One state, or several with commas: `waiting,approved`. */
  readonly state?: string
  readonly after?: string
  /** 1 to 200; default 50. */
  readonly max?: number
}

export interface HoldList {
  readonly holds: readonly HoldView[]
  readonly next?: string
}

/** A value, or how a long one begins, with its length in characters and the SHA-256 (hex) of its canonical JSON. */
export type RecentValue = { readonly value: WireValue } | { readonly start: string; readonly length: number; readonly sha256: string }

export interface RecentActionView {
  readonly at: string
  /** `allowed` that was let through and of whose end nothing was found. */
  readonly outcome: 'answered' | 'failed' | 'cut' | 'unknown' | 'not-sent' | 'delegated' | 'allowed' | 'held' | 'denied'
  /** Of the answer. */
  readonly status?: number
  /** The answer said of itself that it was an error, whatever its status. */
  readonly error?: true
  readonly reason?: string
  /** Code of the refusal, of what was denied. */
  readonly refusal?: string
  /** Of how many alike in a row this is the newest; absent where it is one. */
  readonly times?: number
  readonly decision?: string
  readonly hold?: { readonly id: string; readonly state: HoldStateName }
  /** At most twenty. */
  readonly arguments: Readonly<Record<string, RecentValue>>
  /** Further arguments, not shown. */
  readonly argumentsLeftOut?: number
  /** Names of arguments that are others than in the held call, or that only one of the two has. */
  readonly differs: readonly string[]
  readonly grant?: string
  /** Its statement for whoever may see that grant. */
  readonly task?: { readonly kind: string; readonly statement?: string }
  /** Whether it was under the grant of the held call. */
  readonly sameGrant: boolean
}

/** An argument of the held call beside the same in the last actions that were let through. */
export interface RecentComparison {
  readonly argument: string
  /**
   * `same`: never anything else. `seen`: one of several. `within`, `beyond`: a number not seen, between the others or not. `new`: never seen.
   * `added`: not given before. `absent`: given before, and not now.
   */
  readonly is: 'same' | 'seen' | 'within' | 'beyond' | 'new' | 'added' | 'absent'
  readonly now?: RecentValue
  /** Of numbers the least and the most, else up to five. */
  readonly before: readonly RecentValue[]
}

export interface RecentCounts {
  readonly allowed: number
  readonly held: number
  readonly denied: number
}

export interface RecentView {
  readonly hold: string
  /** Name of who acts. */
  readonly actor: string
  /** `bank/transfer`. */
  readonly resource: string
  /** At most five, the newest first. */
  readonly actions: readonly RecentActionView[]
  /** Empty where nothing was let through in what was looked at. */
  readonly compared: readonly RecentComparison[]
  /** With how many actions it was compared: at most five. */
  readonly comparedWith: number
  readonly counts: { readonly thisGrant: RecentCounts; readonly otherGrants: RecentCounts & { readonly grants: number } }
  readonly looked: {
    /** The stretch of time that is asked about. */
    readonly since: string
    readonly until: string
    /** How far back the journals were read; absent where they hold nothing. */
    readonly from?: string
    /** Why not further: what was before was taken away, or there was more than is read for one question. */
    readonly cut?: 'pruned' | 'limit'
    /** Gateways, or journals, that are kept elsewhere and were not read; without their names for who may not audit. */
    readonly elsewhere: readonly string[]
  }
}
