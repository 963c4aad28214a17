/** How many distinct persons must say yes, and who they may be; whether the yeses at hand are enough. */
import type { Selector, SelectorMember } from './selector.ts'

export interface Requirement {
  /** Each part wants its own distinct persons. */
  readonly selector: Selector
  /** At least so many distinct persons in all, whoever they are (the tier's demand). */
  readonly personsMin: number
}

export const noRequirement: Requirement = { selector: { parts: [] }, personsMin: 0 }

/** A person as far as approving goes. */
export interface Approver {
  readonly id: string
  readonly name: string
  readonly roles: readonly string[]
}

export function isMember(person: Approver, members: readonly SelectorMember[]): boolean {
  return members.some((member) => (member.kind === 'identity' ? member.name === person.name : person.roles.includes(member.name)))
}

export function needsPersons(requirement: Requirement): boolean {
  return requirement.personsMin > 0 || requirement.selector.parts.length > 0
}

/** Distinct persons wanted in all. */
export function personsWanted(requirement: Requirement): number {
  const named = requirement.selector.parts.reduce((sum, part) => sum + part.count, 0)
  return Math.max(named, requirement.personsMin)
}

/** Whether an approval by this person could count towards the requirement at all. */
export function mayCount(requirement: Requirement, person: Approver): boolean {
  const { parts } = requirement.selector
  const named = parts.reduce((sum, part) => sum + part.count, 0)
  return parts.some((part) => isMember(person, part.from)) || requirement.personsMin > named
}

/**
 * Whether these persons satisfy every part, no person counted twice, and the least number of persons.
 * A bipartite matching of places to persons (augmenting paths): a greedy choice could waste the one person who fits the rarer place.
 */
export function isSatisfied(requirement: Requirement, persons: readonly Approver[]): boolean {
  const distinct = [...new Map(persons.map((person) => [person.id, person])).values()]
  if (distinct.length < personsWanted(requirement)) return false
  const places = requirement.selector.parts.flatMap((part) => Array.from({ length: part.count }, () => part.from))
  const placeOf = new Map<string, number>()
  const tryPlace = (place: number, seen: Set<string>): boolean => {
    for (const person of distinct) {
      if (seen.has(person.id) || !isMember(person, places[place] ?? [])) continue
      seen.add(person.id)
      const taken = placeOf.get(person.id)
      if (taken === undefined || tryPlace(taken, seen)) {
        placeOf.set(person.id, place)
        return true
      }
    }
    return false
  }
  return places.every((_, place) => tryPlace(place, new Set()))
}
