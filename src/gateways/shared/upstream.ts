/** Connections to one upstream, kept alive between requests and never used for a second try. */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectSecurely, type TLSSocket } from 'node:tls'
import type { Clock } from '../../control/ports.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { AnswerParser, HeadBefore, type Progress } from './answer-parser.ts'
import { abort } from './abort.ts'
import { Circuit, type CircuitInput, type CircuitLimits, connectFault, type UpstreamHealth } from './circuit.ts'
import { type Hear, hearing } from './read-memory.ts'
import { type Outgoing, requestHead } from './request-head.ts'
import { Call, type CallListener, overCall, type UpstreamCall } from './upstream-call.ts'

export interface Upstream {
  readonly origin: string
  readonly health: UpstreamHealth
  /** The text of a request's head. Throws on what would end a line early: a credential comes from a configuration, not from a parser. */
  headOf(outgoing: Outgoing): string
  /** Takes a connection for one request of this method. `mayChange`: it asks for another protocol. */
  call(method: string, listener: CallListener, mayChange?: boolean): UpstreamCall
  /** Closes what has been idle for too long. */
  sweep(now: Instant): void
  /** Idle connections close now, the others when they are done. */
  retire(): void
}

const idleMax = 256
/** By how much an idle connection is given up before its upstream would. */
const marginMs = 1_000

export interface UpstreamLimits extends CircuitLimits {
  /** Head of an upstream's answer. */
  readonly upstreamHeaderBytesMax: number
  /** A connection between requests: below the 5 s after which many servers close theirs. */
  readonly upstreamIdleMs: Milliseconds
}

export interface UpstreamInput {
  readonly limits: UpstreamLimits
  readonly clock: Pick<Clock, 'now'>
  readonly chance?: CircuitInput['chance']
  /** Told once for each time that it cannot be reached, and that it is reached again. */
  readonly onTurn: (health: UpstreamHealth) => void
}

/** An upstream by its origin (`http://` or `https://`, host, port). Throws on anything else: configuration has checked it. */
export function openUpstream(origin: string, input: UpstreamInput): Upstream {
  const url = new URL(origin)
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.origin !== origin.replace(/\/$/, ''))
    throw new Error('an upstream is an http or https origin')
  return new Pool(origin, url, input)
}

class Pool implements Upstream {
  readonly origin: string
  readonly limits: UpstreamLimits
  readonly clock: Pick<Clock, 'now'>
  readonly circuit: Circuit
  readonly #url: URL
  /** The one that was used last stands last, and is used next. */
  #idle: Connection[] = []
  #isRetired = false
  #session: Buffer | undefined

  constructor(origin: string, url: URL, input: UpstreamInput) {
    this.origin = origin
    this.limits = input.limits
    this.clock = input.clock
    this.circuit = new Circuit(input)
    this.#url = url
  }

  get health(): UpstreamHealth {
    return this.circuit.health
  }

  headOf(outgoing: Outgoing): string {
    return requestHead(outgoing, outgoing.host ?? this.#url.host)
  }

  call(method: string, listener: CallListener, mayChange = false): UpstreamCall {
    const now = this.clock.now()
    for (let known = this.#idle.pop(); known !== undefined; known = this.#idle.pop()) {
      if (known.isUsable(now)) return known.take(method, listener, mayChange)
      known.end()
    }
    if (!this.circuit.admit()) {
      listener.onBroken('resting')
      return overCall
    }
    return new Connection(this, (hear) => this.#connect(hear)).take(method, listener, mayChange)
  }

  sweep(now: Instant): void {
    const stale = this.#idle.filter((each) => !each.isUsable(now))
    if (stale.length === 0) return
    this.#idle = this.#idle.filter((each) => each.isUsable(now))
    for (const each of stale) each.end()
  }

  retire(): void {
    this.#isRetired = true
    for (const each of this.#idle.splice(0)) each.end()
  }

  giveBack(connection: Connection): void {
    if (this.#isRetired || this.#idle.length >= idleMax) connection.end()
    else this.#idle.push(connection)
  }

  forget(connection: Connection): void {
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  /** A connection whose bytes are told to `hear`. */
  #connect(hear: Hear): Socket {
    const { hostname, protocol, port } = this.#url
    const host = hostname.replace(/^\[|\]$/g, '')
    const settings = { host, noDelay: true, keepAlive: true, keepAliveInitialDelay: 1_000 } as const
    if (protocol === 'http:') return connect({ ...settings, port: port === '' ? 80 : Number(port), onread: hearing(hear) })
    const secure: TLSSocket = connectSecurely({
      ...settings,
      port: port === '' ? 443 : Number(port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    })
    // The next connection need not shake hands from the start.
    secure.on('session', (session) => {
      this.#session = session
    })
    secure.on('data', hear)
    return secure
  }
}

/** One connection, with one request on it at a time. */
class Connection {
  readonly #pool: Pool
  readonly #socket: Socket
  #isReady = false
  #isTold = false
  #call: Call | undefined
  #idleUntil: Instant = 0
  readonly #before = new HeadBefore()

  constructor(pool: Pool, open: (hear: Hear) => Socket) {
    this.#pool = pool
    const socket = open((bytes) => this.#read(bytes))
    this.#socket = socket
    socket.on('encrypted' in socket ? 'secureConnect' : 'connect', () => {
      this.#isReady = true
      this.#pool.circuit.reached()
      this.#call?.ready()
    })
    socket.on('drain', () => this.#call?.listener.onDrain())
    socket.on('end', () => this.#ended())
    socket.on('error', (thrown) => this.#broken(thrown))
    socket.on('close', () => this.#broken())
  }

  isUsable(now: Instant): boolean {
    return now < this.#idleUntil && this.#socket.readyState === 'open'
  }

  take(method: string, listener: CallListener, mayChange: boolean): UpstreamCall {
    const { upstreamHeaderBytesMax: headBytesMax } = this.#pool.limits
    const parser = new AnswerParser({ method, headBytesMax, listener, mayChange, before: this.#before })
    const call = new Call(this.#socket, listener, parser)
    this.#call = call
    if (this.#isReady) call.ready()
    return call
  }

  end(): void {
    this.#socket.destroy()
  }

  /** Answers whether nobody holds on to the bytes. */
  #read(bytes: Buffer): boolean {
    const call = this.#call
    // What is said unasked is nobody's answer.
    if (call === undefined) {
      this.end()
      return false
    }
    const held = call.heldPieces
    const progress = call.isSent ? call.parser.push(bytes) : 'malformed'
    const isFree = call.heldPieces === held && !call.parser.holds
    // Whoever heard of it may have dropped the call.
    if (!call.isOver) this.#follow(call, progress)
    return isFree
  }

  #follow(call: Call, progress: Progress): void {
    switch (progress) {
      case 'more':
        call.listener.onPause()
        break
      case 'over':
        this.#release(call)
        break
      case 'excess':
        call.isOver = true
        this.#call = undefined
        this.end()
        break
      case 'malformed':
        this.#fail(call, 'malformed')
        break
    }
  }

  /** Only after a whole request and a whole answer is it known where the next answer would begin. */
  #release(call: Call): void {
    const { limits, clock } = this.#pool
    const { keepsOpen, idleSeconds } = call.parser
    const isWhole = call.isFinished && this.#socket.writableLength === 0
    call.isOver = true
    this.#call = undefined
    const idle = Math.min(limits.upstreamIdleMs, idleSeconds === undefined ? Number.POSITIVE_INFINITY : idleSeconds * 1_000 - marginMs)
    if (!isWhole || !keepsOpen || idle <= 0) {
      this.end()
      return
    }
    this.#idleUntil = clock.now() + idle
    this.#socket.resume()
    this.#pool.giveBack(this)
  }

  #ended(): void {
    const call = this.#call
    if (call === undefined || !call.isSent) return
    if (!call.parser.close() || call.isOver) return
    call.isOver = true
    this.#call = undefined
    this.end()
  }

  #broken(thrown?: unknown): void {
    this.#idleUntil = 0
    if (!this.#isReady) this.#tell(thrown)
    this.#pool.forget(this)
    if (this.#call !== undefined) this.#fail(this.#call, 'unreachable')
  }

  /** How the opening of it went, once. Whoever asked for it may have left, which says nothing of the upstream. */
  #tell(thrown: unknown): void {
    if (this.#isTold) return
    this.#isTold = true
    if (this.#call?.isLate === true) this.#pool.circuit.failed('it does not answer in time')
    else if (this.#call?.isOver === true) this.#pool.circuit.abandoned()
    else this.#pool.circuit.failed(connectFault(thrown))
  }

  #fail(call: Call, why: 'unreachable' | 'malformed'): void {
    this.#call = undefined
    if (call.isOver) return
    call.isOver = true
    abort(this.#socket)
    call.listener.onBroken(why)
  }
}
