/** Randomness from the operating system. */
import { randomBytes } from 'node:crypto'
import { type Id, type IdPrefix, makeId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'

export interface HostChance {
  bytes(count: number): Uint8Array
  id<P extends IdPrefix>(prefix: P, now: Instant): Id<P>
}

export function makeChance(): HostChance {
  return {
    bytes: (count) => new Uint8Array(randomBytes(count)),
    id: (prefix, now) => makeId(prefix, now, randomBytes(10)),
  }
}
