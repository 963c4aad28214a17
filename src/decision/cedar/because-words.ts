/** Parts of a policy and the values they saw, put in words for a person: short, whatever they hold. */
import { Datetime, Decimal, Duration, IpAddress } from './extensions.ts'
import type { Facts } from './expressions.ts'
import { fieldOf, isObject, readUid } from './policy-json.ts'
import { CedarSet, type CedarValue, isRecord, Uid } from './values.ts'

const textLengthMax = 60
const membersMax = 5
const depthMax = 6
const pathsMax = 4

/** What one atom of a condition says, and what it saw. `holds`: whether it was true. */
export function atomInWords(atom: unknown, holds: boolean, facts: Facts): string {
  const [name, inner] = formOf(atom)
  if (isPath(atom)) return `${said(atom)} is ${holds}`
  const parts = isObject(inner) ? inner : {}
  const left = fieldOf(parts, 'left')
  const value = isPath(left) ? valueOf(left, facts) : undefined
  const subject = value === undefined ? undefined : `${said(left)} is ${inWords(value)}`
  if (name === 'has') return `${said(left)} has ${holds ? '' : 'no '}${attributeOf(parts)}`
  const relation = subject === undefined ? undefined : relationOf(name, parts, holds, facts)
  if (subject !== undefined && relation !== undefined) return `${subject}${relation}`
  return [`${said(atom)} is ${holds}`, ...pathsIn(atom, facts)].join('; ')
}

/** An atom that could not be evaluated. */
export function faultInWords(atom: unknown, message: string, facts: Facts): string {
  return [`cannot be evaluated: ${message}, in ${said(atom)}`, ...pathsIn(atom, facts)].join('; ')
}

const comparisons: ReadonlyMap<string, readonly [whenTrue: string, whenFalse: string]> = new Map([
  ['==', ['', ', not']],
  ['!=', [', not', '']],
  ['<', [', below', ', not below']],
  ['<=', [', at most', ', above']],
  ['>', [', above', ', at most']],
  ['>=', [', at least', ', below']],
  ['in', [', in', ', not in']],
])

/** What follows `x is 700`, where that can be said: `, above 500`. */
function relationOf(name: string, parts: Readonly<Record<string, unknown>>, holds: boolean, facts: Facts): string | undefined {
  if (name === 'like') return `, ${holds ? '' : 'not '}like ${patternOf(fieldOf(parts, 'pattern'))}`
  if (name === 'is') {
    const type = fieldOf(parts, 'entity_type')
    const above = fieldOf(parts, 'in')
    const within = above === undefined ? '' : ` in ${said(above)}`
    return `, ${holds ? '' : 'not '}of type ${typeof type === 'string' ? type : '?'}${within}`
  }
  const words = comparisons.get(name)
  if (words === undefined) return undefined
  const right = fieldOf(parts, 'right')
  const other = valueOf(right, facts)
  const seen = isPath(right) && other !== undefined ? `${said(right)}, which is ${inWords(other)}` : said(right)
  const relation = words[holds ? 0 : 1]
  // `x is 3` says that it is 3 already; whose value the other one is, still has to be said.
  if (relation === '') return isPath(right) ? `, as ${said(right)} is` : ''
  return `${relation} ${seen}`
}

/** Everything that an expression looks at, with what it saw there. */
function pathsIn(expression: unknown, facts: Facts): readonly string[] {
  const found = new Set<string>()
  const waiting: unknown[] = [expression]
  for (let next = waiting.pop(); next !== undefined && found.size < pathsMax; next = waiting.pop()) {
    if (isPath(next)) {
      const value = valueOf(next, facts)
      if (value !== undefined && next !== expression && !isWhole(next)) found.add(`${said(next)} is ${inWords(value)}`)
    } else if (typeof next === 'object' && next !== null) for (const part of Object.values(next).toReversed()) waiting.push(part)
  }
  return [...found]
}

/** `context` as such says nothing; its parts do. */
function isWhole(expression: unknown): boolean {
  return formOf(expression)[1] === 'context'
}

/** `principal`, `context.arguments.amount`: a variable, or attributes below one. */
export function isPath(expression: unknown): boolean {
  let rest = expression
  for (let depth = 0; depth < 64; depth += 1) {
    const [name, inner] = formOf(rest)
    if (name === 'Var') return true
    if (name !== '.' || !isObject(inner)) return false
    rest = fieldOf(inner, 'left')
  }
  return false
}

function valueOf(expression: unknown, facts: Facts): CedarValue | undefined {
  const [name, inner] = formOf(expression)
  if (name === 'Var') {
    if (inner === 'principal') return facts.principal
    if (inner === 'action') return facts.action
    if (inner === 'resource') return facts.resource
    return inner === 'context' ? facts.context : undefined
  }
  if (name !== '.' || !isObject(inner)) return undefined
  const owner = valueOf(fieldOf(inner, 'left'), facts)
  const attribute = fieldOf(inner, 'attr')
  if (owner === undefined || typeof attribute !== 'string') return undefined
  if (owner instanceof Uid) return facts.entities.get(owner.key)?.attributes.get(attribute)
  return isRecord(owner) ? owner.get(attribute) : undefined
}

/** A value, cut where it is long. */
export function inWords(value: CedarValue, depth = 0): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (value instanceof Uid) return cut(value.toString())
  if (value instanceof Datetime) return instantInWords(value.value)
  if (value instanceof Duration) return `${value.value}ms`
  if (value instanceof Decimal) return decimalInWords(value.value)
  if (value instanceof IpAddress) return addressInWords(value)
  if (depth >= 2) return '…'
  if (value instanceof CedarSet) return `[${several([...value.members()].map((member) => inWords(member, depth + 1)))}]`
  if (isRecord(value)) return `{${several([...value].map(([name, field]) => `${named(name)}: ${inWords(field, depth + 1)}`))}}`
  return '…'
}

function instantInWords(milliseconds: bigint): string {
  const date = new Date(Number(milliseconds))
  return Number.isNaN(date.getTime()) ? `${milliseconds}ms` : date.toISOString()
}

function decimalInWords(tenThousandths: bigint): string {
  const sign = tenThousandths < 0n ? '-' : ''
  const digits = String(tenThousandths < 0n ? -tenThousandths : tenThousandths).padStart(5, '0')
  return `${sign}${digits.slice(0, -4)}.${digits.slice(-4).replace(/0{1,3}$/, '')}`
}

function addressInWords({ range: { bits, address, prefix } }: IpAddress): string {
  const network = prefix === bits ? '' : `/${prefix}`
  if (bits === 32) return `${[24n, 16n, 8n, 0n].map((by) => String((address >> by) & 255n)).join('.')}${network}`
  return `${[...Array(8).keys()].map((place) => ((address >> BigInt(112 - 16 * place)) & 65_535n).toString(16)).join(':')}${network}`
}

const infix: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in', '+', '-', '*', '&&', '||'])
const methods: ReadonlySet<string> = new Set(['contains', 'containsAll', 'containsAny', 'hasTag', 'getTag'])
const constructors: ReadonlySet<string> = new Set(['ip', 'decimal', 'datetime', 'duration'])

/** An expression as it could be written in a policy, cut where it is long. */
export function said(expression: unknown, depth = 0): string {
  if (depth > depthMax) return '…'
  const [name, inner] = formOf(expression)
  const below = (part: unknown) => (isCompound(part) ? `(${said(part, depth + 1)})` : said(part, depth + 1))
  if (name === 'Value') return literal(inner, depth)
  if (name === 'Var') return String(inner)
  if (Array.isArray(inner)) {
    if (name === 'Set') return `[${several(inner.map(below))}]`
    const [first, ...more] = inner.map(below)
    return constructors.has(name) ? `${name}(${first ?? ''})` : `${first ?? '…'}.${name}(${several(more)})`
  }
  if (!isObject(inner)) return '…'
  const [left, right] = [fieldOf(inner, 'left'), fieldOf(inner, 'right')]
  if (name === '.') return `${below(left)}${attributeAfter(fieldOf(inner, 'attr'))}`
  if (infix.has(name)) return `${below(left)} ${name} ${below(right)}`
  if (methods.has(name)) return `${below(left)}.${name}(${below(right)})`
  if (name === 'has') return `${below(left)} has ${attributeOf(inner)}`
  if (name === 'like') return `${below(left)} like ${patternOf(fieldOf(inner, 'pattern'))}`
  if (name === 'is') return `${below(left)} is ${String(fieldOf(inner, 'entity_type'))}`
  if (name === 'isEmpty') return `${below(fieldOf(inner, 'arg'))}.isEmpty()`
  if (name === '!' || name === 'neg') return `${name === '!' ? '!' : '-'}${below(fieldOf(inner, 'arg'))}`
  if (name === 'if-then-else')
    return `if ${below(fieldOf(inner, 'if'))} then ${below(fieldOf(inner, 'then'))} else ${below(fieldOf(inner, 'else'))}`
  return name === 'Record' ? `{${several(Object.entries(inner).map(([field, part]) => `${named(field)}: ${below(part)}`))}}` : '…'
}

/** What needs brackets within anything else. */
function isCompound(expression: unknown): boolean {
  const [name] = formOf(expression)
  return infix.has(name) || ['has', 'like', 'is', 'if-then-else', 'neg', '!'].includes(name)
}

function literal(value: unknown, depth: number): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (depth > depthMax) return '…'
  if (Array.isArray(value)) return `[${several(value.map((member: unknown) => literal(member, depth + 1)))}]`
  if (!isObject(value)) return '…'
  if (isObject(fieldOf(value, '__entity'))) return cut(readUid(value).toString())
  return '{…}'
}

/** The one name of an expression, and what stands under it. */
export function formOf(expression: unknown): readonly [string, unknown] {
  if (!isObject(expression)) return ['', undefined]
  const [entry] = Object.entries(expression)
  return entry ?? ['', undefined]
}

function attributeOf(parts: Readonly<Record<string, unknown>>): string {
  const written = fieldOf(parts, 'attr')
  const path: readonly unknown[] = Array.isArray(written) ? written : [written]
  return path.map((step) => named(String(step))).join('.')
}

function attributeAfter(attribute: unknown): string {
  const name = String(attribute)
  return isName(name) ? `.${name}` : `[${quoted(name)}]`
}

function patternOf(pattern: unknown): string {
  if (!Array.isArray(pattern)) return '…'
  return quoted(
    pattern
      .map((piece: unknown) => {
        const text = isObject(piece) ? fieldOf(piece, 'Literal') : undefined
        return typeof text === 'string' ? text.replaceAll('*', '\\*') : '*'
      })
      .join(''),
  )
}

function isName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,59}$/.test(text)
}

function named(text: string): string {
  return isName(text) ? text : quoted(text)
}

function quoted(text: string): string {
  return JSON.stringify(text.length > textLengthMax ? `${text.slice(0, textLengthMax).toWellFormed()}…` : text.toWellFormed())
}

function cut(text: string): string {
  return text.length > 2 * textLengthMax ? `${text.slice(0, 2 * textLengthMax).toWellFormed()}…` : text
}

function several(parts: readonly string[]): string {
  return parts.length > membersMax ? `${parts.slice(0, membersMax).join(', ')}, … (${parts.length})` : parts.join(', ')
}
