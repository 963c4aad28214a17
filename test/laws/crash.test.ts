/** A house whose process is killed outright under load: what it acknowledged is there, what it lent still ends, and its record verifies. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'node:test'
import { completeGrant } from '../../src/control/end-grant.ts'
import { exportLedger } from '../../src/control/export-ledger.ts'
import { sweep } from '../../src/control/sweep.ts'
import { openJournalFiles } from '../../src/host/journal-files.ts'
import type { DecisionId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { verifyExport } from '../../src/ledger/verify.ts'
import { openDataFolder } from '../../src/main/data-folder.ts'
import { cedarText, type RuleBook, shopService } from '../cases/rule-book.ts'
import { seededChance } from '../world/chance.ts'
import { TestClock } from '../world/clock.ts'
import { allowed, answered, ask, callOf, held, hour, start } from '../world/deeds.ts'
import { asDocument } from '../world/shop.ts'
import { openWorldOf, reopenWorld, testParts, type World, type WorldParts } from '../world/world.ts'

const rounds = 10
const book: RuleBook = {
  asks: [{ id: 'agents', role: 'agents', most: 60 }],
  guards: [{ id: 'restart-needs-a-person', on: 'restart', hold: [{ count: 1, from: ['role:sre'] }] }],
}
const document = asDocument({
  version: 1,
  policyFiles: [{ name: 'book.cedar', text: cedarText(book) }],
  people: [{ name: 'ana' }, { name: 'ben' }],
  roles: { agents: ['aide'], sre: ['ana', 'ben'] },
  identities: [{ name: 'aide', kind: 'ai-agent', owner: 'ana' }],
  services: [shopService],
})

/** The same data folder and keys, and chance that no other process had. */
async function partsOf(path: string, chance: number): Promise<WorldParts> {
  const folder = await openDataFolder(path)
  const clock = new TestClock(Date.now())
  const parts = testParts(1, folder.store, clock)
  const [room] = parts.rooms
  return { ...parts, clock, chance: seededChance(chance), rooms: [{ ...room, journalDisk: () => openJournalFiles(folder.journal) }] }
}

// --- The process that is killed ---------------------------------------------------------------------------------------

/** Each line is something that was acknowledged. Written at once, so that no line is lost with the process. */
function say(...words: readonly (string | number | undefined)[]): void {
  writeSync(1, `${words.join(' ')}\n`)
}

async function runChild(path: string, round: number): Promise<void> {
  const parts = await partsOf(path, round)
  const saved = (await readFile(join(path, 'saved'), 'utf8')).replaceAll(/\\"counter\\":\d+/g, `\\"counter\\":${round * 100_000}`)
  const world = await reopenWorld(parts, saved)
  let last = performance.now()
  setInterval(() => {
    const now = performance.now()
    parts.clock.advance(Math.floor(now - last))
    last += Math.floor(now - last)
  }, 2)
  await Promise.all([readBooks(world), restart(world), lookAndEnd(world)])
}

/** Tier 2: asked for, approved by a person, started, and done with its record on the disk first. */
async function readBooks(world: World): Promise<void> {
  for (;;) {
    const grant = mustBe(await ask(world, 'aide', ['shop/books,uses=3']))
    say('grant', grant.id, 'pending')
    mustBe(await world.answer('ben', grant.id, 'approve'))
    say('grant', grant.id, 'approved')
    const active = await start(world, 'aide', grant.id)
    say('grant', grant.id, 'active', active.expiresAt)
    const bearer = await world.bearer('aide', grant.id)
    for (let use = 1; use <= 2; use += 1) {
      const decision = allowed(await world.gateway.authorize(callOf(world, bearer, 'books')))
      say('use', grant.id, use)
      say('decision', decision.id)
      world.gateway.finish(decision, answered)
    }
  }
}

async function restart(world: World): Promise<void> {
  for (let number = 0; ; number += 1) {
    const grant = mustBe(await ask(world, 'aide', ['shop/restart']))
    await start(world, 'aide', grant.id)
    const call = callOf(world, await world.bearer('aide', grant.id), 'restart', { service: 'checkout' }, `${number}`)
    const hold = held(await world.gateway.authorize(call))
    say('hold', hold, 'waiting')
    mustBe(await world.answer('ana', hold, 'approve'))
    say('hold', hold, 'approved')
    const decision = allowed(await world.gateway.authorize(call))
    say('hold', hold, 'spent')
    world.gateway.finish(decision, answered)
    mustBe(await completeGrant(world.desk, await world.caller('aide'), grant.id, 'done'))
    say('grant', grant.id, 'ended')
  }
}

async function lookAndEnd(world: World): Promise<void> {
  for (;;) {
    const grant = mustBe(await ask(world, 'aide', ['shop/look']))
    say('grant', grant.id, 'approved')
    const active = await start(world, 'aide', grant.id)
    say('grant', grant.id, 'active', active.expiresAt)
    mustBe(await completeGrant(world.desk, await world.caller('aide'), grant.id, 'done'))
    say('grant', grant.id, 'ended')
    await sweep(world.desk, world.house.gate.activity)
  }
}

// --- The test ---------------------------------------------------------------------------------------------------------

async function killAfter(child: ChildProcess & { readonly stdout: NodeJS.ReadableStream }, count: number): Promise<string[][]> {
  const acknowledged: string[][] = []
  const exited = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) {
    if (!child.killed) acknowledged.push(line.split(' '))
    if (acknowledged.length === count) child.kill('SIGKILL')
  }
  const [code, signal]: (string | number | null)[] = await exited
  assert.equal(signal, 'SIGKILL', `the process ended by itself with ${code}`)
  return acknowledged
}

/** Where something may be once it was acknowledged to be there. */
const later: Readonly<Record<string, readonly string[]>> = {
  pending: ['pending', 'approved', 'active', 'ended'],
  approved: ['approved', 'active', 'ended', 'spent', 'withdrawn'],
  active: ['active', 'ended'],
  ended: ['ended'],
  waiting: ['waiting', 'approved', 'spent', 'withdrawn'],
  spent: ['spent'],
}

async function check(world: World, [kind = '', id = '', state = '', expiresAt]: readonly string[]): Promise<void> {
  const { journal } = world.house
  const { store } = world.desk
  if (kind === 'decision') {
    assert.equal((await journal.findDecision(id as DecisionId)).ok, true, `decision ${id}`)
    return
  }
  const found = await store.read(async (tx) => {
    if (kind === 'use') return { state: `${(await tx.get('uses', `${id}/0`))?.spent}`, expiresAt: undefined }
    const record = kind === 'grant' ? await tx.get('grant', id) : await tx.get('hold', id)
    return { state: record?.state ?? 'gone', expiresAt: record !== undefined && 'expiresAt' in record ? record.expiresAt : undefined }
  })
  if (kind === 'use') return assert.ok(Number(found.state) >= Number(state), `use ${state} of ${id}`)
  assert.ok(later[state]?.includes(found.state), `${id} was acknowledged as ${state} and is ${found.state}`)
  if (expiresAt !== undefined) assert.equal(found.expiresAt, Number(expiresAt))
}

async function verify(world: World): Promise<void> {
  const { journal, sequencer, database } = world.house
  await journal.flush()
  await sequencer.flush()
  const journals = [{ name: journal.name, vkey: journal.vkey, read: () => journal.read() }]
  const report = await verifyExport(
    exportLedger({ store: database, space: 'main', origin: 'remit.test/ledger', vkeys: [sequencer.vkey], journals }),
    [sequencer.vkey, journal.vkey],
  )
  assert.deepEqual(report.failures, [])
  assert.equal(report.ok, true)
}

// Started with a folder, this file is the process that is killed, and has no test of its own.
const [, , role, path = '', round = '0'] = process.argv
if (role === 'live') await runChild(path, Number(round))
else {
  test(`killed outright ${rounds} times under load, it has all it acknowledged, and everything lent still ends`, async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'remit-crash-'))
    context.after(() => rm(folder, { recursive: true }))
    const first = await openWorldOf(await partsOf(folder, 500), document)
    await first.secretOf('aide')
    await writeFile(join(folder, 'saved'), first.save(), { mode: 0o600 })
    await first.close()
    const saved = await readFile(join(folder, 'saved'), 'utf8')
    let count = 0
    for (let number = 1; number <= rounds; number += 1) {
      const child = spawn(process.execPath, [import.meta.filename, 'live', folder, String(number)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const acknowledged = await killAfter(child, 3 + ((number * 23) % 90))
      const parts = await partsOf(folder, 1_000 + number)
      const world = await reopenWorld(parts, saved)
      for (const line of acknowledged) await check(world, line)
      count += acknowledged.length
      await verify(world)
      if (number === rounds) await endAll(world, parts)
      await world.close()
    }
    assert.ok(count > 300)
  })
}

async function endAll(world: World, { clock }: WorldParts): Promise<void> {
  const live = [...world.desk.facts.openGrants()].filter((grant) => grant.state === 'active')
  assert.ok(live.length > 0, 'something was left behind alive')
  for (const grant of live) assert.ok((grant.expiresAt ?? 0) > clock.now() && (grant.expiresAt ?? 0) < clock.now() + hour)
  clock.advance(hour)
  for (const grant of live)
    assert.equal((await world.exchange('aide', { grant: grant.id, audience: 'urn:remit:main:gateway:http' })).ok, false)
  await sweep(world.desk, world.house.gate.activity)
  assert.deepEqual(
    [...world.desk.facts.openGrants()].filter((grant) => grant.state === 'active'),
    [],
  )
  await verify(world)
}
