/** POST /v1/grants/:id/done: says that the task is done: the grant ends at once. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { completeGrant as close } from '../../control/end-grant.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id, reason } from '../fields.ts'
import { endedGrantView } from '../grant-views.ts'

export const completeGrant = endpoint({
  says: 'says that the task is done: the grant ends at once',
  method: 'POST',
  path: '/v1/grants/:id/done',
  caller: 'identity',
  perMinuteMax: 120,
  records: ['grant.ended', 'grant.withdrawn', 'grant.unclaimed'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ id: id('grn'), reason: reason.optional() }),
  run: async (api, { id, reason = 'the task is done' }, { caller }) => {
    const ended = await close(api.desk, caller, id, reason)
    return ended.ok ? done(json(await endedGrantView(api.desk, ended.value))) : ended
  },
})
