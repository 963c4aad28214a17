/** What guardrails say of an operation before its arguments, its address and perhaps its task are known. */
import type { Identity } from '../model/identities.ts'
import type { Selector } from '../model/selector.ts'
import type { Reached } from './ask.ts'
import type { EntityStore } from './cedar/entities.ts'
import { inScope } from './cedar/evaluate.ts'
import { mayHold, type Truth } from './cedar/maybe.ts'
import { type PartialRecord } from './cedar/maybe-values.ts'
import type { Rules } from './rules.ts'
import { identityUid, operationUid, resourceUid } from './names.ts'

/** A policy that may have something to say, and what that hangs on; nothing where it certainly says it. */
export interface Speaking {
  readonly policy: string
  readonly dependsOn: readonly string[]
}

export interface Holding extends Speaking {
  /** Whose yes releases it. */
  readonly selector: Selector
}

export interface Guarded {
  /** They refuse it whatever is not known yet. */
  readonly never: readonly string[]
  /** They may refuse it, or may be impossible to evaluate, which refuses it too. */
  readonly against: readonly Speaking[]
  readonly holds: readonly Holding[]
}

/** Forbids of every link count. */
export function guardedFor(
  rules: Rules,
  entities: EntityStore,
  chain: readonly Pick<Identity, 'kind' | 'name'>[],
  { service, route, context }: Reached & { readonly context: PartialRecord },
): Guarded {
  const never = new Set<string>()
  const against = new Map<string, Speaking>()
  const holds = new Map<string, Holding>()
  const [action, resource] = [operationUid(service, route.name), resourceUid(service, route.name)]
  for (const link of chain) {
    const request = { principal: identityUid(link), action, resource, context }
    for (const policy of inScope(rules.guardrails, request, entities)) {
      const truth = mayHold(policy, request, entities)
      const selector = rules.holds.get(policy.id)
      const isPlain = selector === undefined && !rules.duties.has(policy.id)
      const speaking: Speaking = { policy: policy.id, dependsOn: truth.dependsOn }
      if (certainlyRefuses(truth, isPlain)) never.add(policy.id)
      else if (truth.canFail || (isPlain && truth.canHold)) against.set(policy.id, speaking)
      if (selector !== undefined && truth.canHold && isFirmer(truth, holds.get(policy.id))) {
        holds.set(policy.id, { ...speaking, dependsOn: truth.canNot ? truth.dependsOn : [], selector })
      }
    }
  }
  return { never: [...never], against: [...against.values()], holds: [...holds.values()] }
}

/** A forbid that cannot be evaluated refuses as well. */
function certainlyRefuses({ canHold, canNot }: Truth, isPlain: boolean): boolean {
  return !canNot && (isPlain || !canHold)
}

function isFirmer({ canNot }: Truth, known: Holding | undefined): boolean {
  return known === undefined || !canNot
}

export function isSure({ dependsOn }: Speaking): boolean {
  return dependsOn.length === 0
}
