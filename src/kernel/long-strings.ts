/** Long strings of a JSON text, by the platform's own parser: it reads them as RFC 8259 does, and ten times as fast as ours. */

/** Characters after which it is worth the call. */
export const longString = 64

const backslash = 0x5c

/** The string whose first character is at `start`, and the place after its closing quote; `undefined` for one with a flaw, which another parser names. */
export function readLongString(text: string, start: number): { readonly value: string; readonly to: number } | undefined {
  let end = start - 1
  let escapes = 0
  do {
    end = text.indexOf('"', end + 1)
    if (end < 0) return undefined
    for (escapes = 0; text.charCodeAt(end - 1 - escapes) === backslash; ) escapes += 1
  } while (escapes % 2 === 1)
  const value = parsed(text.slice(start - 1, end + 1))
  return typeof value === 'string' && value.isWellFormed() ? { value, to: end + 1 } : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
