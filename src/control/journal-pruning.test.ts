/** The oldest of a journal goes, and nothing else: what is left is opened again and verified by a stranger, also after a stop in the middle. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { refuse } from '../kernel/refusals.ts'
import { done, mustBe } from '../kernel/result.ts'
import { verifyExport } from '../ledger/verify.ts'
import { memoryJournalDisk } from '../../test/world/journal-disk.ts'
import { shopDocument } from '../../test/world/shop.ts'
import { TestClock } from '../../test/world/clock.ts'
import { openWorldOf, testParts, type World } from '../../test/world/world.ts'
import { note } from './desk.ts'
import { exportLedger } from './export-ledger.ts'
import { Journal } from './journal.ts'
import { parseJournalKeep, pruneJournal } from './journal-pruning.ts'
import { makeSigner } from '../host/key-files.ts'
import { generateKeyPairSync } from 'node:crypto'

const day = 86_400_000

interface Kept {
  readonly world: World
  readonly clock: TestClock
  readonly journal: Journal
  reopen(): Promise<Journal>
  report(journal: Journal): ReturnType<typeof verifyExport>
}

/** A journal of ten segments, a day between two, each anchored unless said. */
async function tenDays(context: TestContext, anchoredUpTo = 10): Promise<Kept> {
  const clock = new TestClock()
  const world = await openWorldOf({ ...testParts(1, ':memory:', clock), clock }, shopDocument())
  context.after(() => world.close())
  const disk = memoryJournalDisk()
  const signer = makeSigner(generateKeyPairSync('ed25519').privateKey, 'remit.local/main/other')
  const open = async () =>
    mustBe(await Journal.open({ signer, disk: { ...disk, close: async () => undefined }, clock, limits: { segmentBytesMax: 400 } }))
  const journal = await open()
  for (let days = 0; days < 10; days += 1) {
    const kept = await journal.append({ at: clock.now(), type: 'decision', says: 'x'.repeat(300) }, 'durable')
    mustBe(kept)
    if (days < anchoredUpTo) await anchor(world, journal)
    clock.advance(day)
  }
  const report = async (of: Journal) => {
    await world.house.sequencer.flush()
    const { sequencer } = world.house
    const lines: string[] = []
    const journals = [
      { name: of.name, vkey: of.vkey, read: () => of.read() },
      ...[world.house.journal].map((own) => ({ name: own.name, vkey: own.vkey, read: () => own.read() })),
    ]
    const sources = { store: world.desk.log, space: 'main', origin: sequencer.vkey.split('+')[0] ?? '', vkeys: [sequencer.vkey], journals }
    for await (const line of exportLedger(sources)) lines.push(line)
    return verifyExport(lines)
  }
  return { world, clock, journal, reopen: open, report }
}

async function anchor({ desk }: World, journal: Journal): Promise<void> {
  const { n, hash } = journal.head()
  const facts = { journal: journal.name, n, hash: Buffer.from(hash).toString('hex') }
  mustBe(
    await desk.store.change(async (tx) => {
      await note(tx, { kind: 'journal.anchored', actor: 'remit', subject: journal.name, facts })
      return done(undefined)
    }),
  )
}

async function firsts(journal: Journal): Promise<number[]> {
  return (await journal.disk.list()).map(({ first }) => first)
}

test('what is older goes, the rest goes on from it, and a stranger sees exactly that', async (context) => {
  const { world, journal, report, reopen } = await tenDays(context)
  await world.house.sequencer.flush()
  assert.deepEqual(await firsts(journal), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
  // A segment is as old as the line after it: those of days 0 to 3 end before the sixth day before now.
  assert.equal(await pruneJournal(world.desk, journal, { forMs: 5.5 * day }), 4)
  assert.deepEqual(await firsts(journal), [9, 11, 13, 15, 17, 19])
  const told = await report(journal)
  assert.deepEqual(told.failures, [])
  assert.equal(told.journals[0]?.prunedTo, 8)
  assert.equal(await pruneJournal(world.desk, journal, { forMs: 5.5 * day }), 0)
  await journal.close()
  const again = await reopen()
  mustBe(await again.append({ at: world.clock.now(), type: 'decision' }, 'durable'))
  assert.deepEqual((await report(again)).failures, [])
})

test('the two newest stay however old they are, and so does what the ledger does not vouch for', async (context) => {
  const { world, journal, report } = await tenDays(context, 6)
  await world.house.sequencer.flush()
  assert.equal(await pruneJournal(world.desk, journal, { forMs: 1 }), 6)
  assert.deepEqual(await firsts(journal), [13, 15, 17, 19])
  await anchor(world, journal)
  await world.house.sequencer.flush()
  assert.equal(await pruneJournal(world.desk, journal, { forMs: 1 }), 2)
  assert.deepEqual(await firsts(journal), [17, 19])
  assert.deepEqual((await report(journal)).failures, [])
})

test('by space: only as much as it takes', async (context) => {
  const { world, journal, report } = await tenDays(context)
  await world.house.sequencer.flush()
  const bytes = (await journal.disk.list()).reduce((sum, segment) => sum + segment.bytes, 0)
  assert.equal(await pruneJournal(world.desk, journal, { bytesMax: bytes - 1 }), 1)
  assert.deepEqual((await report(journal)).failures, [])
})

test('a stop between the entry and the removal leaves a journal that verifies, and the next time goes on', async (context) => {
  const { world, journal, report } = await tenDays(context)
  await world.house.sequencer.flush()
  const { name, key, disk } = journal
  const stopping = { name, key, disk, removeSegment: () => Promise.reject(new Error('stopped')) }
  await assert.rejects(pruneJournal(world.desk, stopping, { forMs: 5.5 * day }), /stopped/)
  assert.equal((await firsts(journal)).length, 10)
  assert.deepEqual((await report(journal)).failures, [])
  assert.equal(await pruneJournal(world.desk, journal, { forMs: 5.5 * day }), 4)
  assert.deepEqual((await report(journal)).failures, [])
})

test('what cannot be recorded is not removed', async (context) => {
  const { world, journal, report } = await tenDays(context)
  await world.house.sequencer.flush()
  const { clock, log } = world.desk
  const store = { ...world.desk.store, change: () => Promise.resolve(refuse('store.unavailable')) }
  assert.equal(await pruneJournal({ store, clock, log }, journal, { forMs: 5.5 * day }), 0)
  assert.equal((await firsts(journal)).length, 10)
  assert.deepEqual((await report(journal)).failures, [])
})

test('what of a journal may be asked for', () => {
  const rows: readonly (readonly [text: string, want: object | undefined])[] = [
    ['90d', { forMs: 90 * day }],
    ['4GiB', { bytesMax: 4_294_967_296 }],
    ['256MiB', { bytesMax: 268_435_456 }],
    ['8GiB', undefined],
    ['100MiB', undefined],
    ['59m', undefined],
    ['-1d', undefined],
    ['', undefined],
  ]
  for (const [text, want] of rows) {
    const read = parseJournalKeep(text)
    assert.deepEqual(read.ok ? read.value : undefined, want, text)
  }
})
