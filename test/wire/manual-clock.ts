/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/control/ports.ts'

export interface ManualClock extends Clock {
  /** Moves time on, calling what falls due in its order. */
  advance(milliseconds: number): void
}

export function manualClock(start = 1_800_000_000_000): ManualClock {
  let now = start
  const timers = new Set<{ readonly at: number; readonly work: () => void }>()
  return {
    now: () => now,
    after: (milliseconds, work) => {
      const timer = { at: now + milliseconds, work }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance: (milliseconds) => {
      const end = now + milliseconds
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)
        if (next === undefined) break
        timers.delete(next)
        now = Math.max(now, next.at)
        next.work()
      }
      now = end
    },
  }
}

/** Resolves when something has come about; rejects after a minute. Lets sockets do their work meanwhile. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 60_000
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`it never came about that ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** So many looks in a row must find nothing new. */
const quietLooks = 20

/**
 * Resolves when a count has stood still. It is looked at between turns of the loop, in which both ends of every connection of this
 * process have had their say: one long pause would also pass when the whole process was not let run, and nothing was heard in it.
 */
export async function atRest(count: () => number): Promise<number> {
  let before = count()
  for (let quiet = 0; quiet < quietLooks; quiet += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (count() !== before) quiet = -1
    before = count()
  }
  return before
}

/** Resolves when what was sent has been read, where both ends are in this process and nothing can be counted. */
export async function settled(): Promise<void> {
  await atRest(() => 0)
}
