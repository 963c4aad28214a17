/** The house of the simulation: its people, machines, two services behind two gateways, and two books of policies. */
import type { JsonObject } from '../../../src/kernel/json.ts'
import { asDocument } from '../../world/shop.ts'

const bothBooks = `
@id("machines-may-work") @duration("30m") @maxDuration("2h")
permit (principal in Role::"workers", action == Action::"request", resource in Service::"plant")
when { context.task.kind == "work" };

@id("machines-may-shop") @duration("30m") @maxDuration("2h")
permit (principal in Role::"workers", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "work" };

@id("restart-needs-a-person") @hold("role:sre")
forbid (principal, action == Action::"http:plant/restart", resource);
`
export const policyBooks: readonly string[] = [
  bothBooks,
  `${bothBooks}
@id("nobody-tunes-by-night")
forbid (principal is AiAgent, action == Action::"http:plant/tune", resource);
`,
]

export const people = ['ana', 'ben', 'cyd', 'eva'] as const
/** Stands at the desk, and has no part in anything else. */
export const operator = 'oli'
export const machineNames = ['aide', 'bot', 'drone', 'probe'] as const
export type MachineName = (typeof machineNames)[number]

export const operationsOf = {
  plant: {
    look: { method: 'GET', path: '/values', effect: 'read', impact: { data: 'low', service: 'none', safety: 'none' } },
    tune: { method: 'PUT', path: '/values', effect: 'write', impact: { data: 'low', service: 'moderate', safety: 'none' } },
    restart: { method: 'POST', path: '/restarts', effect: 'execute', impact: { data: 'low', service: 'moderate', safety: 'none' } },
    refill: { method: 'POST', path: '/refills', effect: 'write', impact: { data: 'low', service: 'high', safety: 'none' } },
    wipe: { method: 'DELETE', path: '/values', effect: 'delete', impact: { data: 'critical', service: 'low', safety: 'none' } },
    recipes: { method: 'GET', path: '/recipes', effect: 'read', impact: { data: 'critical', service: 'none', safety: 'none' } },
  },
  shop: {
    look: { method: 'GET', path: '/items', effect: 'read', impact: { data: 'low', service: 'none', safety: 'none' } },
    order: { method: 'POST', path: '/orders', effect: 'write', impact: { data: 'low', service: 'moderate', safety: 'none' } },
  },
} as const
export type ServiceName = keyof typeof operationsOf

/** The gateway of each service: `http` is the one in a control node's own process. */
export const gatewayOfService: Readonly<Record<ServiceName, string>> = { plant: 'edge', shop: 'http' }

export interface Shape {
  readonly book: number
  /** Machines that are disabled. */
  readonly disabled?: readonly string[]
}

export function documentOf({ book, disabled = [] }: Shape): JsonObject {
  const services = (['plant', 'shop'] as const).map((name) => ({
    name,
    upstream: 'http://127.0.0.1:9',
    ...(gatewayOfService[name] === 'http' ? {} : { gateway: gatewayOfService[name] }),
    environment: 'prod',
    impact: { data: 'low', service: 'low', safety: 'none' },
    routes: Object.entries(operationsOf[name]).map(([operation, route]) => ({ name: operation, ...route })),
  }))
  return asDocument({
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'house.cedar', text: policyBooks[book] ?? bothBooks }],
    people: [...people, operator].map((name) => ({ name })),
    roles: { sre: ['ben', 'cyd', 'eva'], operators: [operator], auditors: ['eva'], workers: [...machineNames] },
    identities: machineNames.map((name, place) => ({
      name,
      kind: name === 'aide' ? 'ai-agent' : 'service-account',
      owner: people[place % 2] ?? 'ana',
      disabled: disabled.includes(name),
    })),
    services,
  })
}

/** Grants that wait to be started when a run begins: approved by whom they need. */
export const preparedScopes: readonly (readonly string[])[] = [
  ['plant/look', 'shop/look'],
  ['plant/look', 'plant/tune'],
  ['plant/tune,uses=3'],
  ['plant/restart'],
  ['plant/refill,uses=2'],
  ['plant/wipe', 'plant/recipes'],
  ['shop/look', 'shop/order,uses=4'],
]
