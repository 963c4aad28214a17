/** One database that outlives whoever uses it, and may be used by several control nodes: real SQLite in memory behind the store's own port. */
import type { DatabaseSync } from 'node:sqlite'
import type { Engine, Following, Kept, Writing } from '../../../src/store/shared/engine.ts'
import type { Nodes } from '../../../src/control/ports.ts'
import { driftMs, leaseMs } from '../../../src/feed/messages.ts'
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

/** A notice may be lost: then it is found out by looking. */
const lookEveryMs = 500

/** A control node that has it open. */
interface Present {
  readonly machine: Machine
  readonly listeners: ((text: string, from: string) => void)[]
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
  readonly #present = new Map<string, Present>()
  /** Nodes that are gone, and since when: what runs by their leave may go on as long as a lease and drift. */
  readonly #gone = new Map<string, number>()
  /** Set where several control nodes may have it open. */
  isShared = false

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
    const look = () => {
      if (!isOpen) return
      notice()
      machine.schedule.after(lookEveryMs, look)
    }
    this.#nodes.add(notice)
    const present: Present = { machine, listeners: [] }
    this.#present.set(machine.name, present)
    return {
      nodes: this.#nodesFor(machine, present),
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
        if (this.isShared) look()
      },
      catchUp: async () => {
        await this.#turns.take(async () => catchUp())
      },
      close: async () => {
        isOpen = false
        this.#nodes.delete(notice)
        if (this.#present.get(machine.name) !== present) return
        this.#present.delete(machine.name)
        this.#gone.set(machine.name, machine.schedule.now)
      },
    }
  }

  #nodesFor({ name, schedule }: Machine, { listeners }: Present): Nodes {
    const others = () => {
      const lately = [...this.#gone].flatMap(([each, at]) => (schedule.now - at < leaseMs + driftMs ? [each] : []))
      return [...new Set([...this.#present.keys(), ...lately])].filter((each) => each !== name)
    }
    return {
      node: this.isShared ? name : '',
      leads: () => [...this.#present.keys()].toSorted()[0] === name,
      others,
      present: () => Promise.resolve(others()),
      tell: (text) => {
        for (const [other, { machine, listeners: hearing }] of this.#present) {
          const { run } = machine
          if (other === name) continue
          this.onNotice(() => {
            if (machine.run === run) machine.receive(() => hearing.forEach((hear) => hear(text, name)))
          })
        }
      },
      onNotice: (listener) => void listeners.push(listener),
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
