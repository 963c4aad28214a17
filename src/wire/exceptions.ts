/** Exceptions, and everything else that stands, as they cross the wire. Instants are RFC 3339 in UTC. */
import type { ApprovalView } from './grants.ts'

export type ExceptionStateName = 'proposed' | 'active' | 'ended' | 'denied' | 'withdrawn'

export interface StepView {
  readonly says: string
  readonly done?: { readonly by: string; readonly at: string }
}

export interface ExceptionView {
  readonly id: string
  readonly state: ExceptionStateName
  /** Names: who has it, who answers for it, who proposed it. */
  readonly identity: string
  readonly owner: string
  readonly proposedBy: string
  /** What it permits: something at Remit's own desk, or lines of a scope. One of the two is empty. */
  readonly deskActions: readonly string[]
  readonly scope: readonly string[]
  /** How far it reaches, in words. */
  readonly reaches: string
  readonly tier: number
  /** `shop/restart`: each operation that it permits. */
  readonly operations: readonly string[]
  readonly reason: string
  readonly remediation: readonly StepView[]
  readonly approvals: readonly ApprovalView[]
  /** Present while nobody exists who could approve it. */
  readonly locked?: true
  readonly createdAt: string
  readonly answerBy: string
  readonly approvedAt?: string
  readonly expiresAt: string
  /** Present from 14 days before its end. */
  readonly endsSoon?: true
  /** The grant through which a scope is permitted. */
  readonly grant?: string
  readonly renews?: string
  /** How many in a row came before it, and since when that stands. */
  readonly renewals: number
  readonly standingSince?: string
  readonly endedAt?: string
  readonly ending?: { readonly how: string; readonly by: string; readonly reason: string }
  readonly digest: string
  /** URL where a person answers. */
  readonly page: string
}

/** Body of `POST /v1/exceptions`. */
export interface ExceptionBody {
  readonly identity: string
  readonly owner: string
  readonly scope?: readonly string[]
  readonly deskActions?: readonly ('approve' | 'audit' | 'stop' | 'operate' | 'administer')[]
  readonly reason: string
  readonly remediation: readonly string[]
  /** `30d` from now, or `until`, an instant: one of the two. */
  readonly duration?: string
  readonly until?: string
  readonly renews?: string
}

/** Query of `GET /v1/exceptions`. */
export interface ExceptionQuery {
  /** One state, or several with commas: `proposed,active`. */
  readonly state?: string
  readonly after?: string
  /** 1 to 200; default 50. */
  readonly max?: number
}

export interface ExceptionList {
  readonly exceptions: readonly ExceptionView[]
  readonly next?: string
}

/** Who stands at Remit's own desk by its policies. */
export interface DeskStandingView {
  readonly actions: readonly string[]
  readonly policies: readonly string[]
  /** At most the first fifty names, sorted. */
  readonly identities: readonly string[]
  readonly count: number
}

/** Grants that follow each other without a gap. */
export interface GrantRunView {
  readonly identity: string
  readonly operations: readonly string[]
  readonly tier: number
  readonly grants: number
  readonly from: string
  readonly to: string
  /** Newest ids, at most ten. */
  readonly newest: readonly string[]
}

export interface CredentialStandingView {
  readonly id: string
  readonly identity: string
  readonly kind: 'api-secret' | 'oauth-client' | 'passkey'
  /** Of an OAuth client: the address of its metadata document. */
  readonly client?: string
  readonly createdAt: string
  readonly expiresAt?: string
  /** Absent: never, as far as is known. */
  readonly lastUsedAt?: string
  /** Present where it was not used for thirty days. */
  readonly unused?: true
}

export interface UpstreamStandingView {
  readonly service: string
  readonly environment: string
  readonly header: string
  readonly since?: string
}

/** Answer of `GET /v1/standing`. Each list has what reaches furthest first. */
export interface StandingView {
  readonly at: string
  /** Active and proposed ones. */
  readonly exceptions: readonly ExceptionView[]
  readonly desk: readonly DeskStandingView[]
  /** Who starts Remit on its machine can do what Remit can. Only for whoever may audit. */
  readonly machine?: string
  readonly runs: readonly GrantRunView[]
  /** Present where there were too many ended grants to look at all of them. */
  readonly runsPartial?: true
  readonly upstreams: readonly UpstreamStandingView[]
  /** They prove who somebody is, and permit nothing. */
  readonly credentials: readonly CredentialStandingView[]
}
