/** Brings a database to the schema this Remit knows: numbered steps, forward only, each in one transaction, under the lock of the one holder. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { type Connection, numberOf, textOf } from './connection.ts'
import { readingDocuments, records } from './migration-1-tables.ts'
import { holding, log, refusing, rules } from './migration-1.ts'
import { gateways } from './migration-2.ts'
import { afterTheOne, nodes } from './migration-3.ts'
import { applications } from './migration-4.ts'
import { untrustedReadings } from './migration-5.ts'

/** Step n brings schema n − 1 to n. A step that was released is never changed. */
const steps: readonly string[] = [
  `${readingDocuments}${refusing}${records}${log}${rules}${holding}`,
  gateways,
  `${nodes}${afterTheOne}`,
  applications,
  untrustedReadings,
]

export const schemaKnown = steps.length

/**
 * Runs the steps that are missing. `atCreation` goes into `meta` with the first, for good. Refuses `store.newer` on a schema from a later
 * Remit and `store.unavailable` on a database that is not Remit's, or that does not keep text as UTF-8; throws `DatabaseFailure`.
 */
export async function migrate(connection: Connection, atCreation: Readonly<Record<string, string>>): Promise<Result<undefined>> {
  const [found] = await connection.run(`select current_setting('server_encoding') as encoding,
    (select count(*) from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')) as tables`)
  if (textOf(found, 'encoding') !== 'UTF8') return refuse('store.unavailable', { detail: 'the database must have the encoding UTF8' })
  const known = await readSchema(connection)
  if (known === 0 && numberOf(found, 'tables') > 0)
    return refuse('store.unavailable', { detail: 'the database has tables of another program' })
  if (known > schemaKnown) return refuse('store.newer', { detail: `its schema is ${known}, this Remit knows ${schemaKnown}` })
  for (const [place, sql] of steps.entries()) {
    if (place < known) continue
    try {
      await connection.run('begin')
      await connection.run(sql)
      if (place === 0) await create(connection, atCreation)
      await connection.run(`update remit_schema set version = ${place + 1}`)
      await connection.commit()
    } catch (thrown) {
      if (!connection.isGone) await connection.run('rollback')
      throw thrown
    }
  }
  return done(undefined)
}

/** The schema's number; 0 where nothing of Remit's is there. */
export async function readSchema(connection: Connection): Promise<number> {
  const [there] = await connection.run(`select count(to_regclass('remit_schema')) as there`)
  if (numberOf(there, 'there') === 0) return 0
  const [row] = await connection.run('select version from remit_schema')
  return numberOf(row, 'version')
}

async function create(connection: Connection, atCreation: Readonly<Record<string, string>>): Promise<void> {
  await connection.run(`create table remit_schema (one bigint not null, version bigint not null,
    constraint remit_schema_key primary key (one), constraint remit_schema_is_one check (one = 1));
    insert into remit_schema (one, version) values (1, 0)`)
  const rows = Object.entries(atCreation).map(([key, value]) => ({ key, value, fixed: 1 }))
  if (rows.length > 0) await connection.sql.insertInto('meta').values(rows).execute()
}
