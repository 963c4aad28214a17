/** GET /v1/gateways: the gateways that run elsewhere, and how they stand. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { listGateways as list } from '../../control/gateways.ts'
import type { GatewayList } from '../../wire/gateways.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { gatewayView } from '../gateway-views.ts'

export const listGateways = endpoint({
  says: 'gateways that run elsewhere: invited or enrolled, connected since when, how far behind, until when they may act unheard',
  method: 'GET',
  path: '/v1/gateways',
  caller: 'identity',
  perMinuteMax: 120,
  records: { nothing: 'it shows what the ledger has already' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: async (api, _input, { caller }) => {
    const found = await list(api.desk, caller)
    if (!found.ok) return found
    const standing = new Map((api.feed?.standing() ?? []).map((each) => [each.id, each]))
    const gateways = found.value.map((gateway) => gatewayView(gateway, standing.get(gateway.id)))
    return done(json({ gateways } satisfies GatewayList))
  },
})
