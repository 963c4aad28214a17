/** What deciding needs at one gateway: the desk, this gateway's name, its journal and the signs of life it keeps. */
import type { Activity } from './activity.ts'
import type { Desk } from './desk.ts'
import type { Journal } from './journal.ts'

export interface Gate {
  readonly desk: Desk
  readonly gateway: string
  readonly journal: Journal
  readonly activity: Activity
  /** Refusals so far, by session. */
  readonly refusals: Map<string, number>
}
