/** A journal whose process is killed outright: what was acknowledged as written or durable is there when it opens again. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'node:test'
import { openJournalFiles } from '../host/journal-files.ts'
import { makeSigner } from '../host/key-files.ts'
import { mustBe } from '../kernel/result.ts'
import { startWalk, stepLine } from '../ledger/journal-format.ts'
import { makeVkey, parseVkey } from '../ledger/note.ts'
import { Journal } from './journal.ts'

const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 5)])
const signer = makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), 'gateway-http')
const key = mustBe(parseVkey(makeVkey(signer.name, signer.publicKey)))
const clock = {
  now: () => Date.now(),
  after: (milliseconds: number, work: () => void) => {
    const timer = setTimeout(work, milliseconds)
    return () => clearTimeout(timer)
  },
}

async function openOn(folder: string): Promise<Journal> {
  return mustBe(await Journal.open({ signer, clock, disk: await openJournalFiles(folder), limits: { segmentBytesMax: 20_000 } }))
}

const entry = (what: number): { at: number; type: string; what: number } => ({ at: 1, type: 'decided', what })

/** Appends until it is killed, alone or among others, and says each number once it is as safe as asked. */
async function runChild(folder: string, hands: number): Promise<void> {
  const journal = await openOn(folder)
  const write = async (): Promise<void> => {
    for (let turn = 0; ; turn += 1) {
      const what = Math.floor(Math.random() * 1e9)
      void journal.append(entry(what), 'buffered')
      const n = mustBe(await journal.append(entry(what), turn % 3 === 0 ? 'durable' : 'written'))
      process.stdout.write(`${n} ${what}\n`)
      await new Promise(setImmediate)
    }
  }
  await Promise.all(Array.from({ length: hands }, write))
}

async function killAfter(
  child: ChildProcess & { readonly stdout: NodeJS.ReadableStream },
  acknowledgements: number,
): Promise<Map<number, number>> {
  const acknowledged = new Map<number, number>()
  const exited = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) {
    const [n, what] = line.split(' ').map(Number)
    // A last line may be cut by the kill itself.
    if (/^\d+ \d+$/.test(line) && n !== undefined && what !== undefined && !child.killed) acknowledged.set(n, what)
    if (acknowledged.size === acknowledgements) child.kill('SIGKILL')
  }
  await exited
  return acknowledged
}

// Started with a folder, this file is the child that is killed, and has no test of its own.
const [, , role, folderOfChild = '', hands = '1'] = process.argv
if (role === 'append') await runChild(folderOfChild, Number(hands))
else {
  test('killed outright twenty times in the midst of writing, it has every acknowledged entry', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'remit-journal-'))
    context.after(() => rm(folder, { recursive: true }))
    const acknowledged = new Map<number, number>()
    for (let round = 0; round < 20; round += 1) {
      const child = spawn(process.execPath, [import.meta.filename, 'append', folder, round % 2 === 0 ? '5' : '1'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      for (const [n, what] of await killAfter(child, 1 + ((round * 37) % 200))) {
        assert.ok(!acknowledged.has(n), `number ${n} was given twice`)
        acknowledged.set(n, what)
      }
      const journal = await openOn(folder)
      let walk = startWalk(journal.vkey)
      const whats: unknown[] = []
      for await (const line of journal.read()) {
        const step = mustBe(stepLine(walk, line, key))
        walk = step.walk
        whats.push(step.entry.what)
      }
      for (const [n, what] of acknowledged) assert.equal(whats[n - 1], what, `entry ${n} in round ${round}`)
      await journal.close()
    }
    assert.ok(acknowledged.size > 1000)
  })
}
