/** Ends what would not be given any more: after each change, what that change could touch is asked about again, and nothing else. */
import type { Instant } from '../kernel/instants.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Selector, uniteSelectors } from '../model/selector.ts'
import type { Grant, Hold } from '../model/grants.ts'
import { holdLife, step } from '../model/lives.ts'
import type { FactChange } from '../model/records.ts'
import { isSatisfied } from '../model/requirements.ts'
import { type Desk, machinery, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { withoutBody } from './end-session.ts'
import type { Facts } from './facts.ts'
import type { Change } from './ports.ts'
import { answerableHold, describeRequirement } from './rights.ts'
import { Slices } from './slices.ts'
import { coversPrice, inWords, isGone, stillAskable, stillGiven, yesesThatCount } from './still-stands.ts'

/** One transaction ends at most so many. */
const batchMax = 20

/** What changed since it was asked about last. */
class Touched {
  /** At the start, and under other policies: everything. */
  everything = true
  readonly identities = new Set<string>()
  readonly services = new Set<string>()
  hasIssuer = false

  hear(change: FactChange): void {
    switch (change.kind) {
      case 'policySet':
        this.everything = true
        break
      case 'identity':
        this.identities.add(change.id)
        break
      case 'passkey':
        if ('record' in change) this.identities.add(change.record.person)
        break
      case 'credential':
        if ('record' in change) this.identities.add(change.record.identity)
        break
      case 'service':
        this.services.add(change.id)
        break
      case 'issuer':
        this.hasIssuer = true
        break
      default:
        break
    }
  }

  get isEmpty(): boolean {
    return !this.everything && !this.hasIssuer && this.identities.size === 0 && this.services.size === 0
  }

  concerns(facts: Facts, grant: Grant): boolean {
    if (this.everything) return true
    if (this.identities.size > 0 && this.#concernsPeople(facts, grant)) return true
    if (this.services.size > 0 && grant.scope.some(({ resource }) => this.services.has(serviceOf(resource)))) return true
    return this.hasIssuer && grant.task.proved.length > 0
  }

  #concernsPeople(facts: Facts, grant: Grant): boolean {
    const { identities } = this
    if (grant.approvedBy?.some(({ person }) => identities.has(person)) === true) return true
    return grant.chain.some((id) => {
      if (identities.has(id)) return true
      const owner = facts.identity(id)?.owner
      return owner !== undefined && identities.has(owner)
    })
  }
}

function serviceOf(resource: string): string {
  const slash = resource.indexOf('/')
  return slash < 0 ? resource : resource.slice(0, slash)
}

/** One at a time for each desk: whoever comes second waits until the first is done, and then has nothing left to ask. */
interface Watch {
  touched: Touched
  turn: Promise<number>
}

const watches = new WeakMap<Facts, Watch>()

/**
 * Asks again about what recent changes of policy, people, roles, owners, impact, issuers or approvers could touch, and ends what no longer
 * stands: requests, grants and held actions. Costs nothing while nothing changed. Answers how many ended.
 */
export function reevaluate(desk: Desk): Promise<number> {
  const watch = watches.get(desk.facts) ?? begin(desk.facts)
  watch.turn = watch.turn.then(
    () => askAgain(desk, watch),
    () => askAgain(desk, watch),
  )
  return watch.turn
}

function begin(facts: Facts): Watch {
  const watch: Watch = { touched: new Touched(), turn: Promise.resolve(0) }
  facts.onChange((change) => watch.touched.hear(change))
  watches.set(facts, watch)
  return watch
}

async function askAgain(desk: Desk, watch: Watch): Promise<number> {
  const { touched } = watch
  if (touched.isEmpty) return 0
  const next = new Touched()
  next.everything = false
  watch.touched = next
  const fallen = await fallenAmong(desk, touched)
  const holds = touched.everything || touched.identities.size > 0 ? openHolds(desk) : []
  let count = 0
  const slices = new Slices(desk.clock, undefined, 'awaited')
  for (let from = 0; from < fallen.length + holds.length; from += batchMax) {
    await slices.pause()
    const ended = await desk.store.change((tx) => endBatch(desk, tx, [...fallen, ...holds].slice(from, from + batchMax)))
    // What could not be written is asked about again, all of it: better once too often.
    if (!ended.ok) watch.touched.everything = true
    else count += ended.value
    if (!ended.ok) break
  }
  return count
}

async function fallenAmong(desk: Desk, touched: Touched): Promise<readonly Grant[]> {
  const fallen: Grant[] = []
  const slices = new Slices(desk.clock, undefined, 'awaited')
  for (const grant of [...desk.facts.openGrants()].filter((each) => touched.concerns(desk.facts, each))) {
    await slices.pause()
    const current = desk.facts.grant(grant.id)
    if (current !== undefined && whyOver(desk, current, desk.clock.now()) !== undefined) fallen.push(current)
  }
  return fallen
}

function openHolds(desk: Desk): readonly Hold[] {
  return [...desk.facts.holds()].filter((hold) => hold.state === 'waiting' || hold.state === 'approved')
}

async function endBatch(desk: Desk, tx: Change, batch: readonly (Grant | Hold)[]): Promise<Result<number>> {
  let count = 0
  for (const each of batch) {
    const isOver = 'session' in each ? await withdrawFallen(desk, tx, each) : await endFallen(desk, tx, each)
    if (isOver) count += 1
  }
  return done(count)
}

async function endFallen(desk: Desk, tx: Change, { id }: Grant): Promise<boolean> {
  const grant = await tx.get('grant', id)
  const reason = grant === undefined ? undefined : whyOver(desk, grant, tx.now)
  if (grant === undefined || reason === undefined) return false
  await endGrant(tx, grant, { how: endingOf(grant), by: machinery, reason })
  return true
}

function endingOf(grant: Grant): 'withdrawn' | 'unclaimed' | 'revoked' {
  if (grant.state === 'active') return 'revoked'
  return grant.state === 'approved' ? 'unclaimed' : 'withdrawn'
}

/** Why an open grant or request is over as things are now; nothing while it stands. */
function whyOver(desk: Desk, grant: Grant, now: Instant): string | undefined {
  // The permit of an exception stands and falls with that: `exceptions-sweep.ts` asks about it.
  if (grant.exception !== undefined) return undefined
  switch (grant.state) {
    case 'pending': {
      const asked = stillAskable(desk, grant, now)
      if (!asked.ok) return isAskedElsewhere(desk, grant, asked.refusal.code) ? undefined : inWords(asked.refusal)
      const { requirement, tier } = asked.value
      if (tier > grant.tier) return `it is of tier ${tier} now: ask again`
      return coversPrice(grant.requirement, requirement) ? undefined : `policy asks for ${describeRequirement(requirement)} now: ask again`
    }
    case 'approved':
    case 'active': {
      const given = stillGiven(desk, grant, now)
      return given.ok || isAskedElsewhere(desk, grant, given.refusal.code) ? undefined : inWords(given.refusal)
    }
    default:
      return undefined
  }
}

/** Containment is lifted again; what it stops meanwhile is refused action by action, and is not taken away by this. */
function isAskedElsewhere(desk: Desk, grant: Grant, code: string): boolean {
  return code.startsWith('identity.') && !isGone(desk, grant)
}

/** A held action for which policy asks otherwise now, or whose yes does not count any more. */
async function withdrawFallen(desk: Desk, tx: Change, { id }: Hold): Promise<boolean> {
  const hold = await tx.get('hold', id)
  if (hold === undefined || (hold.state !== 'waiting' && hold.state !== 'approved')) return false
  const reason = isHeldTheSame(desk, hold) ? await whyNotApproved(desk, tx, hold) : 'policy asks for another approval now'
  const state = step(holdLife, hold.state, 'withdraw')
  if (reason === undefined || state === undefined) return false
  await tx.put('hold', { ...withoutBody(hold), state, closedAt: tx.now, reason })
  await note(tx, { kind: 'hold.withdrawn', actor: machinery, subject: hold.id, facts: { grant: hold.grant, reason } })
  return true
}

function isHeldTheSame(desk: Desk, hold: Hold): boolean {
  const selectors = hold.policies.map((policy) => desk.facts.rules?.holds.get(policy))
  if (selectors.includes(undefined)) return false
  const now = uniteSelectors(selectors.flatMap((selector) => selector ?? []))
  return inOrder(now) === inOrder(hold.requirement.selector)
}

function inOrder(selector: Selector): string {
  return selector.parts
    .map((part) => JSON.stringify(part))
    .toSorted()
    .join()
}

async function whyNotApproved(desk: Desk, tx: Change, hold: Hold): Promise<string | undefined> {
  if (hold.state !== 'approved') return undefined
  const approvals = (await tx.find('approval', { subject: hold.id })).filter((each) => each.decision === 'approve')
  const { counting, lost } = yesesThatCount(desk, approvals, answerableHold(desk, hold), tx.now)
  return isSatisfied(hold.requirement, counting) ? undefined : lost.join('; ') || 'its approval does not count any more'
}
