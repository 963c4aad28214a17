/** Where one value stands in a JSON text that was read already, so that it alone is replaced and every other byte stays. */
import { endOfString, endOfValue, skipSpace, type Span, textOf } from './list-spans.ts'

const braceOpen = 0x7b
const quote = 0x22
const comma = 0x2c

/** The value at a path of keys; `undefined` where there is none. No further than that is looked: `id` mostly stands before what is long. */
export function spanOf(bytes: Uint8Array, path: readonly string[]): Span | undefined {
  const from = startOf(bytes, path)
  return from === undefined ? undefined : { from, to: endOfValue(bytes, from) }
}

/** Where it begins. */
export function startOf(bytes: Uint8Array, path: readonly string[]): number | undefined {
  let from = skipSpace(bytes, 0)
  for (const key of path) {
    const found = valueOf(bytes, from, key)
    if (found === undefined) return undefined
    from = found
  }
  return from
}

/** The text with something else at that place. */
export function replaceSpan(bytes: Uint8Array, { from, to }: Span, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, from), Buffer.from(text), bytes.subarray(to)])
}

/** Where the value of a key begins. A key stands once, or the text would have been refused; it may be escaped. */
function valueOf(bytes: Uint8Array, object: number, key: string): number | undefined {
  if (bytes[object] !== braceOpen) return undefined
  let at = skipSpace(bytes, object + 1)
  while (bytes[at] === quote) {
    const keyEnd = endOfString(bytes, at)
    const isIt = textOf(bytes, { from: at, to: keyEnd }) === key
    // Past the colon.
    const value = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1)
    if (isIt) return value
    at = skipSpace(bytes, endOfValue(bytes, value))
    if (bytes[at] === comma) at = skipSpace(bytes, at + 1)
  }
  return undefined
}
