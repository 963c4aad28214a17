/** Names the action of a request: its operation from the route table, its arguments from path, query and JSON body. */
import { isJsonObject, parseJson } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Action, ArgumentValue } from '../../model/actions.ts'
import { findOperation, type Operation, type RouteTable } from '../../model/routes.ts'
import type { ArgumentRule } from '../../model/services.ts'
import { firstMissing, readMember, readText } from '../../model/argument-values.ts'
import type { HttpRequest } from './codec.ts'

/** An action whose body, if it has arguments in there, is still to be read. */
export interface NamedAction {
  readonly operation: Operation
  readonly action: Action
  readonly readsBody: boolean
}

/**
 * The operation and the arguments of path and query. HEAD and OPTIONS are served where a route declares them, not beside GET.
 * Query parameters that are not declared are refused: the upstream might know them, and no grant would have spoken of them.
 * Refuses `action.unknown`, `action.ambiguous` and `action.arguments`.
 */
export function nameAction(table: RouteTable, service: string, request: HttpRequest): Result<NamedAction> {
  const match = findOperation(table, request.method, request.segments)
  if (!match.ok) return match
  const { operation, values } = match.value
  const { route } = operation
  if (route.upgrade !== request.upgrade)
    return refuse('input.invalid', {
      detail: route.upgrade === undefined ? 'this operation takes no upgrade' : `this operation needs an upgrade to ${route.upgrade}`,
    })
  const readsBody = operation.bodyRules.size > 0
  if (request.bodyLength !== 0 && !readsBody && (request.method === 'GET' || request.method === 'HEAD')) {
    return refuse('action.ambiguous', { detail: `${request.method} with a body` })
  }
  const found: Record<string, ArgumentValue> = {}
  for (const [place, rule] of operation.pathRules.entries()) {
    const value = readText(rule, values[place] ?? '')
    if (value === undefined) return unreadable(rule)
    found[rule.name] = value
  }
  const inQuery = readQuery(operation, request, found)
  if (!inQuery.ok) return inQuery
  const action: Action = {
    protocol: 'http',
    service,
    operation: route.name,
    verb: request.method,
    effect: route.effect,
    tier: route.tier,
    arguments: found,
    target: `${request.method} ${request.target}`,
  }
  return done({ operation, action, readsBody })
}

/**
 * The action with the arguments of its JSON body, for operations that declare some. Then every member must be declared, as in the
 * query; a member that is null is absent. A body that no argument is read from passes unread, bound to an approval by its hash.
 * Refuses `json.malformed` and `action.arguments`.
 */
export function addBodyArguments(named: NamedAction, body: Uint8Array): Result<Action> {
  const { bodyRules } = named.operation
  const found: Record<string, ArgumentValue> = { ...named.action.arguments }
  if (body.byteLength > 0) {
    const parsed = parseJson(body)
    if (!parsed.ok) return parsed
    if (!isJsonObject(parsed.value)) return refuse('action.arguments', { detail: 'the body is not a JSON object' })
    for (const [name, member] of Object.entries(parsed.value)) {
      const rule = bodyRules.get(name)
      if (rule === undefined) return undeclared(name, 'body')
      if (member === null) continue
      const value = readMember(rule, member)
      if (value === undefined) return unreadable(rule)
      found[rule.name] = value
    }
  }
  const missing = firstMissing(bodyRules, found)
  return missing === undefined ? done({ ...named.action, arguments: found }) : absent(missing)
}

/** Whether arguments can be read from a body sent like this: JSON in UTF-8, not compressed. Asked before the body is. */
export function checkBodyForm(request: HttpRequest): Result<undefined> {
  if (request.bodyLength === 0) return done(undefined)
  if (request.contentEncoding !== undefined) return refuse('input.media-type', { detail: 'the body must not be encoded' })
  return /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i.test(request.mediaType ?? '')
    ? done(undefined)
    : refuse('input.media-type')
}

function readQuery({ queryRules }: Operation, request: HttpRequest, found: Record<string, ArgumentValue>): Result<undefined> {
  const lists = new Map<string, string[]>()
  for (const [name, text] of request.parameters) {
    const rule = queryRules.get(name)
    if (rule === undefined) return undeclared(name, 'query')
    if (rule.type === 'strings') {
      lists.set(name, [...(lists.get(name) ?? []), text])
      continue
    }
    if (Object.hasOwn(found, name)) return refuse('action.ambiguous', { detail: `the query has ${name} twice` })
    const value = readText(rule, text)
    if (value === undefined) return unreadable(rule)
    found[name] = value
  }
  for (const [name, list] of lists) found[name] = list
  const missing = firstMissing(queryRules, found)
  return missing === undefined ? done(undefined) : absent(missing)
}

function undeclared(name: string, place: 'query' | 'body'): Result<never> {
  return refuse('action.arguments', { detail: `${JSON.stringify(name.slice(0, 60))} in the ${place} is not declared for this operation` })
}

function unreadable(rule: ArgumentRule): Result<never> {
  return refuse('action.arguments', {
    detail: `${rule.name} in the ${rule.in} is not a ${rule.type === 'strings' ? 'list of strings' : rule.type}`,
  })
}

function absent(rule: ArgumentRule): Result<never> {
  return refuse('action.arguments', { detail: `${rule.name} in the ${rule.in} is missing` })
}
