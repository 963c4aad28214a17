/** Ties the journal of a gateway elsewhere to the ledger: the newest line that its disk has, again and again. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused } from '../kernel/result.ts'
import type { EnrolledGateway } from '../model/gateways.ts'
import { parseVkey } from '../ledger/note.ts'
import { type Desk, machinery, note } from '../control/desk.ts'

interface Line {
  readonly n: number
  readonly hash: string
}

export class FeedAnchors {
  readonly #desk: Desk
  readonly #journal: string | undefined
  #newest: Line | undefined
  #due: Line | undefined
  #writing = false

  constructor(desk: Desk, { journal }: EnrolledGateway) {
    this.#desk = desk
    const key = journal === undefined ? undefined : parseVkey(journal)
    this.#journal = key?.ok === true ? key.value.name : undefined
  }

  /** Keeps the newest; while one is written, those that follow become one. Answers why the link cannot go on, if it cannot. */
  take({ n, hash }: Line): Refused | undefined {
    if (this.#journal === undefined) return refuse('feed.out-of-order', { detail: 'an anchor of a journal that nobody has the key of' })
    const before = this.#newest
    if (before !== undefined && n === before.n && hash === before.hash) return undefined
    if (before !== undefined && n <= before.n)
      return refuse('feed.out-of-order', { detail: `line ${n} of its journal after line ${before.n}` })
    this.#newest = { n, hash }
    this.#due = this.#newest
    if (!this.#writing) void this.#write(this.#journal)
    return undefined
  }

  async #write(journal: string): Promise<void> {
    this.#writing = true
    for (let due = this.#due; due !== undefined; due = this.#due) {
      this.#due = undefined
      const facts = { journal, ...due }
      // What the store does not take comes again with the next line.
      await this.#desk.store.change(async (tx) => {
        await note(tx, { kind: 'journal.anchored', actor: machinery, subject: journal, facts })
        return done(undefined)
      })
    }
    this.#writing = false
  }
}
