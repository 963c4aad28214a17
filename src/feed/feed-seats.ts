/** Gateway processes that may act: since when they have stopped, and until when one that is not heard may go on. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { EnrolledGateway } from '../model/gateways.ts'
import type { Clock } from '../control/ports.ts'
import type { Confirmation } from '../control/stopping.ts'
import { driftMs, leaseMs } from './messages.ts'

/** A lease, and the clocks that differ. */
export const stoppedAfter: Milliseconds = leaseMs + driftMs

/** One run of one gateway process. Another run of it is another seat: the earlier one may still be there, as far as anybody knows. */
export interface Seat {
  readonly gateway: EnrolledGateway
  /** Its own name of itself; empty on one that is only presumed. */
  run: string
  /** The version up to which everything binds there. */
  applied: number
  /** From then on it lets nothing through unless it renewed: for people, as control's clock has it. */
  endsBy: Instant
  /** The same by the clock that does not jump, which alone counts: set forward, the other would call a gateway stopped that is not. */
  endsAfter: Milliseconds
  isLinked: boolean
}

interface Waiter {
  readonly seat: Seat
  readonly version: number
  readonly since: Instant
  readonly resolve: (confirmation: Confirmation) => void
}

export class FeedSeats {
  readonly #clock: Clock
  readonly #seats = new Map<string, Seat>()
  readonly #waiters = new Set<Waiter>()
  /** Those whose lease's end is looked out for. */
  readonly #watched = new Set<Seat>()
  /** Hears of a run that can be doing nothing any more. */
  readonly #onLapse: (seat: Seat) => void

  constructor(clock: Clock, onLapse: (seat: Seat) => void) {
    this.#clock = clock
    this.#onLapse = onLapse
  }

  /** What may have a lease that nobody here remembers. */
  presume(gateway: EnrolledGateway): void {
    const endsBy = this.#clock.now() + stoppedAfter
    const seat: Seat = { gateway, run: '', applied: 0, endsBy, endsAfter: this.#monotonic() + stoppedAfter, isLinked: false }
    this.#seats.set(keyOf(gateway, ''), seat)
    this.#watch(seat)
  }

  /** `continues`: it shows what it had, so it is the run that was presumed. */
  linked(gateway: EnrolledGateway, run: string, continues: boolean): Seat {
    const presumed = continues ? this.#seats.get(keyOf(gateway, '')) : undefined
    const known = this.#seats.get(keyOf(gateway, run))
    const seat = known ?? presumed ?? { gateway, run, applied: 0, endsBy: 0, endsAfter: 0, isLinked: true }
    if (seat === presumed) this.#seats.delete(keyOf(gateway, ''))
    seat.run = run
    seat.isLinked = true
    this.#seats.set(keyOf(gateway, run), seat)
    return seat
  }

  unlinked(seat: Seat): void {
    seat.isLinked = false
    this.#watch(seat)
  }

  leased(seat: Seat, received: Instant): void {
    seat.endsBy = Math.max(seat.endsBy, received + stoppedAfter)
    // Later than it came: the lease is over before this, never after.
    seat.endsAfter = this.#monotonic() + stoppedAfter
  }

  applied(seat: Seat, version: number): void {
    seat.applied = version
    for (const waiter of this.#waiters) if (waiter.seat === seat && version >= waiter.version) this.#settle(waiter, 'confirmed')
  }

  /** Whether it lets nothing through any more. */
  isOver(seat: Seat): boolean {
    return this.#monotonic() >= seat.endsAfter
  }

  /** Those that are linked, or may still act. */
  all(): readonly Seat[] {
    return [...this.#seats.values()]
  }

  /** Resolves when the seat has done all up to this version, or lets nothing through any more. */
  stopped(seat: Seat, version: number, since: Instant): Confirmation | Promise<Confirmation> {
    if (seat.applied >= version) return this.#confirmation(seat, 'confirmed', since)
    if (this.isOver(seat)) return this.#confirmation(seat, 'lapsed', since)
    return new Promise((resolve) => {
      this.#waiters.add({ seat, version, since, resolve })
      this.#watch(seat)
    })
  }

  /** Looks again when its lease is over. */
  #watch(seat: Seat): void {
    if (this.#watched.has(seat)) return
    const waits = [...this.#waiters].some((waiter) => waiter.seat === seat)
    const left = seat.endsAfter - this.#monotonic()
    if (left > 0) {
      // A lease that is renewed again and again needs no look while nobody waits for its end.
      if (seat.isLinked && !waits) return
      this.#watched.add(seat)
      this.#clock.after(left, () => {
        this.#watched.delete(seat)
        this.#watch(seat)
      })
      return
    }
    for (const waiter of [...this.#waiters].filter((each) => each.seat === seat)) this.#settle(waiter, 'lapsed')
    if (seat.isLinked) return
    if (this.#seats.get(keyOf(seat.gateway, seat.run)) === seat) this.#seats.delete(keyOf(seat.gateway, seat.run))
    this.#onLapse(seat)
  }

  #monotonic(): Milliseconds {
    return this.#clock.monotonic?.() ?? this.#clock.now()
  }

  #settle(waiter: Waiter, how: Confirmation['how']): void {
    this.#waiters.delete(waiter)
    waiter.resolve(this.#confirmation(waiter.seat, how, waiter.since))
  }

  #confirmation({ gateway }: Seat, how: Confirmation['how'], since: Instant): Confirmation {
    const at = this.#clock.now()
    return { gateway: gateway.name, how, milliseconds: at - since, at }
  }
}

function keyOf({ id }: EnrolledGateway, run: string): string {
  return `${id}/${run}`
}
