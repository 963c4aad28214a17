/** Why a policy spoke or did not: the conditions that decided it, with the values that they saw, in words. */
import { atomInWords, faultInWords, formOf } from './because-words.ts'
import type { EntityStore } from './entities.ts'
import type { CedarRequest } from './evaluate.ts'
import { compileConditions, type Condition, type Facts } from './expressions.ts'
import { Fault } from './fault.ts'
import { fieldOf, isObject, type JsonObject } from './policy-json.ts'
import type { CompiledPolicy } from './policies.ts'
import { isInScope, type ScopePart } from './scopes.ts'
import type { Uid } from './values.ts'

const linesMax = 5
const lineLengthMax = 200

/**
 * What decided this policy for this request, at most five lines of 200 characters: of one that is satisfied the conditions that made it so;
 * of one that is not, the first that failed, its scope before its conditions; of one that errors, what could not be evaluated. Never throws.
 */
export function because(policy: CompiledPolicy, request: CedarRequest, entities: EntityStore): readonly string[] {
  const outside = outsideScope(policy, request, entities)
  if (outside !== undefined) return [cut(outside)]
  const { principal, action, resource, context } = request
  const facts: Facts = { principal, action, resource, context, entities }
  const decisive: Decisive[] = []
  for (const { wanted, body } of clausesOf(policy)) {
    const { truth, by } = walk(body, facts)
    if (truth !== wanted) return inLines(by, facts)
    decisive.push(...by)
  }
  if (decisive.length > 0) return inLines(decisive, facts)
  return [cut(`it has no conditions, and is about ${principal.toString()}, ${action.toString()} and ${resource.toString()}`)]
}

function outsideScope({ scope }: CompiledPolicy, request: CedarRequest, entities: EntityStore): string | undefined {
  const places = [
    ['principal', scope.principal, request.principal],
    ['action', scope.action, request.action],
    ['resource', scope.resource, request.resource],
  ] as const
  const outside = places.find(([, part, uid]) => !isInScope(part, uid, entities))
  return outside === undefined ? undefined : `${outside[0]} is ${outside[2].toString()}, not ${partInWords(outside[1], outside[2])}`
}

function partInWords(part: ScopePart, uid: Uid): string {
  switch (part.kind) {
    case 'any':
      return 'anything'
    case 'is':
      return part.uid.toString()
    case 'in':
      return `in ${part.uids.map(String).join(' or ')}`
    case 'of-type':
      return part.type !== uid.type || part.within === undefined ? `of type ${part.type}` : `in ${part.within.toString()}`
  }
}

/** A condition taken apart at its connectives; what is not one is an atom, true or false by itself. */
type Node =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Node[] }
  | { readonly kind: 'not'; readonly part: Node }
  | { readonly kind: 'if'; readonly test: Node; readonly yes: Node; readonly no: Node }
  | { readonly kind: 'atom'; readonly json: unknown; readonly condition: Condition }

interface Clause {
  readonly wanted: boolean
  readonly body: Node
}

const known = new WeakMap<CompiledPolicy, readonly Clause[]>()

function clausesOf(policy: CompiledPolicy): readonly Clause[] {
  const found = known.get(policy)
  if (found !== undefined) return found
  const written = fieldOf(policy.json, 'conditions')
  const clauses = (Array.isArray(written) ? written : []).flatMap((clause: unknown): Clause[] =>
    isObject(clause) ? [{ wanted: fieldOf(clause, 'kind') === 'when', body: nodeOf(fieldOf(clause, 'body')) }] : [],
  )
  known.set(policy, clauses)
  return clauses
}

function nodeOf(json: unknown): Node {
  const [name, inner] = formOf(json)
  if (isObject(inner)) {
    if (name === '&&' || name === '||') return { kind: name === '&&' ? 'and' : 'or', parts: chainOf(name, json).map(nodeOf) }
    if (name === '!') return { kind: 'not', part: nodeOf(fieldOf(inner, 'arg')) }
    if (name === 'if-then-else') return ifOf(inner)
  }
  return { kind: 'atom', json, condition: compileConditions([{ kind: 'when', body: json }]) }
}

function ifOf(parts: JsonObject): Node {
  return { kind: 'if', test: nodeOf(fieldOf(parts, 'if')), yes: nodeOf(fieldOf(parts, 'then')), no: nodeOf(fieldOf(parts, 'else')) }
}

/** The terms of a chain, flattened, so that a long one is no deep one. */
function chainOf(name: string, json: unknown): readonly unknown[] {
  const terms: unknown[] = []
  let rest = json
  for (;;) {
    const [connective, inner] = formOf(rest)
    if (connective !== name || !isObject(inner)) return [rest, ...terms.toReversed()]
    terms.push(fieldOf(inner, 'right'))
    rest = fieldOf(inner, 'left')
  }
}

/** One atom, and what it came to. */
interface Decisive {
  readonly json: unknown
  readonly came: boolean | Fault
}

interface Walked {
  readonly truth: boolean | 'failed'
  /** The atoms without which it would be another. */
  readonly by: readonly Decisive[]
}

function walk(node: Node, facts: Facts): Walked {
  switch (node.kind) {
    case 'atom':
      return tryAtom(node, facts)
    case 'not': {
      const { truth, by } = walk(node.part, facts)
      return { truth: truth === 'failed' ? truth : !truth, by }
    }
    case 'if': {
      const test = walk(node.test, facts)
      if (test.truth === 'failed') return test
      const branch = walk(test.truth ? node.yes : node.no, facts)
      return { truth: branch.truth, by: [...test.by, ...branch.by] }
    }
    default: {
      const settling = node.kind === 'or'
      const by: Decisive[] = []
      for (const part of node.parts) {
        const walked = walk(part, facts)
        if (walked.truth === 'failed' || walked.truth === settling) return walked
        by.push(...walked.by)
      }
      return { truth: !settling, by }
    }
  }
}

function tryAtom({ json, condition }: Extract<Node, { kind: 'atom' }>, facts: Facts): Walked {
  try {
    const truth = condition(facts)
    return { truth, by: [{ json, came: truth }] }
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause
    return { truth: 'failed', by: [{ json, came: cause }] }
  }
}

function inLines(decisive: readonly Decisive[], facts: Facts): readonly string[] {
  const lines = new Set<string>()
  for (const { json, came } of decisive.slice(0, 4 * linesMax)) {
    lines.add(cut(came instanceof Fault ? faultInWords(json, came.message, facts) : atomInWords(json, came, facts)))
  }
  const all = [...lines]
  return all.length > linesMax ? [...all.slice(0, linesMax - 1), 'and more'] : all
}

function cut(line: string): string {
  return line.length > lineLengthMax ? `${line.slice(0, lineLengthMax - 1).toWellFormed()}…` : line
}
