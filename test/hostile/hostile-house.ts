/** A real gateway between hostile clients and a reporting upstream, every decision of it on record, and the second reader beside. */
import type { Call, Decision, Verdict } from '../../src/control/ports.ts'
import { type HttpGateway, startHttpGateway } from '../../src/gateways/http/gateway.ts'
import { RulesControl, systemClock } from '../wire/rules-control.ts'
import { route, service } from '../wire/services.ts'
import { keepingLog, type Lifetime } from '../wire/upstreams.ts'
import { ReportingUpstream } from './reporting-upstream.ts'
import { SecondReader } from './second-reader.ts'

export const upstreamSecret = 'upstream-secret-value'

/** The routes are wide on purpose: what is refused is refused for how it is written, not because nobody declared it. */
const routes = [
  route('read', 'GET', '/{path*}', { 'query.a?': 'string', 'query.tags?': 'strings', 'query.limit?': 'long', 'query.q?': 'string' }),
  route('head', 'HEAD', '/{path*}'),
  route('options', 'OPTIONS', '/{path*}'),
  route('remove', 'DELETE', '/{path*}'),
  route('place', 'PUT', '/{path*}'),
  route('write', 'POST', '/{path*}'),
  route('restart', 'POST', '/restart/{name}', {
    'body.reason?': 'string',
    'body.count?': 'long',
    'body.price?': 'decimal',
    'body.tags?': 'strings',
    'body.force?': 'boolean',
  }),
  route('admin', 'GET', '/admin/{path*}'),
  route('adminWrite', 'POST', '/admin/{path*}'),
]

/** Keeps every decision that said yes, in order, as the journal would. */
class RecordingControl extends RulesControl {
  readonly allowed: Decision[] = []

  override async authorize(call: Call): Promise<Verdict> {
    const verdict = await super.authorize(call)
    if (verdict.outcome === 'allow') this.allowed.push(verdict.decision)
    return verdict
  }
}

export interface HostileHouse {
  readonly control: RecordingControl
  readonly upstream: ReportingUpstream
  readonly reader: SecondReader
  readonly gateway: HttpGateway
  readonly log: ReturnType<typeof keepingLog>
  readonly port: number
}

/** Opens all of it until the test is over. What lies under `/admin` is forbidden: a smuggled request asks for that. */
export async function openHostileHouse(test: Lifetime): Promise<HostileHouse> {
  const [upstream, reader] = await Promise.all([ReportingUpstream.open(test), SecondReader.start(test)])
  const control = new RecordingControl({
    services: [service('shop', `http://127.0.0.1:${upstream.port}`, routes)],
    rule: ({ operation }) => (operation.startsWith('admin') ? 'action.forbidden' : 'allow'),
    secrets: { shop: `Bearer ${upstreamSecret}` },
  })
  control.letIn('live')
  const log = keepingLog()
  // All of them come from one address, and each is to be answered for itself.
  const limits = { drainMs: 200, anonymousRefusalsMax: 1_000_000 }
  const gateway = await startHttpGateway({ control, clock: systemClock, log, limits, listen: { host: '127.0.0.1' } })
  test.after(() => gateway.close(0))
  return { control, upstream, reader, gateway, log, port: Number(new URL(gateway.urls()['shop'] ?? '').port) }
}
