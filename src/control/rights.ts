/** Who may see and who may answer what: one place, asked by every deed and page. */
import type { IdentityId } from '../kernel/ids.ts'
import { formatInstant, type Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { names } from '../decision/covers.ts'
import { isLive, isSameChain, stillEligible } from '../decision/decide.ts'
import { chainStands } from '../decision/facts.ts'
import { type DeskOperation, deskService } from '../model/desk-service.ts'
import type { Grant, Hold } from '../model/grants.ts'
import type { DeskAction, Identity } from '../model/identities.ts'
import { type Approver, isSatisfied, mayCount, needsPersons, type Requirement } from '../model/requirements.ts'
import { describeSelector } from '../model/selector.ts'
import type { Tier } from '../model/effects.ts'
import { type Caller, type Desk, deskAllows, type DeskRight, weighAtDesk } from './desk.ts'
import { hasOthers, lately, type LetIn, letIn } from './let-in.ts'

/** What waits for an answer: a request for a grant, a held action, a change-set, an exception. */
export interface Answerable {
  /** Names of those who proposed it without being a link of its chain, whoever runs the machine included. */
  readonly proposers?: readonly string[]
  readonly chain: readonly IdentityId[]
  readonly requirement: Requirement
  readonly tier: Tier
}

export function asApprover(identity: Identity): Approver {
  return { id: identity.id, name: identity.name, roles: identity.roles }
}

/**
 * Every link of the caller's chain must be allowed: acting for somebody gives no more than both have. What is not given by what stands is
 * given by a live grant for the desk, to exactly the chain that it was granted to.
 */
export function callerMay(desk: Desk, caller: Pick<Caller, 'chain'>, action: DeskAction): Result<DeskRight> {
  const now = desk.clock.now()
  const granted = action === 'operate' || action === 'administer' ? deskGrant(desk, caller, action) : undefined
  if (granted !== undefined) return done(granted)
  let right: DeskRight = {}
  for (const link of caller.chain) {
    const allowed = deskAllows(desk, link, action, now)
    if (!allowed.ok) return allowed
    if (allowed.value.under !== undefined) right = allowed.value
  }
  return done(right)
}

/** The right that a grant for `desk/operate` or `desk/administer` gives, while it is live and would be given again. */
function deskGrant(desk: Desk, { chain }: Pick<Caller, 'chain'>, action: DeskOperation): DeskRight | undefined {
  const [actor] = chain
  const now = desk.clock.now()
  const links = chainStands(
    desk.facts,
    chain.map((link) => link.id),
  )
  if (actor === undefined || !links.ok || links.value.some((link) => !weighAtDesk(desk, link, action).ok)) return undefined
  const wanted = deskService.routes.find((route) => route.name === action)
  if (wanted === undefined) return undefined
  const operation = { service: deskService.id, operation: action, effect: wanted.effect }
  for (const grant of desk.facts.activeGrantsOf(actor.id)) {
    // An exception says by itself what it permits at the desk.
    if (grant.exception !== undefined || !isLive(grant, now) || !grant.scope.some((entry) => names(entry, operation))) continue
    const isOwn = isSameChain(
      grant.chain,
      links.value.map((link) => link.id),
    )
    if (!isOwn || !stillEligible(desk.facts, grant, links.value, now).ok) continue
    return { under: grant.id, touch: (at) => desk.activity.used(grant.id, at) }
  }
  return undefined
}

/** Whether the caller is part of the chain, or owns a link of it. */
export function isParty(desk: Desk, caller: Pick<Caller, 'actor'>, chain: readonly IdentityId[]): boolean {
  return chain.some((id) => id === caller.actor.id || desk.facts.identity(id)?.owner === caller.actor.id)
}

export function maySee(desk: Desk, caller: Caller, chain: readonly IdentityId[]): boolean {
  return isParty(desk, caller, chain) || callerMay(desk, caller, 'audit').ok
}

/** Whether this person, as they are now, may say yes or no to it. The refusal says why not. */
export function mayAnswer(desk: Desk, who: Identity, subject: Answerable, now: Instant): Result<undefined> {
  const person = desk.facts.identity(who.id)
  if (person?.kind !== 'human') return refuse('approval.not-approver', { detail: 'only people answer' })
  const part = excluded(desk, subject, now).get(person.id)
  if (part !== undefined) return refuse('approval.own-request', part === '' ? {} : { detail: part })
  const came = letInByParty(desk, person.id, subject, now)
  if (came !== undefined && (came.replaced || hasOthers(desk, person.id, came, now)))
    return refuse('approval.let-in-lately', { detail: letInWords(person.name, came) })
  const allowed = deskAllows(desk, person, 'approve', now)
  if (!allowed.ok) return refuse('approval.not-approver', { detail: `${person.name} may not approve at this desk` })
  if (!mayCount(subject.requirement, asApprover(person))) {
    return refuse('approval.not-approver', { detail: `wanted: ${describeRequirement(subject.requirement)}` })
  }
  return done(undefined)
}

/** Whose yes is none: every link always; from tier 2 also their owners and whoever issued their credentials lately, each with what to say of it. */
function excluded(desk: Desk, subject: Answerable, now: Instant): ReadonlyMap<string, string> {
  const out = new Map<string, string>()
  for (const id of subject.tier < 2 ? [] : subject.chain) {
    const { name = '', owner } = desk.facts.identity(id) ?? {}
    for (const { createdAt, issuedBy } of desk.facts.proofsOf(id)) {
      if (issuedBy === undefined || now - createdAt > lately) continue
      const issuer = desk.facts.identityNamed(issuedBy)
      const until = formatInstant(createdAt + lately)
      if (issuer !== undefined) out.set(issuer.id, `${issuer.name} let ${name} in lately, and answers for ${name} from ${until} on`)
    }
    if (owner !== undefined) out.set(owner, '')
  }
  for (const id of subject.chain) out.set(id, '')
  return out
}

/**
 * Which party of it let this person in within the last week. Their yes counts only where nobody else was ever there, and then it says so.
 */
export function letInByParty(desk: Desk, person: IdentityId, { chain, proposers = [] }: Answerable, now: Instant): LetIn | undefined {
  const parties = new Set(proposers)
  for (const id of chain) {
    const link = desk.facts.identity(id)
    const owner = link?.owner === undefined ? undefined : desk.facts.identity(link.owner)
    for (const party of [link, owner]) if (party !== undefined) parties.add(party.name)
  }
  return letIn(desk, person, parties, now)
}

function letInWords(name: string, { by, until, replaced }: LetIn): string {
  const how = replaced ? `replaced the passkeys of ${name}` : `let ${name} in`
  return `${by}, who has a part in this, ${how} lately; what ${name} signs on it counts from ${formatInstant(until)} on`
}

/** Whether the people who exist could satisfy it at all. If not it stays locked: it never falls open. */
export function isLocked(desk: Desk, subject: Answerable, now: Instant): boolean {
  if (!needsPersons(subject.requirement)) return false
  const able = [...desk.facts.people()].filter((person) => desk.facts.hasPasskey(person.id) && mayAnswer(desk, person, subject, now).ok)
  return !isSatisfied(subject.requirement, able.map(asApprover))
}

export function describeRequirement(requirement: Requirement): string {
  const named = describeSelector(requirement.selector)
  if (!needsPersons(requirement)) return 'nobody'
  const count = requirement.selector.parts.reduce((sum, part) => sum + part.count, 0)
  if (requirement.personsMin <= count) return named
  const persons = `${requirement.personsMin} ${requirement.personsMin === 1 ? 'person' : 'persons'} who may approve`
  return named === '' ? persons : `${persons}, among them ${named}`
}

export function answerableGrant(grant: Grant): Answerable {
  return { chain: grant.chain, requirement: grant.requirement, tier: grant.tier }
}

export function answerableHold(desk: Desk, hold: Hold): Answerable {
  const grant = desk.facts.grant(hold.grant)
  return { chain: grant?.chain ?? [], requirement: hold.requirement, tier: hold.action.tier }
}
