/** Policies compiled: Cedar's policy JSON as closures, under an index by scope so that what cannot match is not visited. */
import { atOnce } from '../../kernel/in-turns.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { CommonParts, type Condition } from './common-parts.ts'
import { compileConditions } from './expressions.ts'
import { fieldOf, isObject, type JsonObject, listAt, objectAt, readUid, textAt, Unsupported } from './policy-json.ts'
import { indexingByScope, type ScopeIndex } from './scope-index.ts'
import { type Fill, fillSlots, readScope, type Scope, uidsOf } from './scopes.ts'
import type { Uid } from './values.ts'

/** One policy as the checker hands it over: `json` is what cedar-wasm's `policyToJson` gives, with its integers as bigint. */
export interface PolicySource {
  readonly file: string
  /** Where the policy begins in its file, counted from 1. */
  readonly line: number
  readonly text: string
  readonly json: unknown
  /** What it is called instead of by its `@id`: in the sets of applications. */
  readonly id?: string
}

export interface CompiledPolicy {
  /** Its `@id`, or the id that its source gave. */
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly annotations: ReadonlyMap<string, string>
  readonly source: { readonly file: string; readonly line: number }
  readonly text: string
  /** As it was given. */
  readonly json: JsonObject
  readonly scope: Scope
  /** Every entity that scope and conditions name. */
  readonly mentions: readonly Uid[]
  /** Those that it says the resource is: `resource == …`, in scope and conditions, either way round. */
  readonly equated: readonly Uid[]
  /** The conditions; throws `Fault` where Cedar has an error. */
  readonly condition: Condition
  /** `forbid "agents-never-administer-prod" (guardrails.cedar:12)`. */
  describe(): string
}

export interface CompiledPolicies {
  /** In the order given. */
  readonly policies: readonly CompiledPolicy[]
  readonly byId: ReadonlyMap<string, CompiledPolicy>
  readonly index: ScopeIndex<CompiledPolicy>
}

/** Compiles what the checker let through. Refuses `policy.invalid`, naming the construct, for whatever the evaluator does not know. */
export function compilePolicies(sources: readonly PolicySource[]): Result<CompiledPolicies> {
  const common = new CommonParts()
  const policies: CompiledPolicy[] = []
  for (const source of sources) {
    const policy = compilePolicy(source, common)
    if (!policy.ok) return policy
    policies.push(policy.value)
  }
  return joinPolicies(policies)
}

/** Compiled policies under one index. Refuses an id used twice: `policy.invalid`. */
export function joinPolicies(policies: readonly CompiledPolicy[]): Result<CompiledPolicies> {
  return atOnce(joiningPolicies(policies))
}

/** `joinPolicies` in steps. */
export function* joiningPolicies(policies: readonly CompiledPolicy[]): Generator<undefined, Result<CompiledPolicies>> {
  const byId = new Map<string, CompiledPolicy>()
  for (const policy of policies) {
    const other = byId.get(policy.id)
    if (other !== undefined) return refuse('policy.invalid', { detail: `${policy.describe()} has the id of ${other.describe()}` })
    byId.set(policy.id, policy)
  }
  return done({ policies, byId, index: yield* indexingByScope(policies) })
}

/** One policy, `common` with those of the same set; refuses `policy.invalid` as `compilePolicies` does. */
export function compilePolicy(source: PolicySource, common = new CommonParts()): Result<CompiledPolicy> {
  return naming(source, () => joinParts(source, readParts(source, common), { id: undefined, fill: undefined }))
}

/** What policies and templates have in common: everything but the scope. */
export interface PolicyParts {
  readonly json: JsonObject
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly annotations: ReadonlyMap<string, string>
  readonly condition: Condition
}

/** Throws `Unsupported`, as all readers of policy JSON do. */
export function readParts(source: PolicySource, common: CommonParts): PolicyParts {
  const json = isObject(source.json) ? source.json : {}
  const annotations = readAnnotations(json)
  const id = source.id ?? annotations.get('id')
  if (id === undefined) throw new Unsupported('a policy without @id')
  const effect = textAt(json, 'effect')
  if (effect !== 'permit' && effect !== 'forbid') throw new Unsupported(`the effect "${effect}"`)
  return { json, id, effect, annotations, condition: compileConditions(listAt(json, 'conditions'), common) }
}

/** A policy of its parts, under its own id or that of a link, its slots filled. */
export function joinParts(
  source: PolicySource,
  parts: PolicyParts,
  link: { readonly id: string | undefined; readonly fill: Fill | undefined },
): CompiledPolicy {
  const { file, line, text } = source
  const { effect, annotations, condition } = parts
  const id = link.id ?? parts.id
  const json = link.fill === undefined ? parts.json : fillSlots(parts.json, link.fill)
  const scope = readScope(json)
  const mentions = mentionsOf(scope, json)
  const equated = equatedIn(scope, json)
  const describe = () => `${effect} "${id}" (${file}:${line})`
  return { id, effect, annotations, source: { file, line }, text, json, scope, mentions, equated, condition, describe }
}

/** Turns what the evaluator does not know into a refusal that names it and its place. */
export function naming<T>({ file, line }: PolicySource, read: () => T): Result<T> {
  try {
    return done(read())
  } catch (cause) {
    if (!(cause instanceof Unsupported)) throw cause
    return refuse('policy.invalid', { detail: `${file}:${line}: Remit does not evaluate ${cause.message}` })
  }
}

function readAnnotations(json: JsonObject): ReadonlyMap<string, string> {
  if (fieldOf(json, 'annotations') === undefined) return new Map()
  return new Map(
    Object.entries(objectAt(json, 'annotations')).map(([name, value]) => {
      // An annotation without a value, `@observed`, arrives as null or empty.
      if (value === null) return [name, '']
      if (typeof value !== 'string') throw new Unsupported(`the annotation @${name} with something that is no text`)
      return [name, value]
    }),
  )
}

function mentionsOf(scope: Scope, json: JsonObject): readonly Uid[] {
  const found = new Map([scope.principal, scope.action, scope.resource].flatMap(uidsOf).map((uid) => [uid.key, uid]))
  const waiting: unknown[] = [...listAt(json, 'conditions')]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null) continue
    if (isObject(next) && isObject(fieldOf(next, '__entity'))) {
      const uid = readUid(next)
      found.set(uid.key, uid)
    } else {
      for (const inner of Object.values(next)) waiting.push(inner)
    }
  }
  return [...found.values()]
}

function equatedIn(scope: Scope, json: JsonObject): readonly Uid[] {
  const found: Uid[] = scope.resource.kind === 'is' ? [scope.resource.uid] : []
  const waiting: unknown[] = [...listAt(json, 'conditions')]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null) continue
    const equation = isObject(next) ? fieldOf(next, '==') : undefined
    if (isObject(equation)) {
      const sides = [fieldOf(equation, 'left'), fieldOf(equation, 'right')]
      if (sides.some((side) => isObject(side) && fieldOf(side, 'Var') === 'resource')) found.push(...sides.flatMap(uidIn))
    }
    for (const inner of Object.values(next)) waiting.push(inner)
  }
  return found
}

function uidIn(side: unknown): readonly Uid[] {
  const value = isObject(side) ? fieldOf(side, 'Value') : undefined
  return isObject(value) && isObject(fieldOf(value, '__entity')) ? [readUid(value)] : []
}
