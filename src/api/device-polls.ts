/** How often a command line asks whether its person has confirmed it: RFC 8628 §3.5, two seconds apart and five more after each haste. */
import { createHash } from 'node:crypto'
import type { Instant, Milliseconds } from '../kernel/instants.ts'

export const pollInterval: Milliseconds = 2_000
const hastePenalty: Milliseconds = 5_000
/** A poll on the dot may arrive a little early. */
const grace: Milliseconds = 500
const intervalMax: Milliseconds = 60_000
const codesMax = 10_000

interface Poll {
  readonly at: Instant
  readonly interval: Milliseconds
}

export class DevicePolls {
  readonly #polls = new Map<string, Poll>()

  /** Whether enough time has passed since the last poll with this code; if not, the next must wait longer. */
  mayPoll(code: string, now: Instant): boolean {
    const key = createHash('sha256').update(code).digest('base64')
    const last = this.#polls.get(key)
    const tooSoon = last !== undefined && now - last.at < last.interval - grace
    const interval = (last?.interval ?? pollInterval) + (tooSoon ? hastePenalty : 0)
    this.#polls.delete(key)
    this.#polls.set(key, { at: now, interval: Math.min(interval, intervalMax) })
    if (this.#polls.size > codesMax) {
      const [oldest] = this.#polls.keys()
      if (oldest !== undefined) this.#polls.delete(oldest)
    }
    return !tooSoon
  }
}
