/** POST /v1/exceptions/:id/tick: one step of the way out is done. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { tickStep } from '../../control/exceptions.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { oneExceptionView } from '../exception-views.ts'
import { id } from '../fields.ts'

export const tickExceptionStep = endpoint({
  says: 'ticks off a step of the way out, counted from 1: the owner, who has it, or an administrator',
  method: 'POST',
  path: '/v1/exceptions/:id/tick',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['exception.step-done'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ id: id('exc'), step: z.int().min(1).max(20) }),
  run: async (api, { id, step }, { caller }) => {
    const ticked = await tickStep(api.desk, caller, id, step - 1)
    return ticked.ok ? done(json(await oneExceptionView(api.desk, ticked.value))) : ticked
  },
})
