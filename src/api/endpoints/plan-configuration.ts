/** POST /v1/configuration/plan: what a document would change. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { planChange } from '../../control/change-sets.ts'
import { prunings } from '../../model/change-sets.ts'
import { json } from '../answers.ts'
import { planView } from '../configured-exception-views.ts'
import { endpoint } from '../endpoint.ts'
import { jsonObject } from '../fields.ts'

export const planConfiguration = endpoint({
  says: 'what a configuration would change, in words, and who would have to sign; with a fault it is refused, each in `problems`',
  method: 'POST',
  path: '/v1/configuration/plan',
  caller: 'identity',
  perMinuteMax: 30,
  records: { nothing: 'a plan changes nothing' },
  takes: 'json',
  bodyBytesMax: 4_194_304,
  refuses: 'problem',
  input: z.strictObject({ document: jsonObject, prune: z.enum(prunings).optional() }),
  run: async ({ desk }, { document, prune = 'nothing' }, { caller }) => {
    const planned = await planChange(desk, caller, { document, prune })
    return planned.ok ? done(json(planView(planned.value))) : planned
  },
})
