/** Connections that only read, each in a snapshot of its own, so that a slow read holds up nobody. */

/** Reads at once; further ones wait. */
const connectionsMax = 8

export interface ReadConnection {
  /** False once it was lost: it is let go and another is opened. */
  readonly isUsable: boolean
  /** Begins a transaction that sees the database as it is now. */
  begin(): Promise<void>
  /** Ends it, whatever became of it; what it throws, the connection is let go for. */
  end(): Promise<void>
  close(): void
}

export class Readers<C extends ReadConnection> {
  readonly #open: () => C
  readonly #idle: C[] = []
  readonly #used = new Set<C>()
  readonly #waiting: (() => void)[] = []
  #busy = 0
  #drained: (() => void) | undefined

  constructor(open: () => C) {
    this.#open = open
  }

  /** The work sees the database as it was when it began, whatever is committed meanwhile. */
  async use<T>(work: (connection: C) => Promise<T>): Promise<T> {
    while (this.#busy >= connectionsMax) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#busy += 1
    let connection: C | undefined
    try {
      do connection = this.#idle.pop()
      while (connection?.isUsable === false)
      connection ??= this.#open()
      this.#used.add(connection)
      await connection.begin()
      return await work(connection)
    } finally {
      await this.#giveBack(connection)
      this.#busy -= 1
      this.#waiting.shift()?.()
      if (this.#busy === 0) this.#drained?.()
    }
  }

  /** Lets go of every connection, and so ends the reads that run; others are opened when they are wanted. */
  drop(): void {
    for (const connection of [...this.#used, ...this.#idle.splice(0)]) connection.close()
  }

  /** Waits for the reads that run. */
  async close(): Promise<void> {
    while (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
    this.drop()
  }

  async #giveBack(connection: C | undefined): Promise<void> {
    if (connection === undefined) return
    this.#used.delete(connection)
    try {
      await connection.end()
      this.#idle.push(connection)
    } catch {
      // A connection that cannot end its snapshot is let go; the next read opens another.
      connection.close()
    }
  }
}
