/** Keeps a second process off: a lock of the operating system, which is gone the moment its holder is. */
import { DatabaseSync } from 'node:sqlite'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { describeUnavailable, isBusy } from './failures.ts'

/** How long writing the holder's name may wait for somebody who is just reading it. */
const readersMs = 1_000
const triesMax = 5

/**
 * A small database of its own, in which an open transaction holds SQLite's RESERVED lock: others can read who has it, and cannot have it.
 * A second connection of the same process is refused as well. Nothing else in the process may open the file: closing it would drop the lock.
 */
export class StoreLock {
  readonly #database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Refuses `store.locked`, naming the holder, or `store.unavailable`. */
  static take(path: string, holder: string): Result<StoreLock> {
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(path, { timeout: 0 })
      if (hold(database, holder)) return done(new StoreLock(database))
      const other = readHolder(database)
      database.close()
      return refuse('store.locked', { detail: `held by ${other ?? 'a process that is just starting'}` })
    } catch (thrown) {
      if (database?.isOpen === true) database.close()
      const why = describeUnavailable(thrown)
      if (why === undefined) throw thrown
      return isBusy(thrown)
        ? refuse('store.locked', { detail: 'held by a process that is just starting' })
        : refuse('store.unavailable', { detail: `${why} (${path})` })
    }
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

/** The name must be committed to be readable, and committing lets go: so it is read again once the lock is back. */
function hold(database: DatabaseSync, holder: string): boolean {
  for (let tries = 0; tries < triesMax; tries += 1) {
    try {
      database.exec('begin immediate')
    } catch (thrown) {
      if (isBusy(thrown)) return false
      throw thrown
    }
    if (readHolder(database) === holder) return true
    database.exec(
      `pragma busy_timeout = ${readersMs}; create table if not exists holder (one integer primary key check (one = 1), name text not null) strict`,
    )
    database.prepare('insert into holder (one, name) values (1, ?) on conflict (one) do update set name = excluded.name').run(holder)
    database.exec('commit; pragma busy_timeout = 0')
  }
  return false
}

function readHolder(database: DatabaseSync): string | undefined {
  if (database.prepare(`select 1 from sqlite_schema where name = 'holder'`).get() === undefined) return undefined
  const name = database.prepare('select name from holder').get()?.['name']
  return typeof name === 'string' ? name : undefined
}
