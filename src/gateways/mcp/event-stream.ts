/** A stream of server-sent events (WHATWG HTML § 9.2), cut into its events as they come; each keeps its bytes. */

export interface StreamEvent {
  /** With the blank line that ends it. */
  readonly bytes: Uint8Array
  /** The lines of `data`, joined; absent in comments and in events without any, or with nothing in them: the standard has nobody hear of those. */
  readonly data?: string
}

const lf = 0x0a
const cr = 0x0d

/** Bytes in, events out. What comes after the last blank line is no event, as the standard has it. */
export class EventSplitter {
  readonly #bytesMax: number
  #pieces: Uint8Array[] = []
  #bytes = 0

  /** `bytesMax`: of one event. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** `undefined` once an event is too long. */
  push(piece: Uint8Array): readonly StreamEvent[] | undefined {
    this.#pieces.push(piece)
    this.#bytes += piece.byteLength
    // Most pieces end an event; one that has no line feed at all cannot.
    if (!piece.includes(lf) && !piece.includes(cr)) return this.#bytes > this.#bytesMax ? undefined : []
    const whole = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces)
    const events: StreamEvent[] = []
    let from = 0
    for (let end = endOfEvent(whole, from); end !== undefined; end = endOfEvent(whole, from)) {
      events.push(readEvent(whole.subarray(from, end)))
      from = end
    }
    const rest = whole.subarray(from)
    this.#pieces = rest.byteLength === 0 ? [] : [rest]
    this.#bytes = rest.byteLength
    return this.#bytes > this.#bytesMax ? undefined : events
  }
}

/** The place after the first blank line; lines end with CR LF, LF or CR. A CR at the very end may be half of a CR LF. */
function endOfEvent(bytes: Uint8Array, from: number): number | undefined {
  let isLineEmpty = true
  for (let at = from; at < bytes.byteLength; at += 1) {
    const code = bytes[at]
    if (code !== lf && code !== cr) {
      isLineEmpty = false
      continue
    }
    if (code === cr && at + 1 === bytes.byteLength) return undefined
    if (code === cr && bytes[at + 1] === lf) at += 1
    if (isLineEmpty) return at + 1
    isLineEmpty = true
  }
  return undefined
}

function readEvent(bytes: Uint8Array): StreamEvent {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
  const data = lines.flatMap((line) => (line === 'data' ? [''] : line.startsWith('data:') ? [line.slice(line[5] === ' ' ? 6 : 5)] : []))
  const joined = data.join('\n')
  return joined === '' ? { bytes } : { bytes, data: joined }
}

/** One event with one message, which has no line ends of its own. */
export function eventOf(message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('event: message\ndata: '), message, Buffer.from('\n\n')])
}
