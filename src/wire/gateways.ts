/** Gateways that run elsewhere, as whoever looks after them sees them. */

/** Body of `POST /v1/gateways`. */
export interface GatewayInvitationBody {
  /** Of this one process. */
  readonly name: string
  /** The gateway it stands for, which services name; `http` unless said. */
  readonly gateway?: string
}

export interface GatewayView {
  readonly id: string
  readonly name: string
  readonly gateway: string
  readonly state: 'invited' | 'enrolled' | 'removed'
  readonly invitedAt: string
  /** Until when its code may be used; of one that is invited. */
  readonly codeEndsAt?: string
  readonly enrolledAt?: string
  /** SHA-256 of its public key, in hex. */
  readonly key?: string
  /** Whether it is connected to the control node that answers. */
  readonly connected: boolean
  /** The other control node that it is connected to: that one knows its lease and how far behind it is. */
  readonly connectedTo?: string
  readonly connectedAt?: string
  /** Where it is connected from, or enrolled from. */
  readonly address?: string
  /** How many versions of facts it has not applied yet. */
  readonly versionsBehind?: number
  /** Until when it may act if it is not heard of again. */
  readonly leaseEndsAt?: string
  readonly lastSeenAt?: string
  /** Its version of Remit. */
  readonly software?: string
}

export interface GatewayList {
  readonly gateways: readonly GatewayView[]
}

/** The code is in it this once and never again. */
export interface GatewayInvitationView {
  readonly gateway: GatewayView
  readonly code: string
  readonly codeEndsAt: string
  /** Where this control is reached: host and port. */
  readonly control: readonly string[]
}

/** Body of `POST /v1/gateways/:name/remove`. */
export interface GatewayRemovalBody {
  readonly reason: string
}

export interface GatewayRemovedView {
  readonly gateway: GatewayView
  /** Services whose secrets it may have had: what is not replaced at the service stays known to whoever has that machine. */
  readonly secrets: readonly string[]
}

/** One drill: without a time where the gateway did not answer. */
export interface DrilledView {
  readonly gateway: string
  readonly milliseconds?: number
}

/** Of the last hundred drills of one gateway, in milliseconds; without times where none was answered. */
export interface DrillFiguresView {
  readonly gateway: string
  readonly count: number
  readonly missed: number
  readonly p50?: number
  readonly p99?: number
  readonly max?: number
}

export interface DrillView {
  readonly drilled: readonly DrilledView[]
  readonly figures: readonly DrillFiguresView[]
}
