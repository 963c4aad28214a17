/** Randomness from the operating system. */
import { randomBytes, randomFillSync } from 'node:crypto'
import { type Id, type IdPrefix, makeId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'

export interface HostChance {
  bytes(count: number): Uint8Array
  id<P extends IdPrefix>(prefix: P, now: Instant): Id<P>
}

const poolBytes = 4_096
const idBytes = 10

/** Secrets get bytes of their own; ids, of which every action needs one, share a pool that is used up once and filled anew. */
export function makeChance(): HostChance {
  const pool = new Uint8Array(poolBytes)
  let used = poolBytes
  return {
    bytes: (count) => new Uint8Array(randomBytes(count)),
    id: (prefix, now) => {
      if (used + idBytes > poolBytes) {
        randomFillSync(pool)
        used = 0
      }
      used += idBytes
      return makeId(prefix, now, pool.subarray(used - idBytes, used))
    },
  }
}
