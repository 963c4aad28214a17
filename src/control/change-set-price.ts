/** What a change-set costs before it applies: nothing more than the right to administer, or the signed yes of somebody else. */
import type { IdentityId } from '../kernel/ids.ts'
import { type ChangeClass, needsSecondPerson, type ChangeSet } from '../model/change-sets.ts'
import type { Tier } from '../model/effects.ts'
import { noRequirement, type Requirement } from '../model/requirements.ts'
import type { Caller, Desk } from './desk.ts'
import type { RuledPicture } from './change-set-policies.ts'
import { machineOperator } from './let-in.ts'
import type { Answerable } from './rights.ts'

/** Who authors: somebody at the desk, or whoever runs the machine, where files and the start of Remit are in their hands. */
export type Author = Caller | { readonly machine: string }

export interface Price {
  readonly requirement: Requirement
  readonly tier: Tier
  /** Set where nobody else could be asked: it is said in the answer and in the ledger. */
  readonly alone?: string
}

export function authorOf(author: Author): ChangeSet['author'] {
  return 'machine' in author
    ? { name: author.machine, chain: [] }
    : { name: author.actor.name, chain: author.chain.map((link): IdentityId => link.id) }
}

const persons = (personsMin: number): Requirement => ({ ...noRequirement, personsMin })

/**
 * Nobody vouches for who sat at the machine, so that what was written there takes two persons; what an administrator authored takes one
 * other. Before anybody else ever registered a passkey there is nobody to ask. That never comes back: passkeys are kept, also revoked ones
 * and those of people who left.
 */
export function priceOf(desk: Desk, author: Author, changeClass: ChangeClass, tier: Tier): Price {
  if (!needsSecondPerson(changeClass)) return { requirement: noRequirement, tier }
  const holders = passkeyHolders(desk)
  if ('machine' in author) {
    if (holders.size === 0) return { requirement: noRequirement, tier, alone: 'founding: nobody is registered yet' }
    if (holders.size === 1) return { requirement: persons(1), tier, alone: 'approved by one person: nobody else could be asked' }
    return { requirement: persons(2), tier }
  }
  const others = [...holders].filter((id) => !author.chain.some((link) => link.id === id))
  if (others.length === 0) return { requirement: noRequirement, tier, alone: 'applied alone: nobody else could be asked' }
  return { requirement: persons(1), tier }
}

/** Whether it was proposed from the machine while fewer people were there: the signature of one would do for it, where now it takes two. */
export function isUnderpriced(desk: Desk, { author, class: changeClass, requirement }: ChangeSet): boolean {
  if (author.chain.length > 0 || !needsSecondPerson(changeClass)) return false
  return priceOf(desk, { machine: author.name }, changeClass, 1).requirement.personsMin > requirement.personsMin
}

/** Everybody who ever had a passkey here. */
export function passkeyHolders({ facts }: Pick<Desk, 'facts'>): ReadonlySet<IdentityId> {
  return new Set(facts.proofs.passkeyHolders())
}

/** A secret that moves is worth what it opens; the rest is decided below the tier from which owners and issuers are excluded. */
export function tierOfChange(changeClass: ChangeClass, before: RuledPicture, after: RuledPicture): Tier {
  if (changeClass !== 'moves-secret') return 1
  const moved = [...after.services.values()].filter((service) => service !== before.services.get(service.id))
  const sides = moved.flatMap((service) => [service, before.services.get(service.id)])
  return sides.reduce<Tier>(
    (tier, service) => (service?.routes ?? []).reduce<Tier>((most, route) => (route.tier > most ? route.tier : most), tier),
    1,
  )
}

export function answerableChangeSet({ author, requirement, tier }: ChangeSet): Answerable {
  // What is written at the machine has no author to exclude: it is whoever runs it, under the names by which that is known.
  const proposers = author.chain.length === 0 ? [author.name, machineOperator] : [author.name]
  return { chain: author.chain, proposers, requirement, tier }
}
