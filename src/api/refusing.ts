/** How a no goes out: problem+json, an OAuth error, or a page that a person can read. */
import { describeProblem, problemMediaType, retryAfterSeconds } from '../kernel/problems.ts'
import { describeRefusal, type Refusal, type RefusalCode, refusals } from '../kernel/refusals.ts'
import type { OAuthError } from '../wire/problems.ts'
import { writeHtml } from './pages/html.ts'
import { refusalPage } from './pages/refusal-page.ts'

/** What is written to the socket. */
export interface Written {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export function writeRefusal(refusal: Refusal, how: 'problem' | 'oauth' | 'page'): Written {
  switch (how) {
    case 'problem':
      return writeProblem(refusal)
    case 'oauth':
      return writeOAuthError(refusal)
    case 'page': {
      const problem = describeProblem(refusal)
      return {
        status: problem.status,
        headers: { 'content-type': 'text/html; charset=utf-8', ...retryAfter(refusal) },
        body: writeHtml(refusalPage(refusal.code, problem)),
      }
    }
  }
}

function writeProblem(refusal: Refusal): Written {
  const problem = describeProblem(refusal)
  const challenge: Readonly<Record<string, string>> = problem.status === 401 ? { 'www-authenticate': 'Bearer realm="remit"' } : {}
  return {
    status: problem.status,
    headers: { 'content-type': problemMediaType, ...challenge, ...retryAfter(refusal) },
    body: JSON.stringify(problem),
  }
}

function retryAfter(refusal: Refusal): Readonly<Record<string, string>> {
  const seconds = retryAfterSeconds(refusal)
  return seconds === undefined ? {} : { 'retry-after': seconds }
}

/** RFC 6749 §5.2. RFC 8693 §2.2.2 wants `invalid_request` for every flaw of a subject or actor token. */
function writeOAuthError(refusal: Refusal): Written {
  const { status, remedy } = refusals[refusal.code]
  const body: OAuthError = {
    error: oauthErrors[refusal.code] ?? 'invalid_request',
    error_description: asciiOnly(`${describeRefusal(refusal)}; ${remedy}`),
  }
  const outgoing = status === 413 || status === 415 || status === 429 || status >= 500 ? status : 400
  return { status: outgoing, headers: { 'content-type': 'application/json', ...retryAfter(refusal) }, body: JSON.stringify(body) }
}

const oauthErrors: Partial<Record<RefusalCode, OAuthError['error']>> = {
  'grant.missing': 'invalid_scope',
  'grant.ended': 'invalid_scope',
  'grant.wrong-state': 'invalid_scope',
  'link.invalid': 'expired_token',
  'client.invalid': 'invalid_client',
  'rate.exceeded': 'temporarily_unavailable',
  'store.unavailable': 'temporarily_unavailable',
  'control.unreachable': 'temporarily_unavailable',
  internal: 'server_error',
}

/** The characters that RFC 6749 §5.2 allows in a description. */
function asciiOnly(text: string): string {
  return text.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
