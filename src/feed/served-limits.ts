/** What one link may leave open, and how often it may speak. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'

/** Versions that were sent and not acknowledged. */
export class Unacknowledged {
  #sent: { readonly version: number; readonly at: Instant }[] = []
  #from = 0

  add(version: number, at: Instant): void {
    this.#sent.push({ version, at })
  }

  get count(): number {
    return this.#sent.length - this.#from
  }

  /** Since when the oldest of them waits. */
  get oldest(): Instant | undefined {
    return this.#sent[this.#from]?.at
  }

  /** With it all before it. False where this version was never sent, or was acknowledged already. */
  acknowledge(version: number): boolean {
    let place = this.#from
    while (place < this.#sent.length && (this.#sent[place]?.version ?? 0) < version) place += 1
    if (this.#sent[place]?.version !== version) return false
    this.#from = place + 1
    if (this.#from > 1_000 || this.#from === this.#sent.length) {
      this.#sent = this.#sent.slice(this.#from)
      this.#from = 0
    }
    return true
  }
}

const window: Milliseconds = 1_000

/** So many in any second that begins with one of them. */
export class Pace {
  readonly #max: number
  #since = 0
  #count = 0

  constructor(perSecondMax: number) {
    this.#max = perSecondMax
  }

  isKept(now: Instant): boolean {
    if (now - this.#since >= window) {
      this.#since = now
      this.#count = 0
    }
    this.#count += 1
    return this.#count <= this.#max
  }
}
