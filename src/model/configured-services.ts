/** The services of a configuration document: HTTP services with their routes, read strictly; MCP services have a file of their own. */
import { isJsonObject } from '../kernel/json.ts'
import { readSecretReference, secretReferenceForms } from '../kernel/secret-reference.ts'
import { nameAt, operationAt, serviceNameAt } from './configured-names.ts'
import { effects, type Impact, type ImpactLevel, impactLevels, tierOf, undeclaredImpact } from './effects.ts'
import { ownGateway } from './gateways.ts'
import { routesFromOpenApi } from './openapi.ts'
import type { Place } from './parse-document.ts'
import { compileRoutes, pathParameters } from './routes.ts'
import { type ArgumentRule, httpArgumentTypes, protocols, type Route, type Service } from './services.ts'

/** `value` is the secret itself, or the reference by which the gateway looks it up at use. */
export interface ConfiguredCredential {
  readonly header: string
  readonly prefix: string
  readonly value: string
  readonly use: 'value' | 'reference'
}

/** As it is kept, but for what only the keeping of it adds. */
export interface ConfiguredService extends Omit<Service, 'id' | 'space' | 'credential' | 'removedAt'> {
  readonly name: string
  /** `kept` is the one that is there already, for this upstream. */
  readonly credential?: ConfiguredCredential | 'kept'
}

export function readService(place: Place): ConfiguredService {
  const at = place.members([
    'name',
    'protocol',
    'upstream',
    'gateway',
    'enforcedBy',
    'port',
    'environment',
    'impact',
    'labels',
    'credential',
    'openapi',
    'routes',
  ])
  at.protocol.oneOf(protocols, 'http')
  const impact = readImpact(at.impact, undeclaredImpact)
  const credential = readCredential(at.credential)
  const isProxied = at.enforcedBy.oneOf(['gateway', 'proxy'] as const, 'gateway') === 'proxy'
  if (isProxied) checkProxied(at)
  return {
    name: serviceNameAt(at.name),
    protocol: 'http',
    upstream: readOrigin(at.upstream),
    ...(at.gateway.isThere && at.gateway.value !== ownGateway ? { gateway: nameAt(at.gateway) } : {}),
    ...(isProxied ? { enforcedBy: 'proxy' } : {}),
    port: at.port.number(0, 65_535, 0),
    environment: nameAt(at.environment),
    impact,
    labels: at.labels.items().map(nameAt),
    ...(credential === undefined ? {} : { credential }),
    routes: readRoutes(at.openapi, at.routes, impact),
  }
}

/** What only a gateway of Remit's would use: declared, it would look as if Remit did it. */
function checkProxied({ port, credential }: Readonly<Record<'port' | 'credential', Place>>): void {
  if (port.isThere) port.fault('Remit opens no port for what a proxy enforces', 'leave port or enforcedBy out')
  if (credential.isThere)
    credential.fault('Remit sends nothing to what a proxy enforces', 'give the credential to the proxy and leave it out here')
}

function readOrigin(place: Place): string {
  const text = place.text()
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isOrigin =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === ''
  if (!isOrigin) place.fault('this is not an origin', 'write scheme, host and port, such as http://127.0.0.1:8080, and nothing after them')
  return isOrigin ? url.origin : ''
}

/** Undeclared impact is high; what is declared in part keeps the rest of what stands above it. */
export function readImpact(place: Place, above: Impact): Impact {
  if (!place.isThere) return above
  const { data, service, safety } = place.members(['data', 'service', 'safety'])
  const level = (at: Place, otherwise: ImpactLevel) => at.oneOf(impactLevels, otherwise)
  return { data: level(data, above.data), service: level(service, above.service), safety: level(safety, above.safety) }
}

/**
 * `bearer`, `basic` (user:password) or a plain `value`: the secret as text, resolved by whoever sent the document, or
 * `{ reference }` for one that is looked up at use.
 */
export function readCredential(place: Place): ConfiguredService['credential'] {
  if (!place.isThere) return undefined
  if (place.value === 'kept') return 'kept'
  const at = place.members(['header', 'bearer', 'basic', 'value'])
  const given = (['bearer', 'basic', 'value'] as const).filter((name) => at[name].isThere)
  const [way] = given
  if (way === undefined || given.length > 1) {
    place.fault('a credential is written in one way', 'write bearer, basic or value, with env:NAME or file:PATH')
    return undefined
  }
  const header = at.header.text('authorization').toLowerCase()
  if (!/^[a-z0-9-]{1,64}$/.test(header))
    at.header.fault('this is not the name of a header', 'write something like authorization or x-api-key')
  if (isJsonObject(at[way].value)) return { header, prefix: prefixes[way], value: readReference(at[way]), use: 'reference' }
  const secret = at[way].text()
  if (/[^\x21-\x7e ]/.test(secret))
    at[way].fault('the secret has a character that no header carries', 'use visible ASCII without line breaks')
  return { header, prefix: prefixes[way], value: way === 'basic' ? Buffer.from(secret).toString('base64') : secret, use: 'value' }
}

const prefixes = { bearer: 'Bearer ', basic: 'Basic ', value: '' } as const

function readReference(place: Place): string {
  const { reference } = place.members(['reference'])
  const text = reference.text()
  if (text !== '' && readSecretReference(text) === undefined)
    reference.fault('this does not name a secret', `write ${secretReferenceForms}, with plain letters and no . or .. between slashes`)
  return text
}

function readRoutes(openapi: Place, routes: Place, impact: Impact): readonly Route[] {
  if (openapi.isThere && isJsonObject(openapi.value)) {
    const read = routesFromOpenApi(openapi.value)
    if (!read.ok) openapi.fault(read.refusal.detail ?? 'this OpenAPI document cannot be read', 'mend the place that is named')
    const drafts = read.ok ? read.value : []
    return drafts.map((draft) => ({ ...draft, impact: draft.impact ?? impact, tier: tierOf(draft.impact ?? impact, draft.effect) }))
  }
  if (openapi.isThere) openapi.fault('this should be the name of an OpenAPI document', 'write openapi: ./service.openapi.yaml')
  const read = routes.items().map((route) => readRoute(route, impact))
  const compiled = compileRoutes(read)
  if (!compiled.ok) routes.fault(compiled.refusal.detail ?? 'these routes cannot stand together', 'mend the route that is named')
  return read
}

function readRoute(place: Place, above: Impact): Route {
  const at = place.members(['name', 'method', 'path', 'effect', 'impact', 'arguments', 'upgrade'])
  const effect = at.effect.oneOf(effects)
  const impact = readImpact(at.impact, above)
  const path = at.path.text()
  const method = at.method.text()
  return {
    name: operationAt(at.name),
    method,
    path,
    effect,
    impact,
    tier: tierOf(impact, effect),
    arguments: readArguments(at.arguments, path),
    ...(at.upgrade.isThere ? { upgrade: at.upgrade.oneOf(['websocket'] as const) } : {}),
  }
}

/** Declared arguments, and a required text for each path parameter that nobody declared. */
function readArguments(place: Place, path: string): readonly ArgumentRule[] {
  const declared = place.items().map((each): ArgumentRule => {
    const at = each.members(['name', 'in', 'type', 'required'])
    const where = at.in.oneOf(['path', 'query', 'body'] as const)
    return {
      name: at.name.text(),
      in: where,
      type: at.type.oneOf(httpArgumentTypes, 'string'),
      required: at.required.flag(where === 'path'),
    }
  })
  const parameters = pathParameters(path)
  const missing = (parameters.ok ? parameters.value : []).filter(
    (name) => !declared.some((rule) => rule.in === 'path' && rule.name === name),
  )
  return [...declared, ...missing.map((name): ArgumentRule => ({ name, in: 'path', type: 'string', required: true }))]
}
