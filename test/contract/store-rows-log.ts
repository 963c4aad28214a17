/** What must hold of the outbox, the leaves and the checkpoints. */
import assert from 'node:assert/strict'
import type { Database, LeafRow, OutboxRow, TreeState } from '../../src/control/ports.ts'
import { refuse } from '../../src/kernel/refusals.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import type { StoreHouse, StoreRow } from './store-house.ts'
import { checkGapless, entry, inMain } from './store-steps.ts'

function leavesOf(rows: readonly OutboxRow[]): LeafRow[] {
  return rows.map(({ position, body, salt }) => ({ index: position - 1, leaf: new Uint8Array(33).fill(position), body, salt }))
}

function state(size: number, checkpoint = ''): TreeState {
  return { size, frontier: new Uint8Array(64).fill(size), checkpoint }
}

async function note(store: Database, ...subjects: string[]): Promise<void> {
  const result = await inMain(store).change(async (tx) => {
    // All at once: the numbers stay in order.
    await Promise.all(subjects.map((subject) => tx.record(entry(subject, { __proto__: null, b: 1, a: 9_007_199_254_740_993n }))))
    return done(undefined)
  })
  mustBe(result)
}

async function gapless(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open(() => 5_000))
  await note(store, 'one', 'two')
  await inMain(store).change(async (tx) => {
    await tx.record(entry('never'))
    return refuse('grant.ended')
  })
  await note(store, 'three')
  const rows = await store.outbox(10)
  assert.deepEqual(
    rows.map(({ position, at, body }) => [position, at, body]),
    ['one', 'two', 'three'].map((subject, place) => [
      place + 1,
      5_000,
      `{"actor":"ana","at":5000,"facts":{"a":9007199254740993,"b":1},"kind":"tried","space":"main","subject":"${subject}","v":1}`,
    ]),
  )
  assert.ok(rows.every(({ salt }) => salt.byteLength === 32))
  assert.equal(new Set(rows.map(({ salt }) => Buffer.from(salt).toString('hex'))).size, 3)
  assert.equal((await store.outbox(2)).length, 2)
  assert.equal(await checkGapless(store), 3)
  await store.close()
}

async function numbers(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  assert.deepEqual(await store.tree(), { size: 0, frontier: new Uint8Array(), checkpoint: '' })
  await note(store, 'one', 'two', 'three')
  const rows = await store.outbox(10)
  const leaves = leavesOf(rows)
  await store.appendLeaves(0, leaves.slice(0, 2), state(2, 'first'))
  assert.deepEqual(await store.outbox(10), rows.slice(2))
  assert.deepEqual(await store.leaves(0, 10), leaves.slice(0, 2))
  assert.deepEqual(await store.leaves(1, 10), leaves.slice(1, 2))
  assert.deepEqual(await store.tree(), state(2, 'first'))
  await store.appendLeaves(2, leaves.slice(2), state(3, 'second'))
  assert.deepEqual(await store.outbox(10), [])
  await note(store, 'four')
  assert.deepEqual(
    (await store.outbox(10)).map(({ position }) => position),
    [4],
    'numbers go on when the outbox is empty',
  )
  await store.appendLeaves(3, [], state(3, 'third'))
  await store.appendLeaves(3, [], state(3, 'third'))
  const notes = async (from: number, max: number) => (await store.checkpoints(from, max)).map(({ size, note }) => [size, note])
  assert.deepEqual(await notes(0, 10), [
    [2, 'first'],
    [3, 'second'],
    [3, 'third'],
  ])
  assert.deepEqual(await notes(3, 1), [[3, 'second']])
  assert.equal(await checkGapless(store), 4)
  // Many at once.
  for (let round = 0; round < 3; round += 1) await note(store, ...Array.from({ length: 100 }, (_, place) => `many ${place}`))
  const many = await store.outbox(1_000)
  await store.appendLeaves(3, leavesOf(many), state(304, 'many'))
  assert.equal(await checkGapless(store), 304)
  await store.close()
}

async function fenced(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  await note(store, 'one', 'two', 'three')
  const leaves = leavesOf(await store.outbox(10))
  const both = await Promise.allSettled([
    store.appendLeaves(0, leaves.slice(0, 1), state(1)),
    store.appendLeaves(0, leaves.slice(0, 2), state(2)),
  ])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['fulfilled', 'rejected'],
    'of two sequencers one is fenced off',
  )
  const [first, second, third] = leaves
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  const salt = new Uint8Array(32)
  const wrong: readonly (readonly [string, number, readonly LeafRow[], TreeState])[] = [
    ['an old size', 0, [first], state(1)],
    ['a size ahead', 2, [third], state(3)],
    ['a state that does not fit', 1, [second], state(3)],
    ['a leaf left out', 1, [third], state(2)],
    ['an order turned round', 1, [third, second], state(3)],
    ['another body', 1, [{ ...second, body: '{}' }], state(2)],
    ['another salt', 1, [{ ...second, salt }], state(2)],
    ['a leaf for which there is no row', 1, [second, third, { ...third, index: 3 }], state(4)],
    ['a leaf that is too short', 1, [{ ...second, leaf: salt }], state(2)],
    ['half a hash in the frontier', 1, [second], { ...state(2), frontier: new Uint8Array(40) }],
  ]
  for (const [says, from, rows, tree] of wrong) {
    await assert.rejects(store.appendLeaves(from, rows, tree), says)
    assert.deepEqual(await store.tree(), state(1), says)
    assert.deepEqual((await store.leaves(0, 10)).length, 1, says)
    assert.deepEqual((await store.outbox(10)).length, 2, says)
  }
  await store.appendLeaves(1, [second, third], state(3))
  assert.equal(await checkGapless(store), 3)
  await store.close()
}

const head = 'remit.example\n3\nroot\n'

async function cosigns(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  await note(store, 'one', 'two', 'three')
  const leaves = leavesOf(await store.outbox(10))
  await store.appendLeaves(0, leaves, state(3, `${head}\n— own aaaa\n`))
  const notes = async () => (await store.checkpoints(0, 10)).map(({ size, note }) => [size, note])
  await assert.rejects(store.cosign(2, `${head}\n— own aaaa\n`), /no checkpoint/)
  await assert.rejects(store.cosign(3, `${head.replace('root', 'other')}\n— own aaaa\n— one bbbb\n`), /no checkpoint/)
  await store.cosign(3, `${head}\n— own aaaa\n— one bbbb\n`)
  // Each brings what it saw: what the other brought stays.
  await store.cosign(3, `${head}\n— two cccc\n— own aaaa\n`)
  await store.cosign(3, `${head}\n— own aaaa\n`)
  const cosigned = `${head}\n— own aaaa\n— one bbbb\n— two cccc\n`
  assert.deepEqual(await notes(), [[3, cosigned]])
  assert.equal((await store.tree()).checkpoint, cosigned)
  await store.appendLeaves(3, [], state(3, `${head}\n— own aaaa\n`))
  assert.equal((await store.tree()).checkpoint, cosigned, 'the sequencer takes no signature back')
  await note(store, 'four')
  await store.appendLeaves(3, leavesOf(await store.outbox(10)), state(4, 'four'))
  await store.cosign(3, `${head}\n— three dddd\n`)
  assert.deepEqual(await notes(), [
    [3, `${cosigned}— three dddd\n`],
    [4, 'four'],
  ])
  assert.equal((await store.tree()).checkpoint, 'four')
  await store.close()
}

export const logRows: readonly StoreRow[] = [
  { says: 'numbers entries 1, 2, 3 … without a gap, in canonical form, each with a salt of its own', run: gapless },
  { says: 'turns entries into leaves and keeps every checkpoint', run: numbers },
  { says: 'adds signatures to a checkpoint, to its own text only, and takes none back', run: cosigns },
  { says: 'fences off a second sequencer, and leaves that are not what was recorded', run: fenced },
]
