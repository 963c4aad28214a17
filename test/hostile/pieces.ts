/** Cutting bytes into pieces, and chance that a seed repeats. */

/** So many pieces of equal size, or as many as there are bytes. */
export function pieces(bytes: Buffer, count: number): readonly Buffer[] {
  const size = Math.max(1, Math.ceil(bytes.byteLength / count))
  return Array.from({ length: Math.ceil(bytes.byteLength / size) }, (_, place) => bytes.subarray(place * size, (place + 1) * size))
}

/** Cut at random points: three pieces on average, never an empty one. */
export function randomPieces(bytes: Buffer, chance: Chance): readonly Buffer[] {
  const cuts = [...new Set(Array.from({ length: chance.below(5) }, () => chance.below(bytes.byteLength)))].sort((a, b) => a - b)
  return [...cuts, bytes.byteLength]
    .map((to, place, all) => bytes.subarray(all[place - 1] ?? 0, to))
    .filter((piece) => piece.byteLength > 0)
}

/** The same numbers for the same seed (mulberry32). */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** A whole number from 0 up to and without `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * bound)
  }

  oneOf<T>(all: readonly T[]): T {
    const one = all[this.below(all.length)]
    if (one === undefined) throw new Error('there is nothing to choose from')
    return one
  }
}
