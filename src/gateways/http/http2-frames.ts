/** Frames of HTTP/2 as they stand on the wire (RFC 9113 §4, §6, §7). */

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const

export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const

export type ErrorCode = (typeof errorCode)[keyof typeof errorCode]

/** Why a connection cannot go on; `says` is for the record. */
export interface Fault {
  readonly code: ErrorCode
  readonly says: string
}

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
/** What we take and send at most in one frame: the least that everybody must take, and what a client may count on. */
export const framePayloadMax = 16_384
export const windowMax = 0x7f_ff_ff_ff
/** Of streams and of the connection, before anybody says otherwise. */
export const windowUsual = 65_535
const headBytes = 9

/** Cuts what a client sends into frames. */
export class FrameReader {
  #kept: Buffer | undefined

  push(bytes: Buffer): void {
    this.#kept = this.#kept === undefined ? bytes : Buffer.concat([this.#kept, bytes])
  }

  /** The first bytes, once there are so many; `undefined` before. */
  take(length: number): Buffer | undefined {
    const kept = this.#kept
    if (kept === undefined || kept.byteLength < length) return undefined
    this.#kept = kept.byteLength === length ? undefined : kept.subarray(length)
    return kept.subarray(0, length)
  }

  /** What has come of what `take` waits for. */
  get rest(): Buffer | undefined {
    return this.#kept
  }

  /** The next frame, once it is whole; a fault as soon as its head says that it is larger than we take. */
  next(): Frame | Fault | undefined {
    const kept = this.#kept
    if (kept === undefined || kept.byteLength < headBytes) return undefined
    const length = kept.readUIntBE(0, 3)
    if (length > framePayloadMax) return { code: errorCode.frameSize, says: 'a frame that is too large' }
    const whole = this.take(headBytes + length)
    if (whole === undefined) return undefined
    return { type: whole[3] ?? 0, flags: whole[4] ?? 0, stream: whole.readUInt32BE(5) & windowMax, payload: whole.subarray(headBytes) }
  }
}

/** A frame's nine bytes, as latin1 text. */
export function frameHead(length: number, type: number, flags: number, stream: number): string {
  return String.fromCharCode(length >>> 16, (length >>> 8) & 255, length & 255, type, flags) + fourBytes(stream)
}

/** A whole frame, its payload given as latin1 text. */
export function frameText(type: number, flags: number, stream: number, payload = ''): string {
  return frameHead(payload.length, type, flags, stream) + payload
}

export function rstStreamText(stream: number, code: ErrorCode): string {
  return frameText(frameType.rstStream, 0, stream, fourBytes(code))
}

/** `says` is what a person reads in a trace of the connection. */
export function goawayText(lastStream: number, code: ErrorCode, says = ''): string {
  return frameText(frameType.goaway, 0, 0, fourBytes(lastStream) + fourBytes(code) + says)
}

export function windowUpdateText(stream: number, increment: number): string {
  return frameText(frameType.windowUpdate, 0, stream, fourBytes(increment))
}

export function settingsText(settings: readonly (readonly [id: number, value: number])[]): string {
  return frameText(
    frameType.settings,
    0,
    0,
    settings.map(([id, value]) => String.fromCharCode(id >>> 8, id & 255) + fourBytes(value)).join(''),
  )
}

/** The head of an answer, or an interim one, in as many frames as it takes. */
export function headersText(stream: number, block: string, endsStream: boolean): string {
  const end = endsStream ? flag.endStream : 0
  if (block.length <= framePayloadMax) return frameText(frameType.headers, flag.endHeaders | end, stream, block)
  let text = frameText(frameType.headers, end, stream, block.slice(0, framePayloadMax))
  for (let at = framePayloadMax; at < block.length; at += framePayloadMax) {
    const isLast = at + framePayloadMax >= block.length
    text += frameText(frameType.continuation, isLast ? flag.endHeaders : 0, stream, block.slice(at, at + framePayloadMax))
  }
  return text
}

/** What is wrong with a frame whatever state its stream is in: its length, or the kind of stream that it stands on (RFC 9113 §6). */
export function frameFlaw({ type, flags, stream, payload }: Frame): Fault | undefined {
  const { byteLength } = payload
  switch (type) {
    case frameType.settings:
      if (stream !== 0) return protocolFault('SETTINGS on a stream')
      return byteLength % 6 !== 0 || ((flags & flag.ack) !== 0 && byteLength > 0) ? wrongLength : undefined
    case frameType.ping:
      return stream === 0 ? lengthFlaw(byteLength === 8) : protocolFault('PING on a stream')
    case frameType.goaway:
      return stream === 0 ? lengthFlaw(byteLength >= 8) : protocolFault('GOAWAY on a stream')
    case frameType.windowUpdate:
      return lengthFlaw(byteLength === 4)
    case frameType.pushPromise:
      return protocolFault('a client promises nothing')
    case frameType.priority:
      return stream === 0 ? protocolFault('PRIORITY without a stream') : lengthFlaw(byteLength === 5)
    case frameType.rstStream:
      return stream === 0 ? protocolFault('RST_STREAM without a stream') : lengthFlaw(byteLength === 4)
    case frameType.data:
    case frameType.continuation:
      return stream === 0 ? protocolFault('a frame of a stream without one') : undefined
    case frameType.headers:
      return stream % 2 === 0 ? protocolFault('HEADERS on a stream that no client may open') : undefined
    default:
      return undefined
  }
}

export function protocolFault(says: string): Fault {
  return { code: errorCode.protocol, says }
}

const wrongLength: Fault = { code: errorCode.frameSize, says: 'a frame of another length' }

function lengthFlaw(isRight: boolean): Fault | undefined {
  return isRight ? undefined : wrongLength
}

/** What a frame carries between its padding and, of HEADERS, behind its priority; a fault where that does not fit. */
export function contentOf({ type, flags, payload }: Frame): Buffer | Fault {
  const isPadded = (flags & flag.padded) !== 0
  const from = (isPadded ? 1 : 0) + (type === frameType.headers && (flags & flag.priority) !== 0 ? 5 : 0)
  if (payload.byteLength < from) return { code: errorCode.frameSize, says: 'a frame that is too short' }
  const to = payload.byteLength - (isPadded ? (payload[0] ?? 0) : 0)
  return to < from ? protocolFault('more padding than frame') : payload.subarray(from, to)
}

function fourBytes(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}
