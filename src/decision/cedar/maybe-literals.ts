/** With which plain values a policy compares what it reads of the context: so that a condition can be said in the policy's own words. */
import type { CompiledPolicy } from './policies.ts'
import { fieldOf, isObject, type JsonObject } from './policy-json.ts'

const valuesMax = 8
const charactersMax = 64

const known = new WeakMap<CompiledPolicy, ReadonlyMap<string, readonly string[]>>()

/** By name, as `context.task.kind`: at most eight texts, numbers or booleans each, in the order they are written. */
export function literalsOf(policy: CompiledPolicy): ReadonlyMap<string, readonly string[]> {
  const before = known.get(policy)
  if (before !== undefined) return before
  const found = new Map<string, string[]>()
  const waiting: unknown[] = [fieldOf(policy.json, 'conditions')]
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (typeof next !== 'object' || next === null) continue
    for (const [name, inner] of Object.entries(next)) {
      if (comparing.has(name) && isObject(inner)) compare(inner, found)
      waiting.push(inner)
    }
  }
  known.set(policy, found)
  return found
}

const comparing: ReadonlySet<string> = new Set(['==', 'contains', 'containsAny', 'containsAll'])

function compare(parts: JsonObject, found: Map<string, string[]>): void {
  const [left, right] = [fieldOf(parts, 'left'), fieldOf(parts, 'right')]
  for (const [path, literal] of [
    [pathOf(left), right],
    [pathOf(right), left],
  ] as const) {
    if (path === undefined) continue
    const values = found.get(path) ?? []
    found.set(path, values)
    for (const text of textsOf(literal)) if (values.length < valuesMax && !values.includes(text)) values.push(text)
  }
}

function pathOf(body: unknown): string | undefined {
  if (!isObject(body)) return undefined
  if (fieldOf(body, 'Var') === 'context') return 'context'
  const step = fieldOf(body, '.')
  if (!isObject(step)) return undefined
  const owner = pathOf(fieldOf(step, 'left'))
  const name = fieldOf(step, 'attr')
  return owner === undefined || typeof name !== 'string' ? undefined : `${owner}.${name}`
}

/** Of a literal, and of a set of literals. */
function textsOf(body: unknown): readonly string[] {
  if (!isObject(body)) return []
  const set = fieldOf(body, 'Set')
  if (Array.isArray(set)) return set.flatMap(textsOf)
  const value = fieldOf(body, 'Value')
  const plain: readonly unknown[] = Array.isArray(value) ? value : [value]
  return plain.flatMap((each) => (isPlain(each) ? [String(each).slice(0, charactersMax)] : []))
}

function isPlain(value: unknown): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}
