/** The outbox, the leaves it becomes, and the checkpoints over them, as one log of all spaces. */
import type { LeafRow, LedgerEntry, OutboxRow, TreeState } from '../../control/ports.ts'
import type { Turning } from '../../kernel/in-turns.ts'
import type { Instant } from '../../kernel/instants.ts'
import { isJsonObject, parseJson } from '../../kernel/json.ts'
import { documentLimits, writeDocument } from './documents.ts'
import type { Sql } from './engine.ts'
import { checkPage } from './records.ts'

/** Rows in one insert: below any database's bound on parameters by far. */
const insertedAtOnce = 100

/** The entry as it is kept for ever: canonical JSON of version 1. */
export function writeEntry(
  entry: LedgerEntry,
  { space, now, turning }: { readonly space: string; readonly now: Instant; readonly turning?: Turning | undefined },
): Promise<string> {
  const { kind, actor, subject, facts } = entry
  return writeDocument({ v: 1, at: now, kind, space, actor, subject, facts }, turning)
}

/** The position after the last that was ever given out. */
export async function nextPosition(sql: Sql): Promise<number> {
  const last = await sql.selectFrom('outbox').select('position').orderBy('position', 'desc').limit(1).executeTakeFirst()
  return 1 + (last?.position ?? (await readTree(sql)).size)
}

export async function putOutboxRow(sql: Sql, row: OutboxRow): Promise<void> {
  await sql.insertInto('outbox').values(row).execute()
}

export async function readOutbox(sql: Sql, max: number): Promise<OutboxRow[]> {
  return sql.selectFrom('outbox').selectAll().orderBy('position').limit(checkPage(max)).execute()
}

export async function readTree(sql: Sql): Promise<TreeState> {
  return sql.selectFrom('tree').select(['size', 'frontier', 'checkpoint']).executeTakeFirstOrThrow()
}

export async function readLeaves(sql: Sql, from: number, max: number): Promise<LeafRow[]> {
  const rows = await sql.selectFrom('leaves').selectAll().where('place', '>=', from).orderBy('place').limit(checkPage(max)).execute()
  return rows.map(({ place, leaf, body, salt }) => ({ index: place, leaf, ...(body === null || salt === null ? {} : { body, salt }) }))
}

export async function readCheckpoints(
  sql: Sql,
  fromSize: number,
  max: number,
): Promise<{ readonly size: number; readonly note: string }[]> {
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
export async function appendLeaves(sql: Sql, from: number, leaves: readonly LeafRow[], state: TreeState): Promise<void> {
  const before = await readTree(sql)
  if (before.size !== from) throw new Error(`the log has ${before.size} leaves, not ${from}: another sequencer is at work`)
  if (state.size !== from + leaves.length) throw new Error(`${leaves.length} leaves after ${from} do not make ${state.size}`)
  for (let done = 0; done < leaves.length; done += insertedAtOnce)
    await insertLeaves(sql, from + done, leaves.slice(done, done + insertedAtOnce))
  // The one that is kept may have more signatures than the one that the sequencer remembers.
  const isSame = textOf(state.checkpoint) === textOf(before.checkpoint)
  const checkpoint = isSame ? before.checkpoint : state.checkpoint
  await sql.updateTable('tree').set({ size: state.size, frontier: state.frontier, checkpoint }).execute()
  await sql.deleteFrom('outbox').where('position', '<=', state.size).execute()
  if (checkpoint === '' || isSame) return
  const last = await sql.selectFrom('checkpoints').select('place').orderBy('place', 'desc').limit(1).executeTakeFirst()
  await sql
    .insertInto('checkpoints')
    .values({ place: 1 + (last?.place ?? 0), size: state.size, note: checkpoint })
    .execute()
}

/** Adds to the newest checkpoint of a size the signatures of `note` that it does not have; throws where there is none of this text. */
export async function cosignCheckpoint(sql: Sql, size: number, note: string): Promise<void> {
  const kept = await sql
    .selectFrom('checkpoints')
    .select(['place', 'note'])
    .where('size', '=', size)
    .orderBy('place', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (kept === undefined || textOf(kept.note) !== textOf(note)) throw new Error(`no checkpoint of this text is kept for size ${size}`)
  const had = new Set(signaturesOf(kept.note))
  const added = signaturesOf(note).filter((line) => !had.has(line))
  if (added.length === 0) return
  const cosigned = `${kept.note}${added.join('')}`
  await sql.updateTable('checkpoints').set({ note: cosigned }).where('place', '=', kept.place).execute()
  await sql.updateTable('tree').set({ checkpoint: cosigned }).where('checkpoint', '=', kept.note).execute()
}

/** What is signed: everything before the empty line, or all of a note that has none. */
function textOf(note: string): string {
  const end = note.lastIndexOf('\n\n')
  return end < 0 ? note : note.slice(0, end)
}

/** The lines after the text, each with its end. */
function signaturesOf(note: string): string[] {
  return note
    .slice(textOf(note).length)
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `${line}\n`)
}

/** Whether there was a body of this space under the leaf; none is there from now on. */
export async function eraseLeaf(sql: Sql, space: string, index: number): Promise<boolean> {
  if (!Number.isSafeInteger(index)) return false
  const row = await sql.selectFrom('leaves').select('body').where('place', '=', index).executeTakeFirst()
  if (row === undefined || row.body === null) return false
  const entry = parseJson(row.body, documentLimits)
  if (!entry.ok || !isJsonObject(entry.value) || entry.value['space'] !== space) return false
  await sql.updateTable('leaves').set({ body: null, salt: null }).where('place', '=', index).execute()
  return true
}

async function insertLeaves(sql: Sql, from: number, leaves: readonly LeafRow[]): Promise<void> {
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
