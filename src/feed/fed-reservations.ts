/** Counted uses that this gateway holds in advance: spent for everybody else, used here without asking, and gone with the link. */
import type { GrantId } from '../kernel/ids.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Facts } from '../control/facts.ts'
import { usedOf } from '../model/counting.ts'
import { type Grant, usesId } from '../model/grants.ts'
import type { Granted } from './asks.ts'
import type { Ask } from './messages.ts'

/** As many are taken at once at most, and never more than one part of so many of what is left. */
const usesAtOnceMax = 64
const shareOf = 4
/** Taken again within this time, twice as many are taken. */
const quick: Milliseconds = 1_000
/** What nobody used for so long goes back. */
const idleMax: Milliseconds = 2_000

/** A line of which uses are held, or were until the last of them was used. */
interface Held {
  readonly grant: GrantId
  readonly line: number
  left: number
  /** How many were asked for last. */
  size: number
  takenAt: Milliseconds
  usedAt: Milliseconds
  asking: Promise<Result<number>> | undefined
}

export interface ReservingParts {
  readonly facts: Facts
  readonly monotonic: () => Milliseconds
  readonly ask: (ask: Ask) => Promise<Result<Granted>>
}

/** Of one link: with it whatever it holds is void. */
export class FedReservations {
  readonly #parts: ReservingParts
  readonly #held = new Map<string, Held>()
  #isOver = false

  constructor(parts: ReservingParts) {
    this.#parts = parts
  }

  /** Spends one use that is held, or takes some first. Answers false where this line is rather asked for use by use. */
  async spend(grant: Grant, line: number): Promise<Result<boolean>> {
    const held = this.#of(grant.id, line)
    for (;;) {
      if (this.#isOver) return refuse('control.unreachable', { detail: 'the link to control ended' })
      if (this.#use(held)) return done(true)
      if (held.asking === undefined && this.#share(grant, line) < 2) return done(false)
      held.asking ??= this.#take(held, grant)
      const taken = await held.asking
      // Control says of this use why not, when it is asked for it; one that does not answer is not asked twice.
      if (!taken.ok && taken.refusal.code === 'control.unreachable') return taken
      if (!taken.ok || taken.value === 0) return done(false)
    }
  }

  /** Gives back what was not used for a while. To be called a few times within that while. */
  tidy(): void {
    const now = this.#parts.monotonic()
    for (const held of this.#held.values())
      if (held.asking === undefined && now - Math.max(held.usedAt, held.takenAt) >= idleMax) void this.#release(held)
  }

  /** What is held of a grant goes back: nobody uses it here any more. */
  releaseAll(grant?: GrantId): void {
    for (const held of this.#held.values()) if (grant === undefined || held.grant === grant) void this.#release(held)
  }

  /** It has ended: what was held of it is of no use to anybody. */
  forget(grant: GrantId): void {
    for (const [key, held] of this.#held) if (held.grant === grant) this.#held.delete(key)
  }

  /** The link is gone: what was held counts as spent. */
  end(): void {
    this.#isOver = true
    for (const { grant, line } of this.#held.values()) this.#parts.facts.reserve(grant, line, 0)
    this.#held.clear()
  }

  #of(grant: GrantId, line: number): Held {
    const key = usesId(grant, line)
    const known = this.#held.get(key)
    if (known !== undefined) return known
    const now = this.#parts.monotonic()
    const held: Held = { grant, line, left: 0, size: 0, takenAt: now - quick, usedAt: now, asking: undefined }
    this.#held.set(key, held)
    return held
  }

  #use(held: Held): boolean {
    if (held.left === 0) return false
    held.left -= 1
    held.usedAt = this.#parts.monotonic()
    this.#parts.facts.reserve(held.grant, held.line, held.left)
    return true
  }

  #share(grant: Grant, line: number): number {
    const limit = grant.scope[line]?.uses ?? 0
    return Math.floor((limit - usedOf(this.#parts.facts.counted(grant.id, line))) / shareOf)
  }

  async #take(held: Held, grant: Grant): Promise<Result<number>> {
    const now = this.#parts.monotonic()
    const size = now - held.takenAt < quick ? held.size * 2 : Math.ceil(held.size / 2)
    held.size = Math.max(1, Math.min(size, usesAtOnceMax, this.#share(grant, held.line)))
    const answer = await this.#parts.ask({ what: 'reserve', grant: held.grant, line: held.line, uses: held.size })
    held.asking = undefined
    if (!answer.ok) return answer
    const uses = answer.value.uses ?? 0
    // More than was asked for is no answer to the question.
    if (this.#isOver || uses > held.size) return refuse('control.unreachable', { detail: 'what was reserved is void' })
    held.takenAt = this.#parts.monotonic()
    if (this.#held.get(usesId(held.grant, held.line)) !== held) return refuse('grant.ended')
    held.left += uses
    this.#parts.facts.reserve(held.grant, held.line, held.left)
    return done(uses)
  }

  /** Not usable here from now on, whatever becomes of the message. */
  async #release(held: Held): Promise<void> {
    const { grant, line, left } = held
    this.#held.delete(usesId(grant, line))
    this.#parts.facts.reserve(grant, line, 0)
    if (held.size === 0) return
    held.left = 0
    const released = await this.#parts.ask({ what: 'release', grant, line, uses: left })
    // Nothing of it is held here any more: control may find that nothing of it is left anywhere.
    if (released.ok && left === 0) await this.#parts.ask({ what: 'exhausted', grant })
  }
}
