/** Puts notifications of our own into a server's stream of events as it passes: between two of its events, never within one. */
import type { ClientAnswer } from './client-answer.ts'
import { eventOf } from './event-stream.ts'
import type { Tap } from './passage.ts'

/** What waits for the end of an event; a server that never ends one gets nothing in between. */
const waitingMax = 20

export class StreamNotices implements Tap {
  readonly #answer: Pick<ClientAnswer, 'write'>
  readonly #onOver: () => void
  #isOpen = false
  /** The last bytes that passed, of which four tell whether a blank line ended them. */
  #tail = '\n\n'
  #waiting: Uint8Array[] = []

  constructor(answer: Pick<ClientAnswer, 'write'>, onOver: () => void) {
    this.#answer = answer
    this.#onOver = onOver
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** One message, which is JSON without line ends. */
  send(message: Uint8Array): void {
    if (this.#waiting.length < waitingMax) this.#waiting.push(eventOf(message))
    this.#flush()
  }

  onHead(form: 'json' | 'events' | 'other', length = 0): void {
    // One of a length has room for nothing else: its client would take what is more for the beginning of its next answer.
    this.#isOpen = form === 'events' && length === 0
    // The head itself is written after this.
    queueMicrotask(() => this.#flush())
  }

  onData(bytes: Uint8Array): void {
    this.#tail = `${this.#tail}${Buffer.from(bytes.subarray(-4)).toString('latin1')}`.slice(-4)
    // These bytes are written after this; more of them may come before the turn ends.
    if (this.#waiting.length > 0) queueMicrotask(() => this.#flush())
  }

  onOver(): undefined {
    this.#isOpen = false
    this.#waiting = []
    this.#onOver()
  }

  #flush(): void {
    if (!this.#isOpen || !this.#tail.replaceAll('\r\n', '\n').replaceAll('\r', '\n').endsWith('\n\n')) return
    for (const event of this.#waiting) this.#answer.write(event)
    this.#waiting = []
  }
}
