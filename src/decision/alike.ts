/** Identities that no policy can tell apart: what is found out for one of them holds for all. */
import type { Identity } from '../model/identities.ts'
import type { CompiledPolicies, CompiledPolicy } from './cedar/policies.ts'
import { identityUid } from './names.ts'

/**
 * The same text for identities of which the policies say the same. Cedar can tell them apart only by kind, roles, owner and name; by the
 * last two only where a policy speaks of them.
 */
export function alikeness(sets: readonly CompiledPolicies[]): (identity: Identity) => string {
  const policies = sets.flatMap((set) => set.policies)
  const named = new Set(policies.flatMap((policy) => policy.mentions).map((uid) => uid.key))
  const isOwnerRead = policies.some(readsOwner)
  return (identity) => {
    const { key } = identityUid(identity)
    const owner = isOwnerRead || identity.owner === undefined ? (identity.owner ?? '') : 'somebody'
    const roles = identity.roles.length < 2 ? identity.roles : identity.roles.toSorted()
    return JSON.stringify([identity.kind, owner, named.has(key) ? key : '', ...roles])
  }
}

const ownerReaders = new WeakMap<CompiledPolicy, boolean>()

/** Whether the policy has the word anywhere: as an attribute, or as part of anything else, which is asked about more often than it needs. */
function readsOwner(policy: CompiledPolicy): boolean {
  const known = ownerReaders.get(policy)
  if (known !== undefined) return known
  let found = false
  const waiting: unknown[] = [policy.json['conditions']]
  for (let next = waiting.pop(); next !== undefined && !found; next = waiting.pop()) {
    found = next === 'owner'
    if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) waiting.push(inner)
  }
  ownerReaders.set(policy, found)
  return found
}
