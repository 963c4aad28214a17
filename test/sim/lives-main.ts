/** Lives random lives of one house and says whether every law held: `npm run sim -- --lives 200 --seed 7`. */
import type { Canary } from './life.ts'
import { addCounts, type LifeReport, runLife } from './run.ts'

const canaries: readonly Canary[] = ['ignores-the-door', 'remembers-verdicts', 'mixes-up-holds']

export interface LivesAsked {
  readonly seed: number
  readonly lives: number
  readonly steps: number
  /** Only this one of them, with its steps. */
  readonly life?: number
  readonly canary?: string
}

/** Answers what the process should exit with. */
export async function liveLives({ seed, lives, steps, life: only, canary: named }: LivesAsked): Promise<number> {
  const canary = canaries.find((name) => name === named)
  if (named !== undefined && canary === undefined) {
    console.error(`canaries are ${canaries.join(', ')}`)
    return 2
  }
  console.log(`sim: seed ${seed}, ${lives} lives of ${steps} steps${canary === undefined ? '' : `, with a gateway that ${canary}`}`)
  const counts = new Map<string, number>()
  for (let life = only ?? 0; life < (only === undefined ? lives : only + 1); life += 1) {
    const report = await runLife({
      seed: seed * 1_000_003 + life,
      steps,
      onFile: life % 3 === 0,
      ...(canary === undefined ? {} : { canary }),
    })
    addCounts(counts, report.counts)
    if (only !== undefined) console.log(report.steps.join('\n'))
    if (report.broken !== undefined) return stop(`--lives ${lives} --seed ${seed} --steps ${steps} --life ${life}`, report, canary)
    if (life % 20 === 19) console.log(`sim: ${life + 1} lives, every law held`)
  }
  console.log(
    [...counts]
      .toSorted(([one], [two]) => one.localeCompare(two))
      .map(([what, count]) => `  ${String(count).padStart(7)} ${what}`)
      .join('\n'),
  )
  if (canary === undefined) console.log('sim: every law held')
  else console.error('sim: nobody noticed what the gateway does')
  return canary === undefined ? 0 : 1
}

function stop(again: string, { broken, steps: done }: LifeReport, canary: Canary | undefined): number {
  if (canary === undefined) console.error(done.join('\n'))
  console.error(`sim: a law broke: ${broken}`)
  console.error(`sim: again with npm run sim -- ${again}`)
  if (canary !== undefined) console.log('sim: it was noticed')
  return canary === undefined ? 1 : 0
}
