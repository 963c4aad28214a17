/** Every refusal Remit gives: the reference page, the HTTP status and the words all come from here. */
import type { RefusalRow } from './refusal-row.ts'
import { refusalsAtWork } from './refusals-at-work.ts'
import { refusalsInCharge } from './refusals-in-charge.ts'
import { refusalsOfMcp } from './refusals-of-mcp.ts'
import type { Refused } from './result.ts'
import type { PlacedProblem } from './source-problems.ts'

const rows = { ...refusalsAtWork, ...refusalsInCharge, ...refusalsOfMcp } as const satisfies Record<string, RefusalRow>

export type RefusalCode = keyof typeof rows

/** The table, for whoever writes pages or answers from it. */
export const refusals: Readonly<Record<RefusalCode, RefusalRow>> = rows

export function isRefusalCode(text: string): text is RefusalCode {
  return Object.hasOwn(rows, text)
}

/** What could be asked instead: enough to call `remit request` with. */
export interface AskHint {
  readonly task: string
  readonly actions: readonly string[]
  readonly resource: string
  readonly command: string
}

/** Why not, as a value. Never holds a secret. */
export interface Refusal {
  readonly code: RefusalCode
  /** The one thing that is particular to this case: a field, a policy, a limit. */
  readonly detail?: string
  readonly ask?: readonly AskHint[]
  /** The policies that said no, or that hold, by their `@id`. */
  readonly policies?: readonly string[]
  /** Every fault of a document that cannot be taken. */
  readonly problems?: readonly PlacedProblem[]
}

export function refuse(code: RefusalCode, more: Omit<Refusal, 'code'> = {}): Refused {
  return { ok: false, refusal: { code, ...more } }
}

/** The sentence a person reads. */
export function describeRefusal(refusal: Refusal): string {
  const { says } = refusals[refusal.code]
  return refusal.detail === undefined ? says : `${says}: ${refusal.detail}`
}
