/** What a proxy is answered: yes or no in the way it understands, and for its client why. */
import { describeProblem, type Problem } from '../../kernel/problems.ts'
import type { DecisionId } from '../../kernel/ids.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { problemText } from '../shared/problem-text.ts'
import type { ProblemText } from '../shared/client-stream.ts'
import type { QuestionForm } from './forward-auth-question.ts'

/** Headers of a yes, flat: it holds for this request alone. Envoy takes the token out of what it forwards. */
export function yesHeaders(form: QuestionForm, decision: DecisionId): readonly string[] {
  const headers = ['Content-Length', '0', 'Cache-Control', 'no-store', 'Remit-Decision', decision]
  return form === 'ext-authz' ? [...headers, 'x-envoy-auth-headers-to-remove', 'authorization'] : headers
}

export interface NoAnswer {
  readonly form: QuestionForm
  readonly refusal: Refusal
  readonly more: Pick<Problem, 'decision'>
}

/**
 * A no. nginx takes 401 and 403 for one and makes an error of its own of all others, and passes on headers only: for it the problem
 * stands in `Remit-Problem` as well.
 */
export function noText({ form, refusal, more }: NoAnswer): ProblemText {
  const { status, headers, body } = problemText({ refusal, more })
  const said = [...headers, 'Remit-Refusal', refusalName(body), ...(more.decision === undefined ? [] : ['Remit-Decision', more.decision])]
  if (form === 'ext-authz') return { status, headers: said, body }
  return { status: status === 401 ? 401 : 403, headers: [...said, 'Remit-Problem', headerText(refusal, more, body)], body }
}

/** Its code, as the caller may know it. */
function refusalName(body: Buffer): string {
  return /"urn:remit:refusal:([a-z.-]+)"/.exec(body.toString('latin1'))?.[1] ?? ''
}

/** Half of the page that nginx has for all headers of an answer. */
const headerBytesMax = 2_048

/** The problem as a header can carry it: ASCII, and without its longer parts where it would be too long. */
function headerText(refusal: Refusal, more: Pick<Problem, 'decision'>, body: Buffer): string {
  const whole = inAscii(body.toString())
  if (whole.length <= headerBytesMax) return whole
  const { code, detail } = refusal
  const shorter = describeProblem({ code, ...(detail === undefined ? {} : { detail: detail.slice(0, 200) }) }, more)
  return inAscii(JSON.stringify(shorter))
}

function inAscii(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
