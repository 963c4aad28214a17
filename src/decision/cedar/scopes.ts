/** The scope of a policy: which principals, actions and resources it is about. */
import type { CommonParts } from './common-parts.ts'
import type { EntityStore } from './entities.ts'
import { fieldOf, isObject, type JsonObject, listAt, objectAt, textAt, uidIn, Unsupported } from './policy-json.ts'
import type { Uid } from './values.ts'

/** One of the three places of a scope. */
export type ScopePart =
  | { readonly kind: 'any' }
  | { readonly kind: 'is'; readonly uid: Uid }
  | { readonly kind: 'in'; readonly uids: readonly Uid[] }
  | { readonly kind: 'of-type'; readonly type: string; readonly within: Uid | undefined }

export interface Scope {
  readonly principal: ScopePart
  readonly action: ScopePart
  readonly resource: ScopePart
}

/** What policies of a set have in common is made once. */
export function readScope(policy: JsonObject, common: CommonParts): Scope {
  return {
    principal: readPart(policy, 'principal', common),
    action: readPart(policy, 'action', common),
    resource: readPart(policy, 'resource', common),
  }
}

/** Whether this entity is within the scope. It cannot fail. */
export function isInScope(part: ScopePart, uid: Uid, entities: EntityStore): boolean {
  switch (part.kind) {
    case 'any':
      return true
    case 'is':
      return part.uid.key === uid.key
    case 'in':
      return part.uids.some((above) => isAtOrBelow(uid, above, entities))
    case 'of-type':
      return part.type === uid.type && (part.within === undefined || isAtOrBelow(uid, part.within, entities))
  }
}

/** The entities that a place of the scope names; none for `any` and a bare type. */
export function uidsOf(part: ScopePart): readonly Uid[] {
  switch (part.kind) {
    case 'any':
      return []
    case 'is':
      return [part.uid]
    case 'in':
      return part.uids
    case 'of-type':
      return part.within === undefined ? [] : [part.within]
  }
}

function isAtOrBelow(uid: Uid, above: Uid, entities: EntityStore): boolean {
  return uid.key === above.key || entities.ancestorsOf(uid.key).has(above.key)
}

const anyone: ScopePart = { kind: 'any' }

function readPart(policy: JsonObject, place: 'principal' | 'action' | 'resource', common: CommonParts): ScopePart {
  const part = objectAt(policy, place)
  const operator = textAt(part, 'op')
  if (fieldOf(part, 'slot') !== undefined) throw new Unsupported(`a template (the slot in ${place})`)
  switch (operator) {
    case 'All':
      return anyone
    case '==':
      return { kind: 'is', uid: uidIn(fieldOf(part, 'entity'), common.uid) }
    case 'in': {
      const one = fieldOf(part, 'entity')
      if (one !== undefined) return common.below(uidIn(one, common.uid))
      return { kind: 'in', uids: listAt(part, 'entities').map((each) => uidIn(each, common.uid)) }
    }
    case 'is': {
      const within = fieldOf(part, 'in')
      if (isObject(within) && fieldOf(within, 'slot') !== undefined) throw new Unsupported(`a template (the slot in ${place})`)
      return {
        kind: 'of-type',
        type: textAt(part, 'entity_type'),
        within: isObject(within) ? uidIn(fieldOf(within, 'entity'), common.uid) : undefined,
      }
    }
    default:
      throw new Unsupported(`"${operator}" in the scope of ${place}`)
  }
}

export type Slot = '?principal' | '?resource'

/** What stands in the slots of a template. */
export interface Fill {
  readonly principal?: Uid
  readonly resource?: Uid
}

const slots = [
  ['principal', '?principal'],
  ['resource', '?resource'],
] as const

/** The slots of a template, which only its scope can have; none for a policy. */
export function slotsOf(policy: JsonObject): readonly Slot[] {
  return slots.filter(([place]) => slotHolder(objectAt(policy, place)) !== undefined).map(([, slot]) => slot)
}

/** The template's JSON with entities in place of its slots. Throws `Unsupported` for a slot without an entity, or an entity without a slot. */
export function fillSlots(policy: JsonObject, fill: Fill): JsonObject {
  const filled = { ...policy }
  for (const [place, slot] of slots) {
    const part = objectAt(policy, place)
    const holder = slotHolder(part)
    const uid = fill[place]
    if ((holder === undefined) !== (uid === undefined)) {
      throw new Unsupported(
        uid === undefined ? `a link that leaves ${slot} open` : `a link that fills ${slot}, which the template does not have`,
      )
    }
    if (holder === undefined || uid === undefined) continue
    const entity = { type: uid.type, id: uid.id }
    filled[place] = holder === part ? { op: textAt(part, 'op'), entity } : { ...part, in: { entity } }
  }
  return filled
}

function slotHolder(part: JsonObject): JsonObject | undefined {
  if (fieldOf(part, 'slot') !== undefined) return part
  const within = fieldOf(part, 'in')
  return isObject(within) && fieldOf(within, 'slot') !== undefined ? within : undefined
}
