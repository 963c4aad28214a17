/** Reads what came over the wire: the one place where an answer becomes a type. */
import type { OAuthError, ProblemView } from '../wire/problems.ts'

type Members = Readonly<Record<string, unknown>>

/** An answer of a known shape, by the member that none of them lacks; `undefined` for anything else. */
export function parseAnswer<T>(value: unknown, member: keyof T & string): T | undefined {
  return isMembers(value) && member in value ? (value as T) : undefined
}

/** JSON, or `undefined`. */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Problem details (RFC 9457), or an OAuth error (RFC 6749) put into the same words; `undefined` for anything else. */
export function parseProblem(value: unknown, status: number): ProblemView | undefined {
  if (!isMembers(value)) return undefined
  if (typeof value['error'] === 'string') return describeOAuthError(value as unknown as OAuthError, status)
  const { type, title, detail, remedy } = value
  if (typeof type !== 'string' || typeof title !== 'string') return undefined
  return {
    ...(value as unknown as ProblemView),
    status,
    detail: typeof detail === 'string' ? detail : title,
    remedy: typeof remedy === 'string' ? remedy : '',
  }
}

/** The `error` of an OAuth answer, such as `authorization_pending`. */
export function oauthErrorOf(problem: ProblemView): string | undefined {
  return problem.type.startsWith(oauthPrefix) ? problem.type.slice(oauthPrefix.length) : undefined
}

const oauthPrefix = 'urn:remit:oauth:'

const oauthRemedies: Readonly<Record<string, string>> = {
  invalid_grant: 'check the secret or token: it may have ended, been revoked, or belong to another Remit',
  invalid_target: 'check the space and the audience',
  invalid_scope: 'check the id of the grant, and that it is active',
  access_denied: 'somebody said no on the page',
  expired_token: 'sign in again',
}

function describeOAuthError({ error, error_description }: OAuthError, status: number): ProblemView {
  const detail = typeof error_description === 'string' ? error_description : error.replaceAll('_', ' ')
  return { type: `${oauthPrefix}${error}`, title: error.replaceAll('_', ' '), status, detail, remedy: oauthRemedies[error] ?? '' }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
