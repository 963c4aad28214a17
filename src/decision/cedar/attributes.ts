/** What is read by name: attributes of entities and records, their presence, and the tags of entities. */
import type { EntityStore } from './entities.ts'
import { Fault } from './fault.ts'
import { asText, asUid } from './types.ts'
import { type CedarRecord, type CedarValue, isRecord, typeName, Uid } from './values.ts'

/** `owner.a.b.c`: a fault where a step is missing. */
export function follow(entities: EntityStore, owner: CedarValue, path: readonly string[]): CedarValue {
  let value = owner
  for (const name of path) value = fieldsOf(entities, value)?.get(name) ?? missing(value, 'attribute', name)
  return value
}

/** `owner has a.b.c`: true when each step is there. */
export function has(entities: EntityStore, owner: CedarValue, path: readonly string[]): boolean {
  let value = owner
  for (const name of path) {
    const next = fieldsOf(entities, value)?.get(name)
    if (next === undefined) return false
    value = next
  }
  return true
}

/** The left side must be an entity and the right one a text, whatever the entity has. */
export function hasTag(entities: EntityStore, owner: CedarValue, name: CedarValue): boolean {
  const tags = entities.get(asUid(owner).key)?.tags
  const wanted = asText(name)
  return tags?.has(wanted) ?? false
}

export function getTag(entities: EntityStore, owner: CedarValue, name: CedarValue): CedarValue {
  const tags = entities.get(asUid(owner).key)?.tags
  const wanted = asText(name)
  return tags?.get(wanted) ?? missing(owner, 'tag', wanted)
}

/** The fields of a record, or the attributes of an entity; nothing for an entity that is not in the store. */
function fieldsOf(entities: EntityStore, owner: CedarValue): CedarRecord | undefined {
  if (isRecord(owner)) return owner
  if (owner instanceof Uid) return entities.get(owner.key)?.attributes
  throw new Fault(`expected a record or an entity, found ${typeName(owner)}`)
}

function missing(owner: CedarValue, what: 'attribute' | 'tag', name: string): never {
  throw new Fault(`${owner instanceof Uid ? owner.toString() : typeName(owner)} has no ${what} "${name}"`)
}
