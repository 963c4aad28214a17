/** Runs many seeds, in as many processes as asked, and says what was met and what broke. */
import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Counts } from './counts.ts'
import type { PlantName } from './plants.ts'
import { runScenario, runSeed, type RunReport } from './run.ts'
import type { FaultName, Scenario } from './scenario.ts'
import { shrink } from './shrink.ts'

export interface MachinesAsked {
  readonly from: number
  /** This one too. */
  readonly to: number
  readonly jobs: number
  readonly isTraced: boolean
  /** Whether what broke a law is written into test/sim/seeds. */
  readonly keeps: boolean
  /** A scenario that was kept, instead of seeds. */
  readonly file?: string
  readonly plant?: PlantName
  readonly faults?: readonly FaultName[]
}

export interface Kept {
  /** What it showed, in a line. */
  readonly showed: string
  readonly plant?: PlantName
  readonly scenario: Scenario
}

const seedsFolder = new URL('../seeds/', import.meta.url)
const tellEvery = 500
const tailShown = 60

/** Answers what the process should exit with. */
export async function simulate(asked: MachinesAsked): Promise<number> {
  const { from, to, plant } = asked
  if (asked.file !== undefined) return again(asked, asked.file)
  console.log(`sim: seeds ${from} to ${to}${plant === undefined ? '' : `, with ${plant} planted`}`)
  const began = performance.now()
  const counts = new Counts()
  const seen = asked.jobs > 1 ? await inProcesses(asked, counts) : await here(asked, counts)
  const took = performance.now() - began
  console.log(
    counts
      .entries()
      .map(([what, count]) => `  ${String(count).padStart(9)} ${what}`)
      .join('\n'),
  )
  console.log(`sim: ${seen.runs} seeds in ${(took / 1_000).toFixed(1)} s, ${(took / seen.runs).toFixed(1)} ms each`)
  if (seen.brokenSeed === undefined) {
    if (plant === undefined) console.log('sim: every law held')
    else console.error(`sim: nobody noticed ${plant} in ${seen.runs} seeds`)
    return plant === undefined ? 0 : 1
  }
  return tellBroken(asked, await runSeed(seen.brokenSeed, asked), seen.runs)
}

interface Seen {
  readonly runs: number
  readonly brokenSeed: number | undefined
}

async function here(asked: MachinesAsked, counts: Counts): Promise<Seen> {
  let runs = 0
  for (let seed = asked.from; seed <= asked.to; seed += 1) {
    const report = await runSeed(seed, asked)
    runs += 1
    counts.addAll(report.counts.entries())
    if (asked.isTraced) console.log(report.tail.join('\n'))
    if (asked.from === asked.to) console.log(`sim: trace ${report.trace}, ${report.events} events`)
    if (report.broken !== undefined) return { runs, brokenSeed: seed }
    if (runs % tellEvery === 0) console.log(`sim: ${runs} seeds, every law held`)
  }
  return { runs, brokenSeed: undefined }
}

/** Each process takes every so-manieth seed; the first that breaks a law stops all of them. */
async function inProcesses(asked: MachinesAsked, counts: Counts): Promise<Seen> {
  let runs = 0
  let brokenSeed: number | undefined
  const workers = Array.from({ length: asked.jobs }, (_, place) => {
    const worker = fork(fileURLToPath(new URL('./seed-worker.ts', import.meta.url)), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    worker.on('message', (message: { readonly seed: number; readonly broken?: string; readonly counts: [string, number][] }) => {
      runs += 1
      counts.addAll(message.counts)
      if (message.broken !== undefined) {
        brokenSeed = Math.min(brokenSeed ?? message.seed, message.seed)
        for (const each of workers) each.worker.kill()
      }
      if (runs % tellEvery === 0) console.log(`sim: ${runs} seeds`)
    })
    worker.on('exit', (code, signal) =>
      code === 0 || signal === 'SIGTERM' ? resolve() : reject(new Error(`a process of the simulation ended with ${code ?? signal}`)),
    )
    worker.send({ ...asked, from: asked.from + place, step: asked.jobs })
    return { worker, promise }
  })
  await Promise.all(workers.map(({ promise }) => promise))
  return { runs, brokenSeed }
}

async function again(asked: MachinesAsked, file: string): Promise<number> {
  const kept = readKept(file)
  const report = await runScenario(kept.scenario, asked.plant === undefined ? {} : { plant: asked.plant })
  if (asked.isTraced) console.log(report.tail.join('\n'))
  console.log(`sim: trace ${report.trace}, ${report.events} events`)
  if (report.broken === undefined) {
    console.log('sim: every law held')
    return 0
  }
  console.error(`sim: a law broke: ${report.broken}`)
  return 1
}

export function readKept(file: string | URL): Kept {
  return JSON.parse(readFileSync(file, 'utf8'))
}

async function tellBroken(asked: MachinesAsked, report: RunReport, runs: number): Promise<number> {
  const { plant } = asked
  const { seed } = report.scenario
  console.error(report.tail.slice(-tailShown).join('\n'))
  console.error(`sim: a law broke with seed ${seed}, the ${runs}th: ${report.broken}`)
  const options = plant === undefined ? {} : { plant }
  const smallest = await shrink(report.scenario, async (each) => (await runScenario(each, options)).broken !== undefined)
  const { broken = '' } = await runScenario(smallest, options)
  console.error(`sim: made smaller, to ${smallest.acts.length} acts and ${smallest.faults.length} faults: ${broken}`)
  for (const each of [...smallest.acts, ...smallest.faults].toSorted((one, two) => one.at - two.at))
    console.error(`  ${JSON.stringify(each)}`)
  if (asked.keeps) {
    const file = new URL(`${plant ?? 'law'}-${seed}.json`, seedsFolder)
    const kept: Kept = { showed: broken.split('\n')[0] ?? '', ...options, scenario: smallest }
    writeFileSync(file, `${JSON.stringify(kept, undefined, 2)}\n`)
    console.error(`sim: kept in ${fileURLToPath(file)}: say there what it showed`)
  }
  console.error(`sim: again with npm run sim -- --seed ${seed}${plant === undefined ? '' : ` --plant ${plant}`} --trace`)
  if (plant !== undefined) console.log(`sim: ${plant} was noticed`)
  return plant === undefined ? 1 : 0
}
