/** A refusal as it goes out: RFC 9457 problem details, the same from the API and from every gateway. */
import { type AskHint, describeRefusal, type Refusal, type RefusalCode, refusals } from './refusals.ts'
import type { PlacedProblem } from './source-problems.ts'

export const problemMediaType = 'application/problem+json'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly remedy: string
  readonly policies?: readonly string[]
  readonly ask?: readonly AskHint[]
  /** Every fault of a document that was sent. */
  readonly problems?: readonly PlacedProblem[]
  /** The decision's id: `remit explain` tells more. */
  readonly decision?: string
  readonly hold?: string
  /** The page where a person answers. */
  readonly page?: string
}

/** After how many seconds it is worth another try, where a limit of time says so: its detail ends with them. */
export function retryAfterSeconds({ code, detail = '' }: Refusal): string | undefined {
  if (code !== 'rate.exceeded' && code !== 'grant.rate') return undefined
  const [, seconds] = /(?:^| )(\d{1,6})s$/.exec(detail) ?? []
  return seconds
}

/** What may be said to the caller: a refusal whose row tells only the operator goes out as `not-found`. */
export function describeProblem(refusal: Refusal, more: Pick<Problem, 'decision' | 'hold' | 'page'> = {}): Problem {
  const code: RefusalCode = refusals[refusal.code].tells === 'caller' ? refusal.code : 'not-found'
  const row = refusals[code]
  return {
    type: `urn:remit:refusal:${code}`,
    title: row.says,
    status: row.status,
    detail: code === refusal.code ? describeRefusal(refusal) : row.says,
    remedy: row.remedy,
    ...(refusal.policies === undefined ? {} : { policies: refusal.policies }),
    ...(refusal.ask === undefined ? {} : { ask: refusal.ask }),
    ...(refusal.problems === undefined ? {} : { problems: refusal.problems }),
    ...more,
  }
}
