/** POST /v1/drill: how long stopping takes at every connected gateway, measured without stopping anything. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { drill } from '../../control/measure-stopping.ts'
import type { DrillView } from '../../wire/gateways.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'

export const drillGateways = endpoint({
  says: 'has every connected gateway cut a canary, and says how long each took, and the last hundred times; for whoever audits or operates',
  method: 'POST',
  path: '/v1/drill',
  caller: 'identity',
  perMinuteMax: 60,
  records: { nothing: 'nobody’s work is touched' },
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({}),
  run: async (api, _input, { caller }) => {
    const measured = await drill(api.desk, caller)
    if (!measured.ok) return measured
    const { drilled, figures } = measured.value
    return done(json({ drilled, figures } satisfies DrillView))
  },
})
