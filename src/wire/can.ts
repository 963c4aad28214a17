/** Who can do what, as it crosses the wire. */

/** `held`: each action waits for a person. `may`: it hangs on what is known only when it happens. */
export type NowName = 'yes' | 'may' | 'held' | 'no'
/** `never`: it could be asked for, and a guardrail would refuse the action whatever else is true. */
export type CouldName = 'yes' | 'may' | 'no' | 'never'

/** The grant, or the exception behind it, by which something may be done now. */
export interface UnderView {
  readonly grant: string
  readonly exception?: string
  /** For whom it acts under this grant. */
  readonly actsFor?: readonly string[]
  readonly expiresAt?: string
}

/** What asking costs; `approval` is `nobody` where policy approves by itself. */
export interface PriceView {
  readonly policies: readonly string[]
  readonly approval: string
  readonly duration: string
  readonly durationMax: string
}

export interface CouldView {
  readonly could: CouldName
  /** Several where it hangs on which eligibility matches. */
  readonly prices: readonly PriceView[]
  /** Of each eligibility that only may match: what it asks of the request, as `task.kind is incident`. */
  readonly conditions: readonly { readonly policy: string; readonly if: readonly string[] }[]
}

/** Query of `GET /v1/identities/:name/can`. */
export interface CanQuery {
  /** For whom it acts. */
  readonly for?: string
  readonly service?: string
  /** With what it can neither do nor ask for. */
  readonly all?: boolean
}

export interface CanOperationView extends CouldView {
  readonly operation: string
  readonly effect: string
  readonly tier: number
  readonly now: NowName
  readonly under: readonly UnderView[]
  /** What it hangs on whether it may be done now. */
  readonly nowIf: readonly string[]
  /** Whose yes each action waits for, or may wait for. */
  readonly held: readonly { readonly policy: string; readonly by: string; readonly if: readonly string[] }[]
  /** Guardrails that refuse it in any case. */
  readonly forbiddenBy: readonly string[]
  /** Guardrails that may refuse it, and on what that hangs. */
  readonly unless: readonly { readonly policy: string; readonly if: readonly string[] }[]
}

export interface CanDeskView {
  readonly action: string
  readonly now: 'yes' | 'no'
  /** The grant or exception; absent where policy alone permits it. */
  readonly under?: string
  readonly could?: CouldView
}

/** Answer of `GET /v1/identities/:name/can`. */
export interface CanView {
  readonly at: string
  /** Who acts first, then for whom. */
  readonly chain: readonly string[]
  readonly kind: string
  /** Why nothing at all is possible: the code of a refusal and what it says. */
  readonly stopped?: { readonly code: string; readonly says: string }
  readonly now: { readonly yes: number; readonly may: number; readonly held: number }
  readonly could: { readonly yes: number; readonly may: number; readonly withApproval: number; readonly never: number }
  readonly nothing: number
  readonly operations: readonly CanOperationView[]
  readonly desk: readonly CanDeskView[]
  /** More operations than one answer holds. */
  readonly leftOut: number
}

/** How near somebody is to it, the nearest first. */
export type NearnessName = 'now' | 'now-perhaps' | 'now-held' | 'by-asking' | 'with-approval' | 'perhaps' | 'never'

/** Query of `GET /v1/who-can`. */
export interface WhoCanQuery {
  /** One effect, or `any`; of the desk also an action there. */
  readonly effect: string
  /** `shop`, `shop/restart`, `desk`. */
  readonly resource: string
  /** 1 to 1000; default 100. */
  readonly max?: number
}

export interface WhoView {
  readonly identity: string
  readonly kind: string
  readonly owner?: string
  readonly nearness: NearnessName
  /** The one to which they are nearest. */
  readonly operation: string
  readonly under?: string
  readonly until?: string
  readonly approval?: string
  readonly if: readonly string[]
  readonly policies: readonly string[]
}

/** Answer of `GET /v1/who-can`. */
export interface WhoCanView {
  readonly at: string
  readonly operations: readonly string[]
  readonly who: readonly WhoView[]
  readonly counts: Readonly<Record<NearnessName, number>>
  /** Identities that could do it in some way and are not named here. */
  readonly leftOut: number
  /** Identities that there was no time to look at: ask about fewer operations. */
  readonly unseen: number
}
