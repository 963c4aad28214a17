/** A client's connection that speaks HTTP/1.1: one request after another, each a stream for an exchange, answers in their order. */
import type { Socket } from 'node:net'
import type { Clock } from '../../control/ports.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import type { Result } from '../../kernel/result.ts'
import { abort } from './abort.ts'
import type { StreamHost } from './client-stream.ts'
import { Http1Stream } from './http1-stream.ts'
import { letGo } from './read-memory.ts'
import {
  type BodyParser,
  type FoundHead,
  type HeaderBlock,
  headerBlockOf,
  readHead,
  readHeadAgain,
  type RequestHead,
  targetOf,
} from './request-parser.ts'

/** Bytes, counts and milliseconds as the names say. */
export interface ConnectionLimits {
  /** Request line and headers together. */
  readonly headerBytesMax: number
  /** Requests that wait behind another one on their own connection. */
  readonly pipelinedMax: number
  /** From a request's first byte to the end of its headers. */
  readonly headersMs: Milliseconds
  /** For the whole of a body that is buffered; for one that passes, before it must come at the least rate. */
  readonly bodyMs: Milliseconds
  /** The least rate of a body that passes, while the upstream takes what comes. */
  readonly bodyBytesPerSecondMin: number
  /** A client's connection between requests. */
  readonly keepAliveMs: Milliseconds
  /** How long what is left of a body is read and thrown away after the answer, so that its sender hears it. */
  readonly drainMs: Milliseconds
}

export interface ConnectionInput<Limits = ConnectionLimits> {
  readonly socket: Socket
  readonly address: string
  readonly host: StreamHost
  readonly limits: Limits
  readonly clock: Pick<Clock, 'now'>
  /** Called once, when it is gone. */
  readonly onGone: () => void
}

/** A request that waits for the answers before it: its head, or why there is none. */
type Ahead = RequestHead | { readonly refusal: Refusal; readonly target: string }

/** Bytes kept for a reader that has not come yet; with more, the client is not read from. */
const keptBytesMax = 65_536

/** `open`: takes requests. `ending`: our end is closed, and what the client still says is thrown away. */
type State = 'open' | 'ending' | 'gone'

export class Connection {
  readonly socket: Socket
  readonly limits: ConnectionLimits
  readonly clock: Pick<Clock, 'now'>
  readonly address: string
  readonly #host: StreamHost
  readonly #onGone: () => void
  #state: State = 'open'
  #kept: Buffer | undefined
  /** How much of `#kept` has been looked at for the end of a head. */
  #seen = 0
  /** The header lines of the request before. */
  #block: HeaderBlock | undefined
  #stream: Http1Stream | undefined
  #ahead: Ahead[] = []
  /** Whether nothing after the last one in `#ahead` can be read yet: it has a body, or is none. */
  #isAheadClosed = false
  #isAdvancing = false
  #isInBody = false
  #isPaused = false
  #closesNext = false
  /** Since when it has been as it is: idle, within a head, or ending. The first sweep that finds it so says when: a look at the clock saved. */
  #since: Instant | undefined

  constructor({ socket, address, host, limits, clock, onGone }: ConnectionInput) {
    this.socket = socket
    this.address = address
    this.limits = limits
    this.clock = clock
    this.#host = host
    this.#onGone = onGone
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => this.#onData(bytes))
    socket.on('drain', () => this.#stream?.drained())
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => this.#onClose())
    socket.on('close', () => this.#onClose())
  }

  /** Whether no request is under way; one that has not come whole is none yet. */
  get isIdle(): boolean {
    return this.#state === 'open' && this.#stream === undefined && this.#ahead.length === 0
  }

  get idleSince(): Instant {
    return this.#since ?? Number.POSITIVE_INFINITY
  }

  /** Closes it now if it is idle, and else after the answer that is under way. */
  retire(): void {
    this.#closesNext = true
    if (this.isIdle) this.#end()
  }

  abort(): void {
    if (this.#state === 'gone') return
    abort(this.socket)
    this.#onClose()
  }

  /** Gives up what takes too long. */
  sweep(now: Instant): void {
    const { headersMs, keepAliveMs, drainMs } = this.limits
    const stream = this.#stream
    this.#since ??= now
    const waited = now - this.#since
    if (this.#state === 'ending') {
      if (waited >= drainMs) this.abort()
    } else if (stream !== undefined) stream.sweep(now)
    else if (this.#kept !== undefined) {
      if (waited >= headersMs) this.#refuse({ code: 'input.malformed', detail: 'the request took too long' }, targetOf(this.#kept))
    } else if (waited >= keepAliveMs) this.#end()
  }

  // --- Of its stream -------------------------------------------------------------------------------------------------

  /** The stream takes bytes again, or for the first time. */
  flows(): void {
    if (this.#isAdvancing) this.#takeBodies()
    else this.#advance()
  }

  /** The answer is over, and so is the request. `keeps`: the next request begins where this one ended. */
  streamOver(keeps: boolean): void {
    this.#stream = undefined
    if (this.#state !== 'open') return
    this.#since = undefined
    if (keeps && !this.#closesNext) this.#advance()
    else this.#end()
  }

  /** Whether there is more than the request under way. */
  get hasMore(): boolean {
    return this.#kept !== undefined || this.#ahead.length > 0
  }

  get closesNext(): boolean {
    return this.#closesNext
  }

  // --- Of its socket -------------------------------------------------------------------------------------------------

  #onData(bytes: Buffer): void {
    if (this.#state !== 'open') return
    if (this.#kept === undefined) {
      if (this.#stream === undefined) this.#since = undefined
      this.#kept = bytes
    } else this.#kept = Buffer.concat([this.#kept, bytes])
    this.#advance()
  }

  /** Whoever ends its side has left, as with every server that does not say otherwise: nothing is done for nobody. */
  #onEnd(): void {
    if (this.#stream?.ended() === true) return
    if (this.#state === 'ending' || this.isIdle) this.socket.destroy()
    else this.abort()
    this.#onClose()
  }

  #onClose(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.socket.destroy()
    this.#kept = undefined
    this.#ahead = []
    this.#onGone()
    this.#stream?.closed(false)
  }

  /** Closes our end. The client is listened to a little longer: were it reset while it sends, it would not read the answer. */
  #end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#since = undefined
    this.#kept = undefined
    this.#ahead = []
    this.socket.end()
    this.socket.resume()
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  /** Takes what was kept as far as it can be taken now. */
  #advance(): void {
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    while (this.#state === 'open' && this.#takeOne());
    this.#isAdvancing = false
    if (this.#state === 'open') this.#breathe()
  }

  /** One step; whether there may be another. */
  #takeOne(): boolean {
    const stream = this.#stream
    if (stream === undefined && this.#ahead.length > 0) return this.#begin()
    const kept = this.#kept
    if (kept === undefined) return false
    if (stream !== undefined && !stream.body.isWhole) return stream.isFlowing && this.#takeBody(stream, stream.body, kept)
    return !this.#isAheadClosed && this.#takeHead(kept)
  }

  /** Whoever asks for a body while its head is handed over gets what has come with it there and then, and need not wait. */
  #takeBodies(): void {
    const stream = this.#stream
    if (this.#isInBody || stream === undefined) return
    while (this.#state === 'open' && this.#kept !== undefined && !stream.body.isWhole && stream.isFlowing)
      if (!this.#takeBody(stream, stream.body, this.#kept)) return
  }

  #takeBody(stream: Http1Stream, body: BodyParser, kept: Buffer): boolean {
    this.#isInBody = true
    const taken: Result<number> = body.step(kept, stream)
    this.#isInBody = false
    if (!taken.ok) {
      this.#kept = undefined
      stream.broken(taken.refusal)
      return false
    }
    // The stream may have ended, and the connection with it, in whoever heard of the piece.
    if (taken.value > 0 && this.#kept === kept) this.#consume(kept, taken.value)
    if (taken.value === kept.byteLength && !stream.keepsBody) letGo(kept)
    return taken.value > 0
  }

  #takeHead(kept: Buffer): boolean {
    const again = this.#block === undefined ? undefined : readHeadAgain(kept, this.#block, this.limits.headerBytesMax)
    if (again !== undefined) {
      this.#seen = 0
      this.#put(again, kept)
      return true
    }
    const found = readHead(kept, this.#seen, this.limits.headerBytesMax)
    if (found.ok && found.value === undefined) {
      this.#seen = kept.byteLength
      return false
    }
    this.#seen = 0
    this.#push(found, kept)
    return true
  }

  #push(found: Result<FoundHead | undefined>, kept: Buffer): void {
    if (!found.ok) {
      this.#ahead.push({ refusal: found.refusal, target: targetOf(kept) })
      this.#isAheadClosed = true
      this.#kept = undefined
      return
    }
    if (found.value === undefined) return
    this.#block = headerBlockOf(kept, found.value)
    this.#put(found.value, kept)
  }

  #put({ head, bytes }: FoundHead, kept: Buffer): void {
    this.#consume(kept, bytes)
    this.#isAheadClosed = head.framing !== 0
    this.#ahead.push(head)
    if (this.#ahead.length > this.limits.pipelinedMax) this.abort()
  }

  #begin(): boolean {
    const next = this.#ahead.shift()
    if (next === undefined) return false
    if ('refusal' in next) {
      this.#refuse(next.refusal, next.target)
      return false
    }
    if (this.#ahead.length === 0) this.#isAheadClosed = false
    const stream = new Http1Stream(this, next)
    this.#stream = stream
    this.#closesNext ||= next.closes
    this.#host.begin(stream)
    return true
  }

  #consume(kept: Buffer, bytes: number): void {
    this.#kept = bytes === kept.byteLength ? undefined : kept.subarray(bytes)
  }

  /** Reads from the client while there is room for what it says. */
  #breathe(): void {
    const isFull = (this.#kept?.byteLength ?? 0) >= keptBytesMax
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    if (isFull) this.socket.pause()
    else this.socket.resume()
  }

  #refuse(refusal: Refusal, target: string): void {
    const { status, headers, body } = this.#host.refuse({ address: this.address, target, refusal })
    this.#closesNext = true
    this.socket.write(Http1Stream.headText(status, headers, { clock: this.clock, closes: true }) + body.toString('latin1'), 'latin1')
    this.#end()
  }
}
