/** Keeps a witness's newest heads in a small database of its own: durable at each step, never smaller, and open in one process only. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'

interface Head {
  readonly size: number
  readonly root: Uint8Array
}

/** A head that is smaller, or of the same size and another, is not written whatever the program thinks. */
const tables = `
  create table if not exists heads (
    origin text primary key,
    size integer not null constraint heads_size_is_a_count check (size >= 0),
    root blob not null constraint heads_root_is_a_hash check (length(root) = 32)
  ) strict;
  create trigger if not exists heads_never_go_back before update on heads
  when new.size < old.size or (new.size = old.size and new.root <> old.root) or new.origin <> old.origin
  begin select raise(abort, 'a head never goes back'); end;
  create trigger if not exists heads_are_kept before delete on heads begin select raise(abort, 'a head is kept'); end;
`

/** Opens the state in a folder, making it where it is missing. Refuses `store.locked` while another process has it. */
export function openWitnessHeads(folder: string): Result<WitnessHeads> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(join(folder, 'heads.sqlite'), { timeout: 0 })
  try {
    // The lock of the operating system is taken with the first write and held until the process ends.
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = delete; pragma synchronous = extra')
    database.exec(`begin immediate; ${tables} commit`)
    return done(new WitnessHeads(database))
  } catch (thrown) {
    database.close()
    const isBusy = thrown instanceof Error && 'errcode' in thrown && thrown.errcode === 5
    if (isBusy) return refuse('store.locked', { detail: `the state in ${folder}` })
    return refuse('store.unavailable', { detail: thrown instanceof Error ? thrown.message : 'the state cannot be opened' })
  }
}

export class WitnessHeads {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  async read(origin: string): Promise<Head | undefined> {
    const row = this.#database.prepare('select size, root from heads where origin = ?').get(origin)
    if (row === undefined) return undefined
    const { size, root } = row
    if (typeof size !== 'number' || !(root instanceof Uint8Array)) throw new Error('the state of the witness cannot be read')
    return { size, root }
  }

  async write(origin: string, { size, root }: Head): Promise<void> {
    this.#database
      .prepare(
        'insert into heads (origin, size, root) values (?, ?, ?) on conflict (origin) do update set size = excluded.size, root = excluded.root',
      )
      .run(origin, size, root)
  }

  close(): void {
    this.#database.close()
  }
}
