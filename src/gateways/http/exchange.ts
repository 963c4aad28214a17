/** The path of one action over HTTP: identify, name, authorize, wait for a person if one must be asked, forward. */
import { hash } from 'node:crypto'
import type { Bearer, Call, Clock, Decision, GatewayControl, Verdict } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import { type Refusal, type RefusalCode, refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Action } from '../../model/actions.ts'
import { obligationNames } from '../../model/obligations.ts'
import type { RouteTable } from '../../model/routes.ts'
import type { Service } from '../../model/services.ts'
import type { Log } from '../shared/log.ts'
import type { RefusalBook } from '../shared/refusal-book.ts'
import type { Roster } from '../shared/roster.ts'
import type { SessionCuts } from '../shared/session-cuts.ts'
import { addBodyArguments, checkBodyForm, nameAction, type NamedAction } from './actions.ts'
import { problemText, type RefusalAnswer } from '../shared/problem-text.ts'
import { WholeBody } from '../shared/whole-body.ts'
import type { ClientStream, StreamListener } from '../shared/client-stream.ts'
import { type HttpRequest, materialOf, readRequest } from './codec.ts'
import { Forwarding } from './forwarding.ts'
import { holdWaitSeconds, type HttpLimits } from './limits.ts'
import { checkForm, formKind } from './overrides.ts'
import type { Upstream } from '../shared/upstream.ts'

/** A service as it is now. */
export interface ServedService {
  readonly service: Service
  readonly table: Result<RouteTable>
  readonly upstream: Upstream
  /** The header in which the upstream takes its credential, in lowercase: the client's own never passes. */
  readonly withheld: string | undefined
}

/** What every exchange of one service's port shares. */
export interface Door {
  readonly name: string
  readonly control: GatewayControl
  readonly clock: Clock
  readonly limits: HttpLimits
  readonly log: Log
  readonly cuts: SessionCuts
  readonly forwardings: Roster<Forwarding>
  readonly refusals: RefusalBook
  /** `undefined` once the service is gone. */
  readonly served: () => ServedService | undefined
  /** Called once for each exchange, when its stream is over. */
  readonly left: () => void
}

interface KnownBody {
  readonly body: Buffer
  readonly sha256: string
}

/** What has been found out about the request on its way in. */
interface Asked {
  readonly bearer: Bearer
  readonly request: HttpRequest
  readonly served: ServedService
  readonly action: Action
  /** The whole body, where it was read. */
  readonly known: KnownBody | undefined
}

/** What is asked of control, with the material of the whole body where that is known. */
function callOf({ bearer, action, request, known }: Omit<Asked, 'served'>): Call {
  const call: Call = { bearer, action, meets: obligationNames }
  return known === undefined ? call : { ...call, material: materialOf(request, known.sha256), body: known.body }
}

function knownBody(read: Result<Buffer>): Result<KnownBody> {
  return read.ok ? done({ body: read.value, sha256: hash('sha256', read.value) }) : read
}

function withArguments(asked: Asked, named: NamedAction, read: Result<KnownBody>): Result<Asked> {
  if (!read.ok) return read
  const whole = addBodyArguments(named, read.value.body)
  return whole.ok ? done({ ...asked, action: whole.value, known: read.value }) : whole
}

/** Seconds after which a held request may come back: it then waits again, so this need not be long. */
const heldRetrySeconds = 2

/** One request and its one answer. */
export class Exchange implements StreamListener {
  readonly #door: Door
  readonly #stream: ClientStream
  #left = false
  #bearer: Bearer | undefined
  #forwarding: Forwarding | undefined
  #waiting: AbortController | undefined
  #reading: WholeBody | undefined

  constructor(door: Door, stream: ClientStream) {
    this.#door = door
    this.#stream = stream
    stream.attach(this)
  }

  /** Never rejects: what goes wrong here is an answer of `internal`, and a line in the log. Waits for nothing that is there at once. */
  async run(): Promise<void> {
    try {
      const reading = this.#readAction()
      const asked = reading instanceof Promise ? await reading : reading
      if (this.#left) return
      if (!asked.ok) {
        this.refuse(asked.refusal)
        return
      }
      const call = callOf(asked.value)
      const deciding = this.#door.control.authorize(call)
      const verdict = deciding instanceof Promise ? await deciding : deciding
      if (verdict.outcome === 'needs-material' || verdict.outcome === 'held') await this.#decideFurther(asked.value, call, verdict)
      else this.#act(asked.value, verdict)
    } catch (err) {
      this.#door.log.error({ service: this.#door.name, err }, 'an exchange failed by a fault of our own')
      if (this.#forwarding === undefined) this.#answer({ refusal: { code: 'internal' }, more: {} })
      else this.#forwarding.fail()
    }
  }

  onDrain(): void {
    this.#forwarding?.clientDrained()
  }

  onClosed(finished: boolean): void {
    this.#left = !finished
    this.#waiting?.abort()
    if (!finished) this.#reading?.abandon()
    this.#forwarding?.clientClosed(finished)
    this.#door.left()
  }

  #readAction(): Result<Asked> | Promise<Result<Asked>> {
    const door = this.#door
    const served = door.served()
    if (served === undefined) return refuse('not-found')
    const { head, address } = this.#stream
    const read = readRequest(head, door.limits, served.withheld)
    if (!read.ok) return read
    const request = read.value
    if (request.token === undefined) return refuse('credential.missing')
    const bearer = door.control.identify(request.token, address)
    return bearer instanceof Promise
      ? bearer.then((known) => this.#nameAction(request, served, known))
      : this.#nameAction(request, served, bearer)
  }

  #nameAction(request: HttpRequest, served: ServedService, bearer: Result<Bearer>): Result<Asked> | Promise<Result<Asked>> {
    if (!bearer.ok) return bearer
    this.#bearer = bearer.value
    if (!served.table.ok) return served.table
    const named = nameAction(served.table.value, served.service.id, request)
    if (!named.ok) return named
    const asked = { bearer: bearer.value, request, served, action: named.value.action, known: undefined }
    if (named.value.readsBody) return this.#readArguments(asked, named.value)
    return request.bodyLength !== 0 && formKind(request.mediaType) === 'urlencoded' ? this.#readForm(asked) : done(asked)
  }

  #readArguments(asked: Asked, named: NamedAction): Result<Asked> | Promise<Result<Asked>> {
    const form = checkBodyForm(asked.request)
    if (!form.ok) return form
    const known = this.#readBody(asked.request, this.#door.limits.argumentBodyBytesMax, 'input.too-large')
    return known instanceof Promise ? known.then((read) => withArguments(asked, named, read)) : withArguments(asked, named, known)
  }

  /** A body that no argument is read from passes unread, but for a form that would be another action to the upstream. */
  async #readForm(asked: Asked): Promise<Result<Asked>> {
    const known = await this.#readBody(asked.request, this.#door.limits.argumentBodyBytesMax, 'input.too-large')
    if (!known.ok) return known
    const form = checkForm(known.value.body)
    return form.ok ? done({ ...asked, known: known.value }) : form
  }

  /** Reads the body whole if the answer depends on it, and waits for a person if one must be asked. */
  async #decideFurther(asked: Asked, first: Call, found: Verdict): Promise<void> {
    const { control, clock, limits } = this.#door
    const { bearer, request, action } = asked
    let { known } = asked
    let call = first
    let verdict = found
    if (verdict.outcome === 'needs-material' && known === undefined) {
      const read = await this.#readBody(request, limits.heldBodyBytesMax, 'hold.too-large')
      if (this.#left) return
      if (!read.ok) {
        this.refuse(read.refusal)
        return
      }
      known = read.value
      call = callOf({ bearer, request, action, known })
      verdict = await control.authorize(call)
    }
    const until = clock.now() + (request.waitSeconds ?? holdWaitSeconds.usual) * 1_000
    if (verdict.outcome === 'held') verdict = await this.#waitForPerson(call, verdict, until)
    this.#act({ ...asked, known }, verdict)
  }

  /** Waits until nobody needs to be asked any more, or until time is over: then the last verdict is still `held`. */
  async #waitForPerson(call: Call, first: Verdict, until: Instant): Promise<Verdict> {
    const { control, clock } = this.#door
    const waiting = new AbortController()
    this.#waiting = waiting
    let verdict = first
    const seen = new Set<string>()
    while (verdict.outcome === 'held' && !this.#left) {
      const left = until - clock.now()
      // A hold that was answered and still holds would be asked about for ever.
      if (left <= 0 || seen.has(verdict.hold)) break
      seen.add(verdict.hold)
      const state = await control.holdAnswered(verdict.hold, left, waiting.signal)
      // Spending an approval for a client that is gone would waste it: the approval waits for the same request to come back.
      if (state === 'waiting' || this.#left) break
      verdict = await control.authorize(call)
    }
    return verdict
  }

  #act(asked: Asked, verdict: Verdict): void {
    switch (verdict.outcome) {
      case 'allow':
        this.#forward(asked, verdict.decision)
        break
      case 'deny':
        this.#answer({ refusal: verdict.refusal, more: { decision: verdict.decision } })
        break
      case 'held': {
        const { refusal, decision, hold, page } = verdict
        const { waitSeconds } = asked.request
        const applied = waitSeconds === undefined ? [] : ['Preference-Applied', `wait=${waitSeconds}`]
        this.#answer({ refusal, more: { decision, hold, page }, headers: ['Retry-After', `${heldRetrySeconds}`, ...applied] })
        break
      }
      case 'needs-material':
        // Control has the material and asks for it again: a fault that must not become a yes.
        throw new Error('control asked twice for the material of one call')
    }
  }

  #forward({ request, served, known }: Asked, decision: Decision): void {
    const { control, clock, limits, cuts, forwardings } = this.#door
    if (this.#left) {
      control.finish(decision, { result: 'not-sent', requestBytes: 0, responseBytes: 0, milliseconds: 0, reason: 'the client left' })
      return
    }
    const forwarding = new Forwarding({
      control,
      clock,
      limits,
      cuts,
      upstream: served.upstream,
      service: served.service,
      decision,
      request,
      stream: this.#stream,
      known,
      refuse: (refusal) => this.#answer({ refusal, more: { decision: decision.id } }),
      onOver: () => leave(),
    })
    this.#forwarding = forwarding
    const leave = forwardings.add(forwarding)
    forwarding.start()
  }

  #readBody(request: HttpRequest, bytesMax: number, tooLarge: RefusalCode): Result<KnownBody> | Promise<Result<KnownBody>> {
    const { clock, limits } = this.#door
    if (typeof request.bodyLength === 'number' && request.bodyLength > bytesMax)
      return refuse(tooLarge, { detail: `at most ${bytesMax} bytes` })
    this.#stream.writeContinue()
    const length = request.bodyLength === 'chunked' ? {} : { length: request.bodyLength }
    this.#reading = new WholeBody(this.#stream, { bytesMax, ...length, milliseconds: limits.bodyMs, tooLarge, clock })
    const { whole } = this.#reading
    return whole instanceof Promise ? whole.then(knownBody) : knownBody(whole)
  }

  /** A request that never became an action is recorded by what it asked for. */
  refuse(refusal: Refusal): void {
    const { name, refusals } = this.#door
    const { head, address } = this.#stream
    const bearer = this.#bearer
    const input = { service: name, address, target: `${head.method} ${head.target}`, refusal, ...(bearer === undefined ? {} : { bearer }) }
    this.#answer(refusals.refused(input))
  }

  #answer(answer: RefusalAnswer & { readonly closes?: boolean }): void {
    const stream = this.#stream
    if (this.#left || stream.isAnswered) return
    const { status, headers, body } = problemText(answer)
    const isHead = stream.head.method === 'HEAD'
    stream.writeHead({ status, headers, length: isHead ? 0 : body.byteLength, ...(answer.closes === true ? { closes: true } : {}) })
    stream.end(isHead ? undefined : body)
  }
}
