/** The ledger among others: real stores, a real witness over HTTP, a folder outside; what each of them notices, and what stops then. */
import assert from 'node:assert/strict'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile, appendFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { Way } from '../../test/contract/postgres-way.ts'
import { buildWitnessServer } from '../api/witness-server.ts'
import { openHashFiles } from '../host/hash-files.ts'
import { headFolder, headUrl } from '../host/head-places.ts'
import { makeSigner } from '../host/key-files.ts'
import { witnessCalls } from '../host/witness-calls.ts'
import { openWitnessHeads } from '../host/witness-heads.ts'
import { done, mustBe, type Result } from '../kernel/result.ts'
import { openCheckpoint } from '../ledger/checkpoint.ts'
import { makeVkey, type NoteKey, parseVkey } from '../ledger/note.ts'
import { verifyExport } from '../ledger/verify.ts'
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts'
import { exportLedger } from './export-ledger.ts'
import { Ledger, type LedgerOptions } from './ledger.ts'
import { memoryShelf } from './log-tree.ts'
import type { Database } from './ports.ts'
import { Witness } from './witness.ts'
import type { WitnessLine } from './witnessing.ts'

function signerOf(name: string, seed: number): ReturnType<typeof makeSigner> {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)])
  return makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), name)
}

const signer = signerOf('remit.example/main', 1)
const own = mustBe(parseVkey(makeVkey(signer.name, signer.publicKey)))
const witnessSigner = signerOf('witness.example/w1', 5)
const witnessKey = mustBe(parseVkey(makeVkey(witnessSigner.name, witnessSigner.publicKey, 'cosigns')))
const refusal = (result: Result<unknown>): string => (result.ok ? 'accepted' : `${result.refusal.code}: ${result.refusal.detail}`)

const clock = {
  now: () => Date.now(),
  after: (milliseconds: number, work: () => void) => {
    const timer = setTimeout(work, milliseconds).unref()
    return () => clearTimeout(timer)
  },
}

async function newFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'remit-ledger-'))
  context.after(() => rm(folder, { recursive: true }))
  return folder
}

/** Closed by the test where that is part of it, and after it in any case: a test that fails must not hang. */
function once(close: () => Promise<void>): () => Promise<void> {
  let closed: Promise<void> | undefined
  return () => (closed ??= close())
}

interface RunningWitness extends WitnessLine {
  readonly key: NoteKey
  readonly alarms: string[]
  readonly url: string
  close(): Promise<void>
}

async function runWitness(context: TestContext, state: string): Promise<RunningWitness> {
  const heads = mustBe(openWitnessHeads(state))
  const alarms: string[] = []
  const witness = new Witness({ signer: witnessSigner, logs: [own], heads, clock, alarm: (says) => void alarms.push(says) })
  const server = buildWitnessServer((body) => witness.add(body))
  await server.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
  const close = once(async () => {
    await server.close()
    heads.close()
  })
  context.after(close)
  return { key: witnessKey, add: witnessCalls(url), alarms, url, close }
}

interface Running {
  readonly ledger: Ledger
  readonly database: Database
  readonly alarms: string[]
  record(count: number): Promise<void>
  close(): Promise<void>
}

async function open(context: TestContext, path: string, more: Partial<LedgerOptions> = {}): Promise<Result<Running>> {
  const database = mustBe(await openSqliteStore({ path, pid: process.pid, now: () => Date.now(), chance: (count) => randomBytes(count) }))
  const alarms: string[] = []
  const store = database.inSpace('main')
  const ledger = await Ledger.open({
    database,
    store,
    signer,
    clock,
    shelf: memoryShelf(),
    witnesses: [],
    alarm: (says) => void alarms.push(says),
    ...more,
  })
  if (!ledger.ok) {
    await database.close()
    return ledger
  }
  const close = once(async () => {
    await ledger.value.close()
    await database.close()
  })
  context.after(close)
  return done({
    ledger: ledger.value,
    database,
    alarms,
    async record(count) {
      mustBe(
        await store.change(async (tx) => {
          for (let place = 0; place < count; place += 1) await tx.record({ kind: 'tried', actor: 'ana', subject: `s${place}`, facts: {} })
          return done(undefined)
        }),
      )
    },
    close,
  })
}

const headOf = async ({ database }: Running) => mustBe(openCheckpoint((await database.tree()).checkpoint, signer.name, [own, witnessKey]))

async function copyStore(from: string, to: string): Promise<void> {
  for (const end of ['', '-wal']) await copyFile(`${from}${end}`, `${to}${end}`).catch(() => undefined)
}

test('each new head is cosigned, kept so, and exported so', async (context) => {
  const folder = await newFolder(context)
  const witness = await runWitness(context, join(folder, 'witness'))
  const running = mustBe(await open(context, join(folder, 'remit.db'), { witnesses: [witness] }))
  for (const count of [3, 300, 1]) {
    await running.record(count)
    mustBe(await running.ledger.sequencer.flush())
    await running.ledger.witness()
    const head = await headOf(running)
    assert.deepEqual(
      head.keys.map((key) => key.name),
      [signer.name, witnessSigner.name],
    )
    assert.equal(running.ledger.standing().witnesses[0]?.size, head.size)
  }
  const { ledger, database } = running
  const lines = exportLedger({ store: database, space: 'main', origin: signer.name, vkeys: ledger.vkeys, journals: [] })
  const report = await verifyExport(lines, [own.vkey, witnessKey.vkey])
  assert.deepEqual(report.failures, [])
  assert.equal(report.witnesses[0]?.size, report.size)
  // Named in the ledger itself when it was first used.
  assert.match((await database.leaves(0, 1))[0]?.body ?? '', /"kind":"ledger\.witness-named".*"subject":"witness\.example\/w1"/)
  assert.deepEqual([running.alarms, witness.alarms], [[], []])
  await running.close()
  await witness.close()
})

test('a witness that is away is told once, shown until it is heard, and catches up', async (context) => {
  const folder = await newFolder(context)
  const witness = await runWitness(context, join(folder, 'witness'))
  const way = await Way.to({ host: '127.0.0.1', port: Number(new URL(witness.url).port) })
  context.after(() => way.remove())
  const first = { key: witness.key, add: witnessCalls(`http://127.0.0.1:${way.port}`) }
  const running = mustBe(await open(context, join(folder, 'remit.db'), { witnesses: [first] }))
  await running.record(5)
  mustBe(await running.ledger.sequencer.flush())
  await running.ledger.witness()
  way.cut()
  for (let round = 0; round < 3; round += 1) {
    await running.record(2)
    mustBe(await running.ledger.sequencer.flush())
    await running.ledger.witness()
  }
  assert.equal(running.alarms.filter((says) => /does not cosign/.test(says)).length, 1)
  assert.match(running.ledger.standing().witnesses[0]?.late ?? '', /not reached/)
  assert.equal(running.ledger.isDisputed, false)
  way.mend()
  await running.ledger.witness()
  assert.equal((await headOf(running)).keys.length, 2)
  assert.match(running.alarms.at(-1) ?? '', /heard again/)
  assert.equal(running.ledger.standing().witnesses[0]?.late, undefined)
  await running.close()
})

test('a store that was put back is disputed by the witness before anything more is signed', async (context) => {
  const folder = await newFolder(context)
  const path = join(folder, 'remit.db')
  const witness = await runWitness(context, join(folder, 'witness'))
  const before = mustBe(await open(context, path, { witnesses: [witness] }))
  await before.record(5)
  mustBe(await before.ledger.sequencer.flush())
  await before.close()
  await copyStore(path, `${path}.old`)
  const later = mustBe(await open(context, path, { witnesses: [witness] }))
  await later.record(5)
  mustBe(await later.ledger.sequencer.flush())
  await later.close()
  await rm(`${path}-wal`, { force: true })
  await rm(`${path}-shm`, { force: true })
  await copyStore(`${path}.old`, path)

  const back = mustBe(await open(context, path, { witnesses: [witness] }))
  const size = (await back.database.tree()).size
  assert.equal(back.ledger.isDisputed, true)
  assert.match(back.alarms.join('\n'), /THE LEDGER IS DISPUTED by the witness witness\.example\/w1: it has cosigned a head of size/)
  await back.record(3)
  assert.match(refusal(await back.ledger.sequencer.flush()), /^ledger\.disputed/)
  assert.equal((await back.database.tree()).size, size)
  assert.ok((await back.database.outbox(10)).length >= 3)
  assert.equal(mustBe(await back.ledger.sequencer.head()).size, size)
  await back.close()

  // It stays so, also while the witness is away.
  await witness.close()
  const deaf = mustBe(await open(context, path, { witnesses: [witness] }))
  assert.equal(deaf.ledger.isDisputed, true)
  await deaf.close()

  // Taking the witness away is what an operator does who has looked: it is recorded, and what waited is signed.
  const settled = mustBe(await open(context, path))
  assert.equal(settled.ledger.isDisputed, false)
  assert.equal((await settled.database.outbox(10)).length, 0)
  const bodies = (await settled.database.leaves(0, 1_000)).map((row) => row.body ?? '')
  assert.ok(bodies.some((body) => body.includes('"kind":"ledger.disputed"')))
  assert.ok(bodies.some((body) => body.includes('"how":"the witness was taken away"')))
  await settled.close()
})

test('a log that parted is disputed as soon as it is brought', async (context) => {
  const folder = await newFolder(context)
  const witness = await runWitness(context, join(folder, 'witness'))
  const one = mustBe(await open(context, join(folder, 'one.db'), { witnesses: [witness] }))
  await one.record(5)
  mustBe(await one.ledger.sequencer.flush())
  await one.ledger.witness()
  await one.close()
  const other = mustBe(await open(context, join(folder, 'other.db'), { witnesses: [witness] }))
  await other.record(50)
  await other.ledger.sequencer.flush()
  await other.ledger.witness()
  assert.equal(other.ledger.isDisputed, true)
  assert.match(other.alarms.join('\n'), /THE LEDGER IS DISPUTED .*does not follow the one it cosigned/)
  assert.match(witness.alarms.join('\n'), /was not proved to follow/)
  await other.close()
  await witness.close()
})

test('a witness that answers nonsense, or with the word of another, is not believed and no dispute', async (context) => {
  const folder = await newFolder(context)
  const answers: readonly (readonly [status: number, body: string])[] = [
    [200, ''],
    [200, '— witness.example/w1 AAAA\n'],
    [200, `— witness.example/w1 ${Buffer.alloc(76, 1).toString('base64')}\n`],
    [409, 'many\n'],
    [409, '00\n'],
    [404, 'not known\n'],
    [500, 'it failed\n'],
    [204, ''],
    [302, ''],
  ]
  let turn = -1
  const server = createServer((_request, response) => {
    turn += 1
    const [status, body] = answers[turn] ?? [500, '']
    response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end(body)
  })
  context.after(() => void server.close())
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const line = { key: witnessKey, add: witnessCalls(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) }
  const running = mustBe(await open(context, join(folder, 'remit.db'), { witnesses: [line] }))
  await running.record(2)
  mustBe(await running.ledger.sequencer.flush())
  for (const [status, body] of answers) {
    await running.ledger.witness()
    assert.notEqual(running.ledger.standing().witnesses[0]?.late, undefined, `${status} ${body}`)
    assert.equal(running.ledger.isDisputed, false, `${status} ${body}`)
  }
  assert.equal((await headOf(running)).keys.length, 1)
  await running.close()
})

test('heads are kept in a folder outside, and a store that lost its tail does not start beside them', async (context) => {
  const folder = await newFolder(context)
  const path = join(folder, 'remit.db')
  const outside = join(folder, 'outside')
  const place = () => headFolder(outside, signer.name, () => Date.UTC(2026, 10, 21))
  const before = mustBe(await open(context, path, { place: place() }))
  await before.record(5)
  mustBe(await before.ledger.sequencer.flush())
  await before.close()
  await copyStore(path, `${path}.old`)
  const later = mustBe(await open(context, path, { place: place() }))
  await later.record(5)
  mustBe(await later.ledger.sequencer.flush())
  await later.close()
  assert.deepEqual(await readdir(outside), ['remit.example_main-2026-11.jsonl'])
  const file = join(outside, 'remit.example_main-2026-11.jsonl')
  const kept = (await readFile(file, 'utf8')).trimEnd().split('\n')
  assert.deepEqual(
    kept.map((line) => mustBe(openCheckpoint(JSON.parse(line).checkpoint, signer.name, [own])).size),
    [5, 10],
  )
  const well = mustBe(await open(context, path, { place: place() }))
  await well.close()

  await rm(`${path}-wal`, { force: true })
  await copyStore(`${path}.old`, path)
  assert.match(
    refusal(await open(context, path, { place: place() })),
    /ledger\.tail-lost: the head kept at .*outside has 10 entries, the store 5/,
  )
  // A line that was cut short by a crash hides nothing of the line before it.
  await appendFile(file, '{"checkpoint":"remit')
  assert.match(refusal(await open(context, path, { place: place() })), /ledger\.tail-lost/)

  const other = mustBe(await open(context, join(folder, 'other.db')))
  await other.record(20)
  mustBe(await other.ledger.sequencer.flush())
  await other.close()
  assert.match(
    refusal(await open(context, join(folder, 'other.db'), { place: place() })),
    /ledger\.tail-lost: the first 10 entries are not those of the head kept/,
  )
  await writeFile(file, `${JSON.stringify({ checkpoint: 'nonsense' })}\n`)
  assert.match(refusal(await open(context, path, { place: place() })), /ledger\.malformed: the head kept at/)
})

test('heads are kept at a URL; one that cannot be read keeps Remit from starting, one that cannot be written is an alarm', async (context) => {
  const folder = await newFolder(context)
  let kept: string | undefined
  let fails = false
  const server = createServer((request, response) => {
    if (fails) return void response.writeHead(503).end()
    if (request.method === 'GET') return void response.writeHead(kept === undefined ? 404 : 200).end(kept)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      kept = Buffer.concat(parts).toString()
      response.writeHead(204).end()
    })
  })
  context.after(() => void server.close())
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const place = headUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}/head?token=secret`)
  const running = mustBe(await open(context, join(folder, 'remit.db'), { place }))
  await running.record(2)
  mustBe(await running.ledger.sequencer.flush())
  await running.close()
  assert.equal(mustBe(openCheckpoint(kept ?? '', signer.name, [own])).size, 2)
  const again = mustBe(await open(context, join(folder, 'remit.db'), { place }))
  fails = true
  await again.record(2)
  mustBe(await again.ledger.sequencer.flush())
  await again.close()
  assert.match(again.alarms.join('\n'), /cannot be kept at http:\/\/127\.0\.0\.1:\d+$/)
  assert.match(
    refusal(await open(context, join(folder, 'remit.db'), { place })),
    /ledger\.unanchored: http:\/\/127\.0\.0\.1:\d+: it answered 503/,
  )
})

test('nobody outside holds a head: it works, and says so', async (context) => {
  const folder = await newFolder(context)
  const running = mustBe(await open(context, join(folder, 'remit.db'), { shelf: await openHashFiles(join(folder, 'tiles')) }))
  assert.deepEqual(running.ledger.standing(), { isSigning: true, isIndependent: false, witnesses: [] })
  await running.close()
})

test('a new epoch is another log: tiles and heads of the one before neither bind it nor are taken for its own', async (context) => {
  const folder = await newFolder(context)
  const outside = () => ({ place: headFolder(join(folder, 'outside'), signer.name, () => Date.UTC(2026, 10, 21)) })
  const tiles = async () => ({ shelf: await openHashFiles(join(folder, 'tiles')) })
  const before = mustBe(await open(context, join(folder, 'remit.db'), { ...outside(), ...(await tiles()) }))
  await before.record(300)
  mustBe(await before.ledger.sequencer.flush())
  await before.close()
  const path = join(folder, 'restored.db')
  assert.match(refusal(await open(context, path, await tiles())), /ledger\.tail-lost: the tiles/)
  assert.match(refusal(await open(context, path, outside())), /ledger\.tail-lost: the head kept/)
  const next = signerOf(`${signer.name}/epoch-2`, 1)
  const later = mustBe(await open(context, path, { ...outside(), ...(await tiles()), signer: next }))
  await later.record(260)
  mustBe(await later.ledger.sequencer.flush())
  assert.equal((await later.ledger.tree.root(260)).byteLength, 32)
  assert.deepEqual(later.alarms, [])
  await later.close()
  // Somebody else's key under that name is no later epoch.
  const stranger = signerOf(`${signer.name}/epoch-2`, 9)
  assert.match(
    refusal(await open(context, join(folder, 'foreign.db'), { ...outside(), signer: stranger })),
    /ledger\.unverified: the head kept/,
  )
})
