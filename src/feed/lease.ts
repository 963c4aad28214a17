/** How long a gateway may act without hearing from control, by two clocks: a jump of either ends it early, never late. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { leaseMs } from './messages.ts'

/** Both clocks of the machine, read at once. */
export interface Readings {
  /** UTC milliseconds, as the machine believes them. */
  readonly wall: () => Instant
  /** Milliseconds since some moment; may stand still while the machine sleeps. */
  readonly monotonic: () => Milliseconds
}

interface Reading {
  readonly wall: Instant
  readonly monotonic: Milliseconds
}

interface Sent extends Reading {
  /** What control gives on this link. */
  readonly length: Milliseconds
}

/** Renewals on their way: more than this without an answer are forgotten, the oldest first. */
const outstandingMax = 64

export class Lease {
  readonly #clocks: Readings
  readonly #sent = new Map<number, Sent>()
  #length: Milliseconds = leaseMs
  #from: Sent | undefined

  constructor(clocks: Readings) {
    this.#clocks = clocks
  }

  /** A new link: what was asked on the one before is not answered any more. What is held runs on. `length` is what control gives here. */
  begin(length: Milliseconds): void {
    this.#sent.clear()
    this.#length = Math.min(length, leaseMs)
  }

  /** A renewal of this number leaves now: from here on the lease counts, whenever the answer comes. */
  sending(n: number): void {
    this.#sent.set(n, { ...this.#read(), length: this.#length })
    const [oldest] = this.#sent.keys()
    if (this.#sent.size > outstandingMax && oldest !== undefined) this.#sent.delete(oldest)
  }

  /** Whether a renewal of this number was waiting for its answer. An answer that comes late gives what is left of its time, or nothing. */
  answered(n: number): boolean {
    const sent = this.#sent.get(n)
    if (sent === undefined) return false
    for (const earlier of this.#sent.keys()) if (earlier <= n) this.#sent.delete(earlier)
    if (this.#from === undefined || sent.monotonic >= this.#from.monotonic || !this.isHeld()) this.#from = sent
    return true
  }

  /** Whether both clocks say that it runs, and neither has gone back behind its beginning. */
  isHeld(): boolean {
    return this.left() > 0
  }

  /** How long it runs yet, if no clock jumps. */
  left(): Milliseconds {
    const age = this.age()
    return age === undefined ? 0 : Math.max(0, (this.#from?.length ?? 0) - age)
  }

  /** How long ago the renewal left that was answered last: the longer of what the two clocks say. Nothing where none holds. */
  age(): Milliseconds | undefined {
    if (this.#from === undefined) return undefined
    const now = this.#read()
    const [byWall, byMonotonic] = [now.wall - this.#from.wall, now.monotonic - this.#from.monotonic]
    // Time does not go back. A clock that does cannot say how long it was.
    return byWall < 0 || byMonotonic < 0 ? Number.POSITIVE_INFINITY : Math.max(byWall, byMonotonic)
  }

  end(): void {
    this.#from = undefined
    this.#sent.clear()
  }

  #read(): Reading {
    return { wall: this.#clocks.wall(), monotonic: this.#clocks.monotonic() }
  }
}
