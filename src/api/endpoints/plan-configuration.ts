/** POST /v1/configuration/plan: what a document would change. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { planConfiguration as plan } from '../../control/configuration.ts'
import type { PlanView } from '../../wire/configuration.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { jsonObject } from '../fields.ts'

export const planConfiguration = endpoint({
  says: 'what a configuration would change; a fault is named with its place',
  method: 'POST',
  path: '/v1/configuration/plan',
  caller: 'identity',
  perMinuteMax: 30,
  records: { nothing: 'a plan changes nothing' },
  takes: 'json',
  bodyBytesMax: 4_194_304,
  refuses: 'problem',
  input: z.strictObject({ document: jsonObject }),
  run: async (api, { document }, { caller }) => {
    const planned = await plan(api.desk, caller, document)
    return planned.ok ? done(json(planned.value satisfies PlanView)) : planned
  },
})
