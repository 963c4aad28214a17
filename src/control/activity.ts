/** Signs of life that need no ledger: when a grant was last used, when its wrapper last called, what is under way. */
import type { Instant } from '../kernel/instants.ts'

interface Life {
  lastUse?: Instant
  lastCall?: Instant
  underWay: number
}

/** After a restart nothing is known, so silence counts from the start of this process. */
export class Activity {
  readonly startedAt: Instant
  readonly #lives = new Map<string, Life>()

  constructor(startedAt: Instant) {
    this.startedAt = startedAt
  }

  begin(grant: string, now: Instant): void {
    const life = this.#of(grant)
    life.lastUse = now
    life.underWay += 1
  }

  end(grant: string, now: Instant): void {
    const life = this.#lives.get(grant)
    if (life === undefined) return
    life.lastUse = now
    life.underWay = Math.max(0, life.underWay - 1)
  }

  /** Something was done under it that had no length. */
  used(grant: string, now: Instant): void {
    this.#of(grant).lastUse = now
  }

  called(grant: string, now: Instant): void {
    this.#of(grant).lastCall = now
  }

  lastUse(grant: string): Instant | undefined {
    return this.#lives.get(grant)?.lastUse
  }

  lastCall(grant: string): Instant | undefined {
    return this.#lives.get(grant)?.lastCall
  }

  isInUse(grant: string): boolean {
    return (this.#lives.get(grant)?.underWay ?? 0) > 0
  }

  forget(grant: string): void {
    this.#lives.delete(grant)
  }

  #of(grant: string): Life {
    const known = this.#lives.get(grant)
    if (known !== undefined) return known
    const life: Life = { underWay: 0 }
    this.#lives.set(grant, life)
    return life
  }
}
