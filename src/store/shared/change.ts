/** One change while it is being made: what it reads, what it writes, and whether it may be committed. */
import type { Change, LedgerEntry, SearchBy, Page } from '../../control/ports.ts'
import type { Turning } from '../../kernel/in-turns.ts'
import type { Instant } from '../../kernel/instants.ts'
import { ephemeralKinds, type FactChange, type RecordKind, type Records } from '../../model/records.ts'
import type { Sql } from './engine.ts'
import { eraseLeaf, nextPosition, putOutboxRow, writeEntry } from './log.ts'
import { putRecord, RecordReading, removeRecord } from './records.ts'

const saltBytes = 32

/** Which change it is: of which space, at which instant, under which version, with whose salts. */
export interface ChangeTerms {
  readonly space: string
  readonly now: Instant
  readonly version: number
  readonly chance: (count: number) => Uint8Array
  /** Of its first entry, where it is known. */
  readonly position: number | undefined
  /** By what it takes turns where it is long. */
  readonly turning: Turning | undefined
}

export class OpenChange implements Change {
  readonly now: Instant
  readonly #sql: Sql
  readonly #reading: RecordReading
  readonly #terms: ChangeTerms
  readonly #facts: FactChange[] = []
  readonly #running = new Set<Promise<unknown>>()
  #firstPosition: Promise<number> | undefined
  #firstKnown: number | undefined
  #recorded = 0
  #isLong = false
  #mustRecord = false
  #failure: { readonly thrown: unknown } | undefined
  #isOver = false

  constructor(sql: Sql, terms: ChangeTerms) {
    this.now = terms.now
    this.#terms = terms
    this.#sql = sql
    this.#firstKnown = terms.position
    this.#reading = new RecordReading(sql, terms.space, terms.turning)
  }

  /** Of the first entry after it, where it is known. */
  get position(): number | undefined {
    return this.#firstKnown === undefined ? undefined : this.#firstKnown + this.#recorded
  }

  /** Whether something long was put: its commit, and what comes after it, have turns of their own. */
  get isLong(): boolean {
    return this.#isLong
  }

  /** How many entries it has recorded. */
  get recorded(): number {
    return this.#recorded
  }

  get<K extends RecordKind>(kind: K, id: string): Promise<Records[K] | undefined> {
    return this.#during(() => this.#reading.get(kind, id))
  }

  find<K extends RecordKind>(kind: K, by: SearchBy<K>, page?: Page): Promise<Records[K][]> {
    return this.#during(() => this.#reading.find(kind, by, page))
  }

  put<K extends RecordKind>(kind: K, record: Records[K]): Promise<void> {
    return this.#during(async () => {
      const { space, version, turning } = this.#terms
      if (record.space !== space) throw new Error(`a record of another space than ${space}`)
      if (await putRecord(this.#sql, kind, record, { version, turning })) this.#isLong = true
      this.#facts.push(describePut(kind, record))
      if (!isEphemeral(kind)) this.#mustRecord = true
    })
  }

  remove(kind: (typeof ephemeralKinds)[number], id: string): Promise<void> {
    return this.#during(async () => {
      if (!isEphemeral(kind)) throw new Error(`records of ${kind} are kept`)
      if (!(await removeRecord(this.#sql, kind, this.#terms.space, id))) return
      this.#facts.push(describeRemoval(kind, id))
    })
  }

  record(entry: LedgerEntry): Promise<void> {
    return this.#during(async () => {
      const { chance } = this.#terms
      const body = await writeEntry(entry, this.#terms)
      // One question for all entries, so that two recorded at the same time do not get the same answer.
      this.#firstPosition ??= this.#firstKnown === undefined ? nextPosition(this.#sql) : Promise.resolve(this.#firstKnown)
      this.#firstKnown = await this.#firstPosition
      const position = this.#firstKnown + this.#recorded
      this.#recorded += 1
      await putOutboxRow(this.#sql, { position, at: this.now, body, salt: chance(saltBytes) })
    })
  }

  eraseBody(index: number): Promise<boolean> {
    return this.#during(async () => {
      const isErased = await eraseLeaf(this.#sql, this.#terms.space, index)
      if (isErased) this.#mustRecord = true
      return isErased
    })
  }

  /** Waits for what is still running, so that nothing of this change can reach the database after its end. */
  async end(): Promise<void> {
    this.#isOver = true
    if (this.#running.size === 0) return
    this.#failure ??= { thrown: new Error('a change ended before what it does was awaited') }
    await Promise.allSettled(this.#running)
  }

  /** What it wrote, in order; `undefined` when there is nothing to commit. Throws when it may not be committed. */
  facts(): readonly FactChange[] | undefined {
    // Once a statement has failed, the database may have undone the ones before it: whatever the work made of it, nothing of it may stay.
    if (this.#failure !== undefined) throw this.#failure.thrown
    if (this.#mustRecord && this.#recorded === 0) throw new Error('a change of state without a ledger entry')
    return this.#facts.length === 0 && this.#recorded === 0 ? undefined : this.#facts
  }

  async #during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isOver) throw new Error('this change has ended')
    const running = work()
    this.#running.add(running)
    try {
      return await running
    } catch (thrown) {
      this.#failure ??= { thrown }
      throw thrown
    } finally {
      this.#running.delete(running)
    }
  }
}

function isEphemeral(kind: RecordKind): boolean {
  return ephemeralKinds.some((ephemeral) => ephemeral === kind)
}

// Told apart by their signatures: kind and record belong together by type, which the compiler does not follow into a union.
function describePut<K extends RecordKind>(kind: K, record: Records[K]): FactChange
function describePut(kind: RecordKind, record: { readonly id: string }): unknown {
  return { kind, id: record.id, record }
}

function describeRemoval(kind: RecordKind, id: string): FactChange
function describeRemoval(kind: RecordKind, id: string): unknown {
  return { kind, id, removed: true }
}
