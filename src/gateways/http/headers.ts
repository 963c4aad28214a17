/** Which headers pass the gateway, in both directions: all but the ones named here, and what becomes of those. */

/**
 * What becomes of a request header:
 * `pass`; `once`: passes, but twice is refused, because readers differ on which one counts; `drop`: never reaches the upstream;
 * `refuse`: would change how the request is read; `gateway`: the gateway reads it itself; `envelope`: passes but is no part of the
 * action's digest, because a repetition of the same action has another one.
 */
export type HeaderRule = 'pass' | 'once' | 'drop' | 'refuse' | 'gateway' | 'envelope'

export interface HeaderName {
  readonly lower: string
  readonly rule: HeaderRule
}

const gatewayReads = ['host', 'authorization', 'connection', 'content-length', 'transfer-encoding', 'expect', 'upgrade', 'prefer']

const once = [
  'content-type',
  'content-encoding',
  'content-location',
  'content-range',
  'content-md5',
  'content-disposition',
  'range',
  'if-match',
  'if-none-match',
  'if-range',
  'if-modified-since',
  'if-unmodified-since',
  'date',
  'from',
  'max-forwards',
  'origin',
  'referer',
  'user-agent',
  'idempotency-key',
  'depth',
  'destination',
  'overwrite',
  'sec-websocket-version',
]

const hopByHop = ['keep-alive', 'te', 'trailer', 'http2-settings', 'proxy-connection']

/** Credentials of the client's own: the upstream is to know the gateway's only. */
const credentials = [
  'cookie',
  'cookie2',
  'x-api-key',
  'api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
  'x-auth-key',
  'x-session-token',
  'x-amz-security-token',
  'x-goog-iam-authorization-token',
  'x-vault-token',
  'private-token',
  'x-csrf-token',
  'x-xsrf-token',
]

/** Who the client is or where it comes from, as proxies tell upstreams that believe them. */
const assertions = [
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'x-remote-user',
  'remote-user',
  'x-user',
  'x-webauth-user',
  'x-authenticated-user',
  'x-client-cert',
  'x-amzn-oidc-data',
  'x-amzn-oidc-identity',
  'client-cert',
  'client-cert-chain',
]
const assertionPrefixes = [
  'x-forwarded',
  'proxy-',
  'x-auth-request-',
  'x-ssl-',
  'x-authenticated-',
  'x-goog-authenticated-',
  'x-ms-client-principal',
  'x-envoy-',
  'x-remit-',
]

/** A second method or a second target. */
const overrides = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-original-uri',
  'x-original-method',
  'x-original-host',
  'x-rewrite-url',
  'x-host',
  'content-transfer-encoding',
]

/** Trace context, and a number that shows that a handshake was read: another one each time, and without a meaning. */
const envelope = ['traceparent', 'tracestate', 'sec-websocket-key']

const rules = new Map<string, HeaderRule>([
  ...gatewayReads.map((name) => [name, 'gateway'] as const),
  ...once.map((name) => [name, 'once'] as const),
  ...[...hopByHop, ...credentials, ...assertions].map((name) => [name, 'drop'] as const),
  ...overrides.map((name) => [name, 'refuse'] as const),
  ...envelope.map((name) => [name, 'envelope'] as const),
])

const knownMax = 1_000
const known = new Map<string, HeaderName>()

/** The rule for a header, by its name as it was sent. Names take letters, digits and `-`: CGI and its heirs read `_` (PHP also `.`) as `-`, and nginx drops what has anything else. */
export function headerName(sent: string): HeaderName {
  const cached = known.get(sent)
  if (cached !== undefined) return cached
  const lower = sent.toLowerCase()
  const name = { lower, rule: ruleOf(lower) }
  // Names are the client's to choose: the memory of them is bounded by forgetting all.
  if (known.size >= knownMax) known.clear()
  known.set(sent, name)
  return name
}

function ruleOf(lower: string): HeaderRule {
  if (!/^[a-z0-9-]+$/.test(lower)) return 'refuse'
  const rule = rules.get(lower)
  if (rule !== undefined) return rule
  return assertionPrefixes.some((prefix) => lower.startsWith(prefix)) ? 'drop' : 'pass'
}

/**
 * Headers of an answer that stay behind: those of the one hop; cookies, which would be a session at the upstream in the client's own
 * hands; `alt-svc`, which would lead the client around the gateway.
 */
const answerStays = new Set([
  ...hopByHop,
  'connection',
  'transfer-encoding',
  'upgrade',
  'set-cookie',
  'set-cookie2',
  'proxy-authenticate',
  'proxy-authentication-info',
  'alt-svc',
])

/**
 * The headers of an answer that pass, flat. `undefined` where it cannot be passed on: a transfer coding that would be lost, or a
 * header that shows the upstream's own secret.
 */
export function answerHeaders(raw: readonly string[], secret: string | undefined): string[] | undefined {
  const passing: string[] = []
  let listed: readonly string[] | undefined
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? ''
    const value = raw[at + 1] ?? ''
    if (secret !== undefined && value.includes(secret)) return undefined
    const lower = name.toLowerCase()
    if (lower === 'connection' && value !== 'keep-alive') listed = [...(listed ?? []), ...listMembers(value)]
    if (lower === 'transfer-encoding' && value.toLowerCase() !== 'chunked') return undefined
    if (!answerStays.has(lower)) passing.push(name, value)
  }
  const dropped = listed?.filter((name) => name !== 'keep-alive' && name !== 'close' && name !== 'content-length')
  return dropped === undefined || dropped.length === 0 ? passing : without(passing, dropped)
}

/** The value of the first header with that name, given in lowercase. */
export function headerOf(flat: readonly string[], lower: string): string | undefined {
  for (let at = 0; at + 1 < flat.length; at += 2) if (flat[at]?.toLowerCase() === lower) return flat[at + 1]
  return undefined
}

/** The values of every header with that name, given in lowercase. */
export function headersOf(flat: readonly string[], lower: string): readonly string[] {
  return flat.filter((_, at) => at % 2 === 1 && flat[at - 1]?.toLowerCase() === lower)
}

/** A flat list of headers without those names, given in lowercase. */
export function without(flat: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = flat[at] ?? ''
    if (!names.includes(name.toLowerCase())) kept.push(name, flat[at + 1] ?? '')
  }
  return kept
}

/** The members of a comma-separated list of tokens, in lowercase. */
export function listMembers(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
}
