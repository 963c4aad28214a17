/** One link to one gateway, as control serves it: greeted, brought to the present, kept there, and never believed beyond its own business. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { parseId } from '../kernel/ids.ts'
import { type Refusal, type RefusalCode, refuse } from '../kernel/refusals.ts'
import type { Refused, Result } from '../kernel/result.ts'
import type { EnrolledGateway } from '../model/gateways.ts'
import type { Service } from '../model/services.ts'
import type { Desk } from '../control/desk.ts'
import { type ElsewhereSignals, endExhausted, isExhausted } from '../control/home.ts'
import { Reservations } from '../control/reservations.ts'
import { FeedAnchors } from './feed-anchors.ts'
import type { Lane } from './lane.ts'
import type { FeedLink } from './link.ts'
import { type Ask, type FromGateway, type Hello, leaseMs, protocols, type ServedAt, type SignOfLife } from './messages.ts'
import { parseFromGateway } from './parse-from-gateway.ts'
import { ServedAsks } from './served-asks.ts'
import { Pace } from './served-limits.ts'
import { ServedStream } from './served-stream.ts'

/** What every link is served from. */
export interface Serving {
  readonly desk: Desk
  readonly epoch: number
  /** This control node, for people. */
  readonly node: string
  readonly signals: ElsewhereSignals
  /** Resolves once whatever was committed anywhere before this call is on the way to every lane. */
  readonly caughtUp: () => Promise<void>
  readonly isDisputed: () => boolean
  readonly secretText: (service: Service) => Result<string | undefined>
  readonly renewCertificate: (gateway: EnrolledGateway, request: string) => Promise<Result<string>>
  /** The protocols it speaks, the newest first. Default: `protocols`; fewer for a version that is older than this one. */
  readonly speaks?: readonly number[]
  /** Tells an operator: of a fault of ours, or of a gateway that does what none of ours does. */
  readonly alarm: (says: string, cause?: unknown) => void
}

/** Who hears what becomes of a link. */
export interface LinkEvents {
  /** It said who it is in a version that is spoken here: it takes the place of earlier links. */
  greeted(served: ServedGateway): void
  applied(served: ServedGateway, version: number): void
  /** It may act until a lease after its renewal came. Told before it hears so itself. */
  leased(served: ServedGateway, received: Instant): void
  drilled(served: ServedGateway, n: number): Refused | undefined
  ended(served: ServedGateway, reason: string): void
}

/** Whose link it is. */
export interface Linked {
  readonly link: FeedLink
  readonly gateway: EnrolledGateway
  readonly address: string
  readonly lane: Lane
}

const asksMax = 512
const helloWithin: Milliseconds = 10_000
/** Of renewals, of signs of life, of anchors, of words on where it serves. */
const perSecondMax = 50

interface Renewal {
  readonly n: number
  readonly at: Instant
}

export class ServedGateway {
  readonly gateway: EnrolledGateway
  readonly address: string
  readonly connectedAt: Instant
  readonly #link: FeedLink
  readonly #lane: Lane
  readonly #at: Serving
  readonly #events: LinkEvents
  readonly #stream: ServedStream
  readonly #anchors: FeedAnchors
  readonly #paces = {
    renew: new Pace(perSecondMax),
    alive: new Pace(perSecondMax),
    anchor: new Pace(perSecondMax),
    serves: new Pace(perSecondMax),
  }
  readonly #callOffHello: () => void
  #state: 'silent' | 'greeted' | 'served' | 'ended' = 'silent'
  #hello: Hello | undefined
  #protocol = 0
  #urls: ReadonlyMap<string, string> = new Map()
  #asks: ServedAsks | undefined
  #reservations: Reservations | undefined
  #lastAsk = -1
  #asking = 0
  #lastRenewal = -1
  #isLooking = false
  #nextRenewal: Renewal | undefined

  constructor({ link, gateway, address, lane }: Linked, at: Serving, events: LinkEvents) {
    this.gateway = gateway
    this.address = address
    this.#link = link
    this.#lane = lane
    this.#at = at
    this.#events = events
    const { clock } = at.desk
    this.connectedAt = clock.now()
    const onSlow = ({ refusal }: Refused) => this.distrust(refusal)
    this.#stream = new ServedStream({ link, lane, clock, secretText: at.secretText, onSlow })
    this.#anchors = new FeedAnchors(at.desk, gateway)
    this.#callOffHello = clock.after(helloWithin, () => {
      if (this.#state === 'silent') this.refuse('feed.out-of-order', 'no hello in time')
    })
    link.onClose((reason) => this.#end(reason))
    link.onMessage((text) => this.#take(text))
  }

  /** The version up to which everything binds there; 0 before it said so. */
  get applied(): number {
    return this.#stream.applied
  }

  /** Asked after whatever was waited for. */
  get isOver(): boolean {
    return this.#state === 'ended'
  }

  /** It was welcomed: what it has, and everything that follows, is on the stream. */
  get isServed(): boolean {
    return this.#state === 'served'
  }

  get hello(): Hello | undefined {
    return this.#hello
  }

  /** Where it says that a service listens; it may say so of services that are not its own. */
  urlOf(service: string): string | undefined {
    return this.#urls.get(service)
  }

  get serves(): readonly ServedAt[] {
    return [...this.#urls].map(([service, url]) => ({ service, url }))
  }

  /** By which signs of life are kept: those of another run are another's. */
  get source(): string {
    return sourceOf(this.gateway, this.#hello?.run ?? '')
  }

  /** Says why, and closes. */
  refuse(code: RefusalCode, detail?: string): void {
    if (this.#state === 'ended') return
    this.#stream.lastWord({ type: 'refused', code, ...(detail === undefined ? {} : { detail }) })
    const reason = detail === undefined ? code : `${code}: ${detail}`
    this.#end(reason)
    this.#link.close(reason)
  }

  /** As `refuse`, and an operator hears of it. */
  distrust({ code, detail }: Refusal): void {
    if (this.#state === 'ended') return
    this.#at.alarm(`the link of the gateway ${this.gateway.name} was ended: ${code}${detail === undefined ? '' : `: ${detail}`}`)
    this.refuse(code, detail)
  }

  drill(n: number): void {
    this.#stream.sayInTurn({ type: 'drill', n })
  }

  #end(reason: string): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#callOffHello()
    this.#stream.end()
    // What it held is lost: nobody can tell what became of it.
    void this.#reservations?.end().catch((cause: unknown) => this.#at.alarm('reserved uses could not be written off', cause))
    this.#events.ended(this, reason)
  }

  #take(text: string): void {
    if (this.#state === 'ended') return
    const read = parseFromGateway(text)
    const refused = read.ok ? this.#follow(read.value) : read
    if (refused !== undefined) this.distrust(refused.refusal)
  }

  /** Answers why the link cannot go on, if it cannot. */
  #follow(message: FromGateway): Refused | undefined {
    if (message.type === 'hello') return this.#greet(message)
    if (this.#state === 'silent') return outOfOrder(`${message.type} before hello`)
    switch (message.type) {
      case 'renew':
        return this.#tooMany('renew') ?? this.#renew(message.n)
      case 'applied':
        return this.#acknowledge(message.version)
      case 'ask':
        return this.#ask(message.id, message.ask)
      case 'alive':
        return this.#tooMany('alive') ?? this.#hearSigns(message.grants)
      case 'anchor':
        return this.#tooMany('anchor') ?? this.#anchors.take(message)
      case 'drilled':
        return this.#events.drilled(this, message.n)
      case 'serves':
        return this.#tooMany('serves') ?? this.#hearUrls(message.services)
    }
  }

  #tooMany(type: 'renew' | 'alive' | 'anchor' | 'serves'): Refused | undefined {
    const isKept = this.#paces[type].isKept(this.#at.desk.clock.now())
    return isKept ? undefined : refuse('rate.exceeded', { detail: `${type}: at most ${perSecondMax} in a second` })
  }

  // --- Greeting ----------------------------------------------------------------------------------------------------

  #greet(hello: Hello): Refused | undefined {
    if (this.#state !== 'silent') return outOfOrder('a second hello')
    this.#hello = hello
    this.#state = 'greeted'
    const { speaks = protocols } = this.#at
    const protocol = speaks.find((each) => hello.speaks.includes(each))
    if (protocol === undefined) return refuse('feed.no-common-version', { detail: `spoken here: ${speaks.join(', ')}` })
    this.#protocol = protocol
    this.#events.greeted(this)
    void this.#welcome(hello, protocol).catch((cause: unknown) => {
      this.#at.alarm(`the gateway ${this.gateway.name} could not be welcomed`, cause)
      this.refuse('store.unavailable')
    })
    return undefined
  }

  async #welcome(hello: Hello, protocol: number): Promise<void> {
    const { desk, epoch, node } = this.#at
    await this.#at.caughtUp()
    if (this.isOver) return
    if (!desk.store.isHeld()) return this.refuse('store.unavailable')
    const version = this.#lane.flush()
    const { has } = hello
    if (has !== undefined && (has.epoch > epoch || (has.epoch === epoch && has.version > version)))
      return this.distrust(outOfOrder('the gateway has seen more than there is here').refusal)
    // Another node may have told it less than is taken for known here, such as whose grants ended lately.
    const missed = has?.epoch === epoch && has.from === node ? this.#lane.since(has.version) : undefined
    const { id, name, gateway } = this.gateway
    this.#reservations = new Reservations(desk, this.gateway, hello.run)
    this.#asks = new ServedAsks({
      ...this.#at,
      gateway: this.gateway,
      source: this.source,
      interest: this.#lane.interest,
      reservations: this.#reservations,
      protocol,
    })
    this.#state = 'served'
    this.#stream.say({
      type: 'welcome',
      protocol,
      id,
      space: desk.space,
      name,
      gateway,
      epoch,
      node,
      now: desk.clock.now(),
      leaseMs,
      pages: desk.pages(),
      resumes: missed !== undefined,
    })
    this.#stream.say({ type: 'keys', keys: desk.mint.keys() })
    await this.#stream.begin(version, missed === undefined || has === undefined ? undefined : { from: has.version, missed })
  }

  #acknowledge(version: number): Refused | undefined {
    if (!this.#stream.acknowledge(version)) return outOfOrder(`version ${version} is not one that waits for its word`)
    this.#events.applied(this, version)
    return undefined
  }

  // --- Leases ------------------------------------------------------------------------------------------------------

  /** One is looked for at a time, and of those that come meanwhile the newest is next. */
  #renew(n: number): Refused | undefined {
    if (n <= this.#lastRenewal) return outOfOrder(`renewal ${n} after ${this.#lastRenewal}`)
    const { clock } = this.#at.desk
    const since = this.#stream.unacknowledgedSince
    if (since !== undefined && clock.now() - since > leaseMs)
      return refuse('feed.too-slow', { detail: 'it asks for more time, and has not done what it was told' })
    this.#lastRenewal = n
    const renewal = { n, at: clock.now() }
    if (this.#isLooking) this.#nextRenewal = renewal
    else void this.#lookAndLease(renewal)
    return undefined
  }

  async #lookAndLease(first: Renewal): Promise<void> {
    this.#isLooking = true
    for (let renewal: Renewal | undefined = first; renewal !== undefined && !this.isOver; renewal = this.#nextRenewal) {
      this.#nextRenewal = undefined
      // Without certainty there is no answer, and the lease ends by itself.
      const isCertain = await this.#at.caughtUp().then(
        () => true,
        () => false,
      )
      if (isCertain) this.#lease(renewal)
    }
    this.#isLooking = false
  }

  /** Everything that was ended before is on the stream before it: the lane tells of what nobody was told of yet. */
  #lease({ n, at }: Renewal): void {
    const { desk, isDisputed } = this.#at
    if (this.#state !== 'served' || !desk.store.isHeld()) return
    this.#lane.flush()
    this.#stream.refreshSecrets()
    this.#events.leased(this, at)
    this.#stream.sayInTurn({ type: 'lease', n, now: desk.clock.now(), disputed: isDisputed() })
  }

  // --- Questions and signs -----------------------------------------------------------------------------------------

  #ask(id: number, ask: Ask): Refused | undefined {
    if (id <= this.#lastAsk) return outOfOrder(`question ${id} after ${this.#lastAsk}`)
    this.#lastAsk = id
    const asks = this.#asks
    if (asks === undefined) return outOfOrder('a question before the welcome')
    if (this.#protocol < protocolOf(ask)) return outOfOrder(`${ask.what} as protocol ${this.#protocol} does not have it`)
    if (this.#asking >= asksMax) {
      this.#stream.sayInTurn({ type: 'answer', id, answer: { ok: false, code: 'rate.exceeded', detail: `at most ${asksMax} at once` } })
      return undefined
    }
    this.#asking += 1
    void this.#answer(asks, id, ask)
    return undefined
  }

  async #answer(asks: ServedAsks, id: number, ask: Ask): Promise<void> {
    const answer = await asks.answer(ask)
    this.#asking -= 1
    this.#stream.sayInTurn({ type: 'answer', id, answer })
  }

  #hearUrls(services: readonly ServedAt[]): Refused | undefined {
    if (this.#state !== 'served' || this.#protocol < 2) return outOfOrder('serves before a welcome in a protocol that has it')
    this.#urls = new Map(services.map(({ service, url }) => [service, url]))
    return undefined
  }

  #hearSigns(signs: readonly SignOfLife[]): undefined {
    const { desk } = this.#at
    const { activity, facts, clock } = desk
    const now = clock.now()
    for (const { grant: named, lastUse, underWay } of signs) {
      const id = parseId('grn', named)
      const grant = id.ok && this.#lane.interest.hasGrant(id.value) ? facts.grant(id.value) : undefined
      if (grant === undefined) continue
      activity.report(this.source, { grant: grant.id, lastUse: Math.min(lastUse, now), underWay })
      // The last of its uses may have been spent by another, who could not tell that nothing is under way here.
      if (underWay === 0 && isExhausted({ facts, activity }, grant))
        void endExhausted({ desk, facts, activity }, grant.id).catch((cause: unknown) =>
          this.#at.alarm('a spent grant could not be ended', cause),
        )
    }
    return undefined
  }
}

export function sourceOf({ id }: EnrolledGateway, run: string): string {
  return `${id}/${run}`
}

/** The first protocol that has this question. */
function protocolOf(ask: Ask): number {
  if (
    ask.what === 'mark-untrusted' ||
    ask.what === 'read-before' ||
    ask.what === 'agent' ||
    ask.what === 'pin' ||
    ('action' in ask && ask.action.definition !== undefined)
  )
    return 3
  return ask.what === 'reserve' || ask.what === 'release' || (ask.what === 'bind' && ask.token !== undefined) ? 2 : 1
}

function outOfOrder(detail: string): Refused {
  return refuse('feed.out-of-order', { detail })
}
