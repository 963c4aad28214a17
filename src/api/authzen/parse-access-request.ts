/** Access requests of AuthZEN's draft profile, read by hand: what is not known is ignored, bundles are not taken. */
import type { AccessRequest } from '../../control/authzen-requests.ts'
import { isJsonObject, type JsonObject } from '../../kernel/json.ts'
import { parseInstant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { readQuestion } from './parse-access.ts'

const statementMax = 500

/** Refuses `input.malformed`, naming the member. */
export function readAccessRequest(body: JsonObject): Result<AccessRequest> {
  if (body['items'] !== undefined) return malformed('items: one thing is asked for at a time')
  const question = readQuestion(body)
  if (!question.ok) return question
  const { denial, requested_access: wanted = {} } = body
  if (!isJsonObject(denial)) return malformed('denial: an object is wanted')
  if (!isJsonObject(wanted)) return malformed('requested_access: an object is wanted')
  const { business_justification: statement } = question.value.context
  if (statement !== undefined && (typeof statement !== 'string' || statement.trim() === '' || statement.length > statementMax))
    return malformed(`context.business_justification: 1 to ${statementMax} characters are wanted`)
  const { requested_until: until } = wanted
  if (until === undefined) return done({ question: question.value, denial, statement, until: undefined })
  const instant = typeof until === 'string' ? parseInstant(until) : undefined
  if (instant?.ok !== true) return malformed('requested_access.requested_until: an instant of RFC 3339 is wanted')
  return done({ question: question.value, denial, statement, until: instant.value })
}

function malformed(detail: string): Result<never> {
  return refuse('input.malformed', { detail })
}
