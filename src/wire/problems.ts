/** How a no crosses the wire: RFC 9457 problem details from the API, RFC 6749 errors from the OAuth endpoints. */
import type { Problem } from '../kernel/problems.ts'

export type ProblemView = Problem

export const problemType = 'application/problem+json'

/** What every refusal's `type` begins with; its code follows, such as `grant.missing`. */
export const refusalPrefix = 'urn:remit:refusal:'

/** RFC 6749 §5.2 and RFC 8628 §3.5. */
export interface OAuthError {
  readonly error:
    | 'invalid_request'
    | 'invalid_client'
    | 'invalid_grant'
    | 'invalid_scope'
    | 'invalid_target'
    | 'unauthorized_client'
    | 'unsupported_grant_type'
    | 'authorization_pending'
    | 'slow_down'
    | 'expired_token'
    | 'access_denied'
    | 'temporarily_unavailable'
    | 'server_error'
  readonly error_description: string
}
