/** Brings a database file to the schema this Remit knows: numbered steps, forward only, each in one transaction. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Connection } from './connection.ts'
import { log, records, rules } from './migration-1.ts'
import { keysBySpace } from './migration-2-tables.ts'
import { logAgain, rulesAgain, takeOver } from './migration-2.ts'
import { gateways } from './migration-3.ts'
import { applications } from './migration-4.ts'
import { policySetsReadOnce, untrustedReadings } from './migration-5.ts'

/** Step n brings schema n − 1 to n. A step that was released is never changed. */
const steps: readonly string[] = [
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
 * Runs the steps that are missing. `atCreation` goes into `meta` with the first, for good. Refuses `store.newer` on a schema from a later
 * Remit and `store.unavailable` on a database that is not Remit's; throws what SQLite throws.
 */
export function migrate(connection: Connection, atCreation: Readonly<Record<string, string>>): Result<undefined> {
  const known = connection.readNumber('pragma user_version')
  const owner = connection.readNumber('pragma application_id')
  const tables = connection.readNumber('select count(*) from sqlite_schema')
  if (owner !== applicationId && (owner !== 0 || tables > 0))
    return refuse('store.unavailable', { detail: 'the file is another program’s database' })
  if (known > steps.length) return refuse('store.newer', { detail: `its schema is ${known}, this Remit knows ${steps.length}` })
  for (const [place, sql] of steps.entries()) {
    if (place < known) continue
    connection.run('begin immediate')
    try {
      connection.run(sql)
      if (place === 0) create(connection, atCreation)
      connection.run(`pragma user_version = ${place + 1}`)
      connection.run('commit')
    } finally {
      connection.rollBack()
    }
  }
  return done(undefined)
}

function create(connection: Connection, atCreation: Readonly<Record<string, string>>): void {
  connection.run(`pragma application_id = ${applicationId}`)
  const insert = connection.prepare('insert into meta (key, value, fixed) values (?, ?, 1)')
  for (const entry of Object.entries(atCreation)) insert.run(entry)
}
