/** What deciding needs at one gateway: the desk, this gateway's name, its journal and the signs of life it keeps. */
import type { DecisionId } from '../kernel/ids.ts'
import type { Question } from '../decision/decide.ts'
import type { DecisionFacts } from '../decision/facts.ts'
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
  /** What each decision rests on that is not finished yet: not part of what a gateway is told. */
  readonly underWay: Map<DecisionId, Basis>
}

export interface Basis {
  readonly rules: DecisionFacts['rules']
  readonly entities: DecisionFacts['entities']
  readonly question: Question
  /** The guardrails that held it and were met by an approval. */
  readonly holds: readonly string[]
}
