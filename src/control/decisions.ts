/** What a decision rests on while its action is under way: it goes with the decision, and nobody but control can see it. */
import type { Question } from '../decision/decide.ts'
import type { DecisionFacts } from '../decision/facts.ts'
import type { DecisionId, GrantId, SessionId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import type { Action } from '../model/actions.ts'
import type { Obligations } from '../model/obligations.ts'
import type { Bearer, Decision } from './ports.ts'

export interface Basis {
  readonly rules: DecisionFacts['rules']
  readonly entities: DecisionFacts['entities']
  readonly question: Question
  /** The guardrails that held it and were met by an approval. */
  readonly holds: readonly string[]
  readonly bearer: Bearer
}

/** Kept in the decision rather than in a map of all that is under way, which every request would pass through. */
export class OwnDecision implements Decision {
  readonly id: DecisionId
  readonly session: SessionId
  readonly grant: GrantId
  readonly action: Action
  readonly version: number
  readonly endsAt: Instant
  readonly obligations: Obligations
  readonly duties: readonly string[]
  #basis: Basis | undefined

  constructor(decided: Decision, basis: Basis) {
    const { id, session, grant, action, version, endsAt, obligations, duties } = decided
    this.id = id
    this.session = session
    this.grant = grant
    this.action = action
    this.version = version
    this.endsAt = endsAt
    this.obligations = obligations
    this.duties = duties
    this.#basis = basis
  }

  static basisOf(decision: Decision): Basis | undefined {
    return #basis in decision ? decision.#basis : undefined
  }

  static close(decision: Decision): void {
    if (#basis in decision) decision.#basis = undefined
  }
}

/** Of a decision that control made and that is not finished; `undefined` for any other. */
export function basisOf(decision: Decision): Basis | undefined {
  return OwnDecision.basisOf(decision)
}

/** It is finished: nothing rests on it any more. */
export function closeDecision(decision: Decision): void {
  OwnDecision.close(decision)
}
