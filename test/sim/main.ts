/**
 * Lives random lives of a house and says whether every law held: `npm run sim -- --seed 7 --lives 200`.
 *
 * The same seed is the same run. Without one it is made from the commit in COMMIT, or drawn and printed. `--life N` repeats one life of
 * a run and prints its steps; `--canary NAME` breaks the gateway on purpose, and the run fails if nobody notices. `--kills N` lives no
 * lives of a model: it kills the real process under load so often, and checks everything each time it has come back.
 */
import { createHash, randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { Canary } from './life.ts'
import { addCounts, type LifeReport, runLife } from './run.ts'

const canaries: readonly Canary[] = ['ignores-the-door', 'remembers-verdicts', 'mixes-up-holds']
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    lives: { type: 'string', default: '200' },
    steps: { type: 'string', default: '250' },
    life: { type: 'string' },
    canary: { type: 'string' },
    kills: { type: 'string' },
  },
})
const canary = canaries.find((name) => name === values.canary)
const seed = values.seed === undefined ? seedOfCommit() : Number(values.seed)
const lives = Number(values.lives)
const steps = Number(values.steps)
const kills = values.kills === undefined ? undefined : Number(values.kills)
if (![seed, lives, steps, kills ?? 0].every(Number.isSafeInteger) || (values.canary !== undefined && canary === undefined)) {
  console.error(`--seed, --lives, --steps and --kills are whole numbers; canaries are ${canaries.join(', ')}`)
  process.exitCode = 2
} else if (kills !== undefined) await (await import('../chaos/tell-kills.ts')).tellKills(seed, kills)
else await main()

function seedOfCommit(): number {
  const commit = process.env['COMMIT']
  return commit === undefined || commit === ''
    ? randomInt(1_000_000)
    : createHash('sha256').update(commit).digest().readUInt32BE() % 1_000_000
}

async function main(): Promise<void> {
  console.log(`sim: seed ${seed}, ${lives} lives of ${steps} steps${canary === undefined ? '' : `, with a gateway that ${canary}`}`)
  const counts = new Map<string, number>()
  const only = values.life === undefined ? undefined : Number(values.life)
  for (let life = only ?? 0; life < (only === undefined ? lives : only + 1); life += 1) {
    const report = await runLife({
      seed: seed * 1_000_003 + life,
      steps,
      onFile: life % 3 === 0,
      ...(canary === undefined ? {} : { canary }),
    })
    addCounts(counts, report.counts)
    if (only !== undefined) console.log(report.steps.join('\n'))
    if (report.broken !== undefined) return stop(life, report)
    if (life % 20 === 19) console.log(`sim: ${life + 1} lives, every law held`)
  }
  console.log(
    [...counts]
      .toSorted(([one], [two]) => one.localeCompare(two))
      .map(([what, count]) => `  ${String(count).padStart(7)} ${what}`)
      .join('\n'),
  )
  if (canary !== undefined) console.error('sim: nobody noticed what the gateway does')
  else console.log('sim: every law held')
  if (canary !== undefined) process.exitCode = 1
}

function stop(life: number, { broken, steps: done }: LifeReport): void {
  if (canary === undefined) console.error(done.join('\n'))
  console.error(`sim: a law broke: ${broken}`)
  console.error(`sim: again with npm run sim -- --seed ${seed} --steps ${steps} --life ${life}`)
  if (canary === undefined) process.exitCode = 1
  else console.log('sim: it was noticed')
}
