/** POST /v1/gateways: a one-time code with which a gateway process enrols. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { inviteGateway as invite } from '../../control/gateways.ts'
import { callerMay } from '../../control/rights.ts'
import { ownGateway } from '../../model/gateways.ts'
import type { GatewayInvitationView } from '../../wire/gateways.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { name } from '../fields.ts'
import { gatewayView } from '../gateway-views.ts'

export const inviteGateway = endpoint({
  says: 'a code with which one gateway process enrols, once, within 15 minutes; it is shown this once. An earlier one for the same name that nobody used is void',
  method: 'POST',
  path: '/v1/gateways',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['gateway.invited', 'gateway.removed'],
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ name, gateway: name.default(ownGateway) }),
  run: async (api, { name, gateway }, { caller }) => {
    const { desk, feed } = api
    if (feed === undefined) {
      const may = callerMay(desk, caller, 'administer')
      return may.ok ? refuse('feed.closed') : may
    }
    const invited = await invite(desk, caller, { name, gateway })
    if (!invited.ok) return invited
    const view: GatewayInvitationView = {
      gateway: gatewayView(invited.value.gateway),
      code: `gwc_${api.handOver(invited.value.code)}.${feed.fingerprint}`,
      codeEndsAt: formatInstant(invited.value.gateway.codeEndsAt),
      control: feed.addresses,
    }
    return done(json(view, { status: 201 }))
  },
})
