/** The journal's lines that need not wait: alone in the file at once, together in one write, and what becomes of them where the disk is behind or fails. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { type JournalFiles, openJournalFiles } from '../host/journal-files.ts'
import { makeSigner } from '../host/key-files.ts'
import { mustBe, type Result } from '../kernel/result.ts'
import { startWalk, stepLine } from '../ledger/journal-format.ts'
import { Journal, type JournalOptions } from './journal.ts'
import type { JournalDisk } from './journal-reading.ts'

const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 5)])
const signer = makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), 'gateway-http')

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

async function openOn(disk: JournalDisk, onFailure: (cause: unknown) => void = () => undefined): Promise<Journal> {
  return mustBe(await Journal.open({ signer, clock, disk, onFailure }))
}

/** These files, with some calls of somebody else. */
function diskOf(files: JournalFiles, other: Partial<JournalDisk>): JournalDisk {
  return {
    list: () => files.list(),
    create: (first) => files.create(first),
    append: (first, bytes) => files.append(first, bytes),
    appendNow: (first, bytes) => files.appendNow(first, bytes),
    sync: (first) => files.sync(first),
    read: (first, from, bytes) => files.read(first, from, bytes),
    remove: (first) => files.remove(first),
    truncate: (first, bytes) => files.truncate(first, bytes),
    close: () => files.close(),
    turn: () => files.turn(),
    ...other,
  }
}

const entry = (what: string): { at: number; type: string; what: string } => ({ at: 1, type: 'decided', what })

const refusal = (result: Result<unknown>): string => (result.ok ? 'accepted' : `${result.refusal.code}: ${result.refusal.detail}`)

/** How many lines there are, each checked as a stranger would. */
async function readAll(journal: Journal): Promise<number> {
  let walk = startWalk(journal.vkey)
  for await (const line of journal.read()) walk = mustBe(stepLine(walk, line, journal.key)).walk
  assert.deepEqual(walk.sealed, journal.head())
  return walk.head.n
}

test('one that comes alone is in the file when append returns, and is signed for soon after', async (context) => {
  const folder = await newFolder(context)
  // Never behind: on a busy machine a write may take longer, and those that follow then wait.
  const appendNow = (first: number, bytes: Uint8Array) => {
    appendFileSync(join(folder, `${String(first).padStart(16, '0')}.jsonl`), bytes)
    return true
  }
  const journal = await openOn(diskOf(await openJournalFiles(folder), { appendNow }))
  mustBe(await journal.append(entry('first'), 'durable'))
  for (const what of ['a', 'b']) {
    const sealed = new Promise((resolve) => journal.onSealed(resolve))
    const answer = journal.append(entry(what), 'written')
    assert.ok(!(answer instanceof Promise))
    const text = readFileSync(join(folder, '0000000000000001.jsonl'), 'utf8')
    assert.match(text, new RegExp(`"n":${mustBe(answer)},"type":"decided","v":1,"what":"${what}"}\n$`))
    assert.ok(journal.head().n < mustBe(answer))
    await sealed
    assert.ok(journal.head().n > mustBe(answer))
  }
  await readAll(journal)
  await journal.close()
})

test('those who come together wait for one write', async (context) => {
  const calls: string[] = []
  const files = await openJournalFiles(await newFolder(context))
  const append = (first: number, bytes: Uint8Array) => (calls.push('append'), files.append(first, bytes))
  const appendNow = (first: number, bytes: Uint8Array) => (calls.push('appendNow'), files.appendNow(first, bytes))
  const journal = await openOn(diskOf(files, { append, appendNow }))
  mustBe(await journal.append(entry('first'), 'durable'))
  calls.length = 0
  const answers = ['1', '2', '3', '4'].map((what) => journal.append(entry(what), 'written'))
  assert.deepEqual(
    answers.map((answer) => answer instanceof Promise),
    [false, true, true, true],
  )
  for (const answer of answers) mustBe(await answer)
  assert.deepEqual(calls, ['appendNow', 'append'])
  mustBe(await journal.flush())
  assert.equal(await readAll(journal), 2 + 4 + 1)
  await journal.close()
})

test('a disk that is behind is waited for elsewhere, and one that fails is never written to again', async (context) => {
  let is: 'quick' | 'behind' | 'full' = 'quick'
  const causes: unknown[] = []
  const files = await openJournalFiles(await newFolder(context))
  const appendNow = (first: number, bytes: Uint8Array) => {
    if (is === 'full') throw new Error('injected')
    return is === 'quick' && files.appendNow(first, bytes)
  }
  const journal = await openOn(diskOf(files, { appendNow }), (cause) => causes.push(cause))
  mustBe(await journal.append(entry('first'), 'durable'))
  is = 'behind'
  const answer = journal.append(entry('a'), 'written')
  assert.ok(answer instanceof Promise)
  mustBe(await answer)
  is = 'full'
  mustBe(await journal.append(entry('b'), 'buffered'))
  assert.match(refusal(await journal.append(entry('c'), 'written')), /not-recorded: the journal could not be written/)
  assert.equal(causes.length, 1)
  is = 'quick'
  for (const durability of ['buffered', 'written', 'durable'] as const)
    assert.match(refusal(await journal.append(entry('d'), durability)), /not-recorded/)
  await journal.close()
})
