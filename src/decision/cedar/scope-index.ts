/** Policies found by their scope: a tree over resource, principal and action, so that a decision visits only what matches. */
import type { EntityStore } from './entities.ts'
import { isInScope, type Scope, type ScopePart } from './scopes.ts'
import { anything, type Uid } from './values.ts'

interface Scoped {
  readonly scope: Scope
}

interface Placed<P> {
  readonly policy: P
  /** Its place in the order given, so that answers come in one order. */
  readonly place: number
}

/** What stands under the same keys. */
interface Bucket<P> {
  readonly placed: Placed<P>[]
  readonly policies: P[]
  /** Whether having these keys is all that the scopes ask for. */
  isExact: boolean
}

type ByAction<P> = Map<string, Bucket<P>>
type ByPrincipal<P> = Map<string, ByAction<P>>

export interface ScopeIndex<P> {
  /** Every policy whose scope matches, in the order given, each once. */
  matching(principal: Uid, action: Uid, resource: Uid, entities: EntityStore): readonly P[]
}

/** Puts each policy under the keys of its scope. */
export function indexByScope<P extends Scoped>(policies: readonly P[]): ScopeIndex<P> {
  const byResource = new Map<string, ByPrincipal<P>>()
  for (const [place, policy] of policies.entries()) {
    const { resource, principal, action } = policy.scope
    const isExact = isByKey(resource) && isByKey(principal) && isByKey(action)
    for (const resourceKey of keysOf(resource)) {
      for (const principalKey of keysOf(principal)) {
        for (const actionKey of keysOf(action)) {
          const byPrincipal = getOrAdd<string, ByPrincipal<P>>(byResource, resourceKey, () => new Map())
          const byAction = getOrAdd<string, ByAction<P>>(byPrincipal, principalKey, () => new Map())
          const bucket = getOrAdd<string, Bucket<P>>(byAction, actionKey, () => ({ placed: [], policies: [], isExact: true }))
          bucket.placed.push({ policy, place })
          bucket.policies.push(policy)
          bucket.isExact &&= isExact
        }
      }
    }
  }
  return {
    matching(principal, action, resource, entities) {
      const buckets: Bucket<P>[] = []
      const principalKeys = entities.scopeKeysOf(principal)
      const actionKeys = entities.scopeKeysOf(action)
      for (const resourceKey of entities.scopeKeysOf(resource)) {
        const byPrincipal = byResource.get(resourceKey)
        if (byPrincipal === undefined) continue
        for (const principalKey of principalKeys) {
          const byAction = byPrincipal.get(principalKey)
          if (byAction === undefined) continue
          for (const actionKey of actionKeys) {
            const bucket = byAction.get(actionKey)
            if (bucket !== undefined) buckets.push(bucket)
          }
        }
      }
      const [only] = buckets
      if (only === undefined) return []
      const found = buckets.length === 1 ? only.policies : joined(buckets)
      if (buckets.every((bucket) => bucket.isExact)) return found
      return found.filter(
        ({ scope }) =>
          isInScope(scope.principal, principal, entities) &&
          isInScope(scope.action, action, entities) &&
          isInScope(scope.resource, resource, entities),
      )
    },
  }
}

/** In the order given, and each once: an action below two groups that one policy names finds it twice. */
function joined<P>(buckets: readonly Bucket<P>[]): readonly P[] {
  const found: Placed<P>[] = []
  for (const bucket of buckets) for (const placed of bucket.placed) found.push(placed)
  found.sort((left, right) => left.place - right.place)
  const once: P[] = []
  let last = -1
  for (const { policy, place } of found) {
    if (place !== last) once.push(policy)
    last = place
  }
  return once
}

/** Under which keys a scope stands: entities by key, a bare type by its name, and what names nothing under `*`. */
function keysOf(part: ScopePart): readonly string[] {
  switch (part.kind) {
    case 'any':
      return [anything]
    case 'is':
      return [part.uid.key]
    case 'in':
      return [...new Set(part.uids.map((uid) => uid.key))]
    case 'of-type':
      return [part.within === undefined ? part.type : part.within.key]
  }
}

/** `==` stands under a key that whatever is below has as well, and so does `is … in`. */
function isByKey(part: ScopePart): boolean {
  return part.kind !== 'is' && (part.kind !== 'of-type' || part.within === undefined)
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
