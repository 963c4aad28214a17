/** One connection to a database file: node:sqlite as kysely wants it, with every statement prepared once. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Kysely, SqliteDialect, type SqliteStatement } from 'kysely'
import type { Tables } from '../shared/tables.ts'

/** Told of each statement before it runs. What it throws, the statement throws: so tests and the simulation break a disk. */
export type StatementWatch = (sql: string, database: DatabaseSync) => void

export interface ConnectionOptions {
  readonly readOnly?: boolean
  readonly watch?: StatementWatch
}

const preparedMax = 500

/** How long a statement waits for another program that has the file, such as a backup. It blocks the process, so it is short. */
const busyMs = 250

export class Connection {
  readonly sql: Kysely<Tables>
  readonly #database: DatabaseSync
  readonly #watch: StatementWatch | undefined
  readonly #prepared = new Map<string, SqliteStatement>()

  /** Throws what SQLite throws when the file cannot be opened. */
  constructor(path: string, options: ConnectionOptions = {}) {
    this.#database = new DatabaseSync(path, { timeout: busyMs, readOnly: options.readOnly === true })
    this.#watch = options.watch
    this.sql = new Kysely<Tables>({
      dialect: new SqliteDialect({ database: { prepare: (sql) => this.prepare(sql), close: () => this.close() } }),
    })
  }

  /** Prepared at the first call; the oldest is let go beyond 500. */
  prepare(sql: string): SqliteStatement {
    const known = this.#prepared.get(sql)
    if (known !== undefined) return known
    const [oldest] = this.#prepared.keys()
    if (oldest !== undefined && this.#prepared.size >= preparedMax) this.#prepared.delete(oldest)
    const statement = this.#adapt(sql, this.#database.prepare(sql))
    this.#prepared.set(sql, statement)
    return statement
  }

  /** Runs SQL text that answers nothing. */
  run(sql: string): void {
    this.#watch?.(sql, this.#database)
    this.#database.exec(sql)
  }

  /** The one number that a pragma or a count answers. */
  readNumber(sql: string): number {
    const row = this.#database.prepare(sql).get()
    const [value] = Object.values(row ?? {})
    if (typeof value !== 'number') throw new Error('this statement answers no number')
    return value
  }

  /** Nothing of an open transaction stays; without one it does nothing. */
  rollBack(): void {
    // Straight to the database: SQLite may have ended the transaction by itself, and no watch may keep it open.
    if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('rollback')
  }

  close(): void {
    this.#prepared.clear()
    if (this.#database.isOpen) this.#database.close()
  }

  #adapt(sql: string, statement: StatementSync): SqliteStatement {
    const before = () => this.#watch?.(sql, this.#database)
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => {
        before()
        // Rows come without a prototype; whoever compares or prints one expects a plain object.
        return statement.all(...parameters.map(toInput)).map((row) => ({ ...row }))
      },
      run: (parameters) => {
        before()
        return statement.run(...parameters.map(toInput))
      },
      iterate: () => {
        throw new Error('the store reads pages, it does not stream')
      },
    }
  }
}

function toInput(value: unknown): SQLInputValue {
  if (typeof value === 'string' || typeof value === 'number' || value === null || value instanceof Uint8Array) return value
  throw new Error(`the database takes no value of type ${typeof value}`)
}
