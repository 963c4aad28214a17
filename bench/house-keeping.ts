/** What Remit costs before anybody uses it: the time until it is ready, and its memory at rest. */
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { descendants, residentBytes, type Cores } from './processes.ts'
import { type RunningRemit, startRemit } from './remit.ts'

/** Milliseconds from exec to the ready line. */
export interface Starts {
  /** A new data folder, with the demo's configuration to check and apply. */
  readonly firstBuilt: readonly number[]
  /** The same folder again. */
  readonly againBuilt: readonly number[]
  readonly firstSource: readonly number[]
  readonly againSource: readonly number[]
}

export interface Idle {
  /** Resident bytes of the process and of all it had started that still live. */
  readonly bytes: number
  readonly processes: number
  /** How long it had been ready, in seconds. */
  readonly afterSeconds: number
}

const idleSeconds = 10
export const demoConfiguration = fileURLToPath(new URL('../demo/shop/remit.yaml', import.meta.url))

export async function measureStarts({
  folder,
  on,
  runs,
}: {
  readonly folder: string
  readonly on: Cores
  readonly runs: number
}): Promise<Starts> {
  const starts = { firstBuilt: [] as number[], againBuilt: [] as number[], firstSource: [] as number[], againSource: [] as number[] }
  for (let run = 0; run < runs; run += 1) {
    for (const built of [true, false]) {
      const data = join(folder, `${run}-${built ? 'built' : 'source'}`)
      const first = await startRemit({ data, built, on, configuration: demoConfiguration })
      await first.stop()
      const again = await startRemit({ data, built, on })
      await again.stop()
      ;(built ? starts.firstBuilt : starts.firstSource).push(first.milliseconds)
      ;(built ? starts.againBuilt : starts.againSource).push(again.milliseconds)
    }
  }
  return starts
}

/** Waits until it has been ready for ten seconds, then weighs and stops it. */
export async function measureIdle(remit: RunningRemit, readyAt: number): Promise<Idle> {
  const wait = readyAt + idleSeconds * 1_000 - performance.now()
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
  const { pid } = remit.process
  if (pid === undefined) throw new Error('Remit is not running')
  const idle = {
    bytes: residentBytes(pid),
    processes: 1 + descendants(pid).length,
    afterSeconds: (performance.now() - readyAt) / 1_000,
  }
  await remit.stop()
  return idle
}
