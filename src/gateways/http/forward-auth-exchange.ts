/** One question of a proxy and its answer: the path of an action up to where the proxy forwards it. */
import type { Bearer, Call, Clock, Decision, GatewayControl, Verdict } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import { type Refusal, refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { RouteTable } from '../../model/routes.ts'
import type { Log } from '../shared/log.ts'
import type { RefusalBook } from '../shared/refusal-book.ts'
import { nameAction, type NamedAction } from './actions.ts'
import type { ClientStream, StreamListener } from '../shared/client-stream.ts'
import { type HttpRequest, readRequest } from './codec.ts'
import { noText, yesHeaders } from './forward-auth-answers.ts'
import { formOf, type Question, type QuestionForm, type QuestionPlace, readPlace, readQuestion } from './forward-auth-question.ts'
import type { HttpLimits } from './limits.ts'
import { formKind } from './overrides.ts'
import type { RequestHead } from '../shared/request-parser.ts'

/** What every question to one port shares. */
export interface AuthDoor {
  readonly control: GatewayControl
  readonly clock: Pick<Clock, 'now'>
  readonly limits: HttpLimits
  readonly log: Log
  readonly refusals: RefusalBook
  /** The table of a service that a proxy enforces, and of no other. */
  readonly tableOf: (service: string) => Result<RouteTable>
  /** Called once for each exchange, when its stream is over. */
  readonly left: () => void
}

/** From this tier on an action is for gateways of Remit's alone. */
const tierMin = 2

export class ForwardAuthExchange implements StreamListener {
  readonly #door: AuthDoor
  readonly #stream: ClientStream
  readonly #head: RequestHead
  readonly #isNamed: boolean
  readonly #startedAt: Instant
  #left = false
  readonly #form: QuestionForm
  #place: QuestionPlace | undefined
  #question: Question | undefined
  #bearer: Bearer | undefined

  /** `isNamed`: it comes from a proxy that is believed. */
  constructor(door: AuthDoor, stream: ClientStream & { readonly head: RequestHead }, isNamed: boolean) {
    this.#door = door
    this.#stream = stream
    this.#head = stream.head
    this.#form = formOf(stream.head.target)
    this.#isNamed = isNamed
    this.#startedAt = door.clock.now()
    stream.attach(this)
  }

  /** Never rejects: what goes wrong here is an answer of `internal`, and a line in the log. */
  async run(): Promise<void> {
    try {
      const reading = this.#readCall()
      const call = reading instanceof Promise ? await reading : reading
      if (this.#left) return
      if (!call.ok) {
        this.refuse(call.refusal)
        return
      }
      const deciding = this.#door.control.authorize(call.value)
      this.#act(deciding instanceof Promise ? await deciding : deciding)
    } catch (err) {
      this.#door.log.error({ service: this.#place?.service, err }, 'a question of a proxy failed by a fault of our own')
      this.#answerNo({ code: 'internal' }, {})
    }
  }

  onDrain(): void {}

  onClosed(finished: boolean): void {
    this.#left = !finished
    this.#door.left()
  }

  #readCall(): Result<Call> | Promise<Result<Call>> {
    const { control, limits, tableOf } = this.#door
    const place = readPlace(this.#head.target)
    if (!this.#isNamed) return refuse('proxy.unknown', { detail: this.#stream.address })
    if (!place.ok) return place
    this.#place = place.value
    const table = tableOf(place.value.service)
    if (!table.ok) return table
    const question = readQuestion(this.#head, place.value)
    if (!question.ok) return question
    this.#question = question.value
    const read = readRequest(question.value.head, limits)
    if (!read.ok) return read
    const request = read.value
    if (request.token === undefined) return refuse('credential.missing')
    const bearer = control.identify(request.token, question.value.address)
    const { service } = place.value
    return bearer instanceof Promise
      ? bearer.then((known) => this.#nameAction(request, { table: table.value, service }, known))
      : this.#nameAction(request, { table: table.value, service }, bearer)
  }

  #nameAction(
    request: HttpRequest,
    { table, service }: { readonly table: RouteTable; readonly service: string },
    bearer: Result<Bearer>,
  ): Result<Call> {
    if (!bearer.ok) return bearer
    this.#bearer = bearer.value
    const named = nameAction(table, service, request)
    if (!named.ok) return named
    const needs = needsGateway(named.value, request)
    // It meets no duty: neither answer nor time passes through here.
    return needs === undefined
      ? done({ bearer: bearer.value, action: named.value.action })
      : refuse('action.needs-gateway', { detail: needs })
  }

  #act(verdict: Verdict): void {
    switch (verdict.outcome) {
      case 'allow':
        this.#delegate(verdict.decision)
        break
      case 'deny':
        this.#answerNo(verdict.refusal, { decision: verdict.decision })
        break
      case 'needs-material':
      case 'held':
        // Nothing was counted, and nobody was asked: a person would be shown a body that nobody here has.
        this.refuse({ code: 'action.needs-gateway', detail: 'a person must approve it, who would have to see the whole of it' })
        break
    }
  }

  /** The proxy forwards it, or does not: neither answer nor body is seen here, so its outcome is on record as what it is. */
  #delegate(decision: Decision): void {
    const { control } = this.#door
    const stands = this.#left ? undefined : control.stands(decision)
    if (stands?.ok === true) {
      this.#finish(decision, { result: 'delegated' })
      this.#stream.writeHead({ status: 200, headers: yesHeaders(this.#form, decision.id), length: 0 })
      this.#stream.end()
      return
    }
    this.#finish(decision, { result: 'not-sent', reason: stands === undefined ? 'the proxy left' : stands.refusal.code })
    if (stands !== undefined) this.#answerNo(stands.refusal, { decision: decision.id })
  }

  #finish(decision: Decision, outcome: { readonly result: 'delegated' | 'not-sent'; readonly reason?: string }): void {
    const milliseconds = this.#door.clock.now() - this.#startedAt
    this.#door.control.finish(decision, { ...outcome, requestBytes: 0, responseBytes: 0, milliseconds })
  }

  /** A request that never became an action is recorded by what it asked for. */
  refuse(refusal: Refusal): void {
    const { address, head } = this.#question ?? { address: this.#stream.address, head: this.#head }
    const { refusals } = this.#door
    const bearer = this.#bearer
    const told = refusals.refused({
      service: this.#place?.service ?? '',
      address,
      target: `${head.method} ${head.target}`,
      refusal,
      ...(bearer === undefined ? {} : { bearer }),
    })
    this.#answerNo(told.refusal, told.more)
  }

  #answerNo(refusal: Refusal, more: { readonly decision?: string }): void {
    const stream = this.#stream
    if (this.#left || stream.isAnswered) return
    const { status, headers, body } = noText({ form: this.#form, refusal, more })
    const isHead = stream.head.method === 'HEAD'
    stream.writeHead({ status, headers, length: isHead ? 0 : body.byteLength })
    stream.end(isHead ? undefined : body)
  }
}

/** Why an action cannot be left to somebody else's proxy, if so. */
function needsGateway({ operation, readsBody }: NamedAction, request: HttpRequest): string | undefined {
  const { route } = operation
  if (route.tier >= tierMin) return `it is of tier ${route.tier}, whose end must cut what is under way`
  if (readsBody) return 'it has arguments in its body, which the proxy does not show'
  if (request.upgrade !== undefined || route.upgrade !== undefined)
    return 'it changes the protocol, and a proxy could not be told to cut it'
  // Whether there is a body at all is not always known: over HTTP/2 it needs no length, and nginx does not say.
  if (formKind(request.mediaType) !== undefined) return 'its body is a form, which could name another method and would have to be read'
  return undefined
}
