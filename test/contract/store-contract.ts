/** The contract of every store: rows of what must hold, tried on a real store in a place of its own. */
import { test } from 'node:test'
import { changeRows } from './store-rows-changes.ts'
import { faultRows } from './store-rows-faults.ts'
import { logRows } from './store-rows-log.ts'
import { processRows } from './store-rows-processes.ts'
import { recordRows } from './store-rows-records.ts'
import { snapshotRows } from './store-rows-snapshots.ts'
import { spaceRows } from './store-rows-spaces.ts'
import type { StoreHouse } from './store-house.ts'

/** Rows that a store cannot hold by its nature, and why. */
export interface Gap {
  readonly reason: string
  readonly tests: readonly string[]
}

/** Registers every row as a test of `name`. A gap that names no row is an error: it would hide nothing and mislead. */
export function storeContract(name: string, build: () => Promise<StoreHouse>, gaps: readonly Gap[] = []): void {
  const rows = [...recordRows, ...spaceRows, ...changeRows, ...faultRows, ...logRows, ...processRows, ...snapshotRows]
  const known = new Set(rows.map(({ says }) => says))
  for (const unknown of gaps.flatMap(({ tests }) => tests).filter((says) => !known.has(says))) {
    throw new Error(`${name}: a gap names no row: ${unknown}`)
  }
  for (const { says, run } of rows) {
    if (gaps.some(({ tests }) => tests.includes(says))) continue
    test(`${name}: ${says}`, async () => {
      const house = await build()
      try {
        await run(house)
      } finally {
        await house.remove()
      }
    })
  }
}
