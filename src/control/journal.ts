/** A gateway's own record of its actions: gapless, chained, sealed by its key, written in groups. What it cannot write, it refuses. */
import type { DecisionId } from '../kernel/ids.ts'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { appendLines, type Head, type JournalEntry, lineBytesMax, writeLine, writeSeal } from '../ledger/journal-format.ts'
import { makeVkey, type NoteKey, parseVkey } from '../ledger/note.ts'
import {
  type Anchored,
  type JournalDisk,
  newestVersion,
  type ReadBack,
  readBack,
  readLines,
  readNumbered,
  type Segment,
} from './journal-reading.ts'
import type { Clock, Signer } from './ports.ts'

/**
 * When an entry counts as recorded: `buffered` when it is numbered (a crash may lose it), `written` when the system has it (a power
 * cut may lose it), `durable` when the disk has it.
 */
export type Durability = 'buffered' | 'written' | 'durable'

/** An entry that writes itself, as `writeLine` would, once it is told its number. */
export type WrittenLine = (n: number) => string

export interface JournalLimits {
  /** Bytes that may wait to be written. From half of it on, whoever appends must wait; above it, entries are refused. */
  readonly queueBytesMax: number
  /** A segment is closed before it would grow beyond this. */
  readonly segmentBytesMax: number
  /** All segments together; above it, entries are refused. */
  readonly journalBytesMax: number
  /** How long entries that nobody waits for gather before they are written. */
  readonly lingerMs: number
}

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

const defaults: JournalLimits = { queueBytesMax: 16_777_216, segmentBytesMax: 67_108_864, journalBytesMax: 8_589_934_592, lingerMs: 20 }

/** Turns of the loop for which a group that still grows is kept open. */
const turnsMax = 16

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

  /** The number of the last line; the chain up to what was written, and to what the disk is known to have. */
  #last: number
  #written: Head
  #synced: Head
  #segment: { first: number; bytes: number } | undefined
  #journalBytes: number

  #queue: string[] = []
  #queueBytes = 0
  #writingBytes = 0
  #waiters: Waiter[] = []
  #running: Promise<void> | undefined
  #hurry: (() => void) | undefined
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
    this.#limits = { ...defaults, ...options.limits }
    this.#onFailure = options.onFailure ?? (() => undefined)
    this.#last = read.walk.head.n
    this.#written = read.walk.head
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

  /** The last line that was written, a seal, and the chain hash up to it. */
  head(): Head {
    return this.#written
  }

  /**
   * Records an entry and answers its number once it is as safe as asked: at once where it need not wait. Refuses `action.not-recorded` when too much waits, the
   * journal is full, or it failed or was closed: after one failed write or sync everything is refused until it is opened anew,
   * because nobody knows then what the disk has. Throws on an entry that is not JSON.
   */
  append(entry: JournalEntry | WrittenLine, durability: Durability): Result<number> | Promise<Result<number>> {
    if (this.#stopped !== undefined) return this.#stopped
    const line = typeof entry === 'function' ? entry(this.#last + 1) : writeLine(this.#last + 1, entry)
    const bytes = Buffer.byteLength(line) + 1
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
    return this.#wait(n, durability === 'durable')
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
    return readNumbered(this.#disk, from, this.#written.n)
  }

  /**
   * The entries whose `decision` is this one, oldest first, from the newest segments: as many as lie within `bytesMax` bytes, and one
   * at least. Refuses `not-found`.
   */
  async findDecision(id: DecisionId, bytesMax = 268_435_456): Promise<Result<readonly JsonObject[]>> {
    if (this.#stopped === undefined) await this.#wait(this.#last, false)
    let found: JsonObject[] = []
    let bytes = 0
    for (const segment of (await this.#disk.list()).toReversed()) {
      bytes += segment.bytes
      if (bytes > bytesMax && bytes > segment.bytes) break
      const here: JsonObject[] = []
      for await (const line of readLines(this.#disk, segment)) {
        const entry = line.bytes.includes(id) ? parseJson(line.bytes, { depthMax: 80 }) : undefined
        if (entry?.ok && isJsonObject(entry.value) && entry.value.decision === id) here.push(entry.value)
      }
      found = [...here, ...found]
    }
    return found.length > 0 ? done(found) : refuse('not-found')
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
    while (this.#queue.length > 0 || this.#waiters.length > 0) {
      if (this.#waiters.length === 0) await this.#linger()
      await this.#gather()
      await this.#commitGroup()
    }
    this.#running = undefined
  }

  /** Until the entries that nobody waits for have gathered, or somebody waits. */
  #linger(): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#clock.after(this.#limits.lingerMs, resolve)
      this.#hurry = () => {
        callOff()
        resolve()
      }
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
    const waiters = this.#waiters
    this.#waiters = []
    const grew = this.#queue.length > 0
    try {
      if (grew) await this.#writeGroup()
      for (const waiter of waiters) if (!waiter.durable) waiter.settle(done(waiter.n))
      const durable = waiters.filter((waiter) => waiter.durable)
      if (durable.length > 0) await this.#sync()
      for (const waiter of durable) waiter.settle(done(waiter.n))
    } catch (cause) {
      this.#fail(cause, waiters)
      return
    }
    if (grew) for (const listener of this.#listeners) listener(this.#written)
  }

  /** Closes the group with a seal and writes it in one go. The seal takes its number before anything else can be appended. */
  async #writeGroup(): Promise<void> {
    const first = this.#written.n + 1
    // The lines are chained here rather than one by one as they come: hashing many in a row takes a fraction of the time.
    const { bytes, head } = chainGroup(this.#written, this.#queue, this.#signer)
    this.#last = head.n
    this.#writingBytes = bytes.byteLength
    this.#queue = []
    this.#queueBytes = 0
    const segment = await this.#segmentFor(first, bytes.byteLength)
    await this.#disk.append(segment.first, bytes)
    segment.bytes += bytes.byteLength
    this.#journalBytes += bytes.byteLength
    this.#writingBytes = 0
    this.#written = head
  }

  async #segmentFor(first: number, bytes: number): Promise<{ first: number; bytes: number }> {
    const current = this.#segment
    if (current !== undefined && (current.bytes === 0 || current.bytes + bytes <= this.#limits.segmentBytesMax)) return current
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
