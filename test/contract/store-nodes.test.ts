/** Several nodes on one PostgreSQL: each hears every change once, in order, with its own; none of them acts on what it cannot know. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import type { Database } from '../../src/control/ports.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { PostgresServer } from './postgres-server.ts'
import { sampleRecords } from './sample-records.ts'
import { entry, inMain, keep } from './store-steps.ts'
import { checkSame, type Cluster, codeOf, type Node, onCluster, saidTo, say, until, written } from './two-nodes.ts'

const server = await PostgresServer.start()
after(() => server.remove())

function on(work: (cluster: Cluster) => Promise<void>): () => Promise<void> {
  return () => onCluster(server, work)
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
    // Also of a life in which nothing is written there is a log to look at.
    await Promise.all(nodes.map((each) => act(each, 'put')))
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
