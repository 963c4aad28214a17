/** What becomes of a store when its PostgreSQL goes: cut off, silent, killed, restarted, taken by another. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import type { Database } from '../../src/control/ports.ts'
import { done, mustBe, type Result } from '../../src/kernel/result.ts'
import { StoreUnavailable } from '../../src/kernel/store-unavailable.ts'
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/postgres-store.ts'
import { PostgresServer } from './postgres-server.ts'
import { postgresTimes } from './postgres-times.ts'
import { Way } from './postgres-way.ts'
import { sampleRecords } from './sample-records.ts'
import { checkGapless, entry, everything, inMain, keep } from './store-steps.ts'

const server = await PostgresServer.start()
after(() => server.remove())
/** A lease that no slow machine lets lapse by itself. */
const patient = { beatMs: 20_000 } as const
/** One that is waited out. */
const { beatMs } = postgresTimes
const leaseMs = 3 * beatMs

interface Bench {
  readonly database: string
  readonly way: Way
  readonly lost: string[]
  readonly fenced: string[]
  /** Opens the database through the way. */
  open(more?: Partial<PostgresStoreOptions>): Promise<Database>
  /** Opens it past the way, as another process on another machine would. */
  beside(more?: Partial<PostgresStoreOptions>): Promise<Result<Database>>
}

async function on(work: (bench: Bench) => Promise<void>): Promise<void> {
  const database = await server.swept()
  const way = await Way.to(server.address)
  const parts = { now: () => Date.now(), chance: (count: number) => randomBytes(count), settleMs: 400, ...postgresTimes, ...patient }
  const lost: string[] = []
  const fenced: string[] = []
  const opened: Database[] = []
  const heard = { onLost: (reason: string) => void lost.push(reason), onFenced: (reason: string) => void fenced.push(reason) }
  const keepOpen = (result: Result<Database>) => {
    if (result.ok) opened.push(result.value)
    return result
  }
  const bench: Bench = {
    database,
    way,
    lost,
    fenced,
    open: async (more = {}) =>
      mustBe(keepOpen(await openPostgresStore({ ...parts, ...heard, url: server.url(database, way.port), ...more }))),
    beside: async (more = {}) => keepOpen(await openPostgresStore({ ...parts, url: server.url(database), holder: 'the other', ...more })),
  }
  try {
    await work(bench)
  } finally {
    way.mend()
    way.thaw()
    for (const store of opened) await store.close()
    await way.remove()
    await server.sweep(database)
  }
}

async function until(says: string, isSo: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `in vain: ${says}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function change(store: Database, number: number): Promise<Result<undefined>> {
  return inMain(store).change(async (tx) => {
    await tx.get('signal', sampleRecords.signal(number).id)
    await tx.put('signal', sampleRecords.signal(number))
    await tx.record(entry(`${number}`))
    return done(undefined)
  })
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'kept' : result.refusal.code
}

async function versionOf(database: string): Promise<unknown> {
  return (await server.ask(database, 'select version::int as version from latest'))[0]?.['version']
}

test('a session that the server ends before any statement of a change costs that change alone', () =>
  on(async ({ database, open }) => {
    let countdown = 0
    const watch = async (_sql: string, pid: number) => {
      countdown -= 1
      if (countdown === 0) await server.ask(database, `select pg_terminate_backend(${pid}, 2000)`)
    }
    const store = await open({ watch })
    await keep(store, 'signal', sampleRecords.signal(1))
    const before = await everything(store)
    let nth = 1
    for (; nth < 20; nth += 1) {
      countdown = nth
      const result = await change(store, 2)
      const came = countdown <= 0
      countdown = 0
      if (!came) {
        mustBe(result)
        break
      }
      assert.equal(codeOf(result), 'store.unavailable', `statement ${nth}`)
      await until('held again', () => inMain(store).isHeld())
      assert.deepEqual(await everything(store), before, `statement ${nth}`)
    }
    assert.ok(nth > 4 && nth < 20, `came to ${nth} statements`)
    assert.equal(await checkGapless(store), 2)
  }))

for (const isKept of [true, false]) {
  test(`a commit whose answer is lost is answered as ${isKept ? 'kept, when it was' : 'refused, when it was not'}`, () =>
    on(async ({ database, way, open }) => {
      let isArmed = false
      const watch = (sql: string) => {
        if (!isArmed || !sql.endsWith('commit')) return
        isArmed = false
        if (isKept) way.deafen()
        else way.cut()
      }
      const store = await open({ watch, settleMs: 120_000 })
      await keep(store, 'signal', sampleRecords.signal(1))
      const told: number[] = []
      inMain(store).onCommit(({ version }) => told.push(version))
      isArmed = true
      const result = change(store, 2)
      if (isKept) await until('committed', async () => (await versionOf(database)) === 2)
      else await until('cut', () => !isArmed)
      way.cut()
      await until('noticed', () => !inMain(store).isHeld())
      way.mend()
      assert.equal(codeOf(await result), isKept ? 'kept' : 'store.unavailable')
      assert.deepEqual(told, isKept ? [2] : [])
      await until('held again', () => inMain(store).isHeld())
      mustBe(await change(store, 3))
      assert.deepEqual(told, isKept ? [2, 3] : [2])
      assert.equal(await checkGapless(store), isKept ? 3 : 2)
    }))
}

test('a commit that nobody could ask after in time is told before the store is held again', () =>
  on(async ({ database, way, open }) => {
    let isArmed = false
    const watch = (sql: string) => {
      if (isArmed && sql.endsWith('commit')) way.deafen()
    }
    const store = await open({ watch })
    const told: [number, boolean][] = []
    inMain(store).onCommit(({ version }) => told.push([version, inMain(store).isHeld()]))
    isArmed = true
    const result = change(store, 1)
    await until('committed', async () => (await versionOf(database)) === 1)
    way.cut()
    const answer = await result
    assert.equal(codeOf(answer), 'store.unavailable')
    assert.match(answer.ok ? '' : (answer.refusal.detail ?? ''), /not known/)
    assert.deepEqual(told, [])
    isArmed = false
    way.mend()
    await until('held again', () => inMain(store).isHeld())
    assert.deepEqual(told, [[1, false]])
    assert.equal((await inMain(store).last()).version, 1)
    mustBe(await change(store, 2))
  }))

test('loses nothing acknowledged when the server is killed under load, and goes on by itself when it is back', () =>
  on(async ({ open, lost, fenced }) => {
    const store = await open({ settleMs: 120_000 })
    const told: number[] = []
    inMain(store).onCommit(({ version }) => told.push(version))
    const kept = new Set<number>()
    let number = 0
    for (const end of ['kill', 'stop', 'kill'] as const) {
      let isOver = false
      const load = async () => {
        while (!isOver) {
          number += 1
          const mine = number
          const answer = await change(store, mine)
          if (answer.ok) kept.add(mine)
          else {
            assert.equal(answer.refusal.code, 'store.unavailable')
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        }
      }
      const loads = Array.from({ length: 4 }, load)
      const before = kept.size
      await until('some are kept', () => kept.size > before + 10)
      await server[end]()
      await until('noticed', () => !inMain(store).isHeld())
      await assert.rejects(store.tree(), StoreUnavailable, 'reads throw meanwhile')
      await server.up()
      await until('held again', () => inMain(store).isHeld())
      isOver = true
      await Promise.all(loads)
    }
    mustBe(await change(store, 1_000_000))
    kept.add(1_000_000)
    const there: string[] = []
    for (let page: { id: string }[] = [{ id: '' }]; page.length > 0; ) {
      const last = page.at(-1)?.id ?? ''
      page = await inMain(store).read((tx) => tx.find('signal', {}, { max: 1_000, after: last }))
      there.push(...page.map(({ id }) => id))
    }
    assert.deepEqual(new Set(there), new Set([...kept].map((one) => sampleRecords.signal(one).id)), 'kept is what was acknowledged')
    assert.deepEqual(
      told,
      Array.from({ length: kept.size }, (_, place) => place + 1),
    )
    assert.equal(lost.length, 3)
    assert.deepEqual(fenced, [])
  }))

test('knows that the hold is lost though nothing is asked, and takes it again', () =>
  on(async ({ database, open, lost }) => {
    const store = await open()
    await keep(store, 'signal', sampleRecords.signal(1))
    await server.ask(
      database,
      `select pg_terminate_backend(pid, 2000) from pg_stat_activity where application_name = 'remit hold' and datname = '${database}'`,
    )
    await until('noticed', () => lost.length === 1)
    await until('held again', () => inMain(store).isHeld())
    mustBe(await change(store, 2))
  }))

test('believes nothing older than the lease, though no timer has come to say so', () =>
  on(async ({ open, lost }) => {
    // Its time goes by in sleep alone, so that no lease lapses by itself on a busy machine.
    let slept = 0
    const store = await open({ steady: () => slept, beatMs: 1_000 })
    assert.equal(inMain(store).isHeld(), true)
    // As when the process, or its machine, was stopped for a while: this runs before any timer does.
    slept += 3_000
    assert.equal(inMain(store).isHeld(), false)
    assert.equal(codeOf(await change(store, 1)), 'store.unavailable')
    await until('held again', () => inMain(store).isHeld())
    mustBe(await change(store, 1))
    assert.deepEqual(lost, [], 'the next heartbeat was answered as ever')
  }))

test('never two at once: a silent one has let go before the next begins, and is fenced for good when the other wrote', () =>
  on(async ({ database, way, open, beside, fenced }) => {
    const first = await open({ beatMs })
    // On a busy machine the lease may lapse for a moment.
    await until('kept', async () => (await change(first, 1)).ok)
    way.freeze()
    const frozenAt = performance.now()
    assert.equal(codeOf(await beside()), 'store.locked', 'the server still takes the first for alive')
    // As the server does when it gives up on the silent session; the first hears nothing of it.
    await server.ask(
      database,
      `select pg_terminate_backend(pid, 2000) from pg_stat_activity where datname = '${database}' and pid <> pg_backend_pid()`,
    )
    const second = mustBe(await beside({ beatMs, steady: () => frozenAt }))
    assert.equal(inMain(first).isHeld(), false)
    assert.equal(inMain(second).isHeld(), true)
    assert.ok(performance.now() - frozenAt >= leaseMs)
    mustBe(await change(second, 2))
    assert.equal(codeOf(await change(first, 3)), 'store.unavailable')
    way.thaw()
    await second.close()
    await until('fenced', () => fenced.length > 0)
    assert.match(fenced[0] ?? '', /another process has taken its place/)
    assert.equal(inMain(first).isHeld(), false)
    assert.equal(codeOf(await change(first, 3)), 'store.unavailable')
    assert.equal(await versionOf(database), 2)
    assert.equal(fenced.length, 1)
  }))

test('lets in the next only after the lease of one that was cut off, and at once after one that let go', () =>
  on(async ({ way, open, beside }) => {
    const first = await open({ beatMs })
    way.cut()
    const begun = performance.now()
    const second = mustBe(await beside({ beatMs }))
    assert.equal(inMain(first).isHeld(), false)
    assert.ok(performance.now() - begun >= leaseMs)
    await second.close()
    const again = performance.now()
    await mustBe(await beside()).close()
    assert.ok(performance.now() - again < patient.beatMs)
  }))

test('shuts out a transaction under an old term, whoever believes what', () =>
  on(async ({ database, open }) => {
    let isArmed = false
    const store = await open({
      watch: async (sql) => {
        if (!isArmed || !sql.includes('begin')) return
        isArmed = false
        await server.ask(database, `update nodes set term = term + 1, who = 'another'`)
      },
    })
    isArmed = true
    assert.equal(codeOf(await change(store, 1)), 'store.unavailable')
    assert.equal(await versionOf(database), 0)
  }))

test('makes a change again that stood in the way of another transaction', () =>
  on(async ({ database, open }) => {
    const store = await open()
    await keep(store, 'uses', sampleRecords.uses(1))
    const { id } = sampleRecords.uses(1)
    let runs = 0
    const result = await inMain(store).change(async (tx) => {
      runs += 1
      const uses = await tx.get('uses', id)
      assert.ok(uses !== undefined)
      if (runs === 1) await server.ask(database, `update uses set doc = replace(doc, '"spent":0', '"spent":5')`)
      await tx.put('uses', { ...uses, spent: uses.spent + 1 })
      await tx.record(entry(id))
      return done(uses.spent)
    })
    assert.deepEqual(result, done(5))
    assert.equal(runs, 2)
    assert.equal((await inMain(store).read((tx) => tx.get('uses', id)))?.spent, 6)
  }))
