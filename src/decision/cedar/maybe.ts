/** Three-valued policies: whether one can hold, can not hold, can fail, where only part of the context is known. */
import type { EntityStore } from './entities.ts'
import type { CedarRequest } from './evaluate.ts'
import { compileTest, type PartialFacts, type PartialTest } from './maybe-expressions.ts'
import { joinNames, type Maybe, noNames, type PartialRecord, settled } from './maybe-values.ts'
import type { CompiledPolicy } from './policies.ts'
import { isObject, listAt, fieldOf } from './policy-json.ts'
import { isInScope } from './scopes.ts'

/**
 * What a policy can come to over everything that is not known. Sound: what it comes to for any whole context that fits is among these.
 * Not exact: that both are possible may mean that nobody looked closely enough.
 */
export interface Truth {
  readonly canHold: boolean
  readonly canNot: boolean
  readonly canFail: boolean
  /** What it hangs on, as policies write it: `context.task.kind`. Nothing where it can come to one thing only. */
  readonly dependsOn: readonly string[]
}

export type PartialRequest = Omit<CedarRequest, 'context'> & { readonly context: PartialRecord }

const neverHolds: Truth = { canHold: false, canNot: true, canFail: false, dependsOn: noNames }

/** One context is asked about by many policies. */
const settledContexts = new WeakMap<PartialRecord, Maybe>()

function settledOnce(context: PartialRecord): Maybe {
  const known = settledContexts.get(context)
  if (known !== undefined) return known
  const made = settled(context)
  settledContexts.set(context, made)
  return made
}

interface Clause {
  readonly isWhen: boolean
  readonly test: PartialTest
}

/** Compiled once: many are asked about the same policies. */
const compiled = new WeakMap<CompiledPolicy, readonly Clause[]>()

/** What this policy, scope included, can come to. */
export function mayHold(policy: CompiledPolicy, request: PartialRequest, entities: EntityStore): Truth {
  const { principal, action, resource, context } = request
  const { scope } = policy
  const isSpoken =
    isInScope(scope.principal, principal, entities) &&
    isInScope(scope.action, action, entities) &&
    isInScope(scope.resource, resource, entities)
  if (!isSpoken) return neverHolds
  return judgeClauses(clausesOf(policy), { principal, action, resource, context: settledOnce(context), entities })
}

function judgeClauses(clauses: readonly Clause[], facts: PartialFacts): Truth {
  let canNot = false
  let canFail = false
  let names = noNames
  for (const { isWhen, test } of clauses) {
    const found = test(facts)
    const [goesOn, stops] = isWhen ? [found.canBeTrue, found.canBeFalse] : [found.canBeFalse, found.canBeTrue]
    canNot ||= stops
    canFail ||= found.fails
    names = joinNames(names, found.names)
    if (!goesOn) return truth({ canHold: false, canNot, canFail }, names)
  }
  return truth({ canHold: true, canNot, canFail }, names)
}

function truth(can: Omit<Truth, 'dependsOn'>, names: readonly string[]): Truth {
  const ways = Number(can.canHold) + Number(can.canNot) + Number(can.canFail)
  return { ...can, dependsOn: ways > 1 ? names : noNames }
}

function clausesOf(policy: CompiledPolicy): readonly Clause[] {
  const known = compiled.get(policy)
  if (known !== undefined) return known
  const made = listAt(policy.json, 'conditions').map((clause) => {
    const { kind, body } = isObject(clause) ? { kind: fieldOf(clause, 'kind'), body: fieldOf(clause, 'body') } : {}
    return { isWhen: kind === 'when', test: compileTest(body) }
  })
  compiled.set(policy, made)
  return made
}
