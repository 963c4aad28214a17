/** Hears in a server's streams, as they pass, that a list of its changed. */
import type { Tap } from './passage.ts'

/** The end of `notifications/tools/list_changed` and its like: how the slash before it is written is a server's own matter. */
const word = Buffer.from('list_changed')

/** Beside another listener. A word too many costs one more look at the list. */
export class ListEar implements Tap {
  readonly #onChanged: () => void
  readonly #beside: Tap | undefined
  #isStream = false
  /** The last bytes that passed: the word may come in two pieces. */
  #tail: Buffer = Buffer.alloc(0)

  constructor(onChanged: () => void, beside: Tap | undefined) {
    this.#onChanged = onChanged
    this.#beside = beside
  }

  onHead(form: 'json' | 'events' | 'other', length = 0): void {
    this.#isStream = form === 'events'
    this.#beside?.onHead?.(form, length)
  }

  get keeps(): boolean {
    return this.#beside !== undefined && this.#beside.keeps !== false
  }

  onData(bytes: Uint8Array): void {
    if (this.#isStream) this.#listen(bytes)
    this.#beside?.onData(bytes)
  }

  flaw(): string | undefined {
    return this.#beside?.flaw?.()
  }

  onOver(isWhole: boolean): ReturnType<Tap['onOver']> {
    return this.#beside?.onOver(isWhole)
  }

  #listen(bytes: Uint8Array): void {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const across = Buffer.concat([this.#tail, piece.subarray(0, word.length - 1)])
    if (piece.includes(word) || across.includes(word)) this.#onChanged()
    const end = piece.length < word.length ? Buffer.concat([this.#tail, piece]) : piece
    this.#tail = Buffer.from(end.subarray(Math.max(0, end.length - word.length + 1)))
  }
}
