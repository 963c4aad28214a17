/** How much of something a client may cause: so much at once, and so much a second for as long as it goes on. */
import type { Clock } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'

export class Allowance {
  readonly #clock: Pick<Clock, 'now'>
  readonly #atOnceMax: number
  readonly #perSecondMax: number
  #left: number
  #at: Instant

  constructor(clock: Pick<Clock, 'now'>, atOnceMax: number, perSecondMax: number) {
    this.#clock = clock
    this.#atOnceMax = atOnceMax
    this.#perSecondMax = perSecondMax
    this.#left = atOnceMax
    this.#at = clock.now()
  }

  /** Takes one; false where there is none left. */
  take(): boolean {
    if (this.#left < 1) {
      const now = this.#clock.now()
      this.#left = Math.min(this.#atOnceMax, this.#left + (Math.max(0, now - this.#at) * this.#perSecondMax) / 1_000)
      this.#at = now
      if (this.#left < 1) return false
    }
    this.#left -= 1
    return true
  }

  /** Gives some back, for what was of use. */
  give(count: number): void {
    this.#left = Math.min(this.#atOnceMax, this.#left + count)
  }
}
