/** GET /v1/who-can: who may have an effect on a resource, and who could. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { whoCan } from '../../control/who-can.ts'
import { json } from '../answers.ts'
import { whoCanView } from '../can-views.ts'
import { endpoint } from '../endpoint.ts'
import { count, words } from '../fields.ts'

const maxDefault = 100

export const listWhoCan = endpoint({
  says: 'who may have an effect on a resource now, who could by asking, and at whose yes: the caller, what it owns, or all for whoever may audit',
  method: 'GET',
  path: '/v1/who-can',
  caller: 'identity',
  perMinuteMax: 20,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ effect: words(20), resource: words(130), max: count(1, 1_000).optional() }),
  run: async ({ desk }, { effect, resource, max = maxDefault }, { caller }) => {
    const found = await whoCan(desk, caller, { effect, resource, max })
    return found.ok ? done(json(whoCanView(desk, found.value))) : found
  },
})
