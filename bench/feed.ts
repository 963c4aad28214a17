/**
 * What gateways elsewhere cost and how fast they stop: two real gateway processes with 2,000 streams and 10,000 grants, from a revocation
 * to the end of each stream; a hundred gateways that follow 1,000 changes a second; a snapshot of 100,000 identities and 10,000 grants.
 * `node bench/feed.ts` prints it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { revokeGrant } from '../src/control/end-grant.ts'
import { inviteGateway } from '../src/control/gateways.ts'
import { gatewayAudience } from '../src/control/identify.ts'
import { writeEnrolCode } from '../src/feed/enrolment.ts'
import type { JsonObject } from '../src/kernel/json.ts'
import { done, mustBe } from '../src/kernel/result.ts'
import { reveal } from '../src/kernel/secret.ts'
import type { Grant } from '../src/model/grants.ts'
import { RemitProcess } from '../test/chaos/remit-process.ts'
import { atWork } from '../test/world/deeds.ts'
import { shopDocument, shopPolicies } from '../test/world/shop.ts'
import { percentile } from './figures.ts'
import { type Control, enrolAll, fillWith, openControl, Peers } from './feed-control.ts'
import type { Member } from './feed-peers.ts'
import { putAll } from './scale.ts'

export interface FeedFigures {
  readonly stop: {
    readonly gateways: number
    readonly streams: number
    readonly grants: number
    /** Milliseconds from asking for the revocation until a client saw its stream end. */
    readonly closed: Percentiles
    /** Until every gateway had confirmed it to whoever asked. */
    readonly confirmed: Percentiles
    /** Streams by the milliseconds they took: up to 1, 2, 5, 10, 20, 50, 100, and longer. */
    readonly histogram: readonly (readonly [upTo: number, streams: number])[]
  }
  /** Milliseconds from asking for a change, on a store in memory, until the gateway whose business it was had applied it. */
  readonly follow: Percentiles & { readonly gateways: number; readonly changesPerSecond: number; readonly samples: number }
  /** Milliseconds from dialling until the snapshot was whole at the gateway. */
  readonly snapshot: {
    readonly identities: number
    readonly grants: number
    /** Of the first gateway after control has started. */
    readonly first: number
    /** Of those after it, each in a new process too. */
    readonly next: readonly number[]
  }
}

export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

const gatewayCount = 2
const streamGrants = 100
const streamsPerGrant = 20
const otherGrants = 10_000
const followers = 100
const followSeconds = 5
const changesPerSecond = 1_000
const chainLength = 10
const snapshotLoads = 4
const buckets = [1, 2, 5, 10, 20, 50, 100, Infinity] as const

function shopAt(upstream: string): JsonObject {
  const document = shopDocument()
  const services = document['services'] as readonly JsonObject[]
  return { ...document, services: services.map((service) => ({ ...service, upstream, gateway: 'edge' })) }
}

async function measureStop(folder: string): Promise<FeedFigures['stop']> {
  const peers = new Peers()
  const { origin } = await peers.ask({ ask: 'upstream' }, 'upstream')
  const control = await openControl({ keys: join(folder, 'stop-keys'), document: shopAt(origin), store: join(folder, 'stop.db') })
  const processes: RemitProcess[] = []
  try {
    const { world } = control
    const model = await atWork(world, 'aide', ['read:shop'], { duration: 3_600_000, idle: 3_600_000 })
    await fillWith(world, model, otherGrants, 1)
    const lent = Array.from({ length: streamGrants }, (): Grant => ({ ...model, id: world.desk.chance.id('grn', world.clock.now()) }))
    await putAll(world, lent, 'grant')
    const urls: string[] = []
    for (let place = 0; place < gatewayCount; place += 1)
      urls.push(await startGateway(control, join(folder, `edge-${place}`), `edge-${place}`, processes))
    const audience = gatewayAudience('main', 'edge')
    const streams = []
    for (const grant of lent) {
      const { token } = mustBe(await world.exchange('aide', { grant: grant.id, audience }))
      streams.push({ grant: grant.id, token: reveal(token) })
    }
    await peers.ask({ ask: 'open', urls, streams, each: streamsPerGrant }, 'flowing')
    const by = await world.caller('ana')
    const closed: number[] = []
    const confirmed: number[] = []
    for (const grant of lent) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      const began = process.hrtime.bigint()
      mustBe(await revokeGrant(world.desk, by, grant.id, 'the bench revokes what it was given'))
      confirmed.push(Number(process.hrtime.bigint() - began) / 1e6)
      const { at } = await peers.ask({ ask: 'closed', grant: grant.id }, 'closed')
      closed.push(...at.map((each) => Number(each - began) / 1e6))
    }
    return {
      gateways: gatewayCount,
      streams: streamGrants * streamsPerGrant,
      grants: otherGrants + streamGrants,
      closed: percentiles(closed),
      confirmed: percentiles(confirmed),
      histogram: buckets.map((upTo, place) => [
        upTo,
        closed.filter((each) => each <= upTo && each > (buckets[place - 1] ?? -Infinity)).length,
      ]),
    }
  } finally {
    await peers.close()
    for (const each of processes) await each.stop()
    await control.close()
  }
}

/** A real process, enrolled by a code. Answers where it serves the shop. */
async function startGateway(control: Control, data: string, name: string, into: RemitProcess[]): Promise<string> {
  const { world, port, feed } = control
  const invited = mustBe(await inviteGateway(world.desk, await world.caller('ana'), { name, gateway: 'edge' }))
  const code = writeEnrolCode({ secret: reveal(invited.code), fingerprint: feed.at('main')?.fingerprint ?? '' })
  const started = new RemitProcess(['gateway', '--control', `127.0.0.1:${port}`, '--enrol', code, '--data', data, '--json'])
  into.push(started)
  for (let tries = 0; tries < 600; tries += 1) {
    const ready = started.stdout.split('\n').find((line) => line.includes('"services"') && line.includes('http://'))
    if (ready !== undefined) {
      const { services } = JSON.parse(ready) as { readonly services: readonly { readonly url: string }[] }
      return services[0]?.url ?? ''
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`a gateway did not come up: ${started.stdout}${started.stderr}`)
}

async function measureFollow(folder: string): Promise<FeedFigures['follow']> {
  const names = Array.from({ length: followers }, (_, place) => `g-${place}`)
  const control = await openControl({ keys: join(folder, 'follow-keys'), document: manyServices(names) })
  const peers = new Peers()
  try {
    const { world } = control
    const members = await enrolAll(control, names)
    const model = await atWork(world, 'aide', ['read:shop'], { duration: 3_600_000, idle: 3_600_000 })
    const grants = names.map(
      (name): Grant => ({
        ...model,
        id: world.desk.chance.id('grn', world.clock.now()),
        scope: [{ resource: `s-${name}`, effects: ['read'] }],
      }),
    )
    await putAll(world, grants, 'grant')
    await peers.ask({ ask: 'follow', port: control.port, members }, 'following')
    const commits: { readonly version: number; readonly place: number; readonly at: bigint }[] = []
    const end = performance.now() + followSeconds * 1_000
    const began = performance.now()
    for (let count = 0; performance.now() < end; count += 1) {
      const place = count % followers
      const grant = grants[place]
      if (grant === undefined) throw new Error('there are grants')
      const at = process.hrtime.bigint()
      mustBe(
        await world.desk.store.change(async (tx) => {
          await tx.put('grant', { ...grant, idleMax: 3_600_000 + count })
          await tx.record({ kind: 'bench.changed', actor: 'bench', subject: grant.id, facts: { count } })
          return done(undefined)
        }),
      )
      commits.push({ version: world.desk.facts.version, place, at })
      const ahead = began + ((count + 1) * 1_000) / changesPerSecond - performance.now()
      if (ahead > 1) await new Promise((resolve) => setTimeout(resolve, ahead))
      else if (count % 8 === 7) await new Promise((resolve) => setImmediate(resolve))
    }
    const took = (performance.now() - began) / 1_000
    const versions = names.map((_, place) => commits.findLast((each) => each.place === place)?.version ?? 0)
    const { applied } = await peers.ask({ ask: 'applied', versions }, 'applied')
    const late = commits.map(({ version, place, at }) => {
      const first = applied[place]?.find((each) => each.version >= version)
      if (first === undefined) throw new Error('a gateway did not apply what was its business')
      return Number(first.at - at) / 1e6
    })
    return { ...percentiles(late), gateways: followers, changesPerSecond: Math.round(commits.length / took), samples: late.length }
  } finally {
    await peers.close()
    await control.close()
  }
}

async function measureSnapshot(folder: string): Promise<FeedFigures['snapshot']> {
  const keys = join(folder, 'snapshot-keys')
  const members: Member[] = []
  const control = await openControl({
    keys,
    document: shopAt('http://127.0.0.1:9'),
    fill: async (world) => {
      const model = await atWork(world, 'aide', ['read:shop'], { duration: 3_600_000, idle: 3_600_000 })
      await fillWith(world, model, otherGrants, chainLength)
      members.push(
        ...(await enrolAll(
          { world, keys },
          Array.from({ length: snapshotLoads }, (_, place) => `edge-${place}`),
        )),
      )
    },
  })
  try {
    const loads: number[] = []
    for (const member of members) {
      // Each in a process of its own, as gateways are: none has read a snapshot before.
      const peers = new Peers()
      try {
        loads.push((await peers.ask({ ask: 'load', port: control.port, member }, 'loaded')).milliseconds)
      } finally {
        await peers.close()
      }
    }
    const [first = 0, ...next] = loads
    return { identities: otherGrants * chainLength, grants: otherGrants, first, next }
  } finally {
    await control.close()
  }
}

/** A service for each gateway, so that a change is the business of one of them. */
function manyServices(names: readonly string[]): JsonObject {
  const services = names.map((name) => ({
    name: `s-${name}`,
    gateway: name,
    upstream: 'http://127.0.0.1:9',
    environment: 'prod',
    impact: { data: 'low', service: 'low', safety: 'none' },
    routes: [{ name: 'list', method: 'GET', path: '/list', effect: 'read' }],
  }))
  const more = names.map(
    (name) => `@id("agents-may-read-${name}") @maxDuration("1h")
permit (principal in Role::"incident-agents", action == Action::"request", resource in Service::"s-${name}");`,
  )
  const document = shopDocument()
  const shop = document['services'] as readonly JsonObject[]
  return {
    ...document,
    services: [...shop, ...services],
    policyFiles: [{ name: 'shop.cedar', text: `${shopPolicies}\n${more.join('\n')}` }],
  }
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((left, right) => left - right)
  return { p50: percentile(sorted, 50), p99: percentile(sorted, 99), max: percentile(sorted, 100) }
}

if (import.meta.main) {
  const alive = setInterval(() => undefined, 60_000)
  const folder = await mkdtemp(join(tmpdir(), 'remit-feed-bench-'))
  try {
    const figures: FeedFigures = {
      stop: await measureStop(folder),
      follow: await measureFollow(folder),
      snapshot: await measureSnapshot(folder),
    }
    process.stdout.write(`${JSON.stringify(figures)}\n`)
  } finally {
    clearInterval(alive)
    await rm(folder, { recursive: true, force: true })
  }
}
