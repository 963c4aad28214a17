/** The shop that the demo protects: a small HTTP service which knows one secret, and nothing of Remit. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export interface ShopEvent {
  readonly what: string
}

export interface Shop {
  readonly url: string
  /** What it was told to do, in order. */
  readonly events: readonly ShopEvent[]
  close(): Promise<void>
}

const incidents = [
  { id: 'inc-7', service: 'checkout', summary: 'payments time out since 09:12', severity: 'high' },
  { id: 'inc-8', service: 'search', summary: 'one replica is slow', severity: 'low' },
]

/** Starts on a free port of 127.0.0.1 and answers only to whoever sends the secret. */
export async function startShop(secret: string): Promise<Shop> {
  const events: ShopEvent[] = []
  const server = createServer((request, response) => {
    void serve(request, response, { secret, events })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${portOf(server)}`, events, close: () => new Promise((resolve) => server.close(() => resolve())) }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

interface State {
  readonly secret: string
  readonly events: ShopEvent[]
}

async function serve(request: IncomingMessage, response: ServerResponse, state: State): Promise<void> {
  const answer = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  if (request.headers.authorization !== `Bearer ${state.secret}`) return answer(401, { error: 'the shop does not know you' })
  const [, first = '', second = '', third] = (request.url ?? '').split('/')
  const body = await readBody(request)
  switch (`${request.method} /${first}`) {
    case 'GET /incidents': {
      if (second === '') return answer(200, incidents)
      const incident = incidents.find((each) => each.id === second)
      return incident === undefined ? answer(404, { error: 'no such incident' }) : answer(200, incident)
    }
    case 'POST /services':
      if (third !== 'restart') return answer(404, { error: 'unknown' })
      state.events.push({ what: `restarted ${second}` })
      return answer(200, { restarted: second })
    case 'POST /deployments':
      state.events.push({ what: `deployed ${String(body['service'])} ${String(body['version'])}` })
      return answer(201, { id: `dep-${state.events.length}`, ...body })
    case 'PUT /telemetry':
      state.events.push({ what: `telemetry ${second}=${String(body['value'])}` })
      return answer(200, { stored: true })
    case 'GET /deployments':
      return answer(200, { id: second, state: 'done' })
    default:
      return answer(404, { error: 'unknown' })
  }
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) if (chunk instanceof Buffer) chunks.push(chunk)
  if (chunks.length === 0) return {}
  const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
}
