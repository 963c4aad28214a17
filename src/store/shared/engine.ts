/** What a database must offer so that a store can be kept in it: one writer's transactions, snapshots to read in, and its own words for failure. */
import type { Kysely } from 'kysely'
import type { Nodes } from '../../control/ports.ts'
import type { Turning } from '../../kernel/in-turns.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { FactChange } from '../../model/records.ts'
import type { Tables } from './tables.ts'

export type Sql = Kysely<Tables>

/** Of the last change: its version, and its instant. */
export interface Latest {
  readonly version: number
  readonly at: Instant
}

/** A change as it is kept: of one space, with how many entries of the ledger it recorded. */
export interface Kept extends Latest {
  readonly space: string
  readonly changes: readonly FactChange[]
  readonly entries: number
}

/** Who hears of what others committed to the same database. */
export interface Following {
  /** Of the newest change that was applied here. */
  latest(): Latest
  /** Applies the next one; what was applied already is passed over. */
  apply(change: Kept): void
  /** By what the reading and writing of long changes takes turns. */
  readonly turning: Turning | undefined
  /** Resolves when `apply` of this one will not take long. */
  prepare(change: Kept): Promise<void>
}

/** A transaction of the writer. What the work has not committed when it ends is undone. */
export interface Writing {
  readonly sql: Sql
  /**
   * Resolves when everything is durable. A change of records says under which version and instant it is kept, and what it is, for the
   * others. Rejects with an `UnsettledCommit` when it cannot be known in time whether it was.
   */
  commit(latest?: Latest | Kept): Promise<void>
}

export interface Engine {
  /** Does what a long change left to be done, between two changes: within the next commit it would take longer than a turn may. Throws nothing for which a change would be refused. */
  tidy?(): void
  /** True where reads see what the writer has not committed, so that they must take their turn with the changes. */
  readonly readsInTurn: boolean
  /**
   * One at a time, serializable: whatever others committed before is applied here when the work begins. The work may be run again from its
   * start where the database asks for that.
   */
  write<T>(work: (writing: Writing) => Promise<T>): Promise<T>
  /** The work sees the database at one moment, whatever is committed meanwhile, and writes nothing. */
  read<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** The database's own words when it cannot work just now; nothing when the error is a bug. */
  describeUnavailable(thrown: unknown): string | undefined
  isHeld(): boolean
  /** Where others may write too: begins to hand on what they commit. */
  follow?(following: Following): void
  /** Resolves when whatever was committed before is applied here. Without it nobody else writes. */
  catchUp?(): Promise<void>
  readonly nodes?: Nodes
  close(): Promise<void>
}

/** The connection went while a commit was under way, and the database has not been reached since: it may be kept, or not. */
export class UnsettledCommit extends Error {
  #settled: ((isKept: boolean) => void) | undefined

  constructor() {
    super('the connection was lost during a commit, and whether it was kept is not known yet')
  }

  /** Called once, when it is known, and before the store is held again. */
  onSettled(listener: (isKept: boolean) => void): void {
    this.#settled = listener
  }

  settle(isKept: boolean): void {
    this.#settled?.(isKept)
    this.#settled = undefined
  }
}
