/** Whether this process may write, and believe what it knows: it has a place among the nodes, gives signs of life, and takes its place again after a loss. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Following } from '../shared/engine.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { DatabaseFailure, describeFailure } from './failures.ts'
import { applyAll, forgetChanges, Missed } from './looks.ts'
import { describeOthers, goRound, isReleased, leave, markOf, type Member, shareLock, takePlace, tryLock, tryName } from './membership.ts'
import { migrate, readSchema, schemaKnown } from './migrations.ts'
import { Neighbours } from './neighbours.ts'
import { OpenCommit } from './open-commit.ts'

export interface HoldOptions {
  readonly connection: Omit<ConnectionOptions, 'onLost' | 'onNotice'>
  readonly now: () => number
  /** Milliseconds that never go back and never run slower than time itself; they may jump ahead. */
  readonly steady: () => number
  /** Calls once after a time; answers how to call it off. */
  readonly after: (milliseconds: number, work: () => void) => () => void
  readonly chance: (count: number) => Uint8Array
  /** Name of this node among several; empty to be alone. */
  readonly node: string
  /** Said to whoever is kept off. */
  readonly holder: string
  readonly beatMs: number
  readonly lockWaitMs: number
  readonly settleMs: number
  /** Told why the database is lost, each time; it is tried again until it is back. */
  readonly onLost: (reason: string) => void
  /** Told once, when this process was given up, or cannot follow what the others did meanwhile: it has to stop. */
  readonly onFenced: (reason: string) => void
}

const leaseBeats = 3
/** A node is given up when its own lease has lapsed, and all that it had under way by that is cut. */
const silentBeats = 10
const backoffMinMs = 50
/** Below what the others wait before they give a silent node up, with half of it more. */
const backoffMaxMs = 2_000
const lockTryMs = 50
const notHeld = 'the database was lost, and is not held again yet'
/** Longer than the server lets a lock be waited for; the first time, a migration may take more. */
const silenceAgainMs = 8_000
const roundsBetweenForgetting = 16

type State = 'opening' | 'held' | 'lost' | 'fenced' | 'closed'

/**
 * A session's advisory lock keeps others off, or those who want to be alone; a term in the database, which each that takes a place raises
 * and every transaction asks for, shuts out whoever does not know yet that its place is gone; and nobody believes for longer than a lease
 * after the last look that was answered, while the next in its place waits out that lease, unless the one before let go by itself.
 */
export class Hold {
  readonly #options: HoldOptions
  readonly #member: Member
  readonly #neighbours: Neighbours
  #state: State = 'opening'
  #connection: Connection | undefined
  #term = 0
  #lastMark = 0
  #until = 0
  #callOff: (() => void) | undefined
  #tries = 0
  #rounds = 0
  #hasLockAlone = false
  #unsettled: OpenCommit | undefined
  #following: Following | undefined
  #looking: Promise<void> | undefined
  #nextLook: Promise<void> | undefined
  /** Called whenever the database is lost, so that connections beside this one are let go. */
  onLoss: () => void = () => undefined

  constructor(options: HoldOptions) {
    this.#options = options
    const who = Buffer.from(options.chance(16)).toString('hex')
    this.#member = { name: options.node, who, holder: options.holder }
    this.#neighbours = new Neighbours({ steady: options.steady, silentMs: silentBeats * options.beatMs })
  }

  get term(): number {
    return this.#term
  }

  get member(): Member {
    return this.#member
  }

  get isAlone(): boolean {
    return this.#member.name === ''
  }

  get neighbours(): Pick<Neighbours, 'names' | 'isEldest'> {
    return this.#neighbours
  }

  get leaseMs(): number {
    return this.#options.beatMs * leaseBeats
  }

  nextMark(): number {
    this.#lastMark += 1
    return this.#lastMark
  }

  /** Costs a reading of a clock. */
  isHeld(): boolean {
    return this.#state === 'held' && this.#unsettled === undefined && this.#isWithinLease()
  }

  get isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'fenced'
  }

  /** Refuses `store.locked` (naming who is there), `store.newer` and `store.unavailable`. */
  async open(atCreation: Readonly<Record<string, string>>): Promise<Result<undefined>> {
    try {
      const connection = await this.#connect()
      if (!(await this.#lockInTime(connection))) return refuse('store.locked', { detail: `held by ${await describeOthers(connection)}` })
      const lockedAt = this.#options.steady()
      const wasReleased = await isReleased(connection)
      const migrated = await migrate(connection, atCreation)
      if (!migrated.ok) return migrated
      if (this.#hasLockAlone && !this.isAlone) await shareLock(connection)
      const { term, mayBelieve } = await takePlace(connection, this.#member, false)
      this.#term = term + 1
      if (mayBelieve || !wasReleased) await this.#waitUntil(lockedAt + this.leaseMs)
      await this.#beat(connection)
      this.#state = 'held'
      return done(undefined)
    } catch (thrown) {
      const why = describeFailure(thrown)
      if (why === undefined) throw thrown
      return refuse('store.unavailable', { detail: why })
    } finally {
      if (this.#state !== 'held') this.#stop('closed')
    }
  }

  /** From here on what others commit is handed on. */
  follow(following: Following): void {
    this.#following = following
  }

  /**
   * Resolves when whatever was committed before the call is applied here. One look serves all who asked before it began. Rejects with
   * `DatabaseFailure` where that cannot be known.
   */
  look(): Promise<void> {
    if (this.#looking === undefined) return this.#beginLook()
    this.#nextLook ??= this.#looking
      .catch(() => undefined)
      .then(() => {
        this.#nextLook = undefined
        return this.#beginLook()
      })
    return this.#nextLook
  }

  /** Names of the other nodes, of this moment. Rejects as `look` does. */
  async round(): Promise<readonly string[]> {
    const connection = this.#connection
    if (!this.isHeld() || connection === undefined) throw new DatabaseFailure(notHeld)
    await this.#neighbours.see(connection, await goRound(connection, this.#member, this.#term))
    return this.#neighbours.names()
  }

  /** Whether it was kept; rejects with `UnsettledCommit` when that cannot be found out in time. From now on until then nothing is held. */
  settle(mark: number): Promise<boolean> {
    const unsettled = new OpenCommit(mark, (work) => this.#options.after(this.#options.settleMs, work))
    this.#unsettled = unsettled
    const connection = this.#connection
    if (connection !== undefined) void this.#settleHere(connection, mark)
    return unsettled.settled
  }

  /** The term is not ours any more. */
  shutOut(): void {
    this.#lose('another process has taken its place, or the other nodes gave this one up')
  }

  /** The database does not go on from what is known here. */
  missed(cause: Missed): void {
    this.#fence(cause.message)
  }

  async close(): Promise<void> {
    const connection = this.#connection
    try {
      if (this.#state === 'held' && connection !== undefined) await leave(connection, this.#member)
    } catch {
      // Whoever comes next waits out our lease instead.
    }
    this.#stop('closed')
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
    if (this.isOver) {
      connection.close()
      throw new DatabaseFailure('the store is closed')
    }
    mine.connection = connection
    this.#connection = connection
    // The server lets go of a silent session long after this one has let its lease run out, and never before.
    const seconds = Math.ceil((2 * this.leaseMs) / 1_000) + 5
    await connection.run(`set tcp_keepalives_idle = ${seconds}; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3;
      set tcp_user_timeout = ${seconds * 1_000}`)
    return connection
  }

  /** A process that was killed is still there for the server for some moments. */
  async #lockInTime(connection: Connection): Promise<boolean> {
    const { steady, lockWaitMs } = this.#options
    const end = steady() + lockWaitMs
    for (;;) {
      if (await this.#tryLocks(connection)) return true
      if (steady() >= end) return false
      await this.#waitUntil(steady() + lockTryMs)
    }
  }

  /** Nodes share the lock, but not while one of them brings the schema further. */
  async #tryLocks(connection: Connection): Promise<boolean> {
    const { name } = this.#member
    const isAlone = this.isAlone || (await readSchema(connection)) < schemaKnown
    if (!(await tryLock(connection, isAlone))) return false
    this.#hasLockAlone = isAlone
    return this.isAlone || (await tryName(connection, name))
  }

  #waitUntil(moment: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.after(Math.max(0, moment - this.#options.steady()), resolve)
    })
  }

  /** Asks whether all is as it was, applies what others did, and counts the lease from when it asked. */
  async #beat(connection: Connection): Promise<void> {
    const { steady, beatMs, after } = this.#options
    const asked = steady()
    const silence = after(this.leaseMs, () => {
      if (connection === this.#connection) this.#lose('the database does not answer')
    })
    try {
      const round = await goRound(connection, this.#member, this.#term)
      if (connection !== this.#connection) return
      if (round.pid !== connection.pid) throw new DatabaseFailure('the session is shared: connect without a pooler')
      if (!round.isOurs) throw new DatabaseFailure('another process has taken its place, or the other nodes gave this one up')
      await this.#neighbours.see(connection, round)
      if (this.#rounds % roundsBetweenForgetting === 0 && round.isEldest) await forgetChanges(connection, this.#options.now())
      this.#rounds += 1
      if (this.#following !== undefined) await applyAll(connection, this.#following)
      if (connection !== this.#connection) return
      this.#until = asked + this.leaseMs
      this.#callOff = after(beatMs, () => void this.#beatAgain(connection))
    } finally {
      silence()
    }
  }

  async #beatAgain(connection: Connection): Promise<void> {
    try {
      await this.#beat(connection)
    } catch (thrown) {
      if (connection === this.#connection) this.#loseFor(thrown, 'the heartbeat failed')
    }
  }

  #beginLook(): Promise<void> {
    const looking = this.#lookNow().finally(() => {
      if (this.#looking === looking) this.#looking = undefined
    })
    this.#looking = looking
    return looking
  }

  async #lookNow(): Promise<void> {
    const connection = this.#connection
    const following = this.#following
    if (!this.isHeld() || connection === undefined) throw new DatabaseFailure(notHeld)
    // Nobody else writes.
    if (this.isAlone || following === undefined) return
    try {
      await applyAll(connection, following)
    } catch (thrown) {
      if (connection === this.#connection) this.#loseFor(thrown, 'the look failed')
      throw thrown
    }
  }

  #loseFor(thrown: unknown, otherwise: string): void {
    if (thrown instanceof Missed) this.#fence(thrown.message)
    else this.#lose(describeFailure(thrown) ?? otherwise)
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
    this.#neighbours.forget()
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
      if (await this.#tryLocks(connection)) await this.#resume(connection)
    } catch (thrown) {
      // Said once, when it was lost; a bug is not for waiting.
      if (thrown instanceof Missed || describeFailure(thrown) === undefined)
        return this.#fence(thrown instanceof Error ? thrown.message : 'the database is not as it was')
    }
    if (this.#state !== 'lost') return
    this.#letGo()
    this.#tryLater()
  }

  async #resume(connection: Connection): Promise<void> {
    if ((await readSchema(connection)) !== schemaKnown) return this.#fence('the schema was changed meanwhile')
    const before = await takePlace(connection, this.#member, true)
    if (before.who !== this.#member.who)
      return this.#fence('another process has taken its place, or the other nodes gave this one up, because it was silent for too long')
    this.#term = before.term + 1
    const isKept = this.#unsettled !== undefined && before.mark === this.#unsettled.mark
    await this.#beat(connection)
    if (this.#state !== 'lost' || connection !== this.#connection) return
    this.#finish(isKept)
    this.#state = 'held'
  }

  /** Without a loss of the place: its row is free once the transaction in question has come to its end. */
  async #settleHere(connection: Connection, mark: number): Promise<void> {
    try {
      const kept = await markOf(connection, this.#member, this.#term)
      if (connection !== this.#connection || kept === undefined) return this.shutOut()
      this.#finish(kept === mark)
    } catch (thrown) {
      if (connection === this.#connection) this.#lose(describeFailure(thrown) ?? 'the connection failed')
    }
  }

  #finish(isKept: boolean): void {
    const unsettled = this.#unsettled
    this.#unsettled = undefined
    unsettled?.answer(isKept)
  }

  #fence(reason: string): void {
    if (this.isOver) return
    this.#stop('fenced')
    this.#options.onFenced(reason)
  }

  #stop(state: 'fenced' | 'closed'): void {
    this.#state = state
    this.#letGo()
  }
}
