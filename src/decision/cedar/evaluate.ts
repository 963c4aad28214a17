/** One request against compiled policies, by Cedar's rules: which permit, which forbid, which could not be evaluated. */
import type { EntityStore } from './entities.ts'
import type { Facts } from './expressions.ts'
import { Fault } from './fault.ts'
import type { CompiledPolicies, CompiledPolicy } from './policies.ts'
import type { CedarRecord, Uid } from './values.ts'

export interface CedarRequest {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  readonly context: CedarRecord
}

export interface PolicyError {
  readonly policy: CompiledPolicy
  readonly message: string
}

export interface Evaluation {
  /** Cedar's own answer, in which a policy that errors is skipped. A forbid among `errors` must be read as a no by whoever asks. */
  readonly decision: 'allow' | 'deny'
  /** Every permit that is satisfied, also when a forbid wins. */
  readonly permits: readonly CompiledPolicy[]
  readonly forbids: readonly CompiledPolicy[]
  readonly errors: readonly PolicyError[]
}

/** Evaluates every policy whose scope matches. Never throws for anything that a policy or a request contains. */
export function evaluate(compiled: CompiledPolicies, request: CedarRequest, entities: EntityStore): Evaluation {
  return judge(inScope(compiled, request, entities), request, entities)
}

/** The policies whose scope matches, in the order given: the same for every context. */
export function inScope(
  compiled: CompiledPolicies,
  { principal, action, resource }: Omit<CedarRequest, 'context'>,
  entities: EntityStore,
): readonly CompiledPolicy[] {
  return compiled.index.matching(principal, action, resource, entities)
}

/** What policies say whose scope is known to match. */
export function judge(policies: readonly CompiledPolicy[], request: CedarRequest, entities: EntityStore): Evaluation {
  const { principal, action, resource, context } = request
  const facts: Facts = { principal, action, resource, context, entities }
  const permits: CompiledPolicy[] = []
  const forbids: CompiledPolicy[] = []
  const errors: PolicyError[] = []
  for (const policy of policies) {
    try {
      if (policy.condition(facts)) (policy.effect === 'permit' ? permits : forbids).push(policy)
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause
      errors.push({ policy, message: cause.message })
    }
  }
  return { decision: permits.length > 0 && forbids.length === 0 ? 'allow' : 'deny', permits, forbids, errors }
}
