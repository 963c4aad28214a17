/** Watches bytes that pass for a secret that must not, also where it lies across two pieces. */

/** A secret below this length would be found in harmless text. */
export const secretLengthMin = 8

export class Leak {
  readonly #secret: Buffer
  #tail = Buffer.alloc(0)

  constructor(secret: string) {
    this.#secret = Buffer.from(secret)
  }

  /** Whether the secret ends in this piece. Its first bytes may have passed with an earlier one: alone they are none. */
  shows(bytes: Uint8Array): boolean {
    const size = this.#secret.byteLength
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const across = Buffer.concat([this.#tail, piece.subarray(0, size - 1)])
    if (piece.includes(this.#secret) || across.includes(this.#secret)) return true
    this.#tail = Buffer.from(piece.byteLength >= size ? piece.subarray(1 - size) : Buffer.concat([this.#tail, piece]).subarray(1 - size))
    return false
  }
}
