/** POST /v1/grants/:id/abandon: gives the grant up: its command failed, was killed, or is no longer wanted. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { abandonGrant as close } from '../../control/end-grant.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id, reason } from '../fields.ts'
import { endedGrantView } from '../grant-views.ts'

export const abandonGrant = endpoint({
  says: 'gives the grant up: its command failed, was killed, or is no longer wanted',
  method: 'POST',
  path: '/v1/grants/:id/abandon',
  caller: 'identity',
  perMinuteMax: 120,
  records: ['grant.ended', 'grant.withdrawn', 'grant.unclaimed'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ id: id('grn'), reason: reason.optional() }),
  run: async (api, { id, reason = 'its command ended' }, { caller }) => {
    const ended = await close(api.desk, caller, id, reason)
    return ended.ok ? done(json(await endedGrantView(api.desk, ended.value))) : ended
  },
})
