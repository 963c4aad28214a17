/** Tiles and proofs over a real store and real files: right across the edges of tiles, and every changed byte named. */
import assert from 'node:assert/strict'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import test, { type TestContext } from 'node:test'
import { openHashFiles } from '../host/hash-files.ts'
import { makeSigner } from '../host/key-files.ts'
import { done, mustBe, type Result } from '../kernel/result.ts'
import { parseEntryBundle, tileRoot } from '../ledger/tiles.ts'
import { appendLeaf, emptyFrontier, frontierRoot, type Hash, leafHash, verifyConsistency, verifyInclusion } from '../ledger/tree.ts'
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts'
import { LogTree } from './log-tree.ts'
import type { Database } from './ports.ts'
import { Sequencer } from './sequencer.ts'

const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 1)])
const signer = makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), 'remit.example/main')
const clock = { after: () => () => {} }
const refusal = (result: Result<unknown>): string => (result.ok ? 'accepted' : `${result.refusal.code}: ${result.refusal.detail}`)

interface Kept {
  readonly folder: string
  readonly database: Database
  readonly alarms: string[]
  tree(): Promise<Result<LogTree>>
  record(count: number): Promise<void>
}

async function keep(context: TestContext, folder?: string): Promise<Kept> {
  const own = folder ?? (await mkdtemp(join(tmpdir(), 'remit-tree-')))
  if (folder === undefined) context.after(() => rm(own, { recursive: true }))
  const path = join(own, 'remit.db')
  const database = mustBe(await openSqliteStore({ path, pid: process.pid, now: () => Date.now(), chance: (count) => randomBytes(count) }))
  const sequencer = mustBe(await Sequencer.open({ store: database, signer, clock }))
  const alarms: string[] = []
  return {
    folder: own,
    database,
    alarms,
    tree: async () =>
      LogTree.open({
        log: database,
        shelf: await openHashFiles(join(own, 'tiles')),
        origin: 'remit.example/main',
        alarm: (says) => void alarms.push(says),
      }),
    async record(count) {
      const recorded = await database.inSpace('main').change(async (tx) => {
        for (let place = 0; place < count; place += 1) await tx.record({ kind: 'tried', actor: 'ana', subject: `s${place}`, facts: {} })
        return done(undefined)
      })
      mustBe(recorded)
      mustBe(await sequencer.flush())
    },
  }
}

async function leavesOf(database: Database): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = []
  for (;;) {
    const rows = await database.leaves(leaves.length, 1_000)
    if (rows.length === 0) return leaves
    leaves.push(...rows.map((row) => row.leaf))
  }
}

test('tiles, bundles and proofs are those of the tree, while it grows past the edges of tiles', async (context) => {
  const kept = await keep(context)
  const tree = mustBe(await kept.tree())
  assert.match(refusal(await tree.tile('0/000.p/1')), /not-found/)
  for (const more of [1, 254, 1, 1, 300]) {
    await kept.record(more)
    const leaves = await leavesOf(kept.database)
    const hashes = leaves.map(leafHash)
    const size = leaves.length
    const roots: Hash[] = [frontierRoot(emptyFrontier)]
    let frontier = emptyFrontier
    for (const hash of hashes) {
      frontier = appendLeaf(frontier, hash)
      roots.push(frontierRoot(frontier))
    }
    const full = Math.floor(size / 256)
    for (let tile = 0; tile < full; tile += 1) {
      const wanted = hashes.slice(tile * 256, (tile + 1) * 256)
      assert.deepEqual([...mustBe(await tree.tile(`0/00${tile}`))], [...Buffer.concat(wanted)])
      const bundle = mustBe(parseEntryBundle(mustBe(await tree.tile(`entries/00${tile}`))))
      assert.deepEqual(bundle.map(leafHash), wanted)
    }
    const width = size % 256
    if (width > 0) {
      assert.deepEqual([...mustBe(await tree.tile(`0/00${full}.p/${width}`))], [...Buffer.concat(hashes.slice(full * 256))])
      assert.match(refusal(await tree.tile(`0/00${full}.p/${width + 1}`)), /not-found/)
      assert.match(refusal(await tree.tile(`0/00${full}`)), /not-found/)
    }
    if (full > 0) {
      const above = Array.from({ length: full }, (_, tile) => tileRoot(hashes.slice(tile * 256, (tile + 1) * 256)))
      assert.deepEqual([...mustBe(await tree.tile(`1/000.p/${full}`))], [...Buffer.concat(above)])
    }
    const root = roots[size] ?? assert.fail()
    assert.deepEqual(await tree.root(size), root)
    for (const index of [0, size - 1]) {
      const path = await tree.inclusion(index, size)
      assert.ok(verifyInclusion({ leaf: hashes[index] ?? assert.fail(), index, size, path, root }))
    }
    for (const first of [1, 255, 256, 257, size].filter((each) => each <= size)) {
      const path = await tree.consistency(first, size)
      assert.ok(verifyConsistency({ first, second: size, firstRoot: roots[first] ?? assert.fail(), secondRoot: root, path }), `${first}`)
    }
  }
  assert.deepEqual(kept.alarms, [])
  await kept.database.close()
})

test('opened again it has what it had, and what the log grew by meanwhile', async (context) => {
  const kept = await keep(context)
  await kept.record(256)
  mustBe(await kept.tree())
  await kept.record(600)
  const tree = mustBe(await kept.tree())
  assert.equal(mustBe(await tree.tile('1/000.p/3')).byteLength, 96)
  assert.deepEqual(kept.alarms, [])
  await kept.database.close()
})

test('a flipped bit in a tile that is kept is named, and the tile made again', async (context) => {
  const kept = await keep(context)
  await kept.record(800)
  const whole = mustBe(await mustBe(await kept.tree()).tile('1/000.p/3'))
  const path = join(kept.folder, 'tiles', 'level-1.hashes')
  const bytes = await readFile(path)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  await writeFile(path, bytes)
  const tree = mustBe(await kept.tree())
  assert.match(kept.alarms.join(), /hash 1 of level 1 was changed in .*tiles; the tiles were made again/)
  assert.deepEqual([...mustBe(await tree.tile('1/000.p/3'))], [...whole])
  await kept.database.close()
})

test('a bit that flips in a kept tile while it runs: the tile is not handed out, and the place is named', async (context) => {
  const kept = await keep(context)
  await kept.record(800)
  const tree = mustBe(await kept.tree())
  const path = join(kept.folder, 'tiles', 'level-1.hashes')
  const bytes = await readFile(path)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  await writeFile(path, bytes)
  assert.match(refusal(await tree.tile('0/001')), /ledger\.damaged: hash 1 of level 1 in .*tiles/)
  mustBe(await tree.tile('0/000'))
  assert.match(kept.alarms.join(), /hash 1 of level 1/)
  await kept.database.close()
})

const damages: readonly (readonly [says: string, sql: string, want: RegExp])[] = [
  ['a leaf changed', `update leaves set leaf = x'01${'00'.repeat(32)}' where place = 300`, /ledger\.damaged: leaf 300 was changed/],
  [
    'a leaf changed whose body was erased',
    `update leaves set leaf = x'01${'00'.repeat(32)}', body = null, salt = null where place = 300`,
    /ledger\.damaged: one of leaves 256 to 511 was changed/,
  ],
]
for (const [says, sql, want] of damages)
  test(`no tile is handed out with ${says}`, async (context) => {
    const kept = await keep(context)
    await kept.record(800)
    const tree = mustBe(await kept.tree())
    await tamper(kept, sql)
    for (const path of ['0/001', 'entries/001']) assert.match(refusal(await tree.tile(path)), want)
    mustBe(await tree.tile('0/000'))
    assert.match(kept.alarms.join(), /the ledger is damaged/)
    await kept.database.close()
  })

test('leaves that were changed while nobody looked are told at the start', async (context) => {
  const kept = await keep(context)
  await kept.record(300)
  await tamper(kept, `update leaves set leaf = x'01${'00'.repeat(32)}' where place = 7`)
  mustBe(await kept.tree())
  assert.match(kept.alarms.join(), /the stored leaves of the ledger are not those that were signed/)
  await kept.database.close()
})

test('a store that has fewer entries than the tiles beside it lost its tail', async (context) => {
  const kept = await keep(context)
  await kept.record(800)
  mustBe(await kept.tree())
  await kept.database.close()
  await rm(join(kept.folder, 'remit.db'))
  for (const end of ['-wal', '-shm']) await rm(join(kept.folder, `remit.db${end}`), { force: true })
  const younger = await keep(context, kept.folder)
  await younger.record(500)
  assert.match(refusal(await younger.tree()), /ledger\.tail-lost: the tiles in .* are of at least 768 entries, the store has 500/)
  await younger.database.close()
})

/** As somebody would who has the file in hand. */
async function tamper(kept: Kept, sql: string): Promise<void> {
  const database = new DatabaseSync(join(kept.folder, 'remit.db'))
  for (const { name } of database.prepare("select name from sqlite_master where type = 'trigger'").all())
    database.exec(`drop trigger ${String(name)}`)
  database.exec(sql)
  database.close()
}
