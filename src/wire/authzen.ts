/** OpenID AuthZEN Authorization API 1.0 as it crosses the wire: questions, answers, searches, and where to ask. */

export interface AuthZenSubject {
  readonly type: string
  readonly id: string
  readonly properties?: Readonly<Record<string, unknown>>
}

export type AuthZenResource = AuthZenSubject

export interface AuthZenAction {
  readonly name: string
  readonly properties?: Readonly<Record<string, unknown>>
}

export interface AuthZenRequest {
  readonly subject: AuthZenSubject
  readonly action: AuthZenAction
  readonly resource: AuthZenResource
  readonly context?: Readonly<Record<string, unknown>>
  /** Ours: which values decided it is said too. */
  readonly options?: { readonly explain?: boolean }
}

export interface AuthZenDecision {
  readonly decision: boolean
  /** See docs/guides/authzen.md. */
  readonly context?: Readonly<Record<string, unknown>>
}

export interface AuthZenRequests extends Partial<Omit<AuthZenRequest, 'options'>> {
  readonly evaluations?: readonly Partial<AuthZenRequest>[]
  readonly options?: {
    readonly evaluations_semantic?: 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit'
    readonly explain?: boolean
  }
}

export interface AuthZenDecisions {
  readonly evaluations: readonly AuthZenDecision[]
}

export interface AuthZenFound<T> {
  readonly page: { readonly next_token: string; readonly count: number }
  readonly results: readonly (T & { readonly context?: Readonly<Record<string, unknown>> })[]
}

/** Section 9, with what two draft profiles add to it. */
export interface AuthZenMetadata {
  readonly policy_decision_point: string
  readonly access_evaluation_endpoint: string
  readonly access_evaluations_endpoint: string
  readonly search_subject_endpoint: string
  readonly search_resource_endpoint: string
  readonly search_action_endpoint: string
  /** AuthZEN Profile for Obligations, draft 1. */
  readonly obligations_supported: readonly string[]
  /** AuthZEN Access Request and Approval Profile, draft. */
  readonly access_request_endpoint?: string
  readonly capabilities?: readonly string[]
}

/** Answer of the draft's access request endpoint, and of its task status endpoint. */
export interface AuthZenTask {
  readonly task: {
    readonly id: string
    readonly status: 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled'
    readonly status_endpoint: string
    readonly expires_at: string
    readonly links: Readonly<Record<string, string>>
  }
  readonly result?: { readonly mode: 'reevaluate'; readonly approval: { readonly id: string; readonly approved_until?: string } }
}
