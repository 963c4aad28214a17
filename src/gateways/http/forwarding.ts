/** One allowed request on its way: to the upstream, back to the client, and to its recorded outcome. */
import { createHash, type Hash } from 'node:crypto'
import type { Clock, Decision, GatewayControl, Outcome } from '../../control/ports.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { reveal, type Secret } from '../../kernel/secret.ts'
import { describeObligations, type Obligations } from '../../model/obligations.ts'
import type { Service } from '../../model/services.ts'
import type { Cuttable, SessionCuts } from '../shared/session-cuts.ts'
import type { AnswerHead } from '../shared/answer-parser.ts'
import type { BodyReader, ClientStream } from '../shared/client-stream.ts'
import type { HttpRequest } from './codec.ts'
import { answerHeaders, without } from './headers.ts'
import type { HttpLimits } from './limits.ts'
import { formKind, PartNames } from './overrides.ts'
import { switchHeaders } from './upgrades.ts'
import type { Upstream } from '../shared/upstream.ts'
import type { CallListener, UpstreamCall } from '../shared/upstream-call.ts'

export interface ForwardingPlan {
  readonly control: Pick<GatewayControl, 'stands' | 'stopReason' | 'finish' | 'upstreamSecret'>
  readonly clock: Clock
  readonly limits: HttpLimits
  readonly cuts: SessionCuts
  readonly upstream: Upstream
  readonly service: Service
  readonly decision: Decision
  readonly request: HttpRequest
  readonly stream: ClientStream
  /** The whole body where it had to be known, with its hash. */
  readonly known: { readonly body: Buffer; readonly sha256: string } | undefined
  /** Answers the client with a refusal; only while nothing was answered yet. */
  readonly refuse: (refusal: Refusal) => void
  /** Called once, when the outcome is recorded. */
  readonly onOver: () => void
}

/** A secret below this length would be found in harmless headers. */
const secretLengthMin = 8
const early: Refusal = { code: 'action.ambiguous', detail: 'bytes after a handshake that was not answered yet' }

/** As `answerHeaders`, once for each list of headers. */
function passingHeaders({ headers, reading }: AnswerHead, secret: string | undefined): readonly string[] | undefined {
  if (reading.passing === undefined || reading.secret !== secret) {
    reading.passing = answerHeaders(headers, secret)
    reading.secret = secret
  }
  return reading.passing
}

/** Why it was cut, where a duty asks for it: words that nothing else is cut for. */
function dutyReason(obligations: Obligations): string {
  return `${dutyWords}${describeObligations(obligations)}`
}

const dutyWords = 'a duty demands '

function isDutyReason(reason: string): boolean {
  return reason.startsWith(dutyWords)
}

const brokenCodes = { unreachable: 'upstream.unreachable', malformed: 'upstream.malformed', resting: 'upstream.resting' } as const

/**
 * Sends a request upstream at most once: nothing is ever tried again, also where a kept-alive connection dies before it answers,
 * because the upstream may have acted. The answer is streamed as it comes; what the slower side has not taken stops the faster one.
 */
export class Forwarding implements Cuttable, CallListener, BodyReader {
  readonly endsAt: Instant
  readonly endsFor: string
  readonly #plan: ForwardingPlan
  readonly #startedAt: Instant
  /** `connecting`: not a byte was sent. `sent`: no answer yet. */
  #state: 'connecting' | 'sent' | 'answering' | 'over' = 'connecting'
  #deadline: Instant
  #up: UpstreamCall | undefined
  #head = ''
  /** Bytes of the answer's body, where its head says. */
  #answerLength: number | undefined
  #secret: string | undefined
  /** Takes it out of what the session's end cuts. */
  #leave: (() => void) | undefined
  #uploaded = false
  #isTunnel = false
  #requestBytes = 0
  #responseBytes = 0
  #status: number | undefined
  #hash: Hash | undefined
  #parts: PartNames | undefined
  #sha256: string | undefined

  constructor(plan: ForwardingPlan) {
    this.#plan = plan
    this.#startedAt = plan.clock.now()
    const { endsAt, obligations } = plan.decision
    const { millisecondsMax } = obligations
    const isDutySooner = millisecondsMax !== undefined && this.#startedAt + millisecondsMax < endsAt
    this.endsAt = isDutySooner ? this.#startedAt + millisecondsMax : endsAt
    this.endsFor = isDutySooner ? dutyReason({ millisecondsMax }) : 'the grant has ended'
    this.#deadline = this.#startedAt + plan.limits.connectMs
  }

  start(): void {
    const { control, cuts, decision, service, upstream, request } = this.#plan
    const secret = control.upstreamSecret(service)
    if (!secret.ok) {
      this.#refuseUnsent(secret.refusal)
      return
    }
    const { method, target: path, upgrade } = request
    // Listening starts before the last look, so that no end can fall between the two.
    this.#leave = cuts.add(decision.session, this)
    this.#head = upstream.headOf({ method, path, headers: this.#outgoingHeaders(secret.value), upgrade })
    this.#up = upstream.call(method, this, upgrade !== undefined)
  }

  /** Ends it now, on both sides, whatever it is doing. */
  cut(reason: string): void {
    if (this.#state === 'over') return
    const { stream, decision } = this.#plan
    const unsent = this.#state === 'connecting'
    this.#over({ result: unsent ? 'not-sent' : 'cut', reason })
    this.#dropUpstream()
    const detail = unsent ? reason : `${reason}; it was cut while under way, and its outcome is not known`
    if (stream.isAnswered) stream.abort()
    else if (isDutyReason(reason)) this.#plan.refuse({ code: 'action.cut', detail, policies: decision.duties })
    else this.#plan.refuse({ code: 'session.ended', detail })
  }

  /** Ends it after a fault of our own, which leaves its outcome unknown. */
  fail(): void {
    if (this.#state === 'over') return
    this.#over({ result: this.#state === 'connecting' ? 'not-sent' : 'unknown', reason: 'internal' })
    this.#dropUpstream()
    if (this.#plan.stream.isAnswered) this.#plan.stream.abort()
    else this.#plan.refuse({ code: 'internal' })
  }

  /** The client's connection closed. `finished`: after the whole answer had been handed to it. */
  clientClosed(finished: boolean): void {
    if (this.#state === 'over') return
    if (finished) {
      this.#over({ result: 'answered' })
      if (!this.#uploaded) this.#dropUpstream()
      return
    }
    const reason = 'the client left'
    // An answer that had begun is an answer; before that, nobody knows what the upstream did.
    this.#over({ result: this.#state === 'connecting' ? 'not-sent' : this.#state === 'answering' ? 'answered' : 'unknown', reason })
    this.#dropUpstream()
  }

  /** Gives up if time is over. */
  sweep(now: Instant): void {
    if (now < this.#deadline || this.#state === 'over') return
    if (this.#state === 'answering') this.#failInAnswer('no byte moved for too long')
    else {
      const isConnecting = this.#state === 'connecting'
      if (isConnecting) this.#up?.drop('late')
      this.#failBeforeAnswer(isConnecting ? 'upstream.unreachable' : 'upstream.timeout')
    }
  }

  #outgoingHeaders(secret: Secret | undefined): string[] {
    const { request, service, known } = this.#plan
    const headers = [...request.headers]
    if (secret !== undefined && service.credential !== undefined) {
      const value = reveal(secret)
      const bare = value.slice(service.credential.prefix.length)
      if (bare.length >= secretLengthMin) this.#secret = bare
      headers.push(service.credential.header, value)
    }
    if (known !== undefined && request.bodyLength !== 0) headers.push('Content-Length', `${known.body.byteLength}`)
    else if (request.bodyLength === 'chunked') headers.push('Transfer-Encoding', 'chunked')
    else if (request.bodyLength > 0 || !['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(request.method))
      headers.push('Content-Length', `${request.bodyLength}`)
    return headers
  }

  /** The first byte goes out in this very tick, or never. */
  onReady(up: UpstreamCall): void {
    this.#up = up
    if (this.#state !== 'connecting') return
    const { control, decision, known, request, clock, limits } = this.#plan
    const stands = control.stands(decision)
    if (!stands.ok) {
      this.#refuseUnsent(stands.refusal)
      return
    }
    if (request.upgrade !== undefined && this.#plan.stream.isAhead) {
      this.#refuseUnsent(early)
      return
    }
    this.#state = 'sent'
    if (request.bodyLength !== 0 && known === undefined) {
      this.#upload(up)
      return
    }
    this.#uploaded = true
    this.#requestBytes = known?.body.byteLength ?? 0
    if (request.bodyLength !== 0) this.#sha256 = known?.sha256
    this.#deadline = clock.now() + limits.answerMs
    up.send(this.#head, known?.body)
  }

  #upload(up: UpstreamCall): void {
    const { stream, request, clock, limits } = this.#plan
    this.#hash = createHash('sha256')
    if (formKind(request.mediaType) === 'multipart') this.#parts = new PartNames()
    this.#deadline = clock.now() + limits.idleMs
    stream.writeContinue()
    up.begin(this.#head, request.bodyLength === 'chunked')
    stream.read(this)
  }

  onBody(bytes: Buffer): void {
    if (this.#state === 'over' || !this.#goesOn(this.#plan.limits.idleMs)) return
    const named = this.#parts?.check(bytes)
    if (named?.ok === false) {
      this.onBodyBroken(named.refusal)
      return
    }
    this.#hash?.update(bytes)
    this.#requestBytes += bytes.byteLength
    if (this.#up?.write(bytes) === false) this.#plan.stream.pause()
  }

  /** What the upstream says before it answers; its `100 Continue` is for us, who answered the client's wish ourselves. */
  onInterim(status: number, headers: readonly string[]): void {
    if (this.#state !== 'sent' || status === 100 || !this.#goesOn(this.#plan.limits.answerMs)) return
    const passing = answerHeaders(headers, this.#secret)
    if (passing === undefined) this.#failBeforeAnswer('upstream.malformed', 'its headers cannot be passed on')
    else this.#plan.stream.writeInterim(status, passing)
  }

  /** Both sides have agreed on another protocol: from here on bytes pass as they are, until one of them, time or the session ends it. */
  onSwitch(headers: readonly string[]): void {
    const { stream, request, limits } = this.#plan
    if (this.#state !== 'sent') return
    const agreed = switchHeaders(request.headers, headers)
    const passing = agreed.ok ? answerHeaders(headers, this.#secret) : undefined
    if (passing === undefined) {
      this.#failBeforeAnswer('upstream.malformed', agreed.ok ? 'its headers cannot be passed on' : agreed.refusal.detail)
      return
    }
    if (stream.isAhead) {
      this.#over({ result: 'cut', reason: early.code })
      this.#dropUpstream()
      this.#plan.refuse(early)
      return
    }
    if (!this.#goesOn(limits.idleMs)) return
    this.#state = 'answering'
    this.#status = 101
    this.#uploaded = false
    this.#isTunnel = true
    stream.switchProtocol([...without(passing, ['content-length']), 'Connection', 'Upgrade', 'Upgrade', 'websocket'])
    stream.read(this)
  }

  onBodyEnd(): void {
    const { limits } = this.#plan
    if (this.#state === 'over' || !this.#goesOn(this.#state === 'sent' ? limits.answerMs : limits.idleMs)) return
    this.#uploaded = true
    this.#sha256 = this.#hash?.digest('hex')
    if (this.#isTunnel) this.#up?.endTunnel()
    else this.#up?.finish()
  }

  /** What has gone up cannot be taken back: what the upstream made of a part of a body, nobody knows. */
  onBodyBroken(refusal: Refusal): void {
    if (this.#state === 'answering') this.#failInAnswer('the body of the request broke off')
    if (this.#state !== 'sent') return
    this.#over({ result: 'unknown', reason: refusal.code })
    this.#dropUpstream()
    this.#plan.refuse(refusal)
  }

  /** The upstream takes more of the request. */
  onDrain(): void {
    if (!this.#uploaded && this.#state !== 'over') this.#plan.stream.resume()
  }

  /** The client takes more of the answer. */
  clientDrained(): void {
    if (this.#state === 'answering') this.#up?.resume()
  }

  /** Timers may be late when the loop is busy or the machine slept: each piece looks for itself. What goes on gets a new deadline. */
  #goesOn(milliseconds: Milliseconds): boolean {
    const { clock, control, decision } = this.#plan
    const now = clock.now()
    const reason = now < this.endsAt ? control.stopReason(decision) : this.endsFor
    if (reason === undefined) this.#deadline = now + milliseconds
    else this.cut(reason)
    return reason === undefined
  }

  /** Whether so many bytes of an answer may reach the client; where they may not, none of the last piece does. */
  #passes(bytes: number): boolean {
    const { answerBytesMax } = this.#plan.decision.obligations
    if (answerBytesMax === undefined || bytes <= answerBytesMax) return true
    this.cut(dutyReason({ answerBytesMax }))
    return false
  }

  onHead(head: AnswerHead): void {
    if (this.#state !== 'sent') return
    const { stream, limits } = this.#plan
    const { status, length } = head
    const passing = passingHeaders(head, this.#secret)
    if (passing === undefined || status > 599) {
      this.#failBeforeAnswer('upstream.malformed', passing === undefined ? 'its headers cannot be passed on' : `status ${status}`)
      return
    }
    if (!this.#goesOn(limits.idleMs) || (typeof length === 'number' && !this.#passes(length))) return
    this.#state = 'answering'
    this.#status = status
    this.#answerLength = typeof length === 'number' ? length : undefined
    stream.writeHead({
      status,
      headers: status === 204 ? without(passing, ['content-length']) : passing,
      length: this.#answerLength ?? 'unknown',
    })
  }

  onData(bytes: Buffer): void {
    const { stream, limits } = this.#plan
    if (this.#state !== 'answering' || !this.#goesOn(limits.idleMs) || !this.#passes(this.#responseBytes + bytes.byteLength)) return
    this.#responseBytes += bytes.byteLength
    // The last piece goes out with the end, and a small answer with its head.
    if (this.#responseBytes === this.#answerLength) stream.end(bytes)
    else if (!stream.write(bytes)) this.#up?.pause()
    if (!stream.isBehind) this.#up?.freed()
  }

  /** What came with the head has been written: a head whose body is slow is not kept waiting for it. */
  onPause(): void {
    if (this.#state === 'answering' && this.#responseBytes === 0) this.#plan.stream.flush()
  }

  onEnd(): void {
    // The last piece may have ended it.
    if (this.#state === 'answering' && this.#goesOn(this.#plan.limits.idleMs)) this.#plan.stream.end()
  }

  onBroken(why: 'unreachable' | 'malformed' | 'resting'): void {
    if (this.#state === 'answering') this.#failInAnswer('the upstream broke off')
    else this.#failBeforeAnswer(brokenCodes[why])
  }

  #failBeforeAnswer(code: (typeof brokenCodes)[keyof typeof brokenCodes] | 'upstream.timeout', detail?: string): void {
    if (this.#state !== 'connecting' && this.#state !== 'sent') return
    this.#over({ result: this.#state === 'connecting' ? 'not-sent' : 'unknown', reason: code })
    this.#dropUpstream()
    this.#plan.refuse({ code, ...(detail === undefined ? {} : { detail }) })
  }

  #failInAnswer(reason: string): void {
    if (this.#state !== 'answering') return
    this.#over({ result: 'failed', reason })
    this.#dropUpstream()
    this.#plan.stream.abort()
  }

  #refuseUnsent(refusal: Refusal): void {
    this.#over({ result: 'not-sent', reason: refusal.code })
    this.#dropUpstream()
    this.#plan.refuse(refusal)
  }

  #dropUpstream(): void {
    this.#up?.drop()
  }

  #over(outcome: Pick<Outcome, 'result' | 'reason'>): void {
    const { control, decision, clock, onOver } = this.#plan
    this.#state = 'over'
    this.#leave?.()
    control.finish(decision, {
      result: outcome.result,
      reason: outcome.reason,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      milliseconds: clock.now() - this.#startedAt,
      status: this.#status,
      bodySha256: this.#sha256,
    })
    onOver()
  }
}
