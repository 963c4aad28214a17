/** SHA-256 over much, made a piece a turn while something else is waited for; whoever needs it earlier makes what is left at once. */
import { createHash } from 'node:crypto'
import type { Clock } from './ports.ts'

/** Some 70 µs of work. */
const pieceBytes = 131_072

/** Hex over bytes that nobody changes. */
export class LateHash {
  readonly #hash = createHash('sha256')
  readonly #bytes: Uint8Array
  #at = 0
  #hex: string | undefined

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** One piece more; answers whether that was the last. */
  step(): boolean {
    if (this.#hex !== undefined) return true
    const to = this.#at + pieceBytes
    this.#hash.update(this.#bytes.subarray(this.#at, to))
    this.#at = to
    if (to >= this.#bytes.byteLength) this.#hex = this.#hash.digest('hex')
    return this.#hex !== undefined
  }

  /** What is left is made now. */
  hex(): string {
    if (this.#hex === undefined) {
      this.#hash.update(this.#bytes.subarray(this.#at))
      this.#hex = this.#hash.digest('hex')
    }
    return this.#hex
  }
}

/** Goes on with it from turn to turn, after whatever is due in this one; never, where there are no turns. */
export function workOn(work: { step(): boolean }, { turn }: Pick<Clock, 'turn'>): void {
  if (turn !== undefined) void goOn(work, turn)
}

async function goOn(work: { step(): boolean }, turn: () => Promise<void>): Promise<void> {
  do await turn()
  while (!work.step())
}
