/** What is particular to the store in SQLite: its file, its lock, its schema; the rest is in the contract of every store. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { searchable } from '../../control/ports.ts'
import { done, mustBe } from '../../kernel/result.ts'
import type { RecordKind } from '../../model/records.ts'
import { steps } from './migrations.ts'
import { openSqliteStore, type SqliteStoreOptions } from './sqlite-store.ts'
import { recordTables } from '../shared/tables.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-sqlite-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function freshPath(): string {
  files += 1
  return join(folder, `${files}.db`)
}

function open(path: string, more: Partial<SqliteStoreOptions> = {}) {
  return openSqliteStore({ path, now: () => 5_000, chance: (count) => randomBytes(count), ...more })
}

async function refusal(path: string): Promise<string> {
  const opened = await open(path)
  return opened.ok ? 'open' : `${opened.refusal.code}: ${opened.refusal.detail}`
}

test('is durable at each commit: write-ahead log, synchronous in full', async () => {
  let writer: DatabaseSync | undefined
  const watch = (_sql: string, database: DatabaseSync) => {
    writer = database
  }
  const store = mustBe(await open(freshPath(), { watch }))
  assert.equal(writer?.prepare('pragma journal_mode').get()?.['journal_mode'], 'wal')
  assert.equal(writer?.prepare('pragma synchronous').get()?.['synchronous'], 2)
  assert.equal(writer?.prepare('pragma secure_delete').get()?.['secure_delete'], 1)
  await store.close()
})

test('has the columns that the port names, and finds by each of them through an index', async () => {
  const path = freshPath()
  await mustBe(await open(path)).close()
  const database = new DatabaseSync(path)
  for (const kind of Object.keys(recordTables) as RecordKind[]) {
    const { table } = recordTables[kind]
    const columns: Readonly<Record<string, string>> = recordTables[kind].columns
    assert.deepEqual(Object.keys(columns), [...searchable[kind]])
    for (const column of Object.values(columns)) {
      const plan = database
        .prepare(`explain query plan select doc from "${table}" where space = 'a' and "${column}" = 'b' order by id limit 10`)
        .all()
      assert.match(String(plan[0]?.['detail']), new RegExp(`SEARCH ${table} USING INDEX \\S+ \\(space=\\? AND ${column}=\\?\\)`))
      assert.equal(plan.length, 1, `${table} by ${column} is sorted by its index`)
    }
  }
  database.close()
})

test('refuses a schema that a newer Remit made, and leaves it as it is', async () => {
  const path = freshPath()
  await mustBe(await open(path)).close()
  const database = new DatabaseSync(path)
  database.exec('pragma user_version = 99')
  database.close()
  assert.equal(await refusal(path), 'store.newer: its schema is 99, this Remit knows 5')
  assert.equal(await refusal(path), 'store.newer: its schema is 99, this Remit knows 5', 'and does not stay locked')
})

/** Each table, index and trigger with the text it was made by. */
function partsOf(database: DatabaseSync): Record<string, unknown>[] {
  return database
    .prepare("select type, name, tbl_name, sql from sqlite_schema where name not like 'sqlite_%' order by type, name")
    .all()
    .map((row) => ({ ...row }))
}

const ownNumbers = (database: DatabaseSync) =>
  ['user_version', 'application_id'].map((name) => database.prepare(`pragma ${name}`).get()?.[name])

for (const known of steps.keys()) {
  const from = known === 0 ? 'all steps of the schema' : `the steps after schema ${known}`
  test(`makes a new file at once just as ${from} would`, async () => {
    const stepped = freshPath()
    const old = new DatabaseSync(stepped)
    const before = known === 0 ? steps : steps.slice(0, known)
    for (const step of before) old.exec(step)
    old.exec(`pragma user_version = ${before.length}; pragma application_id = ${0x52_6d_69_74}`)
    old.close()
    await mustBe(await open(stepped)).close()
    const fresh = freshPath()
    await mustBe(await open(fresh)).close()
    const [one, other] = [new DatabaseSync(stepped), new DatabaseSync(fresh)]
    const parts = partsOf(other)
    assert.deepEqual(parts, partsOf(one))
    assert.deepEqual(ownNumbers(other), ownNumbers(one))
    for (const { name } of parts.filter(({ type }) => type === 'table')) {
      const [rows, sameRows] = [one, other].map((database) => database.prepare(`select * from "${String(name)}"`).all())
      assert.deepEqual(sameRows, rows, String(name))
    }
    one.close()
    other.close()
  })
}

test('brings a file of schema 1 to the present, and keeps everything in it', async () => {
  const path = freshPath()
  writeFileSync(path, gunzipSync(readFileSync(new URL('../../../test/contract/kept/sqlite-schema-1.db.gz', import.meta.url))))
  const before = new DatabaseSync(path)
  assert.equal(before.prepare('pragma user_version').get()?.['user_version'], 1)
  const kinds = (Object.keys(recordTables) as RecordKind[]).filter(
    (kind) => !['changeSet', 'gateway', 'application', 'untrustedReading'].includes(kind),
  )
  const rows = (database: DatabaseSync) =>
    kinds.map((kind) => database.prepare(`select id, space, doc, version from "${recordTables[kind].table}" order by id, space`).all())
  const had = rows(before)
  before.close()
  const store = mustBe(await open(path))
  assert.deepEqual(await store.spaces(), ['main', 'site-b'])
  for (const kind of kinds) {
    const found = await Promise.all(['main', 'site-b'].map((space) => store.inSpace(space).read((tx) => tx.find(kind, {}))))
    assert.deepEqual(
      found.map((one) => one.map(({ space }) => space)),
      [['main'], ['site-b']],
      kind,
    )
  }
  assert.equal(await store.meta('ledger'), 'remit.example/main')
  await store.cosign(10, 'remit.example\n10\nroot\n\n— one bbbb\n')
  const again = store.inSpace('main').change(async (tx) => {
    const [active] = await tx.find('exception', { state: 'active' })
    assert.ok(active !== undefined)
    await tx.record({ kind: 'tried', actor: 'ana', subject: active.id, facts: {} })
    return done(await tx.put('exception', { ...active, state: 'proposed' }))
  })
  await assert.rejects(again, /exception_life/)
  await store.close()
  const now = new DatabaseSync(path)
  assert.deepEqual(rows(now), had)
  assert.equal(now.prepare('select note from checkpoints').get()?.['note'], 'remit.example\n10\nroot\n\n— own aaaa\n— one bbbb\n')
  assert.equal(now.prepare('pragma integrity_check').get()?.['integrity_check'], 'ok')
  const fresh = freshPath()
  await mustBe(await open(fresh)).close()
  const made = new DatabaseSync(fresh)
  assert.deepEqual(partsOf(now), partsOf(made), 'the same schema as that of a file made now')
  made.close()
  now.close()
})

test('refuses what is no database, another program’s database, and a folder that is not there', async () => {
  const text = freshPath()
  writeFileSync(text, 'these are notes, and no database at all; they are longer than the header of one would be, by a little'.repeat(20))
  assert.equal(await refusal(text), `store.unavailable: file is not a database (${text})`)
  const foreign = freshPath()
  const database = new DatabaseSync(foreign)
  database.exec('create table songs (title text)')
  database.close()
  const { size } = statSync(foreign)
  assert.match(await refusal(foreign), /store\.unavailable: .*another program/)
  assert.equal(statSync(foreign).size, size)
  assert.match(await refusal(join(folder, 'nowhere', 'remit.db')), /^store\.unavailable: unable to open database file \(.*nowhere/)
})

test('keeps what was said at its creation for good, and other notes as they are set', async () => {
  const path = freshPath()
  const first = mustBe(await open(path, { atCreation: { demo: 'yes' } }))
  assert.equal(await first.meta('demo'), 'yes')
  await assert.rejects(first.setMeta('demo', 'no'), /meta_fixed/)
  await first.setMeta('note', 'one')
  await first.setMeta('note', 'two')
  await first.close()
  const again = mustBe(await open(path, { atCreation: { demo: 'no', other: 'x' } }))
  assert.equal(await again.meta('demo'), 'yes')
  assert.equal(await again.meta('note'), 'two')
  assert.equal(await again.meta('other'), undefined)
  await again.close()
})

test('refuses a change while another program writes to the file, and makes the next one', async () => {
  const path = freshPath()
  const store = mustBe(await open(path))
  const other = new DatabaseSync(path)
  other.exec('begin immediate')
  const note = () =>
    store.inSpace('main').change(async (tx) => done(await tx.record({ kind: 'tried', actor: 'ana', subject: 'x', facts: {} })))
  const refused = await note()
  assert.equal(refused.ok ? 'kept' : refused.refusal.code, 'store.unavailable')
  other.exec('rollback')
  other.close()
  mustBe(await note())
  assert.equal((await store.inSpace('main').last()).version, 1)
  await store.close()
})

test('holds the log together below itself: no gap, nothing changed, nothing taken away', async () => {
  const path = freshPath()
  const store = mustBe(await open(path))
  for (const subject of ['one', 'two']) {
    mustBe(await store.inSpace('main').change(async (tx) => done(await tx.record({ kind: 'tried', actor: 'ana', subject, facts: {} }))))
  }
  const [row] = await store.outbox(1)
  assert.ok(row !== undefined)
  const leaf = { index: 0, leaf: new Uint8Array(33), body: row.body, salt: row.salt }
  await store.appendLeaves(0, [leaf], { size: 1, frontier: new Uint8Array(32), checkpoint: 'signed' })
  await store.close()
  const database = new DatabaseSync(path)
  const wrong = [
    `insert into outbox values (9, 1, '{}', zeroblob(32))`,
    `insert into outbox values (1, 1, '{}', zeroblob(32))`,
    `update outbox set body = '{}'`,
    'delete from outbox',
    `update leaves set leaf = x'01' || zeroblob(32)`,
    `update leaves set body = '{}'`,
    'update leaves set body = null',
    'delete from leaves',
    'update tree set size = 0',
    'delete from tree',
    `update checkpoints set note = ''`,
    'update checkpoints set size = 9',
    'delete from checkpoints',
    'update latest set version = 9',
    'update latest set version = 0',
    'update latest set version = version + 1, at = 1',
    'delete from latest',
  ]
  for (const sql of wrong) assert.throws(() => database.exec(sql), /constraint|outbox|leaf|tree|checkpoint|latest/i, sql)
  // Erasing takes body and salt together, and leaves the leaf.
  database.exec('update leaves set body = null, salt = null')
  database.close()
  const again = mustBe(await open(path))
  assert.deepEqual(await again.leaves(0, 10), [{ index: 0, leaf: new Uint8Array(33) }])
  await again.close()
})

test('stops the process when a listener fails, after the change is kept and everybody was told', async () => {
  const path = freshPath()
  const program = `
    import { openSqliteStore } from ${JSON.stringify(new URL('sqlite-store.ts', import.meta.url).href)}
    const { value: store } = await openSqliteStore({ path: ${JSON.stringify(path)}, now: () => 5000, chance: (count) => new Uint8Array(count) })
    store.inSpace('main').onCommit(() => { throw new Error('lost the thread') })
    store.inSpace('main').onCommit(() => console.log('told'))
    await store.inSpace('main').change(async (tx) => ({ ok: true, value: await tx.record({ kind: 'tried', actor: 'ana', subject: 'x', facts: {} }) }))
    setInterval(() => console.log('still here'), 1000)
  `
  const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ['--input-type=module', '--eval', program], (error, stdout, stderr) =>
      resolve({ code: error?.code, stdout, stderr }),
    )
  })
  assert.equal(code, 1)
  assert.equal(stdout, 'told\n')
  assert.match(stderr, /lost the thread/)
  const store = mustBe(await open(path))
  assert.equal((await store.inSpace('main').last()).version, 1)
  await store.close()
})
