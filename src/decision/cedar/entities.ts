/** The entities a decision may look at: an immutable snapshot with every ancestor known beforehand, and cheap changed copies of it. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { anything, type CedarRecord, type Uid } from './values.ts'

export interface EntityInput {
  readonly uid: Uid
  readonly attributes: CedarRecord
  readonly parents: readonly Uid[]
  /** None where absent. */
  readonly tags?: CedarRecord
}

export interface Entity {
  readonly uid: Uid
  readonly attributes: CedarRecord
  readonly parents: readonly Uid[]
  /** A space of names apart from the attributes: read by `getTag` only. */
  readonly tags: CedarRecord
  /** Keys of all entities above this one, itself not among them. Parents that are not in the store count too. */
  readonly ancestors: ReadonlySet<string>
  /** Every key under which a scope that matches it may stand: of anything, of its type, its own and those of its ancestors. */
  readonly scopeKeys: readonly string[]
}

const noAncestors: ReadonlySet<string> = new Set()
const noTags: CedarRecord = new Map()
const layersMax = 512

/** Build one with `entityStore`. Nothing in it ever changes; `with` and `without` answer with another store. */
export class EntityStore {
  /** Shared between a store and the copies derived from it; `#changed` is looked at first. */
  readonly #base: ReadonlyMap<string, Entity>
  readonly #changed: ReadonlyMap<string, Entity | undefined>

  /** Every key that stands above something, or once did: few, and most changes concern none of them. */
  readonly #above: ReadonlySet<string>

  private constructor(base: ReadonlyMap<string, Entity>, changed: ReadonlyMap<string, Entity | undefined>, above: ReadonlySet<string>) {
    this.#base = base
    this.#changed = changed
    this.#above = above
  }

  // No static field: what the compiler makes of one that builds its own class fails as soon as it is loaded.
  static empty(): EntityStore {
    return new EntityStore(new Map(), new Map(), new Set())
  }

  get(key: string): Entity | undefined {
    if (this.#changed.size > 0 && this.#changed.has(key)) return this.#changed.get(key)
    return this.#base.get(key)
  }

  /** As `Entity.scopeKeys`, also of what is not in the store. */
  scopeKeysOf(uid: Uid): readonly string[] {
    return this.get(uid.key)?.scopeKeys ?? scopeKeys(uid, noAncestors)
  }

  /** Keys of what stands above this entity; none for an entity that is not in the store. */
  ancestorsOf(key: string): ReadonlySet<string> {
    return this.get(key)?.ancestors ?? noAncestors
  }

  *[Symbol.iterator](): Iterator<Entity> {
    for (const [key, entity] of this.#base) if (!this.#changed.has(key)) yield entity
    for (const entity of this.#changed.values()) if (entity !== undefined) yield entity
  }

  /** A store in which these entities are added or replaced. Refuses an entity given twice and a circle of parents: `configuration.invalid`. */
  with(entities: readonly EntityInput[]): Result<EntityStore> {
    const given = new Map<string, EntityInput>()
    for (const entity of entities) {
      if (given.has(entity.uid.key))
        return refuse('configuration.invalid', { detail: `the entity ${entity.uid.toString()} is given twice` })
      given.set(entity.uid.key, entity)
    }
    return this.#derive(given, new Set())
  }

  /** A store without these entities; who had them as parents keeps the name of them. */
  without(uids: readonly Uid[]): Result<EntityStore> {
    return this.#derive(new Map(), new Set(uids.map((uid) => uid.key)))
  }

  #derive(given: Map<string, EntityInput>, removed: ReadonlySet<string>): Result<EntityStore> {
    // Only what stands above something can move anything else.
    const moved = new Set<string>()
    for (const key of removed) if (this.#above.has(key)) moved.add(key)
    for (const [key, { parents }] of given)
      if (this.#above.has(key) && !hasSameParents(this.get(key)?.parents ?? [], parents)) moved.add(key)
    // Whoever stands below what moved has other ancestors now.
    if (moved.size > 0) {
      for (const entity of this) {
        const key = entity.uid.key
        if (!given.has(key) && !removed.has(key) && isAnyIn(entity.ancestors, moved)) given.set(key, entity)
      }
    }
    const climbed = climb(given, (key) => (removed.has(key) ? undefined : this.get(key)))
    if (!climbed.ok) return climbed
    const above = withAncestors(this.#above, climbed.value.values())
    if (climbed.value.size + removed.size > layersMax) return done(new EntityStore(this.#flat(climbed.value, removed), new Map(), above))
    const changed = new Map(this.#changed)
    for (const key of removed) changed.set(key, undefined)
    for (const [key, entity] of climbed.value) changed.set(key, entity)
    if (changed.size <= layersMax) return done(new EntityStore(this.#base, changed, above))
    return done(new EntityStore(this.#flat(climbed.value, removed), new Map(), above))
  }

  /** Everything in one table, which may be the given one: of a first snapshot that is nearly all there is. */
  #flat(added: Map<string, Entity>, removed: ReadonlySet<string>): Map<string, Entity> {
    if (added.size >= this.#base.size + this.#changed.size) {
      for (const entity of this) if (!added.has(entity.uid.key) && !removed.has(entity.uid.key)) added.set(entity.uid.key, entity)
      return added
    }
    const flat = new Map(this.#base)
    for (const [key, entity] of this.#changed) {
      if (entity === undefined) flat.delete(key)
      else flat.set(key, entity)
    }
    for (const key of removed) flat.delete(key)
    for (const [key, entity] of added) flat.set(key, entity)
    return flat
  }
}

/** A store of these entities. Refuses an entity given twice and a circle of parents: `configuration.invalid`. */
export function entityStore(entities: readonly EntityInput[]): Result<EntityStore> {
  return EntityStore.empty().with(entities)
}

function isAnyIn(set: ReadonlySet<string>, keys: ReadonlySet<string>): boolean {
  for (const key of keys) if (set.has(key)) return true
  return false
}

function withAncestors(above: ReadonlySet<string>, entities: Iterable<Entity>): ReadonlySet<string> {
  const added = new Set<string>()
  let last = noAncestors
  for (const { ancestors } of entities) {
    if (ancestors === last) continue
    last = ancestors
    for (const key of ancestors) if (!above.has(key)) added.add(key)
  }
  return added.size === 0 ? above : new Set([...above, ...added])
}

function hasSameParents(left: readonly Uid[], right: readonly Uid[]): boolean {
  return left.length === right.length && left.every((uid, place) => uid.key === right[place]?.key)
}

/** Ancestors of the given entities, each climbed once; `known` answers for entities that did not change. */
function climb(given: ReadonlyMap<string, EntityInput>, known: (key: string) => Entity | undefined): Result<Map<string, Entity>> {
  const climbed = new Map<string, Entity>()
  const climbing = new Set<string>()
  // Whoever shares one list of parents shares what stands above: thousands who have the same role, say.
  const shared = new Map<readonly Uid[], ReadonlySet<string>>()
  for (const first of given.values()) {
    // A stack of our own: a chain of parents may be longer than what recursion bears.
    const waiting = [first]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const key = next.uid.key
      if (climbed.has(key)) continue
      const below = unclimbed(next.parents, given, climbed)
      if (below.length > 0) {
        if (climbing.has(key))
          return refuse('configuration.invalid', { detail: `the parents of ${next.uid.toString()} go round in a circle` })
        climbing.add(key)
        waiting.push(next, ...below)
        continue
      }
      let ancestors = shared.get(next.parents)
      if (ancestors === undefined) {
        ancestors = ancestorsBy(next.parents, (parent) => climbed.get(parent) ?? known(parent))
        shared.set(next.parents, ancestors)
      }
      const { uid, attributes, parents, tags = noTags } = next
      climbed.set(key, { uid, attributes, parents, tags, ancestors, scopeKeys: scopeKeys(uid, ancestors) })
    }
  }
  return done(climbed)
}

const none: readonly EntityInput[] = []

/** Parents that have to be climbed before their child. */
function unclimbed(
  parents: readonly Uid[],
  given: ReadonlyMap<string, EntityInput>,
  climbed: ReadonlyMap<string, Entity>,
): readonly EntityInput[] {
  let found: EntityInput[] | undefined
  for (const { key } of parents) {
    const input = given.get(key)
    if (input !== undefined && !climbed.has(key)) (found ??= []).push(input)
  }
  return found ?? none
}

function ancestorsBy(parents: readonly Uid[], entityOf: (key: string) => Entity | undefined): ReadonlySet<string> {
  if (parents.length === 0) return noAncestors
  const ancestors = new Set<string>()
  for (const { key } of parents) {
    ancestors.add(key)
    for (const above of entityOf(key)?.ancestors ?? noAncestors) ancestors.add(above)
  }
  return ancestors
}

// A type's name has no quote in it, so it is no entity's key.
function scopeKeys({ type, key }: Uid, ancestors: ReadonlySet<string>): readonly string[] {
  return [anything, type, key, ...ancestors]
}
