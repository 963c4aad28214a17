/** A question of OpenID AuthZEN and its answer: may this subject do this action to this resource, asked by whoever enforces the answer. */
import type { JsonObject } from '../kernel/json.ts'

export interface AccessEntity {
  readonly type: string
  readonly id: string
  readonly properties?: JsonObject
}

export interface AccessAction {
  readonly name: string
  readonly properties?: JsonObject
}

export interface AccessQuestion {
  readonly subject: AccessEntity
  readonly action: AccessAction
  readonly resource: AccessEntity
  readonly context: JsonObject
  /** Whether the answer says also which values decided it. */
  readonly explains?: boolean
  /** Whether of a no nothing is wanted but that it is one: a search asks so for each that it does not find. */
  readonly isBrief?: boolean
}

/** What is said besides yes or no: any JSON. */
export interface AccessAnswer {
  readonly decision: boolean
  readonly context?: Readonly<Record<string, unknown>>
}

export const evaluationSemantics = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const
export type EvaluationSemantic = (typeof evaluationSemantics)[number]

/** One of the three that the search leaves open, all else as it is asked. `id` and `name` of what is looked for are empty. */
export interface AccessSearch {
  readonly looksFor: 'subject' | 'resource' | 'action'
  readonly question: AccessQuestion
  /** At most so many results in one answer. */
  readonly limit: number
  /** Of the last result that was given already: the next one is greater. */
  readonly after: string | undefined
}

export interface AccessFound {
  /** Ids, or names of actions, in their order, with what is said of each besides. */
  readonly found: readonly { readonly id: string; readonly context?: Readonly<Record<string, unknown>> }[]
  /** Whether all was looked at: then there is nothing more. */
  readonly isAll: boolean
  /** From where to go on. */
  readonly last: string | undefined
}

/** Somebody who answers: Remit about what it guards, or the policies of one application. */
export interface AccessPoint {
  /** Never counts, holds or records anything as done. Doing nothing means no. */
  evaluate(question: AccessQuestion): AccessAnswer
  /** Every id that a search may find, sorted by code unit; for actions their names. Waits at `pause` while others have their turn. */
  candidates(
    search: Pick<AccessSearch, 'looksFor' | 'question'>,
    slices: { pause(): Promise<void> },
  ): readonly string[] | Promise<readonly string[]>
}
