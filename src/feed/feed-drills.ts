/** Measures stopping without stopping anything: a gateway cuts a canary of its own when it is told to, and says so. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import type { Refused } from '../kernel/result.ts'
import type { Drilled } from '../control/drills.ts'
import type { Clock } from '../control/ports.ts'
import type { ServedGateway } from './served-gateway.ts'

/** One that is not answered by then counts as missed. */
const answeredWithin: Milliseconds = 10_000

interface Running {
  readonly n: number
  readonly at: Instant
  readonly result: Promise<Drilled>
  readonly finish: (milliseconds: Milliseconds | undefined) => void
}

export class FeedDrills {
  readonly #clock: Clock
  readonly #running = new Map<ServedGateway, Running>()
  #n = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** One at a time on each link: who asks meanwhile hears of that one. */
  drill(served: ServedGateway): Promise<Drilled> {
    const running = this.#running.get(served)
    if (running !== undefined) return running.result
    this.#n += 1
    const n = this.#n
    const gateway = served.gateway.name
    const { promise: result, resolve } = Promise.withResolvers<Drilled>()
    const callOff = this.#clock.after(answeredWithin, () => this.#finish(served, undefined))
    const finish = (milliseconds: Milliseconds | undefined) => {
      callOff()
      resolve(milliseconds === undefined ? { gateway } : { gateway, milliseconds })
    }
    this.#running.set(served, { n, at: this.#clock.now(), result, finish })
    served.drill(n)
    return result
  }

  /** Answers why the link cannot go on, if it answers what nobody asked. */
  drilled(served: ServedGateway, n: number): Refused | undefined {
    const running = this.#running.get(served)
    if (n < 1 || n > this.#n) return refuse('feed.out-of-order', { detail: `drill ${n} was never asked for` })
    // One that took too long has been given up, and its answer is no fault.
    if (running?.n === n) this.#finish(served, this.#clock.now() - running.at)
    return undefined
  }

  ended(served: ServedGateway): void {
    this.#finish(served, undefined)
  }

  #finish(served: ServedGateway, milliseconds: Milliseconds | undefined): void {
    const running = this.#running.get(served)
    this.#running.delete(served)
    running?.finish(milliseconds)
  }
}
