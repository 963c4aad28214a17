/** Fetches what OAuth clients say of themselves: from the public internet alone, little, soon, and never by way of a third. */
import { lookup as lookUp } from 'node:dns'
import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'

export interface HostClientDocuments {
  /** Whether it also takes documents of this very machine. */
  readonly takesLoopback: boolean
  /** The JSON object at this address. Refuses `client.invalid`, whatever is wrong with it or on the way there. */
  read(url: URL): Promise<Result<JsonObject>>
}

export interface ClientDocumentOptions {
  readonly clock: { now(): Instant }
  /** For trying things: whoever signs in may then have Remit ask anything on this machine that answers with JSON. */
  readonly takesLoopback: boolean
  /** Certificates (PEM) to believe in place of the public ones. */
  readonly authorities?: string
  readonly limits?: Partial<DocumentLimits>
}

export interface DocumentLimits {
  /** From the look-up of its name to the last byte. */
  readonly fetchMax: Milliseconds
  readonly bytesMax: number
  /** At the same time. */
  readonly fetchesMax: number
  readonly keptMax: number
  /** The longest that one is kept, whatever its `cache-control` says, and how long without one. */
  readonly keptFor: Milliseconds
  readonly keptUnsaid: Milliseconds
  readonly keptFailure: Milliseconds
}

export const documentLimits: DocumentLimits = {
  fetchMax: 5_000,
  bytesMax: 65_536,
  fetchesMax: 16,
  keptMax: 500,
  keptFor: 86_400_000,
  keptUnsaid: 300_000,
  keptFailure: 10_000,
}

interface Kept {
  readonly read: Result<JsonObject>
  readonly until: Instant
}

/** One fetch of one address runs at a time, whoever waits shares it. */
export function makeClientDocuments(options: ClientDocumentOptions): HostClientDocuments {
  const { clock, takesLoopback, authorities } = options
  const limits: DocumentLimits = { ...documentLimits, ...options.limits }
  const kept = new Map<string, Kept>()
  const fetching = new Map<string, Promise<Result<JsonObject>>>()

  async function fetchAndKeep(url: URL): Promise<Result<JsonObject>> {
    const { read, keepFor } = await fetchDocument(url, { limits, takesLoopback, authorities })
    kept.delete(url.href)
    if (keepFor > 0) kept.set(url.href, { read, until: clock.now() + keepFor })
    const [oldest] = kept.keys()
    if (kept.size > limits.keptMax && oldest !== undefined) kept.delete(oldest)
    return read
  }

  return {
    takesLoopback,
    async read(url) {
      const known = kept.get(url.href)
      if (known !== undefined && clock.now() < known.until) return known.read
      const running = fetching.get(url.href)
      if (running !== undefined) return running
      if (fetching.size >= limits.fetchesMax) return invalid('too many documents are being fetched; try again in a moment')
      const begun = fetchAndKeep(url).finally(() => fetching.delete(url.href))
      fetching.set(url.href, begun)
      return begun
    },
  }
}

interface Fetched {
  readonly read: Result<JsonObject>
  readonly keepFor: Milliseconds
}

interface Fetching {
  readonly limits: DocumentLimits
  readonly takesLoopback: boolean
  readonly authorities: string | undefined
}

function fetchDocument(url: URL, { limits, takesLoopback, authorities }: Fetching): Promise<Fetched> {
  const failed = (detail: string): Fetched => ({ read: invalid(detail), keepFor: limits.keptFailure })
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !mayReach(host, takesLoopback)) return Promise.resolve(failed('its address is not one of the public internet'))
  const isTls = url.protocol === 'https:'
  if (!isTls && !(takesLoopback && url.protocol === 'http:')) return Promise.resolve(failed('a document is fetched over https'))
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(limits.fetchMax)
    const options = {
      method: 'GET',
      agent: false,
      signal,
      headers: { accept: 'application/json', 'user-agent': 'remit' },
      maxHeaderSize: 16_384,
      // Whatever the name resolves to at this moment is looked at, and connected to: a second look-up could answer otherwise.
      lookup: guardedLookup(takesLoopback),
      ...(authorities === undefined ? {} : { ca: authorities }),
    }
    const outgoing = isTls ? requestTls(url, options) : requestPlain(url, options)
    outgoing.once('error', (error) => resolve(failed(reasonOf(error, signal))))
    outgoing.once('response', (response) => {
      collect(response, limits.bytesMax)
        .then((bytes) => resolve(readDocument(response, bytes, limits)))
        .catch((thrown: unknown) => {
          outgoing.destroy()
          resolve(failed(thrown instanceof TooMuch ? thrown.message : reasonOf(thrown, signal)))
        })
    })
    outgoing.end()
  })
}

class TooMuch extends Error {}
class NotPublic extends Error {}

async function collect(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  if (response.statusCode !== 200) throw new TooMuch(`its address answered ${response.statusCode ?? 0}, and no redirect is followed`)
  const type = String(response.headers['content-type'] ?? '').toLowerCase()
  if (!/^application\/(?:json|[a-z0-9.-]+\+json)\s*(?:;|$)/.test(type))
    throw new TooMuch('its address answered with something else than JSON')
  const chunks: Uint8Array[] = []
  let size = 0
  const body: AsyncIterable<unknown> = response
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw new TooMuch('its document did not come as bytes')
    size += chunk.byteLength
    if (size > bytesMax) throw new TooMuch(`its document is larger than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function readDocument(response: IncomingMessage, bytes: Uint8Array, limits: DocumentLimits): Fetched {
  const read = parseJson(bytes, { bytesMax: limits.bytesMax, depthMax: 16 })
  if (!read.ok || !isJsonObject(read.value)) return { read: invalid('its document is not one JSON object'), keepFor: limits.keptFailure }
  return { read: done(read.value), keepFor: freshFor(String(response.headers['cache-control'] ?? ''), limits) }
}

/** RFC 9111 § 5.2.2, as far as it is about how long. */
function freshFor(cacheControl: string, { keptFor, keptUnsaid }: DocumentLimits): Milliseconds {
  const said = cacheControl.toLowerCase()
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/.test(said)) return 0
  const [, seconds] = /(?:^|[\s,])max-age="?(\d{1,9})/.exec(said) ?? []
  return seconds === undefined ? keptUnsaid : Math.min(Number(seconds) * 1_000, keptFor)
}

function guardedLookup(takesLoopback: boolean): LookupFunction {
  return (hostname, options, answer) => {
    lookUp(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return answer(error, [])
      const odd = addresses.find(({ address }) => !mayReach(address, takesLoopback))
      // One that is not public among public ones is a trick too.
      if (odd !== undefined || addresses.length === 0) return answer(new NotPublic(), [])
      const [first] = addresses
      if (options.all === true || first === undefined) return answer(null, addresses)
      return answer(null, first.address, first.family)
    })
  }
}

/** IANA's registries of special purpose addresses: all that is not for everybody to reach, and the ways to write one address as another. */
const special = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(network, prefix, 'ipv4')

/** Of IPv6 only what is handed out for the whole world (2000::/3), less what is special in it. */
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')
const special6 = new BlockList()
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  special6.addSubnet(network, prefix, 'ipv6')

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether a document may be fetched from this address. */
export function mayReach(address: string, takesLoopback: boolean): boolean {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  if (isIP(address) === 0) return false
  if (loopback.check(address, family)) return takesLoopback
  return family === 'ipv4' ? !special.check(address, 'ipv4') : global6.check(address, 'ipv6') && !special6.check(address, 'ipv6')
}

/** Never what the other side said: it would be shown to whoever asks. */
function reasonOf(thrown: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'its document did not come in time'
  if (thrown instanceof NotPublic) return 'its address is not one of the public internet'
  return 'its document cannot be fetched'
}

function invalid(detail: string): Refused {
  return refuse('client.invalid', { detail })
}
