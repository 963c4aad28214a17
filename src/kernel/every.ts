/** Work that is done again and again, never twice at once, until somebody stops it. */
import type { Milliseconds } from './instants.ts'

/** What it takes of a clock: to be called once, after so long, and how to call that off. */
export interface Alarm {
  after(milliseconds: Milliseconds, work: () => void): () => void
}

/**
 * Does a piece of work so many milliseconds after it was last over, and answers how to stop. Work that answers no promise is over when it
 * returns. What it throws, or rejects with, is a bug and is not caught here: work that may fail says itself what becomes of that.
 */
export function every(clock: Alarm, milliseconds: Milliseconds, work: () => unknown): () => void {
  let isStopped = false
  let callOff = () => {}
  const next = () => {
    if (isStopped) return
    callOff = clock.after(milliseconds, () => {
      const working = work()
      // At once where that can be: a clock that is moved on by hand comes past many times in one go.
      if (working instanceof Promise) void working.finally(next)
      else next()
    })
  }
  next()
  return () => {
    isStopped = true
    callOff()
  }
}
