/** What an OAuth client asks its person for (RFC 6749 § 4.1.1, RFC 7636, RFC 8707): read, and told from what is only tried on. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type ClientDocument, mayRedirectTo } from '../model/client-documents.ts'
import { gatewayOf } from '../model/gateways.ts'
import { describeScopeLine, parseScopeLine, scopeLinesMax } from '../model/scope.ts'
import type { Service } from '../model/services.ts'

/** An endpoint at which agents may act: what clients call it by, and the service behind it. */
export interface McpEndpoint {
  readonly url: string
  readonly service: Service
}

/** The members of the request, as they stood there. */
export interface AskedAuthorization {
  readonly client_id?: string | undefined
  readonly redirect_uri?: string | undefined
  readonly response_type?: string | undefined
  readonly response_mode?: string | undefined
  readonly scope?: string | undefined
  readonly state?: string | undefined
  readonly code_challenge?: string | undefined
  readonly code_challenge_method?: string | undefined
  readonly resource?: string | undefined
}

/** All that a code is bound to, but for who says yes. */
export interface AuthorizationRequest {
  readonly client: string
  readonly redirect: string
  /** The client's own, given back to it. */
  readonly state?: string
  /** BASE64URL(SHA256(code_verifier)). */
  readonly challenge: string
  /** As the client wrote it: it has to write it so again. */
  readonly resource: string
  readonly gateway: string
  readonly service: string
  /** Scope lines that it says it will ask for. */
  readonly scope: readonly string[]
  readonly refreshes: boolean
}

/** RFC 6749 § 4.1.2.1 and RFC 8707 § 2. */
export type AuthorizationError =
  | 'invalid_request'
  | 'unauthorized_client'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'server_error'
  | 'temporarily_unavailable'

/** Where the answer goes, which only an address of the client's own document ever is. */
export interface Back {
  readonly redirect: string
  readonly state?: string
}

export type ReadAuthorization =
  | { readonly kind: 'fit'; readonly request: AuthorizationRequest; readonly service: Service }
  | { readonly kind: 'unfit'; readonly back: Back; readonly error: AuthorizationError; readonly says: string }

/**
 * Reads a request by the document of its client. Refuses `client.invalid` where nothing may be sent back: the redirect is not one of the
 * document's. What is wrong beyond that is for the client to hear.
 */
export function readAuthorization(
  asked: AskedAuthorization,
  client: ClientDocument,
  endpoints: readonly McpEndpoint[],
): Result<ReadAuthorization> {
  const { redirect_uri: redirect, state } = asked
  if (redirect === undefined) return refuse('client.invalid', { detail: 'redirect_uri is missing' })
  if (!mayRedirectTo(client, redirect)) return refuse('client.invalid', { detail: 'redirect_uri is none of its metadata document' })
  const back: Back = { redirect, ...(state === undefined ? {} : { state }) }
  const unfit = (error: AuthorizationError, says: string) => done({ kind: 'unfit', back, error, says } as const)
  if (asked.response_type === undefined) return unfit('invalid_request', 'response_type is missing')
  if (asked.response_type !== 'code') return unfit('unsupported_response_type', 'response_type is code')
  if (asked.response_mode !== undefined && asked.response_mode !== 'query') return unfit('invalid_request', 'response_mode is query')
  // RFC 7636 § 4.4.1. An absent method would mean plain, which shows the verifier to whoever sees the request.
  if (asked.code_challenge === undefined) return unfit('invalid_request', 'code_challenge is missing')
  if (asked.code_challenge_method !== 'S256') return unfit('invalid_request', 'code_challenge_method is S256')
  if (!/^[A-Za-z0-9_-]{43}$/.test(asked.code_challenge)) return unfit('invalid_request', 'code_challenge is 43 characters of base64url')
  if (asked.resource === undefined) return unfit('invalid_target', 'resource is missing')
  const service = serviceAt(endpoints, asked.resource)
  if (service === undefined) return unfit('invalid_target', 'resource is no MCP endpoint of this Remit')
  const scope = readScope(asked.scope)
  if (!scope.ok) return unfit('invalid_scope', scope.refusal.detail ?? 'scope is no list of scope lines')
  const request: AuthorizationRequest = {
    client: client.id,
    ...back,
    challenge: asked.code_challenge,
    resource: asked.resource,
    gateway: gatewayOf(service),
    service: service.id,
    scope: scope.value,
    refreshes: client.refreshes,
  }
  return done({ kind: 'fit', request, service })
}

/** What a grant type or an OpenID client adds by habit, and means nothing here. */
const habits = ['offline_access', 'openid', 'profile', 'email']

/** Scope lines between spaces (RFC 6749 § 3.3), as `describeScopeLine` writes them. Refuses `input.invalid`. */
function readScope(text = ''): Result<readonly string[]> {
  const lines = new Set<string>()
  for (const word of text.split(' ')) {
    if (word === '' || habits.includes(word)) continue
    const line = parseScopeLine(word)
    if (!line.ok) return line
    lines.add(describeScopeLine(line.value))
  }
  return lines.size > scopeLinesMax ? refuse('input.invalid', { detail: `at most ${scopeLinesMax} scope lines` }) : done([...lines])
}

/** The service whose endpoint a resource indicator names (RFC 8707 § 2): an absolute address without a fragment. */
export function serviceAt(endpoints: readonly McpEndpoint[], resource: string): Service | undefined {
  return endpoints.find(({ url }) => isSameAddress(url, resource))?.service
}

export function isSameAddress(one: string, other: string): boolean {
  const plain = plainAddress(one)
  return plain !== undefined && plain === plainAddress(other)
}

/** Scheme and host in lower case, and no slash at the end: clients write the one and the other. */
function plainAddress(text: string): string | undefined {
  if (text.length > 1_000 || text.includes('#') || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '') return undefined
  return url.href.replace(/\/$/, '')
}
