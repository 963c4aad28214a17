/** The store, over whatever database keeps it: one writer, readers beside it, everything durable when a change resolves. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type {
  Change,
  Committed,
  Database,
  LeafRow,
  Nodes,
  OutboxRow,
  Reading,
  SnapshotMade,
  Store,
  TreeState,
} from '../../control/ports.ts'
import type { Turning } from '../../kernel/in-turns.ts'
import type { Instant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import type { Refused, Result } from '../../kernel/result.ts'
import { StoreUnavailable } from '../../kernel/store-unavailable.ts'
import { OpenChange } from './change.ts'
import { type Engine, type Kept, type Latest, type Sql, UnsettledCommit, type Writing } from './engine.ts'
import { appendLeaves, cosignCheckpoint, readCheckpoints, readLeaves, readOutbox, readTree } from './log.ts'
import type { FactChange } from '../../model/records.ts'
import { RecordReading } from './records.ts'
import { isEmpty, readSnapshot, RowsNotTaken } from './parse-snapshot.ts'
import { writeSnapshot } from './snapshot.ts'
import { readSpaces } from './spaces.ts'
import { Turns } from './turns.ts'

export interface DatabaseParts {
  readonly engine: Engine
  readonly now: () => Instant
  readonly chance: (count: number) => Uint8Array
  readonly latest: Latest
  /** By what long documents take turns; without it they are written and read at once. */
  readonly turning?: Turning | undefined
}

/** Changes that may wait for their turn; beyond it they are refused. */
const waitingMax = 10_000

/** Spaces that a store may be opened for. */
const spacesMax = 10_000

/** Nobody else is there. */
const onlyNode: Nodes = {
  node: '',
  leads: () => true,
  others: () => [],
  present: async () => [],
  tell: () => undefined,
  onNotice: () => undefined,
}

/**
 * A change, a read or anything else of the store asked for inside a change or a read of the same database is a bug and throws. Where
 * the database cannot be used, `change` refuses `store.unavailable`, and reads throw `StoreUnavailable`.
 */
export class OpenDatabase implements Database {
  readonly nodes: Nodes
  readonly #parts: DatabaseParts
  readonly #engine: Engine
  readonly #turns = new Turns()
  readonly #inside = new AsyncLocalStorage<{ isOpen: boolean }>()
  readonly #stores = new Map<string, SpaceStore>()
  readonly #entryListeners: (() => void)[] = []
  #latest: Latest
  /** The highest instant that any change was given, kept or not. */
  #now: Instant
  /** Of the next entry, where it is known: after the change of this version. */
  #position: { readonly after: number; readonly next: number } | undefined
  #isClosed = false

  constructor(parts: DatabaseParts) {
    this.#parts = parts
    this.#engine = parts.engine
    this.#latest = parts.latest
    this.#now = parts.latest.at
    const { nodes = onlyNode } = parts.engine
    this.nodes = { ...nodes, present: () => this.#available(nodes.present()) }
    parts.engine.follow?.({
      latest: () => this.#latest,
      apply: (change) => this.#apply(change),
      turning: parts.turning,
      prepare: ({ space, changes }) => this.#stores.get(space)?.prepare(changes) ?? Promise.resolve(),
    })
  }

  inSpace(space: string): Store {
    const known = this.#stores.get(space)
    if (known !== undefined) return known
    if (space === '' || space.includes('\0')) throw new Error('a space has a name')
    if (this.#stores.size >= spacesMax) throw new Error(`a store has at most ${spacesMax} spaces`)
    const store = new SpaceStore(space, {
      change: (work) => this.#change(space, work),
      read: (work) => this.#readRecords(space, work),
      last: async () => this.#latest,
      isHeld: () => !this.#isClosed && this.#engine.isHeld(),
      catchUp: () => this.#catchUp(),
    })
    this.#stores.set(space, store)
    return store
  }

  spaces(): Promise<string[]> {
    return this.#reading(readSpaces)
  }

  onEntry(listener: () => void): void {
    this.#entryListeners.push(listener)
  }

  outbox(max: number): Promise<OutboxRow[]> {
    return this.#reading((sql) => readOutbox(sql, max))
  }

  tree(): Promise<TreeState> {
    return this.#reading(readTree)
  }

  appendLeaves(from: number, leaves: readonly LeafRow[], state: TreeState): Promise<void> {
    return this.#writing((sql) => appendLeaves(sql, from, leaves, state))
  }

  leaves(from: number, max: number): Promise<LeafRow[]> {
    return this.#reading((sql) => readLeaves(sql, from, max))
  }

  checkpoints(fromSize: number, max: number): Promise<{ readonly size: number; readonly note: string }[]> {
    return this.#reading((sql) => readCheckpoints(sql, fromSize, max))
  }

  cosign(size: number, note: string): Promise<void> {
    return this.#writing((sql) => cosignCheckpoint(sql, size, note))
  }

  meta(key: string): Promise<string | undefined> {
    return this.#reading(async (sql) => (await sql.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst())?.value)
  }

  setMeta(key: string, value: string): Promise<void> {
    return this.#writing(async (sql) => {
      await sql
        .insertInto('meta')
        .values({ key, value, fixed: 0 })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute()
    })
  }

  snapshot(write: (line: string) => Promise<void>): Promise<SnapshotMade> {
    return this.#reading((sql) => writeSnapshot(sql, write))
  }

  async restore(lines: AsyncIterable<string>): Promise<Result<Latest>> {
    this.#checkOutside()
    return this.#turns.take(async () => {
      this.#checkOpen()
      try {
        const result = await this.#engine.write((writing) => restoreInto(writing, lines))
        if (!result.ok) return result
        this.#latest = result.value
        this.#now = Math.max(this.#now, result.value.at)
        this.#position = undefined
        return result
      } catch (thrown) {
        if (!(thrown instanceof RowsNotTaken)) return this.#refuseUnavailable(thrown)
        const why = this.#engine.describeUnavailable(thrown.cause)
        if (why !== undefined) return refuse('store.unavailable', { detail: why })
        return refuse('snapshot.broken', { detail: `line ${thrown.line}, or shortly before: the database takes no such row` })
      }
    })
  }

  /** Waits for the changes and reads that were asked for before it. */
  async close(): Promise<void> {
    this.#checkOutside()
    await this.#turns.take(async () => {
      if (this.#isClosed) return
      this.#isClosed = true
      await this.#engine.close()
    })
  }

  async #change<T>(space: string, work: (tx: Change) => Promise<Result<T>>): Promise<Result<T>> {
    this.#checkOutside()
    if (this.#turns.waiting >= waitingMax) return refuse('store.unavailable', { detail: 'too many changes wait' })
    return this.#turns.take(async () => {
      this.#checkOpen()
      try {
        return await this.#changeInTurn(space, work)
      } catch (thrown) {
        return this.#refuseUnavailable(thrown)
      }
    })
  }

  #refuseUnavailable(thrown: unknown): Refused {
    const why = this.#engine.describeUnavailable(thrown)
    if (why === undefined) throw thrown
    return refuse('store.unavailable', { detail: why })
  }

  async #changeInTurn<T>(space: string, work: (tx: Change) => Promise<Result<T>>): Promise<Result<T>> {
    let made: Kept | undefined
    let isLong = false
    try {
      const result = await this.#engine.write(async (writing) => {
        const { sql } = writing
        made = undefined
        this.#now = Math.max(this.#now, this.#parts.now())
        const version = this.#latest.version + 1
        const at = this.#now
        const position = this.#position?.after === this.#latest.version ? this.#position.next : undefined
        const { chance, turning } = this.#parts
        const change = new OpenChange(sql, { space, now: at, version, chance, position, turning })
        let result: Result<T>
        try {
          result = await this.#isolated(() => work(change))
        } finally {
          await change.end()
        }
        if (!result.ok) return result
        const changes = change.facts()
        if (changes === undefined) return result
        const kept = { space, version, at, changes, entries: change.recorded }
        made = kept
        this.#position = undefined
        isLong = change.isLong
        if (isLong) await turning?.turn()
        await writing.commit(kept)
        const next = change.position
        this.#position = next === undefined ? undefined : { after: version, next }
        return result
      })
      if (made !== undefined) {
        this.#apply(made)
        if (isLong) await this.#tidy()
      }
      return result
    } catch (thrown) {
      const unsettled = made
      if (thrown instanceof UnsettledCommit && unsettled !== undefined)
        thrown.onSettled((isKept) => {
          if (isKept) this.#apply(unsettled)
        })
      throw thrown
    }
  }

  /** What comes after a long change: what it left to be done has a turn of its own, and so has what its caller does next. */
  async #tidy(): Promise<void> {
    const { turning } = this.#parts
    if (turning === undefined) return
    await turning.turn()
    this.#engine.tidy?.()
    await turning.turn()
  }

  /** What was committed is applied once, in order, whichever way it is heard of first: as its own writer, or as one of those who follow. */
  #apply({ space, version, at, changes, entries }: Kept): void {
    if (version <= this.#latest.version) return
    if (version !== this.#latest.version + 1) throw new Error(`version ${version} cannot be applied after ${this.#latest.version}`)
    this.#latest = { version, at }
    this.#now = Math.max(this.#now, at)
    this.#stores.get(space)?.tell({ version, at, changes })
    if (entries > 0) for (const listener of this.#entryListeners) callSurely(listener)
  }

  async #catchUp(): Promise<void> {
    this.#checkOpen()
    await this.#available(this.#engine.catchUp?.())
  }

  async #available<T>(asked: T | Promise<T>): Promise<T> {
    try {
      return await asked
    } catch (thrown) {
      const why = this.#engine.describeUnavailable(thrown)
      throw why === undefined ? thrown : new StoreUnavailable(why)
    }
  }

  #readRecords<T>(space: string, work: (tx: Reading) => Promise<T>): Promise<T> {
    return this.#reading(async (sql) => {
      const reading = new RecordReading(sql, space, this.#parts.turning)
      try {
        return await work(reading)
      } finally {
        reading.end()
      }
    })
  }

  async #writing(work: (sql: Sql) => Promise<void>): Promise<void> {
    this.#checkOutside()
    await this.#turns.take(async () => {
      this.#checkOpen()
      await this.#engine.write(async (writing) => {
        await work(writing.sql)
        await writing.commit()
      })
    })
  }

  async #reading<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    this.#checkOutside()
    this.#checkOpen()
    const read = async (): Promise<T> => {
      try {
        return await this.#engine.read((sql) => this.#isolated(() => work(sql)))
      } catch (thrown) {
        const why = this.#engine.describeUnavailable(thrown)
        throw why === undefined ? thrown : new StoreUnavailable(why)
      }
    }
    if (!this.#engine.readsInTurn) return read()
    return this.#turns.take(() => {
      this.#checkOpen()
      return read()
    })
  }

  async #isolated<T>(work: () => Promise<T>): Promise<T> {
    const inside = { isOpen: true }
    try {
      return await this.#inside.run(inside, work)
    } finally {
      inside.isOpen = false
    }
  }

  /** What is asked for inside would wait for its own end, or read facts older than those it goes by. */
  #checkOutside(): void {
    if (this.#inside.getStore()?.isOpen === true) throw new Error('the store was asked inside a change or a read: use what was handed in')
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error('the store is closed')
  }
}

class SpaceStore implements Store {
  readonly space: string
  readonly change: Store['change']
  readonly read: Store['read']
  readonly last: Store['last']
  readonly isHeld: Store['isHeld']
  readonly catchUp: Store['catchUp']
  readonly #listeners: ((committed: Committed) => void)[] = []
  readonly #preparing: ((changes: readonly FactChange[]) => Promise<void>)[] = []

  constructor(space: string, ways: Pick<Store, 'change' | 'read' | 'last' | 'isHeld' | 'catchUp'>) {
    this.space = space
    this.change = ways.change
    this.read = ways.read
    this.last = ways.last
    this.isHeld = ways.isHeld
    this.catchUp = ways.catchUp
  }

  onCommit(listener: (committed: Committed) => void, prepare?: (changes: readonly FactChange[]) => Promise<void>): void {
    this.#listeners.push(listener)
    if (prepare !== undefined) this.#preparing.push(prepare)
  }

  async prepare(changes: readonly FactChange[]): Promise<void> {
    for (const prepare of this.#preparing) await prepare(changes)
  }

  tell(committed: Committed): void {
    for (const listener of this.#listeners) callSurely(() => listener(committed))
  }
}

async function restoreInto(writing: Writing, lines: AsyncIterable<string>): Promise<Result<Latest>> {
  if (!(await isEmpty(writing.sql))) return refuse('store.not-empty')
  const read = await readSnapshot(writing.sql, lines)
  if (read.ok) await writing.commit(read.value.version === 0 ? undefined : read.value)
  return read
}

function callSurely(listener: () => void): void {
  try {
    listener()
  } catch (thrown) {
    // The change is kept, so its caller must hear so; but whoever missed it would decide on facts that are no more.
    // Uncaught, the error stops the process, and everything it guards with it.
    queueMicrotask(() => {
      throw thrown
    })
  }
}
