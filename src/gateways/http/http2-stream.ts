/** One request on a connection of HTTP/2: its body as the client's frames bring it, and its answer as the client's windows take it. */
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { dateText } from '../shared/problem-text.ts'
import { addPiece } from '../shared/whole-body.ts'
import type { BodyReader, ClientStream, StreamHead, StreamListener } from '../shared/client-stream.ts'
import type { Http2Connection } from './http2-connection.ts'
import { errorCode, type ErrorCode, windowUsual } from './http2-frames.ts'
import type { Http2Head } from './http2-head.ts'
import { Outbox } from './http2-sender.ts'
import { ReceiveWindow } from './http2-window.ts'

const empty = Buffer.alloc(0)

/** `waiting`: not answered. `ended`: the answer is whole, and not all of it has been taken. */
type State = 'waiting' | 'answering' | 'ended' | 'over'

/** What of a frame counts against the windows: its padding too. */
export interface DataFrame {
  readonly data: Buffer
  readonly frameBytes: number
  readonly endsStream: boolean
}

export class Http2Stream implements ClientStream {
  readonly id: number
  readonly head: Http2Head
  readonly outbox: Outbox
  /** The client says no more on this stream. */
  isWhole: boolean
  /** Whether an exchange has it. */
  isBegun = false
  readonly #connection: Http2Connection
  #listener: StreamListener | undefined
  #reader: BodyReader | undefined
  #state: State = 'waiting'
  #answer: StreamHead | undefined
  #saidContinue = false
  // The body.
  readonly #window = new ReceiveWindow(windowUsual)
  #kept: Buffer[] = []
  #received = 0
  #isPaused = false
  #isDelivering = false
  #toldEnd = false
  #broken: { readonly refusal: Refusal; readonly code: ErrorCode } | undefined
  #since: Instant
  #pausedSince: Instant = 0

  constructor(connection: Http2Connection, opened: { readonly id: number; readonly head: Http2Head; readonly isWhole: boolean }) {
    this.#connection = connection
    this.id = opened.id
    this.head = opened.head
    this.isWhole = opened.isWhole
    this.#since = connection.clock.now()
    this.outbox = new Outbox(opened.id, connection.clientWindow, {
      onSent: () => this.#finish(),
      onDrain: () => this.#listener?.onDrain(),
    })
  }

  get address(): string {
    return this.#connection.address
  }

  get isAnswered(): boolean {
    return this.#state !== 'waiting'
  }

  /** Bytes wait for the client's windows, and for frames of other streams. */
  get isBehind(): boolean {
    return true
  }

  /** Nothing ever follows a request but its own body. */
  get isAhead(): boolean {
    return false
  }

  attach(listener: StreamListener): void {
    this.#listener = listener
  }

  // --- The request's body --------------------------------------------------------------------------------------------

  read(reader: BodyReader): void {
    if (this.#reader === undefined) this.#since = this.#connection.clock.now()
    this.#reader = reader
    if (this.#toldEnd) reader.onBodyEnd()
    else if (this.#broken === undefined) this.resume()
    else reader.onBodyBroken(this.#broken.refusal)
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#pausedSince = this.#connection.clock.now()
  }

  resume(): void {
    // What the other side did not take is not the sender's slowness.
    if (this.#isPaused) this.#since += this.#connection.clock.now() - this.#pausedSince
    this.#isPaused = false
    this.#deliver()
  }

  /** Takes a frame of the body. Answers what the stream must be reset with, where the client wrote beyond its window. */
  onData({ data, frameBytes, endsStream }: DataFrame): ErrorCode | undefined {
    if (!this.#window.take(frameBytes)) return errorCode.flowControl
    this.isWhole = endsStream
    const isWanted = this.#state !== 'over' && this.#broken === undefined
    this.#consumed(isWanted ? frameBytes - data.byteLength : frameBytes)
    if (!isWanted) return undefined
    this.#received += data.byteLength
    if (data.byteLength > 0) addPiece(this.#kept, data)
    return this.#measured()
  }

  /** The client has ended the request behind its body. */
  onTrailers(): void {
    this.isWhole = true
    this.#measured()
  }

  /** The body is malformed: nothing of it that is still here goes on, and the stream ends with this. */
  break(refusal: Refusal, code: ErrorCode): void {
    if (this.#broken !== undefined || this.#state === 'over') return
    this.#broken = { refusal, code }
    this.#discard()
    if (this.isBegun) this.#reader?.onBodyBroken(refusal)
    else this.#connection.refuseStream(this, refusal, code)
  }

  #measured(): undefined {
    const { framing } = this.head
    if (typeof framing === 'number' && (this.isWhole ? this.#received !== framing : this.#received > framing))
      this.break({ code: 'input.malformed', detail: 'Content-Length is not the length of the body' }, errorCode.protocol)
    else this.#deliver()
  }

  /** Whether only the end of the stream is missing: until it has come, the last piece is held back, because more would make it another body. */
  get #awaitsEnd(): boolean {
    return !this.isWhole && this.#received === this.head.framing
  }

  #deliver(): void {
    if (this.#isDelivering) return
    this.#isDelivering = true
    while (this.#reader !== undefined && !this.#isPaused && this.#kept.length > (this.#awaitsEnd ? 1 : 0)) {
      const piece = this.#kept.shift() ?? empty
      this.#consumed(piece.byteLength)
      this.#reader.onBody(piece)
    }
    this.#isDelivering = false
    if (this.#reader === undefined || this.#isPaused || this.#kept.length > 0 || !this.isWhole) return
    if (this.#toldEnd || this.#broken !== undefined || this.#state === 'over') return
    this.#toldEnd = true
    this.#reader.onBodyEnd()
  }

  /** The client may send as much again. */
  #consumed(bytes: number): void {
    this.#connection.consumed(bytes)
    if (this.isWhole || this.#state === 'over' || this.#broken !== undefined) return
    this.#connection.grant(this.id, this.#window.give(bytes))
  }

  #discard(): void {
    for (const piece of this.#kept.splice(0)) this.#connection.consumed(piece.byteLength)
  }

  /** Gives up a body that comes too slowly, a request that never ends, and an answer that nobody takes. */
  sweep(now: Instant): void {
    const { bodyMs, bodyBytesPerSecondMin, headersMs, idleMs } = this.#connection.limits
    const waited = now - this.#since
    const slow: Refusal = { code: 'input.malformed', detail: 'the body comes too slowly' }
    if (this.#state === 'ended') {
      if (waited >= idleMs) this.#connection.reset(this, errorCode.internal)
    } else if (!this.isBegun) {
      if (waited >= headersMs) this.break(slow, errorCode.cancel)
    } else if (this.#reader !== undefined && !this.#isPaused && !this.isWhole) {
      if (waited >= bodyMs + (this.#received * 1_000) / bodyBytesPerSecondMin) this.break(slow, errorCode.cancel)
    }
  }

  // --- The answer ----------------------------------------------------------------------------------------------------

  writeContinue(): void {
    if (!this.head.waits || this.#saidContinue || this.#state !== 'waiting' || this.isWhole) return
    this.#saidContinue = true
    this.writeInterim(100, [])
  }

  writeInterim(status: number, headers: readonly string[]): void {
    if (this.#state !== 'waiting') return
    const { sender } = this.#connection
    sender.control(sender.headText(this.id, status, headers))
  }

  writeHead(head: StreamHead): void {
    if (this.#state !== 'waiting') return
    this.#state = 'answering'
    this.#answer = head
  }

  flush(): void {
    if (this.#state === 'answering' && this.#answer !== undefined) this.#connection.sender.control(this.#takeHead())
  }

  write(bytes: Buffer): boolean {
    if (this.#state !== 'answering') return true
    this.flush()
    const { sender } = this.#connection
    this.#add(bytes)
    const goesOn = sender.push(this.outbox)
    if (!goesOn) sender.await(this.outbox)
    return goesOn
  }

  end(bytes: Buffer = empty): void {
    if (this.#state !== 'answering') return
    const { sender } = this.#connection
    const isFresh = this.#answer !== undefined
    const head = this.#takeHead(bytes.byteLength === 0)
    this.#state = 'ended'
    this.#since = this.#connection.clock.now()
    this.outbox.isEnding = true
    if (isFresh && bytes.byteLength === 0) sender.headAlone(this.outbox, head)
    else if (!sender.whole(this.outbox, head, bytes)) {
      if (isFresh) sender.control(head)
      this.#add(bytes)
      sender.push(this.outbox)
    }
  }

  /** An upgrade is refused before it comes to this. */
  switchProtocol(): void {
    this.abort()
  }

  abort(): void {
    // Not CANCEL, which Node's own client takes for an orderly end.
    if (this.#state !== 'over') this.#connection.reset(this, this.#broken?.code ?? errorCode.internal)
  }

  /** It is gone, by a reset of either side or with its connection. */
  closed(finished: boolean): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#connection.sender.drop(this.outbox)
    this.#discard()
    this.#listener?.onClosed(finished)
  }

  #add(bytes: Buffer): void {
    if (bytes.byteLength === 0) return
    this.outbox.pieces.push(bytes)
    this.outbox.bytes += bytes.byteLength
  }

  #finish(): void {
    if (this.#state !== 'ended') return
    // Whoever still sends a body is told that nobody reads it (RFC 9113 §8.1).
    this.#connection.streamOver(this, this.#broken?.code)
    this.closed(true)
  }

  #takeHead(endsStream = false): string {
    const answer = this.#answer
    if (answer === undefined) return ''
    this.#answer = undefined
    const { clock, sender } = this.#connection
    const isDated = answer.headers.some((name, at) => at % 2 === 0 && name.length === 4 && name.toLowerCase() === 'date')
    const headers = isDated ? answer.headers : [...answer.headers, 'date', dateText(clock.now())]
    if (answer.closes === true) this.#connection.retire()
    return sender.headText(this.id, answer.status, headers, endsStream)
  }
}
