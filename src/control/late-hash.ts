/** SHA-256 over much, made a piece a turn while something else is waited for; whoever needs it earlier makes what is left at once. */
import { createHash, type Hash } from 'node:crypto'
import type { Clock } from './ports.ts'

/** Some 35 µs of work. */
export const pieceBytes = 65_536

/** Hex over bytes that nobody changes, or over a well-formed text in UTF-8; which are let go of once it is made. */
export class LateHash {
  #hash: Hash | undefined
  #content: Uint8Array | string
  #at = 0
  #hex: string | undefined

  constructor(content: Uint8Array | string) {
    this.#content = content
  }

  get isMade(): boolean {
    return this.#hex !== undefined
  }

  /** One piece more; answers whether that was the last. */
  step(): boolean {
    if (this.#hex !== undefined) return true
    const content = this.#content
    const to = endOfPiece(content, this.#at + pieceBytes)
    // Not before there is time for it: whoever puts a hash off has something to send first.
    const hash = (this.#hash ??= createHash('sha256'))
    hash.update(typeof content === 'string' ? content.slice(this.#at, to) : content.subarray(this.#at, to))
    this.#at = to
    if (to >= content.length) this.#finish(hash)
    return this.#hex !== undefined
  }

  /** What is left is made now. */
  hex(): string {
    while (!this.step());
    return this.#hex ?? ''
  }

  /** Lines wait for a disk that may stand still, and must not keep a megabyte each. */
  #finish(hash: Hash): void {
    this.#hex = hash.digest('hex')
    this.#content = ''
    this.#hash = undefined
  }
}

/** `to`, or the place before it: not within a character, of which half is none. */
export function endOfPiece(content: Uint8Array | string, to: number): number {
  return typeof content === 'string' && (content.charCodeAt(to) & 0xfc00) === 0xdc00 ? to - 1 : to
}

/** Goes on with it from turn to turn, after whatever is due in this one; never, where there are no turns. */
export function workOn(work: { step(): boolean }, clock: Pick<Clock, 'turn'>): void {
  if (clock.turn !== undefined) void goOn(work, clock)
}

async function goOn(work: { step(): boolean }, clock: Pick<Clock, 'turn'>): Promise<void> {
  do await clock.turn?.()
  while (!work.step())
}
