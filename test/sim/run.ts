/** Runs random lives: each step drawn, done, and compared with the model; at the end the whole record is verified as a stranger would. */
import { exportLedger } from '../../src/control/export-ledger.ts'
import { verifyExport } from '../../src/ledger/verify.ts'
import { act, burst, comeBack, sendOne } from './actions.ts'
import { askForDesk, loseKeys, sitAtDesk } from './desk.ts'
import { extend } from './extensions.ts'
import { beginLife, type Canary, LawBroken, type Life } from './life.ts'
import { activate, advance, answer, ask, call, complete, configure, contain, revoke, secrets, sweepAll } from './steps.ts'

export interface LifeOptions {
  readonly seed: number
  readonly steps: number
  /** With restarts, on a file. */
  readonly onFile?: boolean
  readonly canary?: Canary
}

export interface LifeReport {
  readonly seed: number
  readonly counts: ReadonlyMap<string, number>
  /** Why it failed, or nothing. */
  readonly broken?: string
  readonly steps: readonly string[]
  /** The ledger's bodies, one a line. */
  readonly ledger: readonly string[]
}

const auditEvery = 40

const weights: readonly (readonly [weight: number, step: (life: Life) => Promise<void> | void])[] = [
  [16, ask],
  [20, activate],
  [16, (life) => answer(life)],
  [34, act],
  [14, comeBack],
  [9, burst],
  [9, sendOne],
  [7, extend],
  [4, askForDesk],
  [4, sitAtDesk],
  [1, loseKeys],
  [2, complete],
  [2, revoke],
  [3, contain],
  [3, configure],
  [6, sweepAll],
  [2, call],
  [2, secrets],
  [11, advance],
]
const total = weights.reduce((sum, [weight]) => sum + weight, 0)

export async function runLife({ seed, steps, onFile = false, canary }: LifeOptions): Promise<LifeReport> {
  const life = await beginLife(seed, { onFile, canary })
  let broken: string | undefined
  let ledger: readonly string[] = []
  try {
    for (let step = 0; step < steps; step += 1) {
      if (onFile && life.dice.below(25) === 0) {
        life.say('restart')
        await life.restart()
      } else await drawStep(life)(life)
      await life.compare()
      if (step % auditEvery === 0) await life.audit()
    }
    await life.audit()
    await verify(life)
    ledger = await bodies(life)
  } catch (thrown) {
    // A bug that throws is as much a find as a broken law.
    broken = thrown instanceof LawBroken ? thrown.message : thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  } finally {
    await life.close()
  }
  return { seed, counts: life.counts, steps: life.steps, ledger, ...(broken === undefined ? {} : { broken }) }
}

function drawStep(life: Life): (life: Life) => Promise<void> | void {
  let left = life.dice.below(total)
  for (const [weight, step] of weights) {
    left -= weight
    if (left < 0) return step
  }
  throw new Error('the weights add up')
}

async function verify(life: Life): Promise<void> {
  const { house } = life.world
  await house.journal.flush()
  await house.sequencer.flush()
  const journals = [{ name: house.journal.name, vkey: house.journal.vkey, read: () => house.journal.read() }]
  const report = await verifyExport(
    exportLedger({ store: house.database, space: house.desk.space, origin: 'remit.test/ledger', vkeys: [house.sequencer.vkey], journals }),
    [house.sequencer.vkey, house.journal.vkey],
  )
  life.law(report.ok, `the record does not verify: ${JSON.stringify(report.failures.slice(0, 3))}`)
}

/** What people sign is random by its nature, and so are their passkeys; everything else must be the same from the same seed. */
async function bodies(life: Life): Promise<string[]> {
  const { database: store } = life.world.house
  const { size } = await store.tree()
  const found: string[] = []
  for (let from = 0; from < size; from += 1_000) {
    for (const { body = '' } of await store.leaves(from, 1_000)) {
      found.push(body.replaceAll(/"(publicKey|signature|authenticatorData|clientDataJSON)":"[^"]*"/g, '"$1":""'))
    }
  }
  return found
}

export function addCounts(all: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [what, count] of counts) all.set(what, (all.get(what) ?? 0) + count)
}
