/** Ties a gateway's journal and the store together within a second: whichever of the two loses its tail later, the other misses it. */
import type { Milliseconds } from '../kernel/instants.ts'
import { isJsonObject, parseJson } from '../kernel/json.ts'
import { done } from '../kernel/result.ts'
import { type Desk, machinery, note } from './desk.ts'
import type { Journal } from './journal.ts'
import type { Anchored } from './journal-reading.ts'
import type { LogStore } from './ports.ts'

const anchorEvery: Milliseconds = 500
const pageMax = 1_000

/** From `start` to `stop`, which anchors what is left. */
export class Anchoring {
  readonly #desk: Pick<Desk, 'store' | 'clock'>
  readonly #journal: Journal
  readonly #unlisten: () => void
  #due: (() => void) | undefined
  #anchored = 0
  #isNamed = false
  /** The newest version of the store that the journal was told of, and the newest there is. */
  #told = 0
  #version = 0
  #running: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(desk: Pick<Desk, 'store' | 'clock'>, journal: Journal) {
    this.#desk = desk
    this.#journal = journal
    this.#unlisten = journal.onSealed(() => this.#wake())
    desk.store.onCommit(({ version, changes }) => {
      // An anchor changes no fact: told of, it would be anchored, and so on for ever.
      if (changes.length === 0 || this.#isStopped) return
      this.#version = version
      this.#wake()
    })
  }

  /** Tells the journal how far the store has come, and anchors the head that the disk has. What fails is tried again with the next group. */
  async now(): Promise<void> {
    if (this.#version > this.#told) {
      const version = this.#version
      const told = await this.#journal.append({ at: this.#desk.clock.now(), type: 'known', version }, 'buffered')
      if (told.ok) this.#told = version
    }
    const head = await this.#journal.flush()
    if (!head.ok || head.value.n === this.#anchored) return
    const { n, hash } = head.value
    const recorded = await this.#desk.store.change(async (tx) => {
      // Whoever reads an export of another node finds this journal's key here, and only here.
      const named = this.#isNamed ? {} : { vkey: this.#journal.vkey }
      const facts = { journal: this.#journal.name, n, hash: Buffer.from(hash).toString('hex'), ...named }
      await note(tx, { kind: 'journal.anchored', actor: machinery, subject: this.#journal.name, facts })
      return done(undefined)
    })
    if (!recorded.ok) return
    this.#anchored = n
    this.#isNamed = true
  }

  #wake(): void {
    this.#due ??= this.#desk.clock.after(anchorEvery, () => {
      this.#due = undefined
      this.#running = this.#running.then(() => this.now())
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unlisten()
    this.#due?.()
    await this.#running
    await this.now()
  }
}

/** The newest line of a journal that the ledger vouches for, looked for from the end. */
export async function latestAnchor(store: Pick<LogStore, 'tree' | 'leaves'>, journal: string): Promise<Anchored | undefined> {
  for (let end = (await store.tree()).size; end > 0; end -= pageMax) {
    const from = Math.max(0, end - pageMax)
    for (const row of (await store.leaves(from, end - from)).toReversed()) {
      if (row.body === undefined || !row.body.includes('"journal.anchored"')) continue
      const body = parseJson(row.body)
      if (!body.ok || !isJsonObject(body.value) || body.value['kind'] !== 'journal.anchored' || body.value['subject'] !== journal) continue
      const facts = body.value['facts']
      if (!isJsonObject(facts) || typeof facts['n'] !== 'number' || typeof facts['hash'] !== 'string') continue
      return { n: facts['n'], hash: facts['hash'] }
    }
  }
  return undefined
}
