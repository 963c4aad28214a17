/** What must hold of the spaces of a store: none sees anything of another, and they share one log and one count of versions. */
import assert from 'node:assert/strict'
import { searchable } from '../../src/control/ports.ts'
import { done, mustBe, type Result } from '../../src/kernel/result.ts'
import type { RecordKind, Records } from '../../src/model/records.ts'
import { recordKinds, sampleRecords, tell } from './sample-records.ts'
import type { StoreHouse, StoreRow } from './store-house.ts'
import { entry, isEphemeral, keep } from './store-steps.ts'

function inSiteB<K extends RecordKind>(kind: K, number: number): Records[K] {
  return { ...sampleRecords[kind](number), space: 'site-b' }
}

/** The same ids and the same names in both; then every way of asking, of changing and of removing, from either side. */
async function apart(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  const [main, siteB] = [store.inSpace('main'), store.inSpace('site-b')]
  assert.equal(store.inSpace('main'), main)
  assert.deepEqual([main.space, siteB.space], ['main', 'site-b'])
  assert.deepEqual(await store.spaces(), [])
  for (const kind of recordKinds) {
    await keep(store, kind, sampleRecords[kind](1), sampleRecords[kind](2))
    const { id } = sampleRecords[kind](1)
    await siteB.read(async (tx) => {
      assert.equal(await tx.get(kind, id), undefined, kind)
      assert.deepEqual(await tx.find(kind, {}), [], kind)
      assert.deepEqual(await tx.find(kind, {}, { max: 10 }), [], kind)
      for (const column of searchable[kind]) {
        const record: object = sampleRecords[kind](1)
        const wanted = String(new Map(Object.entries(record)).get(column))
        assert.deepEqual(await tx.find<RecordKind>(kind, { [column]: wanted }), [], `${kind} by ${column}`)
      }
    })
    await keep(store, kind, inSiteB(kind, 1))
    if (isEphemeral(kind)) mustBe(await siteB.change(async (tx) => done(await tx.remove(kind as 'challenge', sampleRecords[kind](2).id))))
    const all = await main.read((tx) => tx.find(kind, {}))
    assert.deepEqual(all.map(tell), [sampleRecords[kind](1), sampleRecords[kind](2)].map(tell), kind)
    assert.deepEqual((await siteB.read((tx) => tx.find(kind, {}))).map(tell), [tell(inSiteB(kind, 1))], kind)
  }
  assert.deepEqual(await store.spaces(), ['main', 'site-b'])
  await store.close()
}

async function refusesOthers(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  for (const kind of recordKinds) {
    const wrong = store.inSpace('main').change(async (tx) => {
      await tx.record(entry('x'))
      return done(await tx.put(kind, inSiteB(kind, 1)))
    })
    await assert.rejects(wrong, /another space/, kind)
  }
  assert.deepEqual(await store.spaces(), [])
  for (const name of ['', 'a\0b']) assert.throws(() => store.inSpace(name))
  await store.close()
}

async function tellsEachItsOwn(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open(() => 5_000))
  const heard: string[] = []
  for (const space of ['main', 'site-b']) {
    store.inSpace(space).onCommit(({ version, changes }) => heard.push(`${space} ${version} ${changes.length}`))
  }
  store.onEntry(() => heard.push('entry'))
  await keep(store, 'signal', sampleRecords.signal(1))
  await keep(store, 'signal', inSiteB('signal', 1), inSiteB('signal', 2))
  mustBe(await store.inSpace('site-b').change(async (tx) => done(await tx.put('challenge', inSiteB('challenge', 1)))))
  mustBe(await store.inSpace('main').change(async (tx) => done(await tx.record(entry('x')))))
  assert.deepEqual(heard, ['main 1 1', 'entry', 'site-b 2 2', 'entry', 'site-b 3 1', 'main 4 0', 'entry'])
  for (const space of ['main', 'site-b', 'new']) assert.deepEqual(await store.inSpace(space).last(), { version: 4, at: 5_000 })
  const spaces = (await store.outbox(10)).map(({ body }) => (JSON.parse(body) as { space: string }).space)
  assert.deepEqual(spaces, ['main', 'site-b', 'main'])
  await store.close()
}

async function erases(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  const [main, siteB] = [store.inSpace('main'), store.inSpace('site-b')]
  for (const space of [main, siteB, main]) mustBe(await space.change(async (tx) => done(await tx.record(entry('x')))))
  const rows = await store.outbox(10)
  const leaves = rows.map(({ body, salt }, index) => ({ index, leaf: new Uint8Array(33).fill(index), body, salt }))
  const erase = (space: typeof main, index: number, isOnRecord = true): Promise<Result<boolean>> =>
    space.change(async (tx) => {
      const isErased = await tx.eraseBody(index)
      if (isOnRecord) await tx.record(entry('erased'))
      return done(isErased)
    })
  assert.deepEqual(await erase(main, 0), done(false), 'what is not numbered yet is no leaf')
  await store.appendLeaves(0, leaves, { size: 3, frontier: new Uint8Array(64), checkpoint: 'signed' })
  await assert.rejects(erase(main, 0, false), /ledger/)
  for (const index of [1, 9, -1, 0.5]) assert.deepEqual(await erase(main, index), done(false), `leaf ${index}`)
  assert.deepEqual(await store.leaves(0, 10), leaves)
  assert.deepEqual(await erase(main, 0), done(true))
  assert.deepEqual(await erase(main, 0), done(false), 'once')
  assert.deepEqual(await erase(siteB, 1), done(true))
  const bare = leaves.map(({ index, leaf }) => ({ index, leaf }))
  assert.deepEqual(await store.leaves(0, 10), [bare[0], bare[1], leaves[2]])
  await store.close()
}

export const spaceRows: readonly StoreRow[] = [
  { says: 'shows a space nothing of another, by any way of asking', run: apart },
  { says: 'takes no record of another space', run: refusesOthers },
  { says: 'tells each space its own changes, under one count of versions and in one log', run: tellsEachItsOwn },
  { says: 'erases the body of an entry of the own space, on record, and nothing else of it', run: erases },
]
