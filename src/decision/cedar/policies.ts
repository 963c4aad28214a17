/** Policies compiled: Cedar's policy JSON as closures, under an index by scope so that what cannot match is not visited. */
import { atOnce } from '../../kernel/in-turns.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { CommonParts, type Condition } from './common-parts.ts'
import { compileConditions } from './expressions.ts'
import { Annotations } from './annotations.ts'
import { fieldOf, isObject, type JsonObject, listAt, pushParts, textAt, uidIn, Unsupported } from './policy-json.ts'
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
  readonly annotations: Annotations
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
  return naming(source, () => joinParts(source, readParts(source, common), asWritten))
}

/** What policies and templates have in common: everything but the scope. */
export interface PolicyParts {
  readonly json: JsonObject
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly condition: Condition
  readonly common: CommonParts
}

/** Throws `Unsupported`, as all readers of policy JSON do. */
export function readParts(source: PolicySource, common: CommonParts): PolicyParts {
  const json = isObject(source.json) ? source.json : {}
  const annotations = new Annotations(json)
  annotations.check()
  const id = source.id ?? annotations.get('id')
  if (id === undefined) throw new Unsupported('a policy without @id')
  const effect = textAt(json, 'effect')
  if (effect !== 'permit' && effect !== 'forbid') throw new Unsupported(`the effect "${effect}"`)
  return { json, id, effect, common, condition: compileConditions(listAt(json, 'conditions'), common) }
}

/** Under which id, and what stands in the slots. */
interface Link {
  readonly id: string | undefined
  readonly fill: Fill | undefined
}

const asWritten: Link = { id: undefined, fill: undefined }

/** A policy of its parts, under its own id or that of a link, its slots filled. */
export function joinParts(source: PolicySource, parts: PolicyParts, link: Link): CompiledPolicy {
  const { common } = parts
  const json = link.fill === undefined ? parts.json : fillSlots(parts.json, link.fill)
  const scope = readScope(json, common)
  return new Policy(source, parts, { id: link.id ?? parts.id, json, scope, named: namedIn(scope, json, common) })
}

interface Joined {
  readonly id: string
  readonly json: JsonObject
  readonly scope: Scope
  readonly named: Named
}

/** There may be ten thousand of them: what can be made when it is asked for is not kept. */
class Policy implements CompiledPolicy {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly condition: Condition
  readonly scope: Scope
  readonly mentions: readonly Uid[]
  readonly equated: readonly Uid[]
  readonly text: string
  readonly json: JsonObject
  readonly #file: string
  readonly #line: number

  constructor({ file, line, text }: PolicySource, { effect, condition }: PolicyParts, { id, json, scope, named }: Joined) {
    this.id = id
    this.effect = effect
    this.condition = condition
    this.scope = scope
    this.mentions = named.mentions
    this.equated = named.equated
    this.text = text
    this.json = json
    this.#file = file
    this.#line = line
  }

  get annotations(): Annotations {
    return new Annotations(this.json)
  }

  get source(): CompiledPolicy['source'] {
    return { file: this.#file, line: this.#line }
  }

  describe(): string {
    return `${this.effect} "${this.id}" (${this.#file}:${this.#line})`
  }
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

interface Named {
  readonly mentions: readonly Uid[]
  readonly equated: readonly Uid[]
}

const none: readonly Uid[] = []

/** What scope and conditions name, in one walk. */
function namedIn({ principal, action, resource }: Scope, json: JsonObject, common: CommonParts): Named {
  const mentions: Uid[] = []
  for (const uid of uidsOf(principal)) mention(uid, mentions)
  for (const uid of uidsOf(action)) mention(uid, mentions)
  for (const uid of uidsOf(resource)) mention(uid, mentions)
  let equated = resource.kind === 'is' ? [resource.uid] : none
  const waiting: object[] = [listAt(json, 'conditions')]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (isObject(next)) {
      if (isObject(fieldOf(next, '__entity'))) {
        mention(uidIn(next, common.uid), mentions)
        continue
      }
      const equation = fieldOf(next, '==')
      const found = isObject(equation) ? equatedIn(equation, common) : none
      if (found.length > 0) equated = [...equated, ...found]
    }
    pushParts(next, waiting)
  }
  return { mentions, equated }
}

/** Of one name there is one uid, the same for all policies of the set. */
function mention(uid: Uid, mentions: Uid[]): void {
  if (!mentions.includes(uid)) mentions.push(uid)
}

/** Of `resource == …`, either way round, the entities that stand there. */
function equatedIn(equation: JsonObject, common: CommonParts): readonly Uid[] {
  const [left, right] = [fieldOf(equation, 'left'), fieldOf(equation, 'right')]
  if (!isResource(left) && !isResource(right)) return none
  return [left, right].flatMap((side) => {
    const value = isObject(side) ? fieldOf(side, 'Value') : undefined
    return isObject(value) && isObject(fieldOf(value, '__entity')) ? [uidIn(value, common.uid)] : []
  })
}

function isResource(side: unknown): boolean {
  return isObject(side) && fieldOf(side, 'Var') === 'resource'
}
