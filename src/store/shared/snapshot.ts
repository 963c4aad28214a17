/** Everything that is kept, as lines of JSON: the same from every database, and to be put into every other. */

// The first line says what it is, under which version and tree; then come the rows, each with the name of its table in `t`; the last line
// has the number of the lines before it and the SHA-256 over their bytes, line ends included. Bytes are written in base64.

import { createHash } from 'node:crypto'
import type { SnapshotMade } from '../../control/ports.ts'
import { canonicalJson } from '../../kernel/json.ts'
import type { Sql } from './engine.ts'
import { readTree } from './log.ts'
import { type RecordTable, recordTables } from './tables.ts'

/** Of the lines; a reader takes no other. */
export const snapshotVersion = 1

/** Rows that are in memory at once. */
const pageRows = 50

/** Each line ends with a line feed; the next is made when `write` has resolved. */
export async function writeSnapshot(sql: Sql, write: (line: string) => Promise<void>): Promise<SnapshotMade> {
  const digest = createHash('sha256')
  let lines = 0
  const say = async (value: object): Promise<void> => {
    const line = `${canonicalJson(value)}\n`
    digest.update(line)
    lines += 1
    await write(line)
  }
  const latest = await sql.selectFrom('latest').select(['version', 'at']).executeTakeFirstOrThrow()
  const tree = await readTree(sql)
  await say({ remit: 'snapshot', v: snapshotVersion, latest, tree: { ...tree, frontier: base64(tree.frontier) } })
  for (const row of await sql.selectFrom('meta').selectAll().orderBy('key').execute()) await say({ t: 'meta', ...row })
  for (const { table } of Object.values(recordTables)) await writeRecords(sql, table, say)
  await writeLog(sql, say)
  const sha256 = digest.digest('hex')
  await write(`${canonicalJson({ end: true, lines, sha256 })}\n`)
  return { lines: lines + 1, sha256, latest }
}

async function writeRecords(sql: Sql, table: RecordTable, say: (value: object) => Promise<void>): Promise<void> {
  let after = { space: '', id: '' }
  for (;;) {
    const { space, id } = after
    const rows = await sql
      .selectFrom(table)
      .select(['space', 'id', 'doc', 'version'])
      .where((build) => build(build.refTuple('space', 'id'), '>', build.tuple(space, id)))
      .orderBy('space')
      .orderBy('id')
      .limit(pageRows)
      .execute()
    for (const row of rows) await say({ t: table, ...row })
    const last = rows.at(-1)
    if (last === undefined) return
    after = last
  }
}

async function writeLog(sql: Sql, say: (value: object) => Promise<void>): Promise<void> {
  for (let from = -1; ; ) {
    const rows = await sql.selectFrom('leaves').selectAll().where('place', '>', from).orderBy('place').limit(pageRows).execute()
    for (const { place, leaf, body, salt } of rows) {
      from = place
      await say({ t: 'leaves', place, leaf: base64(leaf), body, salt: salt === null ? null : base64(salt) })
    }
    if (rows.length === 0) break
  }
  for (let from = 0; ; ) {
    const rows = await sql.selectFrom('checkpoints').selectAll().where('place', '>', from).orderBy('place').limit(pageRows).execute()
    for (const row of rows) {
      from = row.place
      await say({ t: 'checkpoints', ...row })
    }
    if (rows.length === 0) break
  }
  for (let from = 0; ; ) {
    const rows = await sql.selectFrom('outbox').selectAll().where('position', '>', from).orderBy('position').limit(pageRows).execute()
    for (const row of rows) {
      from = row.position
      await say({ t: 'outbox', ...row, salt: base64(row.salt) })
    }
    if (rows.length === 0) break
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
