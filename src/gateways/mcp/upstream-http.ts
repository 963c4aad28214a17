/** An MCP server that is reached over HTTP: one request for each message, sent at most once, its answer handed on as it comes. */
import type { Clock } from '../../control/ports.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { type Refusal, refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { AnswerHead } from '../shared/answer-parser.ts'
import type { CircuitInput, UpstreamHealth } from '../shared/circuit.ts'
import { Roster } from '../shared/roster.ts'
import { openUpstream, type Upstream, type UpstreamLimits } from '../shared/upstream.ts'
import type { CallListener, UpstreamCall } from '../shared/upstream-call.ts'
import type { AnswerForm, McpServer, Outgoing, ServerCall, ServerListener } from './ports.ts'

export interface HttpServerLimits extends UpstreamLimits {
  readonly connectMs: Milliseconds
  /** From the request's last byte to the head of the answer: a tool may take its time. */
  readonly answerMs: Milliseconds
}

export interface HttpServerInput {
  readonly service: string
  /** Scheme, host and port. */
  readonly origin: string
  /** Path of its endpoint, such as `/mcp`. */
  readonly endpoint: string
  readonly clock: Clock
  readonly chance?: CircuitInput['chance']
  readonly limits: HttpServerLimits
  /** The header that authenticates the gateway to it, revealed for this one request. */
  readonly credential: () => Result<readonly [string, string] | undefined>
  /** Told once for each time that it cannot be reached, and that it is reached again. */
  readonly onTurn?: (health: UpstreamHealth) => void
}

/** Nothing is ever sent twice, also where a kept connection dies before it answers: the server may have acted. */
export class HttpMcpServer implements McpServer {
  readonly service: string
  readonly #input: HttpServerInput
  readonly #url: URL
  readonly #upstream: Upstream
  readonly #calls = new Roster<HttpCall>()

  constructor(input: HttpServerInput) {
    const { limits, clock, chance, onTurn = () => {} } = input
    this.service = input.service
    this.#input = input
    this.#url = new URL(input.endpoint, input.origin)
    this.#upstream = openUpstream(this.#url.origin, { limits, clock, chance, onTurn })
  }

  get health(): UpstreamHealth {
    return this.#upstream.health
  }

  send(outgoing: Outgoing, listener: ServerListener): ServerCall {
    const { clock, limits, credential } = this.#input
    const secret = credential()
    if (!secret.ok) {
      listener.onBroken(secret.refusal)
      return idleCall
    }
    const head = this.#headOf(outgoing, secret.value)
    const call = new HttpCall({ head, outgoing, listener, clock, limits, onOver: () => leave() })
    const leave = this.#calls.add(call)
    call.begin(this.#upstream)
    return call
  }

  /** Closes connections that have been idle for too long. */
  sweep(now: Instant): void {
    this.#upstream.sweep(now)
  }

  close(): Promise<void> {
    for (const call of this.#calls) call.abort()
    this.#upstream.retire()
    return Promise.resolve()
  }

  #headOf({ method, headers, message }: Outgoing, secret: readonly [string, string] | undefined): string {
    const all: string[] = []
    for (const [name, value] of headers) if (name.toLowerCase() !== 'host') all.push(name, value)
    if (method === 'POST') all.push('Content-Type', 'application/json', 'Content-Length', `${message.bytes.byteLength}`)
    if (secret !== undefined) all.push(...secret)
    return this.#upstream.headOf({ method, path: this.#url.pathname, host: hostFor(this.#url, headers), headers: all })
  }
}

const idleCall: ServerCall = { abort: () => {}, pause: () => {}, resume: () => {} }

/**
 * A server on this machine is told the name that the client used: it can then refuse names that are not its own, as protocols over
 * loopback do against DNS rebinding. One elsewhere is told its own, or whatever stands before it would not find it.
 */
function hostFor({ hostname }: URL, headers: Outgoing['headers']): string | undefined {
  const isHere = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
  return isHere ? headers.find(([name]) => name.toLowerCase() === 'host')?.[1] : undefined
}

interface CallInput {
  readonly head: string
  readonly outgoing: Outgoing
  readonly listener: ServerListener
  readonly clock: Clock
  readonly limits: HttpServerLimits
  readonly onOver: () => void
}

const faults = {
  unreachable: { code: 'upstream.unreachable' },
  resting: { code: 'upstream.resting' },
  malformed: { code: 'upstream.malformed', detail: 'it does not speak HTTP as HTTP is written' },
} as const satisfies Record<string, Refusal>

/** One request and its answer. */
class HttpCall implements ServerCall, CallListener {
  readonly #input: CallInput
  #up: UpstreamCall | undefined
  #isSent = false
  #isAnswered = false
  #isOver = false
  #callOff: () => void = () => {}

  constructor(input: CallInput) {
    this.#input = input
  }

  begin(upstream: Upstream): void {
    const { outgoing, clock, limits } = this.#input
    const up = upstream.call(outgoing.method, this)
    this.#up = up
    if (this.#isOver) up.drop()
    // A connection that was kept is there at once, and has been written to by now.
    else if (!this.#isSent) this.#callOff = clock.after(limits.connectMs, () => this.#late({ code: 'upstream.unreachable' }))
  }

  abort(): void {
    if (this.#isOver) return
    this.#over()
    this.#up?.drop()
  }

  pause(): void {
    this.#up?.pause()
  }

  resume(): void {
    this.#up?.resume()
  }

  freed(): void {
    this.#up?.freed()
  }

  isTaken(): boolean {
    return this.#up?.isTaken() === true
  }

  /** The first byte goes out in this very tick, or never. */
  onReady(up: UpstreamCall): void {
    if (this.#isOver) return
    this.#up = up
    const { head, outgoing, clock, limits } = this.#input
    this.#callOff()
    const mayGo = outgoing.mayGo()
    if (!mayGo.ok) {
      this.#broken(mayGo.refusal)
      return
    }
    this.#isSent = true
    this.#callOff = clock.after(limits.answerMs, () => this.#late({ code: 'upstream.timeout' }))
    const { bytes } = outgoing.message
    up.send(head, outgoing.method === 'POST' ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : undefined)
  }

  onHead({ status, headers: flat }: AnswerHead): void {
    if (this.#isOver) return
    this.#callOff()
    this.#isAnswered = true
    const headers = pairs(flat)
    const fault = faultOf(status, headers)
    if (fault.ok) this.#input.listener.onHead({ status, headers, form: formOf(headers) })
    else this.#broken(fault.refusal)
  }

  onData(bytes: Buffer): void {
    if (!this.#isOver) this.#input.listener.onData(bytes)
  }

  onEnd(): void {
    if (this.#isOver) return
    this.#over()
    this.#input.listener.onEnd()
  }

  onBroken(why: keyof typeof faults): void {
    this.#broken(this.#isAnswered && why === 'unreachable' ? { code: 'upstream.unreachable', detail: 'it broke off' } : faults[why])
  }

  /** Nothing is asked of a server before its answer, and no other protocol. */
  onInterim(): void {}

  onSwitch(): void {}

  onPause(): void {}

  onDrain(): void {}

  #late(refusal: Refusal): void {
    if (this.#isOver) return
    this.#up?.drop('late')
    this.#broken(refusal)
  }

  #broken(refusal: Refusal): void {
    if (this.#isOver) return
    this.#over()
    this.#up?.drop()
    this.#input.listener.onBroken(refusal)
  }

  #over(): void {
    this.#isOver = true
    this.#callOff()
    this.#input.onOver()
  }
}

function pairs(raw: readonly string[]): readonly (readonly [string, string])[] {
  const found: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) found.push([raw[at] ?? '', raw[at + 1] ?? ''])
  return found
}

/** What cannot be passed on: redirects, which would lead the gateway's credential elsewhere, and codings that nobody asked for. */
function faultOf(status: number, headers: readonly (readonly [string, string])[]): Result<undefined> {
  if (status === 401 || status === 407)
    return refuse('upstream.credential', { detail: `it does not take what the gateway shows it (${status})` })
  if (status < 200 || status > 599 || (status >= 300 && status < 400)) return refuse('upstream.malformed', { detail: `status ${status}` })
  const coding = headers.find(([name]) => name.toLowerCase() === 'content-encoding')
  return coding === undefined || coding[1].toLowerCase() === 'identity'
    ? done(undefined)
    : refuse('upstream.malformed', { detail: 'its answer is encoded, and no coding was asked for' })
}

function formOf(headers: readonly (readonly [string, string])[]): AnswerForm | 'other' {
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1].toLowerCase() ?? ''
  if (/^application\/json(?:[ \t]*;|$)/.test(type)) return 'json'
  return /^text\/event-stream(?:[ \t]*;|$)/.test(type) ? 'events' : 'other'
}
