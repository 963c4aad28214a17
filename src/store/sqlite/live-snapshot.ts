/** A snapshot of a store that another process may have open: it reads beside the writer, and holds nobody up. */
import type { SnapshotMade } from '../../control/ports.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { writeSnapshot } from '../shared/snapshot.ts'
import { Connection } from './connection.ts'
import { describeUnavailable } from './failures.ts'
import { schemaKnown } from './migrations.ts'

/** Refuses `store.newer`, `store.older` and `store.unavailable`. The file must exist. */
export async function snapshotSqliteFile(path: string, write: (line: string) => Promise<void>): Promise<Result<SnapshotMade>> {
  let connection: Connection | undefined
  try {
    connection = new Connection(path)
    connection.run('pragma query_only = on')
    const known = connection.readNumber('pragma user_version')
    if (known > schemaKnown) return refuse('store.newer', { detail: `its schema is ${known}, this Remit knows ${schemaKnown}` })
    if (known < schemaKnown) return refuse('store.older', { detail: `its schema is ${known}, this Remit writes ${schemaKnown}` })
    connection.run('begin')
    return done(await writeSnapshot(connection.sql, write))
  } catch (thrown) {
    const why = describeUnavailable(thrown)
    if (why === undefined) throw thrown
    return refuse('store.unavailable', { detail: why })
  } finally {
    connection?.rollBack()
    connection?.close()
  }
}
