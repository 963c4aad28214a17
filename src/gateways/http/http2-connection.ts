/** A client's connection that speaks HTTP/2: frames in their states (RFC 9113 §5), each stream one for an exchange, within bounds. */
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { dateText } from '../shared/problem-text.ts'
import type { StreamHost } from '../shared/client-stream.ts'
import type { ConnectionInput } from '../shared/connection.ts'
import { type FieldBlock, FieldBlocks } from './http2-blocks.ts'
import {
  contentOf,
  type ErrorCode,
  errorCode,
  type Fault,
  flag,
  type Frame,
  frameFlaw,
  FrameReader,
  frameText,
  frameType,
  goawayText,
  preface,
  protocolFault,
  rstStreamText,
  settingsText,
  windowUpdateText,
  windowUsual,
} from './http2-frames.ts'
import { readFields, type RefusedFields, tooLarge, trailerFlaw } from './http2-head.ts'
import { Outbox, Sender } from './http2-sender.ts'
import { ownSettings, readSettings } from './http2-settings.ts'
import { Http2Stream } from './http2-stream.ts'
import { Http2Streams } from './http2-streams.ts'
import { ReceiveWindow } from './http2-window.ts'
import type { HttpLimits } from './limits.ts'

export interface Http2ConnectionInput extends Omit<ConnectionInput<HttpLimits>, 'socket'> {
  readonly socket: TLSSocket
}

/** `preface`: nothing was understood yet. `settings`: only SETTINGS may come. `ending`: our end is closed, and what still comes is thrown away. */
type State = 'preface' | 'settings' | 'open' | 'ending' | 'gone'

export class Http2Connection {
  readonly address: string
  readonly limits: HttpLimits
  readonly clock: Pick<Clock, 'now'>
  readonly sender: Sender
  /** What the client's streams begin with. */
  clientWindow = windowUsual
  readonly #socket: TLSSocket
  readonly #host: StreamHost
  readonly #onGone: () => void
  readonly #reader = new FrameReader()
  readonly #blocks: FieldBlocks
  readonly #streams: Http2Streams
  readonly #window: ReceiveWindow
  #state: State = 'preface'
  /** Since when it has been as it is: idle, before its preface, within a head, or ending. Said by the first sweep that finds it so. */
  #since: Instant | undefined

  constructor({ socket, address, host, limits, clock, onGone }: Http2ConnectionInput) {
    this.#socket = socket
    this.address = address
    this.limits = limits
    this.clock = clock
    this.#host = host
    this.#onGone = onGone
    this.#blocks = new FieldBlocks(limits.headerBytesMax)
    this.#streams = new Http2Streams(limits, clock)
    // Wide enough that a stream which is not read from takes nothing from the others.
    const windowFull = limits.streamsPerConnectionMax * windowUsual
    this.#window = new ReceiveWindow(windowFull)
    this.sender = new Sender(socket, () => this.#streams.sentData())
    socket.setNoDelay(true)
    // RFC 9113 §9.2.1.
    socket.disableRenegotiation()
    const more = windowFull > windowUsual ? windowUpdateText(0, windowFull - windowUsual) : ''
    this.sender.control(settingsText(ownSettings(limits.streamsPerConnectionMax, limits.headerBytesMax)) + more)
    socket.on('data', (bytes: Buffer) => this.#onData(bytes))
    socket.on('drain', () => this.sender.drained())
    // Whoever ends its side has left.
    for (const event of ['end', 'error', 'close'] as const) socket.on(event, () => this.#onClose())
  }

  get isIdle(): boolean {
    return this.#state !== 'ending' && this.#state !== 'gone' && this.#streams.size === 0
  }

  get idleSince(): Instant {
    return this.#since ?? Number.POSITIVE_INFINITY
  }

  /** Takes no more requests, and closes when those under way are answered. */
  retire(): void {
    if (this.#state === 'ending' || this.#state === 'gone') return
    if (this.#streams.lastTaken === undefined) {
      this.#streams.lastTaken = this.#streams.last
      this.sender.control(goawayText(this.#streams.last, errorCode.none))
    }
    if (this.#streams.size === 0) this.#end()
  }

  abort(): void {
    if (this.#state === 'gone') return
    this.#socket.destroy()
    this.#onClose()
  }

  /** Gives up what takes too long. */
  sweep(now: Instant): void {
    const { headersMs, keepAliveMs, drainMs } = this.limits
    this.#since ??= now
    const waited = now - this.#since
    if (this.#state === 'ending') {
      if (waited >= drainMs) this.abort()
    } else if (this.#state !== 'open' || this.#blocks.stream !== undefined) {
      if (waited >= headersMs) this.#fail({ code: errorCode.enhanceYourCalm, says: 'the request took too long' })
    } else if (this.#streams.size === 0 && waited >= keepAliveMs) this.retire()
    for (const stream of this.#streams.all) stream.sweep(now)
  }

  // --- Of its streams ------------------------------------------------------------------------------------------------

  /** So many bytes of bodies were taken, and as many may be sent again. */
  consumed(bytes: number): void {
    this.grant(0, this.#window.give(bytes))
  }

  grant(stream: number, bytes: number): void {
    if (bytes > 0) this.sender.control(windowUpdateText(stream, bytes))
  }

  /** Ends a stream at once, for both sides. */
  reset(stream: Http2Stream, code: ErrorCode): void {
    this.#leave(stream, code)
    stream.closed(false)
    this.#settle()
  }

  /** The answer is over. `code`: what the client is told of its request. */
  streamOver(stream: Http2Stream, code: ErrorCode | undefined): void {
    this.#leave(stream, code ?? (stream.isWhole ? undefined : errorCode.none))
    this.#settle()
  }

  /** A stream that no exchange has. */
  refuseStream(stream: Http2Stream, refusal: Refusal, code: ErrorCode): void {
    const { method, target } = stream.head
    this.#refuse(stream.id, { refusal, code, target: `${method} ${target}`, isHead: method === 'HEAD' }, stream.isWhole)
    stream.closed(false)
    this.#settle()
  }

  #leave(stream: Http2Stream, code: ErrorCode | undefined): void {
    if (this.#streams.get(stream.id) !== stream) return
    this.#since = undefined
    this.#streams.end(stream.id, code === undefined ? 'ended' : 'reset')
    if (code !== undefined) this.sender.control(rstStreamText(stream.id, code))
  }

  /** After the last answer, a connection that is to be closed is. */
  #settle(): void {
    if (this.#streams.lastTaken !== undefined && this.#streams.size === 0) this.#end()
  }

  // --- Of its socket -------------------------------------------------------------------------------------------------

  #onData(bytes: Buffer): void {
    if (this.#state === 'ending' || this.#state === 'gone') return
    this.#reader.push(bytes)
    this.#socket.cork()
    const fault = this.#takeAll()
    if (fault !== undefined) this.#fail(fault)
    this.#socket.uncork()
  }

  #takeAll(): Fault | undefined {
    if (this.#state === 'preface') {
      const { rest } = this.#reader
      if (rest !== undefined && !rest.subarray(0, preface.byteLength).equals(preface.subarray(0, rest.byteLength)))
        return protocolFault('this is not HTTP/2')
      if (this.#reader.take(preface.byteLength) === undefined) return undefined
      this.#state = 'settings'
    }
    for (;;) {
      const frame = this.#reader.next()
      if (frame === undefined || 'says' in frame) return frame
      const fault = this.#take(frame)
      if (fault !== undefined) return fault
      if (this.sender.isOverrun) return { code: errorCode.enhanceYourCalm, says: 'what was said is not read' }
      if (this.#state !== 'open') return undefined
    }
  }

  #onClose(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#socket.destroy()
    this.#onGone()
    this.#closeStreams()
  }

  #closeStreams(): void {
    for (const stream of this.#streams.all) stream.closed(false)
  }

  /** The connection cannot go on: nobody knows what its next frame would mean. */
  #fail({ code, says }: Fault): void {
    if (this.#state === 'ending' || this.#state === 'gone') return
    this.sender.control(goawayText(this.#streams.lastTaken ?? this.#streams.last, code, says))
    this.#end()
    this.#closeStreams()
  }

  /** Closes our end. The client is listened to a little longer: were it reset while it sends, it would not read why. */
  #end(): void {
    if (this.#state === 'ending' || this.#state === 'gone') return
    this.#state = 'ending'
    this.#since = undefined
    this.#socket.end()
    this.#socket.resume()
  }

  // --- Frames --------------------------------------------------------------------------------------------------------

  #take(frame: Frame): Fault | undefined {
    const { type, flags, stream } = frame
    const flaw = frameFlaw(frame)
    if (flaw !== undefined) return flaw
    if (this.#state === 'settings') {
      if (type !== frameType.settings || (flags & flag.ack) !== 0) return protocolFault('the first frame is no SETTINGS')
      this.#state = 'open'
      this.#since = undefined
    }
    if (this.#blocks.stream !== undefined && (type !== frameType.continuation || stream !== this.#blocks.stream))
      return protocolFault('another frame within a head')
    switch (type) {
      case frameType.data:
        return this.#takeData(frame)
      case frameType.headers:
        return this.#takeHeaders(frame)
      case frameType.continuation:
        return this.#takeBlock(this.#blocks.add(flags, frame.payload))
      case frameType.rstStream:
        return this.#takeReset(frame)
      case frameType.windowUpdate:
        return this.#streams.idleFrame() ?? this.#takeWindowUpdate(frame)
      default:
        return this.#streams.idleFrame() ?? this.#takeOther(frame)
    }
  }

  /** What is unknown, and PRIORITY, says nothing to us. */
  #takeOther({ type, flags, payload }: Frame): Fault | undefined {
    if (type === frameType.goaway) this.retire()
    if ((flags & flag.ack) !== 0) return undefined
    if (type === frameType.ping) this.sender.control(frameText(frameType.ping, flag.ack, 0, payload.toString('latin1')))
    return type === frameType.settings ? this.#takeSettings(payload) : undefined
  }

  #takeSettings(payload: Buffer): Fault | undefined {
    const read = readSettings(payload)
    if ('says' in read) return read
    this.sender.control(frameText(frameType.settings, flag.ack, 0))
    if (read.window === undefined) return undefined
    const change = read.window - this.clientWindow
    this.clientWindow = read.window
    for (const { outbox } of this.#streams.all)
      if (!this.sender.widenStream(outbox, change)) return { code: errorCode.flowControl, says: 'a window that is too large' }
    return undefined
  }

  #takeWindowUpdate({ stream: id, payload }: Frame): Fault | undefined {
    const by = payload.readUInt32BE(0) & 0x7f_ff_ff_ff
    if (id === 0) {
      if (by === 0) return protocolFault('a window wider by nothing')
      return this.sender.widen(by) ? undefined : { code: errorCode.flowControl, says: 'a window that is too large' }
    }
    const stream = this.#streams.get(id)
    if (stream === undefined) return this.#streams.isUnused(id) ? protocolFault('WINDOW_UPDATE on a stream that is idle') : undefined
    if (by === 0) return this.#resetFor(stream, errorCode.protocol)
    return this.sender.widenStream(stream.outbox, by) ? undefined : this.#resetFor(stream, errorCode.flowControl)
  }

  #takeReset({ stream: id }: Frame): Fault | undefined {
    if (this.#streams.isUnused(id)) return protocolFault('RST_STREAM on a stream that is idle')
    const stream = this.#streams.get(id)
    if (stream === undefined) return this.#streams.idleFrame()
    this.#streams.end(id, 'ended')
    this.#since = undefined
    stream.closed(false)
    this.#settle()
    return this.#streams.charge()
  }

  #resetFor(stream: Http2Stream, code: ErrorCode): Fault | undefined {
    this.reset(stream, code)
    return this.#streams.charge()
  }

  #takeData(frame: Frame): Fault | undefined {
    const { stream: id, payload, flags } = frame
    if (this.#streams.isUnused(id)) return protocolFault('DATA on a stream that is idle')
    const frameBytes = payload.byteLength
    if (!this.#window.take(frameBytes)) return { code: errorCode.flowControl, says: 'more than the window of the connection' }
    const data = contentOf(frame)
    if ('says' in data) return data
    const endsStream = (flags & flag.endStream) !== 0
    const fault = data.byteLength === 0 && !endsStream ? this.#streams.idleFrame() : undefined
    if (fault !== undefined) return fault
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.isWhole) {
      this.consumed(frameBytes)
      if (stream !== undefined) return this.#resetFor(stream, errorCode.streamClosed)
      return this.#streams.howEnded(id) === 'reset' ? undefined : { code: errorCode.streamClosed, says: 'DATA on a stream that is over' }
    }
    const code = stream.onData({ data, frameBytes, endsStream })
    if (code === undefined) return this.#beginOnceWhole(stream)
    this.consumed(frameBytes)
    return this.#resetFor(stream, code)
  }

  #takeHeaders(frame: Frame): Fault | undefined {
    const { stream, flags } = frame
    if (stream <= this.#streams.last && this.#streams.get(stream) === undefined) {
      const how = this.#streams.howEnded(stream)
      if (how === undefined) return protocolFault('a stream with a smaller number than one before')
      if (how === 'ended') return { code: errorCode.streamClosed, says: 'HEADERS on a stream that is over' }
    }
    const content = contentOf(frame)
    if ('says' in content) return content
    this.#since = undefined
    return this.#takeBlock(this.#blocks.begin(stream, flags, content))
  }

  #takeBlock(block: FieldBlock | Fault | undefined): Fault | undefined {
    if (block === undefined || 'says' in block) return block
    this.#since = undefined
    if (block.stream <= this.#streams.last) return this.#takeTrailers(block)
    this.#streams.last = block.stream
    return this.#open(block)
  }

  #takeTrailers({ stream: id, endsStream, fields, isTooLarge }: FieldBlock): Fault | undefined {
    const stream = this.#streams.get(id)
    // Reset by us, while they were on their way.
    if (stream === undefined) return undefined
    if (stream.isWhole) return this.#resetFor(stream, errorCode.streamClosed)
    const flaw = isTooLarge ? 'too much behind the body' : endsStream ? trailerFlaw(fields) : 'a head within the body'
    if (flaw !== undefined) {
      stream.break({ code: 'input.malformed', detail: flaw }, errorCode.protocol)
      return this.#streams.charge()
    }
    stream.onTrailers()
    return this.#beginOnceWhole(stream)
  }

  #open({ stream: id, endsStream, fields, isTooLarge }: FieldBlock): Fault | undefined {
    // It may be asked again elsewhere: nothing was done of it.
    if (this.#streams.lastTaken !== undefined) {
      this.#streams.end(id, 'reset')
      return this.#streams.idleFrame()
    }
    if (this.#streams.size >= this.limits.streamsPerConnectionMax) {
      this.#streams.end(id, 'reset')
      this.sender.control(rstStreamText(id, errorCode.refusedStream))
      return this.#streams.charge()
    }
    const head = isTooLarge ? tooLarge(fields) : readFields(fields, endsStream)
    if ('refusal' in head) {
      this.#refuse(id, head, endsStream)
      return this.#streams.charge()
    }
    const stream = new Http2Stream(this, { id, head, isWhole: endsStream })
    this.#streams.add(stream)
    // Said to have no body, it has none once it has ended, and not before.
    if (endsStream || head.framing !== 0) this.#begin(stream)
    return undefined
  }

  #begin(stream: Http2Stream): void {
    stream.isBegun = true
    this.#host.begin(stream)
  }

  #beginOnceWhole(stream: Http2Stream): undefined {
    if (stream.isWhole && !stream.isBegun && this.#streams.get(stream.id) === stream) this.#begin(stream)
  }

  /** What never became a stream is answered as far as one piece goes: nothing of it is kept. */
  #refuse(id: number, { refusal, code, target, isHead }: RefusedFields, isWhole: boolean): void {
    const { status, headers, body } = this.#host.refuse({ address: this.address, target, refusal })
    const outbox = new Outbox(id, this.clientWindow, { onSent: () => {}, onDrain: () => {} })
    const isAnswered = this.sender.answer(outbox, { status, headers: [...headers, 'date', dateText(this.clock.now())], body, isHead })
    const isOver = isAnswered && isWhole && code === errorCode.none
    this.#streams.end(id, isOver ? 'ended' : 'reset')
    if (!isOver) this.sender.control(rstStreamText(id, isAnswered || code !== errorCode.none ? code : errorCode.internal))
  }
}
