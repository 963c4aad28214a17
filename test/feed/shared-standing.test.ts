/** Which gateway is connected to which control node, and where it serves, comes to the other nodes and goes with it. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type Connected, SharedStanding } from '../../src/feed/shared-standing.ts'
import { canonicalJson } from '../../src/kernel/json.ts'
import { PostgresServer } from '../contract/postgres-server.ts'
import { type Node, onCluster, until } from '../contract/two-nodes.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'
import { enrolled } from './scripted-gateway.ts'

const server = await PostgresServer.start()
after(() => server.remove())

const running: SharedStanding[] = []

/** Ten times as quick as it is in use. */
const clock = {
  now: () => Math.floor(performance.now() * 10),
  after: (milliseconds: number, work: () => void) => {
    const timer = setTimeout(work, milliseconds / 10)
    return () => clearTimeout(timer)
  },
}

function standingOf(world: World, { store }: Node, connected: () => readonly Connected[]): SharedStanding {
  const standing = new SharedStanding({ nodes: store.nodes, space: 'main', facts: world.desk.facts, clock, connected })
  standing.begin()
  running.push(standing)
  return standing
}

test('a node knows what is connected to another, and where that serves', () =>
  onCluster(server, async ({ node }) => {
    const world = await openWorld({ document: shopDocument() })
    try {
      const ours = await enrolled(world, 'one')
      const strange = await enrolled(world, 'strange', 'edge')
      const nodes = [await node('a'), await node('b')] as const
      await until('known', () => nodes.every(({ store }) => store.nodes.others().length === 1))
      const services = [{ service: 'shop', url: 'https://shop.example' }]
      // More than one notice holds.
      const many = Array.from({ length: 100 }, (_, at) => ({ service: `other-${at}`, url: `https://${'a'.repeat(200)}${at}.example` }))
      let connected: readonly Connected[] = [
        { id: strange.id, services },
        { id: ours.id, services: [...many, ...services] },
        { id: 'gtw_01ARZ3NDEKTSV4RRFFQ69G5FAV', services },
      ]
      const a = standingOf(world, nodes[0], () => connected)
      const b = standingOf(world, nodes[1], () => [])
      await until('heard', () => b.urlsOf('shop').length > 0 && b.nodeOf(ours.id) !== undefined)
      // The shop is not served by the gateway edge, and nobody is enrolled under the third id.
      assert.deepEqual(b.urlsOf('shop'), ['https://shop.example'])
      assert.deepEqual([b.nodeOf(ours.id), b.nodeOf(strange.id), b.nodeOf('gtw_01ARZ3NDEKTSV4RRFFQ69G5FAV')], ['a', 'a', undefined])
      assert.deepEqual([a.nodeOf(ours.id), a.urlsOf('shop')], [undefined, []])
      connected = []
      await until('gone', () => b.nodeOf(ours.id) === undefined && b.urlsOf('shop').length === 0)
      // Whoever can write to the database can say anything: what is no origin, or of another space, is nothing.
      const says = (more: object) => nodes[0].store.nodes.tell(canonicalJson({ what: 'gateways', space: 'main', ...more }))
      says({ space: 'other', gateways: [{ id: ours.id }] })
      says({ gateways: [{ id: ours.id, service: 'shop', url: 'https://shop.example/path' }, 7, null, { id: 7 }] })
      says({ gateways: 7 })
      await until('heard again', () => {
        // It is good for six tenths of a second: on a busy machine that may be over before anybody looks.
        says({ gateways: [{ id: strange.id }] })
        return b.nodeOf(strange.id) === 'a'
      })
      assert.deepEqual([b.nodeOf(ours.id), b.urlsOf('shop')], [undefined, []])
    } finally {
      for (const each of running) each.stop()
      await world.close()
    }
  }))
