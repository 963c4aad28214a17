/** What must hold across processes: one at a time, and nothing acknowledged is lost when one is killed. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { mustBe } from '../../src/kernel/result.ts'
import type { Database } from '../../src/control/ports.ts'
import { sampleRecords } from './sample-records.ts'
import type { StoreHouse, StoreRow } from './store-house.ts'
import { checkGapless, inMain, keep } from './store-steps.ts'

const program = new URL('store-process.ts', import.meta.url).pathname

/** A process that opens the house and `write`s until it is killed, or `hold`s it; with the lines it prints. */
function start(house: StoreHouse, deed: 'write' | 'hold'): { child: ChildProcess; lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [program, deed, ...house.address], { stdio: ['ignore', 'pipe', 'inherit'] })
  assert.ok(child.stdout !== null)
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function survivesKill(house: StoreHouse): Promise<void> {
  const acknowledged: number[] = []
  for (let round = 0; round < house.kills; round += 1) {
    const { child, lines } = start(house, 'write')
    for (let count = 0; count < 5 + round * 7; count += 1) {
      const { value, done } = await lines.next()
      assert.ok(done !== true, 'the process ended by itself')
      acknowledged.push(Number(value))
    }
    await kill(child)
    // What it printed before the end was acknowledged too.
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) acknowledged.push(Number(line.value))
    const store = mustBe(await house.open())
    const kept = await readPairs(store)
    for (const number of acknowledged) assert.ok(kept.has(number), `change ${number} was acknowledged`)
    // One more may be there, that was kept and not yet acknowledged.
    assert.ok(kept.size <= acknowledged.length + round + 1)
    assert.equal((await inMain(store).last()).version, kept.size)
    assert.equal(await checkGapless(store), kept.size)
    await store.close()
  }
}

/** The numbers of the changes that are kept; throws on one that is there by half. */
async function readPairs(store: Database): Promise<Set<number>> {
  const halves = { left: new Set<number>(), right: new Set<number>() }
  let after = ''
  for (;;) {
    const page = await inMain(store).read((tx) => tx.find('signal', {}, { max: 1_000, after }))
    for (const { about } of page) {
      const [number, half] = about.split(' ')
      halves[half === 'left' ? 'left' : 'right'].add(Number(number))
    }
    after = page.at(-1)?.id ?? after
    if (page.length < 1_000) break
  }
  assert.deepEqual(halves.left, halves.right)
  return halves.left
}

async function oneProcess(house: StoreHouse): Promise<void> {
  const { child, lines } = start(house, 'hold')
  assert.equal((await lines.next()).value, 'open')
  const second = await house.open()
  assert.equal(second.ok ? 'open' : second.refusal.code, 'store.locked')
  assert.match(second.ok ? '' : (second.refusal.detail ?? ''), new RegExp(`\\b${child.pid}\\b`))
  await kill(child)
  const store = mustBe(await house.open())
  await keep(store, 'signal', sampleRecords.signal(1))
  const third = start(house, 'hold')
  assert.equal((await third.lines.next()).value, 'store.locked')
  assert.equal((await third.lines.next()).done, true)
  const twice = await house.open()
  assert.equal(twice.ok ? 'open' : twice.refusal.code, 'store.locked', 'nor twice in one process')
  // Refusing others has not let go of it.
  const fourth = start(house, 'hold')
  assert.equal((await fourth.lines.next()).value, 'store.locked')
  await keep(store, 'signal', sampleRecords.signal(2))
  await store.close()
  await mustBe(await house.open()).close()
}

export const processRows: readonly StoreRow[] = [
  { says: 'loses nothing acknowledged and shows nothing by half when its process is killed', run: survivesKill },
  { says: 'keeps a second process off, and lets it in when the first was killed', run: oneProcess },
]
