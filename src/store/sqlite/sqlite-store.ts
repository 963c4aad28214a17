/** Opens the store in one SQLite file, or in memory. */
import type { Database } from '../../control/ports.ts'
import type { Turning } from '../../kernel/in-turns.ts'
import type { Instant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { OpenDatabase } from '../shared/database.ts'
import { Connection, type StatementWatch } from './connection.ts'
import { SqliteEngine } from './engine.ts'
import { describeUnavailable } from './failures.ts'
import { StoreLock } from './lock.ts'
import { migrate } from './migrations.ts'

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
  /** By what long documents take turns with whatever else waits. */
  readonly turning?: Turning | undefined
}

const writing = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma secure_delete = on;
  pragma trusted_schema = off;
  pragma journal_size_limit = 67108864;
`

/** Opens, or makes, the store. Refuses `store.locked` (naming the process that has it), `store.newer` and `store.unavailable`. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Result<Database>> {
  const { path, pid, now, chance, atCreation = {}, watch, turning } = options
  const isMemory = path === ':memory:'
  const lock = isMemory ? undefined : StoreLock.take(`${path}-lock`, pid === undefined ? 'another process' : `process ${pid}`)
  if (lock?.ok === false) return lock
  let writer: Connection | undefined
  let opened: Result<Database> | undefined
  try {
    writer = new Connection(path, watch === undefined ? {} : { watch })
    writer.run(writing)
    const migrated = migrate(writer, atCreation)
    if (!migrated.ok) return migrated
    const latest = await writer.sql.selectFrom('latest').select(['version', 'at']).executeTakeFirstOrThrow()
    opened = done(new OpenDatabase({ engine: new SqliteEngine(path, writer, lock?.value), now, chance, latest, turning }))
    return opened
  } catch (thrown) {
    const why = describeUnavailable(thrown)
    if (why === undefined) throw thrown
    return refuse('store.unavailable', { detail: `${why} (${path})` })
  } finally {
    if (opened === undefined) {
      writer?.close()
      lock?.value.release()
    }
  }
}
