/** Policies found by their scope: a tree over resource, principal and action, so that a decision visits only what may match. */
import type { EntityStore } from './entities.ts'
import type { Scope, ScopePart } from './scopes.ts'
import type { Uid } from './values.ts'

interface Scoped {
  readonly scope: Scope
}

interface Placed<P> {
  readonly policy: P
  /** Its place in the order given, so that answers come in one order. */
  readonly place: number
}

type ByAction<P> = Map<string, Placed<P>[]>
type ByPrincipal<P> = Map<string, ByAction<P>>

export interface ScopeIndex<P> {
  /** Every policy whose scope may match, in the order given, each once. Their types and `==` are still to be tested. */
  candidates(principal: Uid, action: Uid, resource: Uid, entities: EntityStore): readonly P[]
}

const anything = '*'

/** Puts each policy under the keys of its scope. */
export function indexByScope<P extends Scoped>(policies: readonly P[]): ScopeIndex<P> {
  const byResource = new Map<string, ByPrincipal<P>>()
  for (const [place, policy] of policies.entries()) {
    const { resource, principal, action } = policy.scope
    for (const resourceKey of keysOf(resource)) {
      for (const principalKey of keysOf(principal)) {
        for (const actionKey of keysOf(action)) {
          const byPrincipal = getOrAdd<string, ByPrincipal<P>>(byResource, resourceKey, () => new Map())
          const byAction = getOrAdd<string, ByAction<P>>(byPrincipal, principalKey, () => new Map())
          getOrAdd<string, Placed<P>[]>(byAction, actionKey, () => []).push({ policy, place })
        }
      }
    }
  }
  return {
    candidates(principal, action, resource, entities) {
      const found: Placed<P>[] = []
      const principalKeys = keysFor(principal, entities)
      const actionKeys = keysFor(action, entities)
      for (const resourceKey of keysFor(resource, entities)) {
        const byPrincipal = byResource.get(resourceKey)
        if (byPrincipal === undefined) continue
        for (const principalKey of principalKeys) {
          const byAction = byPrincipal.get(principalKey)
          if (byAction === undefined) continue
          for (const actionKey of actionKeys) {
            const here = byAction.get(actionKey)
            if (here !== undefined) for (const placed of here) found.push(placed)
          }
        }
      }
      return inOrder(found)
    },
  }
}

/** In the order given, and each once: an action below two groups that one policy names finds it twice. */
function inOrder<P>(found: Placed<P>[]): readonly P[] {
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

/** Every key under which a scope that matches this entity may stand. A type's name has no quote in it, so it is no entity's key. */
function keysFor(uid: Uid, entities: EntityStore): readonly string[] {
  return [anything, uid.type, uid.key, ...entities.ancestorsOf(uid.key)]
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
