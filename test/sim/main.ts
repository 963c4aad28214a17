/**
 * Simulates gateways, control nodes, store, network, clocks and disks in one deterministic world, and says whether every law held:
 * `npm run sim -- --seed 7`, or `--seeds 0..9999 --jobs 2`.
 *
 * The same seed is the same run, to the last byte. Without one the seeds begin where the commit says. `--trace` prints everything that
 * happened; `--faults a,b` lets only these happen; `--plant NAME` breaks a law on purpose, and the run fails if nobody notices; `--keep`
 * writes what broke a law, made as small as it gets, into test/sim/seeds; `--file F` runs such a file again. `--lives N` lives random
 * lives of one house instead, which are held against a model of it (`--steps`, `--life N`, `--canary NAME`), and `--kills N` kills the
 * real process under load so often. `--cedar N` puts N random sets of policies to our evaluator, to cedar-wasm and to a naive one.
 * `--namespaces` has two control nodes, two gateways and PostgreSQL as real processes in network
 * namespaces, cuts one off, and kills the others; it needs to be root, and `ip` of iproute2.
 */
import { parseArgs } from 'node:util'
import { liveLives } from './lives-main.ts'
import { commitSeed } from './machines/commit-seed.ts'
import { type MachinesAsked, simulate } from './machines/simulate.ts'
import { plantNames } from './machines/plants.ts'
import { faultNames } from './machines/scenario.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    plant: { type: 'string' },
    faults: { type: 'string' },
    trace: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    file: { type: 'string' },
    lives: { type: 'string' },
    steps: { type: 'string', default: '250' },
    life: { type: 'string' },
    canary: { type: 'string' },
    kills: { type: 'string' },
    cedar: { type: 'string' },
    namespaces: { type: 'boolean', default: false },
  },
})

process.exitCode = await main()

async function main(): Promise<number> {
  if (values.namespaces) {
    await (await import('../machines/run.ts')).runMachines(console.log)
    return 0
  }
  const seed = whole(values.seed) ?? commitSeed()
  const [lives, life, kills, steps = 250, jobs = 1] = [values.lives, values.life, values.kills, values.steps, values.jobs].map(whole)
  const cedar = whole(values.cedar)
  if (cedar !== undefined) {
    ;(await import('../oracle/compare-main.ts')).tellComparisons(seed, cedar)
    return 0
  }
  if (kills !== undefined) {
    await (await import('../chaos/tell-kills.ts')).tellKills(seed, kills)
    return 0
  }
  if (lives !== undefined || life !== undefined || values.canary !== undefined) {
    const { canary } = values
    return liveLives({
      seed,
      lives: lives ?? 200,
      steps,
      ...(life === undefined ? {} : { life }),
      ...(canary === undefined ? {} : { canary }),
    })
  }
  const asked = askedOf(seed, jobs)
  return typeof asked === 'string' ? complain(asked) : simulate(asked)
}

function askedOf(seed: number, jobs: number): MachinesAsked | string {
  const plant = plantNames.find((name) => name === values.plant)
  if (values.plant !== undefined && plant === undefined) return `plants are ${plantNames.join(', ')}`
  const wanted = values.faults?.split(',').filter((name) => name !== '')
  const faults = wanted?.flatMap((name) => faultNames.find((each) => each === name) ?? [])
  if (faults?.length !== wanted?.length) return `faults are ${faultNames.join(', ')}`
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(values.seeds ?? '') ?? []
  if (values.seeds !== undefined && (from === undefined || to === undefined)) return '--seeds is written FROM..TO'
  const many = values.seed === undefined && values.file === undefined ? 199 : 0
  return {
    from: from === undefined ? seed : Number(from),
    to: to === undefined ? seed + many : Number(to),
    jobs,
    isTraced: values.trace,
    keeps: values.keep,
    ...(values.file === undefined ? {} : { file: values.file }),
    ...(plant === undefined ? {} : { plant }),
    ...(faults === undefined ? {} : { faults }),
  }
}

function whole(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${text} is no whole number`)
  return number
}

function complain(says: string): number {
  console.error(`sim: ${says}`)
  return 2
}
