/** The corpus against a whole Remit: what its journal says was allowed is what went up, and nothing else. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { gatewayAudience } from '../../src/control/identify.ts'
import { readNumbered } from '../../src/control/journal-reading.ts'
import type { GatewayControl } from '../../src/control/ports.ts'
import { startHttpGateway } from '../../src/gateways/http/gateway.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { httpGateway } from '../../src/main/house.ts'
import { systemClock } from '../wire/rules-control.ts'
import { keepingLog } from '../wire/upstreams.ts'
import { TestClock } from '../world/clock.ts'
import { atWork } from '../world/deeds.ts'
import { memoryJournalDisk } from '../world/journal-disk.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorldOf, sameDisk, testParts, type World } from '../world/world.ts'
import { readExchanges } from './exchange-text.ts'
import { HostileClient } from './hostile-client.ts'
import { emptySha256 } from './laws.ts'
import { ReportingUpstream } from './reporting-upstream.ts'
import { SecondReader } from './second-reader.ts'

const folder = new URL('corpus/', import.meta.url)
const exchanges = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .toSorted()
  .flatMap((name) => readExchanges(name, readFileSync(new URL(name, folder), 'utf8')))
  .filter(({ answer }) => answer === undefined)

const impact = { data: 'low', service: 'low', safety: 'none' }
const everywhere = (name: string, method: string, effect: string) => ({ name, method, path: '/{path*}', effect, impact })
const query = (name: string, type: string) => ({ name, in: 'query', type, required: false })
const body = (name: string, type: string) => ({ name, in: 'body', type, required: false })
const routes = [
  {
    ...everywhere('read', 'GET', 'read'),
    arguments: [query('a', 'string'), query('tags', 'strings'), query('limit', 'long'), query('q', 'string')],
  },
  everywhere('head', 'HEAD', 'read'),
  everywhere('remove', 'DELETE', 'write'),
  everywhere('place', 'PUT', 'write'),
  everywhere('write', 'POST', 'write'),
  {
    ...everywhere('restart', 'POST', 'write'),
    path: '/restart/{name}',
    arguments: [
      body('reason', 'string'),
      body('count', 'long'),
      body('price', 'decimal'),
      body('tags', 'strings'),
      body('force', 'boolean'),
    ],
  },
  { ...everywhere('admin', 'GET', 'administer'), path: '/admin/{path*}' },
]
const policies = `
@id("agents-may-work") @duration("20m") @maxDuration("1h")
permit (principal in Role::"incident-agents", action == Action::"request", resource in Service::"shop");

@id("agents-never-administer")
forbid (principal is AiAgent, action in Effect::Action::"administer", resource);
`

test('what the journal allowed is what went up', async (context) => {
  const [upstream, reader] = await Promise.all([ReportingUpstream.open(context), SecondReader.start(context)])
  const disk = memoryJournalDisk()
  const clock = new TestClock(Date.now())
  const usual = testParts(11, ':memory:', clock)
  const service = {
    name: 'shop',
    upstream: `http://127.0.0.1:${upstream.port}`,
    environment: 'test',
    impact,
    credential: { bearer: 'upstream-secret-value' },
    routes,
  }
  const document = shopDocument({ services: [service], policyFiles: [{ name: 'shop.cedar', text: policies }] })
  const world = await openWorldOf({ ...usual, clock, rooms: [{ ...usual.rooms[0], journalDisk: sameDisk(disk) }] }, document)
  const control = await withTokenLive(world)
  const limits = { drainMs: 50, anonymousRefusalsMax: 1_000_000 }
  const gateway = await startHttpGateway({ control, clock: systemClock, log: keepingLog(), limits, listen: { host: '127.0.0.1' } })
  context.after(() => gateway.close(0))
  const port = Number(new URL(gateway.urls()['shop'] ?? '').port)

  upstream.mark()
  for (const { steps, wants } of exchanges) {
    const methods = wants.map(({ line }) => line.split(' ')[0] ?? '')
    const client = await HostileClient.open(port, methods)
    for (const step of steps) await client.take(step, (bytes) => [bytes])
    const isHeard = () => client.heard.answers.length >= wants.length
    await client.until(isHeard)
    client.destroy()
  }
  const wentUp: string[] = []
  for (const { whole } of upstream.received()) {
    const { requests, isWhole } = await reader.read(whole)
    assert.ok(isWhole, 'nginx reads what went up to its end')
    wentUp.push(...requests.map(({ method, target, bodySha256 }) => `${method} ${target} ${bodySha256}`))
  }
  // What is buffered is written when the house is closed.
  await gateway.close(0)
  await world.close()
  const { allowed, refused } = await readJournal(disk)
  assert.ok(wentUp.length > 50 && refused > 100, `${wentUp.length} went up, ${refused} were refused`)
  assert.ok(wentUp.length <= allowed.length)
  for (const line of wentUp) {
    const place = allowed.indexOf(line)
    assert.notEqual(place, -1, `it went up, and the journal does not allow it: ${line}`)
    allowed.splice(place, 1)
  }
  context.diagnostic(
    `${exchanges.length} exchanges: ${wentUp.length} requests went up, each allowed by the journal, which refused ${refused}`,
  )
})

/** The real control, for which the token of the corpus is a real one. */
async function withTokenLive(world: World): Promise<GatewayControl> {
  const scope = routes.filter(({ effect }) => effect !== 'administer').map(({ name }) => `shop/${name}`)
  const grant = await atWork(world, 'aide', scope)
  const audience = gatewayAudience(world.desk.space, httpGateway)
  const { token } = mustBe(await world.exchange('aide', { grant: grant.id, audience }))
  const { gateway } = world
  return { ...gateway, identify: (sent, address) => gateway.identify(sent === 'live' ? reveal(token) : sent, address) }
}

/** Each yes with the digest of the body that its outcome names, and how many were refused or denied. */
async function readJournal(disk: ReturnType<typeof memoryJournalDisk>): Promise<{ readonly allowed: string[]; readonly refused: number }> {
  const targets = new Map<string, string>()
  const digests = new Map<string, string>()
  let refused = 0
  for await (const line of readNumbered(disk, 1, Number.MAX_SAFE_INTEGER)) {
    const entry: Readonly<Record<string, string>> = JSON.parse(line)
    const { type, outcome, decision = '', target = '', bodySha256 = emptySha256 } = entry
    if (type === 'outcome') digests.set(decision, bodySha256)
    else if (outcome === 'allow') targets.set(decision, target)
    else if (type !== 'seal') refused += 1
  }
  return { allowed: [...targets].map(([decision, target]) => `${target} ${digests.get(decision)}`), refused }
}
