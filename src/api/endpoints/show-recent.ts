/** GET /v1/holds/:id/recent: what was done before a held action. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { maySee } from '../../control/rights.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { findHold } from '../holds.ts'
import { recentForCaller } from '../recent-views.ts'

export const showRecent = endpoint({
  says: 'what who acts did the last times with the operation of a held action, as far as the caller may see it, and what is different now',
  method: 'GET',
  path: '/v1/holds/:id/recent',
  caller: 'identity',
  // Each reads megabytes of journals.
  perMinuteMax: 30,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ id: id('hld') }),
  run: async (api, { id }, { caller }) => {
    const found = await findHold(api.desk, id)
    if (found === undefined || !maySee(api.desk, caller, found.grant.chain)) return refuse('not-found')
    const recent = await recentForCaller(api, found, caller)
    return recent.ok ? done(json(recent.value)) : recent
  },
})
