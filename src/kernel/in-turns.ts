/** Long work done a few milliseconds at a time: between two of them whatever else waits has its turn. */
import type { Milliseconds } from './instants.ts'

export interface Turning {
  /** Milliseconds since some moment. */
  now(): Milliseconds
  /** Resolves when whatever else waited has had its turn. */
  turn(): Promise<void>
}

/** Goes through all steps of a work without a pause. */
export function atOnce<T>(work: Iterator<undefined, T>): T {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** So long work goes on at a time. */
const sliceMs: Milliseconds = 2

/** Goes through all steps of a work, and answers what it came to; all at once where there is nothing to take turns by. */
export async function inTurns<T>(work: Iterator<undefined, T>, turning: Turning | undefined): Promise<T> {
  // What was done before in the same turn nobody has counted.
  await turning?.turn()
  let began = turning?.now() ?? 0
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
    if (turning === undefined || turning.now() - began < sliceMs) continue
    await turning.turn()
    began = turning.now()
  }
}
