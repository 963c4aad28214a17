/** Whether a grant would be given again as things are now, and if not, what of it changed. */
import type { Instant } from '../kernel/instants.ts'
import { refuse, type Refusal } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Eligible, mayAsk } from '../decision/ask.ts'
import { chainStands } from '../decision/facts.ts'
import type { Grant } from '../model/grants.ts'
import type { Identity } from '../model/identities.ts'
import { type Approver, isSatisfied, mayCount, needsPersons, personsWanted, type Requirement } from '../model/requirements.ts'
import type { SelectorPart } from '../model/selector.ts'
import type { Desk } from './desk.ts'
import { parseIssuedProof, splitProofs } from './proofs.ts'
import { withAPerson } from './request-grant.ts'
import { type Answerable, asApprover, describeRequirement, mayAnswer } from './rights.ts'

/** Eligible by the rules of now, its facts still proved, and approved by as many as they ask for, who could all still say yes. */
export function stillGiven(desk: Desk, grant: Grant, now: Instant): Result<undefined> {
  const asked = stillAskable(desk, grant, now)
  if (!asked.ok) return asked
  // What a person was asked for after untrusted results stands on that person's yes, whatever policy asks of others.
  const { requirement, tier } = grant.untrusted === true ? withAPerson(asked.value) : asked.value
  if (!needsPersons(requirement)) return done(undefined)
  const given = grant.approvedBy ?? []
  const persons = yesesThatCount(desk, given, { chain: grant.chain, requirement, tier }, now)
  if (isSatisfied(requirement, persons.counting)) return done(undefined)
  return refuse('request.not-eligible', {
    detail: persons.lost.join('; ') || `policy asks for ${describeRequirement(requirement)} now`,
  })
}

/** Whether it could be asked for now; the price that it would have. */
export function stillAskable(desk: Desk, grant: Grant, now: Instant): Result<Eligible> {
  const chain = chainStands(desk.facts, grant.chain)
  if (!chain.ok) return chain
  const unproved = grant.task.proved.find((fact) => !isStillProved(desk, fact))
  if (unproved !== undefined)
    return refuse('request.not-eligible', { detail: `its ${unproved.name} is not proved any more: whoever vouched for it is not trusted` })
  const before = grant.continues === undefined ? undefined : desk.facts.grant(grant.continues)
  const duration = grant.duration + (before?.duration ?? 0)
  return mayAsk(desk.facts, { chain: chain.value, task: grant.task, scope: grant.scope, duration }, now)
}

/** A fact that a token of an issuer carried is proved while that issuer is there, vouches for such facts, and knows whose token it was. */
function isStillProved(desk: Desk, fact: Grant['task']['proved'][number]): boolean {
  const { proofs } = desk.facts
  const issued = splitProofs(fact.source).flatMap((part) => parseIssuedProof(part) ?? [])
  if (issued.length === 0) return true
  return issued.some(({ issuer, identity: id, subjectHash }) => {
    const vouches = proofs.issuer(issuer)?.proves[fact.name] !== undefined
    return vouches && proofs.isLive(`iss:${issuer}:${id}:${subjectHash}`, fact.at)
  })
}

/** What people were asked for covers what would be asked for now: a request is not approved at an old, lower price. */
export function coversPrice(asked: Requirement, now: Requirement): boolean {
  if (personsWanted(now) > personsWanted(asked)) return false
  return now.selector.parts.every((part) =>
    asked.selector.parts.some((one) => one.count >= part.count && membersOf(one) === membersOf(part)),
  )
}

function membersOf({ from }: SelectorPart): string {
  return from
    .map(({ kind, name }) => `${kind}:${name}`)
    .toSorted()
    .join()
}

export interface Yeses {
  readonly counting: readonly Approver[]
  /** Why the others count no more, in words. */
  readonly lost: readonly string[]
}

/** Of those who signed a yes, who could still give it. */
export function yesesThatCount(
  desk: Desk,
  given: readonly { readonly person: Identity['id']; readonly passkey: string }[],
  about: Answerable,
  now: Instant,
): Yeses {
  const counting: Approver[] = []
  const lost: string[] = []
  for (const { person: id, passkey } of given) {
    const person = desk.facts.identity(id)
    const why = person === undefined ? 'is gone' : whyNoYes(desk, person, { passkey, about, now })
    if (why === undefined && person !== undefined) counting.push(asApprover(person))
    else lost.push(`its approver ${person?.name ?? id} ${why}`)
  }
  return { counting, lost }
}

interface Signed {
  readonly passkey: string
  readonly about: Answerable
  readonly now: Instant
}

function whyNoYes(desk: Desk, person: Identity, { passkey, about, now }: Signed): string | undefined {
  if (person.state !== 'live') return 'was disabled'
  if (person.quarantine !== undefined) return 'is quarantined'
  const signed = desk.facts.proofs.passkey(passkey)
  if (signed === undefined || signed.revokedAt !== undefined) return 'signed with a passkey that was revoked'
  if (!mayCount(about.requirement, asApprover(person))) return `is not in ${rolesWanted(about.requirement)} any more`
  const may = mayAnswer(desk, person, about, now)
  if (may.ok) return undefined
  if (may.refusal.code === 'approval.let-in-lately') return 'was let in lately by somebody who has a part in it, and others are there'
  return may.refusal.code === 'approval.own-request' ? 'has a part in it now' : 'may not approve at the desk any more'
}

function rolesWanted(requirement: Requirement): string {
  const members = requirement.selector.parts.flatMap((part) => part.from)
  return [...new Set(members.map((member) => member.name))].join(' or ')
}

/** Whether somebody in the chain, or who answers for it, is not there any more. A quarantine is lifted again, and takes nothing away by itself. */
export function isGone(desk: Desk, grant: Grant): boolean {
  return grant.chain.some((id) => {
    const link = desk.facts.identity(id)
    if (link === undefined || link.state !== 'live') return true
    if (link.kind === 'human') return false
    const owner = link.owner === undefined ? undefined : desk.facts.identity(link.owner)
    return owner?.kind !== 'human' || owner.state !== 'live'
  })
}

/** The reason in the words of an ending: what is not as it was. */
export function inWords({ code, detail = code }: Refusal): string {
  switch (code) {
    case 'scope.unknown':
    case 'scope.empty':
      return `${detail} is not there any more`
    case 'request.too-long':
      return `it is longer than may be given now: ${detail}`
    case 'identity.disabled':
      return `${detail} was disabled`
    case 'identity.owner-gone':
      return `the owner of ${detail} is gone`
    default:
      return `it would not be given any more: ${detail}`
  }
}
