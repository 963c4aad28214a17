/** Keeps the newest head at a place outside, and holds the stored log against the one that is kept there. */
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { openCheckpoint } from '../ledger/checkpoint.ts'
import { claimedOrigin, earlierKeys } from '../ledger/log-names.ts'
import type { NoteKey } from '../ledger/note.ts'
import { sameHash } from '../ledger/tree.ts'
import type { LogTree } from './log-tree.ts'
import type { Clock, LogStore } from './ports.ts'

/** A place that is not the store, and best not this machine. Every call throws when it could not do what it says. */
export interface HeadPlace {
  /** For people. */
  readonly place: string
  /** The note that was kept last; undefined where none was ever kept. */
  newest(): Promise<string | undefined>
  keep(note: string): Promise<void>
}

export interface HeadKeepingOptions {
  readonly log: Pick<LogStore, 'tree'>
  readonly place: HeadPlace
  readonly clock: Pick<Clock, 'after'>
  readonly alarm: (says: string, cause: unknown) => void
  /** Between two heads that are kept. */
  readonly everyMs?: Milliseconds
}

/**
 * Whether the stored log still has what was kept outside. Refuses `ledger.tail-lost` a log that is shorter or another, `ledger.unverified`
 * a head that our key did not sign, and `ledger.unanchored` where the place cannot be read: what is not known is not well.
 */
export async function checkKept(place: HeadPlace, own: NoteKey, log: Pick<LogStore, 'tree'>, tree: LogTree): Promise<Result<undefined>> {
  let note: string | undefined
  try {
    note = await place.newest()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unreadable'
    return refuse('ledger.unanchored', { detail: `${place.place}: ${why}` })
  }
  if (note === undefined) return done(undefined)
  // One of an earlier epoch says nothing of this one: that it began is known, and in the ledger.
  const earlier = earlierKeys(own.vkey).find((key) => key.name === claimedOrigin(note))
  const key = earlier ?? own
  const opened = openCheckpoint(note, key.name, [key])
  if (!opened.ok) return refuse(opened.refusal.code, { detail: `the head kept at ${place.place}: ${opened.refusal.detail ?? ''}` })
  if (earlier !== undefined) return done(undefined)
  const { size, root } = opened.value
  const stored = (await log.tree()).size
  if (size > stored)
    return refuse('ledger.tail-lost', { detail: `the head kept at ${place.place} has ${size} entries, the store ${stored}` })
  if (sameHash(root, await tree.root(size))) return done(undefined)
  return refuse('ledger.tail-lost', { detail: `the first ${size} entries are not those of the head kept at ${place.place}` })
}

/** From construction to `close`, which keeps the last head. */
export class HeadKeeping {
  /** Why the newest head is not kept; undefined while all is well. */
  late: string | undefined
  readonly #options: HeadKeepingOptions
  #kept = ''
  #due: (() => void) | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: HeadKeepingOptions) {
    this.#options = options
  }

  /** There is a new head, or a new signature under it. */
  wake(): void {
    const { clock, everyMs = 10_000 } = this.#options
    this.#due ??= clock.after(everyMs, () => {
      this.#due = undefined
      void this.keep()
    })
  }

  keep(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#keepNewest()).catch((cause: unknown) => this.#isLate(cause))
    return this.#turn
  }

  async close(): Promise<void> {
    this.#due?.()
    await this.keep()
    this.#due?.()
  }

  async #keepNewest(): Promise<void> {
    const { log, place, alarm } = this.#options
    const { checkpoint } = await log.tree()
    if (checkpoint === '' || checkpoint === this.#kept) return
    await place.keep(checkpoint)
    this.#kept = checkpoint
    if (this.late !== undefined) alarm(`heads of the ledger are kept at ${place.place} again`, undefined)
    this.late = undefined
  }

  #isLate(cause: unknown): void {
    const { place, alarm } = this.#options
    if (this.late === undefined) alarm(`the head of the ledger cannot be kept at ${place.place}`, cause)
    this.late = cause instanceof Error ? cause.message : 'it failed'
    this.wake()
  }
}
