/** A gateway's own record of its actions: gapless, chained, sealed by its key, written in groups. What it cannot write, it refuses. */
import type { DecisionId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { appendLines, type Head, type JournalEntry, lineBytesMax, writeLine, writeSeal } from '../ledger/journal-format.ts'
import { makeVkey, type NoteKey, parseVkey } from '../ledger/note.ts'
import { type JournalLimits, journalLimits, sealBytesMax, turnsMax } from './journal-limits.ts'
import {
  type Anchored,
  type JournalDisk,
  newestVersion,
  type ReadBack,
  readBack,
  readDecision,
  readNumbered,
  type Segment,
} from './journal-reading.ts'
import { type LateLine, wholeOf } from './late-line.ts'
import type { Clock, Signer } from './ports.ts'

/**
 * When an entry counts as recorded: `buffered` when it is numbered (a crash may lose it), `written` when the system has it (a power
 * cut may lose it), `durable` when the disk has it.
 */
export type Durability = 'buffered' | 'written' | 'durable'

/** An entry that writes itself, as `writeLine` would, once it is told its number. */
export type WrittenLine = (n: number) => string | LateLine

export interface JournalOptions {
  /** Signs the seals; its name is the journal's. */
  readonly signer: Signer
  readonly disk: JournalDisk
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly limits?: Partial<JournalLimits>
  /** The newest line that the ledger vouches for: a journal that lacks it is not opened. */
  readonly anchored?: Anchored
  /** The version the store has: a journal that knows of a later one is of a store that lost its tail, and is not opened. */
  readonly storeVersion?: number
  /** Hears, once, why the journal stopped recording. */
  readonly onFailure?: (cause: unknown) => void
}

interface Waiter {
  readonly n: number
  readonly durable: boolean
  readonly settle: (result: Result<number>) => void
}

/** One gateway's journal, from `open` to `close`. Only one may be open on a disk at a time. */
export class Journal {
  readonly vkey: string
  readonly key: NoteKey
  readonly #signer: Signer
  readonly #disk: JournalDisk
  readonly #clock: Pick<Clock, 'now' | 'after'>
  readonly #limits: JournalLimits
  readonly #onFailure: (cause: unknown) => void
  readonly #listeners = new Set<(head: Head) => void>()

  /** The number of the last line; the chain up to what was written, to what was signed of it, and to what the disk is known to have. */
  #last: number
  #written: Head
  #sealed: Head
  #synced: Head
  #segment: { first: number; bytes: number } | undefined
  #journalBytes: number

  #queue: (string | LateLine)[] = []
  #queueBytes = 0
  #writingBytes = 0
  #waiters: Waiter[] = []
  #running: Promise<void> | undefined
  #isCommitting = false
  #isCrowded = false
  /** Since when there are lines without a seal. */
  #unsealedSince: Instant | undefined
  #hurry: (() => void) | undefined
  #sealSoon: (() => void) | undefined
  #stopped: Refused | undefined

  /**
   * Reads the last segment back, verifies it and cuts what a crash left torn; whole lines that nobody had signed for yet are kept,
   * and an entry `recovered` says what was found. No number that was acknowledged as written or durable is given again. Refuses
   * `ledger.malformed` or `ledger.unverified` a journal that was changed or lost its tail, `ledger.tail-lost` one that has seen more than
   * the store, `store.unavailable` one that cannot be read; the disk is closed then.
   */
  static async open(options: JournalOptions): Promise<Result<Journal>> {
    const { disk, onFailure } = options
    const journal = await Journal.#open(options).catch((cause: unknown) => {
      onFailure?.(cause)
      return refuse('store.unavailable', { detail: 'the journal cannot be opened' })
    })
    if (!journal.ok) await disk.close()
    return journal
  }

  static async #open(options: JournalOptions): Promise<Result<Journal>> {
    const { signer, disk, anchored, clock, storeVersion } = options
    const key = parseVkey(makeVkey(signer.name, signer.publicKey))
    if (!key.ok) return key
    const read = await readBack(disk, key.value, anchored)
    if (!read.ok) return read
    const seen = storeVersion === undefined ? 0 : await newestVersion(disk)
    if (storeVersion !== undefined && seen > storeVersion)
      return refuse('ledger.tail-lost', { detail: `the journal knows change ${seen} of the store, which ends with ${storeVersion}` })
    const { walk, segment, tornBytes } = read.value
    if (segment !== undefined && tornBytes > 0) await disk.truncate(segment.first, segment.bytes)
    // What was read may so far be in the system's memory only, and heads are anchored on the word that the disk has them.
    if (segment !== undefined) await disk.sync(segment.first)
    const journalBytes = (await disk.list()).reduce((sum, { bytes }) => sum + bytes, 0)
    const journal = new Journal(options, { ...read.value, key: key.value, journalBytes })
    const unsealedLines = walk.head.n - walk.sealed.n
    if (tornBytes === 0 && unsealedLines === 0) return done(journal)
    const recorded = await journal.append({ at: clock.now(), type: 'recovered', tornBytes, unsealedLines }, 'durable')
    return recorded.ok ? done(journal) : recorded
  }

  private constructor(options: JournalOptions, read: ReadBack & { readonly key: NoteKey; readonly journalBytes: number }) {
    this.vkey = read.key.vkey
    this.key = read.key
    this.#signer = options.signer
    this.#disk = options.disk
    this.#clock = options.clock
    this.#limits = { ...journalLimits, ...options.limits }
    this.#onFailure = options.onFailure ?? (() => undefined)
    this.#last = read.walk.head.n
    this.#written = read.walk.head
    this.#sealed = read.walk.sealed
    if (read.walk.head.n !== read.walk.sealed.n) this.#unsealedSince = options.clock.now()
    this.#synced = read.walk.head
    this.#segment = read.segment === undefined ? undefined : { ...read.segment }
    this.#journalBytes = read.journalBytes
  }

  get name(): string {
    return this.#signer.name
  }

  /** For reading. */
  get disk(): JournalDisk {
    return this.#disk
  }

  /** Takes a segment away that is not among those it still needs; who asks has recorded that in the ledger. */
  async removeSegment({ first, bytes }: Segment): Promise<void> {
    if (first === this.#segment?.first) throw new Error('the segment that is being written stays')
    await this.#disk.remove(first)
    this.#journalBytes -= bytes
  }

  /** The last seal that was written, and the chain hash up to it. */
  head(): Head {
    return this.#sealed
  }

  /**
   * Records an entry and answers its number once it is as safe as asked: at once where it need not wait. What is only to be written is in
   * the file before it is signed for: a seal follows after `sealMs`, and what a crash leaves without one is kept and told of. Refuses
   * `action.not-recorded` when too much waits, the journal is full, or it failed or was closed: after one failed write or sync everything
   * is refused until it is opened anew, because nobody knows then what the disk has. Throws on an entry that is not JSON.
   */
  append(entry: JournalEntry | WrittenLine, durability: Durability): Result<number> | Promise<Result<number>> {
    if (this.#stopped !== undefined) return this.#stopped
    const line = typeof entry === 'function' ? entry(this.#last + 1) : writeLine(this.#last + 1, entry)
    const bytes = (typeof line === 'string' ? Buffer.byteLength(line) : line.bytesMax) + 1
    const waiting = this.#queueBytes + this.#writingBytes + bytes
    if (bytes > lineBytesMax) return notRecorded('the entry is too large')
    if (waiting > this.#limits.queueBytesMax) return notRecorded('too much waits to be written')
    if (this.#journalBytes + waiting > this.#limits.journalBytesMax) return notRecorded('the journal is full')
    this.#last += 1
    this.#queue.push(line)
    this.#queueBytes += bytes
    const n = this.#last
    if (durability === 'buffered' && waiting * 2 <= this.#limits.queueBytesMax) {
      this.#wake()
      return done(n)
    }
    if (durability === 'written' && this.#writeNow()) return this.#stopped ?? done(n)
    return this.#wait(n, durability === 'durable')
  }

  /** Writes what waits, without a seal, if this entry is alone and the disk takes it at once. Answers whether that is done, or has failed. */
  #writeNow(): boolean {
    const segment = this.#segment
    if (this.#isCommitting || this.#isCrowded || this.#waiters.length > 0 || segment === undefined) return false
    if (segment.bytes + this.#queueBytes + sealBytesMax > this.#limits.segmentBytesMax) return false
    const { bytes, head } = appendLines(this.#written, this.#queue.map(wholeOf))
    try {
      if (this.#disk.appendNow?.(segment.first, bytes) !== true) return false
    } catch (cause) {
      this.#fail(cause, [])
      return true
    }
    this.#queue = []
    this.#queueBytes = 0
    this.#wrote(segment, bytes, head)
    this.#unsealedSince ??= this.#clock.now()
    void this.#lookForOthers()
    this.#wake()
    this.#sealSoon?.()
    return true
  }

  /** Whoever comes before the loop has turned is not alone, and those who come together share a write and its seal. */
  async #lookForOthers(): Promise<void> {
    this.#isCrowded = true
    await this.#disk.turn?.()
    this.#isCrowded = this.#waiters.length > 0
  }

  /** Writes what waits and syncs; answers the head that the disk has then, which is the one to anchor. */
  async flush(): Promise<Result<Head>> {
    if (this.#stopped !== undefined) return this.#stopped
    const flushed = await this.#wait(this.#last, true)
    return flushed.ok ? done(this.#synced) : flushed
  }

  /** Calls after each group that was written and sealed: there is something to anchor. Answers how to stop listening. */
  onSealed(listener: (head: Head) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The lines as they were written, from number `from` to the head of this moment. */
  read(from = 1): AsyncGenerator<string, void, undefined> {
    return readNumbered(this.#disk, from, this.#sealed.n)
  }

  /**
   * The entries whose `decision` is this one, oldest first, from the newest segments: as many as lie within `bytesMax` bytes, and one
   * at least. Refuses `not-found`.
   */
  async findDecision(id: DecisionId, bytesMax = 268_435_456): Promise<Result<readonly JsonObject[]>> {
    if (this.#stopped === undefined) await this.#wait(this.#last, false)
    return readDecision(this.#disk, id, bytesMax)
  }

  /** Writes and syncs what waits, then refuses everything. */
  async close(): Promise<void> {
    if (this.#stopped === undefined) {
      const flushed = this.flush()
      this.#stopped ??= notRecorded('the journal is closed')
      await flushed
    }
    await this.#running
    await this.#disk.close()
  }

  #wait(n: number, durable: boolean): Promise<Result<number>> {
    return new Promise((settle) => {
      this.#waiters.push({ n, durable, settle })
      this.#wake()
      this.#hurry?.()
    })
  }

  #wake(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    await Promise.resolve()
    while (this.#queue.length > 0 || this.#waiters.length > 0 || this.#unsealedSince !== undefined) {
      if (this.#waiters.length === 0) await this.#linger()
      await this.#gather()
      await this.#commitGroup()
    }
    this.#running = undefined
  }

  /** Until the entries that nobody waits for have gathered, somebody waits, or what was written has gone without a seal for long enough. */
  #linger(): Promise<void> {
    return new Promise((resolve) => {
      const { lingerMs, sealMs } = this.#limits
      const calledOff = [this.#clock.after(lingerMs, () => this.#hurry?.())]
      this.#hurry = () => {
        for (const callOff of calledOff) callOff()
        resolve()
      }
      this.#sealSoon = () => {
        this.#sealSoon = undefined
        calledOff.push(this.#clock.after(sealMs, () => this.#hurry?.()))
      }
      if (this.#unsealedSince !== undefined) this.#sealSoon()
    })
  }

  /** A few turns while each brings others who wait: they share a signature, a write and a sync, each of which costs more than an action. */
  async #gather(): Promise<void> {
    let before = 0
    for (let turns = 0; turns < turnsMax && this.#waiters.length > before; turns += 1) {
      before = this.#waiters.length
      await this.#disk.turn?.()
    }
  }

  async #commitGroup(): Promise<void> {
    this.#hurry = undefined
    this.#sealSoon = undefined
    const waiters = this.#waiters
    this.#waiters = []
    this.#isCrowded = waiters.length > 1
    const durable = waiters.filter((waiter) => waiter.durable)
    const grew = this.#queue.length > 0 || this.#unsealedSince !== undefined
    this.#isCommitting = true
    try {
      if (grew) await this.#writeGroup(waiters.length === 0 || durable.length > 0 || this.#isSealDue())
      for (const waiter of waiters) if (!waiter.durable) waiter.settle(done(waiter.n))
      if (durable.length > 0) await this.#sync()
      for (const waiter of durable) waiter.settle(done(waiter.n))
    } catch (cause) {
      this.#fail(cause, waiters)
      return
    } finally {
      this.#isCommitting = false
    }
    if (grew && this.#unsealedSince === undefined) for (const listener of this.#listeners) listener(this.#sealed)
  }

  /** Whether lines have stood without a seal for as long as they may, or their segment is full. */
  #isSealDue(): boolean {
    const { sealMs, segmentBytesMax } = this.#limits
    const since = this.#unsealedSince
    const now = this.#clock.now()
    // A clock that was set back must not put it off.
    if (since !== undefined && (now < since || now >= since + sealMs)) return true
    return this.#segment === undefined || this.#segment.bytes + this.#queueBytes + sealBytesMax > segmentBytesMax
  }

  /** Writes a group in one go, closed with a seal or not yet. The seal takes its number before anything else can be appended. */
  async #writeGroup(seals: boolean): Promise<void> {
    const first = this.#written.n + 1
    // The lines are chained here rather than one by one as they come: hashing many in a row takes a fraction of the time.
    const lines = this.#queue.map(wholeOf)
    const { bytes, head } = seals ? chainGroup(this.#written, lines, this.#signer) : appendLines(this.#written, lines)
    this.#last = head.n
    this.#writingBytes = bytes.byteLength
    this.#queue = []
    this.#queueBytes = 0
    const segment = await this.#segmentFor(first, bytes.byteLength)
    await this.#disk.append(segment.first, bytes)
    this.#writingBytes = 0
    this.#wrote(segment, bytes, head)
    if (seals) {
      this.#unsealedSince = undefined
      this.#sealed = head
    } else this.#unsealedSince ??= this.#clock.now()
  }

  #wrote(segment: { bytes: number }, { byteLength }: Uint8Array, head: Head): void {
    segment.bytes += byteLength
    this.#journalBytes += byteLength
    this.#written = head
  }

  async #segmentFor(first: number, bytes: number): Promise<{ first: number; bytes: number }> {
    const current = this.#segment
    // A segment ends with a seal, so what has none yet keeps what follows it with it; room for that was left.
    const stays = this.#unsealedSince !== undefined || current?.bytes === 0
    if (current !== undefined && (stays || current.bytes + bytes <= this.#limits.segmentBytesMax)) return current
    // The old segment is synced first: a new one that outlived the tail of the old would be a gap.
    if (current !== undefined) await this.#sync()
    await this.#disk.create(first)
    this.#segment = { first, bytes: 0 }
    return this.#segment
  }

  async #sync(): Promise<void> {
    const written = this.#written
    if (this.#segment === undefined || written.n === this.#synced.n) return
    await this.#disk.sync(this.#segment.first)
    this.#synced = written
  }

  #fail(cause: unknown, waiters: readonly Waiter[]): void {
    const refused = notRecorded('the journal could not be written and must be opened anew')
    this.#stopped = refused
    for (const waiter of [...waiters, ...this.#waiters]) waiter.settle(refused)
    this.#waiters = []
    this.#queue = []
    this.#unsealedSince = undefined
    this.#onFailure(cause)
  }
}

/** The bytes of these lines and of their seal, and the head over all of it. */
function chainGroup(from: Head, lines: readonly string[], signer: Signer): { readonly bytes: Uint8Array; readonly head: Head } {
  const group = appendLines(from, lines)
  const seal = appendLines(group.head, [writeSeal(group.head, signer)])
  return { bytes: Buffer.concat([group.bytes, seal.bytes]), head: seal.head }
}

function notRecorded(detail: string): Refused {
  return refuse('action.not-recorded', { detail })
}
