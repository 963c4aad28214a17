/** Reads one JSON-RPC 2.0 message so that it has one meaning, and changes an id or a name in it without touching another byte. */
import { canonicalString, isJsonObject, type JsonObject, parseJson } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { MessageLimits } from './limits.ts'
import type { Span } from './list-spans.ts'
import type { IdText, Message } from './ports.ts'
import { replaceSpan, spanOf } from './spans.ts'

/**
 * One message, or a refusal: `json.malformed`, `input.too-large`, `mcp.batch`, `mcp.message`, and `action.ambiguous` for members that a
 * reader who ignores upper and lower case would take for others. An id is a text or an exact whole number (MCP, base protocol); a
 * response to something unreadable has none.
 */
export function readMessage(bytes: Uint8Array, limits: MessageLimits): Result<Message> {
  const parsed = parseJson(bytes, { bytesMax: limits.messageBytesMax, depthMax: limits.depthMax })
  if (!parsed.ok) return parsed
  if (Array.isArray(parsed.value)) return refuse('mcp.batch')
  if (!isJsonObject(parsed.value)) return wrong('it is no object')
  const members = parsed.value
  const clear = checkNames(members, envelopeNames)
  if (!clear.ok) return clear
  if (members['jsonrpc'] !== '2.0') return wrong('jsonrpc is not "2.0"')
  const id = readId(bytes, members, limits)
  if (!id.ok) return id
  return Object.hasOwn(members, 'method') ? readCall(bytes, members, id.value, limits) : readResponse(bytes, members, id.value)
}

/** The same message under another id, which is written as JSON: `7`, `"a"`. */
export function withId(message: Message, id: IdText): Message {
  if (message.idAt === undefined) throw new Error('a message without an id is given none')
  const bytes = replaceSpan(message.bytes, message.idAt, id)
  return { ...message, id, bytes, idAt: { from: message.idAt.from, to: message.idAt.from + Buffer.byteLength(id) } }
}

/** The same message with another text in `params`, such as at `['name']`: the name that a tool has at its own server. */
export function withText(message: Message, path: readonly string[], value: string): Message {
  const at = spanOf(message.bytes, ['params', ...path])
  if (at === undefined) throw new Error(`the message has no ${path.join('.')}`)
  const bytes = replaceSpan(message.bytes, at, canonicalString(value))
  const idAt = message.id === undefined ? undefined : spanOf(bytes, ['id'])
  return { ...message, params: replaced(message.params, path, value), bytes, ...(idAt === undefined ? {} : { idAt }) }
}

function replaced(object: JsonObject, [name = '', ...path]: readonly string[], value: string): JsonObject {
  const was = object[name]
  const is = path.length > 0 && isJsonObject(was) ? replaced(was, path, value) : value
  return { __proto__: null, ...object, [name]: is }
}

/** Without a prototype, like every object that is read: `constructor` is no member of it. */
const none: JsonObject = Object.freeze({ __proto__: null })

type ReadId = { readonly id: IdText; readonly idAt: Span } | undefined

function readId(bytes: Uint8Array, members: JsonObject, { idBytesMax }: MessageLimits): Result<ReadId> {
  const value = members['id']
  if (value === undefined) return done(undefined)
  // JSON-RPC 2.0 § 5: an error about something whose id could not be read.
  if (value === null && Object.hasOwn(members, 'error')) return done(undefined)
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint')
    return wrong('id is neither a text nor a whole number')
  const idAt = spanOf(bytes, ['id'])
  if (idAt === undefined) throw new Error('an id was read that does not stand in the bytes')
  if (idAt.to - idAt.from > idBytesMax) return wrong(`id is longer than ${idBytesMax} bytes`)
  return done({ id: Buffer.from(bytes.subarray(idAt.from, idAt.to)).toString(), idAt })
}

function readCall(bytes: Uint8Array, members: JsonObject, id: ReadId, { methodCharactersMax }: MessageLimits): Result<Message> {
  const { method, params = none } = members
  if (members['result'] !== undefined || members['error'] !== undefined) return wrong('it is a request and a response in one')
  if (typeof method !== 'string' || method === '' || method.length > methodCharactersMax)
    return wrong(`method is no text of 1 to ${methodCharactersMax} characters`)
  if (!isJsonObject(params)) return wrong('params is no object')
  const clear = checkNames(params, parameterNames)
  if (!clear.ok) return clear
  return done({ kind: id === undefined ? 'notification' : 'request', method, params, bytes, ...id })
}

function readResponse(bytes: Uint8Array, members: JsonObject, id: ReadId): Result<Message> {
  const { result, error } = members
  if (members['params'] !== undefined) return wrong('it has params and no method')
  if ((result === undefined) === (error === undefined)) return wrong('a response has a result or an error, one of them')
  if (error === undefined) {
    if (id === undefined) return wrong('a result has no id')
    return done({ kind: 'response', params: none, result: result ?? null, bytes, ...id })
  }
  if (!isJsonObject(error) || typeof error['code'] !== 'number' || typeof error['message'] !== 'string')
    return wrong('error has no whole number as code, or no text as message')
  return done({ kind: 'response', params: none, error, bytes, ...id })
}

const envelopeNames = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
/** What the methods of MCP read in `params`. */
const parameterNames = new Set([
  '_meta',
  'name',
  'uri',
  'arguments',
  'cursor',
  'ref',
  'argument',
  'context',
  'level',
  'protocolVersion',
  'capabilities',
  'clientInfo',
  'requestId',
  'progressToken',
  'task',
  'taskId',
  'inputResponses',
  'requestState',
  'notifications',
])
const foldedNames = new Map<ReadonlySet<string>, ReadonlyMap<string, string>>(
  [envelopeNames, parameterNames].map((names) => [names, new Map([...names].map((name) => [folded(name), name]))]),
)

/**
 * Some JSON readers (Go's `encoding/json`) take `Method` for `method`: whoever sends both would be decided on by one and served by the
 * other. Members that nobody knows pass.
 */
function checkNames(members: JsonObject, known: ReadonlySet<string>): Result<undefined> {
  for (const name of Object.keys(members)) {
    if (known.has(name)) continue
    const other = foldedNames.get(known)?.get(folded(name))
    if (other !== undefined)
      return refuse('action.ambiguous', {
        detail: `${JSON.stringify(name.slice(0, 40))} is ${other} where upper and lower case are not told apart`,
      })
  }
  return done(undefined)
}

/** Up and down again, so that `ſ` is `s` and the Kelvin sign `k`, as in Unicode's simple folding. */
function folded(name: string): string {
  return name.length > 64 ? name : name.toUpperCase().toLowerCase()
}

function wrong(detail: string): Result<never> {
  return refuse('mcp.message', { detail })
}
