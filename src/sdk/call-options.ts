/** What every method of the client takes last, and how long the slower ones may take. */

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Milliseconds; default 15 000. */
  readonly timeoutMs?: number
}

const waitSecondsDefault = 30
const waitGraceMs = 10_000

/** Reading a configuration, its policies above all, takes its time. */
export const configurationMs = 60_000

/** An answer that is meant to take so long may take a little longer. */
export function waitOptions(seconds: number | undefined, options: CallOptions = {}): CallOptions {
  return seconds === undefined ? options : { timeoutMs: Math.min(seconds, waitSecondsDefault * 2) * 1_000 + waitGraceMs, ...options }
}
