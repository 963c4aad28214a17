/** Several nodes on one PostgreSQL: each hears every change once, in order, with its own; none of them acts on what it cannot know. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'
import fc from 'fast-check'
import type { Database } from '../../src/control/ports.ts'
import { canonicalJson } from '../../src/kernel/json.ts'
import { done, mustBe, type Result } from '../../src/kernel/result.ts'
import { StoreUnavailable } from '../../src/kernel/store-unavailable.ts'
import { PostgresServer } from './postgres-server.ts'
import { sampleRecords } from './sample-records.ts'
import { checkGapless, entry, inMain, keep } from './store-steps.ts'
import { type Cluster, FarNode, type Node, nodeLeaseMs, nodeSilentMs, onCluster, saidTo, say, until } from './two-nodes.ts'

const server = await PostgresServer.start()
after(() => server.remove())

function on(work: (cluster: Cluster) => Promise<void>): () => Promise<void> {
  return () => onCluster(server, work)
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'kept' : result.refusal.code
}

/** As text: what was made here and what was read have other prototypes. */
function written({ heard }: Node): string[] {
  return heard.map((committed) => canonicalJson(committed))
}

/** Every node heard the same versions, without a gap from the first to the last, and the same in each. */
async function checkSame(nodes: readonly Node[]): Promise<void> {
  for (const { store } of nodes) await inMain(store).catchUp()
  const [first, ...others] = nodes
  assert.ok(first !== undefined)
  for (const { heard } of nodes) {
    assert.deepEqual(
      heard.map(({ version }) => version),
      Array.from({ length: heard.length }, (_, place) => (heard[0]?.version ?? 1) + place),
    )
  }
  for (const other of others) assert.deepEqual(written(other), written(first).slice(-other.heard.length))
  assert.ok((await checkGapless(first.store)) > 0)
}

test(
  'each hears the changes of the other once, in order, records and removals alike',
  on(async ({ node }) => {
    const [a, b] = [await node('a'), await node('b')]
    for (let number = 0; number < 20; number += 1) mustBe(await say(number % 3 === 0 ? b : a, `${number}`))
    mustBe(await inMain(a.store).change(async (tx) => done(await tx.put('challenge', sampleRecords.challenge(1)))))
    mustBe(await inMain(b.store).change(async (tx) => done(await tx.remove('challenge', sampleRecords.challenge(1).id))))
    await inMain(a.store).catchUp()
    assert.equal(a.heard.length, 22)
    await checkSame([a, b])
    assert.deepEqual(
      saidTo(b),
      Array.from({ length: 20 }, (_, number) => `${number}`),
    )
    assert.match(written(b).at(-1) ?? '', /"changes":\[\{"id":"[^"]+","kind":"challenge","removed":true\}\]/)
    assert.deepEqual(await inMain(a.store).last(), await inMain(b.store).last())
  }),
)

test(
  'is told of the others’ changes without asking',
  on(async ({ node }) => {
    const [a, b] = [await node('a'), await node('b')]
    await until('they know of each other', () => a.store.nodes.others().includes('b') && b.store.nodes.others().includes('a'))
    let entries = 0
    b.store.onEntry(() => {
      entries += 1
    })
    mustBe(await say(a, 'one'))
    await until('heard', () => b.heard.length === 1)
    assert.equal(entries, 1)
  }),
)

test(
  'begins a change when all that others did is applied, and numbers its entries after theirs',
  on(async ({ node }) => {
    const [a, b] = [await node('a'), await node('b')]
    await keep(a.store, 'uses', sampleRecords.uses(1))
    const { id } = sampleRecords.uses(1)
    const spend = ({ store, heard }: Node) =>
      inMain(store).change(async (tx) => {
        const uses = await tx.get('uses', id)
        assert.ok(uses !== undefined)
        const known = heard.flatMap(({ changes }) => changes).findLast((change) => change.kind === 'uses')
        // What this node goes by and what the store has are the same, whoever wrote it.
        assert.ok(known !== undefined && 'record' in known && known.kind === 'uses' && known.record.spent === uses.spent)
        await tx.put('uses', { ...uses, spent: uses.spent + 1 })
        await tx.record(entry(id))
        return done(uses.spent)
      })
    const spent = await Promise.all(Array.from({ length: 40 }, (_, place) => spend(place % 2 === 0 ? a : b)))
    assert.deepEqual(
      spent.map((each) => mustBe(each)).toSorted((x, y) => x - y),
      Array.from({ length: 40 }, (_, place) => place),
    )
    await checkSame([a, b])
  }),
)

test(
  'ends with the same facts and versions without gaps, however the writes of both fall',
  on(async ({ node }) => {
    const nodes = [await node('a'), await node('b'), await node('c')]
    const step = fc.record({
      by: fc.nat(2),
      what: fc.constantFrom('put', 'put', 'put', 'several', 'refuse', 'catch up', 'number', 'other space'),
      wait: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const running: Promise<unknown>[] = []
        for (const { by, what, wait } of steps) {
          const chosen = nodes[by]
          assert.ok(chosen !== undefined)
          const going = act(chosen, what)
          running.push(going)
          if (wait) await going
        }
        await Promise.all(running)
        await checkSame(nodes)
      }),
      { numRuns: 15 },
    )
  }),
)

async function act(node: Node, what: string): Promise<void> {
  const { store } = node
  if (what === 'put') mustBe(await say(node, what))
  else if (what === 'other space') mustBe(await say(node, what, 'other'))
  else if (what === 'catch up') await inMain(store).catchUp()
  else if (what === 'number')
    await sequence(store).catch((thrown: Error) => assert.match(thrown.message, /another sequencer|does not hold row/))
  else if (what === 'several')
    mustBe(
      await inMain(store).change(async (tx) => {
        for (const number of [1, 2, 3]) {
          await tx.put('challenge', sampleRecords.challenge(number))
          await tx.record(entry(`${number}`))
        }
        await tx.remove('challenge', sampleRecords.challenge(2).id)
        return done(undefined)
      }),
    )
  else {
    const refused = await inMain(store).change<undefined>(async (tx) => {
      await tx.record(entry('x'))
      return { ok: false, refusal: { code: 'grant.ended' } }
    })
    assert.equal(codeOf(refused), 'grant.ended')
  }
}

async function sequence(store: Database): Promise<void> {
  const { size } = await store.tree()
  const rows = (await store.outbox(1_000)).filter(({ position }) => position > size)
  const leaves = rows.map(({ position, body, salt }) => ({ index: position - 1, leaf: new Uint8Array(33), body, salt }))
  await store.appendLeaves(size, leaves, { size: size + rows.length, frontier: new Uint8Array(32), checkpoint: `of ${size + rows.length}` })
}

test(
  'lets one of two that number the ledger win, and the other see that it has',
  on(async ({ node }) => {
    const [a, b] = [await node('a'), await node('b')]
    for (let round = 0; round < 5; round += 1) {
      for (const each of [a, b]) for (let number = 0; number < 3; number += 1) mustBe(await say(each, `${number}`))
      const ends = await Promise.allSettled([sequence(a.store), sequence(b.store)])
      assert.ok(ends.some(({ status }) => status === 'fulfilled'))
      assert.equal((await a.store.tree()).size, (round + 1) * 6)
      assert.deepEqual(await a.store.tree(), await b.store.tree())
    }
    const sizes = (await a.store.checkpoints(0, 100)).map(({ size }) => size)
    assert.deepEqual(sizes, [...new Set(sizes)], 'one head of each size')
  }),
)

test(
  'a large change comes to the others whole',
  on(async ({ database, node }) => {
    const [a, b] = [await node('a'), await node('b')]
    const text = 'ü"\\\''.repeat(8_000)
    mustBe(
      await inMain(a.store).change(async (tx) => {
        for (let number = 1; number <= 30; number += 1)
          await tx.put('signal', { ...sampleRecords.signal(number), about: `${number}${text}` })
        await tx.record(entry('large'))
        return done(undefined)
      }),
    )
    await inMain(b.store).catchUp()
    assert.equal(b.heard[0]?.changes.length, 30)
    assert.deepEqual(written(b), written(a))
    const [parts] = await server.ask(database, 'select count(*)::int as n from changes')
    assert.ok(Number(parts?.['n']) > 1, 'in several parts')
  }),
)

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
      assert.ok(performance.now() - killedAt < nodeLeaseMs + 2_000)
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
      assert.ok(waited < 2 * nodeLeaseMs + 2_000, `waited ${waited} ms`)
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
    const [a, b] = [await node('a'), await far('b')]
    mustBe(await say(a, 'one'))
    await inMain(b.store).catchUp()
    way.freeze()
    const frozenAt = performance.now()
    await until('noticed', () => !inMain(b.store).isHeld())
    assert.ok(performance.now() - frozenAt < nodeLeaseMs + 1_000)
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
  'both go on after the server was restarted under load',
  on(async ({ node }) => {
    const nodes = [await node('a', { settleMs: 10_000 }), await node('b', { settleMs: 10_000 })]
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
    const b = await node('b', { url: server.url(database, way.port), watch, settleMs: 10_000 })
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
  'keeps those off who want to be alone, and those who come while one is; and no two of one name',
  on(async ({ tryNode }) => {
    const a = mustBe(await tryNode('a'))
    const alone = await tryNode(undefined)
    assert.equal(codeOf(alone), 'store.locked')
    assert.match(alone.ok ? '' : (alone.refusal.detail ?? ''), /another process \(node a\)/)
    assert.equal(codeOf(await tryNode('a')), 'store.locked')
    assert.equal(codeOf(await tryNode('a b')), 'store.unavailable')
    await a.close()
    const one = mustBe(await tryNode(undefined))
    assert.equal(codeOf(await tryNode('a')), 'store.locked')
    await one.close()
    await mustBe(await tryNode('a')).close()
  }),
)

test(
  'knows the eldest among them, which leads, until it goes',
  on(async ({ node }) => {
    const [a, b] = [await node('a'), await node('b')]
    assert.equal(a.store.nodes.leads(), true)
    assert.equal(b.store.nodes.leads(), false)
    await a.store.close()
    await until('the next leads', () => b.store.nodes.leads())
  }),
)

test(
  'notices come to all others, with the name of who says it, and are bounded',
  on(async ({ node }) => {
    const nodes = [await node('a'), await node('b'), await node('c')]
    const heard: string[] = []
    for (const { store } of nodes) store.nodes.onNotice((text, from) => heard.push(`${store.nodes.node} < ${from}: ${text}`))
    await until('heard', () => {
      nodes[0]?.store.nodes.tell("it's \\ “so”")
      return new Set(heard).size === 2
    })
    assert.deepEqual([...new Set(heard)].toSorted(), ["b < a: it's \\ “so”", "c < a: it's \\ “so”"])
    assert.throws(() => nodes[0]?.store.nodes.tell('x'.repeat(4_001)), /at most 4000 bytes/)
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
    const [a, b] = [await node('a'), await far('b')]
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
