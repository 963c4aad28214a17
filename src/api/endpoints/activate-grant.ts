/** POST /v1/grants/:id/activate: the work window of an approved grant begins. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { activateGrant as activate } from '../../control/work-window.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { oneGrantView } from '../grant-views.ts'

export const activateGrant = endpoint({
  says: 'claims an approved grant: its time begins to run',
  method: 'POST',
  path: '/v1/grants/:id/activate',
  caller: 'identity',
  perMinuteMax: 120,
  records: ['grant.activated', 'grant.unclaimed'],
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ id: id('grn') }),
  run: async (api, { id }, { caller }) => {
    const active = await activate(api.desk, caller, id)
    return active.ok ? done(json(await oneGrantView(api.desk, active.value))) : active
  },
})
