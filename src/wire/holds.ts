/** Held actions as they cross the wire. Instants are RFC 3339 in UTC. */
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
