/** One request on a connection that speaks HTTP/1.1, and the writing of its answer in as few writes as it takes. */
import { STATUS_CODES } from 'node:http'
import type { Clock } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { dateText } from './problem-text.ts'
import type { BodyReader, ClientStream, StreamHead, StreamListener } from './client-stream.ts'
import type { Connection } from './connection.ts'
import { type BodyListener, BodyParser, type RequestHead } from './request-parser.ts'

/** A body up to this size is copied behind its head: one write of one piece is cheaper than one of two. */
const copiedBytesMax = 8_192
const empty = Buffer.alloc(0)
const statusLines = new Map(
  Object.entries(STATUS_CODES).map(([status, says = '']) => [Number(status), `HTTP/1.1 ${status} ${says}\r\n`] as const),
)

/** `waiting`: not answered. `ended`: the answer is written, and not yet taken. `over`: only what is left of the body is still read. */
type State = 'waiting' | 'answering' | 'ended' | 'over'

export class Http1Stream implements ClientStream, BodyListener {
  readonly head: RequestHead
  /** What follows the head; after a change of protocol, everything that comes. */
  body: BodyParser
  readonly #connection: Connection
  #listener: StreamListener | undefined
  #reader: BodyReader | undefined
  #state: State = 'waiting'
  /** The head of the answer until it is written. */
  #answer: StreamHead | undefined
  #isChunked = false
  #closes = false
  #isPaused = false
  #saidContinue = false
  #isTunnel = false
  #brokenBy: Refusal | undefined
  /** Since when the body is read, or thrown away, or the end of the answer waits to be taken. */
  #readSince: Instant = 0
  #pausedSince: Instant = 0
  #bodyBytes = 0

  constructor(connection: Connection, head: RequestHead) {
    this.#connection = connection
    this.head = head
    this.body = new BodyParser(head.framing)
  }

  /** A head as it goes out; `closes` says that the connection ends after it. */
  static headText(
    status: number,
    headers: readonly string[],
    how: { readonly clock: Pick<Clock, 'now'>; readonly closes: boolean },
  ): string {
    let text = statusLines.get(status) ?? `HTTP/1.1 ${status} \r\n`
    let isDated = false
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const name = headers[at] ?? ''
      isDated ||= name.length === 4 && name.toLowerCase() === 'date'
      text += `${name}: ${headers[at + 1]}\r\n`
    }
    if (!isDated) text += `Date: ${dateText(how.clock.now())}\r\n`
    return how.closes ? `${text}Connection: close\r\n\r\n` : `${text}\r\n`
  }

  get address(): string {
    return this.#connection.address
  }

  get isAnswered(): boolean {
    return this.#state !== 'waiting'
  }

  /** Whether the body is wanted now: by its reader, or to be thrown away. */
  get isFlowing(): boolean {
    return this.#state === 'over' || (this.#reader !== undefined && !this.#isPaused)
  }

  /** Whether the piece of the body that was told last may be held on to. */
  get keepsBody(): boolean {
    return this.#reader?.keeps !== false
  }

  attach(listener: StreamListener): void {
    this.#listener = listener
  }

  // --- The request's body --------------------------------------------------------------------------------------------

  read(reader: BodyReader): void {
    if (this.#reader === undefined) this.#readSince = this.#connection.clock.now()
    this.#reader = reader
    if (this.#brokenBy !== undefined) reader.onBodyBroken(this.#brokenBy)
    else if (this.body.isWhole) reader.onBodyEnd()
    else this.resume()
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#pausedSince = this.#connection.clock.now()
  }

  resume(): void {
    // What the other side did not take is not the sender's slowness.
    if (this.#isPaused) this.#readSince += this.#connection.clock.now() - this.#pausedSince
    this.#isPaused = false
    if (!this.body.isWhole) this.#connection.flows()
  }

  onBody(bytes: Buffer): void {
    this.#bodyBytes += bytes.byteLength
    if (this.#state !== 'over') this.#reader?.onBody(bytes)
  }

  onBodyEnd(): void {
    if (this.#state === 'over') this.#connection.streamOver(true)
    else this.#reader?.onBodyEnd()
  }

  /** The body cannot be read any further, and nothing after it can be. */
  broken(refusal: Refusal): void {
    if (this.#brokenBy !== undefined) return
    this.#brokenBy = refusal
    if (this.#state === 'over') this.#connection.abort()
    else this.#reader?.onBodyBroken(refusal)
  }

  /** Gives up a body that comes too slowly, what is left of one after the answer, and a whole answer that nobody takes. */
  sweep(now: Instant): void {
    const { drainMs, keepAliveMs, bodyMs, bodyBytesPerSecondMin } = this.#connection.limits
    if (this.#state === 'over') {
      if (now - this.#readSince >= drainMs) this.#connection.abort()
      return
    }
    if (this.#state === 'ended') {
      // While it went on, whoever answers had an eye on it. A client that takes it as slowly as it may send is waited for.
      const { writableLength } = this.#connection.socket
      if (now - this.#readSince >= keepAliveMs + (writableLength * 1_000) / bodyBytesPerSecondMin) this.#connection.abort()
      return
    }
    if (this.#reader === undefined || this.#isPaused || this.#isTunnel || this.body.isWhole) return
    if (now - this.#readSince >= bodyMs + (this.#bodyBytes * 1_000) / bodyBytesPerSecondMin)
      this.broken({ code: 'input.malformed', detail: 'the body comes too slowly' })
  }

  // --- The answer ----------------------------------------------------------------------------------------------------

  writeContinue(): void {
    if (!this.head.waits || this.#saidContinue || this.#state !== 'waiting' || this.body.isWhole) return
    this.#saidContinue = true
    this.#connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
  }

  writeInterim(status: number, headers: readonly string[]): void {
    if (this.#state !== 'waiting') return
    this.#connection.socket.write(interimText(status, headers), 'latin1')
  }

  writeHead(head: StreamHead): void {
    if (this.#state !== 'waiting') return
    this.#state = 'answering'
    this.#answer = head
    this.#closes = head.closes === true
    this.#isChunked = head.length === 'unknown'
  }

  get isAhead(): boolean {
    return this.#connection.hasMore
  }

  switchProtocol(headers: readonly string[]): void {
    if (this.#state !== 'waiting') return
    this.#state = 'answering'
    this.#isTunnel = true
    this.#closes = true
    this.body = new BodyParser('endless')
    this.#connection.socket.write(interimText(101, headers), 'latin1')
  }

  /** The client has ended its side of a tunnel. Answers false where this is none. */
  ended(): boolean {
    if (!this.#isTunnel) return false
    this.#reader?.onBodyEnd()
    return true
  }

  flush(): void {
    if (this.#state === 'answering' && this.#answer !== undefined) this.#connection.socket.write(this.#takeHead(), 'latin1')
  }

  write(bytes: Buffer): boolean {
    if (this.#state !== 'answering') return true
    const { socket } = this.#connection
    const head = this.#takeHead()
    const before = this.#isChunked ? `${head}${bytes.byteLength.toString(16)}\r\n` : head
    const after = this.#isChunked ? '\r\n' : ''
    if (bytes.byteLength <= copiedBytesMax) return socket.write(before + bytes.toString('latin1') + after, 'latin1')
    socket.cork()
    if (before !== '') socket.write(before, 'latin1')
    socket.write(bytes)
    if (after !== '') socket.write(after, 'latin1')
    socket.uncork()
    // Only now: while they were put together, a long piece counted as one that waits, and mostly the system has taken it.
    return socket.writableLength < socket.writableHighWaterMark
  }

  get isBehind(): boolean {
    return this.#connection.socket.writableLength > 0
  }

  end(bytes: Buffer = empty): void {
    if (this.#state !== 'answering') return
    const { socket } = this.#connection
    const isLarge = bytes.byteLength > copiedBytesMax
    if (isLarge) this.write(bytes)
    const body = isLarge || bytes.byteLength === 0 ? '' : bytes.toString('latin1')
    const chunk = this.#isChunked && body !== '' ? `${bytes.byteLength.toString(16)}\r\n${body}\r\n` : body
    const text = `${this.#takeHead()}${chunk}${this.#isChunked ? '0\r\n\r\n' : ''}`
    this.#state = 'ended'
    if (text !== '') socket.write(text, 'latin1')
    // Mostly the system has it all by now; where it has not, this comes after all of it.
    if (socket.writableLength === 0) this.#finish()
    else {
      this.#readSince = this.#connection.clock.now()
      socket.write(empty, (error) => this.#written(error))
    }
  }

  abort(): void {
    this.#connection.abort()
  }

  /** The socket takes more again. */
  drained(): void {
    if (this.#state === 'answering' || this.#state === 'waiting') this.#listener?.onDrain()
  }

  /** The connection is gone, or the answer is. */
  closed(finished: boolean): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#listener?.onClosed(finished)
  }

  #written(error: Error | null | undefined): void {
    // Of a connection that broke, `closed` speaks.
    if (error === null || error === undefined) this.#finish()
  }

  #finish(): void {
    if (this.#state !== 'ended') return
    this.closed(true)
    if (this.#endsConnection) this.#connection.streamOver(false)
    else if (this.body.isWhole) this.#connection.streamOver(true)
    else {
      this.#readSince = this.#connection.clock.now()
      this.#connection.flows()
    }
  }

  /** A client that was not told to send its body may send it or not: nobody knows what its next bytes are. */
  get #endsConnection(): boolean {
    if (this.#closes || this.#brokenBy !== undefined || this.#connection.closesNext) return true
    return this.head.waits && !this.#saidContinue && !this.body.isWhole
  }

  #takeHead(): string {
    const answer = this.#answer
    if (answer === undefined) return ''
    this.#answer = undefined
    const headers = this.#isChunked ? [...answer.headers, 'Transfer-Encoding', 'chunked'] : answer.headers
    return Http1Stream.headText(answer.status, headers, { clock: this.#connection.clock, closes: this.#endsConnection })
  }
}

function interimText(status: number, headers: readonly string[]): string {
  let text = statusLines.get(status) ?? `HTTP/1.1 ${status} \r\n`
  for (let at = 0; at + 1 < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`
  return `${text}\r\n`
}
