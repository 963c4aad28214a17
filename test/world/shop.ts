/** The configuration that tests of control share: a shop, its bots and agents, its people, and the policies over them. */
import { mustBe } from '../../src/kernel/result.ts'
import { isJsonObject, type JsonObject, parseJson } from '../../src/kernel/json.ts'
import type { Action, ArgumentValue, Material } from '../../src/model/actions.ts'
import { tierOf } from '../../src/model/effects.ts'
import type { Service } from '../../src/model/services.ts'

export const shopPolicies = `
@id("agents-may-look-into-incidents") @duration("20m") @maxDuration("1h")
permit (principal in Role::"incident-agents", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "incident" && context.effects.containsAny(["read", "execute"]) };

@id("bots-may-release") @approval("role:release-manager") @duration("30m") @maxDuration("2h")
permit (principal in Role::"release-bots", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "release" };

@id("meters-may-write-telemetry") @maxDuration("1h")
permit (principal in Role::"meters", action == Action::"request", resource == Route::"shop/put-telemetry");

@id("restart-needs-a-person") @hold("role:sre")
forbid (principal is AiAgent, action in Effect::Action::"execute", resource in Service::"shop");

@id("agents-never-administer")
forbid (principal is AiAgent, action in Effect::Action::"administer", resource);

@id("nobody-restarts-the-till")
forbid (principal, action == Action::"http:shop/restart", resource)
when { context.arguments.service == "till" };
`

/** A fresh copy, as JSON would arrive. */
export function shopDocument(changes: Readonly<Record<string, unknown>> = {}): JsonObject {
  const document = {
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'shop.cedar', text: shopPolicies }],
    people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }],
    roles: {
      sre: ['ben'],
      'release-manager': ['eva'],
      operators: ['ben'],
      auditors: ['eva'],
      'incident-agents': ['aide'],
      'release-bots': ['bot'],
      meters: ['meter'],
    },
    identities: [
      { name: 'aide', kind: 'ai-agent', owner: 'ana' },
      { name: 'bot', kind: 'service-account', owner: 'ana' },
      { name: 'meter', kind: 'api-client', owner: 'ben' },
    ],
    services: [
      {
        name: 'shop',
        upstream: 'http://127.0.0.1:9',
        environment: 'prod',
        impact: { data: 'low', service: 'moderate', safety: 'none' },
        credential: { bearer: 'upstream-secret' },
        routes: [
          { name: 'list-incidents', method: 'GET', path: '/incidents', effect: 'read' },
          { name: 'restart', method: 'POST', path: '/services/{service}/restart', effect: 'execute' },
          {
            name: 'deploy',
            method: 'POST',
            path: '/deployments',
            effect: 'write',
            arguments: [{ name: 'version', in: 'body', type: 'string', required: true }],
          },
          {
            name: 'put-telemetry',
            method: 'PUT',
            path: '/telemetry',
            effect: 'write',
            impact: { data: 'low', service: 'none', safety: 'none' },
          },
          {
            name: 'wipe',
            method: 'DELETE',
            path: '/data',
            effect: 'administer',
            impact: { data: 'critical', service: 'critical', safety: 'none' },
          },
        ],
      },
    ],
    ...changes,
  }
  return asDocument(document)
}

/** A document as it would arrive over the wire. */
export function asDocument(document: object): JsonObject {
  const read = mustBe(parseJson(JSON.stringify(document)))
  if (!isJsonObject(read)) throw new Error('the document is an object')
  return read
}

/** An action as the HTTP gateway would name it. */
export function actionOf(service: Service | undefined, operation: string, given: Readonly<Record<string, ArgumentValue>> = {}): Action {
  const route = service?.routes.find((each) => each.name === operation)
  if (service === undefined || route === undefined) throw new Error(`no operation ${operation}`)
  return {
    protocol: 'http',
    service: service.id,
    operation,
    verb: route.method,
    effect: route.effect,
    tier: tierOf(route.impact, route.effect),
    arguments: given,
    target: `${route.method} ${route.path}`,
  }
}

export function materialOf(action: Action, body = ''): Material {
  return {
    method: action.verb,
    target: `${action.target}?${JSON.stringify(action.arguments)}`,
    headers: [],
    bodySha256: body === '' ? '' : body,
  }
}
