/** How much a client may still send, on a stream or on a connection of HTTP/2 (RFC 9113 §5.2). */

export class ReceiveWindow {
  readonly #full: number
  #left: number
  #owed = 0

  constructor(full: number) {
    this.#full = full
    this.#left = full
  }

  /** Counts what came; false where it is more than was allowed. */
  take(bytes: number): boolean {
    this.#left -= bytes
    return this.#left >= 0
  }

  /** So many bytes have gone on. Answers by how much the window becomes wider: 0 while that is not worth a frame. */
  give(bytes: number): number {
    this.#owed += bytes
    if (this.#owed < this.#full / 2) return 0
    const by = this.#owed
    this.#left += by
    this.#owed = 0
    return by
  }
}
