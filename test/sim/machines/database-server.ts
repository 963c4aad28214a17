/** One database that outlives whoever uses it, and may be used by several control nodes: real SQLite in memory behind the store's own port. */
import type { DatabaseSync } from 'node:sqlite'
import type { Engine, Following, Kept, Writing } from '../../../src/store/shared/engine.ts'
import { Turns } from '../../../src/store/shared/turns.ts'
import { Connection } from '../../../src/store/sqlite/connection.ts'
import { describeUnavailable } from '../../../src/store/sqlite/failures.ts'
import type { Counts } from './counts.ts'
import type { Machine } from './machine.ts'

/** What SQLite throws when its disk is full. */
class DiskFull extends Error {
  readonly errcode = 13
  readonly errstr = 'database or disk is full'
}

class DiskBroken extends Error {
  readonly errcode = 10
  readonly errstr = 'disk I/O error'
}

/** Its disk may be full, or fail when it is asked to keep something: then nothing of that transaction is kept. */
export class DatabaseServer {
  readonly #connection: Connection
  readonly #turns = new Turns()
  isFull = false
  failsToSync = false
  /** Hears of each ledger entry when it is durable, with the version of its change. */
  onEntry: (body: string, version: number) => void = () => undefined
  /** Carries a notice to another node. */
  onNotice: (tell: () => void) => void = (tell) => tell()
  #heard = 0
  readonly #kept: Kept[] = []
  readonly #nodes = new Set<() => void>()

  /** `image` is a database as `serialize` gave it. */
  constructor(image: Uint8Array, counts: Counts) {
    let raw: DatabaseSync | undefined
    this.#connection = new Connection(':memory:', {
      watch: (sql, database) => {
        raw = database
        if (this.isFull && /^insert|^update/i.test(sql)) {
          counts.add('full disk')
          throw new DiskFull('full')
        }
        if (this.failsToSync && sql === 'commit') {
          counts.add('failed fsync')
          throw new DiskBroken('broken')
        }
      },
    })
    this.#connection.run('select 1')
    raw?.deserialize(image)
    this.#connection.run('pragma trusted_schema = off')
  }

  /** For one run of one control node, which hears of what others commit a while later, or as soon as it writes. */
  engine(machine: Machine): Engine {
    let isOpen = true
    let following: Following | undefined
    const connection = this.#connection
    const catchUp = () => {
      const { version = 0 } = following?.latest() ?? {}
      for (const kept of this.#kept) if (kept.version > version) following?.apply(kept)
    }
    const notice = () => machine.receive(() => isOpen && catchUp())
    this.#nodes.add(notice)
    return {
      readsInTurn: true,
      write: (work) =>
        this.#turns.take(async () => {
          if (!isOpen) throw new DiskBroken('this program is gone')
          connection.rollBack()
          connection.run('begin immediate')
          try {
            catchUp()
            return await work({ sql: connection.sql, commit: (latest) => this.#commit(latest, notice) })
          } finally {
            connection.rollBack()
          }
        }),
      read: (work) => this.#turns.take(() => work(connection.sql)),
      describeUnavailable,
      isHeld: () => isOpen,
      follow: (hearing) => {
        following = hearing
      },
      catchUp: async () => {
        await this.#turns.take(async () => catchUp())
      },
      close: async () => {
        isOpen = false
        this.#nodes.delete(notice)
      },
    }
  }

  async #commit(latest: Parameters<Writing['commit']>[0], own: () => void): Promise<void> {
    const connection = this.#connection
    if (latest !== undefined) await connection.sql.updateTable('latest').set({ version: latest.version, at: latest.at }).execute()
    connection.run('commit')
    if (latest === undefined) return
    const rows = await connection.sql
      .selectFrom('outbox')
      .select(['position', 'body'])
      .where('position', '>', this.#heard)
      .orderBy('position')
      .execute()
    for (const { position, body } of rows) {
      this.#heard = Number(position)
      this.onEntry(body, latest.version)
    }
    if (!('changes' in latest)) return
    this.#kept.push(latest)
    for (const node of this.#nodes) if (node !== own) this.onNotice(node)
  }

  /** As it is now, for the checker and for the next run on it. */
  async latest(): Promise<{ readonly version: number; readonly at: number }> {
    return this.#turns.take(() => this.#connection.sql.selectFrom('latest').select(['version', 'at']).executeTakeFirstOrThrow())
  }

  close(): void {
    this.#connection.close()
  }
}
