/** The one clock: UTC milliseconds that never go back and never run slower than time itself. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'

export interface HostClock {
  /** UTC milliseconds; never goes back, and never below the floor. */
  now(): Instant
  /** Calls once, when `now()` has moved on by that much; answers how to call it off. Does not keep the process alive. */
  after(milliseconds: Milliseconds, work: () => void): () => void
  /** Resolves when the loop has gone round once: timers that were due have fired, and what had come in was worked on. Keeps the process alive. */
  turn(): Promise<void>
  /** Milliseconds since some moment: never jumps, may stand still while the machine sleeps. */
  monotonic(): Milliseconds
  /** Lifts the clock to an instant that is known to have been (the last stored one); never lowers it. */
  raise(floor: Instant): void
  /** By how much `now()` is past the wall clock: more than nothing once the wall clock was set back. */
  aheadOfWall(): Milliseconds
}

export interface ClockSources {
  readonly floor: Instant
  /** UTC milliseconds, as the operating system believes them; may jump. Default: the system's. */
  readonly wall?: () => number
  /** Milliseconds since some moment; never goes back, may stand still while the machine sleeps. Default: the system's. */
  readonly monotonic?: () => Milliseconds
  /** How often waiting work is compared with `now()`, for jumps that no timer sees. Default 1 s. */
  readonly sweepEvery?: Milliseconds
  /** What wakes it. Default: Node's timers. */
  readonly timers?: Timers
}

/** Timers by the monotonic clock; none keeps the process alive. Each answers how to call it off. */
export interface Timers {
  once(milliseconds: Milliseconds, work: () => void): () => void
  every(milliseconds: Milliseconds, work: () => void): () => void
}

const nodeTimers: Timers = {
  once(milliseconds, work) {
    const timer = setTimeout(work, milliseconds).unref()
    return () => clearTimeout(timer)
  },
  every(milliseconds, work) {
    const timer = setInterval(work, milliseconds).unref()
    return () => clearInterval(timer)
  },
}

/** What setTimeout can wait for; it takes more as 1 ms. */
const timerMax: Milliseconds = 2 ** 31 - 1

interface Waiting {
  readonly due: Instant
  /** Gone once it was called or called off: what it would have worked on must not stay for the sake of a timer. */
  work: (() => void) | undefined
  callOff?: () => void
}

/**
 * A clock that errs towards later only. Between two readings it moves by at least what the monotonic clock says, so setting the wall
 * clock back lengthens nothing; when the wall clock is ahead it is believed at once, so a jump forward (or a sleep) ends what it must.
 */
export function makeClock(sources: ClockSources): HostClock {
  const { wall = Date.now, monotonic = () => performance.now(), sweepEvery = 1_000, timers = nodeTimers } = sources
  const waiting = new Set<Waiting>()
  let mark = monotonic()
  let at = Math.max(sources.floor, wall())
  let stopSweeping: (() => void) | undefined

  function now(): Instant {
    // The wall is read first: were it read second, a pause between the two would be counted now and once more next time.
    const seen = wall()
    const reading = monotonic()
    at = Math.max(at + Math.max(0, reading - mark), seen)
    mark = reading
    return Math.floor(at)
  }

  function fire(entry: Waiting): void {
    const { work } = entry
    drop(entry)
    work?.()
  }

  function drop(entry: Waiting): void {
    entry.callOff?.()
    waiting.delete(entry)
    entry.work = undefined
    if (waiting.size > 0) return
    stopSweeping?.()
    stopSweeping = undefined
  }

  function arm(entry: Waiting): void {
    const rest = entry.due - now()
    if (rest <= 0) return fire(entry)
    entry.callOff = timers.once(Math.min(rest, timerMax), () => arm(entry))
  }

  function sweep(): void {
    const present = now()
    // Listed first: work that asks to be called again at once must wait for the next turn.
    const due = [...waiting].filter((entry) => entry.due <= present)
    for (const entry of due) if (waiting.has(entry)) fire(entry)
  }

  return {
    now,
    after(milliseconds, work) {
      const start = now()
      const entry: Waiting = { due: start + Math.max(0, milliseconds), work }
      waiting.add(entry)
      stopSweeping ??= timers.every(sweepEvery, sweep)
      // Never within this call, even for 0 ms: the caller has not yet learned how to call it off.
      entry.callOff = timers.once(Math.min(entry.due - start, timerMax), () => arm(entry))
      return () => drop(entry)
    },
    monotonic,
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    raise(floor) {
      at = Math.max(now(), floor)
    },
    aheadOfWall() {
      const present = now()
      return Math.max(0, present - wall())
    },
  }
}
