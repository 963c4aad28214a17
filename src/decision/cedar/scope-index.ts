/** Policies found by their scope: a tree over resource, principal and action, so that a decision visits only what matches. */
import type { EntityStore } from './entities.ts'
import { isInScope, type Scope, type ScopePart } from './scopes.ts'
import { anything, type Uid } from './values.ts'

interface Scoped {
  readonly scope: Scope
}

/** Policies with their places in the order given, so that answers come in one order. */
interface Listed<P> {
  readonly policies: readonly P[]
  readonly places: readonly number[]
}

/** What stands under the same keys. */
interface Bucket<P> extends Listed<P> {
  readonly policies: P[]
  readonly places: number[]
  /** Whether having these keys is all that the scopes ask for. */
  isExact: boolean
}

export interface ScopeIndex<P> {
  /** Every policy whose scope matches, in the order given, each once. */
  matching(principal: Uid, action: Uid, resource: Uid, entities: EntityStore): readonly P[]
}

/** By action first, of which there are fewest: a table for each pair of action and resource is then the most there can be. */
class Tree<P> {
  readonly #byAction = new Map<string, Map<string, Map<string, Bucket<P>>>>()
  /** One text for each key, in all tables: what is compared often is then found in the processor's cache. */
  readonly #keys = new Map<string, string>()

  bucket(action: string, resource: string, principal: string): Bucket<P> {
    const actionKey = this.#one(action)
    const resourceKey = this.#one(resource)
    const principalKey = this.#one(principal)
    const byResource = getOrAdd(this.#byAction, actionKey, () => new Map<string, Map<string, Bucket<P>>>())
    const byPrincipal = getOrAdd(byResource, resourceKey, () => new Map<string, Bucket<P>>())
    return getOrAdd(byPrincipal, principalKey, () => ({ policies: [], places: [], isExact: true }))
  }

  #one(key: string): string {
    return getOrAdd(this.#keys, key, () => key)
  }

  find(actionKeys: readonly string[], resourceKeys: readonly string[], principalKeys: readonly string[]): readonly Bucket<P>[] {
    const found: Bucket<P>[] = []
    for (const actionKey of actionKeys) {
      const byResource = this.#byAction.get(actionKey)
      if (byResource === undefined) continue
      for (const resourceKey of resourceKeys) {
        const byPrincipal = byResource.get(resourceKey)
        if (byPrincipal === undefined) continue
        for (const principalKey of principalKeys) {
          const bucket = byPrincipal.get(principalKey)
          if (bucket !== undefined) found.push(bucket)
        }
      }
    }
    return found
  }
}

/** Puts each policy under the keys of its scope; in steps, one for each. */
export function* indexingByScope<P extends Scoped>(policies: readonly P[]): Generator<undefined, ScopeIndex<P>> {
  const tree = new Tree<P>()
  let place = -1
  for (const policy of policies) {
    yield
    place += 1
    const { resource, principal, action } = policy.scope
    const isExact = isByKey(resource) && isByKey(principal) && isByKey(action)
    for (const actionKey of keysOf(action)) {
      for (const resourceKey of keysOf(resource)) {
        for (const principalKey of keysOf(principal)) {
          const bucket = tree.bucket(actionKey, resourceKey, principalKey)
          bucket.policies.push(policy)
          bucket.places.push(place)
          bucket.isExact &&= isExact
        }
      }
    }
  }
  return {
    matching(principal, action, resource, entities) {
      const buckets = tree.find(entities.scopeKeysOf(action), entities.scopeKeysOf(resource), entities.scopeKeysOf(principal))
      const last = buckets.at(-1)
      if (last === undefined) return []
      // The last ones are the narrowest: so the widest, which may be long, is gone through once.
      let found: Listed<P> = last
      for (let place = buckets.length - 2; place >= 0; place -= 1) found = merged(found, buckets[place] ?? found)
      if (buckets.every((bucket) => bucket.isExact)) return found.policies
      return found.policies.filter(
        ({ scope }) =>
          isInScope(scope.principal, principal, entities) &&
          isInScope(scope.action, action, entities) &&
          isInScope(scope.resource, resource, entities),
      )
    },
  }
}

/** In the order given, and each once: an action below two groups that one policy names finds it twice. */
function merged<P>(left: Listed<P>, right: Listed<P>): Listed<P> {
  const policies: P[] = []
  const places: number[] = []
  let [atLeft, atRight] = [0, 0]
  while (atLeft < left.places.length || atRight < right.places.length) {
    const [leftPlace, rightPlace] = [left.places[atLeft] ?? Infinity, right.places[atRight] ?? Infinity]
    const policy = leftPlace <= rightPlace ? left.policies[atLeft] : right.policies[atRight]
    if (policy !== undefined) policies.push(policy)
    places.push(Math.min(leftPlace, rightPlace))
    if (leftPlace <= rightPlace) atLeft += 1
    if (rightPlace <= leftPlace) atRight += 1
  }
  return { policies, places }
}

/** Under which keys a scope stands: entities by key, a bare type by its name, and what names nothing under `*`. */
function keysOf(part: ScopePart): readonly string[] {
  switch (part.kind) {
    case 'any':
      return [anything]
    case 'is':
      return [part.uid.key]
    case 'in': {
      const [only] = part.uids
      return only !== undefined && part.uids.length === 1 ? [only.key] : [...new Set(part.uids.map((uid) => uid.key))]
    }
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
