/** What must hold when the ground fails: each statement in turn, and a full disk. */
import assert from 'node:assert/strict'
import type { Database } from '../../src/control/ports.ts'
import { done, mustBe, type Result } from '../../src/kernel/result.ts'
import { sampleRecords } from './sample-records.ts'
import type { StoreHouse, StoreRow } from './store-house.ts'
import { checkGapless, entry, everything, inMain, keep } from './store-steps.ts'

/** More statements than any of these changes has. */
const statementsMax = 60

function largeChange(store: Database): Promise<Result<undefined>> {
  return inMain(store).change(async (tx) => {
    await tx.get('signal', sampleRecords.signal(1).id)
    await tx.put('signal', sampleRecords.signal(2))
    await tx.put('signal', { ...sampleRecords.signal(1), about: 'changed' })
    await tx.remove('challenge', sampleRecords.challenge(1).id)
    await tx.record(entry('one'))
    await tx.record(entry('two'))
    return done(undefined)
  })
}

async function changeFailsAnywhere(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open(() => 5_000))
  let told = 0
  await keep(store, 'signal', sampleRecords.signal(1))
  mustBe(await inMain(store).change(async (tx) => done(await tx.put('challenge', sampleRecords.challenge(1)))))
  inMain(store).onCommit(() => {
    told += 1
  })
  const before = await everything(store)
  let nth = 1
  for (; nth < statementsMax; nth += 1) {
    house.breakStatement(nth)
    const result = await largeChange(store)
    const came = house.hasBroken()
    house.breakStatement(0)
    if (!came) {
      mustBe(result)
      break
    }
    assert.equal(result.ok ? 'kept' : result.refusal.code, 'store.unavailable', `statement ${nth}`)
    assert.deepEqual(await everything(store), before, `statement ${nth}`)
    assert.equal(told, 0)
  }
  assert.ok(nth > 6 && nth < statementsMax, `came to ${nth} statements`)
  assert.equal(told, 1)
  assert.notDeepEqual(await everything(store), before)
  await store.close()
}

async function appendFailsAnywhere(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open(() => 5_000))
  await keep(store, 'signal', sampleRecords.signal(1))
  await keep(store, 'signal', sampleRecords.signal(2))
  const before = await everything(store)
  const rows = await store.outbox(10)
  const leaves = rows.map(({ body, salt }, index) => ({ index, leaf: new Uint8Array(33).fill(index), body, salt }))
  let nth = 1
  for (; nth < statementsMax; nth += 1) {
    house.breakStatement(nth)
    const appended = await store.appendLeaves(0, leaves, { size: 2, frontier: new Uint8Array(32), checkpoint: 'signed' }).then(
      () => true,
      () => false,
    )
    house.breakStatement(0)
    if (appended) break
    assert.deepEqual(await everything(store), before, `statement ${nth}`)
  }
  assert.ok(nth > 4 && nth < statementsMax, `came to ${nth} statements`)
  assert.equal((await store.tree()).size, 2)
  assert.equal(await checkGapless(store), 2)
  await store.close()
}

async function diskFull(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open(() => 5_000))
  await keep(store, 'signal', sampleRecords.signal(1))
  const before = await everything(store)
  const grow = () =>
    inMain(store).change(async (tx) => {
      // The first may still fit; the change is one all the same.
      await tx.put('signal', sampleRecords.signal(2))
      await tx.record(entry('x'))
      await tx.put('service', { ...sampleRecords.service(1), environment: 'x'.repeat(200_000) })
      return done(undefined)
    })
  await house.fillDisk(true)
  for (let tries = 0; tries < 3; tries += 1) {
    const result = await grow()
    assert.equal(result.ok ? 'kept' : result.refusal.code, 'store.unavailable')
    assert.deepEqual(await everything(store), before)
  }
  await house.fillDisk(false)
  mustBe(await grow())
  assert.equal((await inMain(store).read((tx) => tx.find('service', {}))).length, 1)
  assert.equal(await checkGapless(store), 2)
  await store.close()
}

export const faultRows: readonly StoreRow[] = [
  { says: 'leaves everything as it was when any one statement of a change fails', run: changeFailsAnywhere },
  { says: 'leaves everything as it was when any one statement of the sequencer fails', run: appendFailsAnywhere },
  { says: 'refuses while the disk is full, and goes on when there is room', run: diskFull },
]
