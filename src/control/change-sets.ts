/** Change-sets: proposed by an author, compared with what is in force, applied at once or once others signed, and never over something else. */
import type { ChangeSetId } from '../kernel/ids.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import { canonicalJson, type JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import {
  type ChangeClass,
  type ChangeLine,
  type ChangeSet,
  changeSetWaitMax,
  type Pruning,
  type WantedConfiguration,
} from '../model/change-sets.ts'
import type { ConfiguredException } from '../model/configured-exceptions.ts'
import { changeSetLife, type ChangeSetEvent, step } from '../model/lives.ts'
import { needsPersons } from '../model/requirements.ts'
import { invalid, readWanted } from './configuration.ts'
import { digestOf } from './configuration-picture.ts'
import { compare, type Compared } from './configuration-records.ts'
import { tellChange, type Told } from './change-set-diff.ts'
import { answerableChangeSet, type Author, authorOf, isUnderpriced, type Price, priceOf, tierOfChange } from './change-set-price.ts'
import { putRecords } from './change-set-records.ts'
import { type ConfiguredOutcome, newConfigured, proposeConfigured } from './configured-exceptions.ts'
import { type Caller, type Desk, type DeskRight, machinery, note } from './desk.ts'
import { currentPicture, pictureNow } from './kept-picture.ts'
import type { Change } from './ports.ts'
import { callerMay, describeRequirement, mayAnswer } from './rights.ts'
import { reevaluate } from './reevaluate.ts'
import { Slices } from './slices.ts'

/** How often a document is compared anew because something changed while its policies were being checked. */
const attemptsMax = 5
const openOfOneMax = 5
const openMax = 50
/** They are written in one transaction, for which every other change waits, revocations too: no longer than a lease. */
const identitiesMax = 10_000
/** A closed one keeps so many of its lines. */
const keptLinesMax = 200
const recordBytesMax = 3_800_000

export interface Proposal {
  readonly document: JsonObject
  /** `nothing` goes unless it is said. */
  readonly prune?: Pruning
  readonly reason?: string
  /** How long it may wait; at most a day. */
  readonly wait?: Milliseconds
  /** What the author compared with: something else in force by now refuses `change-set.stale`. */
  readonly base?: string
}

export interface Planned {
  readonly base: string
  readonly class: ChangeClass
  readonly changes: readonly ChangeLine[]
  /** Named things that stay as they are. */
  readonly unchanged: number
  /** Who must sign, in words; absent where the author's own right is enough. */
  readonly needs?: string
  readonly alone?: string
  /** Exceptions that would be proposed: nobody has them before people approve. */
  readonly exceptions?: readonly ConfiguredException[]
}

export interface Proposed {
  readonly plan: Planned
  /** Absent where there was nothing to do. */
  readonly changeSet?: ChangeSet
  /** Those of the document, once the rest of it is in force. */
  readonly exceptions?: readonly ConfiguredOutcome[]
}

/** What a document would change and what that costs. Changes nothing. */
export async function planChange(desk: Desk, author: Author, { document, prune = 'nothing' }: Proposal): Promise<Result<Planned>> {
  const may = mayAuthor(desk, author)
  if (!may.ok) return may
  const wanted = readWanted(desk, document, prune)
  if (!wanted.ok) return wanted
  const weighed = await weigh(desk, author, wanted.value)
  return weighed.ok ? done(weighed.value.plan) : weighed
}

/**
 * Proposes it, and applies it at once where nobody else is to be asked; a document with a fault is refused whole. Safe to repeat: what is
 * there already is no change, and the same proposal that waits is answered as it is. Grants that would not be given any more have ended
 * when an applied one is answered.
 */
export async function proposeChange(desk: Desk, author: Author, proposal: Proposal): Promise<Result<Proposed>> {
  const allowed = mayAuthor(desk, author)
  if (!allowed.ok) return allowed
  const wanted = readWanted(desk, proposal.document, proposal.prune ?? 'nothing')
  if (!wanted.ok) return wanted
  for (let attempt = 1; ; attempt += 1) {
    const may = mayAuthor(desk, author)
    if (!may.ok) return may
    const weighed = await weigh(desk, author, wanted.value)
    if (!weighed.ok) return weighed
    const { plan } = weighed.value
    if (proposal.base !== undefined && proposal.base !== plan.base) return refuse('change-set.stale')
    if (plan.changes.length === 0 && isNothing(weighed.value.compared))
      return done({ plan, ...(await exceptionsOf(desk, author, wanted.value)) })
    const kept = await desk.stopping.through(async () => {
      const made = await desk.store.change((tx) => keep({ desk, tx, author, proposal, right: may.value }, wanted.value, weighed.value))
      if (made.ok && made.value.state === 'applied') await settled(desk)
      return made
    })
    if (kept.ok) {
      const inForce = kept.value.state === 'applied' ? await exceptionsOf(desk, author, wanted.value) : {}
      return done({ plan, changeSet: kept.value, ...inForce })
    }
    if (kept.refusal.code !== 'action.changed' || attempt === attemptsMax) return kept
  }
}

async function exceptionsOf(desk: Desk, author: Author, { exceptions }: WantedConfiguration): Promise<Pick<Proposed, 'exceptions'>> {
  return exceptions === undefined ? {} : { exceptions: await proposeConfigured(desk, author, exceptions) }
}

/** After something came into force: what no longer stands ends, and what was compared with something else is told so. */
export async function settled(desk: Desk): Promise<void> {
  await reevaluate(desk)
  await sweepChangeSets(desk)
}

function mayAuthor(desk: Desk, author: Author): Result<DeskRight> {
  return 'machine' in author ? done({}) : callerMay(desk, author, 'administer')
}

interface Weighed {
  readonly plan: Planned
  readonly price: Price
  readonly compared: Compared
  readonly told: Told
}

async function weigh(desk: Desk, author: Author, wanted: WantedConfiguration): Promise<Result<Weighed>> {
  const compared = await compare(desk, wanted, authorOf(author).name)
  if ('problems' in compared) return invalid(compared.problems)
  const { before, after, same } = compared
  const { length } = compared.records.identities
  if (length > identitiesMax)
    return refuse('configuration.invalid', {
      detail: `it changes ${length} identities, and one change may change ${identitiesMax}: split it, role by role`,
    })
  const told = await tellChange(compared, new Slices(desk.clock))
  const changeClass = told.class
  const price = priceOf(desk, author, changeClass, tierOfChange(changeClass, before, after))
  const { requirement, alone } = price
  const exceptions = await newConfigured(desk, wanted.exceptions)
  const plan: Planned = {
    base: before.digest,
    class: changeClass,
    changes: told.lines,
    unchanged: same,
    ...(needsPersons(requirement) ? { needs: describeRequirement(requirement) } : {}),
    ...(alone === undefined ? {} : { alone }),
    ...(exceptions.length === 0 ? {} : { exceptions }),
  }
  return done({ plan, price, compared, told })
}

/** A comment in a policy file changes nothing that anybody could be told of, and yet another text is in force. */
function isNothing({ records }: Compared): boolean {
  const { identities, issuers, services, applications, policies } = records
  return identities.length + issuers.length + services.length + applications.length === 0 && policies === undefined
}

/** Whether what was compared with is still what is in force, and, where `seen` is given, was all the time. Costs what changed meanwhile. */
export function isCurrent(desk: Desk, base: string, seen?: number): boolean {
  const { digest, revision } = pictureNow(desk)
  return digest === base && (seen === undefined || revision === seen)
}

interface Keeping {
  readonly desk: Desk
  readonly tx: Change
  readonly author: Author
  readonly proposal: Proposal
  readonly right: DeskRight
}

async function keep(keeping: Keeping, wanted: WantedConfiguration, weighed: Weighed): Promise<Result<ChangeSet>> {
  const { desk, tx, right } = keeping
  const { plan, price, compared, told } = weighed
  // Policies were being checked meanwhile. Written over what happened since, this would undo it.
  if (!isCurrent(desk, plan.base, compared.version)) return refuse('action.changed', { detail: 'the configuration' })
  const waits = needsPersons(price.requirement)
  const slices = new Slices(desk.clock)
  await slices.rest()
  const proposed = makeChangeSet(keeping, wanted, weighed)
  await slices.rest()
  if (waits) {
    const same = [...desk.facts.changes.waiting()].find((each) => isSameProposal(each, proposed))
    if (same !== undefined) return done(same)
    const room = await makeRoom(keeping, proposed, told)
    if (!room.ok) return room
  }
  await noteProposed(tx, proposed, { right, effects: told.count })
  if (waits) {
    await tx.put('changeSet', proposed)
    return done(proposed)
  }
  const { alone } = price
  const by = proposed.author.name
  await putRecords({ desk, tx, compared, set: proposed, by, right, ...(alone === undefined ? {} : { alone }) })
  const applied = closed(proposed, 'apply', { at: tx.now, ending: alone ?? `applied by ${by}` })
  await tx.put('changeSet', applied)
  return done(applied)
}

function makeChangeSet({ desk, tx, author, proposal }: Keeping, wanted: WantedConfiguration, { plan, price }: Weighed): ChangeSet {
  const { base, class: changeClass, changes } = plan
  const { reason, wait = changeSetWaitMax } = proposal
  return {
    id: desk.chance.id('chg', tx.now),
    space: desk.space,
    state: 'proposed',
    author: authorOf(author),
    wanted,
    base,
    digest: `v1:${digestOf({ v: 1, space: desk.space, wanted, base, class: changeClass, changes })}`,
    class: changeClass,
    changes,
    requirement: price.requirement,
    tier: price.tier,
    ...(reason === undefined ? {} : { reason }),
    createdAt: tx.now,
    expiresAt: tx.now + Math.min(Math.max(wait, 60_000), changeSetWaitMax),
  }
}

function isSameProposal(one: ChangeSet, other: ChangeSet): boolean {
  return one.digest === other.digest && canonicalJson(one.author) === canonicalJson(other.author)
}

/** What was written at the machine takes the place of what was written there before; everybody has so many open, and the house too. */
async function makeRoom({ desk, tx, author }: Keeping, proposed: ChangeSet, told: Told): Promise<Result<undefined>> {
  const waiting = [...desk.facts.changes.waiting()]
  const own = waiting.filter((each) => canonicalJson(each.author) === canonicalJson(proposed.author))
  if ('machine' in author) {
    for (const each of own) await close(tx, each, { event: 'withdraw', by: proposed.author.name, ending: `${proposed.id} took its place` })
  } else if (own.length >= openOfOneMax) return refuse('change-set.too-many', { detail: `at most ${openOfOneMax} of one author` })
  if (waiting.length >= openMax) return refuse('change-set.too-many', { detail: `at most ${openMax}` })
  if (told.isCut)
    return refuse('configuration.invalid', {
      detail: `it has ${told.count} effects, more than anybody reads before signing; split it`,
    })
  if (Buffer.byteLength(JSON.stringify(proposed)) > recordBytesMax)
    return refuse('configuration.invalid', { detail: 'it is larger than can be kept while it waits; split it' })
  return done(undefined)
}

async function noteProposed(
  tx: Change,
  set: ChangeSet,
  { right, effects }: { readonly right: DeskRight; readonly effects: number },
): Promise<void> {
  const { id, author, digest, base, requirement, reason, expiresAt } = set
  await note(tx, {
    kind: 'change-set.proposed',
    actor: author.name,
    subject: id,
    facts: {
      chain: [...author.chain],
      digest,
      base,
      class: set.class,
      changes: effects,
      approval: describeRequirement(requirement),
      expiresAt,
      ...(reason === undefined ? {} : { reason }),
    },
    right,
  })
}

/** The record of one that came to its end: what it wanted is not kept, and of its lines the first. */
export function closed(set: ChangeSet, event: ChangeSetEvent, { at, ending }: { readonly at: number; readonly ending: string }): ChangeSet {
  const { wanted: _, ...rest } = set
  return {
    ...rest,
    state: step(changeSetLife, set.state, event) ?? set.state,
    changes: set.changes.slice(0, keptLinesMax),
    endedAt: at,
    ending,
  }
}

interface Closing {
  readonly event: Exclude<ChangeSetEvent, 'apply'>
  readonly by: string
  readonly ending: string
}

const endings = { deny: 'denied', withdraw: 'withdrawn', outdate: 'stale', expire: 'expired' } as const

/** Closes one that waits without applying it; leaves every other as it is. */
export async function close(tx: Change, { id }: ChangeSet, { event, by, ending }: Closing): Promise<ChangeSet | undefined> {
  const set = await tx.get('changeSet', id)
  if (set === undefined || step(changeSetLife, set.state, event) === undefined) return undefined
  const after = closed(set, event, { at: tx.now, ending })
  await tx.put('changeSet', after)
  await note(tx, { kind: `change-set.${endings[event]}`, actor: by, subject: id, facts: { digest: set.digest, reason: ending } })
  return after
}

/** Its author takes it back, or another administrator does. */
export async function withdrawChangeSet(desk: Desk, caller: Caller, id: ChangeSetId, reason: string): Promise<Result<ChangeSet>> {
  return desk.store.change(async (tx) => {
    const set = await tx.get('changeSet', id)
    if (set === undefined || !maySeeChangeSet(desk, caller, set)) return refuse('not-found')
    const isOwn = canonicalJson(set.author.chain) === canonicalJson(caller.chain.map((link) => link.id))
    const may = isOwn ? done({}) : callerMay(desk, caller, 'administer')
    if (!may.ok) return may
    const withdrawn = await close(tx, set, { event: 'withdraw', by: caller.actor.name, ending: reason })
    return withdrawn === undefined ? refuse('change-set.wrong-state', { detail: `it is ${set.state}` }) : done(withdrawn)
  })
}

/** Its author, whoever audits, whoever administers, and a person whose answer to it counts. */
export function maySeeChangeSet(desk: Desk, caller: Caller, set: ChangeSet): boolean {
  if (set.author.chain.includes(caller.actor.id) || callerMay(desk, caller, 'audit').ok || callerMay(desk, caller, 'administer').ok)
    return true
  return caller.chain.length === 1 && mayAnswer(desk, caller.actor, answerableChangeSet(set), desk.clock.now()).ok
}

const sweptAt = new WeakMap<Desk, number>()

/** Ends those that nobody answered in time, and those that were compared with something that is no longer in force. Answers how many. */
export async function sweepChangeSets(desk: Desk): Promise<number> {
  const now = desk.clock.now()
  const { version } = desk.facts
  const waiting = [...desk.facts.changes.waiting()]
  const isMoved = sweptAt.get(desk) !== version
  sweptAt.set(desk, version)
  if (waiting.length === 0) return 0
  const base = isMoved ? (await currentPicture(desk)).digest : undefined
  const over = waiting.filter((set) => now >= set.expiresAt || (base !== undefined && set.base !== base) || isUnderpriced(desk, set))
  if (over.length === 0) return 0
  const swept = await desk.store.change(async (tx) => {
    let count = 0
    for (const set of over) {
      const how =
        tx.now >= set.expiresAt
          ? ({ event: 'expire', ending: 'nobody answered in time' } as const)
          : ({
              event: 'outdate',
              ending: `${isUnderpriced(desk, set) ? 'more people are here who must sign' : 'something else came into force'}; propose it again`,
            } as const)
      if ((await close(tx, set, { ...how, by: machinery })) !== undefined) count += 1
    }
    return done(count)
  })
  return swept.ok ? swept.value : 0
}
