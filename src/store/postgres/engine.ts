/** PostgreSQL as the store wants it: one writing connection in its turn among the nodes, reading ones beside it. */
import type { Nodes } from '../../control/ports.ts'
import { inTurns } from '../../kernel/in-turns.ts'
import type { Engine, Following, Kept, Latest, Sql, Writing } from '../shared/engine.ts'
import { UnsettledCommit } from '../shared/engine.ts'
import { type ReadConnection, Readers } from '../shared/readers.ts'
import { Connection, type ConnectionOptions, numberOf } from './connection.ts'
import { Ear } from './ear.ts'
import { DatabaseFailure, describeFailure, isConflict, leavesOpen } from './failures.ts'
import type { Hold } from './hold.ts'
import { applyAll, keepingChange, Missed } from './looks.ts'
import { quote } from './membership.ts'

export interface EngineOptions {
  readonly connection: Omit<ConnectionOptions, 'onLost'>
  readonly after: (milliseconds: number, work: () => void) => () => void
  readonly chance: (count: number) => Uint8Array
}

/** A conflict can only come from outside, since one node writes at a time, one change after the other. */
const triesMax = 8
const pauseMs = 5
/** How long a node waits for its turn to write. */
const turnMs = 15_000
/** Notes of a change are sent with its commit; larger ones before it, one by one. */
const sentAtOnce = 262_144
/** A copy of everything may wait for whoever takes it. */
const readIdleMs = 120_000

export class PostgresEngine implements Engine {
  readonly readsInTurn = false
  readonly #options: EngineOptions
  readonly #hold: Hold
  readonly #readers: Readers<PostgresReader>
  readonly #ear: Ear | undefined
  readonly nodes: Nodes
  #writer: Connection | undefined
  #following: Following | undefined

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
    const { member } = hold
    const ear = hold.isAlone
      ? undefined
      : new Ear({
          connection: { url, name: 'remit ear' },
          after: options.after,
          who: member.who,
          node: member.name,
          // Whoever needs to know looks by itself, and hears when that fails.
          onHint: () => void this.catchUp().catch(() => undefined),
        })
    this.#ear = ear
    this.nodes = {
      node: member.name,
      leads: () => hold.isHeld() && (hold.isAlone || hold.neighbours.isEldest),
      others: () => hold.neighbours.names(),
      present: () => hold.round(),
      tell: (text) => ear?.tell(text),
      onNotice: (listener) => ear?.onNotice(listener),
    }
  }

  follow(following: Following): void {
    this.#following = following
    this.#hold.follow(following)
    this.#ear?.open()
  }

  catchUp(): Promise<void> {
    return this.#hold.look()
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
    this.#ear?.close()
    this.#dropWriter()
    await this.#hold.close()
  }

  async #writeOnce<T>(work: (writing: Writing) => Promise<T>): Promise<T> {
    this.#checkHeld()
    const { term, member } = this.#hold
    const mark = this.#hold.nextMark()
    const writer = await this.#openWriter()
    let isOpen = true
    try {
      // What locks a table takes no snapshot: that of the transaction is of when its turn has come.
      const [ours] = await writer.run(
        `begin isolation level serializable; set local lock_timeout = ${turnMs}; lock table write_turn in exclusive mode;
        update nodes set mark = ${mark} where name = ${quote(member.name)} and term = ${term} and who = ${quote(member.who)}
          returning (select version from latest) as version`,
      )
      if (ours === undefined) {
        this.#hold.shutOut()
        throw new DatabaseFailure('the place of this process among the nodes is gone')
      }
      await this.#followTo(writer, numberOf(ours, 'version'))
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

  /** The work begins when all that others did is applied: what it goes by is what it writes on. */
  async #followTo(writer: Connection, version: number): Promise<void> {
    const following = this.#following
    if (following === undefined || following.latest().version === version) return
    try {
      await applyAll(writer, following)
    } catch (thrown) {
      if (!(thrown instanceof Missed)) throw thrown
      this.#hold.missed(thrown)
      throw new DatabaseFailure(thrown.message)
    }
  }

  async #commit(writer: Connection, mark: number, latest: Latest | Kept | undefined): Promise<void> {
    let last = latest === undefined ? '' : `update latest set version = ${latest.version}, at = ${latest.at}; `
    try {
      const kept = latest !== undefined && 'changes' in latest ? await inTurns(keepingChange(latest), this.#following?.turning) : []
      for (const part of kept) {
        if (last.length + part.length <= sentAtOnce) last += part
        else await writer.run(part)
      }
    } catch (thrown) {
      this.#dropWriter()
      throw thrown
    }
    try {
      await writer.commit(last)
    } catch (thrown) {
      // Either way the connection is let go: the server ends what is open on it.
      this.#dropWriter()
      // What is no change of records is asked for again by whoever wanted it.
      if (latest === undefined || !leavesOpen(thrown)) throw thrown
      if (!(await this.#hold.settle(mark))) throw thrown
    }
    const ear = this.#ear
    if (latest !== undefined && (ear?.hasCompany === true || this.#hold.neighbours.names().length > 0)) ear?.hint()
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
