/** Where the parts of a JSON text stand, so that parts are left out or put in and every other byte stays what it was. Only for texts that `parseJson` has read. */

/** From the first byte of a value to the one after its last. */
export interface Span {
  readonly from: number
  readonly to: number
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a

/** The members of the object at `at`, by key: where each value stands, and `whole` with its key. */
export function memberSpans(bytes: Uint8Array, at: number): ReadonlyMap<string, Span & { readonly whole: Span }> {
  const found = new Map<string, Span & { readonly whole: Span }>()
  let place = skipSpace(bytes, at) + 1
  if (bytes[place - 1] !== 0x7b) return found
  for (;;) {
    place = skipSpace(bytes, place)
    if (bytes[place] !== quote) return found
    const keyAt = place
    const keyEnd = endOfString(bytes, keyAt)
    place = skipSpace(bytes, keyEnd)
    if (bytes[place] !== colon) return found
    const from = skipSpace(bytes, place + 1)
    const to = endOfValue(bytes, from)
    found.set(textOf(bytes, { from: keyAt, to: keyEnd }), { from, to, whole: { from: keyAt, to } })
    place = skipSpace(bytes, to)
    if (bytes[place] !== comma) return found
    place += 1
  }
}

/** The elements of the array at `at`. */
export function elementSpans(bytes: Uint8Array, at: number): readonly Span[] {
  const found: Span[] = []
  const open = skipSpace(bytes, at)
  let place = skipSpace(bytes, open + 1)
  if (bytes[open] !== 0x5b || bytes[place] === 0x5d) return found
  while (place < bytes.byteLength) {
    const to = endOfValue(bytes, place)
    found.push({ from: place, to })
    place = skipSpace(bytes, to)
    if (bytes[place] !== comma) return found
    place = skipSpace(bytes, place + 1)
  }
  return found
}

/** The text of the JSON string at a span. */
export function textOf(bytes: Uint8Array, { from, to }: Span): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8')
  if (!text.includes('\\')) return text.slice(1, -1)
  const read: unknown = JSON.parse(text)
  return typeof read === 'string' ? read : ''
}

export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const code = bytes[at]
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at += 1
  }
}

export function endOfValue(bytes: Uint8Array, from: number): number {
  const code = bytes[from]
  if (code === quote) return endOfString(bytes, from)
  if (code !== 0x7b && code !== 0x5b) return endOfScalar(bytes, from)
  let depth = 0
  let at = from
  while (at < bytes.byteLength) {
    const here = bytes[at]
    if (here === quote) {
      at = endOfString(bytes, at)
      continue
    }
    if (here === 0x7b || here === 0x5b) depth += 1
    else if (here === 0x7d || here === 0x5d) {
      depth -= 1
      if (depth === 0) return at + 1
    }
    at += 1
  }
  return at
}

/** Bytes that are looked at one by one before the platform looks for the closing quote: quicker for keys, and for a text of a megabyte. */
const shortString = 48

export function endOfString(bytes: Uint8Array, from: number): number {
  let at = from + 1
  const far = Math.min(bytes.byteLength, from + shortString)
  while (at < far && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
  if (bytes[at] === quote) return at + 1
  for (;;) {
    at = bytes.indexOf(quote, at)
    if (at < 0) return bytes.byteLength
    let run = at
    while (bytes[run - 1] === backslash) run -= 1
    at += 1
    // Of an even run of backslashes each escapes the one after it, and none the quote.
    if ((at - 1 - run) % 2 === 0) return at
  }
}

/** A number, `true`, `false` or `null`. */
function endOfScalar(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const code = bytes[at]
    const isPart =
      code !== undefined &&
      ((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x7a) || code === 0x45 || code === 0x2b || code === 0x2d || code === 0x2e)
    if (!isPart) return at
    at += 1
  }
}
