/** What deciding needs at one gateway: the desk, this gateway's name, its journal and the signs of life it keeps. */
import type { Activity } from './activity.ts'
import type { Desk } from './desk.ts'
import type { Endings } from './endings.ts'
import type { Journal } from './journal.ts'

export interface Gate {
  readonly desk: Desk
  readonly gateway: string
  readonly journal: Journal
  readonly activity: Activity
  /** Tells an operator of a fault of our own: the caller hears only its id. */
  readonly alarm: (says: string, cause: unknown) => void
  /** Whether a witness disputes the ledger: nothing is let through then, since the store may be an old one. */
  readonly isDisputed: () => boolean
  /** Who is to be cut when a session ends. */
  readonly endings: Endings
  /** Refusals so far, by session. */
  readonly refusals: Map<string, number>
}
