/** Long JSON in steps: the same text, and the same reading, as all at once, for whoever must let others have their turn in between. */
import { canonicalJson, canonicalString, type JsonLimits, type JsonValue, parseJson } from './json.ts'
import { refuse } from './refusals.ts'
import { done, type Result } from './result.ts'

/** `canonicalJson` in steps: one for each element of the outermost arrays. */
export function* writingJson(value: unknown): Generator<undefined, string> {
  if (Array.isArray(value)) {
    const texts: string[] = []
    // By index: a hole is thrown on like any undefined.
    for (let place = 0; place < value.length; place += 1) {
      texts.push(inOnePiece(canonicalJson(value[place])))
      yield
    }
    return `[${texts.join(',')}]`
  }
  if (!isPlain(value)) return canonicalJson(value)
  const members: string[] = []
  for (const key of Object.keys(value).toSorted(byCodeUnits)) {
    const member = value[key]
    if (member === undefined) continue
    members.push(`${canonicalString(key)}:${yield* writingJson(member)}`)
    yield
  }
  return `{${members.join(',')}}`
}

/**
 * A text that was put together is copied into one place when somebody first looks into it: here for each element in its step, and not in the
 * end for all of them.
 */
function inOnePiece(text: string): string {
  if (Number.isNaN(text.charCodeAt(0))) throw new Error('no JSON is empty')
  return text
}

const kept = new WeakMap<object, string>()

/** Keeps the canonical text of a long value that nobody changes any more, for as long as anybody has the value. */
export function keepText(value: object, text: string): void {
  kept.set(value, text)
}

/** `canonicalJson`, or the text that was kept of this very value. */
export function keptText(value: object): string {
  return kept.get(value) ?? canonicalJson(value)
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

function byCodeUnits(left: string, right: string): number {
  return left < right ? -1 : 1
}

/** Characters that are read in one step. */
const stepMax = 8_192
/** So deep it is read part by part; what lies deeper, in one step. Each level is looked through for its ends once. */
const levelsMax = 8

/**
 * `parseJson` in steps of a few thousand characters, where the text has no white space between its parts, as canonical text has none;
 * any other is read at once.
 */
export function* readingJson(text: string, limits: JsonLimits = {}): Generator<undefined, Result<JsonValue>> {
  const { bytesMax = 1_048_576, depthMax = 64 } = limits
  if (Buffer.byteLength(text) > bytesMax) return refuse('input.too-large', { detail: `at most ${bytesMax} bytes` })
  const read = yield* readingPart(text, { from: 0, to: text.length, level: 0, depthMax })
  // Whatever is wrong with it, and where, the one parser says of the whole.
  return read === undefined ? parseJson(text, limits) : done(read.value)
}

/** A value of the text, and how deep it lies. */
interface Part {
  readonly from: number
  readonly to: number
  readonly level: number
  readonly depthMax: number
}

/** Undefined where it is not what it should be; the value may be any, `null` included. */
type Reading = Generator<undefined, { readonly value: JsonValue } | undefined>

function* readingPart(text: string, part: Part): Reading {
  const { from, to, level, depthMax } = part
  yield
  if (to - from > stepMax && level < Math.min(levelsMax, depthMax - 1)) {
    if (text[from] === '[' && text[to - 1] === ']') return yield* readingArray(text, part)
    if (text[from] === '{' && text[to - 1] === '}') return yield* readingObject(text, part)
  }
  const read = parseJson(text.slice(from, to), { bytesMax: Number.POSITIVE_INFINITY, depthMax: depthMax - level })
  return read.ok ? { value: read.value } : undefined
}

function* readingArray(text: string, { from, to, level, depthMax }: Part): Reading {
  const value: JsonValue[] = []
  for (let at = from + 1; ; ) {
    const end = endOfValue(text, at)
    const element = end > to - 1 ? undefined : yield* readingPart(text, { from: at, to: end, level: level + 1, depthMax })
    if (element === undefined) return undefined
    value.push(element.value)
    if (end === to - 1) return { value }
    if (text[end] !== ',') return undefined
    at = end + 1
  }
}

function* readingObject(text: string, { from, to, level, depthMax }: Part): Reading {
  // Without a prototype, as `parseJson` makes them.
  const value: Record<string, JsonValue> = { __proto__: null }
  for (let at = from + 1; ; ) {
    const colon = text[at] === '"' ? endOfString(text, at) : to
    if (colon >= to || text[colon] !== ':') return undefined
    const key = parseJson(text.slice(at, colon), { bytesMax: Number.POSITIVE_INFINITY })
    if (!key.ok || typeof key.value !== 'string' || key.value in value) return undefined
    const end = endOfValue(text, colon + 1)
    const member = end > to - 1 ? undefined : yield* readingPart(text, { from: colon + 1, to: end, level: level + 1, depthMax })
    if (member === undefined) return undefined
    value[key.value] = member.value
    if (end === to - 1) return { value }
    if (text[end] !== ',') return undefined
    at = end + 1
  }
}

/** Behind the value that begins here, as far as brackets and quotes tell: where they do not match, whoever parses it finds out. */
function endOfValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at) - 1
        break
      case 0x5b:
      case 0x7b:
        depth += 1
        break
      case 0x5d:
      case 0x7d:
        if (depth === 0) return at
        depth -= 1
        break
      case 0x2c:
        if (depth === 0) return at
        break
      default:
        break
    }
  }
  return text.length
}

/** Behind the closing quote of the string that begins here, or the end of the text. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; ; ) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return text.length
    let escapes = 0
    while (text[quote - 1 - escapes] === '\\') escapes += 1
    if (escapes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** How many arrays and objects lie in each other, of canonical text; in steps. */
export function* measuringDepth(text: string): Generator<undefined, number> {
  let depth = 0
  let deepest = 0
  let pausedAt = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0x22) at = endOfString(text, at) - 1
    else if (code === 0x5b || code === 0x7b) {
      depth += 1
      if (depth > deepest) deepest = depth
    } else if (code === 0x5d || code === 0x7d) depth -= 1
    if (at - pausedAt > 8 * stepMax) {
      pausedAt = at
      yield
    }
  }
  return deepest
}
