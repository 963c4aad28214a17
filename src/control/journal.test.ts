/** The journal on real files: what is acknowledged stays through crashes and failing disks, and every change of it is found. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import fc from 'fast-check'
import { openJournalFiles } from '../host/journal-files.ts'
import { makeSigner } from '../host/key-files.ts'
import { isId, makeId } from '../kernel/ids.ts'
import type { JsonObject } from '../kernel/json.ts'
import { mustBe, type Result } from '../kernel/result.ts'
import { startWalk, stepLine, type Walk } from '../ledger/journal-format.ts'
import { makeVkey, parseVkey } from '../ledger/note.ts'
import { type Durability, Journal, type JournalOptions } from './journal.ts'
import type { JournalDisk } from './journal-reading.ts'

const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 5)])
const signer = makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), 'gateway-http')
const key = mustBe(parseVkey(makeVkey(signer.name, signer.publicKey)))

const clock: JournalOptions['clock'] = {
  now: () => Date.now(),
  after: (milliseconds, work) => {
    const timer = setTimeout(work, milliseconds)
    return () => clearTimeout(timer)
  },
}

async function newFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'remit-journal-'))
  context.after(() => rm(folder, { recursive: true }))
  return folder
}

async function openOn(folder: string, more: Partial<JournalOptions> = {}): Promise<Journal> {
  return mustBe(await Journal.open({ signer, clock, disk: await openJournalFiles(folder), ...more }))
}

const entry = (what: string | number, more: object = {}): { at: number; type: string; what: string | number } => ({
  at: 1,
  type: 'decided',
  what,
  ...more,
})

/** Every line on the disk, checked as a stranger would. */
async function readAll(journal: Journal): Promise<{ entries: JsonObject[]; walk: Walk }> {
  let walk = startWalk(journal.vkey)
  const entries: JsonObject[] = []
  for await (const line of journal.read()) {
    const step = mustBe(stepLine(walk, line, key))
    walk = step.walk
    entries.push(step.entry)
  }
  return { entries, walk }
}

const refusal = (result: Result<unknown>): string => (result.ok ? 'accepted' : `${result.refusal.code}: ${result.refusal.detail}`)

/** The disk with a say in each call: what `before` throws, the call throws. */
function watch(
  disk: JournalDisk,
  before: (call: keyof JournalDisk, bytes?: Uint8Array, first?: number) => Promise<void> | void,
): JournalDisk {
  return {
    list: async () => (await before('list'), disk.list()),
    create: async (first) => (await before('create'), disk.create(first)),
    append: async (first, bytes) => (await before('append', bytes, first), disk.append(first, bytes)),
    sync: async (first) => (await before('sync'), disk.sync(first)),
    read: async (first, from, bytes) => (await before('read'), disk.read(first, from, bytes)),
    remove: async (first) => (await before('remove'), disk.remove(first)),
    truncate: async (first, bytes) => (await before('truncate'), disk.truncate(first, bytes)),
    close: async () => (await before('close'), disk.close()),
    ...(disk.appendNow === undefined
      ? {}
      : { appendNow: (first: number, bytes: Uint8Array) => (void before('appendNow'), disk.appendNow?.(first, bytes) === true) }),
    ...(disk.turn === undefined ? {} : { turn: () => disk.turn?.() ?? Promise.resolve() }),
  }
}

test('entries are numbered without a gap, sealed and read back after opening again', async (context) => {
  const folder = await newFolder(context)
  const first = await openOn(folder)
  assert.equal(mustBe(await first.append(entry('a'), 'durable')), 1)
  assert.equal(mustBe(await first.append(entry('b'), 'written')), 3)
  // It is written at once, and signed for together with the next.
  assert.equal(mustBe(await first.append(entry('c'), 'buffered')), 4)
  const head = mustBe(await first.flush())
  assert.deepEqual(head, first.head())
  await first.close()
  const again = await openOn(folder, { anchored: { n: head.n, hash: Buffer.from(head.hash).toString('hex') } })
  assert.deepEqual(again.head().n, 5)
  assert.equal(mustBe(await again.append(entry('d'), 'durable')), 6)
  const { entries, walk } = await readAll(again)
  assert.deepEqual(
    entries.map(({ n, type, what }) => [n, type, what]),
    [
      [1, 'decided', 'a'],
      [2, 'seal', undefined],
      [3, 'decided', 'b'],
      [4, 'decided', 'c'],
      [5, 'seal', undefined],
      [6, 'decided', 'd'],
      [7, 'seal', undefined],
    ],
  )
  assert.deepEqual(walk.head, again.head())
  assert.equal((await stat(join(folder, '0000000000000001.jsonl'))).mode & 0o777, 0o600)
  await again.close()
})

test('durable entries share a sync, and none is acknowledged before it', async (context) => {
  const calls: string[] = []
  const files = await openJournalFiles(await newFolder(context))
  const sync = (first: number): Promise<void> => files.sync(first).then(() => void calls.push('synced'))
  const disk = { ...watch(files, (call) => void calls.push(call)), sync }
  const journal = mustBe(await Journal.open({ signer, clock, disk }))
  calls.length = 0
  const all = Array.from({ length: 500 }, async (_, place) => {
    mustBe(await journal.append(entry(place), place % 2 === 0 ? 'durable' : 'written'))
    calls.push(place % 2 === 0 ? 'durable' : 'written')
  })
  await Promise.all(all)
  assert.deepEqual([...new Set(calls)], ['create', 'append', 'written', 'synced', 'durable'])
  assert.equal(calls.filter((call) => call === 'synced').length, 1)
  await journal.close()
})

test('an entry that nobody waits for is written soon by itself', async (context) => {
  const journal = await openOn(await newFolder(context))
  const sealed = new Promise((resolve) => journal.onSealed(resolve))
  mustBe(await journal.append(entry('a'), 'buffered'))
  assert.equal(journal.head().n, 0)
  await sealed
  assert.equal(journal.head().n, 2)
  await journal.close()
})

test('under flood whoever appends must wait, then is refused, and goes on when the disk does', async (context) => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  const disk = watch(await openJournalFiles(await newFolder(context)), (call) => (call === 'append' ? gate : undefined))
  const limits = { queueBytesMax: 4000 }
  const journal = mustBe(await Journal.open({ signer, clock, disk, limits }))
  const answers: Promise<Result<number>>[] = []
  const settled: number[] = []
  for (let place = 0; place < 100; place += 1) {
    const answer = appendTo(journal, `${place}`.padStart(50, '.'), 'buffered')
    answers.push(answer)
    void answer.then((result) => (result.ok ? settled.push(place) : undefined))
  }
  await new Promise(setImmediate)
  const atOnce = settled.length
  assert.ok(atOnce > 10 && atOnce < 25, `${atOnce} were acknowledged at once`)
  release()
  const results = await Promise.all(answers)
  const recorded = results.filter((result) => result.ok).length
  assert.ok(recorded > atOnce && recorded < 50, `${recorded} were recorded`)
  assert.match(refusal(results[99] ?? assert.fail()), /action.not-recorded: too much waits/)
  mustBe(await journal.append(entry('later'), 'durable'))
  const { entries } = await readAll(journal)
  assert.equal(entries.filter(({ type }) => type === 'decided').length, recorded + 1)
  await journal.close()
})

test('a full journal and an entry without end are refused', async (context) => {
  const journal = await openOn(await newFolder(context), { limits: { journalBytesMax: 2000 } })
  assert.match(refusal(await journal.append(entry('x'.repeat(1_100_000)), 'durable')), /not-recorded: the entry is too large/)
  const results: string[] = []
  for (let place = 0; place < 20; place += 1) results.push(refusal(await journal.append(entry(place), 'durable')))
  assert.equal(results[0], 'accepted')
  assert.match(results[19] ?? '', /not-recorded: the journal is full/)
  assert.ok(!results.slice(results.indexOf(results[19] ?? '')).includes('accepted'))
  await readAll(journal)
  await journal.close()
  assert.match(refusal(await journal.append(entry('x'), 'durable')), /not-recorded: the journal is closed/)
})

test('segments follow each other without a gap', async (context) => {
  const folder = await newFolder(context)
  const limits = { segmentBytesMax: 1000 }
  for (let round = 0; round < 4; round += 1) {
    const journal = await openOn(folder, { limits })
    for (let place = 0; place < 7; place += 1) mustBe(await journal.append(entry(place), place % 2 === 0 ? 'durable' : 'written'))
    const { entries, walk } = await readAll(journal)
    assert.equal(entries.filter(({ type }) => type === 'decided').length, (round + 1) * 7)
    assert.deepEqual(walk.head, journal.head())
    const some: string[] = []
    for await (const line of journal.read(9)) some.push(line)
    assert.match(some[0] ?? '', /"n":9,/)
    await journal.close()
  }
  assert.ok((await readdir(folder)).length > 5)
})

const decision = makeId('dec', 1, Buffer.alloc(10, 1))

test('the entries of a decision are found in whatever segments they lie, within a bound', async (context) => {
  const journal = await openOn(await newFolder(context), { limits: { segmentBytesMax: 1000 } })
  assert.ok(isId('dec', decision))
  assert.match(refusal(await journal.findDecision(decision)), /not-found/)
  for (let place = 0; place < 8; place += 1) mustBe(await journal.append(entry(place), 'durable'))
  mustBe(await journal.append(entry('decided', { decision }), 'durable'))
  mustBe(await journal.append(entry('another', { decision: makeId('dec', 2, Buffer.alloc(10, 1)), of: decision }), 'durable'))
  mustBe(await journal.append(entry('x'.repeat(900)), 'durable'))
  mustBe(await journal.append(entry('finished', { decision }), 'buffered'))
  const found = mustBe(await journal.findDecision(decision))
  assert.deepEqual(
    found.map(({ what }) => what),
    ['decided', 'finished'],
  )
  for (let place = 0; place < 8; place += 1) mustBe(await journal.append(entry(place), 'durable'))
  assert.equal(mustBe(await journal.findDecision(decision)).length, 2)
  assert.match(refusal(await journal.findDecision(decision, 500)), /not-found/)
  await journal.close()
})

/** What may be answered at once, as something to wait for. */
function appendTo(journal: Journal, what: string | number, durability: Durability): Promise<Result<number>> {
  return Promise.resolve(journal.append(entry(what), durability))
}

/** A journal of a few groups, closed: its folder, its only file and its head. */
async function writeSome(folder: string): Promise<{ file: string; text: Buffer; anchored: { n: number; hash: string } }> {
  const journal = await openOn(folder)
  for (let place = 0; place < 4; place += 1) {
    const both = [appendTo(journal, `first of ${place}`, 'written'), appendTo(journal, `second of ${place}`, 'durable')]
    for (const result of await Promise.all(both)) mustBe(result)
  }
  await journal.close()
  const file = join(folder, '0000000000000001.jsonl')
  const { n, hash } = journal.head()
  return { file, text: await readFile(file), anchored: { n, hash: Buffer.from(hash).toString('hex') } }
}

test('cut at any byte it opens again with every finished line, says what it found, and goes on', async (context) => {
  const folder = await newFolder(context)
  const { file, text } = await writeSome(folder)
  for (let length = text.byteLength; length >= 0; length -= 7) {
    await writeFile(file, text.subarray(0, length))
    const finished = text.subarray(0, length).toString().split('\n').length - 1
    const torn = length - (text.subarray(0, length).lastIndexOf('\n') + 1)
    const journal = await openOn(folder)
    mustBe(await journal.append(entry('next'), 'durable'))
    const { entries } = await readAll(journal)
    await journal.close()
    const recovered = entries[finished]
    if (torn > 0) assert.deepEqual([recovered?.type, recovered?.tornBytes], ['recovered', torn])
    if (finished % 3 !== 0) assert.deepEqual([recovered?.type, recovered?.unsealedLines], ['recovered', finished % 3])
    if (torn === 0 && finished % 3 === 0) assert.equal(recovered?.what, 'next')
  }
})

test('zero bytes that a power cut left at the end are torn off', async (context) => {
  const folder = await newFolder(context)
  const { file, text } = await writeSome(folder)
  await writeFile(file, Buffer.concat([text, Buffer.alloc(100), Buffer.from('x\n')]))
  const journal = await openOn(folder)
  assert.equal((await readAll(journal)).entries[12]?.tornBytes, 102)
  await journal.close()
})

test('any flipped bit keeps it from opening, once its end is anchored', async (context) => {
  const folder = await newFolder(context)
  const { file, text, anchored } = await writeSome(folder)
  const flip = async (at: number, bit: number): Promise<void> => {
    const changed = Buffer.from(text)
    changed[at] = (changed[at] ?? 0) ^ (1 << bit)
    await writeFile(file, changed)
    const opened = await Journal.open({ signer, clock, disk: await openJournalFiles(folder), anchored })
    assert.match(refusal(opened), /^ledger\.(malformed|unverified): /, `bit ${bit} of byte ${at}`)
    assert.deepEqual(await readFile(file), changed, 'a journal that is refused is left as it is')
  }
  await fc.assert(fc.asyncProperty(fc.nat(text.byteLength - 1), fc.nat(7), flip), { numRuns: 1000 })
})

const damage: readonly (readonly [says: string, change: (text: string) => string, want: RegExp])[] = [
  ['a byte changed in a sealed line', (text) => text.replace('second of 2', 'second of 7'), /lines 7 to 8 are not those that line 9 seals/],
  ['a line removed', (text) => text.replace(/.*second of 1.*\n/, ''), /lines 4 to 4 are not those that line 5 seals/],
  [
    'the signature of the last seal',
    (text) => text.replace(/"sig":"..(?=[^\n]*\n$)/, '"sig":"AA'),
    /the seal in line 12 is not signed by the key of gateway-http/,
  ],
  ['a line without a number at the end', (text) => `${text}{}\n`, /line 13 has a version/],
  ['a seal of another kind at the end', (text) => `${text}{"n":13,"type":"seal","v":1}\n`, /line 13 is not a seal/],
  [
    'the tail cut behind a seal',
    (text) => text.split('\n').slice(0, 9).join('\n') + '\n',
    /the journal ends at line 9, but the ledger anchors line 12/,
  ],
  ['everything', () => '', /the journal ends at line 0, but the ledger anchors line 12/],
]

for (const [says, change, want] of damage) {
  test(`does not open when damaged: ${says}`, async (context) => {
    const folder = await newFolder(context)
    const { file, text, anchored } = await writeSome(folder)
    const changed = change(text.toString())
    assert.notEqual(changed, text.toString())
    await writeFile(file, changed)
    assert.match(refusal(await Journal.open({ signer, clock, disk: await openJournalFiles(folder), anchored })), want)
  })
}

test('a segment is synced before the next one is made', async (context) => {
  const calls: string[] = []
  const disk = watch(await openJournalFiles(await newFolder(context)), (call) => void calls.push(call))
  const journal = mustBe(await Journal.open({ signer, clock, disk, limits: { segmentBytesMax: 1000 } }))
  calls.length = 0
  for (let place = 0; place < 30; place += 1) mustBe(await journal.append(entry(place), 'written'))
  const made = calls.flatMap((call, place) => (call === 'create' ? [place] : []))
  assert.ok(made.length > 2)
  for (const place of made.slice(1)) assert.equal(calls[place - 1], 'sync')
  await journal.close()
})

test('does not open when its own gateway wrote it anew', async (context) => {
  const { anchored } = await writeSome(await newFolder(context))
  const folder = await newFolder(context)
  const journal = await openOn(folder)
  for (let place = 0; place < 12; place += 1) mustBe(await journal.append(entry('another story'), 'durable'))
  await journal.close()
  const opened = await Journal.open({ signer, clock, disk: await openJournalFiles(folder), anchored })
  assert.match(refusal(opened), /unverified: line 12 is not the one that the ledger anchors/)
})

test('does not open with a segment gone, or the one before it cut', async (context) => {
  const folder = await newFolder(context)
  const journal = await openOn(folder, { limits: { segmentBytesMax: 700 } })
  for (let place = 0; place < 9; place += 1) mustBe(await journal.append(entry(place), 'durable'))
  await journal.close()
  const files = (await readdir(folder)).toSorted()
  assert.ok(files.length > 3)
  const before = join(folder, files.at(-2) ?? '')
  const text = await readFile(before)
  const disk = await openJournalFiles(folder)
  await truncate(before, text.byteLength - 5)
  assert.match(refusal(await Journal.open({ signer, clock, disk })), /does not end with a seal/)
  await writeFile(before, text.toString().replace(/"sig":"..(?=[^\n]*\n$)/, '"sig":"AA'))
  assert.match(refusal(await Journal.open({ signer, clock, disk })), /is not signed by the key/)
  await rm(before)
  assert.match(refusal(await Journal.open({ signer, clock, disk })), /is in no segment/)
})

for (const torn of [false, true]) {
  test(`a disk that fails at the nth call${torn ? ', half way through a write' : ''}: nothing is acknowledged after it, nothing acknowledged is lost`, async (context) => {
    let calls = 0
    for (let nth = 1; nth === 1 || calls >= nth - 1; nth += 1) {
      assert.ok(nth < 200)
      const folder = await newFolder(context)
      calls = 0
      const files = await openJournalFiles(folder)
      const disk = watch(files, async (call, bytes, first) => {
        calls += 1
        if (calls !== nth || call === 'close') return
        if (torn && bytes !== undefined) await files.append(first ?? 0, bytes.subarray(0, bytes.byteLength / 2))
        throw new Error('injected')
      })
      const causes: unknown[] = []
      const acknowledged = new Map<number, number>()
      const limits = { segmentBytesMax: 800 }
      const opened = await Journal.open({ signer, clock, disk, limits, onFailure: (cause) => causes.push(cause) })
      if (opened.ok) {
        for (let place = 0; place < 12; place += 2) {
          const both: Promise<Result<number>>[] = [appendTo(opened.value, place, 'durable'), appendTo(opened.value, place + 1, 'written')]
          for (const [more, result] of (await Promise.all(both)).entries()) {
            if (result.ok) assert.ok(causes.length === 0 || more === 1, 'durable after a failure')
            if (result.ok) acknowledged.set(result.value, place + more)
            else assert.match(refusal(result), /action.not-recorded/)
          }
        }
        if (causes.length > 0) assert.equal((await opened.value.append(entry('late'), 'buffered')).ok, false)
        await opened.value.close()
      } else assert.match(refusal(opened), /store.unavailable/)
      const again = await openOn(folder, { limits })
      const { entries } = await readAll(again)
      for (const [n, what] of acknowledged) assert.equal(entries[n - 1]?.what, what)
      const next = mustBe(await again.append(entry('next'), 'durable'))
      assert.ok(next > Math.max(0, ...acknowledged.keys()))
      await again.close()
    }
  })
}
