/** Long documents take turns with whatever else waits: while they are written, around the database's own work, and while they are read. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseJson } from '../../kernel/json.ts'
import { done, mustBe } from '../../kernel/result.ts'
import type { PolicySet } from '../../model/policies.ts'
import { openSqliteStore } from './sqlite-store.ts'

const many = 1_000

/** Time passes with each look at it, so that a slice is over after a few steps, however quick this machine is. What happens is noted. */
function watchedTurns() {
  let looks = 0
  const log: string[] = []
  const turning = {
    now: () => (looks += 1),
    turn: async () => {
      log.push('turn')
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  const turns = () => log.filter((each) => each === 'turn').length
  return { log, turning, turns, watch: (sql: string) => void log.push(named(sql)) }
}

function named(sql: string): string {
  if (sql.startsWith('insert into "policy_sets"')) return 'insert'
  return sql === 'commit' || sql.startsWith('pragma wal_checkpoint') ? sql : 'sql'
}

function policies(count: number): PolicySet {
  const parsed = Array.from({ length: count }, (_, place) => {
    const text = `@id("p-${place}") forbid (principal, action in Effect::Action::"write", resource);`
    const json = mustBe(parseJson(JSON.stringify({ effect: 'forbid', annotations: { id: `p-${place}` } })))
    assert.ok(typeof json === 'object' && json !== null && 'effect' in json)
    return { file: 'a.cedar', line: place, text, json }
  })
  const files = [{ name: 'a.cedar', text: parsed.map(({ text }) => text).join('\n') }]
  return { id: 'current', space: 'main', version: 'v', files, parsed, publishedAt: 1, publishedBy: 'ana' }
}

async function put(store: Awaited<ReturnType<typeof open>>, set: PolicySet): Promise<void> {
  mustBe(
    await store.change(async (tx) => {
      await tx.put('policySet', set)
      const facts = { policies: set.parsed.map(({ line }) => ({ line })) }
      await tx.record({ kind: 'policy.published', actor: 'ana', subject: 'v', facts })
      return done(undefined)
    }),
  )
}

async function open(parts: Partial<ReturnType<typeof watchedTurns>>) {
  const opened = await openSqliteStore({ path: ':memory:', now: () => 5_000, chance: (count) => randomBytes(count), ...parts })
  return mustBe(opened).inSpace('main')
}

test('a thousand policies: others have their turn after every few of them, and before and after the statement that takes them all', async () => {
  const { log, turns, ...parts } = watchedTurns()
  const store = await open(parts)
  const set = policies(many)
  await put(store, set)
  assert.ok(turns() > (2 * many) / 8, `${turns()} turns for the policies, and for the entry that names them`)
  const insert = log.indexOf('insert')
  assert.deepEqual(log.slice(insert - 1, insert + 2), ['turn', 'insert', 'turn'])
  const written = turns()
  const read = await store.read((tx) => tx.get('policySet', 'current'))
  assert.deepEqual(
    read?.parsed.map(({ text }) => text),
    set.parsed.map(({ text }) => text),
  )
  assert.ok(turns() - written > many / 8, `${turns() - written} turns to read them`)
})

test('a long text that is written at once has turns of its own for what the database does with it, and for what comes after', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'remit-turns-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  for (const [path, after] of [
    [':memory:', ['turn', 'commit', 'turn', 'turn']],
    // The log is copied back then, and not within a commit.
    [join(folder, 'remit.db'), ['turn', 'commit', 'turn', 'pragma wal_checkpoint(passive)', 'turn']],
  ] as const) {
    const { log, turning, watch } = watchedTurns()
    const opened = mustBe(await openSqliteStore({ path, now: () => 5_000, chance: (count) => randomBytes(count), turning, watch }))
    const from = log.length
    await put(opened.inSpace('main'), { ...policies(1), files: [{ name: 'a.cedar', text: 'x'.repeat(100_000) }] })
    const own = log.slice(from).filter((each) => each !== 'sql')
    assert.deepEqual(own, ['turn', 'insert', 'turn', ...after], path)
    await opened.close()
  }
})

test('a short record takes no turn', async () => {
  const { log, turns, ...parts } = watchedTurns()
  const store = await open(parts)
  await put(store, policies(20))
  await store.read((tx) => tx.get('policySet', 'current'))
  assert.equal(turns(), 0)
  assert.ok(log.includes('insert'))
})

test('what is written in turns is what is written at once', async () => {
  const { log: _log, turns: _turns, ...parts } = watchedTurns()
  const [inTurns, atOnce] = [await open(parts), await open({})]
  for (const count of [1, 63, 64, 65, 200, many]) {
    const set = policies(count)
    for (const store of [inTurns, atOnce]) await put(store, set)
    const [one, other] = await Promise.all([inTurns, atOnce].map((store) => store.read((tx) => tx.get('policySet', 'current'))))
    assert.deepEqual(one, other)
    assert.equal(one?.parsed.length, count)
  }
})

test('a change that is refused, or broken off, leaves nothing, however many turns it took', async () => {
  const { log: _log, turns, ...parts } = watchedTurns()
  const store = await open(parts)
  await put(store, policies(1))
  await assert.rejects(
    store.change(async (tx) => {
      await tx.put('policySet', policies(many))
      throw new Error('broken off')
    }),
    /broken off/,
  )
  assert.ok(turns() > many / 8)
  assert.equal((await store.read((tx) => tx.get('policySet', 'current')))?.parsed.length, 1)
})

test('a document above its limits is thrown on, in turns as at once', async () => {
  const { log: _log, turns: _turns, ...parts } = watchedTurns()
  for (const store of [await open(parts), await open({})]) {
    const set = policies(100)
    const large = { ...set, files: [{ name: 'a.cedar', text: 'x'.repeat(4_200_000) }] }
    await assert.rejects(put(store, large), /a document takes at most 4194304 bytes/)
    const deep = mustBe(parseJson(`${'{"a":'.repeat(1_100)}1${'}'.repeat(1_100)}`, { depthMax: 2_000 }))
    assert.ok(typeof deep === 'object' && deep !== null && 'a' in deep)
    const deeper = { ...set, parsed: [...set.parsed, { file: 'a.cedar', line: 1, text: '', json: deep }] }
    await assert.rejects(put(store, deeper), /a document has at most 1000 levels/)
  }
})
