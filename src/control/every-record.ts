/** All records that a search finds, page by page: a search without a page is refused by the store when it finds too many. */
import type { RecordKind, Records } from '../model/records.ts'
import type { Reading, SearchBy } from './ports.ts'

const pageMax = 500

export async function* everyRecord<K extends RecordKind>(tx: Reading, kind: K, by: SearchBy<K>): AsyncGenerator<Records[K]> {
  for (let after: string | undefined; ; ) {
    const page = await tx.find(kind, by, after === undefined ? { max: pageMax } : { max: pageMax, after })
    yield* page
    after = page.at(-1)?.id
    if (page.length < pageMax) return
  }
}
