/** The ledger on a real store: what is committed is numbered once, signed, exported and verified, through failures and restarts. */
import assert from 'node:assert/strict'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test, { type TestContext } from 'node:test'
import fc from 'fast-check'
import { openJournalFiles } from '../host/journal-files.ts'
import { makeSigner } from '../host/key-files.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, mustBe, type Result } from '../kernel/result.ts'
import { openCheckpoint } from '../ledger/checkpoint.ts'
import { makeVkey, parseVkey } from '../ledger/note.ts'
import { type ExportReport, verifyExport } from '../ledger/verify.ts'
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts'
import { TestClock } from '../../test/world/clock.ts'
import { type ExportedJournal, exportLedger } from './export-ledger.ts'
import { Journal } from './journal.ts'
import type { Clock, LedgerEntry, Database } from './ports.ts'
import { Sequencer, type SequencerOptions } from './sequencer.ts'

function signerOf(name: string, seed: number): ReturnType<typeof makeSigner> {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)])
  return makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), name)
}

const signer = signerOf('remit.example/main', 1)
const vkey = makeVkey(signer.name, signer.publicKey)
const gateway = signerOf('gateway-http', 2)

const clock: Pick<Clock, 'now' | 'after'> = {
  now: () => Date.now(),
  after: (milliseconds, work) => {
    const timer = setTimeout(work, milliseconds)
    return () => clearTimeout(timer)
  },
}

async function newPath(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'remit-ledger-'))
  context.after(() => rm(folder, { recursive: true }))
  return join(folder, 'remit.db')
}

async function openStore(path: string): Promise<Database> {
  return mustBe(await openSqliteStore({ path, pid: process.pid, now: () => Date.now(), chance: (count) => randomBytes(count) }))
}

async function record(store: Database, ...entries: (Partial<LedgerEntry> & { readonly subject: string })[]): Promise<void> {
  const result = await store.inSpace('main').change(async (tx) => {
    for (const entry of entries) await tx.record({ kind: 'tried', actor: 'ana', facts: {}, ...entry })
    return done(undefined)
  })
  mustBe(result)
}

async function openSequencer(store: SequencerOptions['store'], more: Partial<SequencerOptions> = {}): Promise<Sequencer> {
  return mustBe(await Sequencer.open({ store, signer, clock, ...more }))
}

async function verify(store: Database, journals: readonly ExportedJournal[] = []): Promise<ExportReport> {
  return verifyExport(exportLedger({ store, space: 'main', origin: signer.name, vkeys: [vkey], journals }), [vkey])
}

const describe = ({ failures }: ExportReport): string => failures.map(({ where, what }) => `${where}: ${what}`).join('\n')
const refusal = (result: Result<unknown>): string => (result.ok ? 'accepted' : `${result.refusal.code}: ${result.refusal.detail}`)

test('committed entries are numbered by themselves, in order, under a signed head that a stranger can check', async (context) => {
  const store = await openStore(await newPath(context))
  const sequencer = await openSequencer(store, { lingerMs: 1 })
  await record(store, { subject: 'one' }, { subject: 'two' })
  await record(store, { subject: 'three' })
  while ((await store.outbox(1)).length > 0) await new Promise(setImmediate)
  const { size, checkpoint } = await store.tree()
  assert.equal(size, 3)
  assert.equal(mustBe(openCheckpoint(checkpoint, signer.name, [mustBe(parseVkey(sequencer.vkey))])).size, 3)
  const subjects = (await store.leaves(0, 10)).map(({ body = '' }) => /"subject":"(\w+)"/.exec(body)?.[1])
  assert.deepEqual(subjects, ['one', 'two', 'three'])
  const report = await verify(store)
  assert.equal(describe(report), '')
  assert.deepEqual([report.ok, report.leaves, report.bodies, report.size], [true, 3, 3, 3])
  await sequencer.close()
  await store.close()
})

test('an empty ledger has no head yet, and says so', async (context) => {
  const store = await openStore(await newPath(context))
  const sequencer = await openSequencer(store)
  assert.equal(mustBe(await sequencer.flush()).checkpoint, '')
  assert.match(describe(await verify(store)), /there is no checkpoint/)
  await sequencer.close()
  await store.close()
})

test('many changes share a head', async (context) => {
  const store = await openStore(await newPath(context))
  // However long they take, it lingers until they are all there.
  const still = new TestClock()
  const sequencer = await openSequencer(store, { clock: still })
  await Promise.all(Array.from({ length: 100 }, (_, place) => record(store, { subject: `s${place}` })))
  still.advance(1_000)
  while ((await store.outbox(1)).length > 0) await new Promise(setImmediate)
  const report = await verify(store)
  assert.equal(describe(report), '')
  assert.deepEqual([report.leaves, report.checkpoints], [100, 1])
  await sequencer.close()
  await store.close()
})

test('more than one transaction of rows left by a crash are numbered when it opens', async (context) => {
  const path = await newPath(context)
  const before = await openStore(path)
  await record(before, ...Array.from({ length: 1_200 }, (_, place) => ({ subject: `s${place}` })))
  await before.close()
  const store = await openStore(path)
  const sequencer = await openSequencer(store)
  const report = await verify(store)
  assert.equal(describe(report), '')
  assert.deepEqual([report.leaves, report.checkpoints], [1_200, 2])
  await sequencer.close()
  await store.close()
})

test('whatever the batches and restarts, the ledger verifies and grows only', async (context) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('record', 'flush', 'reopen'), { minLength: 1, maxLength: 25 }), async (steps) => {
      const path = await newPath(context)
      let store = await openStore(path)
      let sequencer = await openSequencer(store)
      let recorded = 0
      for (const step of [...steps, 'record', 'flush']) {
        if (step === 'record') await record(store, { subject: `s${(recorded += 1)}` })
        if (step === 'flush') assert.equal(mustBe(await sequencer.flush()).size, recorded)
        if (step !== 'reopen') continue
        await sequencer.close()
        await store.close()
        store = await openStore(path)
        sequencer = await openSequencer(store)
      }
      const report = await verify(store)
      assert.equal(describe(report), '')
      assert.equal(report.leaves, recorded)
      await sequencer.close()
      await store.close()
    }),
    { numRuns: 25 },
  )
})

test('a store that fails loses nothing, and is tried again', async (context) => {
  const store = await openStore(await newPath(context))
  let failures = 3
  const failing: SequencerOptions['store'] = {
    outbox: (max) => store.outbox(max),
    tree: () => store.tree(),
    onEntry: (listener) => store.onEntry(listener),
    appendLeaves: async (from, leaves, state) => {
      if (failures === 0) return store.appendLeaves(from, leaves, state)
      failures -= 1
      // The last failure comes after the fact: the rows were numbered, and nobody said so, as when another node did it.
      if (failures === 0) await store.appendLeaves(from, leaves, state)
      throw new Error('injected')
    },
  }
  const causes: unknown[] = []
  const sequencer = await openSequencer(failing, { retryMs: 1, onFailure: (cause) => causes.push(cause) })
  await record(store, { subject: 'one' })
  assert.equal(refusal(await sequencer.flush()), 'store.unavailable: the ledger cannot be written')
  await record(store, { subject: 'two' })
  while ((await store.outbox(1)).length > 0) await new Promise(setImmediate)
  await sequencer.flush()
  assert.equal(causes.length, 2)
  const report = await verify(store)
  assert.equal(describe(report), '')
  assert.equal(report.leaves, 2)
  await sequencer.close()
  await store.close()
})

test('two sequencers on one store number nothing twice', async (context) => {
  const store = await openStore(await newPath(context))
  const both = [await openSequencer(store, { retryMs: 1 }), await openSequencer(store, { retryMs: 1 })]
  for (let round = 0; round < 20; round += 1) {
    await record(store, { subject: `s${round}` })
    await Promise.all(both.map((sequencer) => sequencer.flush()))
  }
  for (const sequencer of both) await sequencer.close()
  const report = await verify(store)
  assert.equal(describe(report), '')
  assert.equal(report.leaves, 20)
  await store.close()
})

/** Six entries, numbered, and the database open to whoever has it in hand. */
async function tamper(context: TestContext, sql: string): Promise<string> {
  const path = await newPath(context)
  const before = await openStore(path)
  const sequencer = await openSequencer(before)
  for (let place = 0; place < 6; place += 1) {
    await record(before, { subject: `s${place}` })
    mustBe(await sequencer.flush())
  }
  await sequencer.close()
  await before.close()
  const database = new DatabaseSync(path)
  const triggers = database.prepare("select name from sqlite_master where type = 'trigger'").all()
  for (const { name } of triggers) database.exec(`drop trigger ${String(name)}`)
  database.exec(sql)
  database.close()
  return path
}

const fallen: readonly (readonly [says: string, sql: string, want: RegExp])[] = [
  ['a body changed', `update leaves set body = replace(body, 'ana', 'eve') where place = 2`, /leaf 2: the body is not the one/],
  ['a body that is no JSON', `update leaves set body = 'x' where place = 2`, /the body of leaf 2 is missing/],
  [
    'a body erased without an entry',
    'update leaves set body = null, salt = null where place = 2',
    /the body of leaf 2 is missing and no entry says/,
  ],
  [
    'a leaf changed',
    `update leaves set leaf = x'01${'00'.repeat(32)}' where place = 2`,
    /checkpoint of size 3: its root is not that of the leaves/,
  ],
  ['a leaf removed', 'delete from leaves where place = 2', /leaf 3: leaf 2 should stand here/],
  ['the last leaf removed', 'delete from leaves where place = 5', /checkpoint of size 6: it stands behind 5 leaves/],
  [
    'a head changed',
    `update checkpoints set note = replace(note, '6', '7') where size = 6`,
    /checkpoint: the signature of remit.example\/main does not fit/,
  ],
  ['the last head removed', 'delete from checkpoints where size = 6', /leaves 5 to 5 are under no checkpoint/],
]

for (const [says, sql, want] of fallen) {
  test(`named in the export: ${says}`, async (context) => {
    const store = await openStore(await tamper(context, sql))
    const report = await verify(store)
    assert.equal(report.ok, false)
    assert.match(describe(report), want)
    await store.close()
  })
}

const foreign: readonly (readonly [says: string, sql: string, want: RegExp])[] = [
  ['its compact range was changed', `update tree set frontier = zeroblob(64)`, /unverified: the stored tree is not the one/],
  ['its size was set back', 'update tree set size = 5', /unverified: the stored tree is not the one/],
  ['its head is gone', `update tree set checkpoint = ''`, /malformed/],
  ['its head is not ours', `update tree set checkpoint = replace(checkpoint, 'remit.example', 'other.example')`, /unverified/],
]

for (const [says, sql, want] of foreign) {
  test(`no ledger is continued when ${says}`, async (context) => {
    const store = await openStore(await tamper(context, sql))
    assert.match(refusal(await Sequencer.open({ store, signer, clock })), want)
    await store.close()
  })
}

test('a ledger is not continued under another key', async (context) => {
  const store = await openStore(await tamper(context, ''))
  const other = signerOf(signer.name, 9)
  assert.match(refusal(await Sequencer.open({ store, signer: other, clock })), /unverified: signed by none of the known keys/)
  await store.close()
})

test('a change that refused leaves nothing to number', async (context) => {
  const store = await openStore(await newPath(context))
  const sequencer = await openSequencer(store)
  await store.inSpace('main').change(async (tx) => {
    await tx.record({ kind: 'tried', actor: 'ana', subject: 'never', facts: {} })
    return refuse('grant.ended')
  })
  assert.equal(mustBe(await sequencer.flush()).size, 0)
  await sequencer.close()
  await store.close()
})

test('a journal and the ledger that anchors it are verified together, and a cut tail is found', async (context) => {
  const path = await newPath(context)
  const store = await openStore(path)
  const sequencer = await openSequencer(store)
  const disk = await openJournalFiles(`${path}-journal`)
  const journal = mustBe(await Journal.open({ signer: gateway, disk, clock, limits: { segmentBytesMax: 2_000 } }))
  for (let place = 0; place < 30; place += 1) mustBe(await journal.append({ at: Date.now(), type: 'decided', place }, 'durable'))
  const { n, hash } = mustBe(await journal.flush())
  const facts = { journal: journal.name, n, hash: Buffer.from(hash).toString('hex') }
  await record(store, { kind: 'journal.anchored', subject: journal.name, facts })
  mustBe(await sequencer.flush())
  const sound = await verify(store, [journal])
  assert.equal(describe(sound), '')
  assert.deepEqual(sound.journals, [{ name: 'gateway-http', lines: 60, seals: 30, anchors: 1, anchoredTo: 60, prunedTo: 0 }])
  await journal.close()
  const last = (await disk.list()).at(-1) ?? assert.fail()
  await rm(join(`${path}-journal`, `${String(last.first).padStart(16, '0')}.jsonl`))
  const cut = mustBe(await Journal.open({ signer: gateway, disk, clock }))
  assert.match(describe(await verify(store, [cut])), /it ends at line \d+, but leaf 0 anchors line 60/)
  await cut.close()
  assert.match(refusal(await Journal.open({ signer: gateway, disk, clock, anchored: facts })), /the ledger anchors line 60/)
  await sequencer.close()
  await store.close()
})
