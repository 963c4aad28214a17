/** Strict reading of an upstream's answer as its bytes come (RFC 9112): one meaning, or none. It never repairs. */
import { isHeaderLine, readHeaders } from './head-lines.ts'

export interface AnswerHead {
  readonly status: number
  /** Flat and complete, in the order and spelling of the upstream. */
  readonly headers: readonly string[]
  /** Bytes of the body; `chunked`, or `until-close` where only the end of the connection tells. */
  readonly length: number | 'chunked' | 'until-close'
  /** Where is kept which of the headers pass, for answers that have the same ones. */
  readonly reading: PassingHeaders
}

/** Which headers pass, once somebody has looked; for which `secret`. */
export interface PassingHeaders {
  secret?: string | undefined
  passing?: readonly string[] | undefined
}

/** Hears of the answer in order. None of it may throw. */
export interface AnswerListener {
  onHead(head: AnswerHead): void
  /** An answer before the answer: 100 to 199 but for 101, headers flat. */
  onInterim(status: number, headers: readonly string[]): void
  /** The protocol has changed: what follows is handed out as it is, and an end of the connection is the end. Only where it was asked for. */
  onSwitch(headers: readonly string[]): void
  /** A piece of the body, never empty. */
  onData(bytes: Buffer): void
  onEnd(): void
}

/** `over`: the answer is whole. `excess`: so it is, but bytes came after it. `malformed`: nothing of the rest can be trusted. */
export type Progress = 'more' | 'over' | 'excess' | 'malformed'

/** What the lines of an answer's head say, whatever was asked. */
interface ReadHead {
  readonly status: number
  readonly minor: string
  readonly headers: readonly string[]
  /** `undefined` where what they say of the body cannot be taken. */
  readonly framing: Framing | undefined
  readonly reading: PassingHeaders
}

/** The last head of an answer on a connection: an upstream says most of it again, and what is the same to the byte reads the same. */
export class HeadBefore {
  #bytes: Buffer | undefined
  #read: ReadHead | undefined

  /** What was read, and of how many bytes, where these begin with the same head. */
  at(bytes: Buffer): { readonly read: ReadHead; readonly end: number } | undefined {
    const [known, read] = [this.#bytes, this.#read]
    if (known === undefined || read === undefined || bytes.byteLength < known.byteLength) return undefined
    const end = known.byteLength
    return bytes.compare(known, 0, end, 0, end) === 0 ? { read, end } : undefined
  }

  keep(bytes: Buffer, read: ReadHead): void {
    if (bytes.byteLength > keptHeadBytesMax) return
    this.#bytes = Buffer.from(bytes)
    this.#read = read
  }
}

/** A head above this size is not kept. */
const keptHeadBytesMax = 4_096

/** Interim answers that may come before the answer. */
const interimMax = 16
const chunkLineBytesMax = 1_024

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/
const chunkLine = /^([0-9A-Fa-f]{1,13})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/

type State = 'head' | 'length' | 'chunk-line' | 'chunk' | 'chunk-end' | 'trailers' | 'until-close' | 'over'

export interface AnswerParserInput {
  /** Of the request. */
  readonly method: string
  readonly headBytesMax: number
  readonly listener: AnswerListener
  /** The request asked for another protocol. */
  readonly mayChange?: boolean
  readonly before?: HeadBefore
}

/** Reads one answer. */
export class AnswerParser {
  readonly #isHead: boolean
  readonly #mayChange: boolean
  readonly #headBytesMax: number
  readonly #listener: AnswerListener
  #state: State = 'head'
  #interim = 0
  /** What came of a line or a head that is not whole yet. */
  #kept: Buffer | undefined
  /** Of the body, or of the chunk under way. */
  #bytesLeft = 0
  #keepsOpen = false
  /** Seconds for which the upstream promises to keep an idle connection. */
  #idleSeconds: number | undefined
  readonly #before: HeadBefore
  /** How many of the body were told. */
  pieces = 0

  /** `before`: of the same connection, and only of it. */
  constructor({ method, headBytesMax, listener, mayChange = false, before = new HeadBefore() }: AnswerParserInput) {
    this.#isHead = method === 'HEAD'
    this.#mayChange = mayChange
    this.#before = before
    this.#headBytesMax = headBytesMax
    this.#listener = listener
  }

  /** Whether the connection may carry another request after this answer, as far as the upstream says. */
  get keepsOpen(): boolean {
    return this.#keepsOpen
  }

  get idleSeconds(): number | undefined {
    return this.#idleSeconds
  }

  /** Whether it holds on to what was pushed. */
  get holds(): boolean {
    return this.#kept !== undefined
  }

  push(bytes: Buffer): Progress {
    // Mostly the head comes whole, with its body, and is read without a detour.
    let rest: Buffer | undefined = this.#state === 'head' && this.#kept === undefined ? this.#wholeHead(bytes) : bytes
    if (rest === undefined) return 'malformed'
    while (rest.byteLength > 0) {
      if (this.#state === 'over') return 'excess'
      rest = this.#step(rest)
      if (rest === undefined) return 'malformed'
    }
    return this.#state === 'over' ? 'over' : 'more'
  }

  /** The connection has ended in order. Answers whether the answer is whole. */
  close(): boolean {
    if (this.#state === 'until-close') this.#finish()
    return this.#state === 'over'
  }

  /** Takes some of the bytes and answers the others; `undefined` where they cannot be read. */
  #step(bytes: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head':
        return this.#withWhole(bytes, '\r\n\r\n', this.#headBytesMax, (text) => this.#takeText(text))
      case 'length':
      case 'chunk':
        return this.#body(bytes)
      case 'until-close':
        this.pieces += 1
        this.#listener.onData(bytes)
        return empty
      case 'chunk-line':
        return this.#withWhole(bytes, '\r\n', chunkLineBytesMax, (text) => this.#readChunkLine(text.slice(0, -2)))
      case 'chunk-end':
        // Nothing but the line's end fits into two bytes.
        return this.#withWhole(bytes, '\r\n', 2, () => {
          this.#state = 'chunk-line'
          return true
        })
      case 'trailers':
        return this.#withWhole(bytes, '\r\n', this.#headBytesMax, (text) => this.#readTrailer(text))
      case 'over':
        return bytes
    }
  }

  /** Takes a head that is there whole; takes nothing of one that is not. */
  #wholeHead(bytes: Buffer): Buffer | undefined {
    const again = this.#before.at(bytes)
    if (again !== undefined) return this.#take(again.read) ? bytes.subarray(again.end) : undefined
    const text = bytes.toString('latin1', 0, Math.min(bytes.byteLength, this.#headBytesMax))
    const at = text.indexOf('\r\n\r\n')
    if (at < 0) return bytes
    const end = at + 4
    const read = readHead(end === text.length ? text : text.slice(0, end))
    if (read === undefined) return undefined
    this.#before.keep(bytes.subarray(0, end), read)
    return this.#take(read) ? bytes.subarray(end) : undefined
  }

  /** Reads what is there up to and with the mark, once it is; keeps it until then, within the bound. */
  #withWhole(bytes: Buffer, mark: string, bytesMax: number, read: (text: string) => boolean): Buffer | undefined {
    const kept = this.#kept?.byteLength ?? 0
    const all = this.#kept === undefined ? bytes : Buffer.concat([this.#kept, bytes])
    const at = all.indexOf(mark, Math.max(0, kept - mark.length + 1), 'latin1')
    const end = at < 0 ? all.byteLength : at + mark.length
    if (end > bytesMax) return undefined
    if (at < 0) {
      // What cannot become an answer any more is refused at once: a peer that speaks something else may wait for us.
      if (this.#state === 'head' && !looksLikeHead(all)) return undefined
      this.#kept = all
      return empty
    }
    this.#kept = undefined
    return read(all.toString('latin1', 0, end)) ? all.subarray(end) : undefined
  }

  #body(bytes: Buffer): Buffer {
    const part = bytes.byteLength <= this.#bytesLeft ? bytes : bytes.subarray(0, this.#bytesLeft)
    this.#bytesLeft -= part.byteLength
    this.pieces += 1
    this.#listener.onData(part)
    if (this.#bytesLeft === 0) {
      if (this.#state === 'chunk') this.#state = 'chunk-end'
      else this.#finish()
    }
    return bytes.subarray(part.byteLength)
  }

  #takeText(text: string): boolean {
    const read = readHead(text)
    return read !== undefined && this.#take(read)
  }

  #take({ status, minor, headers, framing, reading }: ReadHead): boolean {
    if (status === 101) return this.#switch(headers)
    if (status < 200) {
      this.#interim += 1
      // It has no body: whatever is said of one, somebody would read the answer as that.
      if (this.#interim > interimMax || framing === undefined || framing.chunked || framing.length !== undefined) return false
      this.#listener.onInterim(status, headers)
      return true
    }
    if (framing === undefined || (minor === '0' && framing.chunked)) return false
    const hasNone = this.#isHead || status === 204 || status === 304
    const length = hasNone ? 0 : framing.chunked ? 'chunked' : (framing.length ?? 'until-close')
    this.#keepsOpen = minor === '1' && !framing.closes && length !== 'until-close'
    this.#idleSeconds = framing.idleSeconds
    this.#state = length === 'chunked' ? 'chunk-line' : length === 'until-close' ? 'until-close' : 'length'
    this.#bytesLeft = typeof length === 'number' ? length : 0
    this.#listener.onHead({ status, headers, length, reading })
    if (length === 0) this.#finish()
    return true
  }

  #switch(headers: readonly string[]): boolean {
    if (!this.#mayChange) return false
    this.#state = 'until-close'
    this.#listener.onSwitch(headers)
    return true
  }

  #readChunkLine(text: string): boolean {
    const [, digits] = chunkLine.exec(text) ?? []
    if (digits === undefined) return false
    this.#bytesLeft = Number.parseInt(digits, 16)
    this.#state = this.#bytesLeft === 0 ? 'trailers' : 'chunk'
    return true
  }

  /** Trailers stay behind; they must be written as headers are all the same. */
  #readTrailer(text: string): boolean {
    if (text === '\r\n') {
      this.#finish()
      return true
    }
    return isHeaderLine(text)
  }

  #finish(): void {
    this.#state = 'over'
    this.#listener.onEnd()
  }
}

const empty = Buffer.alloc(0)
const opening = Buffer.from('HTTP/1.')

function looksLikeHead(bytes: Buffer): boolean {
  const length = Math.min(bytes.byteLength, opening.byteLength)
  return bytes.compare(opening, 0, length, 0, length) === 0
}

/** Status line and headers; `undefined` where a line cannot be read. */
function readHead(text: string): ReadHead | undefined {
  const [line = '', minor = '', digits] = statusLine.exec(text) ?? []
  if (digits === undefined) return undefined
  const headers = readHeaders(text, line.length)
  return headers === undefined ? undefined : { status: Number(digits), minor, headers, framing: readFraming(headers), reading: {} }
}

interface Framing {
  length: number | undefined
  chunked: boolean
  closes: boolean
  idleSeconds: number | undefined
}

/** RFC 9112 §6.3, without its mercies: one length or one coding, each said once. */
function readFraming(headers: readonly string[]): Framing | undefined {
  const framing: Framing = { length: undefined, chunked: false, closes: false, idleSeconds: undefined }
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const value = headers[at + 1] ?? ''
    switch (headers[at]?.toLowerCase()) {
      case 'content-length':
        if (framing.length !== undefined || !/^(?:0|[1-9]\d{0,14})$/.test(value)) return undefined
        framing.length = Number(value)
        break
      case 'transfer-encoding':
        if (framing.chunked || value.toLowerCase() !== 'chunked') return undefined
        framing.chunked = true
        break
      case 'connection':
        framing.closes ||= /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test(value)
        break
      case 'keep-alive': {
        const [, seconds] = /(?:^|[,\t ])timeout=(\d{1,6})(?:[,\t ]|$)/i.exec(value) ?? []
        if (seconds !== undefined) framing.idleSeconds = Number(seconds)
        break
      }
      default:
        break
    }
  }
  return framing.chunked && framing.length !== undefined ? undefined : framing
}
