/** The MCP endpoint as an OAuth resource (RFC 9728, RFC 6750): where its authorization server is, and what a refusal says to ask for. */
import { isHelpedByAsking } from '../../control/ask-instead.ts'
import type { GatewayControl } from '../../control/ports.ts'
import type { JsonObject } from '../../kernel/json.ts'
import { describeRefusal, type Refusal } from '../../kernel/refusals.ts'
import type { Service } from '../../model/services.ts'
import type { ResourceHook } from './door.ts'
import { endpointPath } from './listener.ts'

/** Tells OAuth clients where to get a token for an endpoint, and what for. `issuer` is the origin of Remit's pages; empty while nobody knows it. */
export function resourceHook(control: Pick<GatewayControl, 'service'>, issuer: () => string): ResourceHook {
  const behind = (service: Service): readonly Service[] =>
    service.joins === undefined ? [service] : service.joins.flatMap((name) => control.service(name) ?? [])
  return {
    metadata(service, origin, path) {
      const server = issuer()
      // Of the listener too, whose only resource it is: some clients look there alone.
      const isOurs = path === '' || path === endpointPath
      return isOurs && server !== '' ? JSON.stringify(resourceMetadata({ origin, services: behind(service) }, server)) : undefined
    },
    challenge(service, origin, refusal) {
      if (issuer() === '') return undefined
      const endpoint = { origin, services: behind(service) }
      return refusal.code.startsWith('credential.') ? challengeFor(endpoint, refusal) : insufficientScope(endpoint, refusal)
    },
  }
}

/** What stands before the path of a resource in the address of its metadata (RFC 9728 § 3). */
export const wellKnown = '/.well-known/oauth-protected-resource'

/** An endpoint as a client reaches it. */
export interface Endpoint {
  /** Scheme, host and port that the client called, without a path: `http://127.0.0.1:8720`. Only of a host that is served. */
  readonly origin: string
  /** The services behind it: its own, or those it joins. */
  readonly services: readonly Service[]
}

export function metadataUrl({ origin }: Pick<Endpoint, 'origin'>): string {
  return `${origin}${wellKnown}${endpointPath}`
}

/** The resource's metadata (RFC 9728 § 2). `authorizationServer` is the origin of Remit's pages, which is its issuer. */
export function resourceMetadata({ origin, services }: Endpoint, authorizationServer: string): JsonObject {
  return {
    resource: `${origin}${endpointPath}`,
    authorization_servers: [authorizationServer],
    scopes_supported: effectsOn(services),
    bearer_methods_supported: ['header'],
    resource_name: services.map(({ id }) => id).join(', '),
  }
}

const scopesMax = 32

/** A scope line for each effect of each service: what can be asked for at its widest. */
function effectsOn(services: readonly Service[]): readonly string[] {
  const lines = services.flatMap(({ id, routes }) => routes.map(({ effect }) => `${effect}:${id}`))
  return [...new Set(lines)].toSorted().slice(0, scopesMax)
}

/** Looking is what there is to begin with; whatever does more is asked for when it is needed. */
function toBeginWith(services: readonly Service[]): readonly string[] {
  return effectsOn(services).filter((line) => line.startsWith('observe:') || line.startsWith('read:'))
}

/**
 * The `WWW-Authenticate` of a 401 (RFC 6750 § 3, RFC 9728 § 5.1). Nothing is said of an error to whoever showed no token.
 */
export function challengeFor(endpoint: Endpoint, refusal: Refusal): string {
  const scope = toBeginWith(endpoint.services)
  return bearer({
    ...(refusal.code === 'credential.missing' ? {} : { error: 'invalid_token', error_description: describeRefusal(refusal) }),
    resource_metadata: metadataUrl(endpoint),
    ...(scope.length === 0 ? {} : { scope: scope.join(' ') }),
  })
}

/**
 * The `WWW-Authenticate` of a 403 (RFC 6750 § 3.1): which scope line to ask a grant for. Nothing where no grant would help, or nobody lets
 * this chain ask for one: then a client that came back with another token would hear the same.
 */
export function insufficientScope(endpoint: Pick<Endpoint, 'origin'>, refusal: Refusal): string | undefined {
  const scope = [...new Set((refusal.ask ?? []).map(({ resource }) => resource))].filter((line) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(line))
  if (!isHelpedByAsking(refusal.code) || scope.length === 0) return undefined
  return bearer({
    error: 'insufficient_scope',
    error_description: describeRefusal(refusal),
    resource_metadata: metadataUrl(endpoint),
    scope: scope.join(' '),
  })
}

/** Each value as a quoted string (RFC 9110 § 5.6.4), of the characters that RFC 6750 § 3 allows. */
function bearer(parameters: Readonly<Record<string, string>>): string {
  const written = Object.entries(parameters).map(
    ([name, value]) => `${name}="${value.replaceAll('"', "'").replace(/[^\x20-\x5b\x5d-\x7e]/g, '?')}"`,
  )
  return `Bearer ${written.join(', ')}`
}
