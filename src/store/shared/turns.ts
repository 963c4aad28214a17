/** One at a time, in the order of asking: how writers wait for each other. */

export class Turns {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  /** How many have asked and are not through. */
  get waiting(): number {
    return this.#waiting
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last
    const mine = Promise.withResolvers<void>()
    this.#last = mine.promise
    this.#waiting += 1
    await before
    try {
      return await work()
    } finally {
      this.#waiting -= 1
      mine.resolve()
    }
  }
}
