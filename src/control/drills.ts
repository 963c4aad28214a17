/** How long stopping takes at each gateway: the last drills, in figures. */
import type { Milliseconds } from '../kernel/instants.ts'

/** What became of one drill: nothing where the gateway did not answer in time. */
export interface Drilled {
  readonly gateway: string
  readonly milliseconds?: Milliseconds
}

export interface DrillFigures {
  readonly gateway: string
  /** Drills that the figures are of, and those among them that were not answered. */
  readonly count: number
  readonly missed: number
  /** Absent where none was answered. */
  readonly p50?: Milliseconds
  readonly p99?: Milliseconds
  readonly max?: Milliseconds
}

const keptMax = 100
const gatewaysMax = 1_000

export class Drills {
  readonly #kept = new Map<string, (Milliseconds | undefined)[]>()

  keep({ gateway, milliseconds }: Drilled): void {
    const kept = this.#kept.get(gateway) ?? []
    // Put back at the end: the one that was not drilled for longest is the first to be forgotten.
    this.#kept.delete(gateway)
    this.#kept.set(gateway, kept)
    kept.push(milliseconds)
    if (kept.length > keptMax) kept.shift()
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > gatewaysMax && oldest !== undefined) this.#kept.delete(oldest)
  }

  figures(): readonly DrillFigures[] {
    return [...this.#kept].map(([gateway, kept]) => {
      const answered = kept.filter((each) => each !== undefined).toSorted((a, b) => a - b)
      const at = (share: number) => answered[Math.max(0, Math.ceil(answered.length * share) - 1)]
      const [p50, p99, max] = [at(0.5), at(0.99), answered.at(-1)]
      const times = p50 === undefined || p99 === undefined || max === undefined ? {} : { p50, p99, max }
      return { gateway, count: kept.length, missed: kept.length - answered.length, ...times }
    })
  }
}
