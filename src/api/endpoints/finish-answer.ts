/** POST /pages/answers/finish: a person's signed yes or no. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { answer } from '../../control/answer.ts'
import type { AnsweredView } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { challenge, jsonObject } from '../fields.ts'

export const finishAnswer = endpoint({
  says: 'takes the signed yes or no; it fits one digest, once',
  method: 'POST',
  path: '/pages/answers/finish',
  caller: 'person',
  perMinuteMax: 60,
  records: [
    'approval.signed',
    'grant.approved',
    'grant.denied',
    'grant.extended',
    'grant.activated',
    'grant.ended',
    'hold.approved',
    'hold.denied',
    'configuration.applied',
    'identity.created',
    'identity.changed',
    'policy.published',
    'application.published',
    'application.removed',
    'change-set.denied',
    'exception.approved',
    'exception.denied',
  ],
  takes: 'json',
  bodyBytesMax: 65_536,
  refuses: 'problem',
  input: z.strictObject({ challenge, response: jsonObject }),
  run: async (api, { challenge, response }, { person }) => {
    const answered = await answer(api.desk, person, { challenge, response })
    if (!answered.ok) return answered
    const { approval, state } = answered.value
    const view: AnsweredView = { subject: approval.subject, decision: approval.decision, state }
    return done(json(view))
  },
})
