/** One run of the simulation: builds the machines of a scenario, does what it says, and answers which laws held. */
import { Dice } from '../../world/chance.ts'
import { Counts } from './counts.ts'
import { Machines } from './machines.ts'
import { drawScenario, type FaultName, type Scenario } from './scenario.ts'
import { template } from './template.ts'
import type { PlantName } from './plants.ts'
import { Workload } from './workload.ts'

export interface RunOptions {
  readonly plant?: PlantName
  readonly faults?: readonly FaultName[]
}

export interface RunReport {
  readonly scenario: Scenario
  readonly counts: Counts
  /** Which law broke, or nothing. */
  readonly broken?: string
  /** Over everything that happened: the same for the same scenario. */
  readonly trace: string
  /** What happened last. */
  readonly tail: readonly string[]
  readonly events: number
}

/** After the last fault everything is mended, and so long there is to come back to rest. */
const restMs = 16_000

export function runSeed(seed: number, options: RunOptions = {}): Promise<RunReport> {
  return runScenario(drawScenario(seed, options.faults), options)
}

export async function runScenario(scenario: Scenario, { plant }: RunOptions = {}): Promise<RunReport> {
  const made = await template()
  const counts = new Counts()
  const machines = new Machines(scenario, { template: made, counts, dice: new Dice(scenario.seed * 7 + 3), plant })
  const { schedule, outside } = machines
  const workload = new Workload(machines, scenario)
  let thrown: unknown
  const onFault = (cause: unknown) => {
    thrown ??= cause
    schedule.stop()
  }
  process.on('uncaughtException', onFault)
  process.on('unhandledRejection', onFault)
  try {
    await machines.begin()
    workload.begin()
    const each = () => machines.check()
    await schedule.run(scenario.troubleMs, each)
    machines.mend()
    await schedule.run(scenario.troubleMs + restMs, each)
    if (outside.broken === undefined && thrown === undefined) {
      workload.checkAtRest()
      await machines.audit()
    }
  } catch (cause) {
    thrown ??= cause
  } finally {
    machines.end()
    process.off('uncaughtException', onFault)
    process.off('unhandledRejection', onFault)
  }
  // A bug that throws is as much a find as a broken law.
  const broken = outside.broken ?? (thrown === undefined ? undefined : told(thrown))
  return {
    scenario,
    counts,
    trace: schedule.traceHash(),
    tail: schedule.tail,
    events: schedule.events,
    ...(broken === undefined ? {} : { broken }),
  }
}

function told(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}
