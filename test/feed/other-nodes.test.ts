/** Stop means stopped on other control nodes too: whoever ends something hears of the gateways of all of them, or waits until they can go on no more. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Facts } from '../../src/control/facts.ts'
import { type Confirmation, Stopping } from '../../src/control/stopping.ts'
import { OtherNodes } from '../../src/feed/other-nodes.ts'
import { PostgresServer } from '../contract/postgres-server.ts'
import { inMain } from '../contract/store-steps.ts'
import { type Cluster, type Node, onCluster, say, until } from '../contract/two-nodes.ts'

const server = await PostgresServer.start()
after(() => server.remove())

/** Time that goes by ten times as fast, so that nobody waits ten seconds. */
const quick = {
  now: () => Math.floor(performance.now() * 10),
  after: (milliseconds: number, work: () => void) => {
    const timer = setTimeout(work, milliseconds / 10)
    return () => clearTimeout(timer)
  },
}

/** Time that goes by ten times as slowly: nobody is given up, however busy the machine is. */
const patient = {
  now: () => Math.floor(performance.now() / 10),
  after: (milliseconds: number, work: () => void) => {
    const timer = setTimeout(work, milliseconds)
    return () => clearTimeout(timer)
  },
}

interface Control extends Node {
  readonly stopping: Stopping
  /** What its gateways were asked about. */
  readonly asked: number[]
}

/** A control node with one gateway in its process and some elsewhere, which take a while. */
async function control(
  node: Node,
  elsewhere: readonly string[],
  confirm: (gateway: string) => Promise<unknown>,
  clock = quick,
): Promise<Control> {
  const store = inMain(node.store)
  const facts = await Facts.following(store, clock)
  const stopping = new Stopping({ store, facts, clock })
  const asked: number[] = []
  const said = (gateway: string): Confirmation => ({ gateway, how: 'confirmed', milliseconds: 0, at: clock.now() })
  stopping.join({ isElsewhere: false, confirm: () => [said('http')] })
  stopping.join({
    isElsewhere: true,
    confirm: (_mark, upTo) => {
      asked.push(upTo)
      assert.ok(facts.version >= upTo, 'asked when it is applied here')
      return elsewhere.map((gateway) => confirm(gateway).then(() => said(gateway)))
    },
  })
  new OtherNodes({ nodes: node.store.nodes, store, stopping, clock }).join()
  return { ...node, stopping, asked }
}

function on(work: (cluster: Cluster) => Promise<void>): () => Promise<void> {
  return () => onCluster(server, work)
}

test(
  'waits for the gateways of every node, and names them',
  on(async ({ node }) => {
    const slow = Promise.withResolvers<void>()
    const many = Array.from({ length: 70 }, (_, place) => `edge-${place}`)
    const a = await control(await node('a'), [], async () => undefined, patient)
    const b = await control(await node('b'), many, (gateway) => (gateway === 'edge-69' ? slow.promise : Promise.resolve()), patient)
    const mark = a.stopping.mark()
    assert.ok((await say(a, 'ended')).ok)
    let isOver = false
    const confirming = a.stopping.confirmed(mark).finally(() => {
      isOver = true
    })
    await until('asked', () => b.asked.includes(1))
    await new Promise(setImmediate)
    assert.equal(isOver, false)
    slow.resolve()
    const confirmed = await confirming
    assert.deepEqual(
      confirmed.map(({ gateway, how }) => `${gateway} ${how}`).toSorted(),
      ['http', 'http@b', ...many].map((gateway) => `${gateway} confirmed`).toSorted(),
    )
    for (const { milliseconds } of confirmed) assert.ok(milliseconds >= 0 && milliseconds < 10_000)
  }),
)

test(
  'calls a node stopped that does not answer, and not before lease and drift are over',
  on(async ({ node, far, way }) => {
    const a = await control(await node('a'), [], async () => undefined)
    await control(await far('b'), ['edge-1'], async () => undefined)
    await until('known', () => a.store.nodes.others().includes('b'))
    way.freeze()
    const mark = a.stopping.mark()
    assert.ok((await say(a, 'ended')).ok)
    const confirmed = await a.stopping.confirmed(mark)
    const [one] = confirmed.filter(({ gateway }) => gateway === 'node b')
    assert.equal(one?.how, 'lapsed')
    assert.ok((one?.milliseconds ?? 0) >= 10_000)
  }),
)

test(
  'asks nobody where nobody else is there, and goes on counting on one that left',
  on(async ({ node }) => {
    const a = await control(await node('a'), [], async () => undefined)
    const alone = a.stopping.mark()
    assert.ok((await say(a, 'ended')).ok)
    assert.deepEqual(
      (await a.stopping.confirmed(alone)).map(({ gateway }) => gateway),
      ['http'],
    )
    const b = await node('b')
    await until('known', () => a.store.nodes.others().includes('b'))
    await b.store.close()
    const mark = a.stopping.mark()
    assert.ok((await say(a, 'ended')).ok)
    const confirmed = await a.stopping.confirmed(mark)
    assert.deepEqual(
      confirmed.map(({ gateway, how }) => `${gateway} ${how}`),
      ['http confirmed', 'node b lapsed'],
    )
  }),
)
