/** How often what was met. */
export class Counts {
  readonly #of = new Map<string, number>()

  add(what: string, times = 1): void {
    this.#of.set(what, (this.#of.get(what) ?? 0) + times)
  }

  get(what: string): number {
    return this.#of.get(what) ?? 0
  }

  addAll(others: Iterable<readonly [string, number]>): void {
    for (const [what, times] of others) this.add(what, times)
  }

  entries(): readonly (readonly [string, number])[] {
    return [...this.#of].toSorted(([one], [two]) => (one < two ? -1 : 1))
  }
}
