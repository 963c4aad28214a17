/** The other nodes as this one sees them, round by round: who is there, who is silent, and who has been there the longest. */
import type { Connection } from './connection.ts'
import { giveUp, type Round } from './membership.ts'

interface Seen {
  readonly term: number
  readonly beat: number
  /** When this sign of life was seen first, by the clock of this process. */
  readonly since: number
}

export class Neighbours {
  readonly #steady: () => number
  readonly #silentMs: number
  #seen = new Map<string, Seen>()
  /** Who left, and when: what runs by the leave of such a node may go on as long as if it had fallen silent. */
  readonly #left = new Map<string, number>()
  #isEldest = false

  constructor(options: { readonly steady: () => number; readonly silentMs: number }) {
    this.#steady = options.steady
    this.#silentMs = options.silentMs
  }

  get isEldest(): boolean {
    return this.#isEldest
  }

  names(): readonly string[] {
    const now = this.#steady()
    for (const [name, at] of this.#left) if (now - at >= this.#silentMs || this.#seen.has(name)) this.#left.delete(name)
    return [...this.#seen.keys(), ...this.#left.keys()]
  }

  /**
   * Gives up whoever gave no sign of life for so long, all of it before our own eyes: after a restart of the database, or of this process,
   * everybody has the whole time to come back.
   */
  async see(connection: Connection, { others, isEldest }: Round): Promise<void> {
    const now = this.#steady()
    this.#isEldest = isEldest
    const seen = new Map<string, Seen>()
    for (const { name, term, beat } of others) {
      const before = this.#seen.get(name)
      const isSilent = before?.term === term && before.beat === beat
      if (isSilent && now - before.since >= this.#silentMs && (await giveUp(connection, { name, term, beat }))) continue
      seen.set(name, isSilent ? before : { term, beat, since: now })
    }
    for (const name of this.#seen.keys()) if (!others.some((each) => each.name === name)) this.#left.set(name, now)
    this.#seen = seen
  }

  /** What was seen before the database was lost says nothing about what is. */
  forget(): void {
    this.#seen.clear()
    this.#isEldest = false
  }
}
