/** Base64 (RFC 4648 §4) with one reading: padded, no line breaks, no spare bits. */

/** The bytes, or undefined where the text is not exactly what `toBase64` writes. */
export function parseBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
