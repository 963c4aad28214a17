/** Answers the gateway gives itself: refusals as problem+json. */
import { describeProblem, type Problem, problemMediaType, retryAfterSeconds } from '../../kernel/problems.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import type { ProblemText } from './client-stream.ts'

export interface RefusalAnswer {
  readonly refusal: Refusal
  readonly more: Pick<Problem, 'decision' | 'hold' | 'page'>
  /** Flat, beyond those that every refusal has. */
  readonly headers?: readonly string[]
}

const busyRetrySeconds = 1

/** A refusal as it goes out. */
export function problemText({ refusal, more, headers = [] }: RefusalAnswer): ProblemText {
  const problem = describeProblem(refusal, more)
  const body = Buffer.from(JSON.stringify(problem))
  const all = ['Content-Type', problemMediaType, 'Content-Length', `${body.byteLength}`, 'Cache-Control', 'no-store', ...headers]
  // RFC 6750 §3: no error code where no credential was presented.
  if (problem.status === 401)
    all.push('WWW-Authenticate', `Bearer realm="remit"${refusal.code === 'credential.missing' ? '' : ', error="invalid_token"'}`)
  if (problem.status === 429 || problem.status === 503) all.push('Retry-After', retryAfterSeconds(refusal) ?? `${busyRetrySeconds}`)
  return { status: problem.status, headers: all, body }
}

let datedSecond = -1
let dated = ''

/** RFC 9110 §6.6.1: whoever passes an answer on gives it a date if it has none. Made once a second. */
export function dateText(now: Instant): string {
  const second = Math.floor(now / 1_000)
  if (second !== datedSecond) {
    datedSecond = second
    dated = new Date(now).toUTCString()
  }
  return dated
}
