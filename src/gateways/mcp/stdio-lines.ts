/** Lines of a child's stdout: each is one message that was read whole, or a flaw; what is too long is read on and not kept. */
import { isUtf8 } from 'node:buffer'
import { refuse } from '../../kernel/refusals.ts'
import { LineScanner, type Scanned, type Span } from './stdio-scan.ts'
import type { StdioLimits } from './stdio-limits.ts'
import type { Refusal } from '../../kernel/refusals.ts'

const [newline, carriageReturn] = [0x0a, 0x0d]

export interface LineListener {
  /** Without its newline, in one piece. */
  onMessage(bytes: Buffer, scanned: Scanned): void
  /** No message; where it could be made out, with what it has to route by. */
  onFlaw(refusal: Refusal, spans: ReadonlyMap<string, Span>): void
  /** A line that does not end. */
  onEndless(): void
}

export class LineReader {
  readonly #limits: Pick<StdioLimits, 'lineBytesMax' | 'endlessLineBytesMax'>
  readonly #listener: LineListener
  #scanner = new LineScanner()
  #pieces: Uint8Array[] = []
  #bytes = 0

  constructor(limits: Pick<StdioLimits, 'lineBytesMax' | 'endlessLineBytesMax'>, listener: LineListener) {
    this.#limits = limits
    this.#listener = listener
  }

  push(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const end = bytes.indexOf(newline, from)
      this.#add(bytes.subarray(from, end < 0 ? bytes.length : end))
      if (end < 0) return
      this.#finish()
      from = end + 1
    }
  }

  #add(piece: Uint8Array): void {
    const before = this.#bytes
    this.#bytes += piece.length
    this.#scanner.push(piece)
    if (this.#bytes <= this.#limits.lineBytesMax) this.#pieces.push(piece)
    else this.#pieces = []
    if (before <= this.#limits.endlessLineBytesMax && this.#bytes > this.#limits.endlessLineBytesMax) this.#listener.onEndless()
  }

  #finish(): void {
    const [scanner, pieces, length] = [this.#scanner, this.#pieces, this.#bytes]
    this.#scanner = new LineScanner()
    this.#pieces = []
    this.#bytes = 0
    if (length > this.#limits.lineBytesMax)
      return this.#listener.onFlaw(refuse('upstream.malformed', { detail: `a message of ${length} bytes` }).refusal, scanner.spans)
    const bytes = pieces.length === 1 && pieces[0] !== undefined ? Buffer.from(pieces[0]) : Buffer.concat(pieces)
    const scanned = scanner.end()
    if (!scanned.ok) return this.#listener.onFlaw(scanned.refusal, scanner.spans)
    if (!isUtf8(bytes)) return this.#listener.onFlaw(refuse('upstream.malformed', { detail: 'not Unicode text' }).refusal, scanner.spans)
    // Between values only, since a string cannot hold one raw: over SSE it would end the line.
    for (let at = bytes.indexOf(carriageReturn); at >= 0; at = bytes.indexOf(carriageReturn, at + 1)) bytes[at] = 0x20
    this.#listener.onMessage(bytes, scanned.value)
  }
}
