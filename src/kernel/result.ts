/** Success or a refusal, as a value: what may go wrong by design is returned, a bug is thrown. */
import type { Refusal } from './refusals.ts'

export interface Done<T> {
  readonly ok: true
  readonly value: T
}

export interface Refused {
  readonly ok: false
  readonly refusal: Refusal
}

export type Result<T> = Done<T> | Refused

export function done<T>(value: T): Done<T> {
  return { ok: true, value }
}

/** The value, or the refusal thrown as a bug: only where a refusal would mean that our own code is wrong. */
export function mustBe<T>(result: Result<T>): T {
  if (result.ok) return result.value
  const { code, detail } = result.refusal
  throw new Error(`unexpected refusal ${code}${detail === undefined ? '' : `: ${detail}`}`)
}
