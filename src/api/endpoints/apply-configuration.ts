/** POST /v1/configuration/apply: changes what the plan shows, all of it or nothing. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { applyConfiguration as apply } from '../../control/configuration.ts'
import type { AppliedView } from '../../wire/configuration.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { jsonObject } from '../fields.ts'

export const applyConfiguration = endpoint({
  says: 'applies a configuration, all of it or nothing; safe to repeat; with a fault (`plan.problems`) nothing was changed',
  method: 'POST',
  path: '/v1/configuration/apply',
  caller: 'identity',
  perMinuteMax: 30,
  records: ['configuration.applied', 'policy.published', 'identity.created', 'identity.changed'],
  takes: 'json',
  bodyBytesMax: 4_194_304,
  refuses: 'problem',
  input: z.strictObject({ document: jsonObject }),
  run: async (api, { document }, { caller }) => {
    const applied = await apply(api.desk, caller, document)
    return applied.ok ? done(json({ plan: applied.value, version: api.desk.facts.version } satisfies AppliedView)) : applied
  },
})
