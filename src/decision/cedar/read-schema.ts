/** Cedar's schema, in the JSON form that its own parser gives with every type name resolved, as types by which values are read. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { fieldOf, isObject, type JsonObject, Unsupported } from './policy-json.ts'
import { Uid } from './values.ts'

export type ExtensionName = 'decimal' | 'ipaddr' | 'datetime' | 'duration'

export type CedarType =
  | { readonly kind: 'bool' }
  | { readonly kind: 'long' }
  | { readonly kind: 'string' }
  | { readonly kind: 'extension'; readonly name: ExtensionName }
  | { readonly kind: 'entity'; readonly name: string }
  | { readonly kind: 'set'; readonly element: CedarType }
  | RecordType

export interface RecordType {
  readonly kind: 'record'
  readonly attributes: ReadonlyMap<string, AttributeType>
}

export interface AttributeType {
  readonly type: CedarType
  readonly required: boolean
}

export interface EntityType {
  readonly name: string
  readonly shape: RecordType
  readonly tags?: CedarType
  /** Types of which its ancestors may be. */
  readonly memberOf: ReadonlySet<string>
  /** Every id there is, for an enumerated type. */
  readonly ids?: ReadonlySet<string>
}

export interface ActionType {
  readonly uid: Uid
  /** The groups it is in, those directly above it. */
  readonly parents: readonly Uid[]
  readonly principals: ReadonlySet<string>
  readonly resources: ReadonlySet<string>
  readonly context: RecordType
}

export interface CedarSchema {
  /** By full name, as `Shop::User`. */
  readonly entityTypes: ReadonlyMap<string, EntityType>
  /** By key of the uid. */
  readonly actions: ReadonlyMap<string, ActionType>
}

const emptyRecord: RecordType = { kind: 'record', attributes: new Map() }
const typeDepthMax = 64
const extensionNames: readonly ExtensionName[] = ['decimal', 'ipaddr', 'datetime', 'duration']

/** Reads the schema. Refuses `policy.invalid`, naming the construct, for whatever is not known here: then no value can be read by it. */
export function readSchema(json: unknown): Result<CedarSchema> {
  try {
    return done(schemaOf(isObject(json) ? json : {}))
  } catch (cause) {
    if (!(cause instanceof Unsupported)) throw cause
    return refuse('policy.invalid', { detail: `the schema has something that Remit does not know: ${cause.message}` })
  }
}

function schemaOf(json: JsonObject): CedarSchema {
  const types = new Types(json)
  const entityTypes = new Map<string, EntityType>()
  const actions = new Map<string, ActionType>()
  for (const [namespace, body] of Object.entries(json)) {
    for (const [name, entity] of membersAt(body, 'entityTypes'))
      entityTypes.set(qualified(namespace, name), types.entityType(qualified(namespace, name), entity))
    for (const [id, action] of membersAt(body, 'actions')) {
      const type = types.action(new Uid(qualified(namespace, 'Action'), id), action)
      actions.set(type.uid.key, type)
    }
  }
  return { entityTypes: withAncestors(entityTypes), actions }
}

/** Of every type all those that may stand above it: what is in a group may be named in the groups of that group directly, as in Cedar. */
function withAncestors(types: ReadonlyMap<string, EntityType>): ReadonlyMap<string, EntityType> {
  return new Map(
    [...types].map(([name, type]) => {
      const above = new Set<string>()
      const waiting = [...type.memberOf]
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        if (above.has(next)) continue
        above.add(next)
        waiting.push(...(types.get(next)?.memberOf ?? []))
      }
      return [name, { ...type, memberOf: above }]
    }),
  )
}

function qualified(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}::${name}`
}

function membersAt(body: unknown, name: string): readonly (readonly [string, unknown])[] {
  const members = isObject(body) ? fieldOf(body, name) : undefined
  if (members === undefined) return []
  if (!isObject(members)) throw new Unsupported(`${name} that are no mapping`)
  return Object.entries(members)
}

function textsAt(json: JsonObject, name: string): readonly string[] {
  const list = fieldOf(json, name) ?? []
  if (!Array.isArray(list)) throw new Unsupported(`${name} that are no list`)
  return list.map((each: unknown) => {
    if (typeof each !== 'string') throw new Unsupported(`${name} that are no names`)
    return each
  })
}

class Types {
  readonly #common = new Map<string, unknown>()
  readonly #read = new Map<string, CedarType>()

  constructor(json: JsonObject) {
    for (const [namespace, body] of Object.entries(json))
      for (const [name, type] of membersAt(body, 'commonTypes')) this.#common.set(qualified(namespace, name), type)
  }

  entityType(name: string, json: unknown): EntityType {
    if (!isObject(json)) throw new Unsupported(`the entity type ${name}`)
    const shape = fieldOf(json, 'shape')
    const tags = fieldOf(json, 'tags')
    const ids = fieldOf(json, 'enum') === undefined ? undefined : new Set(textsAt(json, 'enum'))
    return {
      name,
      shape: shape === undefined ? emptyRecord : this.#record(shape, name),
      memberOf: new Set(textsAt(json, 'memberOfTypes')),
      ...(tags === undefined ? {} : { tags: this.#type(tags, 0) }),
      ...(ids === undefined ? {} : { ids }),
    }
  }

  action(uid: Uid, json: unknown): ActionType {
    if (!isObject(json)) throw new Unsupported(`the action ${uid.toString()}`)
    const applies = fieldOf(json, 'appliesTo')
    const appliesTo = isObject(applies) ? applies : {}
    const context = fieldOf(appliesTo, 'context')
    const groups = fieldOf(json, 'memberOf') ?? []
    if (!Array.isArray(groups)) throw new Unsupported(`the groups of ${uid.toString()}`)
    return {
      uid,
      parents: groups.map((group: unknown) => groupOf(group, uid)),
      principals: new Set(textsAt(appliesTo, 'principalTypes')),
      resources: new Set(textsAt(appliesTo, 'resourceTypes')),
      context: context === undefined ? emptyRecord : this.#record(context, uid.toString()),
    }
  }

  #record(json: unknown, of: string): RecordType {
    const type = this.#type(json, 0)
    if (type.kind !== 'record') throw new Unsupported(`${of}, which should be a record`)
    return type
  }

  #type(json: unknown, depth: number): CedarType {
    if (depth > typeDepthMax) throw new Unsupported(`types nested deeper than ${typeDepthMax}`)
    const type = isObject(json) ? fieldOf(json, 'type') : undefined
    if (!isObject(json) || typeof type !== 'string') throw new Unsupported('a type without a name')
    switch (type) {
      case 'Set':
        return { kind: 'set', element: this.#type(fieldOf(json, 'element'), depth + 1) }
      case 'Record':
        return this.#recordType(json, depth)
      case 'Entity':
        return { kind: 'entity', name: nameAt(json) }
      // With types resolved these two can only be built-in or common.
      case 'EntityOrCommon':
      case 'Extension':
        return this.#named(nameAt(json), depth)
      default:
        return this.#named(type, depth)
    }
  }

  #recordType(json: JsonObject, depth: number): RecordType {
    if (fieldOf(json, 'additionalAttributes') === true) throw new Unsupported('records with additional attributes')
    const attributes = new Map<string, AttributeType>()
    for (const [name, attribute] of membersAt(json, 'attributes')) {
      const required = isObject(attribute) ? (fieldOf(attribute, 'required') ?? true) : true
      attributes.set(name, { type: this.#type(attribute, depth + 1), required: required !== false })
    }
    return { kind: 'record', attributes }
  }

  /** Common types are read once; one that contains itself would be deeper than any bound. */
  #named(name: string, depth: number): CedarType {
    const known = this.#read.get(name)
    if (known !== undefined) return known
    const common = this.#common.get(name)
    const type = common === undefined ? builtIn(name) : this.#type(common, depth + 1)
    this.#read.set(name, type)
    return type
  }
}

function groupOf(json: unknown, action: Uid): Uid {
  const id = isObject(json) ? fieldOf(json, 'id') : undefined
  const type = isObject(json) ? fieldOf(json, 'type') : undefined
  if (typeof id !== 'string' || typeof type !== 'string') throw new Unsupported(`a group of ${action.toString()}`)
  return new Uid(type, id)
}

function nameAt(json: JsonObject): string {
  const name = fieldOf(json, 'name')
  if (typeof name !== 'string') throw new Unsupported('a type without a name')
  return name
}

function builtIn(written: string): CedarType {
  const name = written.startsWith('__cedar::') ? written.slice('__cedar::'.length) : written
  switch (name) {
    case 'Bool':
    case 'Boolean':
      return { kind: 'bool' }
    case 'Long':
      return { kind: 'long' }
    case 'String':
      return { kind: 'string' }
    default: {
      const extension = extensionNames.find((each) => each === name)
      if (extension === undefined) throw new Unsupported(`the type ${written}`)
      return { kind: 'extension', name: extension }
    }
  }
}
