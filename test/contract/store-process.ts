/** A process for the store's contract: opens a store and writes until it is killed, or only holds it. `<deed> sqlite <path>`, or `<deed> postgres <url>`. */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import type { Database } from '../../src/control/ports.ts'
import { makeId } from '../../src/kernel/ids.ts'
import { done, mustBe, type Result } from '../../src/kernel/result.ts'
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { postgresTimes } from './postgres-times.ts'
import { sampleRecords } from './sample-records.ts'
import { entry, inMain } from './store-steps.ts'

const [, , deed, store, path = ''] = process.argv

async function open(): Promise<Result<Database>> {
  const parts = { now: () => Date.now(), chance: (count: number) => randomBytes(count) }
  if (store === 'sqlite') return openSqliteStore({ ...parts, path, pid: process.pid })
  if (store === 'postgres')
    return openPostgresStore({ ...parts, ...postgresTimes, beatMs: 1_000, url: path, holder: `process ${process.pid}` })
  throw new Error(`no store is called ${store}`)
}

/** Each line is a change that was acknowledged. Written at once, so that no line is lost with the process. */
function say(line: string | number): void {
  writeSync(1, `${line}\n`)
}

async function write(opened: Database): Promise<void> {
  for (let number = (await inMain(opened).last()).version + 1; ; number += 1) {
    const result = await inMain(opened).change(async (tx) => {
      for (const half of ['left', 'right']) {
        await tx.put('signal', { ...sampleRecords.signal(1), id: makeId('sgn', tx.now, randomBytes(10)), about: `${number} ${half}` })
      }
      await tx.record(entry(`${number}`))
      return done(undefined)
    })
    mustBe(result)
    say(number)
    if (number % 7 === 0) await sequence(opened)
  }
}

async function sequence(opened: Database): Promise<void> {
  const { size } = await opened.tree()
  const rows = await opened.outbox(1_000)
  const leaves = rows.map(({ position, body, salt }) => ({ index: position - 1, leaf: new Uint8Array(33), body, salt }))
  const state = { size: size + rows.length, frontier: new Uint8Array(32), checkpoint: `of ${size + rows.length}` }
  await opened.appendLeaves(size, leaves, state)
}

const opened = await open()
if (!opened.ok) {
  say(opened.refusal.code)
} else if (deed === 'write') {
  await write(opened.value)
} else {
  say('open')
  // Held until it is killed.
  setInterval(() => opened.value, 60_000)
}
