/** A till beside the shop: what tests of counting act on, and the gateways that they count for. */
import type { GatewayControl } from '../../src/control/ports.ts'
import type { ArgumentValue } from '../../src/model/actions.ts'
import type { EnrolledGateway } from '../../src/model/gateways.ts'
import type { Grant } from '../../src/model/grants.ts'
import { callOf } from './deeds.ts'
import { actionOf, asDocument, shopDocument } from './shop.ts'
import type { World } from './world.ts'

const policies = `
@id("tellers-may-refund") @maxDuration("2h")
permit (principal in Role::"tellers", action == Action::"request", resource == Route::"till/refund");

@id("tellers-may-refund-much") @approval("role:release-manager") @maxDuration("2h")
permit (principal in Role::"tellers", action == Action::"request", resource == Route::"till/refund")
when { context.task.kind == "release" };

@id("tellers-may-book") @maxDuration("2h")
permit (principal in Role::"tellers", action == Action::"request", resource == Route::"till/book");

@id("tellers-may-look") @maxDuration("2h")
permit (principal in Role::"tellers", action == Action::"request", resource in Service::"elsewhere");

@id("tellers-may-wipe") @approval("role:release-manager, role:sre") @maxDuration("30m")
permit (principal in Role::"tellers", action == Action::"request", resource == Route::"till/wipe");

@id("booking-needs-a-person") @hold("role:sre")
forbid (principal, action == Action::"http:till/book", resource);
`

/** The shop, and a till whose refunds and bookings are counted in the tests of counting. */
export function tillDocument() {
  const { services, policyFiles, identities, roles, ...rest } = shopDocument()
  const low = { data: 'low', service: 'none', safety: 'none' }
  const amount = { name: 'amount', in: 'body', type: 'decimal', required: false }
  return asDocument({
    ...rest,
    policyFiles: [...(policyFiles as object[]), { name: 'till.cedar', text: policies }],
    roles: { ...(roles as object), tellers: ['teller'] },
    identities: [...(identities as object[]), { name: 'teller', kind: 'api-client', owner: 'ana' }],
    services: [
      ...(services as object[]),
      {
        name: 'till',
        upstream: 'http://127.0.0.1:9',
        environment: 'prod',
        impact: low,
        routes: [
          {
            name: 'refund',
            method: 'POST',
            path: '/refunds',
            effect: 'write',
            arguments: [amount, { ...amount, name: 'note', type: 'string' }],
          },
          { name: 'book', method: 'POST', path: '/bookings', effect: 'write', arguments: [amount] },
          {
            name: 'wipe',
            method: 'DELETE',
            path: '/data',
            effect: 'administer',
            impact: { data: 'critical', service: 'none', safety: 'none' },
          },
        ],
      },
      {
        name: 'elsewhere',
        upstream: 'http://127.0.0.1:9',
        environment: 'prod',
        impact: low,
        gateway: 'edge',
        routes: [{ name: 'look', method: 'GET', path: '/look', effect: 'read' }],
      },
    ],
  })
}

/** A gateway process elsewhere, and the name of the gateway that it stands for. */
export function gatewayNamed(name: string, serves = 'http'): EnrolledGateway {
  const id: EnrolledGateway['id'] = `gtw_${name.toUpperCase().padEnd(26, '0')}`
  return { id, space: 'main', name, gateway: serves, state: 'enrolled', codeHash: name, codeEndsAt: 0, invitedAt: 0 }
}

/** One refund by the teller, at this gateway, by a fresh token that names the grant. */
export async function refund(world: World, gate: GatewayControl, grant: Grant, given: Record<string, ArgumentValue> = {}) {
  const action = actionOf(world.desk.facts.service('till'), 'refund', given)
  return gate.authorize({ ...callOf(world, await world.bearer('teller', grant.id), 'list-incidents'), action })
}
