/** One control node's store in a process of its own, for `bench/nodes.ts`: writes as fast as it can, at a steady pace, or only hears. */
import { randomBytes } from 'node:crypto'
import { makeId } from '../src/kernel/ids.ts'
import { done, mustBe } from '../src/kernel/result.ts'
import { openPostgresStore } from '../src/store/postgres/postgres-store.ts'

export interface NodeReport {
  /** How long each change took, in milliseconds. */
  readonly took: readonly number[]
  /** When a version was kept, or applied here, by the clock that all processes of this machine share. */
  readonly at: readonly (readonly [version: number, at: number])[]
}

const [, , url = '', node = '', deed = '', milliseconds = '0'] = process.argv
const now = () => performance.timeOrigin + performance.now()
const opened = mustBe(
  await openPostgresStore({
    url,
    node,
    now: () => Date.now(),
    steady: () => performance.now(),
    after: (after, work) => {
      const timer = setTimeout(work, after)
      return () => clearTimeout(timer)
    },
    chance: (count) => randomBytes(count),
  }),
)
const store = opened.inSpace('main')
const took: number[] = []
const at: [number, number][] = []
if (deed === 'hear') store.onCommit(({ version }) => at.push([version, now()]))
process.send?.('open')
process.once('message', () => void (deed === 'hear' ? undefined : write()))
process.once('SIGTERM', () => void report())

async function write(): Promise<void> {
  const end = performance.now() + Number(milliseconds)
  while (performance.now() < end) {
    const began = performance.now()
    const kept = await store.change(async (tx) => {
      const id = makeId('sgn', tx.now, randomBytes(10))
      await tx.put('signal', { id, space: 'main', kind: 'token-used-elsewhere', about: node, at: tx.now })
      await tx.record({ kind: 'signal.raised', actor: 'remit', subject: id, facts: {} })
      return done(undefined)
    })
    if (!kept.ok) throw new Error(kept.refusal.detail)
    at.push([(await store.last()).version, now()])
    took.push(performance.now() - began)
    if (deed === 'pace') await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await report()
}

async function report(): Promise<void> {
  const said: NodeReport = { took, at }
  process.send?.(said)
  await opened.close()
  process.disconnect?.()
}
