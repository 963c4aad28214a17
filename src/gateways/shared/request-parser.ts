/** Strict reading of a client's requests as their bytes come (RFC 9112): one meaning, or a refusal. It never repairs. */
import { type Refusal, refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { RawHead } from './client-stream.ts'
import { isHeaderLine, readHeaders } from './head-lines.ts'

/** A head that can be read, and what of it belongs to the connection. */
export interface RequestHead extends RawHead {
  /** Bytes, or `chunked`. */
  readonly framing: number | 'chunked'
  /** The client wants the connection closed after the answer. */
  readonly closes: boolean
  /** It waits for `100 Continue` before it sends the body. */
  readonly waits: boolean
}

/** A head at the start of some bytes; `bytes` is how many it takes. */
export interface FoundHead {
  readonly head: RequestHead
  readonly bytes: number
}

/** The header lines of a head, up to and with the empty line, and what was read of them. */
export interface HeaderBlock {
  readonly bytes: Buffer
  readonly head: RequestHead
}

/** A block above this size is not kept. */
const keptBlockBytesMax = 4_096

/** IANA's registry but for what only makes sense to HTTP/2. A method that nobody knows has a body of which nobody knows what it means. */
const methods = new Set(
  (
    'ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL ' +
    'MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH TRACE UNBIND ' +
    'UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL'
  ).split(' '),
)
const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP\/(\d\.\d)\r\n/
/** What may still become a request line: a method, then a target, then the version. */
const opening = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}(?: (?:[\x21-\x7e]+(?: (?:H(?:T(?:T(?:P(?:\/[\d.]{0,3}\r?)?)?)?)?)?)?)?)?$/

/**
 * Reads the head at the start of `bytes`; `undefined` while it is not whole and may still become one. The first `seen` bytes were there
 * before, and are not looked at again. Refuses `input.malformed`, `input.invalid`, `input.too-large` and `action.ambiguous`: after each
 * of them nobody knows where the next request would begin.
 */
export function readHead(bytes: Buffer, seen: number, headerBytesMax: number): Result<FoundHead | undefined> {
  const fresh = bytes.toString('latin1', Math.max(0, seen - 3), Math.min(bytes.byteLength, headerBytesMax))
  const end = fresh.indexOf('\r\n\r\n')
  if (end >= 0) return readWholeHead(seen <= 3 ? fresh.slice(0, end + 4) : bytes.toString('latin1', 0, seen - 3 + end + 4))
  if (bytes.byteLength >= headerBytesMax) return refuse('input.too-large', { detail: 'the head of the request' })
  if (!couldBecomeHead(bytes, fresh)) return malformed(whatIsWrong(bytes.toString('latin1')))
  return done(undefined)
}

/** The lines of a head that was found at the start of `bytes`, to be known again; `undefined` where they are too many to be kept. */
export function headerBlockOf(bytes: Buffer, found: FoundHead): HeaderBlock | undefined {
  const from = bytes.indexOf(0x0a) + 1
  return found.bytes - from > keptBlockBytesMax ? undefined : { bytes: Buffer.from(bytes.subarray(from, found.bytes)), head: found.head }
}

/**
 * The head at the start of `bytes` where its header lines are, to the byte, those of the request before: whoever keeps a connection
 * says most of it again. What was read of the lines is read as it was; `undefined` where `readHead` has to look, and to refuse.
 */
export function readHeadAgain(bytes: Buffer, { bytes: lines, head }: HeaderBlock, headerBytesMax: number): FoundHead | undefined {
  const from = bytes.indexOf(0x0a) + 1
  const end = from + lines.byteLength
  if (from === 0 || end > bytes.byteLength || end > headerBytesMax) return undefined
  if (bytes.compare(lines, 0, lines.byteLength, from, end) !== 0) return undefined
  const text = bytes.toString('latin1', 0, from)
  const [line, method = '', target = '', version] = requestLine.exec(text) ?? []
  if (line !== text || version !== '1.1' || !isMethod(method) || method === 'CONNECT') return undefined
  const { headers, framing, closes, waits, reading } = head
  return { head: { method, target, version, headers, framing, closes, waits, reading }, bytes: end }
}

/** Whether a request may have this method at all. */
export function isMethod(method: string): boolean {
  return methods.has(method)
}

/** Method and target of what was refused, as far as they can be read, for the record. */
export function targetOf(bytes: Buffer): string {
  const [, method, target] = /^([!-~]{1,32}) ([!-~]+) /.exec(bytes.toString('latin1', 0, Math.min(bytes.byteLength, 8_192))) ?? []
  return method === undefined ? '' : `${method} ${target}`
}

function readWholeHead(text: string): Result<FoundHead> {
  const [line = '', method = '', target = '', version = ''] = requestLine.exec(text) ?? []
  if (line === '') return malformed(whatIsWrong(text))
  if (version !== '1.1') return malformed('only HTTP/1.1 is spoken here')
  if (!isMethod(method)) return malformed('the method is unknown')
  const headers = readHeaders(text, line.length)
  if (headers === undefined) return malformed(whatIsWrong(text))
  if (method === 'CONNECT') return refuse('input.invalid', { detail: 'CONNECT is not taken here' })
  const framed = readFraming(headers)
  if (!framed.ok) return framed
  const { framing, closes, waits } = framed.value
  return done({ head: { method, target, version, headers, framing, closes, waits, reading: {} }, bytes: text.length })
}

/** RFC 9112 §6.3, without its mercies: one length or one coding, each said once. */
function readFraming(headers: readonly string[]): Result<Pick<RequestHead, 'framing' | 'closes' | 'waits'>> {
  let length: string | undefined
  let coding: string | undefined
  let closes = false
  let waits = false
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const value = headers[at + 1] ?? ''
    // The names have lengths of their own, and most headers are spared the comparison.
    switch (name.length) {
      case 6:
        waits ||= name.toLowerCase() === 'expect'
        break
      case 10:
        if (name.toLowerCase() === 'connection') closes ||= /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test(value)
        break
      case 14:
        if (name.toLowerCase() !== 'content-length') break
        if (length !== undefined) return malformed('Content-Length stands twice')
        length = value
        break
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break
        if (coding !== undefined) return malformed('Transfer-Encoding stands twice')
        coding = value
        break
      default:
        break
    }
  }
  const framing = framingOf(length, coding)
  return framing.ok ? done({ framing: framing.value, closes, waits }) : framing
}

/** Of one length, or one coding, or none. Refuses `input.malformed`, `input.invalid` and `action.ambiguous`. */
export function framingOf(length: string | undefined, coding: string | undefined): Result<number | 'chunked'> {
  if (coding !== undefined) {
    if (length !== undefined) return malformed('Content-Length and Transfer-Encoding exclude each other')
    // To some readers `Chunked` is another coding.
    return coding === 'chunked' ? done('chunked') : refuse('input.invalid', { detail: 'Transfer-Encoding takes chunked only' })
  }
  if (length === undefined) return done(0)
  if (!/^\d+$/.test(length)) return malformed('Content-Length is not a number')
  if (!/^(?:0|[1-9]\d{0,14})$/.test(length)) return refuse('action.ambiguous', { detail: 'Content-Length is not a plain number' })
  return done(Number(length))
}

/** Whether more bytes may make a head of it: whoever speaks something else may be waiting for us. */
function couldBecomeHead(bytes: Buffer, fresh: string): boolean {
  if (/[^\r]\n|\r(?!\n|$)|\0/.test(fresh)) return false
  const feed = bytes.indexOf(0x0a)
  const line = bytes.toString('latin1', 0, feed < 0 ? bytes.byteLength : feed + 1)
  return feed < 0 ? opening.test(line) : requestLine.test(line)
}

/** For the sender, who must find the place. */
function whatIsWrong(text: string): string {
  if (/^\r?\n/.test(text)) return 'an empty line before the request'
  if (/(?:^|[^\r])\n/.test(text)) return 'a line feed without its carriage return'
  if (/\r(?!\n)/.test(text)) return 'a carriage return without its line feed'
  const lineEnd = text.indexOf('\r\n')
  if (lineEnd < 0 || !requestLine.test(text)) return 'this is not HTTP/1.1'
  const headers = text.slice(lineEnd + 2)
  if (/(?:^|\r\n)[ \t]/.test(headers)) return 'a header that goes on in the next line'
  if (/(?:^|\r\n)[^:\r]*[ \t]:/.test(headers)) return 'white space before the colon of a header'
  return 'a header with a character that it must not have'
}

const chunkLine =
  /^([0-9A-Fa-f]{1,13})((?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"))?)*)\r\n$/
const chunkLineBytesMax = 256
/** Of one body. Extensions and trailers stay behind, and must not be a way to send without being counted. */
const besideBytesMax = 16_384

export interface BodyListener {
  /** A piece of the body, never empty. */
  onBody(bytes: Buffer): void
  onBodyEnd(): void
}

/** The body of one request, out of the bytes that follow its head. */
export class BodyParser {
  #state: 'length' | 'chunk-line' | 'chunk' | 'chunk-end' | 'trailers' | 'over'
  /** Of the body, or of the chunk under way. */
  #left: number
  #beside = 0

  /** `endless`: whatever comes, as it comes. */
  constructor(framing: number | 'chunked' | 'endless') {
    this.#left = typeof framing === 'number' ? framing : framing === 'endless' ? Number.POSITIVE_INFINITY : 0
    this.#state = framing === 'chunked' ? 'chunk-line' : framing === 0 ? 'over' : 'length'
  }

  get isWhole(): boolean {
    return this.#state === 'over'
  }

  /**
   * Takes one piece or one line and answers how many bytes that were; 0 where a line is not whole yet. Refuses `input.malformed`, after
   * which the connection cannot be read any further.
   */
  step(bytes: Buffer, listener: BodyListener): Result<number> {
    if (this.#state === 'length' || this.#state === 'chunk') return done(this.#take(bytes, listener))
    if (this.#state === 'over') return done(0)
    if (this.#state === 'chunk-end') {
      if (bytes[0] !== 0x0d || (bytes.byteLength > 1 && bytes[1] !== 0x0a)) return malformed('a chunk is longer than it says')
      if (bytes.byteLength < 2) return done(0)
      this.#state = 'chunk-line'
      return done(2)
    }
    const bytesMax = this.#state === 'chunk-line' ? chunkLineBytesMax : besideBytesMax
    const feed = bytes.indexOf(0x0a)
    if ((feed < 0 ? bytes.byteLength : feed) >= bytesMax) return malformed('a line between the chunks is too long')
    if (feed < 0) return done(0)
    const line = bytes.toString('latin1', 0, feed + 1)
    return this.#state === 'chunk-line' ? this.#readChunkLine(line) : this.#readTrailer(line, listener)
  }

  #take(bytes: Buffer, listener: BodyListener): number {
    const part = bytes.byteLength <= this.#left ? bytes : bytes.subarray(0, this.#left)
    this.#left -= part.byteLength
    const ends = this.#left === 0
    if (ends) this.#state = this.#state === 'chunk' ? 'chunk-end' : 'over'
    listener.onBody(part)
    if (this.#state === 'over') listener.onBodyEnd()
    return part.byteLength
  }

  #readChunkLine(line: string): Result<number> {
    const [, digits, extensions = ''] = chunkLine.exec(line) ?? []
    if (digits === undefined) return malformed('a chunk without a plain size')
    this.#beside += extensions.length
    if (this.#beside > besideBytesMax) return malformed('too much between the chunks')
    this.#left = Number.parseInt(digits, 16)
    this.#state = this.#left === 0 ? 'trailers' : 'chunk'
    return done(line.length)
  }

  /** Trailers stay behind; they must be written as headers are all the same. */
  #readTrailer(line: string, listener: BodyListener): Result<number> {
    if (line === '\r\n') {
      this.#state = 'over'
      listener.onBodyEnd()
      return done(2)
    }
    if (!isHeaderLine(line)) return malformed('a trailer that is not a header')
    this.#beside += line.length
    return this.#beside > besideBytesMax ? malformed('too much after the chunks') : done(line.length)
  }
}

function malformed(detail: string): { readonly ok: false; readonly refusal: Refusal } {
  return refuse('input.malformed', { detail })
}
