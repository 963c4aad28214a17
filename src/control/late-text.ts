/** What a journal keeps of one long text, made a piece at a time: while nothing in it needs an escape, each piece is encoded once, to be looked at and to be hashed. */
import { createHash, type Hash } from 'node:crypto'
import { pieceMax } from '../kernel/control-characters.ts'
import { canonicalString } from '../kernel/json.ts'
import { encodedAsItStands } from '../kernel/long-strings.ts'
import { endOfPiece, LateHash, pieceBytes } from './late-hash.ts'
import { type ShortenedArgument, startLength, startOf } from './recorded-arguments.ts'

/** As long as a beginning can be when it is written down, and written in less time than one of which each character is escaped. */
const longestStart = 'x'.repeat(6 * startLength)

export class LateText {
  /** As it will be, or longer. */
  readonly draft: ShortenedArgument
  #text: string
  #at = 0
  /** Of the text between quotes, which is its canonical JSON where no character is escaped. */
  #quoted: Hash | undefined
  /** Of its canonical JSON, once one was found. */
  #written: { readonly length: number; readonly start: string; readonly hash: LateHash } | undefined
  #made: ShortenedArgument | undefined

  /** Throws on a lone surrogate. */
  constructor(text: string) {
    // Said now, to whoever decides, and not to the journal, which would take no line any more.
    if (!text.isWellFormed()) throw new Error('a journal cannot hold a lone surrogate')
    this.#text = text
    // A character is written with six at most, and there are two quotes.
    this.draft = { length: text.length * 6 + 2, sha256: '0'.repeat(64), start: longestStart }
  }

  /** A piece of work more; answers whether that was the last. */
  step(): boolean {
    if (this.#made !== undefined) return true
    if (this.#written === undefined) this.#stepQuoted()
    else if (this.#written.hash.step()) {
      const { length, start, hash } = this.#written
      this.#over({ length, sha256: hash.hex(), start })
    }
    return this.#made !== undefined
  }

  /** To the byte what `shortened` answers. What is left is made now. */
  whole(): ShortenedArgument {
    while (this.#made === undefined) this.step()
    return this.#made
  }

  #stepQuoted(): void {
    const text = this.#text
    const hash = (this.#quoted ??= createHash('sha256').update('"'))
    const end = Math.min(text.length, this.#at + pieceBytes)
    while (this.#at < end) {
      const to = endOfPiece(text, this.#at + pieceMax)
      const bytes = encodedAsItStands(text.slice(this.#at, to))
      if (bytes === undefined) {
        this.#writeOut()
        return
      }
      hash.update(bytes)
      this.#at = to
    }
    if (this.#at >= text.length)
      this.#over({ length: text.length + 2, sha256: hash.update('"').digest('hex'), start: startOf(`"${text.slice(0, startLength)}`) })
  }

  /** The work of a turn as well. */
  #writeOut(): void {
    const canonical = canonicalString(this.#text)
    this.#written = { length: canonical.length, start: startOf(canonical), hash: new LateHash(canonical) }
    this.#text = ''
    this.#quoted = undefined
  }

  /** Lines wait for a disk that may stand still, and must not keep a megabyte each. */
  #over(made: ShortenedArgument): void {
    this.#made = made
    this.#text = ''
    this.#quoted = undefined
    this.#written = undefined
  }
}
