/** SQLite as the store wants it: one writing connection, reading ones beside it. */
import type { Engine, Sql, Writing } from '../shared/engine.ts'
import { type ReadConnection, Readers } from '../shared/readers.ts'
import { Connection } from './connection.ts'
import { describeUnavailable } from './failures.ts'
import type { StoreLock } from './lock.ts'

export class SqliteEngine implements Engine {
  readonly readsInTurn: boolean
  readonly #writer: Connection
  readonly #lock: StoreLock | undefined
  /** Absent in memory, where nobody but the writer's connection sees the database. */
  readonly #readers: Readers<SqliteReader> | undefined
  #isClosed = false

  constructor(path: string, writer: Connection, lock: StoreLock | undefined) {
    this.#writer = writer
    this.#lock = lock
    this.#readers = path === ':memory:' ? undefined : new Readers(() => new SqliteReader(path))
    this.readsInTurn = this.#readers === undefined
  }

  async write<T>(work: (writing: Writing) => Promise<T>): Promise<T> {
    // A transaction that could not be ended when the disk failed is ended now.
    this.#writer.rollBack()
    this.#writer.run('begin immediate')
    try {
      const { sql } = this.#writer
      return await work({
        sql,
        commit: async (latest) => {
          if (latest !== undefined) await sql.updateTable('latest').set({ version: latest.version, at: latest.at }).execute()
          this.#writer.run('commit')
        },
      })
    } finally {
      this.#writer.rollBack()
    }
  }

  /** A log that is copied back now is not copied back within a commit. Where that cannot be, a later commit does it. */
  tidy(): void {
    try {
      if (this.#readers !== undefined) this.#writer.run('pragma wal_checkpoint(passive)')
    } catch (thrown) {
      if (describeUnavailable(thrown) === undefined) throw thrown
    }
  }

  read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#readers === undefined ? work(this.#writer.sql) : this.#readers.use(({ connection }) => work(connection.sql))
  }

  describeUnavailable(thrown: unknown): string | undefined {
    return describeUnavailable(thrown)
  }

  /** Nobody can take the lock from a process that lives. */
  isHeld(): boolean {
    return !this.#isClosed
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#readers?.close()
    this.#writer.close()
    this.#lock?.release()
  }
}

class SqliteReader implements ReadConnection {
  readonly isUsable = true
  readonly connection: Connection

  constructor(path: string) {
    this.connection = new Connection(path, { readOnly: true })
  }

  async begin(): Promise<void> {
    this.connection.run('begin')
    // SQLite takes the snapshot at the first read, which is this one.
    await this.connection.sql.selectFrom('latest').select('version').execute()
  }

  async end(): Promise<void> {
    this.connection.rollBack()
  }

  close(): void {
    this.connection.close()
  }
}
