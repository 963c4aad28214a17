/** Grants as they cross the wire: what is asked, what is shown, what is done to one. Instants are RFC 3339 in UTC. */
import type { ExceptionView } from './exceptions.ts'

export type GrantStateName = 'requested' | 'pending' | 'approved' | 'active' | 'ended' | 'denied' | 'withdrawn' | 'unclaimed'

/** Body of `POST /v1/grants`. */
export interface GrantRequestBody {
  /** Kind of task, as policies name it. */
  readonly task: string
  readonly statement: string
  readonly ticket?: string
  /** `read:shop`, `shop/restart,service=checkout,uses=1`, `shop/refund,sum(amount)<=500,rate=10/1m`. */
  readonly scope: readonly string[]
  /** `30m`; without it the time that policy gives. */
  readonly duration?: string
  /** `10m`: the grant ends when nothing happened for so long. */
  readonly idle?: string
  /** The wrapper promises to call at this interval; three missed calls end the grant. */
  readonly heartbeatSeconds?: number
}

/** Body of `POST /v1/grants/:id/extend`. */
export interface ExtensionBody {
  /** How much longer: `15m`. */
  readonly duration: string
  readonly reason: string
}

/** Body of `…/done` and `…/abandon`. */
export interface ClosingBody {
  readonly reason?: string
}

/** Body of `…/revoke`, and of quarantine and release. */
export interface ReasonBody {
  readonly reason: string
}

export interface ApprovalView {
  readonly person: string
  readonly decision: 'approve' | 'deny'
  readonly at: string
  /** A party of it had let this person in within a week, and nobody else was there who could be asked. */
  readonly letInBy?: string
}

export interface UsesView {
  /** Number of the scope line, from 0. */
  readonly line: number
  /** Actions so far, and uses that gateways reserved. */
  readonly spent: number
  /** Absent: not counted. */
  readonly of?: number
  /** How many of `spent` gateways hold in advance. */
  readonly reserved?: number
  /** What an argument has come to, as exact decimals. */
  readonly sum?: { readonly argument: string; readonly spent: string; readonly of: string }
  /** Actions in the last `window`. */
  readonly rate?: { readonly recent: number; readonly of: number; readonly window: string }
}

export interface GrantView {
  readonly id: string
  readonly state: GrantStateName
  /** Names: who acts first, then for whom. */
  readonly chain: readonly string[]
  readonly task: { readonly kind: string; readonly statement: string; readonly ticket?: string }
  readonly scope: readonly string[]
  readonly tier: number
  readonly duration: string
  readonly durationMax: string
  /** Who must say yes: `role:sre`; `nobody` where policy needs none. */
  readonly approval: string
  readonly approvals: readonly ApprovalView[]
  /** Present while nobody exists who could satisfy `approval`. */
  readonly locked?: true
  /** It was asked for after somebody of the chain had read what anybody may have written: policy alone never gives it. */
  readonly untrusted?: true
  /** The first result under it that anybody may have written; kept until a day after the token it was read with ends. */
  readonly read?: { readonly operation: string; readonly since: string }
  /** The exception that it is the permit of: standing privilege, not a grant for one task. */
  readonly exception?: string
  readonly policies: readonly string[]
  /** The active grant that this asks more time for. */
  readonly continues?: string
  readonly requestedAt: string
  readonly pendingUntil: string
  readonly claimBy?: string
  readonly activatedAt?: string
  readonly expiresAt?: string
  readonly endedAt?: string
  readonly ending?: { readonly how: string; readonly by: string; readonly reason: string }
  readonly uses: readonly UsesView[]
  /** URL where a person answers. */
  readonly page: string
}

/** Query of `GET /v1/grants`. */
export interface GrantQuery {
  /** One state, or several with commas: `pending,active`. */
  readonly state?: string
  /** Only those whose first link is the caller. */
  readonly mine?: boolean
  readonly after?: string
  /** 1 to 200; default 50. */
  readonly max?: number
}

/** In order of id; `next` goes into `after` of the next page. */
export interface GrantList {
  /** What stands comes first: active exceptions that the caller may see, on the first page. */
  readonly exceptions?: readonly ExceptionView[]
  readonly grants: readonly GrantView[]
  readonly next?: string
}

/** Query of `GET /v1/grants/:id`: with both, the answer waits until the grant is no longer in `state`. */
export interface GrantWait {
  /** Seconds, at most 60. */
  readonly wait?: number
  readonly state?: GrantStateName
}

/** What one gateway did about what ended. */
export interface Confirmation {
  readonly gateway: string
  /** It said that it has stopped; or it was not heard until its lease was over, and lets nothing through since then. */
  readonly how: 'confirmed' | 'lapsed'
  /** From the change on. */
  readonly milliseconds: number
  readonly at: string
}

/** A grant that its own chain ended. */
export interface EndedGrantView extends GrantView {
  readonly confirmed: readonly Confirmation[]
}

export interface RevocationView {
  readonly grant: GrantView
  readonly confirmed: readonly Confirmation[]
}

/** Answer of `…/heartbeat`. */
export interface HeartbeatView {
  readonly state: GrantStateName
  readonly expiresAt?: string
}

/** One thing the caller may ask for. */
export interface AskableView {
  readonly resource: string
  readonly effect: string
  readonly tier: number
  readonly task: string
  readonly durationMax: string
  readonly approval: string
  readonly policies: readonly string[]
  readonly command: string
}

export interface EligibleList {
  /** What need not be asked for: the caller's active exceptions. */
  readonly exceptions?: readonly ExceptionView[]
  readonly eligible: readonly AskableView[]
}
