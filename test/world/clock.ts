/** A clock that stands still until it is told to go: timers fire in order as it passes them. */
import { makeClock } from '../../src/host/clock.ts'
import type { Instant, Milliseconds } from '../../src/kernel/instants.ts'

export class TestClock {
  #now: Instant
  #timers: { readonly at: Instant; readonly work: () => void }[] = []

  constructor(start: Instant = Date.UTC(2030, 0, 1)) {
    this.#now = start
  }

  now(): Instant {
    return this.#now
  }

  after(milliseconds: Milliseconds, work: () => void): () => void {
    const timer = { at: this.#now + milliseconds, work }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer)
    }
  }

  /** Moves on; what falls due on the way happens at its own instant. */
  advance(milliseconds: Milliseconds): void {
    const until = this.#now + milliseconds
    for (;;) {
      const [due] = this.#timers.filter((timer) => timer.at <= until).toSorted((a, b) => a.at - b.at)
      if (due === undefined) break
      this.#timers = this.#timers.filter((each) => each !== due)
      this.#now = Math.max(this.#now, due.at)
      due.work()
    }
    this.#now = until
  }
}

/** The machine's own clock under the world's name, for what waits in real time. */
export class RealClock extends TestClock {
  readonly #host = makeClock({ floor: 0 })
  override now(): number {
    return this.#host.now()
  }
  override after(milliseconds: number, work: () => void): () => void {
    return this.#host.after(milliseconds, work)
  }
  turn(): Promise<void> {
    return this.#host.turn()
  }
}
