/** The store in one SQLite file (or in memory): one writer, readers beside it, everything durable when a change resolves. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Change, Committed, LeafRow, OutboxRow, Reading, Store, TreeState } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { SqliteChange } from './change.ts'
import { Connection, type StatementWatch } from './connection.ts'
import { describeUnavailable } from './failures.ts'
import { StoreLock } from './lock.ts'
import { appendLeaves, readCheckpoints, readLeaves, readOutbox, readTree } from './log.ts'
import { migrate } from './migrations.ts'
import { Readers } from './readers.ts'
import { RecordReading } from './records.ts'
import { Turns } from './turns.ts'

export interface SqliteStoreOptions {
  /** A file in a folder of its own that only Remit's user may enter; beside it lies `<path>-lock`. Or `:memory:`. */
  readonly path: string
  readonly now: () => Instant
  readonly chance: (count: number) => Uint8Array
  /** Said to whoever finds the store locked. */
  readonly pid?: number
  /** Kept in `meta` when the file is made, and never changed after. */
  readonly atCreation?: Readonly<Record<string, string>>
  readonly watch?: StatementWatch
}

export interface SqliteStore extends Store {
  meta(key: string): Promise<string | undefined>
  /** Throws on a key that was given at creation. */
  setMeta(key: string, value: string): Promise<void>
}

/** Changes that may wait for their turn; beyond it they are refused. */
const waitingMax = 10_000

const writing = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma secure_delete = on;
  pragma trusted_schema = off;
  pragma journal_size_limit = 67108864;
`

/**
 * Opens, or makes, the store. Refuses `store.locked` (naming the process that has it), `store.newer` and `store.unavailable`.
 * A change, a read or anything else of the store asked for inside a change or a read of the same store is a bug and throws.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Result<SqliteStore>> {
  const { path, pid, atCreation = {}, watch } = options
  const isMemory = path === ':memory:'
  const lock = isMemory ? undefined : StoreLock.take(`${path}-lock`, pid === undefined ? 'another process' : `process ${pid}`)
  if (lock?.ok === false) return lock
  let writer: Connection | undefined
  let opened: Result<SqliteStore> | undefined
  try {
    writer = new Connection(path, watch === undefined ? {} : { watch })
    writer.run(writing)
    const migrated = migrate(writer, atCreation)
    if (!migrated.ok) return migrated
    const latest = await writer.sql.selectFrom('latest').select(['version', 'at']).executeTakeFirstOrThrow()
    opened = done(new OpenStore(options, { writer, lock: lock?.value, latest }))
    return opened
  } catch (thrown) {
    const why = describeUnavailable(thrown)
    if (why === undefined) throw thrown
    return refuse('store.unavailable', { detail: why })
  } finally {
    if (opened === undefined) {
      writer?.close()
      lock?.value.release()
    }
  }
}

interface Latest {
  readonly version: number
  readonly at: Instant
}

class OpenStore implements SqliteStore {
  readonly #options: SqliteStoreOptions
  readonly #writer: Connection
  readonly #lock: StoreLock | undefined
  /** Absent in memory, where nobody but the writer's connection sees the database: reads take their turn with the changes. */
  readonly #readers: Readers | undefined
  readonly #turns = new Turns()
  readonly #inside = new AsyncLocalStorage<{ isOpen: boolean }>()
  readonly #listeners: ((committed: Committed) => void)[] = []
  #latest: Latest
  /** The highest instant that any change was given, kept or not. */
  #now: Instant
  #isClosed = false

  constructor(
    options: SqliteStoreOptions,
    parts: { readonly writer: Connection; readonly lock: StoreLock | undefined; readonly latest: Latest },
  ) {
    this.#options = options
    this.#writer = parts.writer
    this.#lock = parts.lock
    this.#readers = options.path === ':memory:' ? undefined : new Readers(options.path)
    this.#latest = parts.latest
    this.#now = parts.latest.at
  }

  async change<T>(work: (tx: Change) => Promise<Result<T>>): Promise<Result<T>> {
    this.#checkOutside()
    if (this.#turns.waiting >= waitingMax) return refuse('store.unavailable', { detail: 'too many changes wait' })
    return this.#turns.take(async () => {
      this.#checkOpen()
      try {
        return await this.#inTransaction(() => this.#changeInTurn(work))
      } catch (thrown) {
        const why = describeUnavailable(thrown)
        if (why === undefined) throw thrown
        return refuse('store.unavailable', { detail: why })
      }
    })
  }

  async read<T>(work: (tx: Reading) => Promise<T>): Promise<T> {
    return this.#reading(async (connection) => {
      const reading = new RecordReading(connection)
      try {
        return await work(reading)
      } finally {
        reading.end()
      }
    })
  }

  onCommit(listener: (committed: Committed) => void): void {
    this.#listeners.push(listener)
  }

  async last(): Promise<Latest> {
    return this.#latest
  }

  outbox(max: number): Promise<OutboxRow[]> {
    return this.#reading((connection) => readOutbox(connection, max))
  }

  tree(): Promise<TreeState> {
    return this.#reading(readTree)
  }

  appendLeaves(from: number, leaves: readonly LeafRow[], state: TreeState): Promise<void> {
    return this.#writing((connection) => appendLeaves(connection, from, leaves, state))
  }

  leaves(from: number, max: number): Promise<LeafRow[]> {
    return this.#reading((connection) => readLeaves(connection, from, max))
  }

  checkpoints(fromSize: number, max: number): Promise<{ readonly size: number; readonly note: string }[]> {
    return this.#reading((connection) => readCheckpoints(connection, fromSize, max))
  }

  meta(key: string): Promise<string | undefined> {
    return this.#reading(async ({ sql }) => (await sql.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst())?.value)
  }

  setMeta(key: string, value: string): Promise<void> {
    return this.#writing(async ({ sql }) => {
      await sql
        .insertInto('meta')
        .values({ key, value, fixed: 0 })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute()
    })
  }

  /** Waits for the changes and reads that were asked for before it. */
  async close(): Promise<void> {
    this.#checkOutside()
    await this.#turns.take(async () => {
      if (this.#isClosed) return
      this.#isClosed = true
      await this.#readers?.close()
      this.#writer.close()
      this.#lock?.release()
    })
  }

  async #changeInTurn<T>(work: (tx: Change) => Promise<Result<T>>): Promise<Result<T>> {
    this.#now = Math.max(this.#now, this.#options.now())
    const version = this.#latest.version + 1
    const at = this.#now
    const change = new SqliteChange(this.#writer, { now: at, version }, this.#options.chance)
    let result: Result<T>
    try {
      result = await this.#isolated(() => work(change))
    } finally {
      await change.end()
    }
    if (!result.ok) return result
    const changes = change.facts()
    if (changes === undefined) return result
    await this.#writer.sql.updateTable('latest').set({ version, at }).execute()
    this.#writer.run('commit')
    this.#latest = { version, at }
    this.#tell({ version, at, changes })
    return result
  }

  #tell(committed: Committed): void {
    for (const listener of this.#listeners) {
      try {
        listener(committed)
      } catch (thrown) {
        // The change is kept, so its caller must hear so; but whoever missed it would decide on facts that are no more.
        // Uncaught, the error stops the process, and everything it guards with it.
        queueMicrotask(() => {
          throw thrown
        })
      }
    }
  }

  async #writing(work: (connection: Connection) => Promise<void>): Promise<void> {
    this.#checkOutside()
    await this.#turns.take(async () => {
      this.#checkOpen()
      await this.#inTransaction(async () => {
        await work(this.#writer)
        this.#writer.run('commit')
      })
    })
  }

  /** What the work has not committed is rolled back. */
  async #inTransaction<T>(work: () => Promise<T>): Promise<T> {
    // A transaction that could not be ended when the disk failed is ended now.
    this.#writer.rollBack()
    this.#writer.run('begin immediate')
    try {
      return await work()
    } finally {
      this.#writer.rollBack()
    }
  }

  async #reading<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    this.#checkOutside()
    this.#checkOpen()
    if (this.#readers !== undefined) return this.#readers.use((connection) => this.#isolated(() => work(connection)))
    return this.#turns.take(() => {
      this.#checkOpen()
      return this.#isolated(() => work(this.#writer))
    })
  }

  async #isolated<T>(work: () => Promise<T>): Promise<T> {
    const inside = { isOpen: true }
    try {
      return await this.#inside.run(inside, work)
    } finally {
      inside.isOpen = false
    }
  }

  /** What is asked for inside would wait for its own end, or read facts older than those it goes by. */
  #checkOutside(): void {
    if (this.#inside.getStore()?.isOpen === true) throw new Error('the store was asked inside a change or a read: use what was handed in')
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error('the store is closed')
  }
}
