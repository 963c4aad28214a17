/** What is kept for callers between their messages: under a name, for its owner alone, and never more than so much of it. */

export interface KeepLimits {
  readonly ofOneMax: number
  readonly max: number
}

/** The oldest makes room: first of the same owner, then of whoever added something longest ago. */
export class OwnerKeep<T> {
  readonly #limits: KeepLimits
  readonly #onGone: (kept: T) => void
  readonly #owners = new Map<string, Map<string, T>>()
  #size = 0

  /** `onGone`: called once for each that is kept no longer, for whatever reason. */
  constructor(limits: KeepLimits, onGone: (kept: T) => void = () => {}) {
    this.#limits = limits
    this.#onGone = onGone
  }

  get size(): number {
    return this.#size
  }

  add(owner: string, name: string, kept: T): void {
    this.remove(owner, name)
    const mine = this.#owners.get(owner) ?? new Map<string, T>()
    mine.set(name, kept)
    this.#size += 1
    this.#owners.delete(owner)
    this.#owners.set(owner, mine)
    const [oldest] = mine.keys()
    if (mine.size > this.#limits.ofOneMax && oldest !== undefined) this.remove(owner, oldest)
    while (this.#size > this.#limits.max) this.#makeRoom()
  }

  /** `undefined` where it is nobody's, and where it is somebody else's. */
  find(owner: string, name: string): T | undefined {
    return this.#owners.get(owner)?.get(name)
  }

  /** The oldest first. */
  allOf(owner: string): readonly T[] {
    return [...(this.#owners.get(owner)?.values() ?? [])]
  }

  remove(owner: string, name: string): void {
    const mine = this.#owners.get(owner)
    const kept = mine?.get(name)
    if (mine === undefined || kept === undefined) return
    mine.delete(name)
    this.#size -= 1
    if (mine.size === 0) this.#owners.delete(owner)
    this.#onGone(kept)
  }

  removeWhere(isOver: (kept: T) => boolean): void {
    for (const [owner, mine] of [...this.#owners]) for (const [name, kept] of [...mine]) if (isOver(kept)) this.remove(owner, name)
  }

  #makeRoom(): void {
    const [first] = this.#owners
    const [oldest] = first?.[1].keys() ?? []
    if (first === undefined || oldest === undefined) throw new Error('something is counted that is not kept')
    this.remove(first[0], oldest)
  }
}
