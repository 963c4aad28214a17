/** What is used at one control node is not idle at another, whatever their clocks say. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Activity } from '../../src/control/activity.ts'
import { SharedLife } from '../../src/feed/shared-life.ts'
import { PostgresServer } from '../contract/postgres-server.ts'
import { type Node, onCluster, until } from '../contract/two-nodes.ts'

const server = await PostgresServer.start()
after(() => server.remove())

function lifeOf({ store }: Node, ahead: number): { readonly activity: Activity; readonly life: SharedLife } {
  const clock = {
    now: () => Math.floor(performance.now() * 10) + ahead,
    after: (milliseconds: number, work: () => void) => {
      const timer = setTimeout(work, milliseconds / 10)
      return () => clearTimeout(timer)
    },
  }
  const activity = new Activity(clock.now())
  const life = new SharedLife({ nodes: store.nodes, space: 'main', activity, clock, isOpen: (grant) => grant !== 'grn_3' })
  life.begin()
  return { activity, life }
}

test('uses, calls and what is under way come to the other node, and go with it', () =>
  onCluster(server, async ({ node }) => {
    const nodes = [await node('a'), await node('b')] as const
    await until('known', () => nodes.every(({ store }) => store.nodes.others().length === 1))
    // A day apart.
    const [a, b] = [lifeOf(nodes[0], 86_400_000), lifeOf(nodes[1], 0)]
    const now = () => Math.floor(performance.now() * 10)
    const from = now()
    a.activity.begin('grn_8', from + 86_400_000)
    await until('heard', () => {
      // It is told of for a fifth of a second: on a busy machine that may be over before anybody was told.
      for (let number = 0; number < 100; number += 1) a.activity.used(`grn_${number}`, now() + 86_400_000)
      a.activity.called('grn_7', now() + 86_400_000)
      return b.activity.isInUse('grn_8') && b.activity.lastUse('grn_99') !== undefined && b.activity.lastCall('grn_7') !== undefined
    })
    for (const seen of [b.activity.lastUse('grn_42'), b.activity.lastCall('grn_7')])
      assert.ok(seen !== undefined && seen >= from && seen <= now(), `${seen} since ${from}`)
    for (const unknown of ['grn_100', 'grn_3']) assert.equal(b.activity.lastUse(unknown), undefined)
    assert.equal(b.activity.isInUse('grn_42'), false)
    a.activity.end('grn_8', now() + 86_400_000)
    await until('over', () => !b.activity.isInUse('grn_8'))
    a.activity.begin('grn_8', now() + 86_400_000)
    await until('heard again', () => b.activity.isInUse('grn_8'))
    assert.equal(a.activity.isInUse('grn_99'), false, 'nothing comes back as another’s')
    a.life.stop()
    await nodes[0].store.close()
    await until('gone with it', () => !b.activity.isInUse('grn_8'))
    b.life.stop()
  }))
