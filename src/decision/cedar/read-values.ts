/** JSON read as Cedar's values by the types of a schema, as Cedar itself reads it, with the place of the first thing that does not fit. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { Fraction, isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import { extensionFunctions } from './extensions.ts'
import { Fault } from './fault.ts'
import type { CedarSchema, CedarType, ExtensionName, RecordType } from './read-schema.ts'
import { type CedarRecord, CedarSet, type CedarValue, Extension, Uid } from './values.ts'

/** Something that does not fit its type. `pointer` is an RFC 6901 JSON pointer to it. */
export interface Misfit {
  readonly pointer: string
  readonly message: string
  readonly remedy: string
}

/** Thrown in here and caught at the doors of this file and its neighbours. */
export class MisfitFound extends Error {
  override readonly name = 'MisfitFound'
  readonly misfit: Misfit

  constructor(pointer: string, message: string, remedy: string) {
    // What does not fit is the caller's, and a stack would say nothing of it.
    const frames = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = frames
    this.misfit = { pointer, message, remedy }
  }
}

/** What `read` answers, or `input.invalid` with the place where it met something that does not fit. */
export function fitting<T>(read: () => T): Result<T> {
  try {
    return done(read())
  } catch (thrown) {
    if (!(thrown instanceof MisfitFound)) throw thrown
    const { pointer, message, remedy } = thrown.misfit
    return refuse('input.invalid', {
      detail: `${pointer === '' ? 'the whole of it' : pointer}: ${message}`,
      problems: [{ file: '', line: 0, column: 0, pointer, message, remedy }],
    })
  }
}

/** The pointer to a member or an item of what `pointer` points to. */
export function below(pointer: string, name: string | number): string {
  return `${pointer}/${typeof name === 'number' ? name : name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/**
 * Reads one value; throws `MisfitFound`. It goes down only where the type goes down, so that no depth of the input can exhaust the stack.
 * Entities and extension values may come with and without `__entity` and `__extn`.
 */
export function valueOf(schema: CedarSchema, type: CedarType, json: JsonValue | undefined, pointer: string): CedarValue {
  switch (type.kind) {
    case 'bool':
      if (typeof json === 'boolean') return json
      throw misfit(pointer, json, 'true or false')
    case 'long':
      if (typeof json === 'number' && Number.isSafeInteger(json)) return BigInt(json)
      if (typeof json === 'bigint') return json
      throw misfit(pointer, json, 'a whole number of at most 64 bits')
    case 'string':
      if (typeof json === 'string') return json
      throw misfit(pointer, json, 'a text')
    case 'extension':
      return extensionOf(type.name, json, pointer)
    case 'entity':
      return entityOf(schema, type.name, json, pointer)
    case 'set':
      if (!Array.isArray(json)) throw misfit(pointer, json, 'a list')
      return new CedarSet(json.map((item: JsonValue, place) => valueOf(schema, type.element, item, below(pointer, place))))
    case 'record':
      return recordOf(schema, type, json, pointer)
  }
}

/** Every required attribute, and none that is not declared. */
export function recordOf(schema: CedarSchema, type: RecordType, json: JsonValue | undefined, pointer: string): CedarRecord {
  if (!isJsonObject(json)) throw misfit(pointer, json, 'an object')
  const record = new Map<string, CedarValue>()
  for (const name of Object.keys(json)) {
    const attribute = type.attributes.get(name)
    if (attribute === undefined) throw undeclared(below(pointer, name), name, type.attributes.keys())
    record.set(name, valueOf(schema, attribute.type, json[name], below(pointer, name)))
  }
  for (const [name, { required }] of type.attributes) {
    if (required && !record.has(name)) throw new MisfitFound(below(pointer, name), 'this is missing', 'the schema requires it')
  }
  return record
}

/** The uid of an entity of any declared type: of one that is enumerated it must be one of those. */
export function uidOf(schema: CedarSchema, { type, id }: { readonly type: string; readonly id: string }, pointer: string): Uid {
  const known = schema.entityTypes.get(type)
  const uid = new Uid(type, id)
  if (known === undefined) {
    if (schema.actions.has(uid.key)) return uid
    throw new MisfitFound(pointer, `the schema has no entity type ${quoted(type)}`, 'write a type that it declares, with its namespace')
  }
  if (known.ids !== undefined && !known.ids.has(id))
    throw new MisfitFound(
      pointer,
      `${quoted(id)} is none of the entities of ${type}`,
      `write one of ${[...known.ids].slice(0, 10).map(quoted).join(', ')}`,
    )
  return uid
}

/** Type and id as they are written, with or without `__entity`. */
export function namedEntity(json: JsonValue | undefined, pointer: string): { readonly type: string; readonly id: string } {
  const wrapped = isJsonObject(json) ? json['__entity'] : undefined
  const plain = wrapped === undefined ? json : wrapped
  const [type, id] = isJsonObject(plain) ? [plain['type'], plain['id']] : []
  if (!isJsonObject(plain) || typeof type !== 'string' || typeof id !== 'string')
    throw misfit(pointer, json, 'an entity, written {"type": "…", "id": "…"}')
  if (Object.keys(plain).length > 2 || (wrapped !== undefined && isJsonObject(json) && Object.keys(json).length > 1))
    throw new MisfitFound(pointer, 'an entity has a type and an id, and nothing else', 'leave out the rest')
  return { type, id }
}

function entityOf(schema: CedarSchema, type: string, json: JsonValue | undefined, pointer: string): Uid {
  const named = namedEntity(json, pointer)
  if (named.type !== type)
    throw new MisfitFound(pointer, `this is an entity of type ${quoted(named.type)}, and ${type} is wanted`, `name one of type ${type}`)
  return uidOf(schema, named, pointer)
}

const constructors: Readonly<Record<ExtensionName, string>> = {
  decimal: 'decimal',
  ipaddr: 'ip',
  datetime: 'datetime',
  duration: 'duration',
}

/** A text for the type's own constructor, or `{ fn, arg }`, with or without `__extn`. */
function extensionOf(name: ExtensionName, json: JsonValue | undefined, pointer: string): Extension {
  const value = constructed(constructors[name], json, pointer)
  if (value instanceof Extension && value.typeName === name) return value
  throw misfit(pointer, json, `a value of type ${name}`)
}

function constructed(implicit: string, json: JsonValue | undefined, pointer: string): CedarValue {
  if (typeof json === 'string') return call(implicit, json, pointer)
  const wrapped = isJsonObject(json) ? json['__extn'] : undefined
  const plain = wrapped === undefined ? json : wrapped
  const [fn, arg] = isJsonObject(plain) ? [plain['fn'], plain['arg']] : []
  if (typeof fn !== 'string' || typeof arg !== 'string') throw misfit(pointer, json, `a text, or {"fn": "${implicit}", "arg": "…"}`)
  return call(fn, arg, pointer)
}

const constructorNames: ReadonlySet<string> = new Set(Object.values(constructors))

function call(fn: string, text: string, pointer: string): CedarValue {
  const known = constructorNames.has(fn) ? extensionFunctions.get(fn) : undefined
  if (known === undefined)
    throw new MisfitFound(pointer, `${quoted(fn)} makes no value`, `write one of ${[...constructorNames].join(', ')}`)
  try {
    return known.call([text])
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause
    throw new MisfitFound(pointer, cause.message, 'see docs/reference/policy.md for how it is written')
  }
}

function undeclared(pointer: string, name: string, known: Iterable<string>): MisfitFound {
  const names = [...known].slice(0, 10).join(', ')
  return new MisfitFound(
    pointer,
    `the schema has no attribute ${quoted(name)} here`,
    names === '' ? 'leave it out: nothing is taken here' : `leave it out, or declare it; known are ${names}`,
  )
}

function misfit(pointer: string, json: JsonValue | undefined, wanted: string): MisfitFound {
  return new MisfitFound(pointer, json === undefined ? 'this is missing' : `this is ${kindOf(json)}`, `the schema wants ${wanted}`)
}

function kindOf(json: JsonValue): string {
  if (json === null) return 'null, which Cedar does not have'
  if (json instanceof Fraction) return `the fraction ${json.text.slice(0, 30)}`
  if (Array.isArray(json)) return 'a list'
  if (typeof json === 'object') return 'an object'
  return (
    { string: 'a text', boolean: 'true or false', number: 'a number', bigint: 'a whole number' }[String(typeof json)] ?? 'something else'
  )
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}

/** The attributes of a context, an entity or `properties`, or `input.invalid` with the place of what does not fit. */
export function readRecord(schema: CedarSchema, type: RecordType, json: JsonObject): Result<CedarRecord> {
  return fitting(() => recordOf(schema, type, json, ''))
}
