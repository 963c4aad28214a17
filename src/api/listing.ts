/** Pages of a list of which the caller sees a part: a bounded look at the store, and where the next one begins. */
import type { Page } from '../control/ports.ts'

/** One call looks at so many records, however few of them may be seen. */
const lookedAtMax = 2_000
const pageMax = 500

export interface Seen<T> {
  readonly found: T[]
  /** The id after which the next page begins; absent at the end. */
  readonly next?: string
}

/** Up to `max` records that may be seen, in order of id. A page may be short, even empty, and still have a next. */
export async function findSeen<T extends { readonly id: string }>(
  read: (page: Page) => Promise<readonly T[]>,
  maySee: (record: T) => boolean,
  { after, max }: { readonly after?: string; readonly max: number },
): Promise<Seen<T>> {
  const found: T[] = []
  let last = after
  for (let lookedAt = 0; lookedAt < lookedAtMax; lookedAt += pageMax) {
    const records = await read({ max: pageMax, ...(last === undefined ? {} : { after: last }) })
    for (const record of records) {
      last = record.id
      if (maySee(record)) found.push(record)
      if (found.length === max) return { found, next: last }
    }
    if (records.length < pageMax) return { found }
  }
  return { found, ...(last === undefined ? {} : { next: last }) }
}
