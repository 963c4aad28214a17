/** Long work in slices: between two of them whatever else waits has its turn. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Clock } from './ports.ts'

/** Work goes on for so long at a time, unless it says otherwise: with what comes on top of it, a step and a garbage collection, under 10 ms. */
const sliceMs = 2

type Turning = Pick<Clock, 'after' | 'turn'>

/** What others wait for, a change that is to be applied say, is not to stand in line behind what somebody only asked. */
export type Line = 'asked' | 'awaited'

/** Who waits for a turn: in each line one slice at a time has it, or ten pieces of work that run at once would take ten slices of each. */
const lines: Readonly<Record<Line, WeakMap<object, (() => void)[]>>> = { asked: new WeakMap(), awaited: new WeakMap() }

function inLine(clock: Turning, name: Line): Promise<void> {
  return new Promise((resolve) => {
    const line = lines[name].get(clock)
    if (line !== undefined) {
      line.push(resolve)
      return
    }
    lines[name].set(clock, [resolve])
    void move(clock, name)
  })
}

async function move(clock: Turning, name: Line): Promise<void> {
  for (;;) {
    await (clock.turn?.() ?? new Promise<void>((resolve) => clock.after(0, resolve)))
    const next = lines[name].get(clock)?.shift()
    if (next === undefined) break
    next()
  }
  lines[name].delete(clock)
}

export class Slices {
  readonly #clock: Pick<Clock, 'now' | 'after' | 'turn'>
  readonly #length: Milliseconds
  readonly #line: Line
  #began: Instant

  constructor(clock: Pick<Clock, 'now' | 'after' | 'turn'>, length: Milliseconds = sliceMs, line: Line = 'asked') {
    this.#clock = clock
    this.#line = line
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
    await inLine(this.#clock, this.#line)
    this.#began = this.#clock.now()
  }

  /** Waits while others have their turn, however little was done: where what comes next is long as well, and knows no steps. */
  async rest(): Promise<void> {
    if (this.#clock.turn === undefined) return
    await inLine(this.#clock, this.#line)
    this.#began = this.#clock.now()
  }

  /** Goes through all steps of a work, and answers what it came to. */
  async through<T>(work: Iterator<undefined, T>): Promise<T> {
    // What was done before in the same turn nobody has counted.
    await this.rest()
    for (;;) {
      const step = work.next()
      if (step.done === true) return step.value
      if (this.isOver) await this.pause()
    }
  }
}
