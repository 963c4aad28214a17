/** What is particular to the store in PostgreSQL: its schema, its settings, and what it says when it cannot be had. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { searchable } from '../../src/control/ports.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import type { RecordKind } from '../../src/model/records.ts'
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/postgres-store.ts'
import { recordTables } from '../../src/store/shared/tables.ts'
import type { PostgresServer } from './postgres-server.ts'
import { postgresTimes } from './postgres-times.ts'
import { entry } from './store-steps.ts'

export interface OwnRow {
  readonly says: string
  readonly run: (server: PostgresServer, database: string) => Promise<void>
}

function open(url: string, more: Partial<PostgresStoreOptions> = {}) {
  return openPostgresStore({ url, now: () => 5_000, chance: (count) => randomBytes(count), ...postgresTimes, ...more })
}

async function refusal(url: string): Promise<string> {
  const opened = await open(url)
  return opened.ok ? 'open' : `${opened.refusal.code}: ${opened.refusal.detail}`
}

async function showsNoPassword(server: PostgresServer, database: string): Promise<void> {
  const url = server.url(database)
  const wrong = url.replace(encodeURIComponent(server.password), 's3cret%40word')
  const cases: readonly (readonly [string, RegExp])[] = [
    [wrong, /store\.unavailable: password authentication failed for user "postgres"/],
    [server.url(database, 1), /store\.unavailable: the database cannot be reached \(ECONNREFUSED\)/],
    [server.url('nowhere'), /store\.unavailable: database "nowhere" does not exist/],
    [`${wrong}?sslmode=verify-full`, /store\.unavailable: .*SSL/],
    ['postgres://user:s3cret@word@host:notaport/x', /store\.unavailable: the address of the database is not like/],
    ['mysql://user:s3cret@host/x', /store\.unavailable: the address of the database is not like/],
    [`${url}?host=/nowhere/s3cret`, /store\.unavailable: the database cannot be reached \(ENOENT\)/],
  ]
  for (const [address, wanted] of cases) {
    const told = await refusal(address)
    assert.match(told, wanted)
    for (const secret of [server.password, encodeURIComponent(server.password), 's3cret']) assert.ok(!told.includes(secret), told)
  }
  // Nor does a bug that is thrown bring out rows: the server's own error has the whole of it.
  const store = mustBe(await open(url))
  const secretRow = store.inSpace('main').change(async (tx) => {
    await tx.record(entry('x'))
    return done(await tx.put('issuer', { id: 'x'.repeat(300), space: 'main', issuer: 'hidden-value', audience: 'a', proves: {} }))
  })
  await assert.rejects(secretRow, (thrown: Error) => {
    assert.match(thrown.message, /issuer_id/)
    assert.ok(!JSON.stringify(Object.getOwnPropertyNames(thrown).map((name) => [name, Reflect.get(thrown, name)])).includes('hidden-value'))
    return true
  })
  await store.close()
}

async function refusesForeign(server: PostgresServer, database: string): Promise<void> {
  const url = server.url(database)
  await server.ask(database, 'create table songs (title text)')
  assert.equal(await refusal(url), 'store.unavailable: the database has tables of another program')
  assert.equal((await server.ask(database, `select count(*)::int as n from pg_class where relname = 'grants'`))[0]?.['n'], 0)
  await server.ask(database, 'drop table songs')
  await mustBe(await open(url)).close()
  await server.ask(database, 'update remit_schema set version = 99')
  assert.equal(await refusal(url), 'store.newer: its schema is 99, this Remit knows 5')
  assert.equal(await refusal(url), 'store.newer: its schema is 99, this Remit knows 5', 'and does not stay locked')
}

async function keepsNotes(server: PostgresServer, database: string): Promise<void> {
  const url = server.url(database)
  const first = mustBe(await open(url, { atCreation: { demo: 'yes' } }))
  assert.equal(await first.meta('demo'), 'yes')
  await assert.rejects(first.setMeta('demo', 'no'), /meta_fixed/)
  await first.setMeta('note', 'one')
  await first.setMeta('note', 'two')
  await first.close()
  const again = mustBe(await open(url, { atCreation: { demo: 'no', other: 'x' } }))
  assert.equal(await again.meta('demo'), 'yes')
  assert.equal(await again.meta('note'), 'two')
  assert.equal(await again.meta('other'), undefined)
  await again.close()
}

async function isDurable(server: PostgresServer, database: string): Promise<void> {
  await server.ask(database, `alter database ${database} set synchronous_commit = off`)
  let pid = 0
  const store = mustBe(
    await open(server.url(database), {
      watch: (_sql, writer) => {
        pid = writer
      },
    }),
  )
  // The writer's own word for it, asked in the middle of a change.
  await server.ask(database, 'create table told (setting text)')
  const settings = `select string_agg(current_setting(name), ' ' order by name) from (values ('synchronous_commit'), ('transaction_isolation')) as names (name)`
  await server.ask(
    database,
    `create function tell() returns trigger language plpgsql as $$ begin insert into told ${settings}; return new; end $$;
    create trigger tell before insert on outbox for each row execute function tell()`,
  )
  mustBe(await store.inSpace('main').change(async (tx) => done(await tx.record(entry('x')))))
  assert.deepEqual(await server.ask(database, 'select setting from told'), [{ setting: 'on serializable' }])
  assert.ok(pid > 0)
  await store.close()
  await server.ask(database, `alter database ${database} reset synchronous_commit; drop table told`)
}

async function findsThroughIndexes(server: PostgresServer, database: string): Promise<void> {
  await mustBe(await open(server.url(database))).close()
  for (const kind of Object.keys(recordTables) as RecordKind[]) {
    const { table } = recordTables[kind]
    const columns: Readonly<Record<string, string>> = recordTables[kind].columns
    assert.deepEqual(Object.keys(columns), [...searchable[kind]])
    for (const column of Object.values(columns)) {
      const plan = await server.ask(
        database,
        `set enable_seqscan = off; set enable_bitmapscan = off;
        explain (costs off) select doc from "${table}" where space = 'a' and "${column}" = 'b' order by id limit 10`,
      )
      const lines = plan.map((row) => String(row['QUERY PLAN']))
      const place = lines.findIndex((line) => line.includes(` on ${table}`))
      assert.match(lines[place] ?? '', /Index Scan using \S+ on/, `${table} by ${column}`)
      assert.match(lines[place + 1] ?? '', new RegExp(`Index Cond: .*space = 'a'.*${column}"?\\)? = 'b'`), `${table} by ${column}`)
      // Where the value is unique there is one row, whatever PostgreSQL does to sort it.
      const isSorted = lines.some((line) => line.includes('Sort'))
      assert.ok(!isSorted || /_once on/.test(lines[place] ?? ''), `${table} by ${column} is sorted by its index`)
    }
  }
}

async function holdsLogTogether(server: PostgresServer, database: string): Promise<void> {
  const store = mustBe(await open(server.url(database)))
  for (const subject of ['one', 'two']) {
    mustBe(await store.inSpace('main').change(async (tx) => done(await tx.record(entry(subject)))))
  }
  const [row] = await store.outbox(1)
  assert.ok(row !== undefined)
  const leaf = { index: 0, leaf: new Uint8Array(33), body: row.body, salt: row.salt }
  await store.appendLeaves(0, [leaf], { size: 1, frontier: new Uint8Array(32), checkpoint: 'signed' })
  await store.close()
  const zeros = (count: number) => `decode('${'00'.repeat(count)}', 'hex')`
  const wrong = [
    `insert into outbox values (9, 1, '{}', ${zeros(32)})`,
    `insert into outbox values (1, 1, '{}', ${zeros(32)})`,
    `update outbox set body = '{}'`,
    'delete from outbox',
    'truncate outbox',
    `update leaves set leaf = ${zeros(32)} || '\\x01'::bytea`,
    `update leaves set body = '{}'`,
    'update leaves set body = null',
    'delete from leaves',
    'truncate leaves',
    'update tree set size = 0',
    'delete from tree',
    `update checkpoints set note = ''`,
    'update checkpoints set size = 9',
    'delete from checkpoints',
    'update latest set version = 9',
    'update latest set version = version + 1, at = 1',
    'delete from latest',
    'delete from holder',
    `update changes set doc = '[]'`,
    `update nodes set term = 0`,
    'update holder set term = 0',
    'truncate grants',
    'truncate approvals',
  ]
  for (const sql of wrong)
    await assert.rejects(
      server.ask(database, sql),
      /constraint|outbox|leaf|tree|checkpoint|latest|holder|kept|change_fixed|node_goes_on/i,
      sql,
    )
  await server.ask(database, 'update leaves set body = null, salt = null')
  const again = mustBe(await open(server.url(database)))
  assert.deepEqual(await again.leaves(0, 10), [{ index: 0, leaf: new Uint8Array(33) }])
  await again.close()
}

export const ownRows: readonly OwnRow[] = [
  { says: 'shows no password and no row, whatever fails', run: showsNoPassword },
  { says: 'refuses another program’s database, and a schema that a newer Remit made', run: refusesForeign },
  { says: 'keeps what was said at its creation for good, and other notes as they are set', run: keepsNotes },
  { says: 'is durable at each commit and serializable, whatever the database is set to', run: isDurable },
  { says: 'has the columns that the port names, and finds by each of them through an index', run: findsThroughIndexes },
  { says: 'holds the log together below itself: no gap, nothing changed, nothing taken away', run: holdsLogTogether },
]
