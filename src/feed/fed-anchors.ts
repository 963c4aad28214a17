/** Tells control how far a gateway's journal is on its disk, so that the ledger vouches for it within a second. */
import type { Milliseconds } from '../kernel/instants.ts'
import type { Journal } from '../control/journal.ts'
import type { Clock } from '../control/ports.ts'
import type { FromGateway } from './messages.ts'

const anchorEvery: Milliseconds = 500

export class FedAnchors {
  readonly #journal: Journal
  readonly #clock: Pick<Clock, 'after'>
  readonly #tell: (message: Extract<FromGateway, { type: 'anchor' }>) => void
  readonly #unlisten: () => void
  #due: (() => void) | undefined
  #told = 0
  #running: Promise<void> = Promise.resolve()

  constructor(journal: Journal, clock: Pick<Clock, 'after'>, tell: (message: Extract<FromGateway, { type: 'anchor' }>) => void) {
    this.#journal = journal
    this.#clock = clock
    this.#tell = tell
    this.#unlisten = journal.onSealed(() => this.#wake())
  }

  /** Whoever is told next knows nothing yet. */
  tellAnew(): void {
    this.#told = 0
    if (this.#journal.head().n > 0) this.#wake()
  }

  /** Syncs what waits, and tells of it. What was told over a link that ended is told again over the next. */
  async now(): Promise<void> {
    const head = await this.#journal.flush()
    if (!head.ok || head.value.n === this.#told) return
    this.#told = head.value.n
    this.#tell({ type: 'anchor', n: head.value.n, hash: Buffer.from(head.value.hash).toString('hex') })
  }

  async stop(): Promise<void> {
    this.#unlisten()
    this.#due?.()
    await this.#running
    await this.now()
  }

  #wake(): void {
    this.#due ??= this.#clock.after(anchorEvery, () => {
      this.#due = undefined
      this.#running = this.#running.then(() => this.now())
    })
  }
}
