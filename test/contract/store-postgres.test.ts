/** The store in PostgreSQL, on a real server, against the contract of every store. */
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts'
import { ownRows } from './postgres-own-rows.ts'
import { PostgresServer } from './postgres-server.ts'
import { storeContract } from './store-contract.ts'
import type { StoreHouse } from './store-house.ts'
import { tableOf } from './store-house.ts'
import { postgresTimes } from './postgres-times.ts'

const server = await PostgresServer.start()
after(() => server.remove())

async function buildHouse(): Promise<StoreHouse> {
  const database = await server.swept()
  const url = server.url(database)
  let countdown = 0
  let hasBroken = false
  let other: string | undefined
  const watch = () => {
    if (countdown === 0) return
    countdown -= 1
    if (countdown > 0) return
    hasBroken = true
    throw Object.assign(new Error('could not write block 7'), { code: '58030', severity: 'ERROR' })
  }
  const open = (at: string, now: () => number) =>
    openPostgresStore({
      url: at,
      now,
      chance: (count) => randomBytes(count),
      holder: `process ${process.pid}`,
      watch,
      ...postgresTimes,
      beatMs: 1_000,
    })
  return {
    open: (now = () => Date.now()) => open(url, now),
    async openEmpty(now = () => Date.now()) {
      other = await server.swept()
      return open(server.url(other), now)
    },
    breakStatement(nth) {
      countdown = nth
      hasBroken = false
    },
    hasBroken: () => hasBroken,
    async fillDisk(isFull) {
      const full = `create function no_room() returns trigger language plpgsql as
        $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
        create trigger no_room before insert on services execute function no_room()`
      await server.ask(database, isFull ? full : 'drop function no_room() cascade')
    },
    async forceState(kind, id, state) {
      const set = `jsonb_build_object('state', '${state}', 'expiresAt', 1, 'endedAt', 1, 'useBy', 1)`
      await server.ask(database, `update ${tableOf[kind]} set doc = (doc::jsonb || ${set})::text where id = '${id}'`)
    },
    kills: 2,
    address: ['postgres', url],
    async remove() {
      await server.sweep(database)
      if (other !== undefined) await server.sweep(other)
    },
  }
}

storeContract('postgres', buildHouse)

for (const { says, run } of ownRows) {
  test(`postgres: ${says}`, async () => {
    const database = await server.empty()
    try {
      await run(server, database)
    } finally {
      await server.giveBack(database)
    }
  })
}
