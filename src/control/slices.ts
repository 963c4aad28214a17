/** Long work in slices: between two of them whatever else waits has its turn. */
import type { Instant } from '../kernel/instants.ts'
import type { Clock } from './ports.ts'

/** Work goes on for so long at a time. */
const sliceMs = 8

export class Slices {
  readonly #clock: Pick<Clock, 'now' | 'after' | 'turn'>
  #began: Instant

  constructor(clock: Pick<Clock, 'now' | 'after' | 'turn'>) {
    this.#clock = clock
    this.#began = clock.now()
  }

  /** Whether it is time for `pause`. */
  get isOver(): boolean {
    return this.#clock.now() - this.#began >= sliceMs
  }

  /** Waits while others have their turn, once a slice is over. */
  async pause(): Promise<void> {
    if (!this.isOver) return
    await (this.#clock.turn?.() ?? new Promise<void>((resolve) => this.#clock.after(0, resolve)))
    this.#began = this.#clock.now()
  }
}
