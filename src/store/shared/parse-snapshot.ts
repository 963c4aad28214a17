/** Reads the lines of a snapshot, one by one, and puts them into an empty database. */
import { createHash } from 'node:crypto'
import { isJsonObject, type JsonObject, parseJson } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Latest, Sql } from './engine.ts'
import { readTree } from './log.ts'
import { snapshotVersion } from './snapshot.ts'
import { readSpaces } from './spaces.ts'
import { type RecordTable, recordTables, type Tables } from './tables.ts'

/** A document of 4 MiB, each of its characters escaped once more. */
const lineBytesMax = 33_554_432

/** Rows in one insert. */
const insertedAtOnce = 50

/** What one line is wrong about; becomes a refusal with the number of the line. */
class Flaw extends Error {}

/** The database did not take some rows: because of what they are, or because it cannot write just now. */
export class RowsNotTaken extends Error {
  readonly line: number

  constructor(line: number, cause: unknown) {
    super('the database did not take a row', { cause })
    this.line = line
  }
}

/** Nothing was ever kept in it, notes given at its creation included. */
export async function isEmpty(sql: Sql): Promise<boolean> {
  const { version } = await sql.selectFrom('latest').select('version').executeTakeFirstOrThrow()
  if (version !== 0 || (await readTree(sql)).size !== 0) return false
  const meta = await sql.selectFrom('meta').select('key').limit(1).execute()
  const outbox = await sql.selectFrom('outbox').select('position').limit(1).execute()
  return meta.length === 0 && outbox.length === 0 && (await readSpaces(sql)).length === 0
}

/**
 * Takes the lines as `writeSnapshot` wrote them, with or without their ends. Answers the last change that is in them. Refuses
 * `snapshot.broken`, naming the line, on anything that is cut short, added or changed; what was put until then must not be committed.
 */
export async function readSnapshot(sql: Sql, lines: AsyncIterable<string>): Promise<Result<Latest>> {
  const reading = new SnapshotReading(sql)
  try {
    for await (const line of lines) await reading.take(line)
    return done(reading.finish())
  } catch (thrown) {
    if (!(thrown instanceof Flaw)) throw thrown
    return refuse('snapshot.broken', { detail: `line ${reading.lines}: ${thrown.message}` })
  }
}

class SnapshotReading {
  lines = 0
  readonly #sql: Sql
  readonly #digest = createHash('sha256')
  #latest: Latest | undefined
  #size = 0
  #leaves = 0
  #isOver = false
  #table = ''
  #rows: JsonObject[] = []

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async take(line: string): Promise<void> {
    const text = line.endsWith('\n') ? line.slice(0, -1) : line
    this.lines += 1
    if (this.#isOver) throw new Flaw('there is more after the end')
    const value = parseJson(text, { bytesMax: lineBytesMax })
    if (!value.ok || !isJsonObject(value.value)) throw new Flaw('this is no line of a snapshot')
    const row = value.value
    if (this.#latest === undefined) await this.#begin(row)
    else if (row['end'] === true) await this.#end(row)
    else await this.#gather(row)
    if (!this.#isOver) this.#digest.update(`${text}\n`)
  }

  finish(): Latest {
    if (!this.#isOver || this.#latest === undefined) throw new Flaw('it is cut short')
    return this.#latest
  }

  async #begin(row: JsonObject): Promise<void> {
    const { latest, tree } = row
    if (row['remit'] !== 'snapshot') throw new Flaw('this is no snapshot')
    if (row['v'] !== snapshotVersion) throw new Flaw(`its version is not ${snapshotVersion}`)
    if (!isJsonObject(latest) || !isJsonObject(tree)) throw new Flaw('it does not say what it is of')
    this.#latest = { version: integer(latest, 'version'), at: integer(latest, 'at') }
    this.#size = integer(tree, 'size')
    // Before the rows: the numbers of the outbox go on from here.
    await this.#sql
      .updateTable('tree')
      .set({ size: this.#size, frontier: bytes(tree, 'frontier'), checkpoint: text(tree, 'checkpoint') })
      .execute()
  }

  async #end(row: JsonObject): Promise<void> {
    await this.#put()
    if (integer(row, 'lines') !== this.lines - 1) throw new Flaw(`it says that ${integer(row, 'lines')} lines come before this one`)
    if (text(row, 'sha256') !== this.#digest.digest('hex')) throw new Flaw('the lines are not the ones that were written')
    if (this.#leaves !== this.#size) throw new Flaw(`it has ${this.#leaves} leaves of ${this.#size}`)
    this.#isOver = true
  }

  async #gather(row: JsonObject): Promise<void> {
    const table = text(row, 't')
    if (table !== this.#table || this.#rows.length >= insertedAtOnce) await this.#put()
    this.#table = table
    this.#rows.push(row)
  }

  async #put(): Promise<void> {
    const rows = this.#rows
    this.#rows = []
    if (rows.length === 0) return
    try {
      await this.#insert(rows)
    } catch (thrown) {
      throw thrown instanceof Flaw ? thrown : new RowsNotTaken(this.lines, thrown)
    }
  }

  async #insert(rows: readonly JsonObject[]): Promise<void> {
    const sql = this.#sql
    const records = Object.values(recordTables).find(({ table }) => table === this.#table)?.table
    if (records !== undefined) {
      await insertRecords(sql, records, rows)
    } else if (this.#table === 'leaves') {
      for (const row of rows) {
        if (integer(row, 'place') !== this.#leaves) throw new Flaw(`leaf ${this.#leaves} is not where it belongs`)
        this.#leaves += 1
      }
      await sql.insertInto('leaves').values(rows.map(toLeaf)).execute()
    } else if (this.#table === 'outbox') await sql.insertInto('outbox').values(rows.map(toOutboxRow)).execute()
    else if (this.#table === 'checkpoints') await sql.insertInto('checkpoints').values(rows.map(toCheckpoint)).execute()
    else if (this.#table === 'meta') await sql.insertInto('meta').values(rows.map(toMeta)).execute()
    else throw new Flaw('a row of no table that is known here')
  }
}

async function insertRecords(sql: Sql, table: RecordTable, rows: readonly JsonObject[]): Promise<void> {
  const values = rows.map((row) => ({
    space: text(row, 'space'),
    id: text(row, 'id'),
    doc: text(row, 'doc'),
    version: integer(row, 'version'),
  }))
  await sql.insertInto(table).values(values).execute()
}

function toLeaf(row: JsonObject): Tables['leaves'] {
  const isErased = row['body'] === null && row['salt'] === null
  return {
    place: integer(row, 'place'),
    leaf: bytes(row, 'leaf'),
    body: isErased ? null : text(row, 'body'),
    salt: isErased ? null : bytes(row, 'salt'),
  }
}

function toOutboxRow(row: JsonObject): Tables['outbox'] {
  return { position: integer(row, 'position'), at: integer(row, 'at'), body: text(row, 'body'), salt: bytes(row, 'salt') }
}

function toCheckpoint(row: JsonObject): Tables['checkpoints'] {
  return { place: integer(row, 'place'), size: integer(row, 'size'), note: text(row, 'note') }
}

function toMeta(row: JsonObject): Tables['meta'] {
  return { key: text(row, 'key'), value: text(row, 'value'), fixed: integer(row, 'fixed') }
}

function text(row: JsonObject, name: string): string {
  const value = row[name]
  if (typeof value !== 'string') throw new Flaw(`${name} is not a text`)
  return value
}

function integer(row: JsonObject, name: string): number {
  const value = row[name]
  if (typeof value !== 'number' || value < 0) throw new Flaw(`${name} is not a number`)
  return value
}

function bytes(row: JsonObject, name: string): Uint8Array {
  const written = text(row, name)
  const read = new Uint8Array(Buffer.from(written, 'base64'))
  if (Buffer.from(read).toString('base64') !== written) throw new Flaw(`${name} is not base64`)
  return read
}
