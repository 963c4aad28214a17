/**
 * How fast the desk changes its state: grants that are asked for, started and done, one deed after another in each of several hands, on a
 * SQLite file that is synced for each change. `node bench/desk.ts` prints it.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Caller } from '../src/control/desk.ts'
import { completeGrant } from '../src/control/end-grant.ts'
import { requestGrant } from '../src/control/request-grant.ts'
import { activateGrant } from '../src/control/work-window.ts'
import { mustBe } from '../src/kernel/result.ts'
import { RealClock } from '../test/world/clock.ts'
import { partsOnDisk } from '../test/world/on-disk.ts'
import { shopDocument } from '../test/world/shop.ts'
import { openWorldOf, type World } from '../test/world/world.ts'

export interface Desk {
  /** Hands that work side by side, each waiting for its own deeds. */
  readonly hands: number
  /** One a round: each change is a deed with its entry in the ledger, confirmed to whoever asked. */
  readonly rounds: readonly DeskRound[]
}

export interface DeskRound {
  readonly changesPerSecond: number
  /** Microseconds of this process for one change, its ledger included. */
  readonly cpuMicros: number
  /** Microseconds that the disk takes to sync one page, alone, right after. */
  readonly syncMicros: number
}

const hands = 16
const rounds = 3
const livesPerHand = 40
/** Asked for, started, done. */
const changesPerLife = 3

if (import.meta.main) {
  // The clock's own timers keep no process alive.
  const alive = setInterval(() => undefined, 60_000)
  process.stdout.write(`${JSON.stringify(await measure())}\n`)
  clearInterval(alive)
}

async function measure(): Promise<Desk> {
  const folder = mkdtempSync(join(tmpdir(), 'remit-desk-'))
  const clock = new RealClock()
  const world = await openWorldOf({ ...(await partsOnDisk(join(folder, 'data'), { clock })), clock }, shopDocument())
  const measured: DeskRound[] = []
  try {
    const aide = await world.caller('aide')
    await round(world, aide, 10)
    for (let turn = 0; turn < rounds; turn += 1) {
      const made = await round(world, aide, livesPerHand)
      measured.push({ ...made, syncMicros: syncMicros(folder) })
    }
    await world.house.sequencer.flush()
  } finally {
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { hands, rounds: measured }
}

async function round(world: World, caller: Caller, lives: number): Promise<Omit<DeskRound, 'syncMicros'>> {
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  await Promise.all(Array.from({ length: hands }, () => work(world, caller, lives)))
  const seconds = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  const changes = hands * lives * changesPerLife
  return { changesPerSecond: changes / seconds, cpuMicros: (user + system) / changes }
}

async function work({ desk }: World, caller: Caller, lives: number): Promise<void> {
  for (let life = 0; life < lives; life += 1) {
    const { id } = mustBe(await requestGrant(desk, caller, { task: 'incident', statement: 'because', scope: ['read:shop'] }))
    mustBe(await activateGrant(desk, caller, id))
    mustBe(await completeGrant(desk, caller, id, 'done'))
  }
}

/** What the same disk takes for the least that could be kept. */
function syncMicros(folder: string): number {
  const turns = 100
  const page = new Uint8Array(4_096)
  const file = openSync(join(folder, 'synced'), 'w')
  try {
    const began = performance.now()
    for (let turn = 0; turn < turns; turn += 1) {
      writeSync(file, page)
      fdatasyncSync(file)
    }
    return ((performance.now() - began) * 1_000) / turns
  } finally {
    closeSync(file)
  }
}
