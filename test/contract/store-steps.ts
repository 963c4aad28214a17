/** Steps that many rows of the store's contract take. */
import assert from 'node:assert/strict'
import type { Database, LedgerEntry, Store } from '../../src/control/ports.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { ephemeralKinds, type RecordKind, type Records } from '../../src/model/records.ts'
import { recordKinds, tell } from './sample-records.ts'

export function entry(subject: string, facts: JsonObject = {}): LedgerEntry {
  return { kind: 'tried', actor: 'ana', subject, facts }
}

/** The store of most rows. */
export function inMain(database: Database, space = 'main'): Store {
  return database.inSpace(space)
}

export function isEphemeral(kind: RecordKind): boolean {
  return ephemeralKinds.some((ephemeral) => ephemeral === kind)
}

/** Puts records of one kind in one change of the space that they are of, with one entry. */
export async function keep<K extends RecordKind>(database: Database, kind: K, ...records: Records[K][]): Promise<void> {
  const result = await inMain(database, records[0]?.space).change(async (tx) => {
    for (const record of records) await tx.put(kind, record)
    await tx.record(entry(records[0]?.id ?? 'nothing'))
    return done(undefined)
  })
  mustBe(result)
}

/** Everything a store answers, so that two moments can be compared. */
export async function everything(store: Database): Promise<unknown> {
  const records: unknown[] = []
  for (const kind of recordKinds) records.push([kind, ...(await inMain(store).read((tx) => tx.find(kind, {}))).map(tell)])
  return {
    records,
    last: await inMain(store).last(),
    outbox: await store.outbox(1_000),
    tree: await store.tree(),
    leaves: await store.leaves(0, 1_000),
  }
}

/** Positions 1, 2, 3 … over leaves and outbox together; answers how many. */
export async function checkGapless(store: Database): Promise<number> {
  const { size } = await store.tree()
  let expected = 0
  for (;;) {
    const leaves = await store.leaves(expected, 1_000)
    for (const leaf of leaves) {
      assert.equal(leaf.index, expected)
      expected += 1
    }
    if (leaves.length < 1_000) break
  }
  assert.equal(expected, size)
  const outbox = await store.outbox(1_000)
  assert.ok(outbox.length < 1_000, 'this check reads one page of the outbox')
  outbox.forEach((row, place) => assert.equal(row.position, size + place + 1))
  return size + outbox.length
}
