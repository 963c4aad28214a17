/** What an identity did the last times with the operation that a hold is about: from the journals at hand, and from what control keeps. */
import type { GrantId, IdentityId } from '../kernel/ids.ts'
import { makeId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { canonicalString, type JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { resourceOf } from '../model/actions.ts'
import { gatewayOf } from '../model/gateways.ts'
import type { Grant, Hold } from '../model/grants.ts'
import { compareArguments, type Compared } from './compare-arguments.ts'
import type { Desk } from './desk.ts'
import type { JournalDisk } from './journal-reading.ts'
import { type FoundLine, linesBack, type Looked, outcomeAfter } from './look-back.ts'
import { type Counts, type EarlierAction, RecentRows, rowsMax, type Wanted } from './recent-rows.ts'
import { recordedArguments } from './recorded-arguments.ts'
import { journalsHeardOf } from './replay-lines.ts'
import type { ReplaySource } from './replay.ts'
import { Slices } from './slices.ts'

export interface RecentLimits {
  /** How far back anything is looked for. */
  readonly back: Milliseconds
  /** Of all journals together, from their ends. */
  readonly bytesMax: number
  /** Lines that are read whole. */
  readonly linesMax: number
  /** Behind the line of an action, for what became of it. */
  readonly outcomeBytesMax: number
  /** Leaves of the ledger in which journals elsewhere are looked for. */
  readonly leavesMax: number
}

export const recentLimits: RecentLimits = {
  back: 7 * 86_400_000,
  bytesMax: 33_554_432,
  linesMax: 4_000,
  outcomeBytesMax: 2_097_152,
  leavesMax: 1_000,
}

/** What became of an action that was let through. */
export interface Became {
  readonly result: string
  /** The answer said that it was an error. */
  readonly isError?: true
  readonly status?: number
  readonly reason?: string
}

export interface RecentAction extends EarlierAction {
  /** Absent where it was not let through, and where nothing is on record within what is read. */
  readonly became?: Became
  /** The hold as it is now, where there was one. */
  readonly held?: Hold
  /** Known from the hold that control keeps: no journal at hand has it. */
  readonly isFromHold?: true
}

export interface Recent {
  readonly identity: IdentityId
  readonly resource: string
  /** The newest first. */
  readonly rows: readonly RecentAction[]
  /** The held call beside the last that were let through; empty where none was found. */
  readonly compared: readonly Compared[]
  /** How many were compared with. */
  readonly comparedWith: number
  readonly thisGrant: Counts
  readonly otherGrants: Counts & { readonly grants: number }
  readonly looked: {
    /** The stretch of time that is asked about. */
    readonly since: Instant
    readonly until: Instant
    /** Nothing before it was looked at in the journals; absent where they hold nothing. */
    readonly from?: Instant
    readonly cut?: 'pruned' | 'limit'
    /** Names of gateways, or of their journals, that keep what was done through them elsewhere. */
    readonly elsewhere: readonly string[]
  }
}

export interface RecentInput {
  readonly hold: Hold
  readonly grant: Grant
  readonly sources: readonly ReplaySource[]
  readonly sees: Wanted['sees']
  readonly limits?: RecentLimits
}

/**
 * For a hold that the caller may see, what the first of its chain did before with the same operation, as far as `sees` lets. Reads a bounded
 * part of the journals, one look at a time; refuses `rate.exceeded` where too many wait. Throws what a journal's disk throws.
 */
export async function recentActions(desk: Desk, input: RecentInput): Promise<Result<Recent>> {
  const queue = queues.get(desk.facts) ?? { last: Promise.resolve(), count: 0 }
  queues.set(desk.facts, queue)
  if (queue.count >= queuedMax) return refuse('rate.exceeded', { detail: '5s' })
  const before = queue.last
  const own = Promise.withResolvers<void>()
  queue.last = own.promise
  queue.count += 1
  try {
    await before
    return done(await look(desk, input))
  } finally {
    queue.count -= 1
    own.resolve()
  }
}

interface Queue {
  last: Promise<void>
  /** Looks that run or wait. */
  count: number
}

/** One at a time for each desk: each reads megabytes. */
const queues = new WeakMap<Desk['facts'], Queue>()
const queuedMax = 16

async function look(desk: Desk, { hold, grant, sources, sees, limits = recentLimits }: RecentInput): Promise<Recent> {
  const [identity] = grant.chain
  if (identity === undefined) throw new Error('a grant has a chain')
  const until = hold.closedAt ?? desk.clock.now()
  const resource = resourceOf(hold.action)
  const rows = new RecentRows<Becoming>({ identity, resource, grant: grant.id, hold: hold.id, until, sees })
  const slices = new Slices(desk.clock)
  const since = until - limits.back
  const looked = await lookThrough({ rows, sources, limits, slices, resource, since })
  const kept = await heldBefore(desk, { rows, identity, resource, until, back: limits.back })
  const newest = [...looked.found, ...kept].toSorted((a, b) => b.at - a.at)
  const letThrough = [...rows.done, ...kept.filter(({ outcome }) => outcome === 'allow')].toSorted((a, b) => b.at - a.at).slice(0, rowsMax)
  const { thisGrant, otherGrants } = rows.counts
  return {
    identity,
    resource,
    rows: await Promise.all(newest.slice(0, rowsMax).map((action) => withHold(desk, action))),
    compared: compareArguments(
      recordedArguments(hold.action.arguments),
      letThrough.map((action) => action.arguments),
    ),
    comparedWith: letThrough.length,
    thisGrant,
    otherGrants,
    looked: {
      since,
      until,
      ...(looked.from === undefined ? {} : { from: looked.from }),
      ...(looked.cut === undefined ? {} : { cut: looked.cut }),
      elsewhere: await journalsElsewhere(desk, { hold, sources, limits, slices }),
    },
  }
}

/** Asks for what became of a line, while its journal is open. */
type Becoming = () => Promise<Became | undefined>

interface Looking {
  readonly rows: RecentRows<Becoming>
  readonly sources: readonly ReplaySource[]
  readonly limits: RecentLimits
  readonly slices: Slices
  readonly resource: string
  readonly since: Instant
}

interface Through extends Pick<Looked, 'from' | 'cut'> {
  readonly found: readonly RecentAction[]
}

/** The journals one after the other, the newest first, until one was cut or reaches back far enough. */
async function lookThrough({ rows, sources, limits, slices, resource, since }: Looking): Promise<Through> {
  const mark = Buffer.from(`"resource":${canonicalString(resource)}`)
  const closing: (() => Promise<void>)[] = []
  let bytesMax = limits.bytesMax
  let lines = 0
  let all: Pick<Looked, 'from' | 'cut'> = {}
  try {
    for (const source of sources) {
      const { disk, close } = await source.open()
      closing.push(close)
      const found = linesBack(disk, { mark, since, bytesMax, slices })
      let next = await found.next()
      for (; next.done !== true && lines < limits.linesMax; next = await found.next()) {
        lines += 1
        const line = next.value
        rows.add(line.entry, () => became(disk, line, { bytesMax: limits.outcomeBytesMax, slices }))
        all = { ...all, from: instantOf(line.entry) ?? all.from ?? since }
      }
      if (next.done !== true) {
        await found.return(emptyLook)
        return { ...all, cut: 'limit', found: await settle(rows) }
      }
      bytesMax -= next.value.bytes
      all = next.value.from === undefined ? all : next.value
      if (all.cut !== undefined || bytesMax <= 0 || (all.from ?? since) < since) break
    }
    return { ...all, found: await settle(rows) }
  } finally {
    for (const close of closing) await close()
  }
}

const emptyLook: Looked = { bytes: 0 }

function instantOf({ at }: JsonObject): Instant | undefined {
  return typeof at === 'number' ? at : undefined
}

async function settle(rows: RecentRows<Becoming>): Promise<RecentAction[]> {
  const settled: RecentAction[] = []
  for (const { action, mark } of rows.rows) {
    const came = action.outcome === 'allow' ? await mark() : undefined
    settled.push(came === undefined ? action : { ...action, became: came })
  }
  return settled
}

async function became(
  disk: JournalDisk,
  line: FoundLine,
  within: { readonly bytesMax: number; readonly slices: Slices },
): Promise<Became | undefined> {
  const entry = await outcomeAfter(disk, line, within)
  const { result, says, status, reason } = entry ?? {}
  if (typeof result !== 'string') return undefined
  return {
    result,
    ...(says === 'error' ? { isError: true } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
  }
}

/** As far back as this, or less where there were too many to read. */
const stretches: readonly Milliseconds[] = [7 * 86_400_000, 86_400_000, 10_800_000, 1_200_000]
const holdsMax = 300

/** Earlier holds of which no journal that was read tells: of gateways elsewhere, say, or of before a journal was pruned. */
async function heldBefore(
  desk: Desk,
  about: {
    readonly rows: RecentRows<Becoming>
    readonly identity: IdentityId
    readonly resource: string
    readonly until: Instant
    readonly back: Milliseconds
  },
): Promise<RecentAction[]> {
  const { rows, identity, resource, until, back } = about
  const found: RecentAction[] = []
  for (const hold of await holdsSince(desk, until, back)) {
    if (resourceOf(hold.action) !== resource) continue
    const grant = await grantOf(desk, hold.grant)
    if (grant === undefined || grant.chain[0] !== identity) continue
    const action: RecentAction = {
      at: hold.openedAt,
      outcome: hold.state === 'spent' ? 'allow' : 'held',
      chain: grant.chain,
      arguments: recordedArguments(hold.action.arguments),
      times: 1,
      grant: hold.grant,
      hold: hold.id,
      task: grant.task.kind,
      isFromHold: true,
    }
    if (rows.addHeld(action)) found.push(action)
  }
  return found
}

/** Ids sort by their birth: the holds of a stretch of time stand together, whoever they are of. */
async function holdsSince(desk: Desk, until: Instant, back: Milliseconds): Promise<readonly Hold[]> {
  let holds: readonly Hold[] = []
  for (const stretch of stretches) {
    const after = makeId('hld', Math.max(0, until - Math.min(stretch, back)), new Uint8Array(10))
    holds = await desk.store.read((tx) => tx.find('hold', {}, { max: holdsMax, after }))
    if (holds.length < holdsMax) break
  }
  return holds
}

async function grantOf(desk: Desk, id: GrantId): Promise<Grant | undefined> {
  return desk.facts.grant(id) ?? (await desk.store.read((tx) => tx.get('grant', id)))
}

async function withHold(desk: Desk, action: RecentAction): Promise<RecentAction> {
  const { hold: id } = action
  if (id === undefined) return action
  const held = desk.facts.hold(id) ?? (await desk.store.read((tx) => tx.get('hold', id)))
  return held === undefined ? action : { ...action, held }
}

/** Gateways that serve this and are not of this process, and other journals of which the newest leaves of the ledger tell. */
async function journalsElsewhere(
  desk: Desk,
  { hold, sources, limits, slices }: { hold: Hold; sources: readonly ReplaySource[]; limits: RecentLimits; slices: Slices },
): Promise<string[]> {
  const service = desk.facts.service(hold.action.service)
  const serving = desk.facts.enrolled.all().filter(({ gateway }) => service !== undefined && gateway === gatewayOf(service))
  const { leavesMax, back } = limits
  const heard = await journalsHeardOf(desk.log, { space: desk.space, since: desk.clock.now() - back, slices, leavesMax })
  const enrolled = new Set(desk.facts.enrolled.all().flatMap(({ journal }) => journal?.split('+')[0] ?? []))
  const own = new Set(sources.map(({ name }) => name))
  const others = [...heard].filter((name) => !own.has(name) && !enrolled.has(name))
  return [...serving.map(({ name }) => name), ...others].toSorted()
}
