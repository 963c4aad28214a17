/** POST /v1/gateways/:name/remove: a gateway process is out, under its key for good. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { removeGateway as remove } from '../../control/gateways.ts'
import type { GatewayRemovedView } from '../../wire/gateways.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { name, reason } from '../fields.ts'
import { gatewayView } from '../gateway-views.ts'

export const removeGateway = endpoint({
  says: 'ends the connection of a gateway process at once and refuses its key from then on; says which secrets it may have had',
  method: 'POST',
  path: '/v1/gateways/:name/remove',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['gateway.removed'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ name, reason }),
  run: async (api, { name, reason }, { caller }) => {
    const removed = await remove(api.desk, caller, name, reason)
    if (!removed.ok) return removed
    const { gateway, secrets } = removed.value
    return done(json({ gateway: gatewayView(gateway), secrets } satisfies GatewayRemovedView))
  },
})
