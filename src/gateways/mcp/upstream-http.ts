/** An MCP server that is reached over HTTP: one request for each message, sent at most once, its answer handed on as it comes. */
import { Agent, type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http'
import { Agent as SecureAgent, request as requestSecure } from 'node:https'
import type { Socket } from 'node:net'
import type { Clock } from '../../control/ports.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import { type Refusal, refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { AnswerForm, McpServer, Outgoing, ServerCall, ServerListener } from './ports.ts'

export interface HttpServerLimits {
  readonly connectMs: Milliseconds
  /** From the request's last byte to the head of the answer: a tool may take its time. */
  readonly answerMs: Milliseconds
  /** A connection between requests: below the 5 s after which many servers close theirs. */
  readonly upstreamIdleMs: Milliseconds
  readonly upstreamHeaderBytesMax: number
  /** Connections that are kept though nobody uses them. */
  readonly idleConnectionsMax: number
}

export interface HttpServerInput {
  readonly service: string
  /** Scheme, host and port. */
  readonly origin: string
  /** Path of its endpoint, such as `/mcp`. */
  readonly endpoint: string
  readonly clock: Clock
  readonly limits: HttpServerLimits
  /** The header that authenticates the gateway to it, revealed for this one request. */
  readonly credential: () => Result<readonly [string, string] | undefined>
}

/** Nothing is ever sent twice, also where a kept connection dies before it answers: the server may have acted. */
export class HttpMcpServer implements McpServer {
  readonly service: string
  readonly #input: HttpServerInput
  readonly #url: URL
  readonly #agent: Agent
  readonly #calls = new Set<HttpCall>()

  constructor(input: HttpServerInput) {
    const { upstreamIdleMs: timeout, idleConnectionsMax: maxFreeSockets } = input.limits
    this.service = input.service
    this.#input = input
    this.#url = new URL(input.endpoint, input.origin)
    const kept = { keepAlive: true, maxFreeSockets, timeout, scheduling: 'lifo' } as const
    this.#agent = this.#url.protocol === 'https:' ? new SecureAgent(kept) : new Agent(kept)
  }

  send(outgoing: Outgoing, listener: ServerListener): ServerCall {
    const { clock, limits, credential } = this.#input
    const secret = credential()
    if (!secret.ok) {
      listener.onBroken(secret.refusal)
      return idleCall
    }
    const sent = this.#request(outgoing, secret.value)
    const call = new HttpCall({ sent, outgoing, listener, clock, limits, onOver: () => this.#calls.delete(call) })
    this.#calls.add(call)
    call.begin()
    return call
  }

  close(): Promise<void> {
    for (const call of this.#calls) call.abort()
    this.#agent.destroy()
    return Promise.resolve()
  }

  #request({ method, headers, message }: Outgoing, secret: readonly [string, string] | undefined): ClientRequest {
    const body = method === 'POST' ? ['Content-Type', 'application/json', 'Content-Length', `${message.bytes.byteLength}`] : []
    const url = this.#url
    const isSecure = url.protocol === 'https:'
    return (isSecure ? requestSecure : requestPlain)({
      agent: this.#agent,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
      path: url.pathname,
      method,
      maxHeaderSize: this.#input.limits.upstreamHeaderBytesMax,
      setHost: false,
      headers: [...['Host', hostFor(url, headers)], ...passing(headers), ...body, ...(secret ?? [])],
    })
  }
}

const idleCall: ServerCall = { abort: () => {}, pause: () => {}, resume: () => {} }

/**
 * A server on this machine is told the name that the client used: it can then refuse names that are not its own, as protocols over
 * loopback do against DNS rebinding. One elsewhere is told its own, or whatever stands before it would not find it.
 */
function hostFor({ host, hostname }: URL, headers: Outgoing['headers']): string {
  const isHere = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
  return (isHere ? headers.find(([name]) => name.toLowerCase() === 'host')?.[1] : undefined) ?? host
}

function passing(headers: Outgoing['headers']): string[] {
  return headers.flatMap(([name, value]) => (name.toLowerCase() === 'host' ? [] : [name, value]))
}

interface CallInput {
  readonly sent: ClientRequest
  readonly outgoing: Outgoing
  readonly listener: ServerListener
  readonly clock: Clock
  readonly limits: HttpServerLimits
  readonly onOver: () => void
}

/** One request and its answer. */
class HttpCall implements ServerCall {
  readonly #input: CallInput
  #answer: IncomingMessage | undefined
  #isOver = false
  #callOff: () => void = () => {}

  constructor(input: CallInput) {
    this.#input = input
  }

  begin(): void {
    const { sent, clock, limits } = this.#input
    this.#callOff = clock.after(limits.connectMs, () => this.#broken({ code: 'upstream.unreachable' }))
    sent.on('socket', (socket) => this.#connect(socket))
    sent.on('response', (answer) => this.#hear(answer))
    sent.on('error', () => this.#broken({ code: 'upstream.unreachable' }))
    // Whoever asks to change the protocol was not asked to.
    sent.on('upgrade', () => this.#broken({ code: 'upstream.malformed', detail: 'it changes the protocol' }))
  }

  abort(): void {
    if (this.#isOver) return
    this.#over()
    this.#input.sent.destroy()
  }

  pause(): void {
    this.#answer?.pause()
  }

  resume(): void {
    this.#answer?.resume()
  }

  #connect(socket: Socket): void {
    const { sent } = this.#input
    socket.setNoDelay(true)
    if (sent.reusedSocket) this.#go()
    else if ('encrypted' in socket) socket.once('secureConnect', () => this.#go())
    else if (socket.connecting) socket.once('connect', () => this.#go())
    else this.#go()
  }

  /** The first byte goes out in this very tick, or never. */
  #go(): void {
    if (this.#isOver) return
    const { sent, outgoing, clock, limits } = this.#input
    this.#callOff()
    const mayGo = outgoing.mayGo()
    if (!mayGo.ok) {
      this.#broken(mayGo.refusal)
      return
    }
    this.#callOff = clock.after(limits.answerMs, () => this.#broken({ code: 'upstream.timeout' }))
    if (outgoing.method === 'POST') sent.end(outgoing.message.bytes)
    else sent.end()
  }

  #hear(answer: IncomingMessage): void {
    const { listener } = this.#input
    this.#callOff()
    if (this.#isOver) {
      answer.destroy()
      return
    }
    this.#answer = answer
    const headers = pairs(answer.rawHeaders)
    const fault = faultOf(answer, headers)
    if (!fault.ok) {
      this.#broken(fault.refusal)
      return
    }
    answer.on('data', (bytes: Buffer) => {
      if (!this.#isOver) listener.onData(bytes)
    })
    answer.on('end', () => {
      if (this.#isOver) return
      this.#over()
      listener.onEnd()
    })
    answer.on('error', () => this.#broken({ code: 'upstream.unreachable', detail: 'it broke off' }))
    answer.on('close', () => this.#broken({ code: 'upstream.unreachable', detail: 'it broke off' }))
    listener.onHead({ status: answer.statusCode ?? 0, headers, form: formOf(headers) })
  }

  #broken(refusal: Refusal): void {
    if (this.#isOver) return
    this.#over()
    this.#input.sent.destroy()
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
function faultOf({ statusCode = 0 }: IncomingMessage, headers: readonly (readonly [string, string])[]): Result<undefined> {
  if (statusCode === 401 || statusCode === 407)
    return refuse('upstream.credential', { detail: `it does not take what the gateway shows it (${statusCode})` })
  if (statusCode < 200 || statusCode > 599 || (statusCode >= 300 && statusCode < 400))
    return refuse('upstream.malformed', { detail: `status ${statusCode}` })
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
