/** JSON with one reading only: a strict RFC 8259 parser, and the canonical text of RFC 8785 over which digests are made. */
import { isPlain, sortedKeys } from './json-members.ts'
import { longString, readLongString, standsForItself } from './long-strings.ts'
import { refuse } from './refusals.ts'
import { done, type Result } from './result.ts'
import { decodeUtf8, wellFormed } from './unicode.ts'

/** Integers up to ±(2^53 − 1) are `number`, further ones within 64 bits `bigint`; every other number keeps its exact text. */
export type JsonValue = null | boolean | string | number | bigint | Fraction | readonly JsonValue[] | JsonObject

/** Built without a prototype, so `__proto__` and `constructor` are keys like any other. */
export interface JsonObject {
  readonly [key: string]: JsonValue
}

export interface JsonLimits {
  /** UTF-8 bytes; default 1 MiB. Above it: `input.too-large`. */
  readonly bytesMax?: number
  /** How many arrays and objects may lie in each other; default 64. */
  readonly depthMax?: number
}

const int64Max = 2n ** 63n - 1n
const int64Min = -(2n ** 63n)

/** A JSON number with a fraction, an exponent or a negative zero, by its text: a float would be a second reading of it. */
export class Fraction {
  readonly text: string

  constructor(text: string) {
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) throw new Error('a fraction is written as a JSON number')
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Fraction)
}

/**
 * Reads one JSON text (RFC 8259). Refuses `json.malformed`, with the place in `detail`: duplicate keys, invalid UTF-8, a byte order
 * mark, lone surrogates (escaped ones too), trailing data, integers beyond 64 bits, more depth than `depthMax`.
 */
export function parseJson(text: string | Uint8Array, limits: JsonLimits = {}): Result<JsonValue> {
  const { bytesMax = 1_048_576, depthMax = 64 } = limits
  const bytes = typeof text === 'string' ? Buffer.byteLength(text) : text.byteLength
  if (bytes > bytesMax) return refuse('input.too-large', { detail: `at most ${bytesMax} bytes` })
  const unit = typeof text === 'string' ? 'character' : 'byte'
  const characters = typeof text === 'string' ? wellFormed(text) : decodeUtf8(text)
  if (typeof characters === 'number') return refuse('json.malformed', { detail: `not Unicode text at ${unit} ${characters}` })
  const parser = new Parser(characters, depthMax)
  try {
    return done(parser.document())
  } catch (thrown) {
    if (!(thrown instanceof Flaw)) throw thrown
    const at = typeof text === 'string' ? thrown.at : Buffer.byteLength(characters.slice(0, thrown.at))
    return refuse('json.malformed', { detail: `${thrown.says} at ${unit} ${at}` })
  }
}

/**
 * The one text of a value: RFC 8785 (keys by UTF-16 code units, no white space), with `bigint` and `Fraction` by their digits.
 * Members that are `undefined` are left out. Throws on everything that is not JSON: floats, NaN, functions, dates, lone surrogates.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return canonicalString(value)
    case 'number':
      if (!Number.isSafeInteger(value)) throw new Error('canonical JSON takes whole numbers; write others as a Fraction')
      return Object.is(value, -0) ? '0' : `${value}`
    case 'boolean':
      return value ? 'true' : 'false'
    case 'bigint':
      if (value > int64Max || value < int64Min) throw new Error('canonical JSON takes integers of at most 64 bits')
      return `${value}`
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return canonicalArray(value)
      return value instanceof Fraction ? value.text : canonicalObject(value)
    default:
      throw new Error(`canonical JSON cannot hold a value of type ${typeof value}`)
  }
}

const plain = /^[ !#-[\]-~]*$/
/** Up to so many characters one pattern is the quickest. */
const shortText = 1_024

/** As `canonicalJson`, of a text. One without quote, backslash and control characters is its own, and most keys and values are. */
export function canonicalString(text: string): string {
  if (text.length <= shortText && plain.test(text)) return `"${text}"`
  if (!text.isWellFormed()) throw new Error('canonical JSON cannot hold a lone surrogate')
  return text.length > shortText && standsForItself(text) ? `"${text}"` : JSON.stringify(text)
}

function canonicalArray(values: readonly unknown[]): string {
  let text = '['
  // By index: a hole is read as undefined, and thrown on like any other.
  for (let place = 0; place < values.length; place += 1)
    text += place === 0 ? canonicalJson(values[place]) : `,${canonicalJson(values[place])}`
  return `${text}]`
}

/** A member that an object is written with though it does not have it. */
export type AddedMember = readonly [key: string, value: number | string]

/** The canonical text of an object and of what is `added` to it: in the order of its keys, and none of them a key of the object. */
export function canonicalObject(object: object, added: readonly AddedMember[] = []): string {
  if (!isPlain(object)) throw new Error('canonical JSON takes plain objects only')
  let text = ''
  let next = 0
  let due = added[0]
  for (const key of sortedKeys(object)) {
    const value = object[key]
    if (value === undefined) continue
    for (; due !== undefined && due[0] < key; due = added[next]) {
      text += keyAfter(text, due[0]) + canonicalJson(due[1])
      next += 1
    }
    text += keyAfter(text, key) + (typeof value === 'string' ? canonicalString(value) : canonicalJson(value))
  }
  for (; due !== undefined; due = added[next]) {
    text += keyAfter(text, due[0]) + canonicalJson(due[1])
    next += 1
  }
  return text === '' ? '{}' : `${text}}`
}

const keysMax = 1_000
/** A longer one is nobody's every day: kept, a thousand of them could be gigabytes. */
const keyLengthMax = 64
const keys = new Map<string, WrittenKey>()

/** A key as the first of its object and as any other: never cut off again, since that would copy all that follows it. */
interface WrittenKey {
  readonly first: string
  readonly other: string
}

/** `{"key":` where nothing was written yet, otherwise `,"key":`. */
function keyAfter(text: string, key: string): string {
  const written = keys.get(key) ?? writtenKey(key)
  return text === '' ? written.first : written.other
}

/** Most keys come again and again, so their texts are remembered: some, because others choose names too. */
function writtenKey(key: string): WrittenKey {
  const text = canonicalString(key)
  const written = { first: `{${text}:`, other: `,${text}:` }
  if (key.length > keyLengthMax) return written
  if (keys.size >= keysMax) keys.clear()
  keys.set(key, written)
  return written
}

function emptyObject(): Record<string, JsonValue> {
  return Object.create(null) as Record<string, JsonValue>
}

/** Thrown inside the parser only, and caught by parseJson: a value, not an Error, so that bad input costs no stack trace. */
class Flaw {
  readonly says: string
  readonly at: number

  constructor(says: string, at: number) {
    this.says = says
    this.at = at
  }
}

const escapes: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

const [quote, backslash, comma, colon, bracketClose, braceClose, minus, zero] = [0x22, 0x5c, 0x2c, 0x3a, 0x5d, 0x7d, 0x2d, 0x30] as const

class Parser {
  readonly #text: string
  readonly #depthMax: number
  #at = 0
  #depth = 0

  constructor(text: string, depthMax: number) {
    this.#text = text
    this.#depthMax = depthMax
  }

  document(): JsonValue {
    this.#skipSpace()
    const value = this.#value()
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#flaw('data after the end')
    return value
  }

  #value(): JsonValue {
    switch (this.#text.charCodeAt(this.#at)) {
      case quote:
        return this.#string()
      case 0x7b:
        return this.#object()
      case 0x5b:
        return this.#array()
      case 0x74:
        return this.#literal('true', true)
      case 0x66:
        return this.#literal('false', false)
      case 0x6e:
        return this.#literal('null', null)
      default:
        if (this.#at >= this.#text.length) throw this.#flaw('the text ends too early')
        return this.#number()
    }
  }

  #enter(): void {
    if (this.#depth >= this.#depthMax) throw this.#flaw(`more than ${this.#depthMax} deep`)
    this.#depth += 1
    this.#at += 1
    this.#skipSpace()
  }

  #object(): JsonObject {
    this.#enter()
    const object = emptyObject()
    let isOver = this.#take(braceClose)
    while (!isOver) {
      const keyAt = this.#at
      if (this.#text.charCodeAt(keyAt) !== quote) throw this.#flaw('a key is missing')
      const key = this.#string()
      if (key in object) throw new Flaw('duplicate key', keyAt)
      this.#skipSpace()
      if (!this.#take(colon)) throw this.#flaw('a colon is missing')
      this.#skipSpace()
      object[key] = this.#value()
      this.#skipSpace()
      isOver = this.#take(braceClose)
      if (!isOver && !this.#take(comma)) throw this.#flaw('a comma or } is missing')
      if (!isOver) this.#skipSpace()
    }
    this.#depth -= 1
    return object
  }

  #array(): JsonValue[] {
    this.#enter()
    const values: JsonValue[] = []
    let isOver = this.#take(bracketClose)
    while (!isOver) {
      values.push(this.#value())
      this.#skipSpace()
      isOver = this.#take(bracketClose)
      if (!isOver && !this.#take(comma)) throw this.#flaw('a comma or ] is missing')
      if (!isOver) this.#skipSpace()
    }
    this.#depth -= 1
    return values
  }

  #literal<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#flaw('a value is missing')
    this.#at += word.length
    return value
  }

  #number(): number | bigint | Fraction {
    const start = this.#at
    const negative = this.#take(minus)
    const whole = this.#at
    this.#digits()
    if (this.#at === whole) throw new Flaw('a value is missing', start)
    if (this.#text.charCodeAt(whole) === zero && this.#at > whole + 1) throw new Flaw('a number starts with 0', start)
    const end = this.#at
    if (this.#take(0x2e)) this.#someDigits()
    if (this.#take(0x65) || this.#take(0x45)) {
      if (!this.#take(minus)) this.#take(0x2b)
      this.#someDigits()
    }
    const text = this.#text.slice(start, this.#at)
    if (this.#at > end || (negative && text === '-0')) return new Fraction(text)
    // 15 digits are always exact.
    if (end - whole <= 15) return Number(text)
    if (end - whole > 19) throw new Flaw('an integer beyond 64 bits', start)
    const integer = BigInt(text)
    if (integer > int64Max || integer < int64Min) throw new Flaw('an integer beyond 64 bits', start)
    const number = Number(integer)
    return Number.isSafeInteger(number) ? number : integer
  }

  #someDigits(): void {
    const start = this.#at
    this.#digits()
    if (this.#at === start) throw this.#flaw('a digit is missing')
  }

  #digits(): void {
    let code = this.#text.charCodeAt(this.#at)
    while (code >= 0x30 && code <= 0x39) {
      this.#at += 1
      code = this.#text.charCodeAt(this.#at)
    }
  }

  #string(): string {
    const text = this.#text
    const start = this.#at + 1
    let at = start
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        this.#at = at + 1
        return text.slice(start, at)
      }
      if (at - start === longString) {
        const long = this.#longString(start)
        if (long !== undefined) return long
      }
      if (code === backslash) return this.#escapedString(start, at)
      // NaN, at the end of the text, is not >= 0x20 either.
      if (!(code >= 0x20)) throw new Flaw(at >= text.length ? 'the text ends too early' : 'a control character in a string', at)
      at += 1
    }
  }

  #escapedString(start: number, firstEscape: number): string {
    let value = this.#text.slice(start, firstEscape)
    let at = firstEscape
    let isTried = firstEscape - start >= longString
    for (;;) {
      const code = this.#text.charCodeAt(at)
      if (code === quote) break
      if (at - start > longString && !isTried) {
        const long = this.#longString(start)
        if (long !== undefined) return long
        isTried = true
      }
      if (!(code >= 0x20)) throw new Flaw(at >= this.#text.length ? 'the text ends too early' : 'a control character in a string', at)
      if (code !== backslash) {
        const from = at
        while (isUnescaped(this.#text.charCodeAt(at))) at += 1
        value += this.#text.slice(from, at)
      } else if (this.#text[at + 1] === 'u') {
        value += this.#codeUnit(at)
        at += 6
      } else {
        const escaped = escapes[this.#text[at + 1] ?? '']
        if (escaped === undefined) throw new Flaw('an unknown escape', at)
        value += escaped
        at += 2
      }
    }
    this.#at = at + 1
    if (!value.isWellFormed()) throw new Flaw('a lone surrogate in the string', start - 1)
    return value
  }

  #longString(start: number): string | undefined {
    const long = readLongString(this.#text, start)
    if (long !== undefined) this.#at = long.to
    return long?.value
  }

  #codeUnit(at: number): string {
    const digits = this.#text.slice(at + 2, at + 6)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new Flaw('an unknown escape', at)
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at += 1
    }
  }

  #take(character: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== character) return false
    this.#at += 1
    return true
  }

  #flaw(says: string): Flaw {
    return new Flaw(says, this.#at)
  }
}

function isUnescaped(code: number): boolean {
  return code >= 0x20 && code !== quote && code !== backslash
}
