/** A mailbox behind MCP: what comes in is written by anybody, the address book by the house. */
import type { Bearer, Call, GatewayControl } from '../../src/control/ports.ts'
import { actionOf, asDocument, materialOf, shopDocument, shopPolicies } from './shop.ts'
import type { JsonObject } from '../../src/kernel/json.ts'

const policies = `
@id("assistants-run-errands") @duration("20m") @maxDuration("1h")
permit (principal in Role::"assistants", action == Action::"request", resource)
when { context.task.kind == "errand" };
`

const impact = { data: 'low', service: 'low', safety: 'none' }

/** The shop's house with a mailbox in it; `aide` and `helper`, who works for `aide`, may ask for what runs errands by themselves. */
export function mailDocument(changes: Readonly<Record<string, unknown>> = {}): JsonObject {
  const { services, identities, roles, ...rest } = shopDocument()
  const tools = [
    { name: 'read', effect: 'read' },
    { name: 'look-up', effect: 'read', trust: 'trusted' },
    { name: 'send', effect: 'write', trust: 'trusted', arguments: [{ name: 'to', type: 'string', required: true }] },
  ]
  const mail = { name: 'mail', protocol: 'mcp', upstream: 'http://127.0.0.1:9/mcp', environment: 'prod', impact, tools }
  return asDocument({
    ...rest,
    policyFiles: [
      { name: 'shop.cedar', text: shopPolicies },
      { name: 'errands.cedar', text: policies },
    ],
    services: [...(services as object[]), mail],
    identities: [...(identities as object[]), { name: 'helper', kind: 'ai-agent', owner: 'ana' }],
    roles: { ...(roles as object), assistants: ['aide', 'helper', 'ana', 'ben'], approvers: ['eva'] },
    ...changes,
  })
}

/** A call of one of its tools, as the gateway of MCP asks about it. */
export function mailCall(gateway: Pick<GatewayControl, 'service'>, bearer: Bearer, tool: 'read' | 'look-up' | 'send'): Call {
  const given = tool === 'send' ? { to: 'ana' } : {}
  const action = { ...actionOf(gateway.service('mail'), tool, given), protocol: 'mcp', definition: { hash: 'a'.repeat(64) } } as const
  return { bearer, action, material: materialOf(action) }
}
