/** Routes from an OpenAPI 3.0 or 3.1 document: what it declares is what may be asked for, and nothing else. */
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Effect, effects, type Impact, type ImpactLevel, impactLevels, undeclaredImpact } from './effects.ts'
import { pathParameters } from './routes.ts'
import type { ArgumentRule, ArgumentType, Route } from './services.ts'

/** A route before its service gives it impact (where the document does not) and tier. */
export type RouteDraft = Omit<Route, 'impact' | 'tier'> & { readonly impact?: Impact }

const refsMax = 32

const defaultEffects: Readonly<Record<string, Effect>> = {
  get: 'read',
  head: 'read',
  options: 'observe',
  post: 'write',
  put: 'write',
  patch: 'write',
  delete: 'delete',
}

const pathItemKeys = new Set(['summary', 'description', 'parameters', ...Object.keys(defaultEffects)])

/**
 * Reads the operations of a document that was parsed already. The name is the `operationId`; the path is preceded by the path that all
 * `servers` share; arguments are the parameters in path and query and the top-level members of a JSON body.
 *
 * Extensions: `x-remit-effect` (default: read for GET and HEAD, observe for OPTIONS, delete for DELETE, else write), `x-remit-impact`
 * (levels by data, service, safety; one left out is high) on an operation; `x-remit-skip: true` leaves an operation out;
 * `x-remit-ignore: true` leaves a parameter or member undeclared, so that requests with it are refused; `x-remit-opaque: true` on
 * a body lets it pass unread; `x-remit-upgrade: websocket` on a GET makes it a handshake (its effect is then write unless it says another).
 *
 * Refuses `configuration.invalid` with the place as a JSON pointer: what cannot be said exactly (objects and alternatives as arguments,
 * lists but of strings, other styles, references outside the document, TRACE, servers of their own, operations without a name).
 */
export function routesFromOpenApi(document: JsonObject): Result<readonly RouteDraft[]> {
  try {
    return done(readDocument(document))
  } catch (thrown) {
    if (!(thrown instanceof Flaw)) throw thrown
    return refuse('configuration.invalid', { detail: thrown.message })
  }
}

/** Caught above: the reading is deep, and every place can be the one. */
class Flaw extends Error {
  constructor(place: Place, says: string) {
    super(`${place.pointer}: ${says}`)
  }
}

/** A value in the document and where it is. */
interface Place {
  readonly document: JsonObject
  readonly pointer: string
  readonly value: JsonValue | undefined
}

function readDocument(document: JsonObject): readonly RouteDraft[] {
  const root: Place = { document, pointer: '#', value: document }
  const version = at(root, 'openapi')
  if (typeof version.value !== 'string' || !/^3\.[01]\.\d+$/.test(version.value))
    throw new Flaw(version, 'only OpenAPI 3.0 and 3.1 are read')
  const base = basePath(at(root, 'servers'))
  const drafts: RouteDraft[] = []
  const names = new Set<string>()
  for (const item of members(at(root, 'paths'))) {
    const path = lastOf(item.pointer)
    if (path.startsWith('x-')) continue
    const followed = follow(item)
    const shared = elements(at(followed, 'parameters'))
    for (const operation of members(followed)) {
      const method = lastOf(operation.pointer)
      if (method.startsWith('x-')) continue
      if (!pathItemKeys.has(method)) throw new Flaw(operation, method === 'trace' ? 'TRACE is never forwarded' : 'this is not read here')
      if (defaultEffects[method] === undefined || at(operation, 'x-remit-skip').value === true) continue
      const draft = readOperation(operation, { method, path: `${base}${path}`, shared })
      if (names.has(draft.name)) throw new Flaw(at(operation, 'operationId'), `"${draft.name}" is used twice`)
      names.add(draft.name)
      drafts.push(draft)
    }
  }
  return drafts
}

/** The path all servers share, without a slash at its end. */
function basePath(servers: Place): string {
  const paths = elements(servers).map((server) => {
    const url = at(server, 'url')
    if (typeof url.value !== 'string') throw new Flaw(url, 'a text is needed')
    const path = url.value.replace(/^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/[^/]*/, '').replace(/\/$/, '')
    const plain = pathParameters(path === '' ? '/' : path)
    if (!plain.ok || plain.value.length > 0) throw new Flaw(url, 'its path is not a plain path')
    return path
  })
  const [first = ''] = paths
  if (paths.some((path) => path !== first)) throw new Flaw(servers, 'the servers have different paths')
  return first
}

interface OperationContext {
  readonly method: string
  readonly path: string
  /** Parameters of the path item. */
  readonly shared: readonly Place[]
}

function readOperation(operation: Place, { method, path, shared }: OperationContext): RouteDraft {
  const name = at(operation, 'operationId')
  if (typeof name.value !== 'string' || !/^[A-Za-z][A-Za-z0-9._-]{0,126}$/.test(name.value)) {
    throw new Flaw(name, 'a name of letters, digits, dots, dashes and underscores is needed, or x-remit-skip: true')
  }
  if (at(operation, 'servers').value !== undefined) throw new Flaw(at(operation, 'servers'), 'an operation has no servers of its own here')
  const inPath = pathParameters(path)
  if (!inPath.ok) throw new Flaw(operation, `its path cannot be read: ${inPath.refusal.detail}`)
  const rules = [...readParameters([...shared, ...elements(at(operation, 'parameters'))]), ...readBody(at(operation, 'requestBody'))]
  for (const parameter of inPath.value) {
    if (!rules.some((rule) => rule.in === 'path' && rule.name === parameter))
      throw new Flaw(operation, `the path's parameter ${parameter} is not declared`)
  }
  const seen = new Map<string, ArgumentRule>()
  for (const rule of rules) {
    const other = seen.get(rule.name)
    // Policies and grants see all arguments under their names alone.
    if (other !== undefined)
      throw new Flaw(
        operation,
        `${rule.name} is in the ${other.in} and in the ${rule.in}; x-remit-ignore: true on one of them leaves it out`,
      )
    if (rule.in === 'path' && !inPath.value.includes(rule.name)) throw new Flaw(operation, `${rule.name} does not stand in the path`)
    seen.set(rule.name, rule)
  }
  const impact = readImpact(at(operation, 'x-remit-impact'))
  const upgrade = at(operation, 'x-remit-upgrade')
  if (upgrade.value !== undefined && (upgrade.value !== 'websocket' || method !== 'get'))
    throw new Flaw(upgrade, 'websocket is the only change of protocol, and GET asks for it')
  const draft = {
    name: name.value,
    method: method.toUpperCase(),
    path,
    // What goes through a tunnel is not read: it may be anything.
    effect: readEffect(at(operation, 'x-remit-effect'), upgrade.value === undefined ? method : 'post'),
    arguments: rules,
    ...(upgrade.value === undefined ? {} : { upgrade: 'websocket' as const }),
  }
  return impact === undefined ? draft : { ...draft, impact }
}

function readEffect(place: Place, method: string): Effect {
  if (place.value === undefined) return defaultEffects[method] ?? 'write'
  const effect = effects.find((known) => known === place.value)
  if (effect === undefined) throw new Flaw(place, `one of ${effects.join(', ')} is needed`)
  return effect
}

function readImpact(place: Place): Impact | undefined {
  if (place.value === undefined) return undefined
  const levels: Record<string, ImpactLevel> = {}
  for (const member of members(place)) {
    const level = impactLevels.find((known) => known === member.value)
    const name = lastOf(member.pointer)
    if (level === undefined) throw new Flaw(member, `one of ${impactLevels.join(', ')} is needed`)
    if (!Object.hasOwn(undeclaredImpact, name)) throw new Flaw(member, 'impact is on data, service or safety')
    levels[name] = level
  }
  return { ...undeclaredImpact, ...levels }
}

/** Later ones (the operation's own) take the place of earlier ones (the path item's) of the same name and place. */
function readParameters(places: readonly Place[]): readonly ArgumentRule[] {
  const byKey = new Map<string, ArgumentRule | undefined>()
  for (const written of places) {
    const place = follow(written)
    const name = at(place, 'name')
    const where = at(place, 'in')
    if (typeof name.value !== 'string' || name.value === '') throw new Flaw(name, 'a name is needed')
    const required = at(place, 'required').value === true
    switch (where.value) {
      case 'header':
        // Headers pass as they are and are no arguments.
        break
      case 'cookie':
        if (required) throw new Flaw(place, 'cookies never pass the gateway')
        break
      case 'path':
      case 'query':
        byKey.set(
          `${where.value} ${name.value}`,
          readParameter(place, { name: name.value, in: where.value, required: required || where.value === 'path' }),
        )
        break
      default:
        throw new Flaw(where, 'one of path, query, header, cookie is needed')
    }
  }
  return [...byKey.values()].filter((rule) => rule !== undefined)
}

function readParameter(place: Place, rule: Omit<ArgumentRule, 'type'>): ArgumentRule | undefined {
  if (rule.in === 'query' && at(place, 'x-remit-ignore').value === true) return undefined
  const style = at(place, 'style')
  if (style.value !== undefined && style.value !== (rule.in === 'path' ? 'simple' : 'form'))
    throw new Flaw(style, 'only the usual style is read')
  if (at(place, 'schema').value === undefined) throw new Flaw(place, 'a schema is needed')
  const type = readType(at(place, 'schema'))
  if (type === 'strings' && (rule.in === 'path' || at(place, 'explode').value === false))
    throw new Flaw(place, 'a list is taken as repeated query parameters only')
  return { ...rule, type }
}

/** The arguments in a JSON body; none where its schema names no members or it is not JSON. */
function readBody(written: Place): readonly ArgumentRule[] {
  if (written.value === undefined) return []
  const place = follow(written)
  const schema = at(at(at(place, 'content'), 'application/json'), 'schema')
  if (schema.value === undefined || at(place, 'x-remit-opaque').value === true) return []
  const properties = new Map<string, Place>()
  const required = new Set<string>()
  gatherProperties(schema, { properties, required, depth: 0 })
  const bodyRequired = at(place, 'required').value === true
  const rules: ArgumentRule[] = []
  for (const [name, property] of properties) {
    const followed = follow(property)
    if (at(followed, 'readOnly').value === true || at(property, 'x-remit-ignore').value === true) continue
    rules.push({ name, in: 'body', type: readType(property), required: bodyRequired && required.has(name) })
  }
  return rules
}

interface Gathering {
  readonly properties: Map<string, Place>
  readonly required: Set<string>
  readonly depth: number
}

function gatherProperties(written: Place, { properties, required, depth }: Gathering): void {
  if (depth > refsMax) throw new Flaw(written, 'the schemas lie too deep in each other')
  const schema = follow(written)
  for (const key of ['oneOf', 'anyOf', 'not', 'if', '$dynamicRef', 'patternProperties']) {
    if (at(schema, key).value !== undefined)
      throw new Flaw(at(schema, key), 'arguments cannot be read from alternatives; x-remit-opaque: true on the body lets it pass unread')
  }
  for (const part of elements(at(schema, 'allOf'))) gatherProperties(part, { properties, required, depth: depth + 1 })
  for (const property of members(at(schema, 'properties'))) properties.set(lastOf(property.pointer), property)
  for (const name of elements(at(schema, 'required'))) if (typeof name.value === 'string') required.add(name.value)
}

function readType(written: Place): ArgumentType {
  const schema = follow(written)
  const parts = elements(at(schema, 'allOf'))
  const [only] = parts
  if (only !== undefined && parts.length === 1 && at(schema, 'type').value === undefined) return readType(only)
  switch (typeName(schema)) {
    case 'string':
      return 'string'
    case 'integer':
      return 'long'
    case 'number':
      return 'decimal'
    case 'boolean':
      return 'boolean'
    case 'array':
      if (typeName(follow(at(schema, 'items'))) === 'string') return 'strings'
      throw new Flaw(schema, 'a list is taken of strings only')
    default:
      throw new Flaw(
        schema,
        'this type cannot be an argument; x-remit-ignore: true leaves it undeclared, x-remit-opaque: true on a body lets that pass unread',
      )
  }
}

/** The one type of a schema (3.1: beside null), or that of its enumerated texts. */
function typeName(schema: Place): string | undefined {
  const type = at(schema, 'type').value
  if (typeof type === 'string') return type
  if (Array.isArray(type)) {
    const [only, another] = elements(at(schema, 'type')).filter(({ value }) => value !== 'null')
    return another === undefined && typeof only?.value === 'string' ? only.value : undefined
  }
  const choices = elements(at(schema, 'enum'))
  return type === undefined && choices.length > 0 && choices.every(({ value }) => typeof value === 'string') ? 'string' : undefined
}

function at(place: Place, key: string): Place {
  const value = isJsonObject(place.value) && Object.hasOwn(place.value, key) ? place.value[key] : undefined
  return { document: place.document, pointer: `${place.pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, value }
}

function members(place: Place): readonly Place[] {
  if (place.value === undefined) return []
  if (!isJsonObject(place.value)) throw new Flaw(place, 'an object is needed')
  return Object.keys(place.value).map((key) => at(place, key))
}

function elements(place: Place): readonly Place[] {
  if (place.value === undefined) return []
  if (!Array.isArray(place.value)) throw new Flaw(place, 'a list is needed')
  return place.value.map((value: JsonValue, index) => ({ document: place.document, pointer: `${place.pointer}/${index}`, value }))
}

function lastOf(pointer: string): string {
  return pointer
    .slice(pointer.lastIndexOf('/') + 1)
    .replaceAll('~1', '/')
    .replaceAll('~0', '~')
}

/** The value itself, or what its `$ref` points at within this document. */
function follow(written: Place): Place {
  let place = written
  for (let count = 0; count <= refsMax; count += 1) {
    const ref = at(place, '$ref')
    if (ref.value === undefined) {
      if (!isJsonObject(place.value)) throw new Flaw(place, 'an object is needed')
      return place
    }
    if (typeof ref.value !== 'string' || !ref.value.startsWith('#/'))
      throw new Flaw(ref, 'only references within the document (#/…) are followed')
    const { document } = place
    const keys = ref.value
      .slice(2)
      .split('/')
      .map((key) => lastOf(`/${key}`))
    place = keys.reduce(at, { document, pointer: '#', value: document })
    if (place.value === undefined) throw new Flaw(ref, 'it points at nothing')
  }
  throw new Flaw(written, 'the references go round in a circle')
}
