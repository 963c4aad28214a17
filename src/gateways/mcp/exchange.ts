/** The path of one message: read, named, decided, forwarded; or listed, or passed as what a protocol needs to breathe. */
import type { Decision, Verdict } from '../../control/ports.ts'
import { retryAfterSeconds } from '../../kernel/problems.ts'
import { type Refusal, refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { ClientStream } from '../shared/client-stream.ts'
import { refusalAnswer } from './answers.ts'
import { nameAction, type NamedAction, type NamedHousekeeping } from './actions.ts'
import { type Asked, type Known, readAsked } from './asked.ts'
import { ClientAnswer, type Headers } from './client-answer.ts'
import { ClientRequest } from './client-request.ts'
import { type CallWay, decideCall } from './deciding.ts'
import { answerDiscover } from './discovery.ts'
import type { Door, Member } from './door.ts'
import { EarlyAnswer } from './early-answer.ts'
import { tellHeld } from './held-shapes.ts'
import { answerTask, type TaskAnswering } from './held-task-answers.ts'
import { answerJoined } from './joined.ts'
import { actionLicence, type Licence } from './licence.ts'
import { answerList } from './lists.ts'
import { isSeenRoute } from './listing.ts'
import { listenAlong } from './listening.ts'
import type { Offered } from './offer.ts'
import { mayAsk } from './own-tools.ts'
import { Passage, type PassagePlan, type Tap } from './passage.ts'
import { isSessionId } from './sessions.ts'
import { readSubscription } from './subscriptions.ts'
import { taskMethodOf } from './task-messages.ts'
import { holderOf, outgoingOf, wayTo } from './ways.ts'

/** What a refusal is told with. */
export interface Told {
  readonly decision?: string
  readonly hold?: string
  readonly page?: string
}

/** A reason of its own: without one each answer would make an error and its stack. */
const leftReason = 'the client left'

/** One request of a client and its one answer. */
export class Exchange implements TaskAnswering {
  readonly answer: ClientAnswer
  readonly door: Door
  readonly #request: ClientRequest
  readonly #origin: string
  readonly #known: Known = {}
  readonly #onOver: () => void
  #passage: Passage | undefined
  /** The session that `initialize` opened. */
  #begun: string | undefined
  #leave: (() => void) | undefined
  /** Only where somebody waits for it: most exchanges end before anybody could. */
  #gone: AbortController | undefined

  /** `origin`: of this port, as the client reached it. */
  constructor(door: Door, stream: ClientStream, { origin, onOver }: { origin: string; onOver: () => void }) {
    this.door = door
    this.#request = new ClientRequest(stream)
    this.#origin = origin
    this.#onOver = onOver
    this.answer = new ClientAnswer(stream, this)
  }

  /** Never rejects: what goes wrong here is an answer of `internal`, and a line in the log. */
  async run(): Promise<void> {
    try {
      const asked = await readAsked(this.door, this.#request, this.#known)
      if (this.answer.isClosed) return
      if (!asked.ok) {
        this.refuse(asked.refusal)
        return
      }
      const leave = this.door.enter(asked.value.bearer)
      if (leave === undefined) {
        this.refuse({ code: 'rate.exceeded', detail: `at most ${this.door.limits.exchangesPerOwnerMax} messages of one caller at a time` })
        return
      }
      if (this.answer.isClosed) leave()
      else this.#leave = leave
      const failed = await this.#take(asked.value)
      if (!failed.ok) this.refuse(failed.refusal)
    } catch (err) {
      this.door.log.error({ service: this.door.name, err }, 'an exchange failed by a fault of our own')
      if (this.#passage === undefined) this.tell({ code: 'internal' }, {})
      else this.#passage.fail()
    }
  }

  /** Its client has left, or has its answer. */
  get gone(): AbortSignal {
    this.#gone ??= new AbortController()
    if (this.answer.isClosed) this.#gone.abort(leftReason)
    return this.#gone.signal
  }

  onDrain(): void {
    this.#passage?.clientDrained()
  }

  onClosed(finished: boolean): void {
    this.#gone?.abort(leftReason)
    if (!finished) this.#request.abandon()
    this.#passage?.clientClosed(finished)
    this.#leave?.()
    this.#onOver()
  }

  /** Ends it now: the port is closing. */
  cut(reason: string): void {
    if (this.#passage === undefined) this.answer.abort()
    else this.#passage.cut(reason)
  }

  /** A request that never became an action is recorded by what it asked for. */
  refuse(refusal: Refusal): void {
    if (this.answer.isClosed || this.answer.isAnswered) return
    const { name, refusals } = this.door
    const { bearer, message } = this.#known
    const { method, target: path, address } = this.#request
    const target = `${method} ${message?.method ?? path}`.slice(0, 200)
    const told = refusals.refused({ service: name, address, target, refusal, ...(bearer === undefined ? {} : { bearer }) })
    this.tell(told.refusal, told.more)
  }

  /** Answers with a refusal that is on record. */
  tell(refusal: Refusal, more: Told): void {
    const { bearer, message, envelope } = this.#known
    const asksHere = this.door.own !== undefined && bearer !== undefined && mayAsk(bearer)
    const era = envelope === undefined ? {} : { era: envelope.era }
    const { status, body } = refusalAnswer({ refusal, more, asksHere, ...era, ...(message === undefined ? {} : { message }) })
    const headers: [string, string][] = [
      ['Content-Type', 'application/json'],
      ['Cache-Control', 'no-store'],
    ]
    const challenge = this.#challenge(refusal)
    if (challenge !== undefined) headers.push(['WWW-Authenticate', challenge])
    const retryAfter = retryAfterSeconds(refusal)
    if (retryAfter !== undefined) headers.push(['Retry-After', retryAfter])
    this.answer.whole(status, headers, Buffer.from(body))
  }

  /** RFC 6750 § 3: no error code where no credential was presented. */
  #challenge(refusal: Refusal): string | undefined {
    const service = this.door.served()?.service
    const said = service === undefined ? undefined : this.door.resource?.challenge(service, this.#origin, refusal)
    if (said !== undefined || !refusal.code.startsWith('credential.')) return said
    return `Bearer realm="remit"${refusal.code === 'credential.missing' ? '' : ', error="invalid_token"'}`
  }

  /** A whole answer of our own. */
  say(body: Uint8Array, headers: Headers = []): void {
    this.answer.whole(200, [['Content-Type', 'application/json'], ['Cache-Control', 'no-store'], ...headers], body)
  }

  /** Passes a message to its server and streams the answer back. */
  pass(
    input: { readonly licence: Licence; readonly member: Member; readonly tap?: Tap } & Pick<PassagePlan, 'outgoing' | 'isMessageOurs'>,
  ): void {
    const { licence, member, outgoing, tap, isMessageOurs = false } = input
    const { clock, secretOf } = this.door
    const passage = new Passage({
      licence,
      server: member.server,
      outgoing: { ...outgoing, ...holderOf(this.door, this.#known.bearer, member.service) },
      answer: this.answer,
      clock,
      secret: secretOf(member.service),
      session: (id) => this.#keepSession(id, outgoing.message.method),
      refuse: (refusal) => this.tell(refusal, licence.decision === undefined ? {} : { decision: licence.decision }),
      tap: this.door.tools.ear(member, tap),
      isMessageOurs,
      onOver: () => {},
    })
    this.#passage = passage
    passage.start()
  }

  async #take(asked: Asked): Promise<Result<undefined>> {
    const { offer, envelope, message, method } = asked
    if (method !== 'POST') return this.#takeStream(asked)
    const subscription = readSubscription(offer, envelope, message)
    if (subscription !== undefined) {
      if (!subscription.ok) return subscription
      return offer.isJoined
        ? refuse('mcp.method', { detail: `${message.method ?? ''} where servers are joined` })
        : this.#passAlong({ ...asked, message: subscription.value.message }, { isStream: true, about: subscription.value.about })
    }
    const ofTask = taskMethodOf(envelope, message)
    if (ofTask !== undefined) return answerTask(this, asked, ofTask)
    const { own } = this.door
    if (own?.isCalled(message) === true) return own.answer(this, asked)
    const named = nameAction(offer, envelope.era, message)
    if (!named.ok) return named
    return named.value.kind === 'action' ? this.#act(asked, named.value) : this.#keepHouse(asked, named.value)
  }

  async #keepHouse(asked: Asked, named: NamedHousekeeping): Promise<Result<undefined>> {
    if (named.what === 'list') return answerList(this, asked)
    const { about, message } = named
    if (asked.offer.isJoined && about === undefined) return answerJoined(this, asked, named)
    if (named.what === 'discover') return answerDiscover(this, asked)
    // A response answers what a server asked in the middle of something: that takes a grant like what it is in the middle of.
    return this.#passAlong({ ...asked, message }, { isStream: named.what === 'response', about: about === undefined ? [] : [about] })
  }

  /** GET and DELETE of the revisions before 2026-07-28. */
  async #takeStream(asked: Asked): Promise<Result<undefined>> {
    if (asked.offer.isJoined) return answerJoined(this, asked, undefined)
    if (asked.method === 'DELETE' && asked.session !== undefined) this.door.sessions.remove(asked.bearer, asked.session)
    return this.#passAlong(asked, { isStream: asked.method === 'GET', about: [] })
  }

  /** What is no action, to the one server. */
  #passAlong(asked: Asked, { isStream, about }: { readonly isStream: boolean; readonly about: readonly Offered[] }): Result<undefined> {
    const way = wayTo(this.door, asked, about[0]?.service ?? asked.served.service.id)
    if (!way.ok) return way
    const { member, headers } = way.value
    const seen = this.#checkSeen(asked, about)
    if (!seen.ok) return seen
    const licence = this.door.attendants.licence(asked.bearer, [member.service.id], isStream)
    if (!licence.ok) return licence
    const beside = asked.message.method === 'initialize' ? this.#hearOpening() : this.door.pages.listen(asked, this.answer)
    this.pass({ licence: licence.value, outgoing: outgoingOf({ ...asked, headers }), ...listenAlong(this.door, asked, member, beside) })
    return done(undefined)
  }

  /** What a server says that it can do, for the session that it gives with it. */
  #hearOpening(): Tap {
    return new EarlyAnswer(undefined, this.door.limits, (response) => {
      const { bearer } = this.#known
      if (bearer !== undefined && this.#begun !== undefined) this.door.tasks.begun(bearer, this.#begun, response)
    })
  }

  /** What a caller may not see answers as what is not there. */
  #checkSeen({ bearer, offer }: Asked, about: readonly Offered[]): Result<undefined> {
    for (const { service: name, route } of about) {
      const service = offer.services.find(({ id }) => id === name)
      const operations = service === undefined ? [] : this.door.control.visible(bearer, service)
      if (!isSeenRoute(operations, route)) return refuse('action.unknown')
    }
    return done(undefined)
  }

  async #act(asked: Asked, named: NamedAction): Promise<Result<undefined>> {
    const resumed = await this.door.held.resume(asked.bearer, named.message, this)
    if (!resumed.ok) return resumed
    // Nobody would hear of it: what was approved is done when it is asked for again.
    if (this.answer.isClosed) return done(undefined)
    const decide = () => decideCall(this.door, asked, named, resumed.value.message)
    const decided = await decide()
    if (!decided.ok) return decided
    const { verdict, way } = decided.value
    const told =
      verdict.outcome === 'held' ? await tellHeld(this.door, { asked, resumed: resumed.value, held: verdict, gone: this.gone }) : undefined
    if (told === 'answered') {
      const again = await decide()
      if (!again.ok) return again
      this.#follow(asked, again.value.verdict, { ...again.value.way, isMessageOurs: false })
    } else if (told === undefined) this.#follow(asked, verdict, way)
    else this.say(told)
    return done(undefined)
  }

  #follow(asked: Asked, verdict: Verdict, way: CallWay): void {
    switch (verdict.outcome) {
      case 'allow':
        this.#forward(asked, verdict.decision, way)
        break
      case 'deny':
        this.tell(verdict.refusal, { decision: verdict.decision })
        break
      case 'held': {
        const { refusal, decision, hold, page } = verdict
        this.tell(refusal, { decision, hold, page })
        break
      }
      case 'needs-material':
        this.refuse({ code: 'hold.too-large', detail: `at most ${this.door.limits.heldMessageBytesMax} bytes` })
    }
  }

  #forward(asked: Asked, decision: Decision, way: CallWay): void {
    const { control } = this.door
    if (this.answer.isClosed) {
      control.finish(decision, { result: 'not-sent', requestBytes: 0, responseBytes: 0, milliseconds: 0, reason: 'the client left' })
      return
    }
    const licence = actionLicence(this.door, decision)
    this.pass({ licence, ...way, tap: this.door.serverTasks.listen(this.door, asked, { licence, decision, way }) })
  }

  /** A session is whose client it was given to; a server that names one at any other time names one that nobody asked for. */
  #keepSession(id: string, method: string | undefined): boolean {
    const { bearer, envelope } = this.#known
    if (method !== 'initialize' || bearer === undefined || !isSessionId(id)) return false
    this.door.sessions.add(bearer, id, 'of-server')
    this.#begun = id
    if (envelope !== undefined) this.door.pages.begun(bearer, id, envelope)
    return true
  }
}
