/** A node in a process of its own, for the contract of several: `write`s until it is killed, `hold`s, or `stand`s still inside its turn to write. */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { done, mustBe } from '../../src/kernel/result.ts'
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts'
import { entry, inMain } from './store-steps.ts'
import { nodeTimes, say } from './two-nodes.ts'

const [, , deed, url = '', node = ''] = process.argv

function tell(line: string | number): void {
  writeSync(1, `${line}\n`)
}

const store = mustBe(
  await openPostgresStore({
    ...nodeTimes,
    now: () => Date.now(),
    chance: (count) => randomBytes(count),
    url,
    node,
    holder: `process ${process.pid}`,
    onFenced: (reason) => {
      tell(`fenced: ${reason}`)
      process.exit(3)
    },
  }),
)
tell('open')
if (deed === 'write') {
  for (let number = 1; ; number += 1) {
    const said = await say({ store }, `${node} ${number}`)
    tell(said.ok ? `kept ${number}` : `refused ${number}`)
  }
} else if (deed === 'stand') {
  const stood = await inMain(store).change(async (tx) => {
    await tx.record(entry('stood'))
    // Until the test lets it go on, which it does by a signal: listened for before the test hears that it may stop this process.
    await new Promise<void>((resolve) => {
      const waiting = setInterval(() => undefined, 1_000)
      process.once('SIGUSR2', () => {
        clearInterval(waiting)
        resolve()
      })
      tell('inside')
    })
    return done(undefined)
  })
  tell(stood.ok ? 'kept' : stood.refusal.code)
}
setInterval(() => {
  tell(inMain(store).isHeld() ? 'held' : 'not held')
}, 50)
