/** Chance from a seed (SplitMix64), so that a run can be had again. */
import { makeId, type IdPrefix } from '../../src/kernel/ids.ts'
import type { Chance } from '../../src/control/ports.ts'

export class Dice {
  #state: bigint

  constructor(seed: number) {
    this.#state = BigInt(seed)
  }

  next(): bigint {
    this.#state = BigInt.asUintN(64, this.#state + 0x9e3779b97f4a7c15n)
    let z = this.#state
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
    return z ^ (z >> 31n)
  }

  /** From 0 to `below` - 1. */
  below(below: number): number {
    return Number(this.next() % BigInt(below))
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }
}

export function seededChance(seed: number): Chance {
  const dice = new Dice(seed)
  const bytes = (count: number) => {
    const out = new Uint8Array(count)
    for (let at = 0; at < count; at += 1) out[at] = Number(dice.next() & 255n)
    return out
  }
  return { bytes, id: <P extends IdPrefix>(prefix: P, now: number) => makeId(prefix, now, bytes(10)) }
}
