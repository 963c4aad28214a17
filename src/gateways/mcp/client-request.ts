/** One request of a client as it came over HTTP: its headers by name, who may have sent it, and its body when somebody asks for that. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { ClientStream, RawHead } from '../shared/client-stream.ts'
import { WholeBody } from '../shared/whole-body.ts'
import type { Door } from './door.ts'
import type { Headers } from './envelope.ts'
import { checkNames } from './served-names.ts'

const onlyOnce = new Set([
  'authorization',
  'host',
  'origin',
  'content-type',
  'content-length',
  'content-encoding',
  'mcp-session-id',
  'last-event-id',
])
const passingNames = new Set(['host', 'accept', 'last-event-id', 'traceparent', 'tracestate', 'baggage'])

/** What headers say, read once for all requests of a connection that have the same ones. */
export class RequestHeaders {
  /** Names in lowercase, in the order in which they were sent. */
  readonly all: Headers
  /** Of these, what a server is told. */
  readonly passing: Headers
  /** One that stands twice and must not: two readers, two meanings. */
  readonly twice: string | undefined
  readonly #values = new Map<string, string>()
  #named: { readonly as: ReadonlySet<string>; readonly checked: Result<undefined> } | undefined

  constructor(raw: readonly string[]) {
    const all: (readonly [string, string])[] = []
    let twice: string | undefined
    for (let at = 0; at + 1 < raw.length; at += 2) {
      const name = (raw[at] ?? '').toLowerCase()
      if (this.#values.has(name) && onlyOnce.has(name)) twice ??= name
      const value = raw[at + 1] ?? ''
      all.push([name, value])
      this.#values.set(name, value)
    }
    this.all = all
    this.passing = all.filter(([name]) => passingNames.has(name) || name.startsWith('mcp-'))
    this.twice = twice
  }

  /** Whether it was meant for a port that answers to these names, which nobody changes: looked at once. Refuses `host.unknown`. */
  namedAs(names: ReadonlySet<string>): Result<undefined> {
    if (this.#named?.as !== names)
      this.#named = { as: names, checked: checkNames({ host: this.get('host'), origin: this.get('origin') }, names) }
    return this.#named.checked
  }

  /** Of a header that may stand once; of others the last one. */
  get(lower: string): string | undefined {
    return this.#values.get(lower)
  }
}

export function requestHeaders({ headers, reading }: RawHead): RequestHeaders {
  if (reading?.kept instanceof RequestHeaders) return reading.kept
  const read = new RequestHeaders(headers)
  if (reading !== undefined) reading.kept = read
  return read
}

export class ClientRequest {
  readonly method: string
  /** Path and query, as they were sent. */
  readonly target: string
  readonly address: string
  readonly headers: RequestHeaders
  readonly #stream: ClientStream
  #reading: WholeBody | undefined

  constructor(stream: ClientStream) {
    this.method = stream.head.method
    this.target = stream.head.target
    this.address = stream.address
    this.headers = requestHeaders(stream.head)
    this.#stream = stream
  }

  /** RFC 6750 § 2.1. Refuses `credential.missing` and `credential.invalid`. */
  get token(): Result<string> {
    const said = this.headers.get('authorization')
    const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(said ?? '') ?? []
    return token === undefined ? refuse(said === undefined ? 'credential.missing' : 'credential.invalid') : done(token)
  }

  /** The body, whole, at once where it has come. Refuses `input.media-type`, `input.too-large` and, where it breaks off, `input.malformed`. */
  json({ limits, clock }: Pick<Door, 'limits' | 'clock'>): Result<Buffer> | Promise<Result<Buffer>> {
    const { headers } = this
    const bytesMax = limits.messageBytesMax
    if (!/^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i.test(headers.get('content-type') ?? ''))
      return refuse('input.media-type')
    if (headers.get('content-encoding') !== undefined) return refuse('input.media-type', { detail: 'the body must not be encoded' })
    const length = Number(headers.get('content-length') ?? 0)
    if (length > bytesMax) return refuse('input.too-large', { detail: `at most ${bytesMax} bytes` })
    this.#stream.writeContinue()
    this.#reading = new WholeBody(this.#stream, { bytesMax, length, milliseconds: limits.bodyMs, tooLarge: 'input.too-large', clock })
    return this.#reading.whole
  }

  /** The client is gone: what is being read will not become whole. */
  abandon(): void {
    this.#reading?.abandon()
  }
}
