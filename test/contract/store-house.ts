/** What a store's test bench must offer, so that one suite can try every store: a place, its faults, its processes. */
import type { Database } from '../../src/control/ports.ts'
import type { Instant } from '../../src/kernel/instants.ts'
import type { Result } from '../../src/kernel/result.ts'

/** A fresh place where one store keeps its things; opened again after a close, what was kept is there. */
export interface StoreHouse {
  open(now?: () => Instant): Promise<Result<Database>>
  /** Another of the same kind, in which nothing was ever kept; what is broken here is broken there. Once in a house. */
  openEmpty(now?: () => Instant): Promise<Result<Database>>
  /** The nth statement of the writer from now on (1 is the next, `begin` and `commit` count) fails as on a broken disk; 0 mends it. */
  breakStatement(nth: number): void
  /** Whether the broken statement was come to. */
  hasBroken(): boolean
  /** No room for growth, until called with false. */
  fillDisk(isFull: boolean): Promise<void>
  /** Sets a record's state past the store, as someone with the database in hand would. Throws when the database refuses. */
  forceState(kind: LifeKind, id: string, state: string): Promise<void>
  /** How often a process that has it open is killed in the row that does so: where opening again has to wait, it is less often. */
  readonly kills: number
  /** What `store-process.ts` needs to open this house in a process of its own. */
  readonly address: readonly string[]
  remove(): Promise<void>
}

/** Where records with a life are kept, in every store. */
export const tableOf: Readonly<Record<LifeKind, string>> = {
  grant: 'grants',
  hold: 'holds',
  session: 'sessions',
  exception: 'exceptions',
  changeSet: 'change_sets',
  gateway: 'gateways',
}

export type LifeKind = 'grant' | 'hold' | 'session' | 'exception' | 'changeSet' | 'gateway'

/** A row of the suite: what holds, and how it is tried. */
export interface StoreRow {
  readonly says: string
  readonly run: (house: StoreHouse) => Promise<void>
}
