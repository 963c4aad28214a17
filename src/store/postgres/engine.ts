/** PostgreSQL as the store wants it: one writing connection under the hold, reading ones beside it. */
import type { Engine, Latest, Sql, Writing } from '../shared/engine.ts'
import { UnsettledCommit } from '../shared/engine.ts'
import { type ReadConnection, Readers } from '../shared/readers.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { DatabaseFailure, describeFailure, isConflict, leavesOpen } from './failures.ts'
import type { Hold } from './hold.ts'

export interface EngineOptions {
  readonly connection: Omit<ConnectionOptions, 'onLost'>
  readonly after: (milliseconds: number, work: () => void) => () => void
  readonly chance: (count: number) => Uint8Array
}

/** A conflict can only come from outside, since one process writes, one change after the other. */
const triesMax = 8
const pauseMs = 5
/** A copy of everything may wait for whoever takes it. */
const readIdleMs = 120_000

export class PostgresEngine implements Engine {
  readonly readsInTurn = false
  readonly #options: EngineOptions
  readonly #hold: Hold
  readonly #readers: Readers<PostgresReader>
  #writer: Connection | undefined

  constructor(options: EngineOptions, hold: Hold) {
    this.#options = options
    this.#hold = hold
    // Only writers are watched: what is read can be asked again.
    const { url, name } = options.connection
    this.#readers = new Readers(() => new PostgresReader({ url, name, idleMs: readIdleMs }))
    hold.onLoss = () => {
      this.#dropWriter()
      this.#readers.drop()
    }
  }

  async write<T>(work: (writing: Writing) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#writeOnce(work)
      } catch (thrown) {
        if (!isConflict(thrown) || tries >= triesMax) throw thrown
        const [random = 0] = this.#options.chance(1)
        await new Promise<void>((resolve) => this.#options.after(pauseMs * tries * (0.5 + random / 256), resolve))
      }
    }
  }

  read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#readers.use(({ connection }) => work(connection.sql))
  }

  describeUnavailable(thrown: unknown): string | undefined {
    return thrown instanceof UnsettledCommit ? thrown.message : describeFailure(thrown)
  }

  isHeld(): boolean {
    return this.#hold.isHeld()
  }

  async close(): Promise<void> {
    await this.#readers.close()
    this.#dropWriter()
    await this.#hold.close()
  }

  async #writeOnce<T>(work: (writing: Writing) => Promise<T>): Promise<T> {
    this.#checkHeld()
    const { term } = this.#hold
    const mark = this.#hold.nextMark()
    const writer = await this.#openWriter()
    let isOpen = true
    try {
      const [ours] = await writer.run(
        `begin isolation level serializable; update holder set mark = ${mark} where one = 1 and term = ${term} returning term`,
      )
      if (ours === undefined) {
        this.#hold.shutOut()
        throw new DatabaseFailure('another process has taken hold of the database')
      }
      const result = await work({
        sql: writer.sql,
        commit: async (latest) => {
          this.#checkHeld()
          isOpen = false
          await this.#commit(writer, mark, latest)
        },
      })
      return result
    } finally {
      if (isOpen) await this.#rollBack(writer)
    }
  }

  async #commit(writer: Connection, mark: number, latest: Latest | undefined): Promise<void> {
    try {
      await writer.commit(latest === undefined ? '' : `update latest set version = ${latest.version}, at = ${latest.at}; `)
    } catch (thrown) {
      // Either way the connection is let go: the server ends what is open on it.
      this.#dropWriter()
      // What is no change of records is asked for again by whoever wanted it.
      if (latest === undefined || !leavesOpen(thrown)) throw thrown
      if (await this.#hold.settle(mark, latest.version)) return
      throw thrown
    }
    if (latest !== undefined) this.#hold.committed(latest.version)
  }

  async #rollBack(writer: Connection): Promise<void> {
    try {
      if (!writer.isGone) await writer.run('rollback')
    } catch {
      this.#dropWriter()
    }
  }

  async #openWriter(): Promise<Connection> {
    if (this.#writer?.isGone === false) return this.#writer
    const writer = new Connection(this.#options.connection)
    // Known before it is connected, so that a loss meanwhile ends the attempt.
    this.#writer = writer
    await writer.connect()
    return writer
  }

  #dropWriter(): void {
    this.#writer?.close()
    this.#writer = undefined
  }

  #checkHeld(): void {
    if (!this.#hold.isHeld()) throw new DatabaseFailure('the database was lost, and is not held again yet')
  }
}

class PostgresReader implements ReadConnection {
  readonly connection: Connection
  #isNew = true

  constructor(options: ConnectionOptions) {
    this.connection = new Connection(options)
  }

  get isUsable(): boolean {
    return !this.connection.isGone
  }

  async begin(): Promise<void> {
    if (this.#isNew) await this.connection.connect()
    this.#isNew = false
    // The snapshot is taken by the first statement, which is this one.
    await this.connection.run('begin isolation level repeatable read read only; select 1')
  }

  async end(): Promise<void> {
    await this.connection.run('rollback')
  }

  close(): void {
    this.connection.close()
  }
}
