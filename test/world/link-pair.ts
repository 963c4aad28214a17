/** Two ends of one feed link inside a test, carried however the test wants. */
import type { FeedLink } from '../../src/feed/link.ts'

/** When something that was sent arrives, in whatever way the test's network has; each end keeps its order unless that says otherwise. */
export type Carry = (deliver: () => void) => void

class End implements FeedLink {
  readonly waitingBytes = 0
  readonly #carry: Carry
  readonly #waiting: string[] = []
  readonly #closers: ((reason: string) => void)[] = []
  #listener: ((message: string) => void) | undefined
  #closed: string | undefined
  other: End | undefined

  constructor(carry: Carry) {
    this.#carry = carry
  }

  send(message: string): void {
    if (this.#closed === undefined) this.#carry(() => this.other?.take(message))
  }

  onMessage(listener: (message: string) => void): void {
    this.#listener = listener
    for (const message of this.#waiting.splice(0)) listener(message)
  }

  onClose(listener: (reason: string) => void): void {
    if (this.#closed === undefined) this.#closers.push(listener)
    else listener(this.#closed)
  }

  close(reason: string): void {
    if (this.#closed !== undefined) return
    this.shut(reason)
    this.#carry(() => this.other?.shut(reason))
  }

  take(message: string): void {
    if (this.#closed !== undefined) return
    if (this.#listener === undefined) this.#waiting.push(message)
    else this.#listener(message)
  }

  shut(reason: string): void {
    if (this.#closed !== undefined) return
    this.#closed = reason
    for (const closer of this.#closers.splice(0)) closer(reason)
  }
}

/** Two ends of one link without a wire. */
export function linkPair(carry: Carry = queueMicrotask): readonly [gateway: FeedLink, control: FeedLink] {
  const [one, two] = [new End(carry), new End(carry)]
  one.other = two
  two.other = one
  return [one, two]
}
