/** What follows from what: things that are wanted, for as long as something that is wanted needs them. */
import type { ExceptionId, GrantId, Id, IdentityId } from '../kernel/ids.ts'

/** A grant, a bound token, an identity, an exception, or a service of another gateway. */
export type Key = GrantId | Id<'tok'> | IdentityId | ExceptionId | `service/${string}`

/** Counts who needs a thing; what nobody needs any more leaves, and whatever it needed alone with it. */
export class Closure {
  readonly #needs: (key: Key) => readonly Key[]
  readonly #held = new Map<Key, { count: number; needs: readonly Key[] }>()
  readonly #wanted = new Set<Key>()
  #entered = new Set<Key>()
  #left = new Set<Key>()
  /** Those that entered and had been there before. */
  #cameBack = new Set<Key>()

  constructor(needs: (key: Key) => readonly Key[]) {
    this.#needs = needs
  }

  has(key: Key): boolean {
    return this.#held.has(key)
  }

  keys(): Iterable<Key> {
    return this.#held.keys()
  }

  /** Wanted for its own sake, once however often this is said. */
  want(key: Key): void {
    if (this.#wanted.has(key)) return
    this.#wanted.add(key)
    this.#hold(key)
  }

  unwant(key: Key): void {
    if (this.#wanted.delete(key)) this.#release(key)
  }

  #hold(key: Key): void {
    const held = this.#held.get(key)
    if (held !== undefined) {
      held.count += 1
      return
    }
    const needs = this.#needs(key)
    this.#held.set(key, { count: 1, needs })
    if (this.#left.delete(key)) this.#cameBack.add(key)
    this.#entered.add(key)
    for (const need of needs) this.#hold(need)
  }

  #release(key: Key): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    held.count -= 1
    if (held.count > 0) return
    this.#held.delete(key)
    if (!this.#entered.delete(key) || this.#cameBack.delete(key)) this.#left.add(key)
    for (const need of held.needs) this.#release(need)
  }

  /** It changed, and may need something else now. */
  refresh(key: Key): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    const before = held.needs
    held.needs = this.#needs(key)
    // The new ones first: what stays needed must not leave meanwhile.
    for (const need of held.needs) this.#hold(need)
    for (const need of before) this.#release(need)
  }

  /** What came and what went since this was asked last. */
  turn(): { readonly entered: ReadonlySet<Key>; readonly left: ReadonlySet<Key> } {
    const turned = { entered: this.#entered, left: this.#left }
    this.#entered = new Set()
    this.#left = new Set()
    this.#cameBack = new Set()
    return turned
  }
}
