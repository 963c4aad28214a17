/** POST /v1/grants/:id/extend: a later end, with a reason, as a new decision. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { extendGrant as extend } from '../../control/work-window.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { duration, id, reason } from '../fields.ts'
import { oneGrantView } from '../grant-views.ts'

export const extendGrant = endpoint({
  says: 'asks for a later end of a live grant, within its longest; a reason is needed. Where people must say yes again, the answer is a pending request that continues it',
  method: 'POST',
  path: '/v1/grants/:id/extend',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['grant.extended', 'grant.requested'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ id: id('grn'), duration, reason }),
  run: async (api, { id, duration, reason }, { caller }) => {
    const extended = await extend(api.desk, caller, id, { milliseconds: duration, reason })
    return extended.ok ? done(json(await oneGrantView(api.desk, extended.value))) : extended
  },
})
