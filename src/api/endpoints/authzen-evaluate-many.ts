/** POST /access/v1/evaluations: several questions of AuthZEN 1.0 in one call, all of them or up to the one that settles it. */
import { z } from 'zod'
import { evaluateMany } from '../../control/authzen.ts'
import { countAccess } from '../../control/authzen-counts.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import type { AuthZenDecision, AuthZenDecisions } from '../../wire/authzen.ts'
import { json } from '../answers.ts'
import { accessEndpoints } from '../authzen/access-endpoint.ts'
import { evaluationsMax, isMany, readQuestions } from '../authzen/parse-access.ts'
import type { ApiParts } from '../parts.ts'

export const [evaluateManyAccesses, evaluateManyApplicationAccesses] = accessEndpoints({
  says: `AuthZEN 1.0: the same for up to ${evaluationsMax} questions, which take from the top what they do not say`,
  path: '/access/v1/evaluations',
  perMinuteMax: 6_000,
  bodyBytesMax: 1_048_576,
  input: z.object({
    subject: z.object().optional(),
    action: z.object().optional(),
    resource: z.object().optional(),
    context: z.object().optional(),
    evaluations: z.array(z.object()).optional(),
    options: z.object().optional(),
  }),
  read: readQuestions,
  answer: async (api, { about, point }, read) => {
    if (!isMany(read)) {
      const answer: AuthZenDecision = point.evaluate(read)
      countAccess(api.desk, about, answer.decision ? 'permit' : 'deny')
      return done(json(answer))
    }
    const fault = (cause: unknown) => {
      countAccess(api.desk, about, 'error')
      return noteFault(api, cause)
    }
    const evaluations = await evaluateMany(point, read.questions, read.semantic, { clock: api.desk.clock, fault })
    for (const { decision } of evaluations) countAccess(api.desk, about, decision ? 'permit' : 'deny')
    return done(json({ evaluations } satisfies AuthZenDecisions))
  },
})

/** One question of many that met a fault of ours is a no; the others are answered all the same. */
function noteFault(api: ApiParts, error: unknown) {
  const id = Buffer.from(api.desk.chance.bytes(8)).toString('hex')
  api.log.error('a question of AuthZEN could not be answered', { id, error })
  return refuse('internal', { detail: id }).refusal
}
