/** Brings a database file to the schema this Remit knows: a new one at once, an old one by numbered steps, forward only, each in one transaction. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Connection } from './connection.ts'
import { log, records, rules } from './migration-1.ts'
import { keysBySpace } from './migration-2-tables.ts'
import { logAgain, rulesAgain, takeOver } from './migration-2.ts'
import { gateways } from './migration-3.ts'
import { applications } from './migration-4.ts'
import { policySetsReadOnce, untrustedReadings } from './migration-5.ts'
import { schemaNow } from './schema.ts'

/** Step n brings schema n − 1 to n. A step that was released is never changed. */
export const steps: readonly string[] = [
  `${records}${log}${rules}`,
  `${keysBySpace}${takeOver}${rulesAgain}${logAgain}`,
  gateways,
  applications,
  `${untrustedReadings}${policySetsReadOnce}`,
]

export const schemaKnown = steps.length

/** `Rmit`, in the file's header: somebody else's database is not taken for an empty one of ours. */
const applicationId = 0x52_6d_69_74

/**
 * Makes the schema, or runs the steps that are missing. `atCreation` goes into `meta` of a new database, for good. Refuses `store.newer` on a schema from a later
 * Remit and `store.unavailable` on a database that is not Remit's; throws what SQLite throws.
 */
export function migrate(connection: Connection, atCreation: Readonly<Record<string, string>>): Result<undefined> {
  const known = connection.readNumber('pragma user_version')
  const owner = connection.readNumber('pragma application_id')
  const tables = connection.readNumber('select count(*) from sqlite_schema')
  if (owner !== applicationId && (owner !== 0 || tables > 0))
    return refuse('store.unavailable', { detail: 'the file is another program’s database' })
  if (known > steps.length) return refuse('store.newer', { detail: `its schema is ${known}, this Remit knows ${steps.length}` })
  if (known === 0) create(connection, atCreation)
  else for (const [place, sql] of steps.entries()) if (place >= known) take(connection, sql, place + 1)
  return done(undefined)
}

/** Runs all of the SQL and numbers the schema, or nothing. */
function take(connection: Connection, sql: string, schema: number, more: () => void = () => undefined): void {
  connection.run('begin immediate')
  try {
    connection.run(sql)
    more()
    connection.run(`pragma user_version = ${schema}`)
    connection.run('commit')
  } finally {
    connection.rollBack()
  }
}

function create(connection: Connection, atCreation: Readonly<Record<string, string>>): void {
  take(connection, schemaNow, schemaKnown, () => {
    connection.run(`pragma application_id = ${applicationId}`)
    const insert = connection.prepare('insert into meta (key, value, fixed) values (?, ?, 1)')
    for (const entry of Object.entries(atCreation)) insert.run(entry)
  })
}
