/** The API as one server: strict about what it reads, silent about its insides, bounded in everything that grows. */
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { canonicalJson } from '../kernel/json.ts'
import { type Refusal, type RefusalCode, refuse } from '../kernel/refusals.ts'
import type { Answer } from './answers.ts'
import { makeApiServer } from './api-server.ts'
import { readRequestId, requestIdHeader } from './authzen/request-ids.ts'
import { clientAddress } from '../kernel/client-address.ts'
import { StoreUnavailable } from '../kernel/store-unavailable.ts'
import { endpoints } from './endpoints.ts'
import type { Endpoint } from './endpoint.ts'
import type { BodyKind } from './input.ts'
import { writeHtml } from './pages/html.ts'
import { signInInstead } from './pages/sign-in-instead.ts'
import type { ApiParts, Visit } from './parts.ts'
import { type Written, writeRefusal } from './refusing.ts'
import { everyAnswer, pagePolicy } from './security-headers.ts'
import { isServedHost } from './served-hosts.ts'

const connectionsMax = 2_000
/** Twice of any of these would be two readings of one call. */
const onceOnly = new Set(['host', 'authorization', 'cookie', 'content-type', 'content-length', 'origin'])

/** Builds the server; it listens when it is told to. */
export function buildApi(api: ApiParts): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: 16_384,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    trustProxy: false,
    serverFactory: (take) => makeApiServer(api.tls, take),
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false, maxParamLength: 200 },
    clientErrorHandler: (error, socket) => {
      // Nothing of the call could be read, so there is nobody to answer in any other form.
      if (error.code !== 'ECONNRESET' && socket.writable) socket.end(rawProblem())
      else socket.destroy()
    },
    frameworkErrors: (_error, _request, reply) => {
      void send(reply, writeRefusal(refuse('input.malformed', { detail: 'the path cannot be read' }).refusal, 'problem'))
    },
  })
  app.server.maxConnections = connectionsMax
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(['application/json', 'application/x-www-form-urlencoded'], { parseAs: 'buffer' }, (_request, body, parsed) =>
    parsed(null, body),
  )
  app.addHook('onRequest', async (request, reply) => {
    const refused = checkEnvelope(api, request)
    if (refused !== undefined) return send(reply, writeRefusal(refused, 'problem'))
  })
  app.setNotFoundHandler((request, reply) =>
    send(reply, writeRefusal(refuse('method.unknown').refusal, wantsPage(request) ? 'page' : 'problem')),
  )
  app.setErrorHandler<FastifyError>((error, request, reply) =>
    send(reply, writeRefusal(refusalOf(api, error, request.routeOptions.url ?? ''), 'problem')),
  )
  for (const endpoint of endpoints) addEndpoint(app, api, endpoint)
  return app
}

function addEndpoint(app: FastifyInstance, api: ApiParts, endpoint: Endpoint): void {
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    bodyLimit: Math.max(1, endpoint.bodyBytesMax),
    onRequest: async (request, reply) => {
      const { id, refusal } = endpoint.speaks === 'authzen' ? readRequestId(request.headers[requestIdHeader]) : {}
      if (id !== undefined) reply.header(requestIdHeader, id)
      if (refusal !== undefined) return answerRefusal(api, endpoint, { refusal, request, reply })
      const elsewhere = pageElsewhere(api, endpoint, request)
      if (elsewhere !== undefined) return send(reply, { status: 303, headers: { location: elsewhere }, body: '' })
      const refused = await beforeBody(api, endpoint, request, reply)
      if (refused !== undefined) return answerRefusal(api, endpoint, { refusal: refused, request, reply })
    },
    handler: async (request, reply) => {
      const body = request.body instanceof Uint8Array ? request.body : new Uint8Array()
      const query = request.url.includes('?') ? request.url.slice(request.url.indexOf('?') + 1) : ''
      const answered = await endpoint.serve(api, { parameters: textMembers(request.params), query, body }, request)
      return answered.ok ? sendAnswer(reply, answered.value) : answerRefusal(api, endpoint, { refusal: answered.refusal, request, reply })
    },
    errorHandler: (error, request, reply) => {
      void answerRefusal(api, endpoint, { refusal: refusalOf(api, error, endpoint.path), request, reply })
    },
  })
}

/** Pages live at one origin: a passkey made at `localhost` is none at `127.0.0.1`. */
function pageElsewhere(api: ApiParts, endpoint: Endpoint, request: FastifyRequest): string | undefined {
  const { origin } = api.desk.pages()
  const isElsewhere =
    endpoint.refuses === 'page' && endpoint.method === 'GET' && request.headers.host?.toLowerCase() !== new URL(origin).host
  return isElsewhere && request.url.startsWith('/') ? `${origin}${request.url}` : undefined
}

/** Who calls and how often, before a byte of the body is read. */
async function beforeBody(api: ApiParts, endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<Refusal | undefined> {
  const admitted = await endpoint.admit(api, visitOf(api, request, reply), request)
  if (!admitted.ok) return admitted.refusal
  if (!hasBody(request) || isTaken(endpoint.takes, request.headers['content-type'])) return undefined
  return endpoint.speaks === 'authzen'
    ? refuse('input.malformed', { detail: 'the content type is application/json' }).refusal
    : refuse('input.media-type').refusal
}

const clientGone = 'the client is gone'

function visitOf(api: ApiParts, request: FastifyRequest, reply: FastifyReply): Visit {
  const gone = new AbortController()
  // Whoever got the answer is not told that it went away; and a reason made here would cost every call a trace of the stack.
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(clientGone)
  })
  return {
    address: clientAddress(request.socket.remoteAddress),
    at: api.desk.clock.now(),
    signal: gone.signal,
    headers: textMembers(request.headers),
  }
}

function hasBody(request: FastifyRequest): boolean {
  const length = request.headers['content-length']
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** UTF-8 is the only encoding there is, said or not. */
function isTaken(takes: BodyKind, contentType: string | undefined): boolean {
  const [type, ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase())
  if (parameters.some((parameter) => parameter !== 'charset=utf-8')) return false
  return (takes === 'json' && type === 'application/json') || (takes === 'form' && type === 'application/x-www-form-urlencoded')
}

/** What must be right of every call, whatever it calls. */
function checkEnvelope(api: ApiParts, request: FastifyRequest): Refusal | undefined {
  const seen = new Set<string>()
  for (let place = 0; place < request.raw.rawHeaders.length; place += 2) {
    const name = (request.raw.rawHeaders[place] ?? '').toLowerCase()
    if (onceOnly.has(name) && seen.has(name)) return refuse('input.malformed', { detail: `the header ${name} stands there twice` }).refusal
    seen.add(name)
  }
  const port = request.socket.localPort ?? 0
  const { origin } = api.desk.pages()
  return isServedHost(request.headers.host, { origin, port, hosts: api.hosts ?? [] }) ? undefined : refuse('host.unknown').refusal
}

interface Refusing {
  readonly refusal: Refusal
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

function answerRefusal(api: ApiParts, endpoint: Endpoint, { refusal, request, reply }: Refusing): FastifyReply {
  // What was not read is not waited for.
  if (hasBody(request) && request.body === undefined) reply.header('connection', 'close')
  const wantsSignIn =
    endpoint.caller === 'person' && endpoint.refuses === 'page' && endpoint.method === 'GET' && refusal.code.startsWith('credential.')
  if (!wantsSignIn) return send(reply, writeRefusal(refusal, endpoint.refuses))
  const { html, to } = signInInstead(api.desk.pages().origin, { url: request.url, site: textMembers(request.headers)['sec-fetch-site'] })
  return sendAnswer(reply, html === undefined ? { kind: 'redirect', to } : { kind: 'page', html })
}

function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  switch (answer.kind) {
    case 'json': {
      if (answer.cookie !== undefined) reply.header('set-cookie', answer.cookie)
      return send(reply, { status: answer.status, headers: { 'content-type': 'application/json' }, body: canonicalJson(answer.value) })
    }
    case 'page':
      return send(reply, { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: writeHtml(answer.html) })
    case 'text':
      return send(reply, { status: 200, headers: { 'content-type': answer.type }, body: answer.text })
    case 'bytes': {
      const cache = answer.isForEver ? 'public, max-age=31536000, immutable' : 'public, max-age=1'
      reply.code(200).headers({ ...everyAnswer, 'cache-control': cache, 'content-type': answer.type })
      if (answer.isGzipped === true) reply.header('vary', 'accept-encoding')
      if (answer.isGzipped === true && takesGzip(reply.request.headers['accept-encoding']))
        return reply.header('content-encoding', 'gzip').send(gzipSync(answer.bytes))
      return reply.send(Buffer.from(answer.bytes.buffer, answer.bytes.byteOffset, answer.bytes.byteLength))
    }
    case 'oauth-error':
      return send(reply, { status: 400, headers: { 'content-type': 'application/json' }, body: canonicalJson(answer.error) })
    case 'redirect': {
      if (answer.cookie !== undefined) reply.header('set-cookie', answer.cookie)
      return send(reply, { status: 303, headers: { location: answer.to }, body: '' })
    }
    case 'leave':
      return send(reply, { status: 303, headers: { location: answer.to }, body: '' })
    case 'lines':
      return reply
        .code(200)
        .headers({ ...everyAnswer, 'content-type': answer.type })
        .send(Readable.from(withFeeds(answer.lines)))
  }
}

/** RFC 9110 §12.5.3, as far as it is about gzip by its name. */
function takesGzip(accepted: string | string[] | undefined): boolean {
  const codings = String(accepted ?? '')
    .toLowerCase()
    .split(',')
  return codings.some((coding) => /^\s*gzip\s*(?:;\s*q\s*=\s*(?:1(?:\.0{0,3})?|0\.\d{0,2}[1-9]\d{0,2}))?\s*$/.test(coding))
}

async function* withFeeds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`
}

function send(reply: FastifyReply, { status, headers, body }: Written): FastifyReply {
  const isPage = headers['content-type']?.startsWith('text/html') === true
  return reply
    .code(status)
    .headers({ ...everyAnswer, ...(isPage ? { 'content-security-policy': pagePolicy } : {}), ...headers })
    .send(body)
}

const frameworkCodes: Readonly<Record<string, RefusalCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'input.too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'input.media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'input.malformed',
  FST_ERR_BAD_URL: 'input.malformed',
  FST_ERR_MAX_PARAM_LENGTH: 'not-found',
}

/** What the caller hears of an error: its name if it is the caller's own, else an id under which an operator finds the rest. */
function refusalOf(api: ApiParts, error: FastifyError, path: string): Refusal {
  const code = frameworkCodes[error.code]
  if (code !== undefined) return { code }
  if (error instanceof StoreUnavailable) return { code: 'store.unavailable', detail: error.detail }
  const id = Buffer.from(api.desk.chance.bytes(8)).toString('hex')
  api.log.error('an endpoint failed', { id, path, error })
  return { code: 'internal', detail: id }
}

function wantsPage(request: FastifyRequest): boolean {
  return request.headers.accept?.includes('text/html') === true
}

/** The members that are one text each. */
function textMembers(members: unknown): Readonly<Record<string, string>> {
  const entries: [string, unknown][] = Object.entries(members ?? {})
  const texts: [string, string][] = []
  for (const [name, value] of entries) if (typeof value === 'string') texts.push([name, value])
  return Object.fromEntries(texts)
}

function rawProblem(): string {
  const { status, headers, body } = writeRefusal(
    refuse('input.malformed', { detail: 'this is not HTTP as it is read here' }).refusal,
    'problem',
  )
  const lines = Object.entries({ ...everyAnswer, ...headers, 'content-length': `${Buffer.byteLength(body)}`, connection: 'close' })
  return `HTTP/1.1 ${status} Bad Request\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}
