/** A small server that speaks the API's contract: for tests of clients that need answers on demand, failures and silence included. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GrantStateName, GrantView } from '../../src/wire/grants.ts'
import type { HoldView } from '../../src/wire/holds.ts'
import type { ProblemView } from '../../src/wire/problems.ts'

export interface Received {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly token: string | undefined
  /** Of a JSON body or a form. */
  readonly body: unknown
  readonly at: number
}

export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Answers, or breaks off the connection, or keeps silent. */
export type Handler = (received: Received) => Answer | 'break' | 'silence' | Promise<Answer | 'break' | 'silence'>

export const grantId = 'grn_01JC0000000000000000000001'
export const holdId = 'hld_01JC0000000000000000000001'
export const now = Date.parse('2026-01-02T10:00:00.000Z')

export function instant(offsetMs: number): string {
  return new Date(now + offsetMs).toISOString()
}

export const pendingGrant: GrantView = {
  id: grantId,
  state: 'pending',
  chain: ['release-bot'],
  task: { kind: 'release', statement: 'ship 1.4', ticket: 'OPS-7' },
  scope: ['shop/deploy,uses=1'],
  tier: 1,
  duration: '30m',
  durationMax: '2h',
  approval: 'role:release-manager',
  approvals: [],
  policies: ['release-bots-may-ask'],
  requestedAt: instant(0),
  pendingUntil: instant(86_400_000),
  uses: [{ line: 0, spent: 0, of: 1 }],
  page: `http://pages.example/requests/${grantId}`,
}

export const waitingHold: HoldView = {
  id: holdId,
  state: 'waiting',
  grant: grantId,
  actor: 'ops-agent',
  target: 'POST /services/checkout/restart',
  service: 'shop',
  operation: 'restart',
  effect: 'execute',
  tier: 2,
  arguments: { service: 'checkout' },
  headers: [['content-type', 'application/json']],
  body: { encoding: 'utf-8', content: '{"force":true}' },
  policies: ['restart-needs-a-person'],
  approval: 'role:sre',
  approvals: [],
  openedAt: instant(-60_000),
  answerBy: instant(540_000),
  digest: '3f2a',
  page: `http://pages.example/holds/${holdId}`,
}

export const whoami = {
  space: 'main',
  identity: {
    id: 'idn_01JC0000000000000000000001',
    name: 'release-bot',
    kind: 'workload',
    owner: 'alice',
    roles: ['release-bots'],
    state: 'live',
  },
  chain: ['release-bot'],
  desk: [],
  exceptions: [],
  token: { expiresAt: instant(900_000), provedBy: 'api-secret' },
}

export function refusal(code: string, status: number, more: Partial<ProblemView> = {}): Answer {
  const body = { type: `urn:remit:refusal:${code}`, title: code, status, detail: `no: ${code}`, remedy: `mend ${code}`, ...more }
  return { status, body, headers: { 'content-type': 'application/problem+json' } }
}

export class ContractServer {
  readonly received: Received[] = []
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  readonly #handlers = new Map<string, Handler>()
  /** The grant that it keeps, once one was asked for. */
  grant: GrantView | undefined
  /** The state in which a request begins. */
  firstState: GrantStateName = 'approved'
  /** Seconds for which its tokens live. */
  tokenSeconds = 900
  #waiting: (() => void)[] = []

  static async open(): Promise<ContractServer> {
    const server = new ContractServer()
    const { promise, resolve } = Promise.withResolvers<void>()
    server.#server.listen(0, '127.0.0.1', resolve)
    await promise
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Another answer than the contract's usual one, such as `'POST /v1/grants'`. */
  on(what: string, handler: Handler): void {
    this.#handlers.set(what, handler)
  }

  /** What came in, by `METHOD /path`. */
  calls(what: string): readonly Received[] {
    return this.received.filter(({ method, path }) => `${method} ${path}` === what)
  }

  /** The grant takes another state; whoever waits for that hears of it. */
  set(state: GrantStateName, more: Partial<GrantView> = {}): void {
    this.grant = { ...(this.grant ?? pendingGrant), state, ...more }
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Resolves when something was called so often; polled, since it comes from other processes. */
  async called(what: string, times = 1): Promise<void> {
    while (this.calls(what).length < times) await new Promise((then) => setTimeout(then, 10))
  }

  /** Resolves when nobody is connected any more, and all that was sent is in. */
  async alone(): Promise<void> {
    const count = () => new Promise<number>((then) => this.#server.getConnections((_error, number) => then(number)))
    while ((await count()) > 0) await new Promise((then) => setTimeout(then, 10))
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    this.#server.closeAllConnections()
    await promise
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = await read(request)
    this.received.push(received)
    const handler = this.#handlers.get(`${received.method} ${received.path}`)
    const answer = await (handler === undefined ? this.#usual(received) : handler(received))
    if (answer === 'silence') return
    if (answer === 'break') return void request.socket.destroy()
    const text = answer.body === undefined ? '' : typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(text)
  }

  async #usual({ method, path, query, body }: Received): Promise<Answer> {
    const what = `${method} ${path.replace(grantId, ':id').replace(holdId, ':id')}`
    switch (what) {
      case 'POST /oauth/token':
        return { status: 200, body: { ...tokenAnswer(body), expires_in: this.tokenSeconds } }
      case 'GET /v1/whoami':
        return { status: 200, body: whoami }
      case 'GET /v1/services':
        return {
          status: 200,
          body: { services: [{ name: 'shop.eu-1', environment: 'prod', labels: [], url: 'http://127.0.0.1:7001', routes: [] }] },
        }
      case 'POST /v1/grants':
        this.set(this.firstState)
        return { status: 201, body: this.grant }
      case 'GET /v1/grants':
        return { status: 200, body: { grants: this.grant === undefined ? [] : [this.grant] } }
      case 'GET /v1/grants/:id':
        return this.#showGrant(query)
      case 'POST /v1/grants/:id/activate':
        this.set('active', { activatedAt: instant(0), expiresAt: instant(1_800_000) })
        return { status: 200, body: this.grant }
      case 'POST /v1/grants/:id/heartbeat':
        return { status: 200, body: { state: this.grant?.state ?? 'ended' } }
      case 'POST /v1/grants/:id/done':
        return this.#end('completed', body)
      case 'POST /v1/grants/:id/abandon':
        return this.#end('abandoned', body)
      default:
        return refusal('not-found', 404)
    }
  }

  async #showGrant({ wait, state }: Readonly<Record<string, string>>): Promise<Answer> {
    if (this.grant === undefined) return refusal('not-found', 404)
    if (wait !== undefined && this.grant.state === state) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.push(resolve)
      await promise
    }
    return { status: 200, body: this.grant }
  }

  #end(how: string, body: unknown): Answer {
    const reason = (body as { readonly reason?: string }).reason ?? ''
    if (this.grant?.state !== 'ended') this.set('ended', { endedAt: instant(1_000), ending: { how, by: 'release-bot', reason } })
    return { status: 200, body: { ...this.grant, confirmed: [{ gateway: 'http', how: 'confirmed', milliseconds: 1, at: instant(1_000) }] } }
  }
}

/** Tokens say what they are for, so that a test sees which one was used. */
function tokenAnswer(body: unknown) {
  const { audience, scope } = body as { readonly audience?: string; readonly scope?: string }
  const access_token = `token-for-${audience ?? 'control'}${scope === undefined ? '' : `-${scope}`}`
  return { access_token, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer' }
}

async function read(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const url = new URL(request.url ?? '/', 'http://server')
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    token: request.headers.authorization?.replace(/^Bearer /, ''),
    body: text === '' ? undefined : isForm ? Object.fromEntries(new URLSearchParams(text)) : (JSON.parse(text) as unknown),
    at: performance.now(),
  }
}
