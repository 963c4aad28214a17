/** One allowed request on its way: to the upstream, back to the client, and to its recorded outcome. */
import { createHash } from 'node:crypto'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Decision, GatewayControl, Outcome } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { reveal, type Secret } from '../../kernel/secret.ts'
import type { Service } from '../../model/services.ts'
import type { Cuttable, SessionCuts } from '../shared/session-cuts.ts'
import { abort } from './answers.ts'
import type { HttpRequest } from './codec.ts'
import { answerHeaders } from './headers.ts'
import type { HttpLimits } from './limits.ts'
import type { Upstream } from './upstream.ts'

export interface ForwardingPlan {
  readonly control: Pick<GatewayControl, 'stands' | 'finish' | 'upstreamSecret'>
  readonly clock: Clock
  readonly limits: HttpLimits
  readonly cuts: SessionCuts
  readonly upstream: Upstream
  readonly service: Service
  readonly decision: Decision
  readonly request: HttpRequest
  readonly incoming: IncomingMessage
  readonly response: ServerResponse
  /** The whole body where it had to be known, with its hash. */
  readonly known?: { readonly body: Buffer; readonly sha256: string }
  /** Answers the client with a refusal; only while nothing was answered yet. */
  readonly refuse: (refusal: Refusal) => void
  /** Called once, when the outcome is recorded. */
  readonly onOver: () => void
}

/** A secret below this length would be found in harmless headers. */
const secretLengthMin = 8

/**
 * Sends a request upstream at most once: nothing is ever tried again, also where a kept-alive connection dies before it answers,
 * because the upstream may have acted. The answer is streamed as it comes; what the slower side has not taken stops the faster one.
 */
export class Forwarding implements Cuttable {
  readonly endsAt: Instant
  readonly #plan: ForwardingPlan
  readonly #startedAt: Instant
  /** `connecting`: not a byte was sent. `sent`: no answer yet. */
  #state: 'connecting' | 'sent' | 'answering' | 'over' = 'connecting'
  #deadline: Instant
  #up: ClientRequest | undefined
  #secret: string | undefined
  /** Takes it out of what the session's end cuts. */
  #leave: (() => void) | undefined
  #uploaded = false
  #requestBytes = 0
  #responseBytes = 0
  #status: number | undefined
  #sha256: string | undefined

  constructor(plan: ForwardingPlan) {
    this.#plan = plan
    this.endsAt = plan.decision.endsAt
    this.#startedAt = plan.clock.now()
    this.#deadline = this.#startedAt + plan.limits.connectMs
  }

  start(): void {
    const { control, cuts, decision, service, upstream, request } = this.#plan
    const secret = control.upstreamSecret(service)
    if (!secret.ok) {
      this.#refuseUnsent(secret.refusal)
      return
    }
    // Listening starts before the last look, so that no end can fall between the two.
    this.#leave = cuts.add(decision.session, this)
    const up = upstream.open({ method: request.method, path: request.target, headers: this.#outgoingHeaders(secret.value) })
    this.#up = up
    up.on('error', (error) => this.#broke(error))
    up.on('response', (answer) => this.#answer(answer))
    up.on('upgrade', (_answer, socket) => {
      socket.destroy()
      this.#failBeforeAnswer('upstream.malformed', 'it changed the protocol unasked')
    })
    up.on('socket', (socket: Socket) => {
      // A new connection is asked about when it stands: the grant may end while it is being made.
      if (up.reusedSocket || (upstream.readyEvent === 'connect' && !socket.connecting)) this.#send(up)
      else socket.once(upstream.readyEvent, () => this.#send(up))
    })
  }

  /** Ends it now, on both sides, whatever it is doing. */
  cut(reason: string): void {
    if (this.#state === 'over') return
    const { response } = this.#plan
    const unsent = this.#state === 'connecting'
    this.#over({ result: unsent ? 'not-sent' : 'cut', reason })
    this.#dropUpstream()
    if (response.headersSent) abort(response.socket)
    else
      this.#plan.refuse({
        code: 'session.ended',
        detail: unsent ? reason : `${reason}; it was cut while under way, and its outcome is not known`,
      })
  }

  /** Ends it after a fault of our own, which leaves its outcome unknown. */
  fail(): void {
    if (this.#state === 'over') return
    this.#over({ result: this.#state === 'connecting' ? 'not-sent' : 'unknown', reason: 'internal' })
    this.#dropUpstream()
    if (this.#plan.response.headersSent) abort(this.#plan.response.socket)
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
    else this.#failBeforeAnswer(this.#state === 'connecting' ? 'upstream.unreachable' : 'upstream.timeout')
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
  #send(up: ClientRequest): void {
    if (this.#state !== 'connecting') return
    const { control, decision, known, request, clock, limits } = this.#plan
    const stands = control.stands(decision)
    if (!stands.ok) {
      this.#refuseUnsent(stands.refusal)
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
    if (this.#requestBytes === 0) up.end()
    else up.end(known?.body)
  }

  #upload(up: ClientRequest): void {
    const { incoming, request, response, clock, limits } = this.#plan
    const hash = createHash('sha256')
    if (request.expectsContinue) response.writeContinue()
    incoming.on('data', (chunk: Buffer) => {
      if (this.#state === 'over' || this.#isPastEnd()) return
      hash.update(chunk)
      this.#requestBytes += chunk.byteLength
      this.#deadline = clock.now() + limits.idleMs
      if (up.write(chunk)) return
      incoming.pause()
      up.once('drain', () => incoming.resume())
    })
    incoming.on('end', () => {
      if (this.#state === 'over' || this.#isPastEnd()) return
      this.#uploaded = true
      this.#sha256 = hash.digest('hex')
      this.#deadline = clock.now() + (this.#state === 'sent' ? limits.answerMs : limits.idleMs)
      up.end()
    })
    this.#deadline = clock.now() + limits.idleMs
    // After what came with the head has been written. The head does not wait for more: the upstream may refuse without a body.
    process.nextTick(() => {
      if (this.#state === 'sent' && this.#requestBytes === 0) up.flushHeaders()
    })
  }

  /** The timer may be late when the loop is busy: each chunk looks at the clock itself. */
  #isPastEnd(): boolean {
    if (this.#plan.clock.now() < this.endsAt) return false
    this.cut('the grant has ended')
    return true
  }

  #answer(answer: IncomingMessage): void {
    if (this.#state !== 'sent') return
    const { response, clock, limits, request } = this.#plan
    const status = answer.statusCode ?? 0
    const headers = answerHeaders(answer.rawHeaders, this.#secret)
    if (headers === undefined || status < 200 || status > 599) {
      this.#failBeforeAnswer('upstream.malformed', headers === undefined ? 'its headers cannot be passed on' : `status ${status}`)
      return
    }
    if (this.#isPastEnd()) return
    this.#state = 'answering'
    this.#status = status
    this.#deadline = clock.now() + limits.idleMs
    const length = request.method === 'HEAD' ? undefined : answer.headers['content-length']
    response.writeHead(status, headers)
    answer.on('data', (chunk: Buffer) => this.#passOn(answer, chunk, length === `${chunk.byteLength}`))
    answer.on('end', () => {
      if (this.#state === 'over' || response.writableEnded || this.#isPastEnd()) return
      response.end()
    })
    answer.on('close', () => {
      if (!answer.complete) this.#failInAnswer('the upstream broke off')
    })
    // After what came with the head has been written, so that a small answer is one packet and a slow one is not kept waiting.
    process.nextTick(() => {
      if (this.#state === 'answering' && this.#responseBytes === 0 && !response.writableEnded) response.flushHeaders()
    })
  }

  #passOn(answer: IncomingMessage, chunk: Buffer, isWhole: boolean): void {
    if (this.#state === 'over' || this.#isPastEnd()) return
    const { response, clock, limits } = this.#plan
    this.#responseBytes += chunk.byteLength
    this.#deadline = clock.now() + limits.idleMs
    if (isWhole) {
      response.end(chunk)
      return
    }
    if (response.write(chunk)) return
    answer.pause()
    response.once('drain', () => answer.resume())
  }

  #broke(error: Error & { readonly code?: string }): void {
    if (this.#state === 'answering') this.#failInAnswer('the upstream broke off')
    else this.#failBeforeAnswer(error.code?.startsWith('HPE_') === true ? 'upstream.malformed' : 'upstream.unreachable')
  }

  #failBeforeAnswer(code: 'upstream.unreachable' | 'upstream.timeout' | 'upstream.malformed', detail?: string): void {
    if (this.#state !== 'connecting' && this.#state !== 'sent') return
    this.#over({ result: this.#state === 'connecting' ? 'not-sent' : 'unknown', reason: code })
    this.#dropUpstream()
    this.#plan.refuse({ code, ...(detail === undefined ? {} : { detail }) })
  }

  #failInAnswer(reason: string): void {
    if (this.#state !== 'answering') return
    this.#over({ result: 'failed', reason })
    this.#dropUpstream()
    abort(this.#plan.response.socket)
  }

  #refuseUnsent(refusal: Refusal): void {
    this.#over({ result: 'not-sent', reason: refusal.code })
    this.#dropUpstream()
    this.#plan.refuse(refusal)
  }

  #dropUpstream(): void {
    const up = this.#up
    // A request that is over has handed its connection back: somebody else may be using it.
    if (up === undefined || up.destroyed) return
    // First, because what the kernel still holds would go out before an orderly end.
    abort(up.socket)
    up.destroy()
  }

  #over(outcome: Pick<Outcome, 'result' | 'reason'>): void {
    const { control, decision, clock, onOver } = this.#plan
    this.#state = 'over'
    this.#leave?.()
    control.finish(decision, {
      ...outcome,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      milliseconds: clock.now() - this.#startedAt,
      ...(this.#status === undefined ? {} : { status: this.#status }),
      ...(this.#sha256 === undefined ? {} : { bodySha256: this.#sha256 }),
    })
    onOver()
  }
}
