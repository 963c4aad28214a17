/** How long stopping takes, measured without stopping anything: each gateway cuts a canary of its own when it is told to. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import type { Refused } from '../kernel/result.ts'
import type { Clock } from '../control/ports.ts'
import type { ServedGateway } from './served-gateway.ts'

/** Drills of one gateway that figures are made of. */
const keptMax = 100
const gatewaysMax = 10_000
/** One that is not answered by then counts as missed. */
const answeredWithin: Milliseconds = 10_000

export interface DrillFigures {
  readonly gateway: string
  /** The last ones, oldest first. */
  readonly milliseconds: readonly Milliseconds[]
  readonly missed: number
}

/** What became of one drill: nothing where the gateway did not answer. */
export interface Drilled {
  readonly gateway: string
  readonly milliseconds?: Milliseconds
}

interface Running {
  readonly n: number
  readonly at: Instant
  readonly finish: (milliseconds: Milliseconds | undefined) => void
}

export class FeedDrills {
  readonly #clock: Clock
  readonly #onMeasured: (gateway: string, milliseconds: Milliseconds) => void
  readonly #running = new Map<ServedGateway, Running>()
  readonly #kept = new Map<string, { milliseconds: Milliseconds[]; missed: number }>()
  #n = 0

  constructor(clock: Clock, onMeasured: (gateway: string, milliseconds: Milliseconds) => void) {
    this.#clock = clock
    this.#onMeasured = onMeasured
  }

  /** One at a time on each link; whoever asks meanwhile hears of none. */
  drill(served: ServedGateway): Promise<Drilled> {
    const gateway = served.gateway.name
    if (this.#running.has(served)) return Promise.resolve({ gateway })
    this.#n += 1
    const n = this.#n
    return new Promise((resolve) => {
      const callOff = this.#clock.after(answeredWithin, () => this.#finish(served, undefined))
      const finish = (milliseconds: Milliseconds | undefined) => {
        callOff()
        this.#keep(gateway, milliseconds)
        resolve(milliseconds === undefined ? { gateway } : { gateway, milliseconds })
      }
      this.#running.set(served, { n, at: this.#clock.now(), finish })
      served.drill(n)
    })
  }

  /** Answers why the link cannot go on, if it answers what nobody asked. */
  drilled(served: ServedGateway, n: number): Refused | undefined {
    const running = this.#running.get(served)
    // One that took too long has been given up, and its answer is no fault.
    if (running === undefined ? n > this.#n || n < 1 : n > running.n)
      return refuse('feed.out-of-order', { detail: `drill ${n} was never asked for` })
    if (running?.n === n) this.#finish(served, this.#clock.now() - running.at)
    return undefined
  }

  ended(served: ServedGateway): void {
    this.#finish(served, undefined)
  }

  figures(): readonly DrillFigures[] {
    return [...this.#kept].map(([gateway, { milliseconds, missed }]) => ({ gateway, milliseconds: [...milliseconds], missed }))
  }

  #finish(served: ServedGateway, milliseconds: Milliseconds | undefined): void {
    const running = this.#running.get(served)
    this.#running.delete(served)
    running?.finish(milliseconds)
  }

  #keep(gateway: string, milliseconds: Milliseconds | undefined): void {
    const kept = this.#kept.get(gateway) ?? { milliseconds: [], missed: 0 }
    this.#kept.delete(gateway)
    this.#kept.set(gateway, kept)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > gatewaysMax && oldest !== undefined) this.#kept.delete(oldest)
    if (milliseconds === undefined) {
      kept.missed += 1
      return
    }
    kept.milliseconds.push(milliseconds)
    if (kept.milliseconds.length > keptMax) kept.milliseconds.shift()
    this.#onMeasured(gateway, milliseconds)
  }
}
