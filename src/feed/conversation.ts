/** A gateway's side of one link to control, from its hello to its end: what comes in order is applied, and whatever does not ends it. */
import { canonicalJson } from '../kernel/json.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import { describeRefusal, refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import type { Secret } from '../kernel/secret.ts'
import { FactTables } from '../control/fact-tables.ts'
import { Slices } from '../control/slices.ts'
import { needsPreparing, prepareChanges } from '../control/prepare-facts.ts'
import type { FactChange } from '../model/records.ts'
import { Asks, type Granted } from './asks.ts'
import type { FedParts, FedSelf } from './fed-parts.ts'
import { FedReservations } from './fed-reservations.ts'
import type { FeedLink } from './link.ts'
import { type Ask, type FromGateway, type Hello, leaseMs, type Welcome } from './messages.ts'
import { type HeardChanges, type HeardFromControl, parseFromControl, readingFromControl } from './parse-from-control.ts'
import type { Fed } from './parse-fed-records.ts'
import type { OpenLink } from './remote-home.ts'

/** Before it is welcome, and while a snapshot is made for it, a gateway waits longer for a word than a lease lasts. */
const silenceMax: Milliseconds = 10_000

/** Characters beyond which a message is read in turns with whatever else waits: one with policies. */
const longMessage = 65_536

/** So much of what is said may wait while policies are read. */
const waitingCharactersMax = 33_554_432

export interface ConversationHears {
  /** Its welcome holds: whoever counts epochs has seen this one. */
  welcomed(welcome: Welcome): void
  /** Facts are complete: from here on it can be served, once there is a lease. */
  following(): void
  leased(): void
  /** `isFault`: control said what it must not, and nothing of it is believed. */
  over(reason: string, isFault: boolean): void
}

interface Loading {
  readonly tables: FactTables
  /** They may come before the services that they are for. */
  readonly secrets: Map<string, Result<Secret>>
  records: number
}

export class Conversation implements OpenLink {
  readonly #link: FeedLink
  readonly #at: FedParts
  readonly #hello: Hello
  readonly #hears: ConversationHears
  readonly #asks: Asks
  readonly #reservations: FedReservations
  #welcome: Welcome | undefined
  #loading: Loading | undefined
  #isFollowing = false
  #isOver = false
  #renewals = 0
  /** What came while something is prepared. */
  #waiting: string[] | undefined
  #waitingCharacters = 0
  #heardAt: Milliseconds
  #wholeAt: Milliseconds = 0
  spendHeld: NonNullable<OpenLink['spendHeld']> | undefined

  constructor(link: FeedLink, at: FedParts, hello: Hello, hears: ConversationHears) {
    this.#link = link
    this.#at = at
    this.#hello = hello
    this.#hears = hears
    this.#heardAt = at.monotonic()
    this.#asks = new Asks(at.clock, (message) => this.#send(message))
    this.#reservations = new FedReservations({ facts: at.facts, monotonic: at.monotonic, ask: (ask) => this.#asks.ask(ask) })
  }

  /** Says hello, and listens from here on. */
  begin(): void {
    this.#link.onClose((reason) => this.#end(reason, false))
    this.#send(this.#hello)
    this.#link.onMessage((message) => this.#take(message))
  }

  get isFollowing(): boolean {
    return this.#isFollowing
  }

  get protocol(): number {
    return this.#welcome?.protocol ?? 1
  }

  get isLoading(): boolean {
    return this.#loading !== undefined
  }

  get welcome(): Welcome | undefined {
    return this.#welcome
  }

  get reservations(): FedReservations {
    return this.#reservations
  }

  ask(ask: Ask): Promise<Result<Granted>> {
    return this.#isFollowing ? this.#asks.ask(ask) : Promise.resolve(refuse('gateway.catching-up'))
  }

  /** Asks for the next lease, which counts from now. */
  renew(): void {
    if (!this.#isFollowing) return
    this.#renewals += 1
    this.#at.lease.sending(this.#renewals)
    this.#send({ type: 'renew', n: this.#renewals })
  }

  /** Nothing that has to be answered; lost where nobody follows. */
  tell(message: Extract<FromGateway, { type: 'alive' | 'anchor' | 'serves' }>): void {
    if (this.#isFollowing) this.#send(message)
  }

  /** Ends a link over which nothing comes, or no lease: another control node may do better. */
  watch(): void {
    if (this.#isOver) return
    const now = this.#at.monotonic()
    if (now - this.#heardAt > (this.#isFollowing ? leaseMs : silenceMax)) this.#end('control is silent', false)
    else if (this.#isFollowing && !this.#at.lease.isHeld() && now - this.#wholeAt > leaseMs) this.#end('control gives no lease', false)
    else this.#reservations.tidy()
  }

  close(reason: string): void {
    this.#reservations.releaseAll()
    this.#end(reason, false)
  }

  #send(message: FromGateway): void {
    if (!this.#isOver) this.#link.send(canonicalJson(message))
  }

  #take(text: string): void {
    if (this.#isOver) return
    this.#heardAt = this.#at.monotonic()
    if (this.#waiting === undefined) return this.#read(text)
    this.#waitingCharacters += text.length
    if (this.#waitingCharacters > waitingCharactersMax) return this.#fault('control said more than can wait while policies are read')
    this.#waiting.push(text)
  }

  #read(text: string): void {
    const { clock, self } = this.#at
    if (text.length > longMessage) return this.#wait(new Slices(clock, undefined, 'awaited').through(readingFromControl(text, self.space)))
    const message = parseFromControl(text, self.space)
    if (!message.ok) return this.#unread(message)
    if (longIn(message.value).length === 0) this.#apply(message.value)
    else this.#wait(Promise.resolve(message))
  }

  /** What comes meanwhile waits, so that everything is applied in the order in which it was said. */
  #wait(read: Promise<Result<HeardFromControl>>): void {
    this.#waiting = []
    this.#waitingCharacters = 0
    const { clock, facts } = this.#at
    const prepared = read.then(async (message) => {
      if (message.ok) await prepareChanges(longIn(message.value), { clock, entities: facts.entities })
      return message
    })
    void prepared.then(
      (message) => this.#goOn(message),
      (cause: unknown) => this.#undone(cause),
    )
  }

  #goOn(message: Result<HeardFromControl>): void {
    if (this.#isOver) return
    if (!message.ok) return this.#unread(message)
    this.#apply(message.value)
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const text of waiting) this.#take(text)
  }

  #unread({ refusal }: Refused): void {
    this.#fault(`control said what cannot be read: ${describeRefusal(refusal)}`)
  }

  #undone(cause: unknown): void {
    // Whatever it was that could not be applied or cut: nothing goes on from here.
    this.#at.distrust(cause)
    this.#fault('what control said could not be applied')
  }

  #apply(message: HeardFromControl): void {
    try {
      this.#hear(message)
    } catch (cause) {
      this.#undone(cause)
    }
    this.#at.standing.lastHeard = this.#at.clock.now()
  }

  #hear(message: HeardFromControl): void {
    switch (message.type) {
      case 'welcome':
        return this.#welcomed(message)
      case 'refused':
        return this.#end(`control refuses this gateway: ${describeRefusal(refuse(message.code, message).refusal)}`, true)
      default:
        if (this.#welcome === undefined) return this.#fault(`control said ${message.type} before it said welcome`)
        return this.#hearLater(message)
    }
  }

  #hearLater(message: Exclude<HeardFromControl, { type: 'welcome' | 'refused' }>): void {
    switch (message.type) {
      case 'record':
        return this.#record(message.fed)
      case 'snapshot':
        return this.#snapshot(message)
      case 'changes':
        return this.#changes(message)
      case 'lease':
        return this.#leased(message)
      case 'answer':
        if (!this.#asks.answered(message.id, message.answer)) this.#fault(`control answered question ${message.id}, which was not asked`)
        return
      case 'secret':
        return this.#secret(message.service, done(message.value))
      case 'no-secret':
        return this.#secret(message.service, refuse(message.code, message.detail === undefined ? {} : { detail: message.detail }))
      case 'keys': {
        const used = this.#at.tokens.use(message.keys)
        if (!used.ok) this.#fault('control sent keys that cannot be used')
        return
      }
      case 'drill':
        return this.#drill(message.n)
    }
  }

  #welcomed(welcome: Welcome): void {
    if (this.#welcome !== undefined) return this.#fault('control said welcome twice')
    const wrong = this.#wrongWith(welcome)
    if (wrong !== undefined) return this.#fault(wrong)
    this.#welcome = welcome
    const { clock, lease, standing } = this.#at
    clock.heard(welcome.now)
    lease.begin(welcome.leaseMs)
    this.#hears.welcomed(welcome)
    standing.isCatchingUp = true
    if (welcome.resumes) return this.#follow()
    // What is known here is of before; what follows may lack what it had.
    standing.isLoading = true
    this.#loading = { tables: new FactTables(this.#at.self.space), secrets: new Map(), records: 0 }
  }

  #wrongWith(welcome: Welcome): string | undefined {
    const { self, epochSeen } = this.#at
    const { has, speaks } = this.#hello
    const names: readonly (keyof FedSelf)[] = ['id', 'space', 'name', 'gateway']
    const other = names.find((name) => welcome[name] !== self[name])
    if (other !== undefined) return `control takes this gateway for another: its ${other} is ${welcome[other]}`
    if (!speaks.includes(welcome.protocol)) return `control speaks protocol ${welcome.protocol}, which was not offered`
    if (welcome.epoch < epochSeen()) return `control is of epoch ${welcome.epoch}, and ${epochSeen()} has begun`
    if (welcome.resumes && has?.epoch !== welcome.epoch) return 'control goes on where this gateway is not'
    return undefined
  }

  #follow(): void {
    this.#isFollowing = true
    this.#wholeAt = this.#at.monotonic()
    const { standing, facts } = this.#at
    if (this.protocol >= 2) {
      this.spendHeld = async ({ grant, line }) => {
        const known = facts.grant(grant)
        const entry = known?.scope[line]
        // What counts more than uses is counted at home alone, and so is what does the most harm.
        const isSimple = entry?.uses !== undefined && entry.sum === undefined && entry.rate === undefined
        if (known === undefined || !isSimple || known.tier === 3) return done(false)
        return this.#reservations.spend(known, line)
      }
    }
    standing.open = this
    this.#hears.following()
    this.renew()
  }

  #record(fed: Fed): void {
    const loading = this.#loading
    if (loading === undefined) return this.#fault('control sent a record outside of a snapshot')
    loading.records += 1
    if (fed.isUnderstood) return loading.tables.stage(fed.change)
    loading.tables.stageNotUnderstood(fed.record)
    this.#at.notUnderstood(fed.record)
  }

  #snapshot({ version, records, at }: Extract<HeardFromControl, { type: 'snapshot' }>): void {
    const loading = this.#loading
    const { facts, secrets, clock, standing } = this.#at
    if (loading === undefined) return this.#fault('control ended a snapshot that it did not begin')
    if (records !== loading.records) return this.#fault(`control sent ${loading.records} records, and says that it sent ${records}`)
    const { has } = this.#hello
    // The same epoch never goes back: a snapshot of before would bring back what has ended.
    if (has?.epoch === this.#welcome?.epoch && version < facts.version)
      return this.#fault(`control is at version ${version}, and ${facts.version} was known`)
    clock.heard(at)
    loading.tables.settle(version)
    this.#loading = undefined
    secrets.clear()
    for (const [name, secret] of loading.secrets) {
      const service = loading.tables.services.get(name)
      if (service !== undefined) secrets.put(service, secret)
    }
    // Whatever has ended or is none of its business any more is cut within this call.
    facts.become(loading.tables)
    standing.isLoading = false
    this.#send({ type: 'applied', version })
    this.#follow()
  }

  #changes({ after, version, at, changes, forget, notUnderstood }: HeardChanges): void {
    const { facts, clock } = this.#at
    if (!this.#isFollowing) return this.#fault('control sent changes before the snapshot was complete')
    if (after !== facts.version || version <= after)
      return this.#fault(`control sent the changes from ${after} to ${version}, and this gateway is at ${facts.version}`)
    clock.heard(at)
    // Whatever this ends is cut within this call, so that what is said next is true.
    facts.follow({ version, changes, forget, notUnderstood })
    this.#send({ type: 'applied', version })
    for (const record of notUnderstood) this.#at.notUnderstood(record)
  }

  #leased({ n, now, disputed }: Extract<HeardFromControl, { type: 'lease' }>): void {
    const { lease, clock, standing } = this.#at
    if (!lease.answered(n)) return this.#fault(`control answered renewal ${n}, which does not wait for an answer`)
    clock.heard(now)
    standing.isDisputed = disputed
    if (!lease.isHeld()) return
    standing.isCatchingUp = false
    this.#hears.leased()
  }

  /** For the service as it is here now; while a snapshot is read, as it will be once that is whole. */
  #secret(name: string, secret: Result<Secret>): void {
    const { facts, secrets } = this.#at
    const service = facts.service(name)
    if (this.#loading !== undefined) this.#loading.secrets.set(name, secret)
    else if (service !== undefined) secrets.put(service, secret)
  }

  /** What a revocation does to a stream, done to one of our own. */
  #drill(n: number): void {
    if (!this.#isFollowing) return
    const { endings, chance, clock } = this.#at
    const canary = chance.id('ses', clock.now())
    endings.listen(canary, () => this.#send({ type: 'drilled', n }))
    endings.tell(canary, 'drill')
  }

  #fault(reason: string): void {
    this.#end(reason, true)
  }

  #end(reason: string, isFault: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#isFollowing = false
    this.#loading = undefined
    const { standing } = this.#at
    standing.open = undefined
    standing.isLoading = false
    standing.isCatchingUp = false
    this.#reservations.end()
    this.#asks.end()
    this.#link.close(reason)
    this.#hears.over(reason, isFault)
  }
}

/** What of a message takes long to apply. */
function longIn(message: HeardFromControl): readonly FactChange[] {
  if (message.type === 'changes') return message.changes.filter(needsPreparing)
  return message.type === 'record' && message.fed.isUnderstood && needsPreparing(message.fed.change) ? [message.fed.change] : []
}
