/** What if: recorded actions and requests put to a candidate set of policies beside the one in force; who gains and who loses what. */
import { createHash } from 'node:crypto'
import type { GrantId } from '../kernel/ids.ts'
import { makeId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { canonicalJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, mustBe, type Result } from '../kernel/result.ts'
import type { EntityStore } from '../decision/cedar/entities.ts'
import { readsTheClock } from '../decision/decide.ts'
import type { Rules } from '../decision/rules.ts'
import type { Action } from '../model/actions.ts'
import type { Grant } from '../model/grants.ts'
import type { PolicyFile } from '../model/policies.ts'
import { invalid } from './configuration.ts'
import { compare } from './configuration-records.ts'
import type { Caller, Desk } from './desk.ts'
import type { ExportedJournal } from './export-ledger.ts'
import type { JournalDisk } from './journal-reading.ts'
import { compareAnswers, compareAsked } from './replay-compare.ts'
import {
  decisionLines,
  journalsHeardOf,
  type JournalPart,
  type ReadJournal,
  readAction,
  type RecordedAction,
  segmentsSince,
} from './replay-lines.ts'
import { actionToday, Side } from './replay-sides.ts'
import { type Changed, type Row, Tally } from './replay-tally.ts'
import { callerMay } from './rights.ts'
import { Slices } from './slices.ts'

export interface ReplayLimits {
  /** Of journals that are read, the newest. */
  readonly bytesMax: number
  readonly requestsMax: number
  /** Different lines of the report. */
  readonly changesMax: number
  /** Different actions that are remembered, so that the same one is decided once. */
  readonly distinctMax: number
}

export const replayLimits: ReplayLimits = { bytesMax: 536_870_912, requestsMax: 50_000, changesMax: 2_000, distinctMax: 50_000 }

/** A journal that can be looked at. */
export interface ReplaySource {
  readonly name: string
  /** Everything appended so far is in it. Whoever opened it calls `close`. */
  readonly open: () => Promise<{ readonly disk: JournalDisk; readonly close: () => Promise<void> }>
}

/** A journal that nobody writes any more. */
export interface EarlierJournal extends ExportedJournal {
  readonly openDisk: () => Promise<JournalDisk>
}

export interface ReplayInput {
  readonly policyFiles: readonly PolicyFile[]
  readonly since: Instant
  readonly sources: readonly ReplaySource[]
  readonly limits?: ReplayLimits
}

export interface ReplayCounts {
  /** Actions recorded since then. */
  actions: number
  /** Decided under both sets; the others were the same as one of these. */
  decided: number
  /** Refused for want of a grant: that is no matter of policies. */
  withoutGrant: number
  /** Their grant is not in the store, so nobody can say. */
  unknownGrant: number
  /** Their operation is not declared any more. */
  goneOperation: number
  /** Lines that are not as Remit writes them. */
  unreadable: number
  /** Requests for grants that were asked again. */
  requests: number
}

export interface ReplayReport {
  readonly since: Instant
  /** SHA-256 in hex of the candidate, and of what is in force. */
  readonly candidate: string
  readonly inForce: string
  readonly changes: readonly Changed[]
  /** Changes beyond the limit. */
  readonly leftOut: number
  readonly counts: Readonly<ReplayCounts>
  readonly journals: readonly ReadJournal[]
  /** Journals that the ledger heard of since then and that are kept elsewhere. */
  readonly notLookedAt: readonly string[]
  /** True where there were more requests than are asked again; the newest were not. */
  readonly requestsCut: boolean
}

export type ReplayEvent =
  | { readonly is: 'progress'; readonly bytes: number; readonly ofBytes: number; readonly actions: number }
  | { readonly is: 'report'; readonly report: ReplayReport }

/**
 * Checks the candidate as publishing it would (refuses `policy.invalid` with every fault) and answers the events of replaying: progress, and
 * the report last. For whoever may audit or administer. Changes nothing and keeps nothing.
 */
export async function replay(
  desk: Desk,
  caller: Caller,
  input: ReplayInput,
): Promise<Result<AsyncGenerator<ReplayEvent, void, undefined>>> {
  const may = callerMay(desk, caller, 'audit')
  if (!may.ok && !callerMay(desk, caller, 'administer').ok) return may
  if (desk.facts.rules === undefined) return refuse('policy.invalid', { detail: 'no policies are in force to compare with' })
  if (isCrowded(desk)) return tooMany
  const { policyFiles } = input
  const wanted = { people: [], identities: [], roles: {}, issuers: [], services: [], policyFiles, prune: 'policies' } as const
  const compared = await compare(desk, wanted, caller.actor.name)
  if ('problems' in compared) return invalid(compared.problems)
  const { before, after } = compared
  if (before.rules === undefined) return refuse('policy.invalid', { detail: 'no policies are in force to compare with' })
  if (isCrowded(desk)) return tooMany
  return done(inTurn(desk, new Replaying(desk, caller, { input, before: before.rules, after: after.rules })))
}

interface Queue {
  last: Promise<void>
  /** Replays that run or wait. */
  count: number
}

/** One at a time for each desk: each takes a slice of every turn of the loop. */
const queues = new WeakMap<Desk['facts'], Queue>()

/** Each that waits has its candidate in memory, and somebody who waits as well. */
const queuedMax = 8
const tooMany = refuse('rate.exceeded', { detail: '60s' })

function isCrowded({ facts }: Desk): boolean {
  return (queues.get(facts)?.count ?? 0) >= queuedMax
}

async function* inTurn({ facts }: Desk, replaying: Replaying): AsyncGenerator<ReplayEvent, void, undefined> {
  const queue = queues.get(facts) ?? { last: Promise.resolve(), count: 0 }
  queues.set(facts, queue)
  const before = queue.last
  const own = Promise.withResolvers<void>()
  queue.last = own.promise
  queue.count += 1
  try {
    await before
    yield* replaying.run()
  } finally {
    queue.count -= 1
    own.resolve()
  }
}

/** How often progress is told: after so many actions, or requests. */
const toldEvery = 5_000
const pageMax = 200
const keyCharactersMax = 400
const grantsMax = 5_000

interface Replayed {
  readonly input: ReplayInput
  readonly before: Rules
  readonly after: Rules
}

/** One run, from the first line to the report. */
class Replaying {
  readonly #desk: Desk
  readonly #replayed: Replayed
  readonly #limits: ReplayLimits
  readonly #before: Side
  readonly #after: Side
  readonly #tally: Tally
  readonly #slices: Slices
  readonly #readsTheClock: boolean
  readonly #grants = new Map<GrantId, Grant | undefined>()
  /** What became of each different action: a row of the report, or nothing. */
  readonly #known = new Map<string, Row | undefined>()
  readonly #counts: ReplayCounts = {
    actions: 0,
    decided: 0,
    withoutGrant: 0,
    unknownGrant: 0,
    goneOperation: 0,
    unreadable: 0,
    requests: 0,
  }

  constructor(desk: Desk, caller: Caller, replayed: Replayed) {
    const { facts } = desk
    this.#desk = desk
    this.#replayed = replayed
    this.#limits = replayed.input.limits ?? replayLimits
    this.#before = new Side(facts, replayed.before, facts.entities)
    // Entities of its own: what is remembered of those at work is remembered for the policies in force.
    this.#after = new Side(facts, replayed.after, apart(facts.entities))
    this.#tally = new Tally(desk, caller, this.#limits.changesMax)
    this.#slices = new Slices(desk.clock)
    this.#readsTheClock = readsTheClock(replayed.before) || readsTheClock(replayed.after)
  }

  async *run(): AsyncGenerator<ReplayEvent, void, undefined> {
    const { since, sources } = this.#replayed.input
    const journals: ReadJournal[] = []
    let bytesLeft = this.#limits.bytesMax
    for (const source of sources) {
      const { disk, close } = await source.open()
      try {
        const part = await segmentsSince(disk, since, bytesLeft)
        bytesLeft = Math.max(0, bytesLeft - part.bytes)
        const read = yield* this.#journal(disk, part)
        journals.push({ name: source.name, ...read, ...(part.cut === undefined ? {} : { cut: part.cut }) })
      } finally {
        await close()
      }
    }
    const requestsCut = yield* this.#requests()
    yield { is: 'report', report: await this.#report(journals, requestsCut) }
  }

  async #report(journals: readonly ReadJournal[], requestsCut: boolean): Promise<ReplayReport> {
    const { input, before, after } = this.#replayed
    const { since } = input
    const heard = await journalsHeardOf(this.#desk.log, { space: this.#desk.space, since, slices: this.#slices })
    const looked = new Set(journals.map(({ name }) => name))
    return {
      since,
      candidate: after.version,
      inForce: before.version,
      changes: this.#tally.changes(),
      leftOut: this.#tally.leftOut,
      counts: this.#counts,
      journals,
      notLookedAt: [...heard].flatMap((name) => (looked.has(name) ? [] : [this.#gatewayOf(name)])).toSorted(),
      requestsCut,
    }
  }

  /** The name under which a gateway was invited, where the journal is of one that is still there. */
  #gatewayOf(journal: string): string {
    const gateway = this.#desk.facts.enrolled.all().find((each) => each.journal?.split('+')[0] === journal)
    return gateway === undefined ? journal : `${gateway.name} (${journal})`
  }

  async *#journal(disk: JournalDisk, part: JournalPart): AsyncGenerator<ReplayEvent, Pick<ReadJournal, 'from'>, undefined> {
    const { since } = this.#replayed.input
    let from: Instant | undefined
    let bytes = 0
    let told = 0
    for await (const lines of decisionLines(disk, part.segments)) {
      for (const line of lines) {
        if (this.#slices.isOver) await this.#slices.pause()
        bytes += line.byteLength
        const action = readAction(line)
        if (action === undefined) this.#counts.unreadable += 1
        else if (action.at >= since) {
          from ??= action.at
          // Most ride on a grant that is at hand: nothing is waited for then.
          const { grant } = action
          if (grant !== undefined && !this.#grants.has(grant)) await this.#grant(grant)
          this.#action(action)
        }
        told += 1
        if (told % toldEvery === 0) yield { is: 'progress', bytes, ofBytes: part.bytes, actions: this.#counts.actions }
      }
    }
    return from === undefined ? {} : { from }
  }

  #action(recorded: RecordedAction): void {
    this.#counts.actions += 1
    if (recorded.grant === undefined) {
      this.#counts.withoutGrant += 1
      return
    }
    const key = this.#keyOf(recorded)
    if (this.#known.has(key)) {
      this.#known.get(key)?.again(recorded.at, recorded.decision)
      return
    }
    const grant = this.#grants.get(recorded.grant)
    const action = actionToday(this.#desk.facts, recorded)
    if (grant === undefined) this.#counts.unknownGrant += 1
    else if (action === undefined) this.#counts.goneOperation += 1
    else {
      this.#counts.decided += 1
      if (this.#known.size >= this.#limits.distinctMax) this.#known.clear()
      this.#known.set(key, this.#compared(recorded, action, grant))
    }
  }

  #compared(recorded: RecordedAction, action: Action, grant: Grant): Row | undefined {
    const before = this.#before.decide(recorded, action, grant)
    const after = this.#after.decide(recorded, action, grant)
    const difference = compareAnswers(before, after)
    if (difference === undefined) return undefined
    // What stands in the way decided it: now, or under the candidate.
    const why = () =>
      difference.verdict === 'gains'
        ? this.#before.why(recorded, action, { grant, answer: before })
        : this.#after.why(recorded, action, { grant, answer: after })
    return this.#tally.action(recorded, difference, why)
  }

  /** What tells two actions apart for any policy. */
  #keyOf({ chain, grant, resource, address, arguments: given, at }: RecordedAction): string {
    const when = this.#readsTheClock ? at : 0
    const text = `${grant ?? ''}\n${chain.join(' ')}\n${resource}\n${address}\n${when}\n${canonicalJson(given)}`
    // Arguments may be long, and tens of thousands of actions are remembered.
    return text.length <= keyCharactersMax ? text : createHash('sha256').update(text).digest('base64')
  }

  /** Also one that has ended, which only the store has. */
  async #grant(id: GrantId): Promise<Grant | undefined> {
    if (this.#grants.has(id)) return this.#grants.get(id)
    const grant = await this.#desk.store.read((tx) => tx.get('grant', id))
    if (this.#grants.size >= grantsMax) this.#grants.clear()
    this.#grants.set(id, grant)
    return grant
  }

  /** Requests since then, asked again. Answers whether there were more than are. */
  async *#requests(): AsyncGenerator<ReplayEvent, boolean, undefined> {
    const { since } = this.#replayed.input
    // Ids sort by their birth.
    for (let after: string = makeId('grn', since, new Uint8Array(10)); ; ) {
      const place = after
      const page = await this.#desk.store.read((tx) => tx.find('grant', {}, { max: pageMax, after: place }))
      for (const grant of page) {
        await this.#slices.pause()
        if (grant.exception !== undefined) continue
        if (this.#counts.requests >= this.#limits.requestsMax) return true
        await this.#request(grant)
        if (this.#counts.requests % toldEvery === 0) yield { is: 'progress', bytes: 0, ofBytes: 0, actions: this.#counts.actions }
      }
      const last = page.at(-1)
      if (last === undefined || page.length < pageMax) return false
      after = last.id
    }
  }

  async #request(grant: Grant): Promise<void> {
    this.#counts.requests += 1
    const before = grant.continues === undefined ? undefined : await this.#grant(grant.continues)
    const given = before?.duration ?? 0
    const difference = compareAsked(this.#before.ask(grant, given), this.#after.ask(grant, given))
    if (difference !== undefined) this.#tally.request(grant, difference)
  }
}

/** The same entities under another identity. */
function apart(entities: EntityStore): EntityStore {
  return mustBe(entities.with([]))
}
