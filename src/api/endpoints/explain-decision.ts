/** GET /v1/decisions/:id: why an action was allowed, held or refused. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { explain } from '../../control/explain.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'

export const explainDecision = endpoint({
  says: 'why an action was allowed, held or refused: its record, and the same in words',
  method: 'GET',
  path: '/v1/decisions/:id',
  caller: 'identity',
  perMinuteMax: 60,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ id: id('dec') }),
  run: async (api, { id }, { caller }) => {
    const explained = await explain(api.desk, api.journals, caller, id)
    return explained.ok ? done(json(explained.value)) : explained
  },
})
