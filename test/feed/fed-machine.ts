/** A machine with a gateway on it: clocks that jump when a test says so, a link that breaks when it says so, a journal in memory. */
import { createPrivateKey } from 'node:crypto'
import { Journal } from '../../src/control/journal.ts'
import type { Bearer, Clock, Decision, GatewayControl, Signer, Verdict } from '../../src/control/ports.ts'
import { FedGateway, type FedGatewayOptions } from '../../src/feed/fed-gateway.ts'
import type { Dial, FeedLink } from '../../src/feed/link.ts'
import { makeSigner } from '../../src/host/key-files.ts'
import { makeTokenReader } from '../../src/host/token-mint.ts'
import type { Instant, Milliseconds } from '../../src/kernel/instants.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import type { EnrolledGateway } from '../../src/model/gateways.ts'
import { seededChance } from '../world/chance.ts'
import { TestClock } from '../world/clock.ts'
import { memoryJournalDisk } from '../world/journal-disk.ts'
import { linkPair } from '../world/link-pair.ts'
import { here, type World } from '../world/world.ts'
import { actionOf, materialOf } from '../world/shop.ts'
import { type Served, settled } from './scripted-gateway.ts'

/** Both clocks of one machine. Timers go by the monotonic one. */
export class MachineClock implements Clock {
  readonly #running: TestClock
  #wallAhead = 0
  #monotonicAhead = 0

  constructor(start: Instant) {
    this.#running = new TestClock(start)
  }

  now(): Instant {
    return this.#running.now() + this.#wallAhead
  }

  readonly monotonic = (): Milliseconds => this.#running.now() + this.#monotonicAhead

  after(milliseconds: Milliseconds, work: () => void): () => void {
    return this.#running.after(milliseconds, work)
  }

  advance(milliseconds: Milliseconds): void {
    this.#running.advance(milliseconds)
  }

  jumpWall(by: Milliseconds): void {
    this.#wallAhead += by
  }

  jumpMonotonic(by: Milliseconds): void {
    this.#monotonicAhead += by
  }
}

function seedOf(name: string): number {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1_000_000, 7)
}

/** Of the journal of the machine of this name. */
export function journalSigner(name: string): Signer {
  const { bytes } = seededChance(seedOf(name))
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes(32)])
  return makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), `remit.test/${name}`)
}

export type Cut = { readonly session: string; readonly reason: string; readonly at: Milliseconds }

export class Machine {
  readonly clock: MachineClock
  readonly fed: FedGateway
  readonly control: GatewayControl
  readonly journal: Journal
  readonly alarms: string[]
  readonly cuts: Cut[] = []
  readonly #run: { dial: Dial; readonly links: FeedLink[] }

  private constructor(parts: Pick<Machine, 'clock' | 'fed' | 'journal' | 'alarms'>, run: { dial: Dial; readonly links: FeedLink[] }) {
    this.clock = parts.clock
    this.fed = parts.fed
    this.journal = parts.journal
    this.alarms = parts.alarms
    this.control = parts.fed.control()
    this.#run = run
  }

  /** Not started. `dial` may be changed between two links. */
  static async make(
    gateway: EnrolledGateway,
    dial: Dial,
    { dial: _first, ...more }: Partial<FedGatewayOptions> & { readonly start?: Instant } = {},
  ): Promise<Machine> {
    const clock = new MachineClock(more.start ?? Date.UTC(2030, 0, 1))
    const seed = seedOf(gateway.name)
    const signer = journalSigner(gateway.name)
    const journal = mustBe(await Journal.open({ signer, disk: memoryJournalDisk(), clock }))
    const alarms: string[] = []
    const run = { dial, links: [] as FeedLink[] }
    const fed = new FedGateway({
      self: gateway,
      dial: async () => {
        const link = await run.dial()
        run.links.push(link)
        return link
      },
      clock,
      monotonic: clock.monotonic,
      chance: seededChance(seed),
      journal,
      makeTokenReader,
      software: 'test',
      alarm: (says) => alarms.push(says),
      ...more,
    })
    return new Machine({ clock, fed, journal, alarms }, run)
  }

  set dial(dial: Dial) {
    this.#run.dial = dial
  }

  /** Links so far, open or not. */
  get links(): readonly FeedLink[] {
    return this.#run.links
  }

  get link(): FeedLink {
    const link = this.#run.links.at(-1)
    if (link === undefined) throw new Error('there is no link')
    return link
  }

  async start(): Promise<void> {
    this.fed.start()
    await settled()
  }

  /** Time goes by in small steps, and what is to happen in each happens in it. */
  async advance(milliseconds: Milliseconds, others: readonly { advance(milliseconds: Milliseconds): void }[] = []): Promise<void> {
    const step = 50
    for (let left = milliseconds; left > 0; left -= step) {
      const by = Math.min(step, left)
      this.clock.advance(by)
      for (const other of others) other.advance(by)
      await settled()
    }
  }

  /** A stream that goes on under a decision, as a gateway of a protocol keeps it. */
  stream(decision: Decision): void {
    this.control.onEnd(decision.session, (reason) => this.cuts.push({ session: decision.session, reason, at: this.clock.monotonic() }))
  }

  async bearer(world: World, name: string, grant?: string): Promise<Bearer> {
    const audience = `urn:remit:${this.control.space}:gateway:${this.control.gateway}`
    const exchanged = mustBe(await world.exchange(name, { audience, ...(grant === undefined ? {} : { grant }) }))
    return mustBe(await this.control.identify(reveal(exchanged.token), here))
  }

  /** One action by a bearer, as a gateway of a protocol asks for it. */
  async act(bearer: Bearer, operation: string, given: Parameters<typeof actionOf>[2] = {}): Promise<Verdict> {
    const action = actionOf(this.control.service('shop'), operation, given)
    return this.control.authorize({ bearer, action, material: materialOf(action) })
  }
}

/** Dials control's half over a link without a wire, which `through` may change. */
export function dialsTo(
  served: Served,
  key: string,
  through: (ends: readonly [FeedLink, FeedLink]) => readonly [FeedLink, FeedLink] = (ends) => ends,
): Dial {
  return async () => {
    const [gateway, control] = through(linkPair())
    served.server.accept(control, { key, address: '192.0.2.7' })
    return gateway
  }
}

export const unreachable: Dial = () => Promise.reject(new Error('nobody answers there'))
