/** What deciding needs at one gateway: facts, its home, its name and journal, and the signs of life it keeps. */
import type { Activity } from './activity.ts'
import type { Pages } from './desk.ts'
import type { Endings } from './endings.ts'
import type { Facts } from './facts.ts'
import type { Journal } from './journal.ts'
import type { Orders } from './orders.ts'
import type { Home } from './home-port.ts'
import type { Chance, Clock, TokenMint } from './ports.ts'
import type { UpstreamSecrets } from './upstream-secret.ts'

/** Nothing in it says whether control is in this process or across a network: `home` alone knows. */
export interface Gate {
  readonly space: string
  readonly gateway: string
  readonly facts: Facts
  readonly clock: Clock
  readonly chance: Chance
  /** Reads tokens; issuing them is control's. */
  readonly mint: Pick<TokenMint, 'read'>
  readonly home: Home
  readonly secrets: UpstreamSecrets
  readonly pages: () => Pages
  readonly journal: Journal
  readonly activity: Activity
  /** Tells an operator of a fault of our own: the caller hears only its id. */
  readonly alarm: (says: string, cause: unknown) => void
  /** Who is to be cut when a session ends. */
  readonly endings: Endings
  /** Refusals so far, by session. */
  readonly refusals: Map<string, number>
  /** Live sessions that their home knows to read what anybody may have written. */
  readonly marked: Set<string>
  readonly orders: Orders
}
