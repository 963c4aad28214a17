/** The write-ahead log is copied back by a thread, while changes go on; the file has everything, whoever copied it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { done, mustBe } from '../../kernel/result.ts'
import { Checkpoints } from './checkpoints.ts'
import { openSqliteStore } from './sqlite-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-checkpoints-'))
after(() => rmSync(folder, { recursive: true }))

async function open(name: string) {
  const path = join(folder, name)
  const store = mustBe(await openSqliteStore({ path, now: () => 5_000, chance: (count) => randomBytes(count) }))
  return { path, store }
}

type Store = Awaited<ReturnType<typeof open>>['store']

const wordBytes = 500_000

async function put(store: Store, word: string): Promise<void> {
  const set = { id: 'current', space: 'main', version: word, files: [], parsed: [], publishedAt: 1, publishedBy: word.repeat(wordBytes) }
  mustBe(
    await store.inSpace('main').change(async (tx) => {
      await tx.put('policySet', set)
      await tx.record({ kind: 'policy.published', actor: 'ana', subject: word, facts: {} })
      return done(undefined)
    }),
  )
}

async function until(isSo: () => boolean): Promise<void> {
  const from = performance.now()
  while (!isSo()) {
    if (performance.now() - from > 20_000) throw new Error('it has not come about within 20 s')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('what was committed is copied into the file before the writer would have to', async () => {
  const { path, store } = await open('copied.db')
  const before = statSync(path).size
  const words = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  for (const word of words) await put(store, word)
  assert.ok(statSync(`${path}-wal`).size < 4_000 * 4_096, 'too little for the writer')
  await until(() => statSync(path).size > before + wordBytes)
  await put(store, 'i')
  assert.equal((await store.inSpace('main').read((tx) => tx.get('policySet', 'current')))?.version, 'i')
  await store.close()
  assert.equal(existsSync(`${path}-wal`), false, 'the log is cleared away by whoever closes last')
  const database = new DatabaseSync(path)
  assert.equal(database.prepare('pragma integrity_check').get()?.['integrity_check'], 'ok')
  assert.equal(database.prepare('select version from latest').get()?.['version'], words.length + 1)
  database.close()
})

test('the log is begun anew, and grows no longer than the writer lets it', async () => {
  const { path, store } = await open('anew.db')
  for (let round = 0; round < 60; round += 1) await put(store, round % 2 === 0 ? 'a' : 'b')
  assert.ok(statSync(`${path}-wal`).size < 2 * 4_000 * 4_096)
  await store.close()
})

test('closes while it copies, and right after it was opened', async () => {
  for (const count of [0, 1, 8, 9]) {
    const { path, store } = await open(`closes-${count}.db`)
    for (let place = 0; place < count; place += 1) await put(store, 'x')
    await store.close()
    const { store: again } = await open(`closes-${count}.db`)
    assert.equal((await again.inSpace('main').last()).version, count)
    await again.close()
    assert.equal(existsSync(`${path}-wal`), false)
  }
})

test('a thread that cannot do its work ends, and nothing else with it', async () => {
  const checkpoints = new Checkpoints(join(folder, 'nowhere', 'remit.db'), async () => undefined)
  for (let place = 0; place < 3; place += 1) {
    checkpoints.committed(4_000_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await checkpoints.close()
  checkpoints.committed(4_000_000)
})
