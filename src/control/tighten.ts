/** What an approver adds to a line of a scope: further demands on arguments, which never take one away. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { ArgumentConstraint, ScopeEntry } from '../model/grants.ts'
import { argumentText, describeScopeLine, parseScopeLine } from '../model/scope.ts'

type Constraints = Readonly<Record<string, ArgumentConstraint>>

/**
 * The line with what this text demands besides, written as in a scope line: `amount<=50,to@email`. Refuses `input.invalid` for what cannot
 * be read, and `approval.widens` for anything but demands on arguments, and for one that would take the place of a narrower one.
 */
export function tighten(entry: ScopeEntry, where: string): Result<ScopeEntry> {
  const read = parseScopeLine(`${entry.effects === undefined ? '' : `${entry.effects.join('|')}:`}${entry.resource},${where}`)
  if (!read.ok) return read
  const { resource: _resource, effects: _effects, arguments: added = {}, ...more } = read.value
  const [other] = Object.keys(more)
  if (other !== undefined) return refuse('approval.widens', { detail: `${other} is no demand on an argument` })
  const all: Record<string, ArgumentConstraint> = { ...entry.arguments }
  for (const [name, constraint] of Object.entries(added)) {
    const both = unite(ofArgument(entry.arguments, name), constraint)
    if (both === undefined) return refuse('approval.widens', { detail: `what ${name} must be is narrower already` })
    all[name] = both
  }
  const tightened = { ...entry, arguments: all }
  // What is too long to be written down cannot be shown to whoever signs next.
  const again = parseScopeLine(describeScopeLine(tightened))
  return again.ok ? done(tightened) : again
}

function ofArgument(known: Constraints | undefined, name: string): ArgumentConstraint {
  return (known !== undefined && Object.hasOwn(known, name) ? known[name] : undefined) ?? {}
}

/** Both together, or `undefined` where one side cannot be said with the other. */
function unite(known: ArgumentConstraint, added: ArgumentConstraint): ArgumentConstraint | undefined {
  const isWithin =
    isAmong(added.oneOf, known.oneOf) &&
    isSame(added.like, known.like) &&
    isSame(added.format, known.format) &&
    (known.atLeast === undefined || added.atLeast === undefined || added.atLeast >= known.atLeast) &&
    (known.atMost === undefined || added.atMost === undefined || added.atMost <= known.atMost)
  return isWithin ? { ...known, ...added } : undefined
}

function isAmong(added: ArgumentConstraint['oneOf'], known: ArgumentConstraint['oneOf']): boolean {
  if (added === undefined || known === undefined) return true
  const texts = known.map(argumentText)
  return added.every((each) => texts.includes(argumentText(each)))
}

/** Of two patterns nobody can say which is narrower: only the same is taken. */
function isSame(added: string | undefined, known: string | undefined): boolean {
  return added === undefined || known === undefined || added === known
}
