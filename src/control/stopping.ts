/** Stop means stopped: which gateways have done what a change ended, and since when; and the ledger's word on those elsewhere. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { done } from '../kernel/result.ts'
import { StoreUnavailable } from '../kernel/store-unavailable.ts'
import type { FactChange } from '../model/records.ts'
import { machinery, note } from './desk.ts'
import { type Drilled, type DrillFigures, Drills } from './drills.ts'
import type { Facts } from './facts.ts'
import type { Clock, Committed, Store } from './ports.ts'

export interface Confirmation {
  /** The name of the process; of the gateway in control's own process, the gateway's. */
  readonly gateway: string
  /** It said that it has stopped; or it was not heard, and its lease is over: whatever runs there lets nothing through any more. */
  readonly how: 'confirmed' | 'lapsed'
  /** From the change on. */
  readonly milliseconds: Milliseconds
  readonly at: Instant
}

/** A moment before a change: what ends between it and a later one is asked about. */
export interface Mark {
  readonly version: number
  readonly at: Instant
}

/** Those who let actions through, and can say when they have stopped. */
export interface Stoppers {
  /** In other processes: then the ledger hears of it. */
  readonly isElsewhere: boolean
  /** In this process: nothing has to be waited for. */
  readonly isHere?: true
  /** One for each gateway that something after the mark and up to this version concerned; each resolves, at the latest when its lease is over. */
  confirm(mark: Mark, upTo: number): readonly Stopped[]
  /** Has each of its gateways cut a canary: what an end does, without one. */
  drill?(): Promise<readonly Drilled[]>
}

/** Known, or to be waited for; other control nodes answer for all of theirs at once. */
export type Stopped = Confirmation | Promise<Confirmation | readonly Confirmation[]>

/** Hears how long a gateway took to stop something. */
export type StopListener = (gateway: string, milliseconds: Milliseconds) => void

/** Ids that one entry names. */
const namedMax = 100
/** Ends that nobody has confirmed yet, before the oldest are told of without their names. */
const waitingMax = 10_000

interface Settled {
  readonly version: number
  readonly ended: readonly string[]
  readonly confirmed: readonly Confirmation[]
}

export class Stopping {
  readonly #at: { readonly facts: Facts; readonly store: Store; readonly clock: Clock }
  readonly #stoppers = new Set<Stoppers>()
  /** Versions that ended something elsewhere: each resolves when it was confirmed and told to the ledger. */
  readonly #settling = new Map<number, Promise<void>>()
  readonly #drills = new Drills()
  readonly #stopListeners = new Set<StopListener>()
  readonly #drillListeners = new Set<StopListener>()
  /** The last version that ended anything. */
  #lastEnded = 0
  #untold: Settled[] = []
  #telling: Promise<void> | undefined

  constructor(at: { readonly facts: Facts; readonly store: Store; readonly clock: Clock }) {
    this.#at = at
    at.store.onCommit((committed) => this.#follow(committed))
  }

  /** Answers how to leave. */
  join(stoppers: Stoppers): () => void {
    this.#stoppers.add(stoppers)
    return () => this.#stoppers.delete(stoppers)
  }

  /** To be taken before the change. */
  mark(): Mark {
    return { version: this.#at.facts.version, at: this.#at.clock.now() }
  }

  /** Whether every gateway that it concerned has stopped what ended since the mark. Resolves when all have, or their leases are over. */
  async confirmed(mark: Mark): Promise<readonly Confirmation[]> {
    const upTo = this.#at.facts.version
    const all = [...this.#stoppers].flatMap((stoppers) => stoppers.confirm(mark, upTo))
    // In this process it has happened by now.
    if (!all.some((each) => each instanceof Promise) && this.#settling.size === 0) return allOf(all)
    const confirmed = await allOf(all)
    const told = [...this.#settling].flatMap(([version, settled]) => (version > mark.version && version <= upTo ? [settled] : []))
    await Promise.all(told)
    return confirmed
  }

  /** A deed that may end something: it is over when that has stopped. */
  async through<T>(deed: () => Promise<T>): Promise<T> {
    const mark = this.mark()
    const result = await deed()
    if (this.#lastEnded > mark.version) await this.confirmed(mark)
    return result
  }

  /** Measures how long stopping takes, harmlessly, at every gateway that is connected here. */
  async drill(): Promise<readonly Drilled[]> {
    const drilled = (await Promise.all([...this.#stoppers].map((stoppers) => stoppers.drill?.() ?? Promise.resolve([])))).flat()
    for (const each of drilled) {
      this.#drills.keep(each)
      const { gateway, milliseconds } = each
      if (milliseconds !== undefined) for (const listener of this.#drillListeners) listener(gateway, milliseconds)
    }
    return drilled
  }

  drillFigures(): readonly DrillFigures[] {
    return this.#drills.figures()
  }

  /** `stopped` hears of everything that ended, `drilled` of drills. */
  measure(listeners: { readonly stopped: StopListener; readonly drilled: StopListener }): void {
    this.#stopListeners.add(listeners.stopped)
    this.#drillListeners.add(listeners.drilled)
  }

  /** As `confirmed`, for another control node that asks: of those of this one alone. `asking` is how it is asked itself. */
  async confirmedHere(mark: Mark, upTo: number, asking: Stoppers): Promise<readonly (Confirmation & { readonly isElsewhere: boolean })[]> {
    const own = [...this.#stoppers].filter((each) => each !== asking)
    const all = await Promise.all(
      own.map(async (stoppers) => {
        const confirmed = await allOf(stoppers.confirm(mark, upTo))
        return confirmed.map((one) => ({ ...one, isElsewhere: stoppers.isElsewhere }))
      }),
    )
    return all.flat()
  }

  #follow({ version, at, changes }: Committed): void {
    const ended = changes.flatMap(endedBy)
    if (ended.length === 0) return
    this.#lastEnded = version
    // What is in this process has stopped by the end of this tick, and says so at once.
    if (this.#stopListeners.size > 0)
      for (const stoppers of this.#stoppers)
        for (const stopped of stoppers.isHere === true ? stoppers.confirm({ version: version - 1, at }, version) : [])
          if (!(stopped instanceof Promise)) this.#measured([stopped])
    if (![...this.#stoppers].some(({ isElsewhere }) => isElsewhere)) return
    // Others who hear of this commit have yet to hear of it: whom it concerns is known after them.
    const settled = Promise.resolve().then(() => this.#settle({ version: version - 1, at }, version, ended))
    if (this.#settling.size < waitingMax) this.#settling.set(version, settled)
    void settled.finally(() => this.#settling.delete(version))
  }

  async #settle(mark: Mark, version: number, ended: readonly string[]): Promise<void> {
    const elsewhere = [...this.#stoppers].filter(({ isElsewhere }) => isElsewhere)
    const confirming = elsewhere.flatMap((stoppers) => stoppers.confirm(mark, version))
    if (confirming.length === 0) return
    const confirmed = await allOf(confirming)
    this.#measured(confirmed)
    this.#untold.push({ version, ended, confirmed })
    await this.#tell()
  }

  #measured(confirmed: readonly Confirmation[]): void {
    for (const { gateway, milliseconds } of confirmed) for (const listener of this.#stopListeners) listener(gateway, milliseconds)
  }

  /** One entry at a time; what was confirmed while one was written is in the next. */
  #tell(): Promise<void> {
    const before = this.#telling
    if (before !== undefined) return before.then(() => (this.#untold.length === 0 ? undefined : this.#tell()))
    this.#telling = this.#writeDown().finally(() => {
      this.#telling = undefined
    })
    return this.#telling
  }

  async #writeDown(): Promise<void> {
    // Whoever is confirmed in the same turn shares the entry.
    await Promise.resolve()
    const stopped = this.#untold.splice(0)
    const [first] = stopped
    const last = stopped.at(-1)
    if (first === undefined || last === undefined) return
    const ended = stopped.flatMap((each) => each.ended)
    const facts = {
      version: last.version,
      ...(first === last ? {} : { from: first.version }),
      ended: ended.slice(0, namedMax),
      ...(ended.length > namedMax ? { more: ended.length - namedMax } : {}),
      gateways: slowest(stopped).map(({ gateway, how, milliseconds }) => ({ gateway, how, milliseconds })),
    }
    try {
      await this.#at.store.change(async (tx) => {
        await note(tx, {
          kind: 'stop.confirmed',
          actor: machinery,
          subject: ended.length === 1 ? (ended[0] ?? '') : this.#at.store.space,
          facts,
        })
        return done(undefined)
      })
    } catch (cause) {
      // It has stopped all the same, and whoever asked is told so.
      if (!(cause instanceof StoreUnavailable)) throw cause
    }
  }
}

/** When every one of them is known. */
async function allOf(stopped: readonly Stopped[]): Promise<readonly Confirmation[]> {
  const all = await Promise.all(stopped.map((each) => Promise.resolve(each)))
  return all.flat()
}

/** Of each gateway the one that took longest, and that it lapsed where it ever did. */
function slowest(stopped: readonly Settled[]): readonly Confirmation[] {
  const worst = new Map<string, Confirmation>()
  for (const each of stopped.flatMap(({ confirmed }) => confirmed)) {
    const known = worst.get(each.gateway)
    const isWorse = known === undefined || (known.how === each.how ? each.milliseconds > known.milliseconds : each.how === 'lapsed')
    if (isWorse) worst.set(each.gateway, each)
  }
  return [...worst.values()]
}

/** What no gateway may let through any more. */
function endedBy(change: FactChange): readonly string[] {
  if ('removed' in change) return []
  switch (change.kind) {
    case 'grant':
      return change.record.endedAt === undefined ? [] : [change.id]
    case 'credential':
    case 'passkey':
      return change.record.revokedAt === undefined ? [] : [change.id]
    case 'identity':
      return change.record.quarantine === undefined && change.record.state === 'live' ? [] : [change.id]
    case 'service':
    case 'issuer':
    case 'gateway':
      return change.record.removedAt === undefined ? [] : [change.id]
    default:
      return []
  }
}
