/** Who may write: one process at a time holds the database, knows at every moment whether it still does, and takes hold again after a loss. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { UnsettledCommit } from '../shared/engine.ts'
import { Connection, type ConnectionOptions, numberOf, textOf } from './connection.ts'
import { DatabaseFailure, describeFailure } from './failures.ts'
import { migrate, readSchema, schemaKnown } from './migrations.ts'

export interface HoldOptions {
  readonly connection: Omit<ConnectionOptions, 'onLost'>
  /** Milliseconds that never go back and never run slower than time itself; they may jump ahead. */
  readonly steady: () => number
  /** Calls once after a time; answers how to call it off. */
  readonly after: (milliseconds: number, work: () => void) => () => void
  readonly chance: (count: number) => Uint8Array
  /** Said to whoever finds the database held. */
  readonly holder: string
  readonly beatMs: number
  readonly lockWaitMs: number
  readonly settleMs: number
  /** Told why the database is lost, each time; it is tried again until it is back. */
  readonly onLost: (reason: string) => void
  /** Told once, when another has written meanwhile: what this process remembers is no more, and it has to stop. */
  readonly onFenced: (reason: string) => void
}

/** `Remit` as a number: advisory locks are numbers, and each database has its own. */
const lockKey = 0x52_65_6d_69_74
const leaseBeats = 3
const backoffMinMs = 50
const backoffMaxMs = 5_000
const lockTryMs = 50
/** Longer than the server lets a lock be waited for; the first time, a migration may take more. */
const silenceAgainMs = 8_000

interface Standing {
  readonly term: number
  readonly mark: number
  readonly who: string
  readonly isReleased: boolean
  readonly version: number
}

/** A commit whose answer was lost. */
interface Unsettled {
  readonly mark: number
  readonly version: number
  answer(isKept: boolean): void
}

type State = 'opening' | 'held' | 'lost' | 'fenced' | 'closed'

/**
 * A session's advisory lock keeps others off; a term in the database, which each holder raises and every transaction asks for, shuts out
 * whoever does not know yet that the lock is lost; and nobody believes to hold it for longer than a lease after the last heartbeat that
 * was answered, while the next holder waits out that lease, unless the one before let go by itself.
 */
export class Hold {
  readonly #options: HoldOptions
  readonly #who: string
  #state: State = 'opening'
  #connection: Connection | undefined
  #term = 0
  /** Of the last change that is known to be kept. */
  #version = 0
  #lastMark = 0
  #until = 0
  #callOff: (() => void) | undefined
  #tries = 0
  #unsettled: Unsettled | undefined
  /** Called whenever the database is lost, so that connections beside this one are let go. */
  onLoss: () => void = () => undefined

  constructor(options: HoldOptions) {
    this.#options = options
    this.#who = Buffer.from(options.chance(16)).toString('hex')
  }

  get term(): number {
    return this.#term
  }

  nextMark(): number {
    this.#lastMark += 1
    return this.#lastMark
  }

  /** Costs a reading of a clock. */
  isHeld(): boolean {
    return this.#state === 'held' && this.#unsettled === undefined && this.#isWithinLease()
  }

  /** Refuses `store.locked` (naming who has it), `store.newer` and `store.unavailable`. */
  async open(atCreation: Readonly<Record<string, string>>): Promise<Result<{ readonly version: number }>> {
    try {
      const connection = await this.#connect()
      if (!(await this.#lockInTime(connection))) {
        const other = await readHolder(connection)
        return refuse('store.locked', { detail: `held by ${other}` })
      }
      const lockedAt = this.#options.steady()
      const migrated = await migrate(connection, atCreation)
      if (!migrated.ok) return migrated
      const before = await this.#raiseTerm(connection)
      this.#version = before.version
      if (!before.isReleased) await this.#waitUntil(lockedAt + this.#leaseMs)
      await this.#beat(connection)
      this.#state = 'held'
      return done({ version: before.version })
    } catch (thrown) {
      const why = describeFailure(thrown)
      if (why === undefined) throw thrown
      return refuse('store.unavailable', { detail: why })
    } finally {
      if (this.#state !== 'held') this.#stop('closed')
    }
  }

  /** Whether it was kept; rejects with `UnsettledCommit` when that cannot be found out in time. From now on until then nothing is held. */
  settle(mark: number, version: number): Promise<boolean> {
    const late = new UnsettledCommit()
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    let isAnswered = false
    const callOff = this.#options.after(this.#options.settleMs, () => {
      isAnswered = true
      reject(late)
    })
    this.#unsettled = {
      mark,
      version,
      answer: (isKept) => {
        callOff()
        if (isAnswered) late.settle(isKept)
        else resolve(isKept)
      },
    }
    const connection = this.#connection
    if (connection !== undefined) void this.#settleHere(connection, mark)
    return promise
  }

  /** A change was kept. */
  committed(version: number): void {
    this.#version = version
  }

  /** The term is not ours any more. */
  shutOut(): void {
    this.#lose('another process has taken hold of the database')
  }

  async close(): Promise<void> {
    const connection = this.#connection
    try {
      if (this.#state === 'held' && connection !== undefined)
        await connection.run(`update holder set released = 1 where term = ${this.#term}`)
    } catch {
      // Whoever comes next waits out our lease instead.
    }
    this.#stop('closed')
  }

  get #leaseMs(): number {
    return this.#options.beatMs * leaseBeats
  }

  #isWithinLease(): boolean {
    return this.#options.steady() < this.#until
  }

  async #connect(): Promise<Connection> {
    const mine: { connection?: Connection } = {}
    const connection = await Connection.open({
      ...this.#options.connection,
      ...(this.#state === 'opening' ? {} : { silenceMs: silenceAgainMs }),
      onLost: (cause) => {
        if (mine.connection !== undefined && mine.connection === this.#connection)
          this.#lose(describeFailure(cause) ?? 'the connection failed')
      },
    })
    if (this.#state === 'closed' || this.#state === 'fenced') {
      connection.close()
      throw new DatabaseFailure('the store is closed')
    }
    mine.connection = connection
    this.#connection = connection
    // The server lets go of a silent session long after this one has let its lease run out, and never before.
    const seconds = Math.ceil((2 * this.#leaseMs) / 1_000) + 5
    await connection.run(`set tcp_keepalives_idle = ${seconds}; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3;
      set tcp_user_timeout = ${seconds * 1_000}`)
    return connection
  }

  /** A process that was killed is still there for the server for some moments. */
  async #lockInTime(connection: Connection): Promise<boolean> {
    const { steady, lockWaitMs } = this.#options
    const end = steady() + lockWaitMs
    for (;;) {
      if (await tryLock(connection)) return true
      if (steady() >= end) return false
      await this.#waitUntil(steady() + lockTryMs)
    }
  }

  #waitUntil(moment: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.after(Math.max(0, moment - this.#options.steady()), resolve)
    })
  }

  /** Waits for a transaction of whoever held it before, and shuts out the next. Answers how things stood. */
  async #raiseTerm(connection: Connection): Promise<Standing> {
    const name = this.#options.holder.replaceAll("'", "''")
    await connection.run('begin isolation level read committed; select 1 from holder for update')
    // A statement of its own: it sees what the one that was waited for has done.
    const [row] = await connection.run('select term, mark, who, released, (select version from latest) as version from holder')
    await connection.run(`update holder set term = term + 1, who = '${this.#who}', name = '${name}', released = 0`)
    await connection.commit()
    const standing = {
      term: numberOf(row, 'term'),
      mark: numberOf(row, 'mark'),
      who: textOf(row, 'who'),
      isReleased: numberOf(row, 'released') === 1,
      version: numberOf(row, 'version'),
    }
    this.#term = standing.term + 1
    return standing
  }

  /** Asks whether all is as it was, and counts the lease from when it asked. */
  async #beat(connection: Connection): Promise<void> {
    const { steady, beatMs, after } = this.#options
    const asked = steady()
    const silence = after(this.#leaseMs, () => {
      if (connection === this.#connection) this.#lose('the database does not answer')
    })
    try {
      const [row] = await connection.run('select term, pg_backend_pid() as pid from holder')
      if (connection !== this.#connection) return
      if (numberOf(row, 'pid') !== connection.pid) throw new DatabaseFailure('the session is shared: connect without a pooler')
      if (numberOf(row, 'term') !== this.#term) throw new DatabaseFailure('another process has taken hold of the database')
      this.#until = asked + this.#leaseMs
      this.#callOff = after(beatMs, () => void this.#beatAgain(connection))
    } finally {
      silence()
    }
  }

  async #beatAgain(connection: Connection): Promise<void> {
    try {
      await this.#beat(connection)
    } catch (thrown) {
      if (connection === this.#connection) this.#lose(describeFailure(thrown) ?? 'the heartbeat failed')
    }
  }

  #lose(reason: string): void {
    if (this.#state !== 'held') {
      // While it is being opened or taken again, whoever does so hears of it.
      this.#connection?.close()
      return
    }
    this.#state = 'lost'
    this.#letGo()
    this.#tries = 0
    this.#options.onLost(reason)
    this.#tryLater()
  }

  #letGo(): void {
    this.#until = 0
    this.#callOff?.()
    this.#callOff = undefined
    this.#connection?.close()
    this.#connection = undefined
    this.onLoss()
  }

  #tryLater(): void {
    const [random = 0] = this.#options.chance(1)
    const wait = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(this.#tries, 10)) * (0.5 + random / 256)
    this.#tries += 1
    this.#callOff = this.#options.after(wait, () => void this.#takeAgain())
  }

  async #takeAgain(): Promise<void> {
    try {
      const connection = await this.#connect()
      // Not ours yet, and perhaps never: the server may take a while to see that the session we had is gone.
      if (await tryLock(connection)) await this.#resume(connection)
    } catch (thrown) {
      // Said once, when it was lost; a bug is not for waiting.
      if (describeFailure(thrown) === undefined)
        return this.#fence(thrown instanceof Error ? thrown.message : 'the database is not as it was')
    }
    if (this.#state !== 'lost') return
    this.#letGo()
    this.#tryLater()
  }

  async #resume(connection: Connection): Promise<void> {
    const lockedAt = this.#options.steady()
    if ((await readSchema(connection)) !== schemaKnown) return this.#fence('the schema was changed meanwhile')
    const before = await this.#raiseTerm(connection)
    const isOurs = before.who === this.#who
    const unsettled = this.#unsettled
    const isKept = isOurs && unsettled !== undefined && before.mark === unsettled.mark
    const known = isKept ? unsettled.version : this.#version
    if (before.version !== known) return this.#fence(`the database is at version ${before.version}, and this process left it at ${known}`)
    if (!isOurs && !before.isReleased) await this.#waitUntil(lockedAt + this.#leaseMs)
    await this.#beat(connection)
    if (this.#state !== 'lost' || connection !== this.#connection) return
    this.#finish(isKept)
    this.#state = 'held'
  }

  /** Without a loss of the lock: the row of the holder is free once the transaction in question has come to its end. */
  async #settleHere(connection: Connection, mark: number): Promise<void> {
    try {
      const [row] = await connection.run(`select mark, term from holder for update`)
      if (connection !== this.#connection || numberOf(row, 'term') !== this.#term) return this.shutOut()
      this.#finish(numberOf(row, 'mark') === mark)
    } catch (thrown) {
      if (connection === this.#connection) this.#lose(describeFailure(thrown) ?? 'the connection failed')
    }
  }

  #finish(isKept: boolean): void {
    const unsettled = this.#unsettled
    this.#unsettled = undefined
    if (unsettled === undefined) return
    if (isKept) this.#version = unsettled.version
    unsettled.answer(isKept)
  }

  #fence(reason: string): void {
    if (this.#state === 'closed') return
    this.#stop('fenced')
    this.#options.onFenced(reason)
  }

  #stop(state: 'fenced' | 'closed'): void {
    this.#state = state
    this.#letGo()
  }
}

async function tryLock(connection: Connection): Promise<boolean> {
  const [row] = await connection.run(`select pg_try_advisory_lock(${lockKey})::int::bigint as is_ours`)
  return numberOf(row, 'is_ours') === 1
}

async function readHolder(connection: Connection): Promise<string> {
  if ((await readSchema(connection)) === 0) return 'a process that is just starting'
  const [row] = await connection.run('select name from holder')
  return textOf(row, 'name')
}
