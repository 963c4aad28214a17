/** Entities in Cedar's JSON form, read by a schema: types, parents and attributes as it says, and the actions that it declares beside them. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import type { EntityInput } from './entities.ts'
import type { ActionType, CedarSchema, EntityType } from './read-schema.ts'
import { below, type Misfit, MisfitFound, namedEntity, recordOf, uidOf, valueOf } from './read-values.ts'
import type { CedarRecord, CedarValue, Uid } from './values.ts'

const problemsMax = 100
const members: ReadonlySet<string> = new Set(['uid', 'attrs', 'parents', 'tags'])

/** Reads one entity after another, so that whoever reads many may pause between two. */
export class EntityReader {
  readonly #schema: CedarSchema
  readonly #seen = new Map<string, number>()
  readonly entities: EntityInput[] = []
  /** The first hundred. */
  readonly problems: Misfit[] = []

  constructor(schema: CedarSchema) {
    this.#schema = schema
  }

  /** `place` is its place in the list, for the pointers. */
  read(json: JsonValue, place: number): void {
    if (this.problems.length >= problemsMax) return
    try {
      const entity = entityAt(this.#schema, json, below('', place))
      const { key } = entity.uid
      const twin = this.#seen.get(key)
      if (twin !== undefined)
        throw new MisfitFound(
          below(below('', place), 'uid'),
          `${entity.uid.toString()} stands at /${twin} already`,
          'write each entity once',
        )
      this.#seen.set(key, place)
      // The schema's own actions join the others anyway.
      if (!this.#schema.actions.has(key)) this.entities.push(entity)
    } catch (thrown) {
      if (!(thrown instanceof MisfitFound)) throw thrown
      this.problems.push(thrown.misfit)
    }
  }

  /**
   * What was read, parents before those below them, so that a store can take it in parts; or what is wrong with the parents. Yields now and
   * then, where whoever drives it may pause.
   */
  *inOrder(): Generator<undefined, readonly EntityInput[] | Misfit> {
    const climb = new Climb(this.entities)
    for (const entity of this.entities) {
      const flaw = yield* climb.from(entity)
      if (flaw !== undefined) return this.#atParents(flaw.of, flaw.message, flaw.remedy)
    }
    return climb.ordered
  }

  #atParents(uid: Uid, message: string, remedy: string): Misfit {
    return { pointer: below(below('', this.#seen.get(uid.key) ?? 0), 'parents'), message, remedy }
  }
}

/** The actions and their groups, as entities: with a schema they are part of every store. */
export function actionEntities({ actions }: CedarSchema): readonly EntityInput[] {
  return [...actions.values()].map(({ uid, parents }) => ({ uid, parents, attributes: new Map() }))
}

function entityAt(schema: CedarSchema, json: JsonValue, pointer: string): EntityInput {
  if (!isJsonObject(json)) throw new MisfitFound(pointer, 'this is no entity', 'write {"uid": …, "attrs": {…}, "parents": […]}')
  const stranger = Object.keys(json).find((name) => !members.has(name))
  if (stranger !== undefined)
    throw new MisfitFound(below(pointer, stranger), `an entity has no "${stranger.slice(0, 60)}"`, 'it takes uid, attrs, parents and tags')
  const at = below(pointer, 'uid')
  const named = namedEntity(json['uid'], at)
  const uid = uidOf(schema, named, at)
  const parents = parentsAt(schema, json['parents'], below(pointer, 'parents'))
  const action = schema.actions.get(uid.key)
  if (action !== undefined) return sameAction(action, json, { pointer, parents })
  const type = schema.entityTypes.get(uid.type)
  if (type === undefined) throw new MisfitFound(at, `the schema has no entity type "${uid.type.slice(0, 60)}"`, 'declare it')
  checkParents(type, parents, below(pointer, 'parents'))
  const attributes = recordOf(schema, type.shape, json['attrs'], below(pointer, 'attrs'))
  const tags = tagsAt(schema, type, json['tags'], below(pointer, 'tags'))
  return { uid, parents, attributes, ...(tags === undefined ? {} : { tags }) }
}

/** An action may stand among the entities, exactly as the schema has it. */
function sameAction(
  { uid, parents }: ActionType,
  json: JsonObject,
  given: { readonly pointer: string; readonly parents: readonly Uid[] },
): EntityInput {
  const isSame = new Set(parents.map(({ key }) => key)).symmetricDifference(new Set(given.parents.map(({ key }) => key))).size === 0
  const isBare = [json['attrs'], json['tags'] ?? {}].every((each) => isJsonObject(each) && Object.keys(each).length === 0)
  if (!isSame || !isBare)
    throw new MisfitFound(
      given.pointer,
      `${uid.toString()} is another here than in the schema`,
      'leave it out: actions come from the schema',
    )
  return { uid, parents, attributes: new Map() }
}

function parentsAt(schema: CedarSchema, json: JsonValue | undefined, pointer: string): readonly Uid[] {
  if (!Array.isArray(json))
    throw new MisfitFound(pointer, json === undefined ? 'this is missing' : 'this is no list', 'write a list of entities, [] for none')
  const parents = new Map<string, Uid>()
  json.forEach((each: JsonValue, place) => {
    const at = below(pointer, place)
    const uid = uidOf(schema, namedEntity(each, at), at)
    parents.set(uid.key, uid)
  })
  return [...parents.values()]
}

function checkParents(type: EntityType, parents: readonly Uid[], pointer: string): void {
  const place = parents.findIndex((parent) => !type.memberOf.has(parent.type))
  const parent = parents[place]
  if (parent === undefined) return
  const may = [...type.memberOf].join(', ')
  throw new MisfitFound(
    pointer,
    `an entity of type ${type.name} is in no ${parent.type}`,
    may === '' ? 'the schema lets it have no parents' : `its parents may be of type ${may}`,
  )
}

function tagsAt(schema: CedarSchema, type: EntityType, json: JsonValue | undefined, pointer: string): CedarRecord | undefined {
  if (json === undefined) return undefined
  if (!isJsonObject(json)) throw new MisfitFound(pointer, 'this is no object', 'write each tag as "name": value')
  const names = Object.keys(json)
  if (names.length === 0) return undefined
  const { tags } = type
  if (tags === undefined) throw new MisfitFound(pointer, `the schema gives ${type.name} no tags`, 'leave them out, or declare them')
  return new Map(names.map((name): [string, CedarValue] => [name, valueOf(schema, tags, json[name], below(pointer, name))]))
}

/** Entities above all entities, counted: a chain of thousands would cost its square. */
const ancestorsMax = 500_000

interface Flaw {
  readonly of: Uid
  readonly message: string
  readonly remedy: string
}

/** Climbs parents on a stack of its own, because a chain of them may be longer than what recursion bears. */
class Climb {
  readonly ordered: EntityInput[] = []
  readonly #entities: ReadonlyMap<string, EntityInput>
  readonly #above = new Map<string, ReadonlySet<string>>()
  readonly #open = new Set<string>()
  #size = 0

  constructor(entities: readonly EntityInput[]) {
    this.#entities = new Map(entities.map((entity) => [entity.uid.key, entity]))
  }

  *from(start: EntityInput): Generator<undefined, Flaw | undefined> {
    const path: { readonly entity: EntityInput; next: number }[] = []
    const enter = (entity: EntityInput) => {
      this.#open.add(entity.uid.key)
      path.push({ entity, next: 0 })
    }
    if (!this.#above.has(start.uid.key)) enter(start)
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const parent = top.entity.parents[top.next]
      top.next += 1
      if (parent === undefined) {
        path.pop()
        if (!this.#leave(top.entity)) return tooMany(top.entity.uid)
        yield
      } else if (this.#open.has(parent.key)) {
        const message = `the parents of ${top.entity.uid.toString()} go round in a circle`
        return { of: top.entity.uid, message, remedy: 'take one of them away' }
      } else if (!this.#above.has(parent.key)) {
        const known = this.#entities.get(parent.key)
        if (known !== undefined) enter(known)
      }
    }
    return undefined
  }

  /** All its parents are known; false where that is more than anybody needs. */
  #leave(entity: EntityInput): boolean {
    const above = new Set<string>()
    for (const { key } of entity.parents) {
      above.add(key)
      for (const ancestor of this.#above.get(key) ?? []) above.add(ancestor)
    }
    this.#open.delete(entity.uid.key)
    this.#above.set(entity.uid.key, above)
    this.ordered.push(entity)
    this.#size += above.size
    return this.#size <= ancestorsMax
  }
}

function tooMany(of: Uid): Flaw {
  return {
    of,
    message: `here the entities have more than ${ancestorsMax} others above them, each counted with all of its own`,
    remedy: 'use fewer levels of groups',
  }
}
