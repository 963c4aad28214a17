/** A whole Remit with a service that a proxy enforces, the port at which that proxy asks, and a token for it. */
import { gatewayAudience } from '../../src/control/identify.ts'
import { readNumbered } from '../../src/control/journal-reading.ts'
import type { GatewayControl } from '../../src/control/ports.ts'
import { type ForwardAuth, loopback, readProxies, startForwardAuth } from '../../src/gateways/http/forward-auth.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { httpGateway } from '../../src/main/house.ts'
import type { Grant } from '../../src/model/grants.ts'
import { TestClock } from '../world/clock.ts'
import { atWork } from '../world/deeds.ts'
import { memoryJournalDisk } from '../world/journal-disk.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorldOf, sameDisk, testParts, type World } from '../world/world.ts'
import { systemClock } from './rules-control.ts'
import { keepingLog, type Lifetime } from './upstreams.ts'

const low = { data: 'low', service: 'low', safety: 'none' }
const high = { data: 'high', service: 'high', safety: 'none' }

const routes = [
  { name: 'list', method: 'GET', path: '/items', effect: 'read', arguments: [{ name: 'q', in: 'query', type: 'string' }] },
  { name: 'get', method: 'GET', path: '/items/{id}', effect: 'read' },
  { name: 'look', method: 'HEAD', path: '/items', effect: 'read' },
  { name: 'buy', method: 'POST', path: '/items/{id}/buy', effect: 'write' },
  { name: 'rename', method: 'PATCH', path: '/items/{id}', effect: 'write', arguments: [{ name: 'to', in: 'body', type: 'string' }] },
  { name: 'restart', method: 'POST', path: '/restart', effect: 'execute' },
  { name: 'export', method: 'GET', path: '/export', effect: 'read' },
  { name: 'watch', method: 'GET', path: '/watch', effect: 'read', upgrade: 'websocket' },
  { name: 'wipe', method: 'DELETE', path: '/items', effect: 'delete', impact: high },
]

const policies = `
@id("agents-may-work") @duration("20m") @maxDuration("1h")
permit (principal in Role::"incident-agents", action == Action::"request", resource);

@id("restart-needs-a-person") @hold("role:sre")
forbid (principal is AiAgent, action in Effect::Action::"execute", resource in Service::"stall");

@id("exports-are-short") @duty("answer<=1kB")
forbid (principal, action == Action::"http:stall/export", resource);
`

const scope = ['list', 'get', 'look', 'rename', 'export', 'watch'].map((name) => `stall/${name}`)

export interface ProxiedHouse {
  readonly world: World
  readonly door: ForwardAuth
  readonly port: number
  readonly grant: Grant
  readonly token: string
  /** Lines of the journal after what is buffered was written: the house is closed by it. */
  lines(): Promise<readonly Readonly<Record<string, unknown>>[]>
}

export interface ProxiedOptions {
  readonly proxies?: readonly string[]
  /** Comes between the door and control. */
  readonly around?: (control: GatewayControl, world: World) => GatewayControl
}

export async function openProxiedHouse(test: Lifetime, options: ProxiedOptions = {}): Promise<ProxiedHouse> {
  const { proxies = loopback, around = (control) => control } = options

  const disk = memoryJournalDisk()
  const clock = new TestClock(Date.now())
  const usual = testParts(5, ':memory:', clock)
  const stall = { name: 'stall', upstream: 'http://127.0.0.1:9', enforcedBy: 'proxy', environment: 'test', impact: low, routes }
  const shop = { ...stall, name: 'shop', enforcedBy: 'gateway', credential: { bearer: 'upstream-secret' } }
  const document = shopDocument({ services: [stall, shop], policyFiles: [{ name: 'stall.cedar', text: policies }] })
  const world = await openWorldOf({ ...usual, clock, rooms: [{ ...usual.rooms[0], journalDisk: sameDisk(disk) }] }, document)
  const listen = { host: '127.0.0.1', port: 0 }
  const door = await startForwardAuth({
    control: around(world.gateway, world),
    clock: systemClock,
    log: keepingLog(),
    listen,
    proxies: mustBe(readProxies(proxies)),
  })
  test.after(() => door.close(0))
  const grant = await atWork(world, 'aide', [...scope, 'stall/buy,uses=2', 'stall/restart,uses=1', 'shop/list'])
  const audience = gatewayAudience(world.desk.space, httpGateway)
  const exchanged = mustBe(await world.exchange('aide', { grant: grant.id, audience }))
  return {
    world,
    door,
    port: Number(new URL(door.url).port),
    grant,
    token: reveal(exchanged.token),
    lines: async () => {
      await door.close(0)
      await world.close()
      const found: Readonly<Record<string, unknown>>[] = []
      for await (const line of readNumbered(disk, 1, Number.MAX_SAFE_INTEGER)) found.push(JSON.parse(line))
      return found
    },
  }
}
