/** Lines that are made whole late: the journal holds what it would have held, however soon it is asked to write. */
import assert from 'node:assert/strict'
import { createHash, createPrivateKey } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openJournalFiles } from '../host/journal-files.ts'
import { makeSigner } from '../host/key-files.ts'
import { makeId } from '../kernel/ids.ts'
import { canonicalJson, parseJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { type DecisionEntry, type OutcomeEntry, writeDecision, writeOutcome } from '../ledger/action-lines.ts'
import { startWalk, stepLine } from '../ledger/journal-format.ts'
import { Journal } from './journal.ts'
import { LateHash } from './late-hash.ts'
import { lateLine, lateOutcome } from './late-line.ts'
import { recordedArguments } from './recorded-arguments.ts'

const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 5)])
const signer = makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), 'gateway-mcp')
const clock = {
  now: () => Date.now(),
  after: (milliseconds: number, work: () => void) => {
    const timer = setTimeout(work, milliseconds)
    return () => clearTimeout(timer)
  },
  turn: () => new Promise<void>((resolve) => setImmediate(resolve)),
}
const given = { text: 'é"\n'.repeat(200_000), size: 3 }

function entryOf(given: DecisionEntry['arguments']): DecisionEntry {
  const none = { because: undefined, definition: undefined, detail: undefined, digest: undefined, duties: undefined, exception: undefined }
  const ids = {
    grant: undefined,
    hold: undefined,
    line: undefined,
    policies: undefined,
    provenance: undefined,
    refusal: undefined,
    session: undefined,
  }
  const said = {
    effect: 'write',
    outcome: 'allow',
    protocol: 'mcp',
    resource: 'tools/put',
    target: 'tools/call put',
    task: undefined,
  } as const
  const decision = makeId('dec', 1, new Uint8Array(10))
  return {
    ...none,
    ...ids,
    ...said,
    address: '127.0.0.1',
    arguments: given,
    at: 1,
    chain: [],
    decision,
    tier: 0,
    verb: 'tools/call',
    version: 1,
  }
}

for (const durability of ['buffered', 'written', 'durable'] as const)
  test(`a line with a long argument is whole, ${durability}, among others`, async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'remit-journal-'))
    context.after(() => rm(folder, { recursive: true }))
    const journal = mustBe(await Journal.open({ signer, clock, disk: await openJournalFiles(folder) }))
    const late = lateLine(given, clock)
    assert.ok(late !== undefined)
    const entry = entryOf(late.draft)
    mustBe(await journal.append({ at: 1, type: 'before' }, 'buffered'))
    const n = mustBe(await journal.append(late.of(entry), durability))
    mustBe(await journal.append({ at: 1, type: 'after' }, 'buffered'))
    mustBe(await journal.flush())
    const lines: string[] = []
    let walk = startWalk(journal.vkey)
    for await (const line of journal.read()) {
      walk = mustBe(stepLine(walk, line, journal.key)).walk
      lines.push(line)
    }
    await journal.close()
    const line = lines.find((each) => each.includes('"n":'.concat(`${n},`)))
    assert.equal(line, writeDecision(n, { ...entry, arguments: recordedArguments(given) }))
    assert.equal(canonicalJson(mustBe(parseJson(line ?? ''))), line)
  })

for (const isOfFrame of [false, true])
  test(`an outcome whose ${isOfFrame ? 'frame' : 'body'} is still being hashed is written with its whole hash`, async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'remit-journal-'))
    context.after(() => rm(folder, { recursive: true }))
    const journal = mustBe(await Journal.open({ signer, clock, disk: await openJournalFiles(folder) }))
    const body = Buffer.alloc(1_000_000, 'b')
    const entry: OutcomeEntry = {
      at: 1,
      bodySha256: undefined,
      decision: makeId('dec', 1, new Uint8Array(10)),
      frameSha256: undefined,
      milliseconds: 3,
      reason: undefined,
      requestBytes: body.byteLength,
      responseBytes: 0,
      result: 'answered',
      says: undefined,
      status: 200,
    }
    const hash = new LateHash(body)
    hash.step()
    const n = mustBe(await journal.append(lateOutcome(entry, { hex: () => hash.hex(), isOfFrame }), 'durable'))
    const lines: string[] = []
    for await (const line of journal.read()) lines.push(line)
    await journal.close()
    const hex = createHash('sha256').update(body).digest('hex')
    const wanted = writeOutcome(n, { ...entry, ...(isOfFrame ? { frameSha256: hex } : { bodySha256: hex }) })
    assert.ok(lines.includes(wanted), lines.join('\n'))
  })
