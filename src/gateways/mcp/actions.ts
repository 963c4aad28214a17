/** Names what a message asks for: an action with typed arguments, or housekeeping. Everything else is refused. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Action, ArgumentValue } from '../../model/actions.ts'
import { type McpMethod, mcpMethods, type Route } from '../../model/services.ts'
import { firstMissing, readMember } from '../../model/argument-values.ts'
import { type Era, quoted } from './envelope.ts'
import { withText } from './json-rpc.ts'
import { findResource, type Offer, type Offered, resourceOf } from './offer.ts'
import type { Message } from './ports.ts'

/** What a protocol needs to breathe. `list`: filtered. `completion`: of what is visible. `response`: a client's, to a server's request. */
export type Housekeeping = 'initialize' | 'discover' | 'ping' | 'logging' | 'list' | 'completion' | 'notification' | 'response'

export interface NamedAction {
  readonly kind: 'action'
  readonly service: string
  readonly route: Route
  readonly action: Action
  /** The tool's or prompt's name at its own server, or the resource's URI. */
  readonly upstreamName: string
  /** As it is forwarded: with that name, and every other byte as it came. */
  readonly message: Message
}

export interface NamedHousekeeping {
  readonly kind: 'housekeeping'
  readonly what: Housekeeping
  /** Of `completion`: the prompt or resource whose argument is completed. It must be visible to the caller. */
  readonly about?: Offered
  readonly message: Message
}

export type Named = NamedAction | NamedHousekeeping

/** Methods that are no actions, and the eras that have them. */
const housekeeping: Readonly<Record<string, readonly [what: Housekeeping, eras: readonly Era[]]>> = {
  initialize: ['initialize', ['handshake']],
  'server/discover': ['discover', ['stateless']],
  ping: ['ping', ['handshake']],
  'logging/setLevel': ['logging', ['handshake']],
  'tools/list': ['list', ['handshake', 'stateless']],
  'resources/list': ['list', ['handshake', 'stateless']],
  'resources/templates/list': ['list', ['handshake', 'stateless']],
  'prompts/list': ['list', ['handshake', 'stateless']],
  'completion/complete': ['completion', ['handshake', 'stateless']],
}

/**
 * What a message asks of an endpoint. Refuses `action.unknown` for what is not declared, `action.arguments`, `action.ambiguous` for a
 * URI with two readings, `mcp.method` for methods that are not passed in this era, and `mcp.message` for a call that wants no answer.
 */
export function nameAction(offer: Offer, era: Era, message: Message): Result<Named> {
  const { kind, method = '' } = message
  if (kind === 'response')
    return era === 'handshake'
      ? done({ kind: 'housekeeping', what: 'response', message })
      : refuse('mcp.message', { detail: 'nothing was asked' })
  const isNotice = method.startsWith('notifications/')
  if (isNotice !== (kind === 'notification'))
    return refuse('mcp.message', { detail: isNotice ? 'a notification has no id' : 'a request has an id' })
  if (isNotice) return done({ kind: 'housekeeping', what: 'notification', message })
  if (isActing(method)) return method === 'resources/read' ? nameResource(offer, message) : nameCall(offer, method, message)
  const [what, eras] = Object.hasOwn(housekeeping, method) ? (housekeeping[method] ?? []) : []
  if (what === undefined || eras?.includes(era) !== true) return refuse('mcp.method', { detail: quoted(method) })
  return what === 'completion' ? nameCompletion(offer, message) : done({ kind: 'housekeeping', what, message })
}

function nameCall(offer: Offer, method: 'tools/call' | 'prompts/get', message: Message): Result<NamedAction> {
  const { name, arguments: given = {} } = message.params
  if (typeof name !== 'string') return refuse('action.arguments', { detail: 'name is no text' })
  const offered = (method === 'tools/call' ? offer.tools : offer.prompts).get(name)
  if (offered === undefined) return refuse('action.unknown', { detail: quoted(name) })
  if (!isJsonObject(given)) return refuse('action.arguments', { detail: 'arguments is no object' })
  const values = readArguments(offered, given)
  if (!values.ok) return values
  const { path } = offered.route
  return done(actionOf(offered, values.value, path, path === name ? message : withText(message, ['name'], path)))
}

/** Exactly what is declared: no grant would have spoken of anything else. A member that is null is absent. */
function readArguments({ rules }: Offered, given: JsonObject): Result<Readonly<Record<string, ArgumentValue>>> {
  const found: Record<string, ArgumentValue> = {}
  for (const [name, member] of Object.entries(given)) {
    const rule = rules.get(name)
    if (rule === undefined) return refuse('action.arguments', { detail: `${quoted(name)} is not declared for this operation` })
    if (member === null) continue
    const value = readMember(rule, member)
    if (value === undefined)
      return refuse('action.arguments', { detail: `${rule.name} is not a ${rule.type === 'strings' ? 'list of strings' : rule.type}` })
    found[rule.name] = value
  }
  const missing = firstMissing(rules, found)
  return missing === undefined ? done(found) : refuse('action.arguments', { detail: `${missing.name} is missing` })
}

function nameResource(offer: Offer, message: Message): Result<NamedAction> {
  const { uri, arguments: given } = message.params
  if (given !== undefined) return refuse('action.arguments', { detail: 'a resource is read without arguments' })
  const found = resourceOf(offer, uri)
  if (!found.ok) return found
  const { offered, rest } = found.value
  return done(
    actionOf(
      offered,
      rest === undefined ? {} : { rest },
      rest === undefined ? offered.route.path : `${offered.route.path.slice(0, -1)}${rest}`,
      message,
    ),
  )
}

function actionOf(offered: Offered, values: Readonly<Record<string, ArgumentValue>>, upstreamName: string, message: Message): NamedAction {
  const { service, route } = offered
  const { name: operation, method, effect, tier } = route
  const target = `${method} ${upstreamName}`
  const action: Action = { protocol: 'mcp', service, operation, verb: method, effect, tier, arguments: values, target }
  return { kind: 'action', service, route, action, upstreamName, message }
}

/** `ref` names a prompt, or a resource by its template, such as `runbook://{name}`. */
function nameCompletion(offer: Offer, message: Message): Result<NamedHousekeeping> {
  const ref: JsonValue = message.params['ref'] ?? null
  const { type, name, uri } = isJsonObject(ref) ? ref : {}
  const isPrompt = type === 'ref/prompt' && typeof name === 'string'
  const template = type === 'ref/resource' && typeof uri === 'string' ? uri : undefined
  if (!isPrompt && template === undefined) return refuse('action.arguments', { detail: 'ref names neither a prompt nor a resource' })
  const about = isPrompt ? offer.prompts.get(name) : findResource(offer, template ?? '')?.offered
  if (about === undefined) return refuse('action.unknown')
  const isOther = isPrompt && about.route.path !== name
  return done({
    kind: 'housekeeping',
    what: 'completion',
    about,
    message: isOther ? withText(message, ['ref', 'name'], about.route.path) : message,
  })
}

function isActing(method: string): method is McpMethod {
  return mcpMethods.some((each) => each === method)
}
