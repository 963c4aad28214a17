/** Strict reading of a request's head: one meaning, or a refusal. It never repairs, and knows nothing of any server's types. */
import { isIPv6 } from 'node:net'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Material } from '../../model/actions.ts'
import type { RawHead } from '../shared/client-stream.ts'
import { headerName, headerOf, headersOf, listMembers, without } from './headers.ts'
import { holdWaitSeconds, type HttpLimits } from './limits.ts'
import { readTarget, type Target } from './target.ts'

export interface HttpRequest extends Target {
  readonly method: string
  readonly target: string
  /** The headers that pass, flat, as they were spelled; without framing, host and credential. */
  readonly headers: readonly string[]
  readonly token?: string | undefined
  /** Of `Prefer: wait`, already at most what is allowed. */
  readonly waitSeconds?: number | undefined
  /** Bytes; 0 where there is no body, `chunked` where the length is not known. */
  readonly bodyLength: number | 'chunked'
  readonly mediaType?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly expectsContinue: boolean
  /** The protocol it asks to change to, in a handshake that is whole. */
  readonly upgrade?: 'websocket' | undefined
}

/** What the loop over headers gathers. */
interface Gathered {
  passing: string[]
  /** Names that may stand once; there are few. */
  readonly seen: string[]
  host?: string
  authorization?: string
  contentLength?: string
  transferEncoding?: string
  expect?: string
  mediaType?: string
  contentEncoding?: string
  waitSeconds?: number
  upgrade?: string
  connection?: string[]
}

interface ReadHeaders extends Gathered {
  readonly bodyLength: number | 'chunked'
  readonly token: string | undefined
}

/**
 * Reads a head of HTTP/1.1. `withheld` is the header in which the upstream takes its credential: the client's own never passes.
 * Refuses `input.malformed`, `input.invalid`, `input.too-large`, `action.ambiguous` and `credential.invalid`, naming the part.
 */
export function readRequest(
  head: RawHead,
  limits: Pick<HttpLimits, 'headersMax' | 'targetBytesMax'>,
  withheld?: string,
): Result<HttpRequest> {
  if (head.version !== '1.1') return refuse('input.malformed', { detail: 'only HTTP/1.1 is spoken here' })
  if (head.headers.length / 2 > limits.headersMax) return refuse('input.too-large', { detail: `at most ${limits.headersMax} headers` })
  if (head.target.length > limits.targetBytesMax)
    return refuse('input.too-large', { detail: `a target of at most ${limits.targetBytesMax} bytes` })
  const read = readHeaders(head, withheld)
  if (!read.ok) return read
  const target = readTarget(head.target)
  if (!target.ok) return target
  const { passing, expect, mediaType, contentEncoding, waitSeconds, bodyLength, token } = read.value
  const upgrade = readHandshake(head.method, read.value, bodyLength)
  if (!upgrade.ok) return upgrade
  return done({
    method: head.method,
    target: head.target,
    segments: target.value.segments,
    parameters: target.value.parameters,
    headers: passing,
    bodyLength,
    expectsContinue: expect !== undefined,
    upgrade: upgrade.value,
    token,
    waitSeconds,
    mediaType,
    contentEncoding,
  })
}

/** What the headers say whatever is asked, once for each list of them. */
function readHeaders({ headers, reading }: RawHead, withheld: string | undefined): Result<ReadHeaders> {
  const known = reading?.kept
  if (known instanceof KnownHeaders && known.withheld === withheld) return known.read
  const read = readHeadersAnew(headers, withheld)
  if (reading !== undefined) reading.kept = new KnownHeaders(withheld, read)
  return read
}

/** What was read of some headers, and for which `withheld`. */
class KnownHeaders {
  readonly withheld: string | undefined
  readonly read: Result<ReadHeaders>

  constructor(withheld: string | undefined, read: Result<ReadHeaders>) {
    this.withheld = withheld
    this.read = read
  }
}

function readHeadersAnew(raw: readonly string[], withheld: string | undefined): Result<ReadHeaders> {
  const gathered = gatherHeaders(raw, withheld)
  if (!gathered.ok) return gathered
  const { passing, host, authorization, expect, connection } = gathered.value
  if (host === undefined || !isHost(host)) return ambiguous('exactly one Host with a name is needed')
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    return refuse('input.invalid', { detail: 'Expect takes 100-continue only' })
  const bodyLength = readFraming(gathered.value)
  if (!bodyLength.ok) return bodyLength
  const token = readToken(authorization)
  if (!token.ok) return token
  if (connection?.some((name) => !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) === true)
    return ambiguous('Connection lists something that is no name')
  const listed = connection?.filter((name) => name !== 'close' && name !== 'keep-alive' && name !== 'te' && name !== 'upgrade') ?? []
  // Dropping what has a meaning would be a rewrite of the action.
  if (listed.some((name) => ['once', 'gateway', 'refuse'].includes(headerName(name).rule)))
    return ambiguous('Connection lists a header that belongs to the request')
  return done({
    ...gathered.value,
    passing: listed.length === 0 ? passing : without(passing, listed),
    bodyLength: bodyLength.value,
    token: token.value,
  })
}

/**
 * What an approval is bound to. Header names in lowercase, in the order they came. Left out: trace context, and the framing of the
 * body, for which its hash stands.
 */
export function materialOf(request: HttpRequest, bodySha256: string): Material {
  const headers: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < request.headers.length; at += 2) {
    const { lower, rule } = headerName(request.headers[at] ?? '')
    if (rule !== 'envelope') headers.push([lower, request.headers[at + 1] ?? ''])
  }
  return { method: request.method, target: request.target, headers, bodySha256 }
}

function gatherHeaders(raw: readonly string[], withheld: string | undefined): Result<Gathered> {
  const gathered: Gathered = { passing: [], seen: [] }
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const sent = raw[at] ?? ''
    const value = raw[at + 1] ?? ''
    const { lower, rule } = headerName(sent)
    if (rule === 'refuse') return ambiguous(whyRefused(lower))
    if (rule === 'drop' || (lower === withheld && rule !== 'gateway')) continue
    if ((rule === 'once' || (rule === 'gateway' && lower !== 'connection' && lower !== 'prefer')) && hasSeen(gathered.seen, lower))
      return ambiguous(`${lower} stands twice`)
    if (rule === 'gateway') {
      const read = readOwn(gathered, lower, [sent, value])
      if (!read.ok) return read
      continue
    }
    if (lower === 'content-type') gathered.mediaType = value
    else if (lower === 'content-encoding') gathered.contentEncoding = value
    gathered.passing.push(sent, value)
  }
  return done(gathered)
}

function whyRefused(lower: string): string {
  const name = lower.slice(0, 60)
  if (lower.includes('_')) return `${name}: a header with an underscore`
  return /^[a-z0-9-]+$/.test(lower)
    ? `${name} would change what is asked`
    : `${name}: a header whose name has more than letters, digits and -`
}

function hasSeen(seen: string[], lower: string): boolean {
  if (seen.includes(lower)) return true
  seen.push(lower)
  return false
}

function readOwn(gathered: Gathered, lower: string, [sent, value]: readonly [string, string]): Result<undefined> {
  switch (lower) {
    case 'host':
      gathered.host = value
      break
    case 'authorization':
      gathered.authorization = value
      break
    case 'content-length':
      gathered.contentLength = value
      break
    case 'transfer-encoding':
      gathered.transferEncoding = value
      break
    case 'expect':
      gathered.expect = value
      break
    case 'connection':
      gathered.connection = [...(gathered.connection ?? []), ...listMembers(value)]
      break
    case 'upgrade':
      gathered.upgrade = value
      break
    case 'prefer':
      readPrefer(gathered, sent, value)
      break
    default:
      return refuse('input.invalid', { detail: `${lower} is not taken here` })
  }
  return done(undefined)
}

/** RFC 7240: `wait` is for the gateway, and a preference that cannot be read is passed over; the others are for the upstream. */
function readPrefer(gathered: Gathered, sent: string, value: string): void {
  const others: string[] = []
  for (const preference of value.match(/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g) ?? []) {
    const [, digits] = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(preference) ?? []
    if (digits !== undefined) gathered.waitSeconds ??= Math.min(Number(digits), holdWaitSeconds.max)
    else if (!/^\s*(?:wait\s*(?:[=;].*)?)?$/i.test(preference)) others.push(preference.trim())
  }
  if (others.length > 0) gathered.passing.push(sent, others.join(', '))
}

function readFraming({ contentLength, transferEncoding }: Gathered): Result<number | 'chunked'> {
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) return ambiguous('Content-Length and Transfer-Encoding exclude each other')
    return transferEncoding.toLowerCase() === 'chunked'
      ? done('chunked')
      : refuse('input.invalid', { detail: 'Transfer-Encoding takes chunked only' })
  }
  if (contentLength === undefined) return done(0)
  if (!/^(?:0|[1-9]\d{0,14})$/.test(contentLength)) return ambiguous('Content-Length is not a plain number')
  return done(Number(contentLength))
}

/** A name or an address, with a port or without (RFC 9112 §3.2). */
function isHost(host: string): boolean {
  const found = /^(?:[A-Za-z0-9.-]+|\[([0-9A-Fa-f:.]+)\])(?::(\d{1,5}))?$/.exec(host)
  if (found === null) return false
  const [, address, port] = found
  return (address === undefined || isIPv6(address)) && (port === undefined || Number(port) <= 65_535)
}

/** RFC 6455 §4.2.1, without its mercies. */
function readHandshake(method: string, gathered: Gathered, bodyLength: number | 'chunked'): Result<'websocket' | undefined> {
  const { upgrade, connection, expect, passing } = gathered
  const lists = connection?.includes('upgrade') === true
  if (upgrade === undefined) return lists ? ambiguous('Connection lists an Upgrade that is not there') : done(undefined)
  const invalid = (detail: string) => refuse('input.invalid', { detail })
  if (upgrade.toLowerCase() !== 'websocket') return invalid('an upgrade to anything but websocket is not taken here')
  if (!lists) return ambiguous('Upgrade without a Connection that lists it')
  if (connection?.includes('close') === true) return ambiguous('Connection lists close beside an upgrade')
  if (method !== 'GET' || bodyLength !== 0 || expect !== undefined) return invalid('an upgrade is asked for by GET, without a body')
  if (headerOf(passing, 'sec-websocket-version') !== '13') return invalid('an upgrade to websocket needs Sec-WebSocket-Version: 13')
  const [key = '', ...others] = headersOf(passing, 'sec-websocket-key')
  if (others.length > 0) return ambiguous('sec-websocket-key stands twice')
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)) return invalid('an upgrade to websocket needs a Sec-WebSocket-Key of 16 bytes')
  return done('websocket')
}

function readToken(authorization: string | undefined): Result<string | undefined> {
  if (authorization === undefined) return done(undefined)
  const [, token] = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization) ?? []
  return token === undefined ? refuse('credential.invalid', { detail: 'Authorization takes Bearer and a token' }) : done(token)
}

function ambiguous(detail: string): Result<never> {
  return refuse('action.ambiguous', { detail })
}
