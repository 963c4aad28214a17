/** Who may say yes, as policy writes it: `2 of role:sre, identity:ana` (a comma means all of them, a bar means any of them). */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'

/** A role or one identity, by its name. */
export interface SelectorMember {
  readonly kind: 'role' | 'identity'
  readonly name: string
}

/** So many distinct persons out of these. */
export interface SelectorPart {
  readonly count: number
  readonly from: readonly SelectorMember[]
}

/** Every part must be satisfied. */
export interface Selector {
  readonly parts: readonly SelectorPart[]
}

const partsMax = 8
const membersMax = 16
const countMax = 10

/** Reads `[N of] role:x | identity:y`, comma = all. Refuses `policy.invalid` with what is wrong in `detail`. */
export function parseSelector(text: string): Result<Selector> {
  const written = text.split(',')
  if (written.length > partsMax) return malformed(`at most ${partsMax} parts`)
  const parts: SelectorPart[] = []
  for (const part of written) {
    const read = parsePart(part.trim())
    if (!read.ok) return read
    parts.push(read.value)
  }
  return added(parts)
}

/** Equal parts of one text add up: each wants persons of its own. United with another text they would be one. */
function added(parts: readonly SelectorPart[]): Result<Selector> {
  const sums = new Map<string, SelectorPart>()
  for (const part of parts) {
    const key = keyOf(part)
    const count = (sums.get(key)?.count ?? 0) + part.count
    if (count > countMax) return malformed(`${count} persons cannot be asked for; 1 to ${countMax} can`)
    if (part.from.every((member) => member.kind === 'identity') && new Set(part.from.map((member) => member.name)).size < count)
      return malformed(`"${describeSelector({ parts: [part] })}" is asked for more often than it names persons`)
    sums.set(key, { ...part, count })
  }
  return done({ parts: [...sums.values()] })
}

function keyOf(part: SelectorPart): string {
  return part.from.map(describeMember).toSorted().join('|')
}

/** All demands together: each part of each selector, and of equal parts the one that asks for most persons. */
export function uniteSelectors(selectors: readonly Selector[]): Selector {
  const strictest = new Map<string, SelectorPart>()
  for (const part of selectors.flatMap((selector) => selector.parts)) {
    const key = keyOf(part)
    const known = strictest.get(key)
    if (known === undefined || known.count < part.count) strictest.set(key, part)
  }
  return { parts: [...strictest.values()] }
}

/**
 * Whether whoever satisfies the first satisfies the second, alone and united with any others: each part of the second stands in the first
 * with the same members and at least as many persons. (A part with fewer members would fall together with another one of those members.)
 */
export function isAtLeastAsStrict(first: Selector, second: Selector): boolean {
  const counts = new Map(uniteSelectors([first]).parts.map((part) => [keyOf(part), part.count]))
  return uniteSelectors([second]).parts.every((part) => (counts.get(keyOf(part)) ?? 0) >= part.count)
}

/** The text that `parseSelector` reads back. */
export function describeSelector(selector: Selector): string {
  const describePart = (part: SelectorPart) => `${part.count === 1 ? '' : `${part.count} of `}${part.from.map(describeMember).join(' | ')}`
  return selector.parts.map(describePart).join(', ')
}

function describeMember(member: SelectorMember): string {
  return `${member.kind}:${member.name}`
}

function parsePart(text: string): Result<SelectorPart> {
  const [, digits, members = ''] = /^(?:(\d{1,3})\s+of\s+)?(.*)$/s.exec(text) ?? []
  const count = digits === undefined ? 1 : Number(digits)
  if (count < 1 || count > countMax) return malformed(`${count} persons cannot be asked for; 1 to ${countMax} can`)
  const from: SelectorMember[] = []
  for (const member of members.split('|')) {
    const [, kind, name] = /^(role|identity):([A-Za-z0-9](?:[A-Za-z0-9._@+-]{0,126}[A-Za-z0-9])?)$/.exec(member.trim()) ?? []
    if (kind === undefined || name === undefined) return malformed(`"${member.trim().slice(0, 60)}" is neither role:name nor identity:name`)
    from.push({ kind: kind === 'role' ? 'role' : 'identity', name })
  }
  if (from.length > membersMax) return malformed(`at most ${membersMax} names in one part`)
  if (from.every((member) => member.kind === 'identity') && new Set(from.map((member) => member.name)).size < count) {
    return malformed(`"${text.slice(0, 60)}" asks for more persons than it names`)
  }
  return done({ count, from })
}

function malformed(why: string): Result<never> {
  return refuse('policy.invalid', { detail: `${why}; write [N of] role:x | identity:y, with a comma where all are needed` })
}
