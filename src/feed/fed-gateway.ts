/** A gateway in a process of its own: fed with facts by control, acting by its lease, and stopping by itself when that ends. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Pages } from '../control/desk.ts'
import { Endings } from '../control/endings.ts'
import { Facts } from '../control/facts.ts'
import type { Gate } from '../control/gate.ts'
import { gatewayControl } from '../control/gateway-control.ts'
import { Orders } from '../control/orders.ts'
import type { AgentDesk } from '../control/own-tools.ts'
import type { Journal } from '../control/journal.ts'
import type { NotUnderstood } from '../control/not-understood.ts'
import type { Chance, Clock, GatewayControl } from '../control/ports.ts'
import { Conversation } from './conversation.ts'
import { FedActivity } from './fed-activity.ts'
import { FedAnchors } from './fed-anchors.ts'
import { type FedClock, fedClock } from './fed-clock.ts'
import type { FedParts, FedSelf } from './fed-parts.ts'
import { FedSecrets } from './fed-secrets.ts'
import { FedTokens, type MakeTokenReader } from './fed-tokens.ts'
import { Lease } from './lease.ts'
import type { Dial, FeedLink } from './link.ts'
import { protocols, renewEveryMs, type ServedAt, servedMax, type Welcome } from './messages.ts'
import { remoteAgentDesk } from './remote-agent-desk.ts'
import { RemoteHome, type Standing } from './remote-home.ts'

/** How often it looks whether its lease has ended: streams are cut at most so long after it, whatever the clocks did. */
const watchEvery: Milliseconds = 50
const dialMax: Milliseconds = 10_000
const waitMin: Milliseconds = 100
const waitMax: Milliseconds = 5_000

export interface FedGatewayOptions {
  readonly self: FedSelf
  readonly dial: Dial
  /** The machine's: where it jumps, leases end early. */
  readonly clock: Clock
  /** Milliseconds since some moment, never going back. */
  readonly monotonic: () => Milliseconds
  readonly chance: Chance
  /** Its own, opened and written by nobody else. */
  readonly journal: Journal
  readonly makeTokenReader: MakeTokenReader
  /** The version of Remit, for people. */
  readonly software: string
  /** The newest epoch that an earlier run of this process was welcomed in. */
  readonly epochSeen?: number
  /** Hears of each welcome, so that the next run knows its epoch. */
  readonly onWelcome?: (welcome: Welcome) => void
  readonly alarm: (says: string, cause: unknown) => void
  /** For a version that speaks less than this one. */
  readonly speaks?: readonly number[]
}

/** How it stands, for whoever looks after it. */
export interface FedState {
  readonly link: 'none' | 'greeting' | 'loading' | 'following'
  readonly version: number
  readonly epoch: number
  readonly protocol: number | undefined
  /** The control node it is linked to. */
  readonly node: string | undefined
  /** What is left of its lease, in milliseconds. */
  readonly leaseLeft: Milliseconds
  readonly isDisputed: boolean
  readonly lastHeard: Instant | undefined
  /** Why the last link ended, or could not be made. */
  readonly lastEnd: string | undefined
}

export class FedGateway {
  readonly #options: FedGatewayOptions
  readonly #parts: FedParts
  readonly #gate: Gate
  readonly #control: GatewayControl
  readonly #activity: FedActivity
  readonly #anchors: FedAnchors
  readonly #standing: Standing = { open: undefined, isCatchingUp: false, isLoading: false, isDisputed: false, lastHeard: undefined }
  readonly #run: string
  #conversation: Conversation | undefined
  /** The control node that told the facts that are here. */
  #from: { readonly from?: string } = {}
  #epochSeen: number
  /** The epoch of the facts that are here, once they are complete and can be believed. */
  #epoch: number | undefined
  #pages: Pages = { origin: '', rpId: '' }
  #attempts = 0
  #beatAt: Milliseconds = 0
  #wasHeld = false
  #lastEnd: string | undefined
  #serves: readonly ServedAt[] | undefined
  #isStarted = false
  #isClosed = false
  #callOff: () => void = () => undefined
  #callOffDial: () => void = () => undefined

  constructor(options: FedGatewayOptions) {
    const { self, clock, monotonic, chance, journal, alarm } = options
    this.#options = options
    this.#epochSeen = options.epochSeen ?? 0
    this.#run = Buffer.from(chance.bytes(16)).toString('hex')
    const own = fedClock(clock, monotonic)
    const facts = new Facts(self.space)
    this.#activity = new FedActivity(own.now())
    this.#parts = {
      self,
      facts,
      clock: own,
      monotonic,
      chance,
      lease: new Lease({ wall: () => clock.now(), monotonic }),
      endings: new Endings(),
      secrets: new FedSecrets(),
      tokens: new FedTokens(options.makeTokenReader, `urn:remit:${self.space}`, own),
      standing: this.#standing,
      epochSeen: () => this.#epochSeen,
      distrust: (cause) => this.#distrust(cause),
      notUnderstood: (record) => this.#notUnderstood(record),
    }
    const { lease, endings, secrets, tokens, standing } = this.#parts
    this.#gate = {
      space: self.space,
      gateway: self.gateway,
      facts,
      clock: own,
      chance,
      mint: tokens,
      home: new RemoteHome({ facts, lease, monotonic, standing }),
      secrets,
      pages: () => this.#pages,
      journal,
      activity: this.#activity,
      alarm,
      endings,
      refusals: new Map(),
      marked: new Set(),
      orders: new Orders(),
    }
    // First of all that hear of a change: whoever ends a session is cut before anything else follows.
    this.#control = gatewayControl(this.#gate)
    facts.onChange((change) => {
      if (change.kind === 'grant' && 'record' in change && change.record.endedAt !== undefined)
        this.#conversation?.reservations.forget(change.record.id)
      else if (change.kind === 'session' && 'record' in change && change.record.state !== 'live')
        this.#conversation?.reservations.releaseAll(change.record.grant)
    })
    this.#anchors = new FedAnchors(journal, clock, (message) => this.#conversation?.tell(message))
  }

  /** Dials, and goes on until it is closed. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#watch()
    void this.#dial()
  }

  /** What a protocol's gateway works with. */
  control(): GatewayControl {
    return this.#control
  }

  /** Where its agents ask for what they may do. */
  agentDesk(): AgentDesk {
    return remoteAgentDesk(this.#standing)
  }

  get gate(): Gate {
    return this.#gate
  }

  /** The time that counts here: whoever ends something by it ends nothing later than control does. */
  get clock(): FedClock {
    return this.#parts.clock
  }

  state(): FedState {
    const { facts, lease } = this.#parts
    const conversation = this.#conversation
    return {
      link: linkOf(conversation),
      version: facts.version,
      epoch: this.#epoch ?? this.#epochSeen,
      protocol: conversation?.welcome?.protocol,
      node: conversation?.welcome?.node,
      leaseLeft: lease.left(),
      isDisputed: this.#standing.isDisputed,
      lastHeard: this.#standing.lastHeard,
      lastEnd: this.#lastEnd,
    }
  }

  /** Has control know, now and after every new link, where all of its services listen: for whoever asks there. */
  serves(services: readonly ServedAt[]): void {
    this.#serves = services.slice(0, servedMax)
    this.#tellUrls()
  }

  #tellUrls(): void {
    const protocol = this.#conversation?.welcome?.protocol ?? 1
    if (this.#serves !== undefined && protocol >= 2) this.#conversation?.tell({ type: 'serves', services: this.#serves })
  }

  /** A new certificate for the same key, by a request (PKCS #10) in PEM. */
  async renewCertificate(request: string): Promise<Result<string>> {
    const asked = await this.#conversation?.ask({ what: 'renew-certificate', request })
    if (asked === undefined) return refuse('control.unreachable')
    if (!asked.ok) return asked
    const { certificate } = asked.value
    return certificate === undefined ? refuse('control.unreachable', { detail: 'control answered something else' }) : done(certificate)
  }

  /** Lets everything go: what is under way is cut, and what was recorded is told. The journal stays open. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    await this.#anchors.stop()
    this.#isClosed = true
    this.#callOff()
    this.#callOffDial()
    this.#conversation?.close('the gateway is closing')
    this.#parts.lease.end()
    this.#parts.endings.tellAll('the gateway is closing')
  }

  // --- Links ------------------------------------------------------------------------------------------------------------

  async #dial(): Promise<void> {
    const link = await this.#attempt()
    if (link === undefined) return this.#dialLater()
    if (this.#isClosed) return link.close('the gateway is closing')
    const conversation: Conversation = new Conversation(link, this.#parts, this.#hello(), {
      welcomed: (welcome) => this.#welcomed(welcome),
      following: () => this.#following(),
      leased: () => this.#leased(),
      over: (reason, isFault) => this.#over(reason, isFault),
    })
    this.#conversation = conversation
    conversation.begin()
  }

  /** One attempt to reach a control node; one that takes too long is given up, and what comes of it later is closed. */
  #attempt(): Promise<FeedLink | undefined> {
    return new Promise((resolve) => {
      let isGivenUp = false
      const giveUp = (why: string) => {
        isGivenUp = true
        this.#lastEnd = why
        callOff()
        resolve(undefined)
      }
      const callOff = this.#options.clock.after(dialMax, () => giveUp('control could not be reached in time'))
      this.#options.dial().then(
        (link) => {
          callOff()
          if (isGivenUp) link.close('it came too late')
          else resolve(link)
          return undefined
        },
        (cause: unknown) => giveUp(cause instanceof Error ? cause.message : 'control could not be reached'),
      )
    })
  }

  /** Twice as long after each attempt, and never all gateways at once. */
  #dialLater(): void {
    if (this.#isClosed) return
    const longest = Math.min(waitMax, waitMin * 2 ** Math.min(this.#attempts, 10))
    this.#attempts += 1
    const [first = 0, second = 0] = this.#options.chance.bytes(2)
    const wait = Math.round(longest * (0.5 + (first * 256 + second) / 131_072))
    this.#callOffDial = this.#options.clock.after(wait, () => void this.#dial())
  }

  #hello() {
    const { speaks = protocols, software } = this.#options
    const has = this.#epoch === undefined ? {} : { has: { epoch: this.#epoch, version: this.#parts.facts.version, ...this.#from } }
    return { type: 'hello', speaks, software, run: this.#run, ...has } as const
  }

  #welcomed(welcome: Welcome): void {
    this.#epochSeen = welcome.epoch
    this.#pages = welcome.pages
    this.#options.onWelcome?.(welcome)
  }

  #following(): void {
    this.#epoch = this.#epochSeen
    const { node } = this.#conversation?.welcome ?? {}
    this.#from = node === undefined ? {} : { from: node }
    this.#activity.tellAnew()
    this.#anchors.tellAnew()
    this.#tellUrls()
    this.#beatAt = this.#parts.monotonic()
  }

  #leased(): void {
    this.#attempts = 0
    if (this.#wasHeld) return
    this.#wasHeld = true
    const { node, epoch } = this.#conversation?.welcome ?? {}
    this.#note('control.back', { epoch, node, version: this.#parts.facts.version })
  }

  #over(reason: string, isFault: boolean): void {
    this.#conversation = undefined
    this.#lastEnd = reason
    if (isFault) this.#options.alarm(`the link to control was ended: ${reason}`, undefined)
    this.#dialLater()
  }

  // --- Time -------------------------------------------------------------------------------------------------------------

  #watch(): void {
    if (this.#isClosed) return
    const { lease, monotonic } = this.#parts
    if (this.#wasHeld && !lease.isHeld()) this.#lost()
    this.#conversation?.watch()
    if (monotonic() - this.#beatAt >= renewEveryMs) this.#beat()
    const left = lease.left()
    this.#callOff = this.#options.clock.after(left > 0 ? Math.min(left, watchEvery) : watchEvery, () => this.#watch())
  }

  #beat(): void {
    this.#beatAt = this.#parts.monotonic()
    this.#conversation?.renew()
    const grants = this.#conversation?.isFollowing === true ? this.#activity.toTell() : []
    if (grants.length > 0) this.#conversation?.tell({ type: 'alive', grants })
  }

  /** The lease is over: what has ended elsewhere is not known here, so nothing goes on. */
  #lost(): void {
    this.#wasHeld = false
    const { endings } = this.#parts
    try {
      endings.tellAll('control was lost')
    } catch (cause) {
      this.#options.alarm('a stream could not be cut though the lease is over', cause)
    }
    this.#note('control.lost', { since: this.#standing.lastHeard })
    this.#options.alarm('control was lost: everything is refused until it is back', undefined)
    // A clock may have jumped while the link is well: then it is back at once.
    this.#conversation?.renew()
  }

  #note(type: 'control.lost' | 'control.back', more: Readonly<Record<string, number | string | undefined>>): void {
    void this.#options.journal.append({ at: this.#parts.clock.now(), type, ...more }, 'buffered')
  }

  #distrust(cause: unknown): void {
    const { lease, endings } = this.#parts
    this.#epoch = undefined
    lease.end()
    this.#options.alarm('a change could not be applied, so everything is cut, and the facts are asked for anew', cause)
    try {
      endings.tellAll('a change could not be applied')
    } catch (fault) {
      this.#options.alarm('a stream could not be cut', fault)
    }
  }

  #notUnderstood({ kind, id, why }: NotUnderstood): void {
    this.#options.alarm(`${kind} ${id} has a part that this version does not know, and is of no use here: ${why}`, undefined)
  }
}

function linkOf(conversation: Conversation | undefined): FedState['link'] {
  if (conversation === undefined) return 'none'
  if (conversation.isFollowing) return 'following'
  return conversation.isLoading ? 'loading' : 'greeting'
}
