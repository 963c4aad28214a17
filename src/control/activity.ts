/** Signs of life that need no ledger: when a grant was last used, when its wrapper last called, what is under way, here and elsewhere. */
import type { Instant } from '../kernel/instants.ts'

interface Life {
  lastUse?: Instant
  lastCall?: Instant
  underWay: number
  /** Gateways elsewhere by which something of it is under way. */
  elsewhere?: Map<string, number>
}

/** What a gateway elsewhere tells of one grant. */
export interface Report {
  readonly grant: string
  readonly lastUse: Instant
  readonly underWay: number
}

/** What one control node tells the others of one grant; 0 for what never was. */
export interface Sign {
  readonly grant: string
  readonly lastUse: Instant
  readonly lastCall: Instant
  readonly underWay: number
}

/** After a restart nothing is known, so silence counts from the start of this process. */
export class Activity {
  readonly startedAt: Instant
  readonly #lives = new Map<string, Life>()
  /** Grants by which something is under way, by the gateway that told so. */
  readonly #elsewhere = new Map<string, Set<string>>()

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

  /** What a gateway elsewhere tells of a grant takes the place of what it told before. */
  report(gateway: string, { grant, lastUse, underWay }: Report): void {
    const life = this.#of(grant)
    life.lastUse = Math.max(life.lastUse ?? 0, lastUse)
    const grants = this.#elsewhere.get(gateway) ?? new Set()
    if (underWay > 0) {
      life.elsewhere ??= new Map()
      life.elsewhere.set(gateway, underWay)
      this.#elsewhere.set(gateway, grants.add(grant))
      return
    }
    life.elsewhere?.delete(gateway)
    if (grants.delete(grant) && grants.size === 0) this.#elsewhere.delete(gateway)
  }

  /** Nothing is under way there any more: it was not heard for so long that it has stopped. */
  lost(gateway: string): void {
    for (const grant of this.#elsewhere.get(gateway) ?? []) this.#lives.get(grant)?.elsewhere?.delete(gateway)
    this.#elsewhere.delete(gateway)
  }

  /** What was used or called since, and what is under way here or by gateways of this node: `isOurs` says which those are. */
  *since(instant: Instant, isOurs: (gateway: string) => boolean): Generator<Sign> {
    for (const [grant, life] of this.#lives) {
      const { lastUse = 0, lastCall = 0, elsewhere = new Map<string, number>() } = life
      let { underWay } = life
      for (const [gateway, count] of elsewhere) if (isOurs(gateway)) underWay += count
      if (underWay > 0 || lastUse >= instant || lastCall >= instant) yield { grant, lastUse, lastCall, underWay }
    }
  }

  lastUse(grant: string): Instant | undefined {
    return this.#lives.get(grant)?.lastUse
  }

  lastCall(grant: string): Instant | undefined {
    return this.#lives.get(grant)?.lastCall
  }

  isInUse(grant: string): boolean {
    const life = this.#lives.get(grant)
    return life !== undefined && (life.underWay > 0 || (life.elsewhere?.size ?? 0) > 0)
  }

  forget(grant: string): void {
    for (const gateway of this.#lives.get(grant)?.elsewhere?.keys() ?? []) this.#elsewhere.get(gateway)?.delete(grant)
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
