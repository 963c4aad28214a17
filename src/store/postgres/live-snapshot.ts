/** A snapshot of a database that a Remit may be holding: it reads beside the holder, and holds nobody up. */
import type { SnapshotMade } from '../../control/ports.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { writeSnapshot } from '../shared/snapshot.ts'
import { Connection } from './connection.ts'
import { describeFailure } from './failures.ts'
import { readSchema, schemaKnown } from './migrations.ts'

/** A snapshot may wait for whoever takes it. */
const idleMs = 120_000

/** Refuses `store.newer`, `store.older` and `store.unavailable`. */
export async function snapshotPostgres(url: string, write: (line: string) => Promise<void>): Promise<Result<SnapshotMade>> {
  let connection: Connection | undefined
  try {
    connection = await Connection.open({ url, name: 'remit backup', idleMs })
    const known = await readSchema(connection)
    if (known > schemaKnown) return refuse('store.newer', { detail: `its schema is ${known}, this Remit knows ${schemaKnown}` })
    if (known < schemaKnown) return refuse('store.older', { detail: `its schema is ${known}, this Remit writes ${schemaKnown}` })
    await connection.run('begin isolation level repeatable read read only; select 1')
    return done(await writeSnapshot(connection.sql, write))
  } catch (thrown) {
    const why = describeFailure(thrown)
    if (why === undefined) throw thrown
    return refuse('store.unavailable', { detail: why })
  } finally {
    connection?.close()
  }
}
