/** A simulated network: links that keep their order and may be slow, silent or cut, and calls that may never be answered. */
import type { FeedLink } from '../../../src/feed/link.ts'
import type { Dice } from '../../world/chance.ts'
import type { Counts } from './counts.ts'
import type { Machine } from './machine.ts'
import type { Schedule } from './schedule.ts'
import type { Tapped, WireTap } from './wire-tap.ts'

export interface NetworkTerms {
  /** Milliseconds that a message takes at least, and how much more it may take. */
  readonly latency: readonly [least: number, more: number]
  /** Of 1,000 messages, so many are late by up to two seconds. */
  readonly late: number
  /** Of 1,000 messages, so many end their link instead of arriving. */
  readonly lost: number
  /** Of 100 connections, so many reach the other side twice: one of the two is silent for ever. */
  readonly doubled: number
}

const lateMsMax = 2_000

export class Network {
  readonly schedule: Schedule
  readonly terms: NetworkTerms
  readonly dice: Dice
  readonly counts: Counts
  readonly tap: WireTap
  readonly #partitions = new Set<string>()
  readonly #ends = new Set<LinkEnd>()
  #isMended = false

  constructor(parts: {
    readonly schedule: Schedule
    readonly terms: NetworkTerms
    readonly dice: Dice
    readonly counts: Counts
    readonly tap: WireTap
  }) {
    this.tap = parts.tap
    this.schedule = parts.schedule
    this.terms = parts.terms
    this.dice = parts.dice
    this.counts = parts.counts
  }

  isCut(one: Machine, two: Machine): boolean {
    return this.#partitions.has(pair(one, two))
  }

  /** Nothing passes between them any more, and nobody tells them. */
  cut(one: Machine, two: Machine): void {
    this.#partitions.add(pair(one, two))
  }

  /** What was on its way is sent again, or its link is found dead. */
  heal(one: Machine, two: Machine): void {
    if (!this.#partitions.delete(pair(one, two))) return
    for (const end of [...this.#ends]) if (end.isBetween(one, two)) end.healed()
  }

  /** Every partition is over, and from here on nothing is late or lost. */
  mend(): void {
    this.#isMended = true
    this.#partitions.clear()
    for (const end of [...this.#ends]) end.healed()
  }

  /** What may still go wrong. */
  get trouble(): Pick<NetworkTerms, 'late' | 'lost' | 'doubled'> {
    return this.#isMended ? { late: 0, lost: 0, doubled: 0 } : this.terms
  }

  /** A program died: the other ends of its links hear of it, unless the machine went with it. */
  died(machine: Machine, isSilent: boolean): void {
    for (const end of [...this.#ends]) if (end.machine === machine) end.died(isSilent)
  }

  /** Of how many milliseconds one message is. */
  latency(): number {
    const { late } = this.trouble
    const [least, more] = this.terms.latency
    const usual = least + (this.dice.below(1_000) / 1_000) * more
    if (late === 0 || this.dice.below(1_000) >= late) return usual
    this.counts.add('delay')
    return usual + this.dice.below(lateMsMax)
  }

  /** Connects; rejects where the other machine is down or cannot be reached. `accept` is called at the other machine. */
  dial(from: Machine, to: Machine, accept: (link: FeedLink) => void): Promise<FeedLink> {
    const there = this.latency()
    const run = from.run
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        if (from.run === run) from.receive(() => reject(new Error(why)))
      }
      this.schedule.after(there, () => {
        if (this.isCut(from, to) || !to.isUp) {
          this.schedule.after(this.isCut(from, to) ? 1_000 : 1, () => fail('the control node cannot be reached'))
          return
        }
        if (this.dice.below(100) < this.trouble.doubled) {
          this.counts.add('duplicate')
          to.receive(() => accept(new LinkEnd(this, to, from)))
        }
        const [near, far] = [new LinkEnd(this, from, to), new LinkEnd(this, to, from)]
        near.join(far)
        to.receive(() => accept(far))
        this.schedule.after(this.latency(), () => {
          if (from.run !== run) return
          from.receive(() => {
            near.tapped = this.tap.opened(from.name)
            resolve(near)
          })
        })
      })
    })
  }

  /**
   * One call and its answer. Rejects when the other machine is not reached or dies on the way: whoever called does not know then whether
   * anything was done. Where nothing is heard for `patience`, it is given up.
   */
  call<T>(from: Machine | undefined, to: Machine, work: () => Promise<T>, patience = 30_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const callOff = this.schedule.after(patience, () => reject(new Unanswered()))
      const settle = (then: () => void) => {
        callOff()
        if (from === undefined) then()
        else from.receive(then)
      }
      const isCut = () => from !== undefined && this.isCut(from, to)
      this.schedule.after(this.latency(), () => {
        if (isCut()) return
        if (!to.isUp) {
          this.schedule.after(this.latency(), () => settle(() => reject(new Unanswered())))
          return
        }
        const run = to.run
        to.receive(() => {
          const answer = async () => {
            const value = await work()
            if (to.run !== run) return
            this.schedule.after(this.latency(), () => {
              if (!isCut()) settle(() => resolve(value))
            })
          }
          answer().catch((cause: unknown) => {
            if (to.run === run) settle(() => reject(cause instanceof Error ? cause : new Error('what was called failed', { cause })))
          })
        })
      })
    })
  }

  opened(end: LinkEnd): void {
    this.#ends.add(end)
  }

  closed(end: LinkEnd): void {
    this.#ends.delete(end)
  }
}

/** Nobody knows what became of it. */
export class Unanswered extends Error {
  override name = 'Unanswered'
}

/** One end of a connection. What it sends arrives whole and in order, or the link ends. */
class LinkEnd implements FeedLink {
  readonly machine: Machine
  /** At a gateway: what whoever reads along keeps of it. */
  tapped: Tapped | undefined
  readonly #peer: Machine
  readonly #network: Network
  #other: LinkEnd | undefined
  #listener: ((message: string) => void) | undefined
  readonly #early: string[] = []
  readonly #closers: ((reason: string) => void)[] = []
  #closed: string | undefined
  /** No message arrives before the one that was sent before it. */
  #arrival = 0
  #waiting = 0
  /** What could not pass a partition, in order. */
  #held: (() => void)[] = []

  constructor(network: Network, machine: Machine, peer: Machine) {
    this.#network = network
    this.machine = machine
    this.#peer = peer
    network.opened(this)
  }

  get waitingBytes(): number {
    return this.#waiting
  }

  join(other: LinkEnd): void {
    this.#other = other
    other.#other = this
  }

  isBetween(one: Machine, two: Machine): boolean {
    return (this.machine === one && this.#peer === two) || (this.machine === two && this.#peer === one)
  }

  send(message: string): void {
    if (this.#closed !== undefined || this.#other === undefined) return
    const { trouble, dice, counts, tap } = this.#network
    if (this.tapped !== undefined) tap.sent(this.tapped, message)
    if (trouble.lost > 0 && dice.below(1_000) < trouble.lost) {
      counts.add('loss')
      this.#pass(() => this.#other?.shut('the connection was lost'))
      this.#network.schedule.after(this.#network.latency(), () => this.machine.receive(() => this.shut('the connection was lost')))
      return
    }
    this.#waiting += message.length
    this.#pass(() => {
      this.#waiting -= message.length
      this.#other?.take(message)
    })
  }

  onMessage(listener: (message: string) => void): void {
    this.#listener = listener
    for (const message of this.#early.splice(0)) listener(message)
  }

  onClose(listener: (reason: string) => void): void {
    if (this.#closed === undefined) this.#closers.push(listener)
    else listener(this.#closed)
  }

  close(reason: string): void {
    if (this.#closed !== undefined) return
    const other = this.#other
    this.#pass(() => other?.shut(reason))
    this.shut(reason)
  }

  take(message: string): void {
    if (this.#closed !== undefined) return
    const { tap } = this.#network
    if (this.tapped !== undefined) tap.came(this.tapped, message)
    else if (this.#other?.tapped !== undefined) tap.heard(this.#other.tapped, message)
    if (this.#listener === undefined) this.#early.push(message)
    else this.#listener(message)
  }

  shut(reason: string): void {
    if (this.#closed !== undefined) return
    this.#closed = reason
    this.#network.closed(this)
    if (this.tapped !== undefined) this.#network.tap.closed(this.tapped)
    for (const closer of this.#closers.splice(0)) closer(reason)
  }

  /** Its program is gone: it says nothing more, and the other end hears of that or does not. */
  died(isSilent: boolean): void {
    const other = this.#other
    this.#closed = 'its program died'
    this.#network.closed(this)
    this.#held = []
    if (!isSilent) this.#pass(() => other?.shut('the connection was reset'))
  }

  healed(): void {
    const held = this.#held.splice(0)
    if (held.length === 0) return
    if (this.#network.dice.below(2) === 0) {
      this.machine.receive(() => this.shut('the connection timed out'))
      this.#network.schedule.after(this.#network.latency(), () => this.#peer.receive(() => this.#other?.shut('the connection timed out')))
      return
    }
    // Sent again, all of it, in order: older than anybody would think.
    this.#network.counts.add('reorder')
    for (const arrive of held) this.#arrive(arrive)
  }

  #pass(work: () => void): void {
    if (this.#network.isCut(this.machine, this.#peer)) this.#held.push(work)
    else this.#arrive(work)
  }

  #arrive(work: () => void): void {
    const { schedule } = this.#network
    this.#arrival = Math.max(this.#arrival, schedule.now + this.#network.latency())
    schedule.at(this.#arrival, () => {
      // A partition that began meanwhile holds back what is on its way as well.
      if (this.#network.isCut(this.machine, this.#peer)) this.#held.push(work)
      else this.#peer.receive(work)
    })
  }
}

function pair(one: Machine, two: Machine): string {
  return one.name < two.name ? `${one.name} ${two.name}` : `${two.name} ${one.name}`
}
