/** GET /v1/metrics: figures in the text that Prometheus reads. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { mayWatch } from '../../control/measure-stopping.ts'
import { endpoint } from '../endpoint.ts'

export const showMetrics = endpoint({
  says: 'figures as Prometheus reads them: how long stopping takes at each gateway, how far behind it is, how long it may act unheard; for whoever audits',
  method: 'GET',
  path: '/v1/metrics',
  caller: 'identity',
  perMinuteMax: 120,
  records: { nothing: 'it shows nothing of what anybody did' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: async (api, _input, { caller }) => {
    const may = mayWatch(api.desk, caller)
    if (!may.ok) return may
    if (api.metrics === undefined) return refuse('not-found')
    const { type, text } = await api.metrics()
    return done({ kind: 'text', type, text })
  },
})
