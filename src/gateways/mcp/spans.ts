/** Where one value stands in a JSON text that was read already, so that it alone is replaced and every other byte stays. */
import { memberSpans, type Span } from './list-spans.ts'

export type { Span } from './list-spans.ts'

/** The value at a path of keys; `undefined` where there is none. */
export function spanOf(bytes: Uint8Array, path: readonly string[]): Span | undefined {
  let found: Span | undefined = { from: 0, to: bytes.byteLength }
  for (const key of path) found = found === undefined ? undefined : memberSpans(bytes, found.from).get(key)
  return found === undefined ? undefined : { from: found.from, to: found.to }
}

/** The text with something else at that place. */
export function replaceSpan(bytes: Uint8Array, { from, to }: Span, text: string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, from), Buffer.from(text), bytes.subarray(to)])
}
