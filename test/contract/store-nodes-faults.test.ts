/** What becomes of several nodes when one is killed, frozen or cut off, or when their PostgreSQL goes and comes back as another. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { mustBe } from '../../src/kernel/result.ts'
import { StoreUnavailable } from '../../src/kernel/store-unavailable.ts'
import { PostgresServer } from './postgres-server.ts'
import { inMain } from './store-steps.ts'
import { checkSame, type Cluster, codeOf, FarNode, nodeLeaseMs, nodeSilentMs, onCluster, saidTo, say, until } from './two-nodes.ts'

const server = await PostgresServer.start()
after(() => server.remove())

/** Gives nobody up for a while, however long a busy machine takes over what is tried meanwhile. */
const patient = { steady: () => performance.now() / 10 }

function on(work: (cluster: Cluster) => Promise<void>): () => Promise<void> {
  return () => onCluster(server, work)
}

test(
  'loses nothing acknowledged when one is killed while both write, and the other goes on within a lease',
  on(async ({ database, node }) => {
    const a = await node('a')
    for (const name of ['b', 'c']) {
      const far = new FarNode(server.url(database), name, 'write')
      assert.equal(await far.next(), 'open')
      const kept: string[] = []
      let isOver = false
      const writing = (async () => {
        while (!isOver) mustBe(await say(a, 'here'))
      })()
      while (kept.length < 12) kept.push(await far.next())
      await far.kill()
      kept.push(...(await far.rest()))
      const killedAt = performance.now()
      mustBe(await say(a, 'after'))
      assert.ok(performance.now() - killedAt < nodeSilentMs, 'it is not waited for until it is given up')
      isOver = true
      await writing
      await inMain(a.store).catchUp()
      const heard = new Set(saidTo(a))
      for (const line of kept) if (line.startsWith('kept')) assert.ok(heard.has(`${name} ${line.slice(5)}`), line)
    }
    await checkSame([a])
  }),
)

test(
  'one that stands still in its turn loses it within a lease, is given up in time, and stops when it wakes',
  on(async ({ database, node }) => {
    const a = await node('a')
    const far = new FarNode(server.url(database), 'b', 'stand')
    try {
      assert.equal(await far.next(), 'open')
      assert.equal(await far.next(), 'inside')
      far.child.kill('SIGSTOP')
      const frozenAt = performance.now()
      mustBe(await say(a, 'while it stands'))
      const waited = performance.now() - frozenAt
      assert.ok(waited < nodeSilentMs, `waited ${waited} ms`)
      await until('given up', async () => {
        const rows = await server.ask(database, `select state from nodes where name = 'b'`)
        return rows[0]?.['state'] !== 'there'
      })
      assert.ok(performance.now() - frozenAt >= nodeSilentMs - nodeLeaseMs)
      const exit = once(far.child, 'exit')
      far.child.kill('SIGCONT')
      far.child.kill('SIGUSR2')
      const [code] = await exit
      assert.equal(code, 3)
      const said = await far.rest()
      assert.ok(!said.includes('kept') && !said.includes('held'), said.join(', '))
      assert.ok(
        said.some((line) => /fenced: .*(gave this one up|taken its place)/.test(line)),
        said.join(', '),
      )
      mustBe(await say(a, 'after'))
      assert.deepEqual(saidTo(a), ['while it stands', 'after'])
    } finally {
      await far.kill()
    }
  }),
)

test(
  'a node that cannot look does not serve, and catches up when it can again',
  on(async ({ node, far, way }) => {
    const [a, b] = [await node('a', patient), await far('b')]
    mustBe(await say(a, 'one'))
    await inMain(b.store).catchUp()
    way.freeze()
    const frozenAt = performance.now()
    await until('noticed', () => !inMain(b.store).isHeld())
    assert.ok(performance.now() - frozenAt < nodeSilentMs)
    await assert.rejects(inMain(b.store).catchUp(), StoreUnavailable)
    assert.equal(codeOf(await say(b, 'never')), 'store.unavailable')
    mustBe(await say(a, 'two'))
    assert.equal(b.heard.length, 1)
    way.thaw()
    await until('held again', () => inMain(b.store).isHeld())
    assert.deepEqual(saidTo(b), ['one', 'two'], 'before it is held again')
    assert.deepEqual(b.fenced, [])
    mustBe(await say(b, 'three'))
    await checkSame([a, b])
  }),
)

test(
  'a node that was cut off for too long is given up, and stops',
  on(async ({ node, far, way }) => {
    const [a, b] = [await node('a'), await far('b')]
    await until('known', () => a.store.nodes.others().includes('b'))
    way.cut()
    await until('given up', () => !a.store.nodes.others().includes('b'))
    way.mend()
    await until('fenced', () => b.fenced.length > 0)
    assert.match(b.fenced[0] ?? '', /gave this one up/)
    assert.equal(inMain(b.store).isHeld(), false)
    assert.equal(codeOf(await say(b, 'never')), 'store.unavailable')
    mustBe(await say(a, 'after'))
  }),
)

test(
  'what a node writes once it was given up is not kept, though it has yet to look',
  on(async ({ database, node }) => {
    const [a, b] = [await node('a'), await node('b')]
    mustBe(await say(b, 'before'))
    // As another node does it; between two looks of its own, that node believes to be there.
    await server.ask(database, `update nodes set term = term + 1, who = '', state = 'given up' where name = 'b'`)
    const late = await say(b, 'late').then(codeOf, (thrown: unknown) =>
      thrown instanceof StoreUnavailable ? 'store.unavailable' : 'thrown',
    )
    assert.equal(late, 'store.unavailable')
    await until('fenced', () => b.fenced.length > 0)
    mustBe(await say(a, 'after'))
    assert.deepEqual(saidTo(a), ['before', 'after'])
  }),
)

test(
  'both go on after the server was restarted under load',
  on(async ({ node }) => {
    const nodes = [await node('a', { settleMs: 120_000 }), await node('b', { settleMs: 120_000 })]
    const kept: string[] = []
    for (const end of ['kill', 'stop'] as const) {
      let isOver = false
      let number = 0
      const loads = nodes.map(async (each, place) => {
        while (!isOver) {
          number += 1
          const about = `${end} ${place} ${number}`
          const said = await say(each, about)
          if (said.ok) kept.push(about)
          else await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })
      const before = kept.length
      await until('some are kept', () => kept.length > before + 20)
      await server[end]()
      await until('noticed', () => nodes.every(({ store }) => !inMain(store).isHeld()))
      await server.up()
      await until('held again', () => nodes.every(({ store }) => inMain(store).isHeld()))
      isOver = true
      await Promise.all(loads)
    }
    await checkSame(nodes)
    const [a] = nodes
    assert.ok(a !== undefined)
    assert.deepEqual(new Set(saidTo(a)), new Set(kept), 'kept is what was acknowledged')
    assert.deepEqual(
      nodes.flatMap(({ fenced }) => fenced),
      [],
    )
  }),
)

test(
  'hears of changes though nobody listens for it any more, and listens again',
  on(async ({ database, node }) => {
    const [a, b] = [await node('a'), await node('b')]
    await until('known', () => a.store.nodes.others().includes('b'))
    const endEars = `select pg_terminate_backend(pid, 2000) from pg_stat_activity where application_name = 'remit ear' and datname = '${database}'`
    const ears = async () =>
      (await server.ask(database, `select 1 as n from pg_stat_activity where application_name = 'remit ear' and datname = '${database}'`))
        .length
    await until('both listen', async () => (await ears()) === 2)
    await server.ask(database, endEars)
    mustBe(await say(a, 'one'))
    await until('heard', () => b.heard.length === 1)
    await until('both listen again', async () => (await ears()) === 2)
    mustBe(await say(b, 'two'))
    await until('heard', () => a.heard.length === 2)
    assert.equal(inMain(a.store).isHeld() && inMain(b.store).isHeld(), true)
  }),
)

test(
  'a commit whose answer is lost is applied once, before what others did after it',
  on(async ({ database, node, way }) => {
    let isArmed = false
    const watch = (sql: string) => {
      if (!isArmed || !sql.endsWith('commit')) return
      isArmed = false
      way.deafen()
    }
    const a = await node('a')
    const b = await node('b', { url: server.url(database, way.port), watch, settleMs: 120_000 })
    mustBe(await say(b, 'one'))
    isArmed = true
    const result = say(b, 'two')
    await until('committed', async () => (await server.ask(database, 'select version::int as v from latest'))[0]?.['v'] === 2)
    mustBe(await say(a, 'three'))
    way.cut()
    way.mend()
    assert.equal(codeOf(await result), 'kept')
    await until('held again', () => inMain(b.store).isHeld())
    assert.deepEqual(saidTo(b), ['one', 'two', 'three'])
    await checkSame([a, b])
  }),
)

test(
  'stops where the database does not go on from what it knows',
  on(async ({ database, node }) => {
    const [a, b] = [await node('a'), await node('b')]
    mustBe(await say(a, 'one'))
    mustBe(await say(a, 'two'))
    await inMain(b.store).catchUp()
    // As when it is put back to an earlier state below them.
    await server.ask(
      database,
      `set session_replication_role = replica; update latest set version = 1; delete from changes where version = 2`,
    )
    await until('both stopped', () => a.fenced.length === 1 && b.fenced.length === 1)
    assert.match(a.fenced[0] ?? '', /version 1, and this process knows another/)
    assert.equal(codeOf(await say(a, 'never')), 'store.unavailable')
  }),
)

test(
  'stops where more happened than the database still has',
  on(async ({ database, node, far, way }) => {
    const [a, b] = [await node('a', patient), await far('b')]
    mustBe(await say(a, 'one'))
    await inMain(b.store).catchUp()
    way.freeze()
    mustBe(await say(a, 'two'))
    mustBe(await say(a, 'three'))
    await server.ask(database, 'delete from changes where version <= 2')
    way.thaw()
    await until('stopped', () => b.fenced.length === 1)
    assert.match(b.fenced[0] ?? '', /more happened since version 1/)
    assert.deepEqual(saidTo(b), ['one'])
  }),
)
