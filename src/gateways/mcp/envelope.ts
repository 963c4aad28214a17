/** Which revision of MCP a message speaks, and whether its headers say what its body says: the body decides, the headers must agree. */
import { isJsonObject, type JsonObject } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Message } from './ports.ts'

/** `stateless`: 2026-07-28, every request says everything of itself. `handshake`: the revisions before it, which begin with `initialize`. */
export type Era = 'stateless' | 'handshake'

export const statelessRevisions = ['2026-07-28'] as const
/** 2024-11-05 has another transport over HTTP, but clients of it that speak the later one name it still. */
export const handshakeRevisions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
export const revisions: readonly string[] = [...statelessRevisions, ...handshakeRevisions]

const versionKey = 'io.modelcontextprotocol/protocolVersion'
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

export type Headers = readonly (readonly [name: string, value: string])[]

export interface Envelope {
  readonly era: Era
  /** Absent in the revisions before 2025-06-18, which do not say it, and in `initialize`, which asks for one. */
  readonly revision?: string
  /** What the client said in this message that it can do; after `initialize` the session knows. Said by itself, so never a reason for a yes. */
  readonly capabilities: JsonObject
}

/**
 * The revision of a message that came over HTTP. `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` must equal the body wherever they
 * stand, and must stand in requests of 2026-07-28 (SEP-2243). Refuses `mcp.mismatch`, `mcp.version`, `mcp.envelope` and `mcp.message`.
 */
export function checkEnvelope(headers: Headers, message: Message): Result<Envelope> {
  const version = oneHeader(headers, 'mcp-protocol-version')
  if (!version.ok) return version
  const era = readEra(version.value, message)
  if (!era.ok) return era
  const mirrored = checkMirrors(headers, message, era.value.era)
  return mirrored.ok ? era : mirrored
}

/** Of a message that came without headers, over stdio. */
export function checkBareEnvelope(message: Message): Result<Envelope> {
  const claim = claimOf(message)
  return claim === undefined ? done(handshake(undefined, message)) : readStateless(claim, message)
}

/** Refuses `mcp.capability` where the client did not say, in this message, that it can do it: `['elicitation', 'url']`. */
export function needCapability({ capabilities }: Pick<Envelope, 'capabilities'>, path: readonly string[]): Result<undefined> {
  let at: JsonObject = capabilities
  for (const name of path) {
    const next = at[name]
    // A bare `elicitation: {}` means forms, as it did before there were other ways.
    const isImplied = next === undefined && name === 'form' && Object.keys(at).length === 0
    if (isImplied) return done(undefined)
    if (!isJsonObject(next)) return refuse('mcp.capability', { detail: path.join(' ') })
    at = next
  }
  return done(undefined)
}

/** A value as a header carries it: as it is where that can be, else `=?base64?…?=` (SEP-2243). */
export function headerText(value: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?')
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

/** The text of a header's value; `undefined` for base64 that is not canonical, or no UTF-8. */
export function readHeaderText(written: string): string | undefined {
  const value = written.replaceAll(/^[ \t]+|[ \t]+$/g, '')
  const [, encoded] = /^=\?base64\?(.*)\?=$/s.exec(value) ?? []
  if (encoded === undefined) return value
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** What of `params` stands in `Mcp-Name`. */
export function namedBy(method: string | undefined): 'name' | 'uri' | 'taskId' | undefined {
  switch (method) {
    case 'tools/call':
    case 'prompts/get':
      return 'name'
    case 'resources/read':
      return 'uri'
    case 'tasks/get':
    case 'tasks/update':
    case 'tasks/cancel':
      return 'taskId'
    default:
      return undefined
  }
}

function readEra(header: string | undefined, message: Message): Result<Envelope> {
  const claim = claimOf(message)
  if (claim !== undefined) {
    if (header !== undefined && header !== claim)
      return mismatch(`MCP-Protocol-Version is ${quoted(header)}, the body says ${typeof claim === 'string' ? quoted(claim) : 'no text'}`)
    return readStateless(claim, message)
  }
  if (header === undefined) return done(handshake(undefined, message))
  if (!isStateless(header)) return revisions.includes(header) ? done(handshake(header, message)) : unspoken(header)
  if (message.kind === 'response')
    return refuse('mcp.message', { detail: `in ${header} a client answers by asking again, not by a response` })
  if (message.method === 'initialize') return mismatch(`initialize is not of the revision ${quoted(header)} in MCP-Protocol-Version`)
  if (message.kind === 'request') return refuse('mcp.envelope', { detail: versionKey })
  // A notification need not carry the envelope: its header says it alone.
  return isSpoken(header) ? done({ era: 'stateless', revision: header, capabilities: {} }) : unspoken(header)
}

function readStateless(claim: unknown, message: Message): Result<Envelope> {
  if (typeof claim !== 'string') return refuse('mcp.envelope', { detail: versionKey })
  if (!isSpoken(claim)) return unspoken(claim)
  const capabilities = metaOf(message)[capabilitiesKey]
  if (message.kind === 'request' && !isJsonObject(capabilities)) return refuse('mcp.envelope', { detail: capabilitiesKey })
  return done({ era: 'stateless', revision: claim, capabilities: isJsonObject(capabilities) ? capabilities : {} })
}

function handshake(revision: string | undefined, { method, params }: Message): Envelope {
  const said = method === 'initialize' ? params['capabilities'] : undefined
  return { era: 'handshake', ...(revision === undefined ? {} : { revision }), capabilities: isJsonObject(said) ? said : {} }
}

/** Whoever routes by a header and whoever acts on the body would do two things. So a header that stands there is checked in every era. */
function checkMirrors(headers: Headers, message: Message, era: Era): Result<undefined> {
  const method = oneHeader(headers, 'mcp-method')
  if (!method.ok) return method
  const name = oneHeader(headers, 'mcp-name')
  if (!name.ok) return name
  const isAsked = era === 'stateless' && message.kind === 'request'
  if (isAsked && !hasHeader(headers, 'mcp-protocol-version')) return mismatch('MCP-Protocol-Version is missing')
  if (method.value === undefined) {
    if (isAsked) return mismatch('Mcp-Method is missing')
  } else if (readHeaderText(method.value) !== message.method) {
    return mismatch(`Mcp-Method is ${quoted(method.value)}, the body says ${quoted(message.method ?? 'nothing')}`)
  }
  return checkName(name.value, message, isAsked)
}

function checkName(header: string | undefined, message: Message, isAsked: boolean): Result<undefined> {
  const member = namedBy(message.method)
  const body = member === undefined ? undefined : message.params[member]
  if (header === undefined) return isAsked && body !== undefined ? mismatch('Mcp-Name is missing') : done(undefined)
  const text = readHeaderText(header)
  if (text === undefined) return mismatch('Mcp-Name is no canonical base64 of UTF-8')
  // Of other methods nobody reads a name.
  if (member === undefined || text === body) return done(undefined)
  return mismatch(`Mcp-Name is ${quoted(text)}, the body says ${typeof body === 'string' ? quoted(body) : 'no name'}`)
}

function oneHeader(headers: Headers, lower: string): Result<string | undefined> {
  const found = headers.filter(([name]) => name.toLowerCase() === lower)
  if (found.length > 1) return mismatch(`${lower} stands ${found.length} times`)
  return done(found[0]?.[1].replaceAll(/^[ \t]+|[ \t]+$/g, ''))
}

function hasHeader(headers: Headers, lower: string): boolean {
  return headers.some(([name]) => name.toLowerCase() === lower)
}

function claimOf(message: Message): unknown {
  return metaOf(message)[versionKey]
}

function metaOf({ params }: Message): JsonObject {
  const meta = params['_meta']
  return isJsonObject(meta) ? meta : {}
}

/** Revisions are dates: whatever is not before the first one without a handshake has none either. */
function isStateless(revision: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(revision) && revision >= statelessRevisions[0]
}

function isSpoken(revision: string): boolean {
  return statelessRevisions.some((each) => each === revision)
}

/** What somebody sent, as it may stand in a refusal: its beginning, with everything unprintable escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}

function mismatch(detail: string): Result<never> {
  return refuse('mcp.mismatch', { detail })
}

function unspoken(revision: string): Result<never> {
  return refuse('mcp.version', { detail: revision.slice(0, 60).toWellFormed() })
}
