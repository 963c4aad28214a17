/** How often somebody may call: buckets that refill with time, in memory that cannot grow. */
import type { Instant, Milliseconds } from './instants.ts'

interface Bucket {
  left: number
  at: Instant
}

const minute: Milliseconds = 60_000

export class RateLimits {
  readonly #buckets = new Map<string, Bucket>()
  readonly #keysMax: number

  constructor(keysMax = 20_000) {
    this.#keysMax = keysMax
  }

  /** Takes one of `perMinuteMax`; answers 0, or after how many milliseconds there is one again. */
  take(key: string, perMinuteMax: number, now: Instant): Milliseconds {
    const bucket = this.#refilled(key, perMinuteMax, now)
    if (bucket.left < 1) return Math.ceil(((1 - bucket.left) * minute) / perMinuteMax)
    bucket.left -= 1
    return 0
  }

  get size(): number {
    return this.#buckets.size
  }

  #refilled(key: string, perMinuteMax: number, now: Instant): Bucket {
    const known = this.#buckets.get(key)
    const refill = known === undefined ? perMinuteMax : ((now - known.at) * perMinuteMax) / minute
    const bucket: Bucket = { left: Math.min(perMinuteMax, (known?.left ?? 0) + refill), at: now }
    // Put last again, so that the first key is the one that was quiet longest: it has most in its bucket and loses least by being forgotten.
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#keysMax) {
      const [quietest] = this.#buckets.keys()
      if (quietest !== undefined) this.#buckets.delete(quietest)
    }
    return bucket
  }
}
