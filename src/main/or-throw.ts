/** A refusal at start, told to a person. */
import { describeRefusal, refusals } from '../kernel/refusals.ts'
import type { Result } from '../kernel/result.ts'

/** The value, or an error with a sentence that says what is so and what to do. */
export function orThrow<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new Error(`${describeRefusal(result.refusal)}; ${refusals[result.refusal.code].remedy}`)
}
