/** The scope of a grant as people write it: `read:shop`, `shop/restart,service=checkout,uses=1`. */
import { canonicalJson, Fraction } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { ArgumentValue } from './actions.ts'
import { type Effect, isEffect } from './effects.ts'
import type { ArgumentConstraint, ScopeEntry } from './grants.ts'

const operationPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/
const namePattern = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/
/** Names of operations: as names, but with capital letters too, as OpenAPI documents write them. */
export function isOperationName(text: string): boolean {
  return operationPattern.test(text)
}

export const usesMax = 100_000
export const scopeLinesMax = 32
const lineLengthMax = 1_000

/** Names of services, operations, identities, roles: lowercase, digits, `.`, `_`, `-`, at most 64. */
export function isName(text: string): boolean {
  return namePattern.test(text)
}

/** Under these machinery and policy stand in the ledger: nobody is called so. */
export function isTakenName(name: string): boolean {
  return name === 'remit' || name === 'policy'
}

/**
 * Reads one line of a scope: effects and a resource (`read|write:shop`, `any:shop`… is not taken: name what is needed), or one operation
 * (`shop/restart`), then constraints after commas: `name=value`, `name=a|b`, `name~pattern*`, `name<=5`, `name>=1`, `uses=1`.
 * Refuses `input.invalid` with the part that cannot be read.
 */
export function parseScopeLine(text: string): Result<ScopeEntry> {
  if (text.length > lineLengthMax) return malformed(text, `at most ${lineLengthMax} characters`)
  const [head = '', ...rest] = text.split(',').map((part) => part.trim())
  const read = parseHead(head)
  if (!read.ok) return read
  const constraints = new Map<string, ArgumentConstraint>()
  let uses: number | undefined
  for (const part of rest) {
    const [, name, sign, value] = /^([A-Za-z_][A-Za-z0-9_.-]{0,63})(<=|>=|=|~)(.*)$/s.exec(part) ?? []
    if (name === undefined || sign === undefined || value === undefined) return malformed(text, `cannot read "${part}"`)
    if (name === 'uses' && sign === '=') {
      if (uses !== undefined) return malformed(text, 'uses is said twice')
      uses = Number(value)
      if (!/^\d{1,6}$/.test(value) || uses < 1 || uses > usesMax) return malformed(text, `uses is a number from 1 to ${usesMax}`)
      continue
    }
    const constraint = parseConstraint(sign, value)
    if (constraint === undefined) return malformed(text, `"${part}" compares with a number`)
    const known = constraints.get(name) ?? {}
    // All that is written must hold; of two on the same side one would be forgotten.
    if (Object.keys(constraint).some((side) => Object.hasOwn(known, side))) return malformed(text, `"${part}" is the second of its kind`)
    constraints.set(name, { ...known, ...constraint })
  }
  return done({
    ...read.value,
    ...(constraints.size === 0 ? {} : { arguments: Object.fromEntries(constraints) }),
    ...(uses === undefined ? {} : { uses }),
  })
}

function parseHead(head: string): Result<ScopeEntry> {
  const colon = head.indexOf(':')
  const resource = colon < 0 ? head : head.slice(colon + 1)
  const names = resource.split('/')
  const [service = '', operation] = names
  if (names.length > 2 || !isName(service) || (operation !== undefined && !isOperationName(operation)))
    return malformed(head, 'a resource is a service or service/operation')
  if (colon < 0) {
    if (names.length !== 2) return malformed(head, `name what is needed on it, such as read:${resource}`)
    return done({ resource })
  }
  const effects: Effect[] = []
  for (const effect of head.slice(0, colon).split('|')) {
    if (!isEffect(effect)) return malformed(head, `"${effect.slice(0, 40)}" is not an effect`)
    effects.push(effect)
  }
  return done({ resource, effects: [...new Set(effects)].toSorted() })
}

function parseConstraint(sign: string, value: string): ArgumentConstraint | undefined {
  switch (sign) {
    case '=':
      return { oneOf: value.split('|') }
    case '~':
      return { like: value }
    default: {
      const bound = Number(value)
      if (value === '' || !Number.isSafeInteger(bound)) return undefined
      return sign === '<=' ? { atMost: bound } : { atLeast: bound }
    }
  }
}

function malformed(text: string, why: string): Result<never> {
  return refuse('input.invalid', { detail: `scope "${text.slice(0, 80)}": ${why}` })
}

/** The text that `parseScopeLine` reads back. */
export function describeScopeLine(entry: ScopeEntry): string {
  const head = entry.effects === undefined ? entry.resource : `${entry.effects.join('|')}:${entry.resource}`
  const constraints = Object.entries(entry.arguments ?? {}).flatMap(([name, constraint]) => describeConstraint(name, constraint))
  const uses = entry.uses === undefined ? [] : [`uses=${entry.uses}`]
  return [head, ...constraints, ...uses].join(',')
}

function describeConstraint(name: string, constraint: ArgumentConstraint): string[] {
  const parts: string[] = []
  if (constraint.oneOf !== undefined) parts.push(`${name}=${constraint.oneOf.map(argumentText).join('|')}`)
  if (constraint.like !== undefined) parts.push(`${name}~${constraint.like}`)
  if (constraint.atLeast !== undefined) parts.push(`${name}>=${constraint.atLeast}`)
  if (constraint.atMost !== undefined) parts.push(`${name}<=${constraint.atMost}`)
  return parts
}

/** An argument as text: strings as they are, everything else by its canonical JSON. */
export function argumentText(value: ArgumentValue): string {
  if (typeof value === 'string') return value
  return value instanceof Fraction ? value.text : canonicalJson(value)
}
