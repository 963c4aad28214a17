/** Bytes and texts that are Unicode, or the place from which on they are not. */

/** The text, or the place of its first lone surrogate. */
export function wellFormed(text: string): string | number {
  return text.isWellFormed() ? text : text.search(/\p{Surrogate}/u)
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text, or the place of the first byte that is not UTF-8. A byte order mark is kept, and so refused by the parser. */
export function decodeUtf8(bytes: Uint8Array): string | number {
  try {
    return strict.decode(bytes)
  } catch {
    let [good, bad] = [0, bytes.byteLength]
    while (good < bad) {
      const middle = Math.ceil((good + bad) / 2)
      if (isUtf8Start(bytes.subarray(0, middle))) good = middle
      else bad = middle - 1
    }
    return good
  }
}

function isUtf8Start(bytes: Uint8Array): boolean {
  try {
    // As a stream, so that a character cut off by the end is not yet a flaw.
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}
