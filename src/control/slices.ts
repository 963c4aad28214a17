/** Long work in slices: between two of them whatever else waits has its turn. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Clock } from './ports.ts'

/** Work goes on for so long at a time, unless it says otherwise. */
const sliceMs = 8

type Turning = Pick<Clock, 'after' | 'turn'>

/** Who waits for a turn: of all that is long one slice at a time has it, or ten that run at once would take ten slices of each. */
const lines = new WeakMap<object, (() => void)[]>()

function inLine(clock: Turning): Promise<void> {
  return new Promise((resolve) => {
    const line = lines.get(clock)
    if (line !== undefined) {
      line.push(resolve)
      return
    }
    lines.set(clock, [resolve])
    void move(clock)
  })
}

async function move(clock: Turning): Promise<void> {
  for (;;) {
    await (clock.turn?.() ?? new Promise<void>((resolve) => clock.after(0, resolve)))
    const next = lines.get(clock)?.shift()
    if (next === undefined) break
    next()
  }
  lines.delete(clock)
}

export class Slices {
  readonly #clock: Pick<Clock, 'now' | 'after' | 'turn'>
  readonly #length: Milliseconds
  #began: Instant

  constructor(clock: Pick<Clock, 'now' | 'after' | 'turn'>, length: Milliseconds = sliceMs) {
    this.#clock = clock
    this.#length = length
    this.#began = clock.now()
  }

  /** Whether it is time for `pause`. */
  get isOver(): boolean {
    return this.#clock.now() - this.#began >= this.#length
  }

  /** Waits while others have their turn, once a slice is over. */
  async pause(): Promise<void> {
    if (!this.isOver) return
    await inLine(this.#clock)
    this.#began = this.#clock.now()
  }

  /** Goes through all steps of a work, and answers what it came to. */
  async through<T>(work: Iterator<undefined, T>): Promise<T> {
    for (;;) {
      const step = work.next()
      if (step.done === true) return step.value
      if (this.isOver) await this.pause()
    }
  }
}
