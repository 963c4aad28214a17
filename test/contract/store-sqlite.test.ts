/** The store in SQLite, in a file and in memory, against the contract of every store. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { storeContract } from './store-contract.ts'
import { type StoreHouse, tableOf } from './store-house.ts'

/** More pages than any test fills. */
const roomPages = 1_000_000

async function buildHouse(folder: string | undefined): Promise<StoreHouse> {
  const path = folder === undefined ? ':memory:' : join(folder, 'remit.db')
  let countdown = 0
  let hasBroken = false
  let room: boolean | undefined
  let writer: DatabaseSync | undefined
  const watch = (_sql: string, database: DatabaseSync) => {
    writer = database
    if (room !== undefined) {
      database.exec(`pragma max_page_count = ${room ? roomPages : 1}`)
      room = undefined
    }
    if (countdown === 0) return
    countdown -= 1
    if (countdown > 0) return
    hasBroken = true
    throw Object.assign(new Error('disk I/O error'), { errcode: 10, errstr: 'disk I/O error' })
  }
  return {
    open: (now = () => Date.now()) => openSqliteStore({ path, pid: process.pid, now, chance: (count) => randomBytes(count), watch }),
    openEmpty: (now = () => Date.now()) =>
      openSqliteStore({ path: folder === undefined ? path : `${path}-other`, now, chance: (count) => randomBytes(count), watch }),
    breakStatement(nth) {
      countdown = nth
      hasBroken = false
    },
    hasBroken: () => hasBroken,
    async fillDisk(isFull) {
      room = !isFull
    },
    async forceState(kind, id, state) {
      const sql = `update ${tableOf[kind]} set doc = json_set(doc, '$.state', ?, '$.expiresAt', 1, '$.endedAt', 1, '$.useBy', 1) where id = ?`
      // In memory the writer's own connection is the only way in.
      const database = folder === undefined ? writer : new DatabaseSync(path)
      try {
        database?.prepare(sql).run(state, id)
      } finally {
        if (folder !== undefined) database?.close()
      }
    },
    kills: 10,
    address: ['sqlite', path],
    async remove() {
      if (folder !== undefined) await rm(folder, { recursive: true })
    },
  }
}

storeContract('sqlite', async () => buildHouse(await mkdtemp(join(tmpdir(), 'remit-store-'))))

storeContract('sqlite in memory', () => buildHouse(undefined), [
  {
    reason: 'what is in memory ends with its process',
    tests: [
      'lets no time go back after it was opened again',
      'loses nothing acknowledged and shows nothing by half when its process is killed',
      'keeps a second process off, and lets it in when the first was killed',
    ],
  },
  {
    reason: 'reads take their turn with the changes',
    tests: ['gives a read one moment, whatever is committed meanwhile', 'takes a snapshot at one moment, while changes go on'],
  },
])
