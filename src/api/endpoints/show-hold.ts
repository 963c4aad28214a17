/** GET /v1/holds/:id: one held action. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { maySee } from '../../control/rights.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { oneHoldView } from '../hold-views.ts'
import { findHold } from '../holds.ts'

export const showHold = endpoint({
  says: 'one held action, in full while it waits',
  method: 'GET',
  path: '/v1/holds/:id',
  caller: 'identity',
  perMinuteMax: 600,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ id: id('hld') }),
  run: async (api, { id }, { caller }) => {
    const found = await findHold(api.desk, id)
    if (found === undefined || !maySee(api.desk, caller, found.grant.chain)) return refuse('not-found')
    return done(json(await oneHoldView(api.desk, found)))
  },
})
