/** A gateway in front of one upstream, and a client for it. */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import type { Clock } from '../../src/control/ports.ts'
import { type HttpGateway, startHttpGateway } from '../../src/gateways/http/gateway.ts'
import type { HttpLimits } from '../../src/gateways/http/limits.ts'
import type { Route } from '../../src/model/services.ts'
import { type Rule, RulesControl, systemClock } from './rules-control.ts'
import { route, service } from './services.ts'
import { keepingLog, type Lifetime, wholeBody } from './upstreams.ts'

export const upstreamSecret = 'upstream-secret-value'

export const everyRoute: readonly Route[] = [
  route('read', 'GET', '/{path*}'),
  route('head', 'HEAD', '/{path*}'),
  route('write', 'POST', '/{path*}'),
  route('restart', 'POST', '/restart/{name}', { 'body.reason?': 'string' }),
]

export interface OpenedGateway {
  readonly control: RulesControl
  readonly gateway: HttpGateway
  readonly log: ReturnType<typeof keepingLog>
  readonly url: string
  readonly port: number
  /** Sends a request as `live` and answers the whole response; rejects if that ends early. */
  ask(method: string, path: string, options?: AskOptions): Promise<Heard>
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly agent?: Agent
  readonly signal?: AbortSignal
}

export interface Heard {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface GatewayOptions {
  /** 127.0.0.1 unless said. */
  readonly upstreamHost?: string
  readonly upstreamPort: number
  readonly rule?: Rule
  readonly clock?: Clock
  readonly limits?: Partial<HttpLimits>
  /** How long `live` lives, in milliseconds. */
  readonly lives?: number
  readonly header?: string
}

export async function openGateway(test: Lifetime, options: GatewayOptions): Promise<OpenedGateway> {
  const { upstreamHost = '127.0.0.1', upstreamPort, rule = () => 'allow', clock = systemClock } = options
  const { limits = {}, lives, header = 'Authorization' } = options
  const services = [service('shop', `http://${upstreamHost}:${upstreamPort}`, everyRoute, { header })]
  const secrets = { shop: header === 'Authorization' ? `Bearer ${upstreamSecret}` : upstreamSecret }
  const control = new RulesControl({ services, rule, clock, secrets })
  control.letIn('live', lives)
  const log = keepingLog()
  const gateway = await startHttpGateway({ control, clock, log, limits, listen: { host: '127.0.0.1' } })
  // By a clock of its own, because the test's may stand still.
  test.after(() => Promise.race([gateway.close(0), new Promise<void>((resolve) => setTimeout(resolve, 100))]))
  const url = gateway.urls()['shop'] ?? ''
  return { control, gateway, log, url, port: Number(new URL(url).port), ask: (method, path, more) => ask(`${url}${path}`, method, more) }
}

/** One request with the token `live`, over a connection of its own unless an agent is given. */
export async function ask(url: string, method: string, { headers = {}, body, agent, signal }: AskOptions = {}): Promise<Heard> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        headers: { authorization: 'Bearer live', ...headers },
        agent: agent ?? new Agent(),
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    )
    sent.on('error', reject)
    sent.end(body)
  })
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await wholeBody(answer) }
}
