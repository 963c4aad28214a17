/** Reading and writing the records of one space. */
import type { Page, Reading, SearchBy } from '../../control/ports.ts'
import type { Turning } from '../../kernel/in-turns.ts'
import { keepText } from '../../kernel/long-json.ts'
import type { RecordKind, Records } from '../../model/records.ts'
import { readDocument, isLongText, restAround, writeDocument } from './documents.ts'
import type { Sql } from './engine.ts'
import { recordTables, type RecordTable } from './tables.ts'

/** Rows in one answer, whoever asks. */
export const pageMax = 1_000

/** Values that one column may be looked for at once. */
const alternativesMax = 1_000

/** Throws on a page that is no number from 1 to 1,000. */
export function checkPage(max: number): number {
  if (!Number.isSafeInteger(max) || max < 1 || max > pageMax) throw new Error(`a page has 1 to ${pageMax} rows, not ${max}`)
  return max
}

export class RecordReading implements Reading {
  readonly #sql: Sql
  readonly #space: string
  readonly #turning: Turning | undefined
  #isOver = false

  constructor(sql: Sql, space: string, turning?: Turning) {
    this.#sql = sql
    this.#space = space
    this.#turning = turning
  }

  /** From here on it answers nothing: another's snapshot would come out of it. */
  end(): void {
    this.#isOver = true
  }

  async get<K extends RecordKind>(kind: K, id: string): Promise<Records[K] | undefined> {
    this.#check()
    const table = tableOf(kind)
    if (!isText(id)) return undefined
    const row = await this.#sql.selectFrom(table).select('doc').where('space', '=', this.#space).where('id', '=', id).executeTakeFirst()
    return row === undefined ? undefined : readDocument(kind, row.doc, this.#turning)
  }

  /**
   * Throws on a column the kind cannot be searched by, on a wanted value that is `undefined`, and, where no page was asked for, when
   * there are more than 1,000: an answer cut short in silence would leave some of them alive.
   */
  async find<K extends RecordKind>(kind: K, by: SearchBy<K>, page?: Page): Promise<Records[K][]> {
    const max = page === undefined ? pageMax + 1 : checkPage(page.max)
    this.#check()
    const sql = this.#sql
    let query = sql.selectFrom(tableOf(kind)).select('doc').where('space', '=', this.#space)
    for (const [name, wanted] of Object.entries<unknown>(by)) {
      const column = sql.dynamic.ref<string>(columnOf(kind, name))
      const values = toValues(name, wanted)
      if (values.length === 0) return []
      query = typeof wanted === 'string' ? query.where(column, '=', wanted) : query.where(column, 'in', values)
    }
    if (page?.after !== undefined) query = query.where('id', '>', page.after)
    const rows = await query.orderBy('id').limit(max).execute()
    if (page === undefined && rows.length > pageMax) throw new Error(`more than ${pageMax} records of ${kind}: ask page by page`)
    const records: Records[K][] = []
    for (const row of rows) records.push(await readDocument(kind, row.doc, this.#turning))
    return records
  }

  #check(): void {
    if (this.#isOver) throw new Error('this read has ended')
  }
}

/** The version of the change that writes it, and by what it takes turns where it is long. */
export interface Putting {
  readonly version: number
  readonly turning: Turning | undefined
}

/** Whether it is long: then the commit is, too. */
export async function putRecord<K extends RecordKind>(
  sql: Sql,
  kind: K,
  record: Records[K],
  { version, turning }: Putting,
): Promise<boolean> {
  const doc = await writeDocument(record, turning)
  // The feed says it to every gateway in the turn in which it comes into force.
  if (kind === 'policySet') keepText(record, doc)
  await sql
    .insertInto(tableOf(kind))
    .values({ id: record.id, space: record.space, doc, version })
    // The text that is there already, and not once more: it may be long.
    .onConflict((conflict) =>
      conflict.columns(['space', 'id']).doUpdateSet((row) => ({ doc: row.ref('excluded.doc'), version: row.ref('excluded.version') })),
    )
    .execute()
  await restAround(doc, turning)
  return isLongText(doc)
}

/** Whether there was one. */
export async function removeRecord(sql: Sql, kind: RecordKind, space: string, id: string): Promise<boolean> {
  if (!isText(id)) return false
  const { numDeletedRows } = await sql.deleteFrom(tableOf(kind)).where('space', '=', space).where('id', '=', id).executeTakeFirst()
  return numDeletedRows > 0n
}

/** No row has a zero character in what it is found by, and not every database takes one in a question. */
function isText(value: string): boolean {
  return !value.includes('\0')
}

function tableOf(kind: RecordKind): RecordTable {
  if (!Object.hasOwn(recordTables, kind)) throw new Error(`the store keeps no ${kind}`)
  return recordTables[kind].table
}

function columnOf(kind: RecordKind, name: string): string {
  const found = Object.entries<string>(recordTables[kind].columns).find(([known]) => known === name)
  if (found === undefined) throw new Error(`${kind} cannot be searched by ${name}`)
  return found[1]
}

function toValues(name: string, wanted: unknown): string[] {
  const values: unknown[] = Array.isArray(wanted) ? wanted : [wanted]
  if (values.length > alternativesMax) throw new Error(`at most ${alternativesMax} values of ${name} at once`)
  const texts = values.map((value) => {
    // Left out, it would find more than was asked for.
    if (typeof value !== 'string') throw new Error(`${name} is looked for by text`)
    return value
  })
  return texts.filter(isText)
}
