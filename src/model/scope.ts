/** The scope of a grant as people write it: `read:shop`, `shop/restart,service=checkout,uses=1`, `shop/refund,sum(amount)<=500`. */
import { formatDuration, type Milliseconds, parseDuration } from '../kernel/instants.ts'
import { canonicalJson, Fraction } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { ArgumentValue } from './actions.ts'
import { type Effect, isEffect } from './effects.ts'
import { formats, isFormat } from './formats.ts'
import type { ArgumentConstraint, RateLimit, ScopeEntry, SumLimit } from './grants.ts'
import { quotedAlternatives, quoteText, readQuoted, splitLine } from './scope-quotes.ts'

const operationPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/
const namePattern = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/
/** Names of operations: as names, but with capital letters too, as OpenAPI documents write them. */
export function isOperationName(text: string): boolean {
  return operationPattern.test(text)
}

export const usesMax = 100_000
/** In ten-thousandths it is still an exact whole number. */
export const sumMax = 900_000_000_000
export const windowMax: Milliseconds = 86_400_000
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
 * (`shop/restart`), then after commas what its arguments must be: `name=value`, `name=a|b`, `name~pattern*`, `name@email`, `name<=5`,
 * `name>=1`, or in JSON `name:="a, b"|["c"]`, `name:~"a, *"`; what is counted: `uses=1` actions in all, `sum(name)<=500` of an argument
 * over all of them, `rate=10/1m` actions in any minute; and `after=bank/lookup`, which must have been answered before.
 * Refuses `input.invalid` with the part that cannot be read.
 */
export function parseScopeLine(text: string): Result<ScopeEntry> {
  if (text.length > lineLengthMax) return malformed(text, `at most ${lineLengthMax} characters`)
  const [head = '', ...rest] = splitLine(text)
  const read = parseHead(head)
  if (!read.ok) return read
  const constraints = new Map<string, ArgumentConstraint>()
  let limits: Limits = {}
  for (const part of rest) {
    const limit = parseLimit(part)
    if (limit !== undefined) {
      if (!limit.ok) return malformed(text, limit.refusal.detail ?? '')
      const twice = Object.keys(limit.value).find((name) => Object.hasOwn(limits, name))
      if (twice !== undefined) return malformed(text, `${twice} is said twice`)
      limits = { ...limits, ...limit.value }
      continue
    }
    const [, name, sign, value] = /^([A-Za-z_][A-Za-z0-9_.-]{0,63})(<=|>=|:=|:~|=|~|@)(.*)$/s.exec(part) ?? []
    if (name === undefined || sign === undefined || value === undefined) return malformed(text, `cannot read "${part}"`)
    const constraint = parseConstraint(sign, value)
    if (typeof constraint === 'string') return malformed(text, `"${part}" ${constraint}`)
    const known = constraints.get(name) ?? {}
    // All that is written must hold; of two on the same side one would be forgotten.
    if (Object.keys(constraint).some((side) => Object.hasOwn(known, side))) return malformed(text, `"${part}" is the second of its kind`)
    constraints.set(name, { ...known, ...constraint })
  }
  return done({ ...read.value, ...(constraints.size === 0 ? {} : { arguments: Object.fromEntries(constraints) }), ...limits })
}

type Limits = Pick<ScopeEntry, 'uses' | 'sum' | 'rate' | 'after'>

/** What would be read as a limit is said of an argument of that name in JSON: `after:="x"`. */
const limitNames: readonly string[] = ['uses', 'rate', 'after']

/** What a line counts; `undefined` for what is said of an argument. */
function parseLimit(part: string): Result<Limits> | undefined {
  const [, uses] = /^uses=(.*)$/s.exec(part) ?? []
  if (uses !== undefined) {
    const count = wholeNumber(uses, usesMax)
    return count === undefined ? refuse('input.invalid', { detail: `uses is a number from 1 to ${usesMax}` }) : done({ uses: count })
  }
  const [, rate] = /^rate=(.*)$/s.exec(part) ?? []
  if (rate !== undefined) {
    const limit = parseRate(rate)
    return limit === undefined
      ? refuse('input.invalid', { detail: 'rate is written as 10/1m: how many, and in what time, in whole seconds up to 1d' })
      : done({ rate: limit })
  }
  const [, after] = /^after=(.*)$/s.exec(part) ?? []
  if (after !== undefined) {
    const [service = '', operation = '', ...more] = after.split('/')
    return more.length === 0 && isName(service) && isOperationName(operation)
      ? done({ after })
      : refuse('input.invalid', { detail: 'after names one operation, such as after=bank/lookup' })
  }
  const [, argument, sum] = /^sum\(([A-Za-z_][A-Za-z0-9_.-]{0,63})\)<=(.*)$/s.exec(part) ?? []
  if (argument === undefined || sum === undefined) return undefined
  const atMost = wholeNumber(sum, sumMax)
  return atMost === undefined
    ? refuse('input.invalid', { detail: `a sum is at most a whole number from 1 to ${sumMax}` })
    : done({ sum: { argument, atMost } })
}

function parseRate(text: string): RateLimit | undefined {
  const [, count = '', time = ''] = /^([^/]*)\/(.*)$/s.exec(text) ?? []
  const atMost = wholeNumber(count, usesMax)
  const window = parseDuration(time)
  if (atMost === undefined || !window.ok || window.value > windowMax || window.value % 1_000 !== 0) return undefined
  // Written with the two largest units: what would not be read back as it was is not taken.
  const again = parseDuration(formatDuration(window.value))
  return again.ok && again.value === window.value ? { atMost, window: window.value } : undefined
}

function wholeNumber(text: string, max: number): number | undefined {
  const number = /^\d{1,12}$/.test(text) ? Number(text) : 0
  return number >= 1 && number <= max ? number : undefined
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

/** Or what is wrong with it. */
function parseConstraint(sign: string, value: string): ArgumentConstraint | string {
  switch (sign) {
    case '=':
      return { oneOf: value.split('|') }
    case '~':
      return { like: value }
    case '@':
      return isFormat(value) ? { format: value } : `names none of ${formats.join(', ')}`
    case ':=': {
      const texts = readQuoted(value)
      return texts === undefined ? 'is not JSON' : { oneOf: texts.map(({ text }) => text) }
    }
    case ':~': {
      const [pattern, ...more] = readQuoted(value) ?? []
      return pattern === undefined || !pattern.isText || more.length > 0 ? 'is no pattern in JSON' : { like: pattern.text }
    }
    default: {
      const bound = Number(value)
      if (value === '' || !Number.isSafeInteger(bound)) return 'compares with a number'
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
  const sum = entry.sum === undefined ? [] : [describeSum(entry.sum)]
  const rate = entry.rate === undefined ? [] : [`rate=${entry.rate.atMost}/${formatDuration(entry.rate.window)}`]
  const after = entry.after === undefined ? [] : [`after=${entry.after}`]
  return [head, ...constraints, ...uses, ...sum, ...rate, ...after].join(',')
}

function describeSum({ argument, atMost }: SumLimit): string {
  return `sum(${argument})<=${atMost}`
}

function describeConstraint(name: string, constraint: ArgumentConstraint): string[] {
  const parts: string[] = []
  if (constraint.oneOf !== undefined) parts.push(describeOneOf(name, constraint.oneOf.map(argumentText)))
  if (constraint.like !== undefined)
    parts.push(isPlain(constraint.like) ? `${name}~${constraint.like}` : `${name}:~${quoteText(constraint.like)}`)
  if (constraint.format !== undefined) parts.push(`${name}@${constraint.format}`)
  if (constraint.atLeast !== undefined) parts.push(`${name}>=${constraint.atLeast}`)
  if (constraint.atMost !== undefined) parts.push(`${name}<=${constraint.atMost}`)
  return parts
}

function describeOneOf(name: string, texts: readonly string[]): string {
  const plain = texts.join('|')
  const readsBack = isPlain(plain) && plain.split('|').length === texts.length && !limitNames.includes(name)
  return readsBack ? `${name}=${plain}` : `${name}:=${quotedAlternatives(texts)}`
}

/** Whether it stands in a line as it is: commas part a line, and blanks around a part are no part of it. */
function isPlain(text: string): boolean {
  return !text.includes(',') && `=${text}`.trim() === `=${text}`
}

/** An argument as text: strings as they are, everything else by its canonical JSON. */
export function argumentText(value: ArgumentValue): string {
  if (typeof value === 'string') return value
  return value instanceof Fraction ? value.text : canonicalJson(value)
}
