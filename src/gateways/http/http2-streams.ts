/** Which streams of a connection are open, which are over and how, and how often a client may begin what comes to nothing. */
import type { Clock } from '../../control/ports.ts'
import { Allowance } from './http2-allowance.ts'
import { errorCode, type Fault } from './http2-frames.ts'
import type { Http2Stream } from './http2-stream.ts'
import type { HttpLimits } from './limits.ts'

/** Streams that are over and are still told apart. */
const closedMax = 1_024

export class Http2Streams {
  /** The last one that a client opened. */
  last = 0
  /** The last one that was taken, once it was said that no more are. */
  lastTaken: number | undefined
  readonly #open = new Map<number, Http2Stream>()
  readonly #closed = new Map<number, 'ended' | 'reset'>()
  readonly #resets: Allowance
  readonly #idleFrames: Allowance

  constructor(limits: HttpLimits, clock: Pick<Clock, 'now'>) {
    this.#resets = new Allowance(clock, limits.resetsMax, limits.resetsPerSecondMax)
    this.#idleFrames = new Allowance(clock, limits.idleFramesMax, limits.idleFramesPerSecondMax)
  }

  get size(): number {
    return this.#open.size
  }

  /** Those that are open now: whichever ends meanwhile is still met. */
  get all(): readonly Http2Stream[] {
    return [...this.#open.values()]
  }

  get(id: number): Http2Stream | undefined {
    return this.#open.get(id)
  }

  add(stream: Http2Stream): void {
    this.#open.set(stream.id, stream)
  }

  /** Nobody has opened it yet, or nobody may. */
  isUnused(id: number): boolean {
    return id > this.last || id % 2 === 0
  }

  /** How one that is over ended: after a reset of ours, frames that were on their way may still come. `undefined`: long ago, or it never was. */
  howEnded(id: number): 'ended' | 'reset' | undefined {
    return this.#closed.get(id)
  }

  end(id: number, how: 'ended' | 'reset'): void {
    this.#open.delete(id)
    this.#closed.set(id, how)
    const [oldest] = this.#closed.size > closedMax ? this.#closed.keys() : []
    if (oldest !== undefined) this.#closed.delete(oldest)
  }

  /** Each request that is begun and dropped costs us more than its sender (CVE-2023-44487), also where it makes us drop it (CVE-2025-8671). */
  charge(): Fault | undefined {
    return this.#resets.take() ? undefined : { code: errorCode.enhanceYourCalm, says: 'too many streams that were reset' }
  }

  /** Frames that bring no request forward are counted. */
  idleFrame(): Fault | undefined {
    return this.#idleFrames.take() ? undefined : { code: errorCode.enhanceYourCalm, says: 'too many frames for nothing' }
  }

  /** A client that fetches a lot has a lot to say of its windows. */
  sentData(): void {
    this.#idleFrames.give(2)
  }
}
