/** One request to an upstream, and what may be done with it while its answer comes. */
import type { Socket } from 'node:net'
import { abort } from './abort.ts'
import type { AnswerListener, AnswerParser } from './answer-parser.ts'

/** Hears of one request's fate, in order; nothing after `onEnd` or `onBroken`. */
export interface CallListener extends AnswerListener {
  /** The connection stands, and not a byte has been sent. May be called before `call` has answered. */
  onReady(call: UpstreamCall): void
  /** What had come in one go has been passed on. */
  onPause(): void
  /** What was written has been taken. */
  onDrain(): void
  /** `resting`: nobody connects to it just now. May be called before `call` has answered. */
  onBroken(why: 'unreachable' | 'malformed' | 'resting'): void
}

export interface UpstreamCall {
  /** A head as `headOf` wrote it, with a body that is known whole or with none. */
  send(head: string, body?: Buffer): void
  /** The head alone: `write` and `finish` follow, in chunks where the head says so. */
  begin(head: string, chunked: boolean): void
  /** Whether more may be written before the next `onDrain`. */
  write(bytes: Buffer): boolean
  finish(): void
  pause(): void
  resume(): void
  /** Nobody holds on to the piece that is being told, which is then read into again. In the very call that tells it; said again, it changes nothing. */
  freed(): void
  /** Whether the system has all that was written: what it was written from may be let go of. */
  isTaken(): boolean
  /** Ends our side of a tunnel: what was written arrives, and nothing follows. */
  endTunnel(): void
  /** Ends the call, and its connection with it; `late` when it took too long. Does nothing once the call is over, whose connection is somebody else's by then. */
  drop(why?: 'late'): void
}

/** A body up to this size is copied behind its head. */
const copiedBytesMax = 8_192

/** On one connection. What of it is told to `listener` comes by way of `parser`. */
export class Call implements UpstreamCall {
  readonly listener: CallListener
  readonly parser: AnswerParser
  readonly #socket: Socket
  #isChunked = false
  isSent = false
  isFinished = false
  isOver = false
  isLate = false
  #freedPieces = 0
  /** Which piece was freed last, counted from one. */
  #lastFreed = 0

  constructor(socket: Socket, listener: CallListener, parser: AnswerParser) {
    this.listener = listener
    this.#socket = socket
    this.parser = parser
  }

  /** Pieces that were told, and that somebody may hold on to. */
  get heldPieces(): number {
    return this.parser.pieces - this.#freedPieces
  }

  ready(): void {
    if (!this.isOver) this.listener.onReady(this)
  }

  send(head: string, body?: Buffer): void {
    this.isSent = true
    this.isFinished = true
    if (body === undefined || body.byteLength === 0) {
      this.#socket.write(head, 'latin1')
      return
    }
    // One piece is written with less ado than two.
    if (body.byteLength <= copiedBytesMax) {
      this.#socket.write(head + body.toString('latin1'), 'latin1')
      return
    }
    this.#socket.cork()
    this.#socket.write(head, 'latin1')
    this.#socket.write(body)
    this.#socket.uncork()
  }

  begin(head: string, chunked: boolean): void {
    this.isSent = true
    this.#isChunked = chunked
    // The head goes with what of the body has come with it, and does not wait for more: the upstream may refuse without a body.
    const socket = this.#socket
    socket.cork()
    socket.write(head, 'latin1')
    process.nextTick(() => socket.uncork())
  }

  write(bytes: Buffer): boolean {
    if (this.isOver) return true
    if (!this.#isChunked) return this.#socket.write(bytes)
    this.#socket.cork()
    this.#socket.write(`${bytes.byteLength.toString(16)}\r\n`, 'latin1')
    this.#socket.write(bytes)
    const goesOn = this.#socket.write('\r\n', 'latin1')
    this.#socket.uncork()
    return goesOn
  }

  finish(): void {
    if (this.isOver) return
    this.isFinished = true
    if (this.#isChunked) this.#socket.write('0\r\n\r\n', 'latin1')
  }

  isTaken(): boolean {
    // Of a connection that is gone nobody knows what is still being read from.
    return !this.#socket.destroyed && this.#socket.writableLength === 0
  }

  endTunnel(): void {
    if (!this.isOver) this.#socket.end()
  }

  pause(): void {
    if (!this.isOver) this.#socket.pause()
  }

  resume(): void {
    if (!this.isOver) this.#socket.resume()
  }

  freed(): void {
    // Said twice of one piece, it would free another one, which somebody holds.
    if (this.#lastFreed === this.parser.pieces) return
    this.#lastFreed = this.parser.pieces
    this.#freedPieces += 1
  }

  drop(why?: 'late'): void {
    if (this.isOver) return
    this.isOver = true
    this.isLate = why === 'late'
    abort(this.#socket)
  }
}

/** One that was over before it began. */
const nothing = () => {}
export const overCall: UpstreamCall = {
  send: nothing,
  begin: nothing,
  write: () => true,
  finish: nothing,
  pause: nothing,
  resume: nothing,
  freed: nothing,
  isTaken: () => false,
  endTunnel: nothing,
  drop: nothing,
}
