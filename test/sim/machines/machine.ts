/** A simulated machine: it runs, stands still or is dead, and has a wall clock and a monotonic one that may each be wrong. */
import { type HostClock, makeClock } from '../../../src/host/clock.ts'
import type { Dice } from '../../world/chance.ts'
import type { Schedule } from './schedule.ts'

/** When the run begins, by a clock that is right. */
export const epoch = Date.UTC(2030, 0, 2)

/**
 * How a machine can stand still: `stopped` its process (both clocks go on), `asleep` itself (the monotonic clock stands), `frozen` from
 * outside (both stand, and the wall clock stays behind).
 */
export type Standstill = 'stopped' | 'asleep' | 'frozen'

export class Machine {
  readonly name: string
  readonly schedule: Schedule
  readonly #dice: Dice
  /** What runs on it counts from here; what an earlier run left is dropped. */
  #run = 0
  #isUp = true
  #standstill: { readonly kind: Standstill; readonly since: number } | undefined
  /** What the wall clock is wrong by, and what the monotonic one has missed. */
  #wallOff: number
  #monotonicMissed = 0
  #deferred: (() => void)[] = []

  constructor(name: string, parts: { readonly schedule: Schedule; readonly dice: Dice; readonly skew: number }) {
    this.name = name
    this.schedule = parts.schedule
    this.#dice = parts.dice
    this.#wallOff = parts.skew
  }

  get isUp(): boolean {
    return this.#isUp
  }

  get isStanding(): boolean {
    return this.#standstill !== undefined
  }

  /** How the wall clock differs from the truth just now. */
  get wallOff(): number {
    return this.#wallOff
  }

  get run(): number {
    return this.#run
  }

  /** What its operating system takes for the time. */
  wall(): number {
    const { now } = this.schedule
    const frozenFor = this.#standstill?.kind === 'frozen' ? now - this.#standstill.since : 0
    return Math.floor(epoch + now + this.#wallOff - frozenFor)
  }

  monotonic(): number {
    const { now } = this.schedule
    const standing = this.#standstill
    const missing = standing === undefined || standing.kind === 'stopped' ? 0 : now - standing.since
    return now - this.#monotonicMissed - missing
  }

  /** The clock that its programs have: the real one, over what this machine's clocks say. */
  clock(sources: { readonly wall?: () => number; readonly monotonic?: () => number } = {}): HostClock {
    const clock = makeClock({
      floor: 0,
      wall: sources.wall ?? (() => this.wall()),
      monotonic: sources.monotonic ?? (() => this.monotonic()),
      timers: {
        once: (milliseconds, work) => this.#timer(milliseconds, work),
        every: (milliseconds, work) => this.#every(milliseconds, work),
      },
    })
    return { ...clock, turn: () => new Promise((resolve) => void this.#timer(0, resolve)) }
  }

  /** Something comes in from outside: at once, when it wakes, or never. */
  receive(work: () => void): void {
    if (!this.#isUp) return
    if (this.#standstill === undefined) work()
    else this.#deferred.push(this.#ofThisRun(work))
  }

  /** The time that people or a server set its clock to. */
  setBack(milliseconds: number): void {
    this.#wallOff -= milliseconds
  }

  standStill(kind: Standstill): void {
    if (this.#isUp) this.#standstill ??= { kind, since: this.schedule.now }
  }

  goOn(): void {
    const standing = this.#standstill
    if (standing === undefined) return
    const stood = this.schedule.now - standing.since
    this.#standstill = undefined
    if (standing.kind !== 'stopped') this.#monotonicMissed += stood
    if (standing.kind === 'frozen') this.#wallOff -= stood
    // What came in meanwhile and the timers that are due come in whatever order the system has them.
    const waiting = this.#deferred.splice(0)
    if (this.#dice.below(2) === 0) waiting.reverse()
    for (const work of waiting) this.schedule.after(this.#dice.below(100) / 100, work)
  }

  /** Everything that ran here is gone. */
  die(): void {
    this.#isUp = false
    this.#run += 1
    this.#standstill = undefined
    this.#deferred = []
  }

  /** After `die`: something new may run. */
  start(): void {
    this.#isUp = true
  }

  #ofThisRun(work: () => void): () => void {
    const run = this.#run
    return () => {
      if (this.#run === run) this.receive(work)
    }
  }

  #timer(milliseconds: number, work: () => void): () => void {
    const due = this.monotonic() + milliseconds
    let isOff = false
    const fire = this.#ofThisRun(() => {
      if (isOff) return
      const rest = due - this.monotonic()
      if (rest > 0) this.schedule.after(rest, fire)
      else work()
    })
    const callOff = this.schedule.after(milliseconds, fire)
    return () => {
      isOff = true
      callOff()
    }
  }

  #every(milliseconds: number, work: () => void): () => void {
    let callOff = () => undefined as void
    const again = () => {
      callOff = this.#timer(milliseconds, () => {
        again()
        work()
      })
    }
    again()
    return () => callOff()
  }
}
