/** What goes out on a connection of HTTP/2: control frames at once, bodies as far as the client's windows and the socket take them. */
import type { Socket } from 'node:net'
import { emptyTable, encodeFields } from './http2-hpack.ts'
import { flag, frameHead, framePayloadMax, frameType, headersText, windowMax, windowUsual } from './http2-frames.ts'

/** A piece up to this size is copied behind its head: one write of one piece is cheaper than one of two. */
const copiedBytesMax = 8_192
/** What may wait for a client that does not read: answers are held back long before. */
const unreadBytesMax = 1_048_576

/** The body of one answer on its way out. */
export class Outbox {
  readonly stream: number
  readonly onSent: () => void
  readonly onDrain: () => void
  /** What the client takes of this stream; below zero after it took some back. */
  window: number
  pieces: Buffer[] = []
  bytes = 0
  /** Nothing is added any more, and the last frame says so. */
  isEnding = false
  isOver = false
  /** Whether somebody waits for it to be empty. */
  isAwaited = false
  isQueued = false

  constructor(stream: number, window: number, heard: { readonly onSent: () => void; readonly onDrain: () => void }) {
    this.stream = stream
    this.window = window
    this.onSent = heard.onSent
    this.onDrain = heard.onDrain
  }

  get isDue(): boolean {
    return !this.isOver && (this.bytes === 0 ? this.isEnding : this.window > 0)
  }

  take(most: number): Buffer {
    const [first = Buffer.alloc(0)] = this.pieces
    const piece = first.byteLength <= most ? first : first.subarray(0, most)
    if (piece === first) this.pieces.shift()
    else this.pieces[0] = first.subarray(most)
    this.bytes -= piece.byteLength
    this.window -= piece.byteLength
    return piece
  }
}

/** One of ours: to HEAD it is a head. */
export interface OwnAnswer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly isHead: boolean
}

export class Sender {
  readonly #socket: Socket
  readonly #onData: () => void
  #window = windowUsual
  #due: Outbox[] = []
  #awaited: Outbox[] = []
  #isPumping = false
  #saidTable = false

  /** `onData` hears of each frame of a body that goes out. */
  constructor(socket: Socket, onData: () => void) {
    this.#socket = socket
    this.#onData = onData
  }

  /** Whether the client has left too much unread for anything more to be said. */
  get isOverrun(): boolean {
    return this.#socket.writableLength > unreadBytesMax
  }

  get #isBlocked(): boolean {
    return this.#socket.writableNeedDrain || this.#socket.destroyed
  }

  /** Frames that stand under no window, as latin1 text. */
  control(text: string): void {
    if (this.#socket.writable) this.#socket.write(text, 'latin1')
  }

  /** The frames of a head. What they are written with must be written next: each block of fields has its place. */
  headText(stream: number, status: number, headers: readonly string[], endsStream = false): string {
    const block = encodeFields(status, headers)
    const text = headersText(stream, this.#saidTable ? block : emptyTable + block, endsStream)
    this.#saidTable = true
    return text
  }

  /** The whole answer in one write, if the windows take it now; false, and nothing was written, if not. */
  whole(outbox: Outbox, head: string, body: Buffer): boolean {
    const { byteLength } = body
    const takes = Math.min(copiedBytesMax, this.#window, outbox.window)
    if (byteLength > takes || outbox.bytes > 0 || this.#isBlocked || this.#due.length > 0) return false
    this.#window -= byteLength
    outbox.window -= byteLength
    this.#onData()
    const data = frameHead(byteLength, frameType.data, flag.endStream, outbox.stream) + body.toString('latin1')
    this.#last(outbox, head + data)
    return true
  }

  /** A whole answer that nobody waits to see taken. Where the windows do not take it now it stays a head alone, without an end: false. */
  answer(outbox: Outbox, { status, headers, body, isHead }: OwnAnswer): boolean {
    const head = this.headText(outbox.stream, status, headers, isHead)
    if (!isHead && this.whole(outbox, head, body)) return true
    this.control(head)
    return isHead
  }

  /** An answer that is a head alone, which ends the stream. */
  headAlone(outbox: Outbox, head: string): void {
    this.#last(outbox, head)
  }

  /** Sends of it what may be sent. Answers whether all of it went out and more would be taken. */
  push(outbox: Outbox): boolean {
    this.#queue(outbox)
    this.#pump()
    return outbox.bytes === 0 && !this.#isBlocked
  }

  /** Has `onDrain` called once it is empty and more would be taken. */
  await(outbox: Outbox): void {
    if (outbox.isAwaited) return
    outbox.isAwaited = true
    this.#awaited.push(outbox)
  }

  /** Forgets what was not sent yet. */
  drop(outbox: Outbox): void {
    outbox.isOver = true
    outbox.pieces = []
    outbox.bytes = 0
  }

  /** The client takes more on the whole connection. False where that is more than there can be. */
  widen(by: number): boolean {
    this.#window += by
    if (this.#window > windowMax) return false
    this.#pump()
    return true
  }

  /** The client takes more of one stream, or of each (by a setting: less as well). False likewise. */
  widenStream(outbox: Outbox, by: number): boolean {
    outbox.window += by
    if (outbox.window > windowMax) return false
    this.push(outbox)
    return true
  }

  /** The socket takes more. */
  drained(): void {
    this.#pump()
  }

  #queue(outbox: Outbox): void {
    if (outbox.isQueued || !outbox.isDue) return
    outbox.isQueued = true
    this.#due.push(outbox)
  }

  /** One frame of each stream in turn. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    this.#socket.cork()
    while (!this.#isBlocked) {
      const at = this.#due.findIndex((each) => this.#window > 0 || each.bytes === 0)
      const [outbox] = at < 0 ? [] : this.#due.splice(at, 1)
      if (outbox === undefined) break
      outbox.isQueued = false
      if (outbox.isDue) this.#sendOne(outbox)
      this.#queue(outbox)
    }
    this.#socket.uncork()
    this.#isPumping = false
    this.#tellDrained()
  }

  #sendOne(outbox: Outbox): void {
    const piece = outbox.take(Math.min(framePayloadMax, this.#window, Math.max(0, outbox.window)))
    this.#window -= piece.byteLength
    this.#onData()
    const isLast = outbox.isEnding && outbox.bytes === 0
    const head = frameHead(piece.byteLength, frameType.data, isLast ? flag.endStream : 0, outbox.stream)
    if (piece.byteLength <= copiedBytesMax) {
      const text = head + piece.toString('latin1')
      if (isLast) this.#last(outbox, text)
      else this.#socket.write(text, 'latin1')
      return
    }
    this.#socket.write(head, 'latin1')
    if (isLast) this.#last(outbox, piece)
    else this.#socket.write(piece)
  }

  #last(outbox: Outbox, bytes: string | Buffer): void {
    outbox.isOver = true
    // Of a connection that broke, its end speaks.
    const sent = (error?: Error | null) => {
      if (error === null || error === undefined) outbox.onSent()
    }
    if (typeof bytes === 'string') this.#socket.write(bytes, 'latin1', sent)
    else this.#socket.write(bytes, sent)
  }

  #tellDrained(): void {
    if (this.#awaited.length === 0 || this.#isBlocked) return
    const empty = this.#awaited.filter((each) => each.bytes === 0)
    if (empty.length === 0) return
    this.#awaited = this.#awaited.filter((each) => each.bytes > 0)
    for (const outbox of empty) {
      outbox.isAwaited = false
      if (!outbox.isOver) outbox.onDrain()
    }
  }
}
