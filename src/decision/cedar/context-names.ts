/** Which members of the context a policy reads, whatever way their names are written in its text. */
import { fieldOf, isObject, onlyField } from './policy-json.ts'
import type { CompiledPolicy } from './policies.ts'

interface ContextNames {
  readonly names: ReadonlySet<string>
  /** Whether it has the context as a whole, and may read anything of it. */
  readonly isWhole: boolean
}

const known = new WeakMap<CompiledPolicy, ContextNames>()

/** Whether a condition of the policy reads, or may read, one of these members of the context. */
export function readsOfContext(policy: CompiledPolicy, wanted: ReadonlySet<string>): boolean {
  const read = known.get(policy) ?? namesIn(policy)
  known.set(policy, read)
  return read.isWhole || !read.names.isDisjointFrom(wanted)
}

function namesIn({ json }: CompiledPolicy): ContextNames {
  const names = new Set<string>()
  let isWhole = false
  const waiting: unknown[] = [json['conditions']]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null) continue
    const name = isObject(next) ? memberOf(next) : undefined
    if (name !== undefined) names.add(name)
    else if (isContext(next)) isWhole = true
    else for (const inner of Object.values(next)) waiting.push(inner)
  }
  return { names, isWhole }
}

/** Of `context.name`, `context["name"]` and `context has name`, the name; of `context has a.b` the first. */
function memberOf(expression: object): string | undefined {
  if (!isObject(expression) || Object.keys(expression).length !== 1) return undefined
  const [operator, inner] = onlyField(expression)
  if ((operator !== '.' && operator !== 'has') || !isObject(inner) || !isContext(fieldOf(inner, 'left'))) return undefined
  const written = fieldOf(inner, 'attr')
  const name: unknown = Array.isArray(written) ? written[0] : written
  return typeof name === 'string' ? name : undefined
}

function isContext(expression: unknown): boolean {
  return isObject(expression) && fieldOf(expression, 'Var') === 'context'
}
