/** Change-sets that wait, and the names of what was removed: neither is used by decisions, both are asked for often. */
import type { ChangeSet } from '../model/change-sets.ts'

/** Kinds whose names are used once. */
export type RemovedKind = 'service' | 'issuer' | 'application'

export class KnownChanges {
  readonly #waiting = new Map<string, ChangeSet>()
  readonly #removed = new Set<string>()

  put(changeSet: ChangeSet): void {
    if (changeSet.state === 'proposed') this.#waiting.set(changeSet.id, changeSet)
    else this.#waiting.delete(changeSet.id)
  }

  remove(kind: RemovedKind, name: string): void {
    this.#removed.add(`${kind}/${name}`)
  }

  waiting(): Iterable<ChangeSet> {
    return this.#waiting.values()
  }

  /** Whether something of this name was there once: names are never used again. */
  isRemoved(kind: RemovedKind, name: string): boolean {
    return this.#removed.has(`${kind}/${name}`)
  }
}
