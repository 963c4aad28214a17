/** Rules asked before anybody is served by them: the first decisions after a change of policies are then as quick as the later ones. */
import type { EntityStore } from './cedar/entities.ts'
import { type CedarRequest, evaluate } from './cedar/evaluate.ts'
import type { CompiledPolicies } from './cedar/policies.ts'
import type { ScopePart } from './cedar/scopes.ts'
import { type CedarRecord, Uid } from './cedar/values.ts'
import { askContext, callContext } from './contexts.ts'
import type { Rules } from './rules.ts'

/** Of each set, at most so many policies are asked about, from all over it. */
const policiesMax = 50

const task = { kind: 'warm-up', statement: 'nothing is done', claimed: [], proved: [] } as const
const action = {
  protocol: 'http',
  service: 'warm-up',
  operation: 'warm-up',
  verb: 'GET',
  effect: 'observe',
  tier: 0,
  arguments: {},
  target: '/',
} as const

/** One question for each step. What is answered is nobody's concern. */
export function* warmingUp(
  rules: Pick<Rules, 'eligibility' | 'guardrails' | 'desk'>,
  entities: EntityStore,
): Generator<undefined, undefined> {
  const asked = askContext({ task, effect: 'observe', duration: 0, now: 0 })
  const called = callContext({ task, action, address: '127.0.0.1', refusals: 0, now: 0 }) ?? asked
  for (const [set, context] of [
    [rules.eligibility, asked],
    [rules.guardrails, called],
    [rules.desk, called],
  ] as const) {
    for (const request of questionsFor(set, context)) {
      evaluate(set, request, entities)
      yield
    }
  }
  return undefined
}

/** Requests that policies of the set speak of. */
function questionsFor({ policies }: CompiledPolicies, context: CedarRecord): readonly CedarRequest[] {
  const every = Math.max(1, Math.ceil(policies.length / policiesMax))
  return policies
    .filter((_, place) => place % every === 0)
    .map(({ scope }) => ({
      principal: somebody(scope.principal, 'Human'),
      action: somebody(scope.action, 'Action'),
      resource: somebody(scope.resource, 'Route'),
      context,
    }))
}

function somebody(part: ScopePart, type: string): Uid {
  switch (part.kind) {
    case 'any':
      return new Uid(type, 'warm-up')
    case 'is':
      return part.uid
    case 'in':
      return part.uids[0] ?? new Uid(type, 'warm-up')
    case 'of-type':
      return new Uid(part.type, 'warm-up')
  }
}
