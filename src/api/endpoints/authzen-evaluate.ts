/** POST /access/v1/evaluation: one question of AuthZEN 1.0, and its answer. */
import { z } from 'zod'
import { countAccess } from '../../control/authzen-counts.ts'
import { done } from '../../kernel/result.ts'
import type { AuthZenDecision } from '../../wire/authzen.ts'
import { json } from '../answers.ts'
import { accessEndpoints } from '../authzen/access-endpoint.ts'
import { readQuestion } from '../authzen/parse-access.ts'

export const [evaluateAccess, evaluateApplicationAccess] = accessEndpoints({
  says: 'AuthZEN 1.0: may this subject do this action to this resource',
  path: '/access/v1/evaluation',
  perMinuteMax: 600_000,
  bodyBytesMax: 65_536,
  input: z.object({
    subject: z.object(),
    action: z.object(),
    resource: z.object(),
    context: z.object().optional(),
    options: z.object().optional(),
  }),
  read: readQuestion,
  answer: (api, { about, point }, question) => {
    const answer: AuthZenDecision = point.evaluate(question)
    countAccess(api.desk, about, answer.decision ? 'permit' : 'deny')
    return done(json(answer))
  },
})
