/** What must hold of changes: whole or not at all, one after the other, on record, told in order. */
import assert from 'node:assert/strict'
import type { Committed, Database, Reading, Store } from '../../src/control/ports.ts'
import { refuse } from '../../src/kernel/refusals.ts'
import { done, mustBe, type Result } from '../../src/kernel/result.ts'
import { recordKinds, sampleId, sampleRecords } from './sample-records.ts'
import type { StoreHouse, StoreRow } from './store-house.ts'
import { entry, everything, inMain, isEphemeral, keep } from './store-steps.ts'

async function undone(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  await keep(store, 'signal', sampleRecords.signal(1))
  const before = await everything(store)
  let told = 0
  inMain(store).onCommit(() => {
    told += 1
  })
  const attempt = (end: () => Promise<Result<string>>) =>
    inMain(store).change(async (tx) => {
      await tx.put('signal', { ...sampleRecords.signal(1), about: 'other' })
      await tx.put('challenge', sampleRecords.challenge(2))
      await tx.record(entry('x'))
      assert.equal((await tx.get('signal', sampleRecords.signal(1).id))?.about, 'other', 'a change reads what it wrote')
      return end()
    })
  assert.deepEqual(await attempt(async () => refuse('grant.ended')), refuse('grant.ended'))
  assert.deepEqual(await everything(store), before)
  await assert.rejects(
    attempt(async () => Promise.reject(new Error('a bug'))),
    /a bug/,
  )
  assert.deepEqual(await everything(store), before)
  assert.equal(told, 0)
  mustBe(await attempt(async () => done('kept')))
  assert.equal(told, 1)
  await store.close()
}

async function noSilentFailure(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  await keep(store, 'identity', sampleRecords.identity(1))
  const before = await everything(store)
  const swallowing = inMain(store).change(async (tx) => {
    await tx.put('signal', sampleRecords.signal(1))
    await tx.record(entry('x'))
    await assert.rejects(tx.put('identity', { ...sampleRecords.identity(2), name: sampleRecords.identity(1).name }))
    return done('as if nothing had happened')
  })
  await assert.rejects(swallowing)
  assert.deepEqual(await everything(store), before)
  await store.close()
}

async function onRecord(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  for (const kind of recordKinds) {
    const silent = inMain(store).change(async (tx) => done(await tx.put(kind, sampleRecords[kind](1))))
    if (isEphemeral(kind)) mustBe(await silent)
    else await assert.rejects(silent, /ledger/, kind)
    const kept = await inMain(store).read((tx) => tx.find(kind, {}))
    assert.equal(kept.length, isEphemeral(kind) ? 1 : 0, kind)
  }
  await store.close()
}

async function told(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open(() => 5_000))
  const heard: string[] = []
  const commits: Committed[] = []
  inMain(store).onCommit((committed) => {
    heard.push(`told ${committed.version}`)
    commits.push(committed)
  })
  const change = async (number: number) => {
    const result = await inMain(store).change(async (tx) => {
      heard.push(`work ${number}`)
      await tx.put('signal', sampleRecords.signal(number))
      await tx.put('challenge', sampleRecords.challenge(number))
      await tx.remove('challenge', sampleRecords.challenge(number).id)
      await tx.record(entry('x'))
      return done(undefined)
    })
    mustBe(result)
    heard.push(`resolved ${number}`)
  }
  await Promise.all([change(1), change(2), change(3)])
  assert.deepEqual(
    heard.filter((line) => !line.startsWith('resolved')),
    ['work 1', 'told 1', 'work 2', 'told 2', 'work 3', 'told 3'],
  )
  for (const number of [1, 2, 3]) assert.ok(heard.indexOf(`told ${number}`) < heard.indexOf(`resolved ${number}`))
  const [signal, challenge] = [sampleRecords.signal(1), sampleRecords.challenge(1)]
  assert.deepEqual(commits[0], {
    version: 1,
    at: 5_000,
    changes: [
      { kind: 'signal', id: signal.id, record: signal },
      { kind: 'challenge', id: challenge.id, record: challenge },
      { kind: 'challenge', id: challenge.id, removed: true },
    ],
  })
  assert.deepEqual(await inMain(store).last(), { version: 3, at: 5_000 })
  // What writes nothing is no version and is told to nobody.
  mustBe(await inMain(store).change(async (tx) => done(await tx.get('signal', signal.id))))
  assert.deepEqual(await inMain(store).last(), { version: 3, at: 5_000 })
  assert.equal(commits.length, 3)
  await store.close()
}

async function oneAfterTheOther(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  await keep(store, 'uses', sampleRecords.uses(1))
  const { id } = sampleRecords.uses(1)
  const spend = (most: number) =>
    inMain(store).change(async (tx) => {
      const uses = await tx.get('uses', id)
      // Lets the others run, were they not kept waiting.
      await new Promise(setImmediate)
      if (uses === undefined || uses.spent >= most) return refuse('grant.uses-spent')
      await tx.put('uses', { ...uses, spent: uses.spent + 1 })
      await tx.record(entry(id))
      return done(uses.spent)
    })
  const two = await Promise.all([spend(1), spend(1)])
  assert.equal(two.filter(({ ok }) => ok).length, 1, 'one of two wins')
  const many = await Promise.all(Array.from({ length: 60 }, () => spend(21)))
  assert.equal(many.filter(({ ok }) => ok).length, 20)
  assert.equal((await inMain(store).read((tx) => tx.get('uses', id)))?.spent, 21)
  await store.close()
}

/** A change that waits in the middle, its records put, until it is told how to end. */
function halfway(store: Database, number: number) {
  const reached = Promise.withResolvers<void>()
  const end = Promise.withResolvers<Result<undefined>>()
  const result = inMain(store).change(async (tx) => {
    await tx.put('signal', sampleRecords.signal(number))
    await tx.record(entry('x'))
    reached.resolve()
    return end.promise
  })
  return { reached: reached.promise, end: end.resolve, result }
}

async function readsCommitted(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  const half = halfway(store, 1)
  await half.reached
  const reads = [
    inMain(store).read((tx) => tx.get('signal', sampleRecords.signal(1).id)),
    inMain(store).read((tx) => tx.find('signal', {})),
  ]
  const outbox = store.outbox(10)
  half.end(refuse('grant.ended'))
  await half.result
  assert.deepEqual(await Promise.all(reads), [undefined, []])
  assert.deepEqual(await outbox, [])
  await store.close()
}

async function snapshots(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  await keep(store, 'signal', sampleRecords.signal(1))
  const begun = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const reading = inMain(store).read(async (tx) => {
    begun.resolve()
    await goOn.promise
    const first = await tx.find('signal', {})
    return [first.length, (await tx.find('signal', {})).length]
  })
  await begun.promise
  await keep(store, 'signal', sampleRecords.signal(2))
  const later = await inMain(store).read((tx) => tx.find('signal', {}))
  goOn.resolve()
  assert.deepEqual(await reading, [1, 1], 'begun before the change, it sees nothing of it')
  assert.equal(later.length, 2)
  // More reads at once than a store has connections: each is answered.
  const many = await Promise.all(Array.from({ length: 50 }, () => inMain(store).read((tx) => tx.find('signal', {}))))
  assert.ok(many.every((rows) => rows.length === 2))
  await store.close()
}

async function notInside(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  const inside: readonly (() => Promise<unknown>)[] = [
    () => inMain(store).change(async () => done(1)),
    () => inMain(store).read(async () => 1),
    () => store.outbox(1),
    () => store.tree(),
    () => store.appendLeaves(0, [], { size: 0, frontier: new Uint8Array(), checkpoint: '' }),
    () => store.spaces(),
    () => store.cosign(0, ''),
    () => store.close(),
  ]
  for (const ask of inside) {
    await assert.rejects(
      inMain(store).change(async () => done(await ask())),
      /inside/,
    )
    await assert.rejects(inMain(store).read(ask), /inside/)
  }
  // What a change starts and does not wait for runs after it, and is no longer inside.
  const started = Promise.withResolvers<unknown>()
  mustBe(
    await inMain(store).change(async () => {
      setImmediate(() => started.resolve(inMain(store).read(async () => 'answered')))
      return done(undefined)
    }),
  )
  assert.equal(await started.promise, 'answered')
  // So may a listener ask, without waiting.
  const asked = Promise.withResolvers<unknown>()
  inMain(store).onCommit(() => asked.resolve(inMain(store).read((tx) => tx.get('signal', sampleRecords.signal(1).id))))
  await keep(store, 'signal', sampleRecords.signal(1))
  assert.notEqual(await asked.promise, undefined)
  await store.close()
}

async function notAfterwards(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  let leaked: Parameters<Parameters<Store['change']>[0]>[0] | undefined
  mustBe(
    await inMain(store).change(async (tx) => {
      leaked = tx
      return done(undefined)
    }),
  )
  await assert.rejects(async () => leaked?.put('challenge', sampleRecords.challenge(1)), /ended/)
  await assert.rejects(async () => leaked?.get('challenge', 'x'), /ended/)
  const reading: Reading = await inMain(store).read(async (tx) => tx)
  await assert.rejects(reading.get('challenge', 'x'), /ended/)
  const unawaited = inMain(store).change(async (tx) => {
    void tx.put('challenge', sampleRecords.challenge(1))
    return done(undefined)
  })
  await assert.rejects(unawaited, /awaited/)
  assert.deepEqual(await inMain(store).read((tx) => tx.find('challenge', {})), [])
  await store.close()
  await assert.rejects(
    inMain(store).change(async () => done(1)),
    /closed/,
  )
  await assert.rejects(
    inMain(store).read(async () => 1),
    /closed/,
  )
  await store.close()
}

async function timeGoesOn(house: StoreHouse): Promise<void> {
  let clock = 7_000
  const store = mustBe(await house.open(() => clock))
  const seen: number[] = []
  const change = async (kept: boolean) => {
    await inMain(store).change(async (tx) => {
      seen.push(tx.now)
      if (!kept) return refuse('grant.ended')
      return done(await tx.record(entry('x')))
    })
  }
  await change(true)
  clock = 9_000
  await change(false)
  clock = 8_000
  await change(true)
  clock = 20_000
  await change(true)
  assert.deepEqual(seen, [7_000, 9_000, 9_000, 20_000])
  await store.close()
}

async function timeGoesOnAfterwards(house: StoreHouse): Promise<void> {
  const first = mustBe(await house.open(() => 7_000))
  await keep(first, 'signal', { ...sampleRecords.signal(1), id: sampleId('sgn', 1) })
  await first.close()
  const again = mustBe(await house.open(() => 3_000))
  assert.deepEqual(await inMain(again).last(), { version: 1, at: 7_000 })
  assert.deepEqual(await inMain(again).change(async (tx) => done(tx.now)), done(7_000))
  assert.equal((await inMain(again).read((tx) => tx.find('signal', {}))).length, 1)
  await again.close()
}

export const changeRows: readonly StoreRow[] = [
  { says: 'undoes all of a change that refuses or throws', run: undone },
  { says: 'keeps nothing of a change in which a statement failed, even if the work went on', run: noSilentFailure },
  { says: 'makes no change of state without a ledger entry', run: onRecord },
  { says: 'tells each change once, in order, before it resolves and before the next begins', run: told },
  { says: 'makes changes one after the other', run: oneAfterTheOther },
  { says: 'lets reads see nothing that is not committed', run: readsCommitted },
  { says: 'gives a read one moment, whatever is committed meanwhile', run: snapshots },
  { says: 'answers nobody inside a change or a read but through what was handed in', run: notInside },
  { says: 'lets nothing happen through a change or a read that has ended', run: notAfterwards },
  { says: 'never lets time go back, whatever the clock says', run: timeGoesOn },
  { says: 'lets no time go back after it was opened again', run: timeGoesOnAfterwards },
]
