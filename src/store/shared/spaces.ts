/** Which spaces have records. */
import type { Sql } from './engine.ts'
import { recordTables } from './tables.ts'

/** Sorted. Goes from name to name through the keys of each table, so that its cost is that of the spaces and not of the records. */
export async function readSpaces(sql: Sql): Promise<string[]> {
  const found = new Set<string>()
  for (const { table } of Object.values(recordTables)) {
    let after = ''
    for (;;) {
      const row = await sql.selectFrom(table).select('space').where('space', '>', after).orderBy('space').limit(1).executeTakeFirst()
      if (row === undefined) break
      found.add(row.space)
      after = row.space
    }
  }
  return [...found].toSorted()
}
