/** Kills a working house again and again, at moments that a seed draws, and checks all of it each time it has come back. */
import type { PostgresServer } from '../contract/postgres-server.ts'
import { Acknowledged } from './acknowledged.ts'
import { ChaosHouse, type Running } from './chaos-house.ts'
import { checkHouse, type Checked } from './checks.ts'
import { type Life, work } from './load.ts'

export interface KillOptions {
  readonly seed: number
  readonly kills: number
  /** Where the house keeps everything; a file in its folder without it. Some of the kills are then the server's. */
  readonly postgres?: PostgresServer
  /** A new house after so many: what is checked grows with every life of one. */
  readonly killsPerHouse?: number
  /** The longest time between readiness and kill. */
  readonly lifeMsMax?: number
  readonly tell?: (line: string) => void
}

export interface KillReport {
  kills: number
  /** Of them while it was starting. */
  atStart: number
  /** Of the database's server, under a house that lived on. */
  ofServer: number
  acknowledged: number
  grants: number
  holds: number
  /** Actions that the shop received. */
  actions: number
  /** Leaves and journal lines that were verified, each as often as it was. */
  leavesVerified: number
  linesVerified: number
  headsHeld: number
  longestStartMs: number
}

/** A small generator with a seed (mulberry32): the moments of a run can be drawn again. */
function drawing(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Throws what did not hold, with the kill after which it was seen. */
export async function killAgainAndAgain(options: KillOptions): Promise<KillReport> {
  const report: KillReport = {
    kills: 0,
    atStart: 0,
    ofServer: 0,
    acknowledged: 0,
    grants: 0,
    holds: 0,
    actions: 0,
    leavesVerified: 0,
    linesVerified: 0,
    headsHeld: 0,
    longestStartMs: 0,
  }
  const draw = drawing(options.seed)
  while (report.kills < options.kills) await oneHouse(options, draw, report)
  return report
}

async function oneHouse(options: KillOptions, draw: () => number, report: KillReport): Promise<void> {
  const { postgres, kills, killsPerHouse = 20 } = options
  const database = postgres === undefined ? undefined : await postgres.empty()
  const env = database === undefined ? {} : { REMIT_CHAOS_DATABASE: postgres?.url(database) ?? '' }
  const house = await ChaosHouse.make({ env, words: database === undefined ? [] : ['--database', 'env:REMIT_CHAOS_DATABASE'] })
  const acknowledged = new Acknowledged()
  let running: Running | undefined
  try {
    running = await house.found()
    let last: Checked | undefined
    for (let number = 0; number < killsPerHouse && report.kills < kills; number += 1) {
      const since = { grants: acknowledged.grants.length, holds: acknowledged.holds.length, secrets: acknowledged.secrets.length }
      running = await liveAndDie({ ...options, house, acknowledged }, running, { draw, report })
      last = await checkHouse(house, running, acknowledged, since)
      report.grants += last.grants
      report.holds += last.holds
      report.leavesVerified += last.leaves
      report.linesVerified += last.journalLines
      report.headsHeld += last.heads
      options.tell?.(
        `kill ${report.kills}: ${last.grants} grants, ${last.holds} holds, ${last.leaves} leaves, ${last.journalLines} journal lines`,
      )
    }
    report.actions += last?.actions ?? 0
    report.acknowledged += acknowledged.count
    await running.process.stop()
  } catch (thrown) {
    throw new Error(
      `after kill ${report.kills} of seed ${options.seed}: ${thrown instanceof Error ? thrown.message : String(thrown)}\n${running?.process.stderr ?? ''}`,
      {
        cause: thrown,
      },
    )
  } finally {
    await running?.process.kill()
    await house.remove()
  }
}

interface Dying extends KillOptions {
  readonly house: ChaosHouse
  readonly acknowledged: Acknowledged
}

interface Run {
  readonly draw: () => number
  readonly report: KillReport
}

/** Works under load until it is killed, and answers the house that came back. */
async function liveAndDie(
  { house, acknowledged, postgres, lifeMsMax = 1_500 }: Dying,
  running: Running,
  { draw, report }: Run,
): Promise<Running> {
  const life: Life = { running, acknowledged, isDying: false, isOver: false }
  const working = work(life)
  working.catch(() => undefined)
  const seen = report.kills === 0 ? untilSomeOfEach(house, life) : Promise.resolve()
  await Promise.race([Promise.all([pause(30 + draw() * lifeMsMax), seen]), working])
  life.isDying = true
  const isServer = postgres !== undefined && draw() < 0.4
  if (isServer) {
    await postgres.kill()
    report.ofServer += 1
    await pause(draw() * 500)
    await postgres.up()
    if (draw() < 0.6) await untilHeld(running)
  }
  life.isOver = true
  await running.process.kill()
  report.kills += 1
  await working
  return comeBack(house, { draw, report })
}

/** The first life lasts until something of everything was acknowledged: on a slow machine a drawn moment may come before. */
async function untilSomeOfEach({ shop }: ChaosHouse, { running, acknowledged }: Life): Promise<void> {
  const isSeen = () => acknowledged.holds.length > 0 && acknowledged.head !== '' && shop.received.length > 0
  while (running.process.isAlive && !isSeen()) await pause(10)
}

/** Lives on by itself once the database is back. */
async function untilHeld(running: Running): Promise<void> {
  const until = performance.now() + 120_000
  for (;;) {
    const isHeld = await running
      .as('reader')
      .requestGrant({ task: 'work', statement: 'is it back', scope: ['shop/look'] })
      .then(
        () => true,
        () => false,
      )
    if (isHeld) return
    if (performance.now() > until) throw new Error('the database is back for two minutes, and nothing works')
    await pause(50)
  }
}

/** Now and then it is killed while it starts, and has to start from that. */
async function comeBack(house: ChaosHouse, { draw, report }: Run): Promise<Running> {
  while (draw() < 0.15) {
    const starting = house.spawn()
    starting.ready().catch(() => undefined)
    await pause(draw() * 1_200)
    await starting.kill()
    report.kills += 1
    report.atStart += 1
  }
  const from = performance.now()
  const child = house.spawn()
  await child.ready()
  report.longestStartMs = Math.max(report.longestStartMs, Math.round(performance.now() - from))
  return house.enter(child)
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
