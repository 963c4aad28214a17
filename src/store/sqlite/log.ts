/** The outbox, the leaves it becomes, and the checkpoints over them, through one connection. */
import type { LeafRow, LedgerEntry, OutboxRow, TreeState } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Connection } from './connection.ts'
import { writeDocument } from './documents.ts'
import { checkPage } from './records.ts'

/** Rows in one insert: below SQLite's bound on parameters by far. */
const insertedAtOnce = 100

/** The entry as it is kept for ever: canonical JSON of version 1. */
export function writeEntry(entry: LedgerEntry, at: Instant): string {
  const { kind, space, actor, subject, facts } = entry
  return writeDocument({ v: 1, at, kind, space, actor, subject, facts })
}

/** The position after the last that was ever given out. */
export async function nextPosition(connection: Connection): Promise<number> {
  const { sql } = connection
  const last = await sql.selectFrom('outbox').select('position').orderBy('position', 'desc').limit(1).executeTakeFirst()
  return 1 + (last?.position ?? (await readTree(connection)).size)
}

export async function putOutboxRow(connection: Connection, row: OutboxRow): Promise<void> {
  await connection.sql.insertInto('outbox').values(row).execute()
}

export async function readOutbox(connection: Connection, max: number): Promise<OutboxRow[]> {
  return connection.sql.selectFrom('outbox').selectAll().orderBy('position').limit(checkPage(max)).execute()
}

export async function readTree(connection: Connection): Promise<TreeState> {
  return connection.sql.selectFrom('tree').select(['size', 'frontier', 'checkpoint']).executeTakeFirstOrThrow()
}

export async function readLeaves(connection: Connection, from: number, max: number): Promise<LeafRow[]> {
  const rows = await connection.sql
    .selectFrom('leaves')
    .selectAll()
    .where('place', '>=', from)
    .orderBy('place')
    .limit(checkPage(max))
    .execute()
  return rows.map(({ place, leaf, body, salt }) => ({ index: place, leaf, ...(body === null || salt === null ? {} : { body, salt }) }))
}

export async function readCheckpoints(
  connection: Connection,
  fromSize: number,
  max: number,
): Promise<{ readonly size: number; readonly note: string }[]> {
  const { sql } = connection
  return sql
    .selectFrom('checkpoints')
    .select(['size', 'note'])
    .where('size', '>=', fromSize)
    .orderBy('size')
    .orderBy('place')
    .limit(checkPage(max))
    .execute()
}

/**
 * Numbers the oldest rows of the outbox: they become leaves, and leave the outbox. Throws when the stored size is not `from`, and
 * when a leaf does not hold the row that it numbers.
 */
export async function appendLeaves(connection: Connection, from: number, leaves: readonly LeafRow[], state: TreeState): Promise<void> {
  const { sql } = connection
  const before = await readTree(connection)
  if (before.size !== from) throw new Error(`the log has ${before.size} leaves, not ${from}: another sequencer is at work`)
  if (state.size !== from + leaves.length) throw new Error(`${leaves.length} leaves after ${from} do not make ${state.size}`)
  for (let done = 0; done < leaves.length; done += insertedAtOnce)
    await insertLeaves(connection, from + done, leaves.slice(done, done + insertedAtOnce))
  await sql.updateTable('tree').set({ size: state.size, frontier: state.frontier, checkpoint: state.checkpoint }).execute()
  await sql.deleteFrom('outbox').where('position', '<=', state.size).execute()
  if (state.checkpoint === '' || state.checkpoint === before.checkpoint) return
  await sql
    .insertInto('checkpoints')
    .values((build) => ({
      place: build.selectFrom('checkpoints').select((own) => own(own.fn.coalesce(own.fn.max('place'), own.lit(0)), '+', 1).as('next')),
      size: state.size,
      note: state.checkpoint,
    }))
    .execute()
}

async function insertLeaves(connection: Connection, from: number, leaves: readonly LeafRow[]): Promise<void> {
  const { sql } = connection
  const rows = await sql
    .selectFrom('outbox')
    .selectAll()
    .where('position', '>', from)
    .where('position', '<=', from + leaves.length)
    .orderBy('position')
    .execute()
  const values = leaves.map(({ index, leaf, body, salt }, place) => {
    const row = rows[place]
    if (index !== from + place || row === undefined || row.body !== body || salt === undefined || Buffer.compare(row.salt, salt) !== 0) {
      throw new Error(`leaf ${index} does not hold row ${from + place + 1} of the outbox`)
    }
    return { place: index, leaf, body: row.body, salt: row.salt }
  })
  await sql.insertInto('leaves').values(values).execute()
}
