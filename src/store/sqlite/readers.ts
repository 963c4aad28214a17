/** Connections that only read, each in a snapshot of its own, so that a slow read holds up nobody. */
import { Connection } from './connection.ts'

/** Reads at once; further ones wait. */
const connectionsMax = 8

export class Readers {
  readonly #path: string
  readonly #idle: Connection[] = []
  readonly #waiting: (() => void)[] = []
  #busy = 0
  #drained: (() => void) | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** The work sees the database as it was when it began, whatever is committed meanwhile. */
  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    while (this.#busy >= connectionsMax) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#busy += 1
    let connection: Connection | undefined
    try {
      connection = this.#idle.pop() ?? new Connection(this.#path, { readOnly: true })
      connection.run('begin')
      // SQLite takes the snapshot at the first read, which is this one.
      await connection.sql.selectFrom('latest').select('version').execute()
      return await work(connection)
    } finally {
      this.#busy -= 1
      this.#giveBack(connection)
      this.#waiting.shift()?.()
      if (this.#busy === 0) this.#drained?.()
    }
  }

  /** Waits for the reads that run. */
  async close(): Promise<void> {
    while (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  #giveBack(connection: Connection | undefined): void {
    if (connection === undefined) return
    try {
      connection.rollBack()
      this.#idle.push(connection)
    } catch {
      // A connection that cannot end its snapshot is let go; the next read opens another.
      connection.close()
    }
  }
}
