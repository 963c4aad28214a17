/** JSON-RPC messages of stdio read byte by byte as they come: whether a line is one JSON object, and where in it what routes it stands. */
import { done, type Result } from '../../kernel/result.ts'
import { refuse } from '../../kernel/refusals.ts'

/** What is looked for: by these the right client is found, and nothing else of a line is looked at here. */
const watched = new Set([
  'jsonrpc',
  'id',
  'method',
  'result',
  'error',
  'params',
  'params/progressToken',
  'params/requestId',
  'params/protocolVersion',
  'params/_meta',
  'params/_meta/progressToken',
  'params/_meta/io.modelcontextprotocol~1subscriptionId',
  'params/_meta/io.modelcontextprotocol~1protocolVersion',
])

export const paths = {
  progressToken: 'params/progressToken',
  requestId: 'params/requestId',
  askedVersion: 'params/protocolVersion',
  ownProgressToken: 'params/_meta/progressToken',
  subscription: 'params/_meta/io.modelcontextprotocol~1subscriptionId',
  version: 'params/_meta/io.modelcontextprotocol~1protocolVersion',
} as const

/** A value as it is written, and where: bytes from the line's first. Of what is longer than anything that routes, no text. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly text: string
}

export interface Scanned {
  readonly spans: ReadonlyMap<string, Span>
  readonly bytes: number
}

const depthMax = 128
/** The text of ids, tokens and methods. */
const textBytesMax = 512
const keyBytesMax = 256

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openObject, closeObject, openArray, closeArray] = [0x7b, 0x7d, 0x5b, 0x5d]

type Awaits = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'nothing'

interface Level {
  readonly isObject: boolean
  /** The path of its members, where some of them are watched. */
  readonly path: string | undefined
  key: string | undefined
}

/** Reads one line in as many pieces as it comes in. Holds no more than its depth and a few short texts. */
export class LineScanner {
  readonly #levels: Level[] = []
  readonly #spans = new Map<string, Span>()
  #awaits: Awaits = 'value'
  #at = 0
  #flaw: string | undefined
  /** The token under way: a string (with its escapes), or a number or word. */
  #token: 'string' | 'key' | 'plain' | undefined
  #escaped = 0
  #hasEscape = false
  /** Of a token that is kept, a character for each byte. */
  #text: string | undefined
  /** Watched values under way, outermost first; objects among them. */
  readonly #open: { readonly path: string; readonly from: number; readonly depth: number }[] = []

  push(given: Uint8Array): void {
    const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
    for (let place = 0; place < bytes.length && this.#flaw === undefined; ) {
      if (this.#token === 'string' || this.#token === 'key') place = this.#string(bytes, place)
      else if (this.#token === 'plain') place = this.#plain(bytes, place)
      else {
        this.#structure(bytes[place] ?? 0)
        place += 1
        this.#at += 1
      }
    }
  }

  /** What was found by now, flaw or not: enough to know whom a line that went wrong was for. */
  get spans(): ReadonlyMap<string, Span> {
    return this.#spans
  }

  end(): Result<Scanned> {
    if (this.#token === 'plain') this.#endPlain()
    if (this.#flaw === undefined && (this.#awaits !== 'nothing' || this.#token !== undefined)) this.#flaw = 'it ends too early'
    if (this.#flaw !== undefined) return refuse('upstream.malformed', { detail: `at byte ${this.#at}: ${this.#flaw}` })
    return done({ spans: this.#spans, bytes: this.#at })
  }

  #structure(byte: number): void {
    if (byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a) return
    switch (this.#awaits) {
      case 'nothing':
        this.#flaw = 'data after the end'
        return
      case 'colon':
        if (byte !== colon) this.#flaw = 'a colon is missing'
        this.#awaits = 'value'
        return
      case 'key':
      case 'key-or-end':
        if (byte === closeObject && this.#awaits === 'key-or-end') this.#close(byte)
        else if (byte === quote) this.#begin('key', byte)
        else this.#flaw = 'a key is missing'
        return
      case 'comma-or-end':
        if (byte !== comma) this.#close(byte)
        else this.#awaits = this.#levels.at(-1)?.isObject === true ? 'key' : 'value'
        return
      case 'value':
      case 'value-or-end':
        if (byte === closeArray && this.#awaits === 'value-or-end') this.#close(byte)
        else this.#value(byte)
    }
  }

  #value(byte: number): void {
    const level = this.#levels.at(-1)
    if (level === undefined && byte !== openObject) {
      this.#flaw = 'it is no object'
      return
    }
    const path = level?.key === undefined || level.path === undefined ? undefined : `${level.path}${level.key}`
    const isWatched = path !== undefined && watched.has(path)
    if (isWatched) this.#open.push({ path, from: this.#at, depth: this.#levels.length })
    if (byte === openObject || byte === openArray) {
      if (this.#levels.length >= depthMax) {
        this.#flaw = `more than ${depthMax} deep`
        return
      }
      const isObject = byte === openObject
      const below = level === undefined ? '' : isWatched && isObject ? `${path}/` : undefined
      this.#levels.push({ isObject, path: below, key: undefined })
      this.#awaits = isObject ? 'key-or-end' : 'value-or-end'
    } else if (byte === quote) this.#begin('string', byte)
    else this.#begin('plain', byte)
  }

  #close(byte: number): void {
    const level = this.#levels.pop()
    if (level === undefined || byte !== (level.isObject ? closeObject : closeArray)) {
      this.#flaw = 'a comma or an end is missing'
      return
    }
    this.#ended(this.#at + 1, undefined)
  }

  /** A value is over, and with it whatever was watched of it. */
  #ended(to: number, text: string | undefined): void {
    const depth = this.#levels.length
    this.#awaits = depth === 0 ? 'nothing' : 'comma-or-end'
    const open = this.#open.at(-1)
    if (open === undefined || open.depth !== depth) return
    this.#open.pop()
    this.#spans.set(open.path, { from: open.from, to, text: text ?? '' })
  }

  #begin(token: 'string' | 'key' | 'plain', byte: number): void {
    this.#token = token
    this.#escaped = 0
    this.#hasEscape = false
    const level = this.#levels.at(-1)
    const isKept = token === 'key' ? level?.path !== undefined : token === 'plain' || this.#open.at(-1)?.depth === this.#levels.length
    this.#text = isKept ? String.fromCharCode(byte) : undefined
  }

  /** Up to a bound: what is longer is nothing that routes. */
  #keep(bytes: Buffer, from: number, to: number): void {
    if (this.#text === undefined || from === to) return
    const isLong = this.#text.length + to - from > (this.#token === 'key' ? keyBytesMax : textBytesMax)
    this.#text = isLong ? undefined : this.#text + bytes.toString('latin1', from, to)
  }

  #string(bytes: Buffer, from: number): number {
    let place = from
    while (place < bytes.length && this.#flaw === undefined) {
      if (this.#escaped > 0) this.#escape(bytes[place] ?? 0)
      else {
        place = plainUntil(bytes, place)
        const byte = bytes[place]
        if (byte === quote) return this.#endString(bytes, from, place + 1)
        if (byte === backslash) {
          this.#escaped = 1
          this.#hasEscape = true
        } else if (byte !== undefined) this.#flaw = 'a control character in a string'
      }
      place += 1
    }
    const to = Math.min(place, bytes.length)
    this.#keep(bytes, from, to)
    this.#at += to - from
    return to
  }

  /** One byte of an escape: after `\` (1), the four digits of `\u` (2 to 5). */
  #escape(byte: number): void {
    if (this.#escaped === 1 && byte === 0x75) this.#escaped = 2
    else if (this.#escaped === 1) this.#escaped = '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 0 : -1
    else if (/[0-9a-fA-F]/.test(String.fromCharCode(byte))) this.#escaped = this.#escaped === 5 ? 0 : this.#escaped + 1
    else this.#escaped = -1
    if (this.#escaped < 0) this.#flaw = 'an unknown escape'
  }

  /** Answers where it goes on. */
  #endString(bytes: Buffer, from: number, to: number): number {
    this.#keep(bytes, from, to)
    this.#at += to - from
    const isKey = this.#token === 'key'
    const raw = this.#text === undefined ? undefined : Buffer.from(this.#text, 'latin1').toString('utf8')
    this.#token = undefined
    if (isKey) this.#endKey(raw)
    else this.#ended(this.#at, raw)
    return to
  }

  #endKey(raw: string | undefined): void {
    this.#awaits = 'colon'
    const level = this.#levels.at(-1)
    if (level === undefined) return
    // Two spellings of one key are one key: another reader would see it too.
    const key = raw === undefined ? undefined : this.#hasEscape ? unescaped(raw) : raw.slice(1, -1)
    level.key = key?.replaceAll('~', '~0').replaceAll('/', '~1')
    const path = level.path === undefined || level.key === undefined ? undefined : `${level.path}${level.key}`
    if (path !== undefined && this.#spans.has(path)) this.#flaw = `two members ${path}`
  }

  #plain(bytes: Buffer, from: number): number {
    let place = from
    for (; place < bytes.length; place += 1) {
      const byte = bytes[place] ?? 0
      if (byte === comma || byte === closeObject || byte === closeArray || byte <= 0x20) break
    }
    this.#keep(bytes, from, place)
    this.#at += place - from
    if (place < bytes.length) this.#endPlain()
    return place
  }

  #endPlain(): void {
    const text = this.#text ?? ''
    this.#token = undefined
    if (/^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(text)) this.#ended(this.#at, text)
    else this.#flaw = 'a value is missing'
  }
}

/** Where a string that goes on there ends or has something else than characters: most of a large message is gone through here. */
function plainUntil(bytes: Buffer, from: number): number {
  let place = from
  for (; place < bytes.length; place += 1) {
    const byte = bytes[place] ?? 0
    if (byte === quote || byte === backslash || byte < 0x20) break
  }
  return place
}

function unescaped(raw: string): string {
  const read: unknown = JSON.parse(raw)
  return typeof read === 'string' ? read : ''
}

/** One whole message. */
export function scan(bytes: Uint8Array): Result<Scanned> {
  const scanner = new LineScanner()
  scanner.push(bytes)
  return scanner.end()
}

/** A copy of a message with other values in some places. */
export function rewrite(bytes: Uint8Array, changes: readonly { readonly span: Span; readonly to: string }[]): Buffer {
  const parts: Uint8Array[] = []
  let at = 0
  for (const { span, to } of changes.toSorted((left, right) => left.span.from - right.span.from)) {
    parts.push(bytes.subarray(at, span.from), Buffer.from(to))
    at = span.to
  }
  return Buffer.concat([...parts, bytes.subarray(at)])
}
