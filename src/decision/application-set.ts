/** An application's own schema, policies and entities, ready to be asked: never part of Remit's rules, and never looked at when an action is decided. */
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Application, type ApplicationPolicy, applicationLimits, type TemplateLink } from '../model/applications.ts'
import type { SelectorMember } from '../model/selector.ts'
import { type EntityInput, EntityStore } from './cedar/entities.ts'
import { CommonParts } from './cedar/common-parts.ts'
import { type CompiledPolicies, type CompiledPolicy, compilePolicy, joinPolicies } from './cedar/policies.ts'
import { actionEntities, EntityReader } from './cedar/read-entities.ts'
import { type ActionType, type CedarSchema, readSchema } from './cedar/read-schema.ts'
import { fitting, type Misfit, MisfitFound, readRecord, uidOf } from './cedar/read-values.ts'
import { type CompiledTemplate, compileTemplate } from './cedar/templates.ts'
import { type CedarRecord, isEqual, type Uid } from './cedar/values.ts'

export interface ApplicationSet {
  readonly name: string
  readonly version: string
  readonly schema: CedarSchema
  /** Static policies and linked templates. */
  readonly policies: CompiledPolicies
  /** Those that were brought, and the actions of the schema with their groups. */
  readonly entities: EntityStore
  /** Who may ask: `isCallerOf` of model/applications.ts. */
  readonly callers: readonly SelectorMember[]
}

/** What it is made of; a record of it has more. */
export type ApplicationParts = Pick<Application, 'id' | 'version' | 'schema' | 'parsed' | 'links' | 'entities' | 'callers'>

/**
 * Opens it all at once. Refuses `policy.invalid` for what the evaluator does not know and `configuration.invalid`, with a problem and its
 * pointer for each, for entities that do not fit the schema. Of a record that was published neither happens.
 */
export function openApplication(application: ApplicationParts): Result<ApplicationSet> {
  const steps = openingApplication(application)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** The same in steps of well below a millisecond each, with one more or less at the end of each part: between them its driver may pause. */
export function* openingApplication(application: ApplicationParts): Generator<undefined, Result<ApplicationSet>> {
  const { id: name, version, callers, parsed, links } = application
  const schema = readSchema(application.schema.json)
  if (!schema.ok) return schema
  const policies = yield* compiling(parsed, links, schema.value)
  if (!policies.ok) return policies
  const entities = yield* readingEntities(schema.value, application.entities)
  if (!entities.ok) return entities
  return done({ name, version, callers, schema: schema.value, policies: policies.value, entities: entities.value })
}

function* compiling(
  parsed: readonly ApplicationPolicy[],
  links: readonly TemplateLink[],
  schema: CedarSchema,
): Generator<undefined, Result<CompiledPolicies>> {
  const common = new CommonParts()
  const compiled: CompiledPolicy[] = []
  const templates = new Map<string, CompiledTemplate>()
  for (const source of parsed) {
    if (source.isTemplate) {
      const template = compileTemplate(source, common)
      if (!template.ok) return template
      templates.set(source.id, template.value)
    } else {
      const policy = compilePolicy(source, common)
      if (!policy.ok) return policy
      compiled.push(policy.value)
    }
    yield
  }
  for (const [place, link] of links.entries()) {
    const linked = linkOf(link, templates.get(link.template), schema)
    if (!linked.ok) return refuse('configuration.invalid', { detail: `/links/${place}: ${linked.refusal.detail ?? 'it cannot be made'}` })
    compiled.push(linked.value)
    yield
  }
  return joinPolicies(compiled)
}

function linkOf({ id, principal, resource, template: name }: TemplateLink, template: CompiledTemplate | undefined, schema: CedarSchema) {
  if (template === undefined) return refuse('configuration.invalid', { detail: `there is no template "${name}"` })
  const uids = fitting(() => ({
    ...(principal === undefined ? {} : { principal: uidOf(schema, principal, '/principal') }),
    ...(resource === undefined ? {} : { resource: uidOf(schema, resource, '/resource') }),
  }))
  return uids.ok ? template.link(id, uids.value) : uids
}

/** So many go into the store at a time. */
const storedAtOnce = 512

function* readingEntities(schema: CedarSchema, given: readonly JsonObject[]): Generator<undefined, Result<EntityStore>> {
  if (given.length > applicationLimits.entitiesMax)
    return refuse('configuration.invalid', { detail: `at most ${applicationLimits.entitiesMax} entities` })
  const reader = new EntityReader(schema)
  for (const [place, entity] of given.entries()) {
    reader.read(entity, place)
    yield
  }
  if (reader.problems.length > 0) return unfit(reader.problems)
  const ordered = yield* reader.inOrder()
  if ('message' in ordered) return unfit([ordered])
  return yield* storing([...actionEntities(schema), ...ordered])
}

function* storing(ordered: readonly EntityInput[]): Generator<undefined, Result<EntityStore>> {
  let store = EntityStore.empty()
  for (let place = 0; place < ordered.length; place += storedAtOnce) {
    const next = store.with(ordered.slice(place, place + storedAtOnce))
    if (!next.ok) return next
    store = next.value
    yield
  }
  return done(store)
}

function unfit(misfits: readonly Misfit[]): Result<never> {
  const [first] = misfits
  const more = misfits.length > 1 ? ` (and ${misfits.length - 1} more)` : ''
  return refuse('configuration.invalid', {
    detail: `${first?.pointer ?? ''}: ${first?.message ?? ''}${more}`,
    problems: misfits.map((misfit) => ({ file: '', line: 0, column: 0, ...misfit })),
  })
}

/** An entity that may be asked about; its type is declared, and one of an enumerated type is among those. Refuses `input.invalid`. */
export function readUidOf({ schema }: ApplicationSet, type: string, id: string): Result<Uid> {
  return fitting(() => {
    const uid = uidOf(schema, { type, id }, '')
    if (!schema.entityTypes.has(type)) throw new MisfitFound('', `${uid.toString()} is an action`, 'name an entity')
    return uid
  })
}

/**
 * The action of this name: as it stands, or with the namespace before it as `Shop::Action::"view"`. Without a namespace it must be the only
 * one so called. Refuses `input.invalid`.
 */
export function readActionOf({ schema }: ApplicationSet, name: string): Result<Uid> {
  const all = [...schema.actions.values()].map(({ uid }) => uid)
  const full = all.filter((uid) => uid.toString() === name)
  const found = full.length > 0 ? full : all.filter((uid) => uid.id === name)
  return fitting(() => {
    const [only, another] = found
    if (only === undefined) throw new MisfitFound('', `the schema has no action "${name.slice(0, 60)}"`, 'name one that it declares')
    if (another !== undefined)
      throw new MisfitFound('', `${found.length} actions are called "${name.slice(0, 60)}"`, `write ${found.slice(0, 5).join(' or ')}`)
    return only
  })
}

export interface Asked {
  readonly action: Uid
  readonly principal: Uid
  readonly resource: Uid
}

/** The declared action, where it applies to such a principal and such a resource. Refuses `input.invalid`, as Cedar refuses the request. */
export function readAction({ schema }: ApplicationSet, { action, principal, resource }: Asked): Result<ActionType> {
  return fitting(() => {
    const known = schema.actions.get(action.key)
    if (known === undefined) throw new MisfitFound('', `the schema has no action ${action.toString()}`, 'name one that it declares')
    if (!known.principals.has(principal.type))
      throw new MisfitFound('', `${action.toString()} is nothing that a ${principal.type} does`, typesTaken(known.principals))
    if (!known.resources.has(resource.type))
      throw new MisfitFound('', `${action.toString()} is not done to a ${resource.type}`, typesTaken(known.resources))
    return known
  })
}

function typesTaken(types: ReadonlySet<string>): string {
  return types.size === 0 ? 'it is a group of actions: name one that is in it' : `the schema takes ${[...types].join(', ')}`
}

/** The context, by the action's type and without loss. Refuses `input.invalid` with the pointer to what does not fit, and as `readAction`. */
export function readContext(set: ApplicationSet, asked: Asked, json: JsonObject): Result<CedarRecord> {
  const action = readAction(set, asked)
  return action.ok ? readRecord(set.schema, action.value.context, json) : action
}

/** Attributes of an entity of this type, all that the schema requires and none that it does not declare. Refuses `input.invalid`. */
export function readAttributes({ schema }: ApplicationSet, type: string, json: JsonObject): Result<CedarRecord> {
  const known = schema.entityTypes.get(type)
  if (known !== undefined) return readRecord(schema, known.shape, json)
  return refuse('input.invalid', { detail: `the schema has no entity type "${type.slice(0, 60)}"` })
}

/** An entity that a request names, and what it says of it. */
export interface Described {
  readonly uid: Uid
  readonly properties?: JsonObject
}

/**
 * The entities for one request. What is stored is the truth: of an entity that is, `properties` are read, so that a mistake in them is told,
 * and then left aside. Of one that is not they are its attributes, and it stands in no group. Refuses `input.invalid` as `readAttributes`, and
 * where one entity is described in two ways.
 */
export function entitiesFor(set: ApplicationSet, described: readonly Described[]): Result<EntityStore> {
  const added = new Map<string, EntityInput>()
  for (const { uid, properties } of described) {
    if (properties === undefined) continue
    const attributes = readAttributes(set, uid.type, properties)
    if (!attributes.ok) return attributes
    const before = added.get(uid.key)
    if (before !== undefined && !isEqual(before.attributes, attributes.value))
      return refuse('input.invalid', { detail: `${uid.toString()} is described in two ways` })
    if (set.entities.get(uid.key) === undefined) added.set(uid.key, { uid, parents: [], attributes: attributes.value })
  }
  return added.size === 0 ? done(set.entities) : set.entities.with([...added.values()])
}
