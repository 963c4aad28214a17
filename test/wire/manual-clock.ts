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

/** Resolves when something has come about; rejects after ten seconds. Lets sockets do their work meanwhile. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 10_000
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`it never came about that ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
