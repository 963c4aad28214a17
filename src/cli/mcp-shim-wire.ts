/** MCP over HTTP as `remit mcp` speaks it: one request at a time, streams of events, and the headers that mirror a message. */
import { Agent, type IncomingMessage, request } from 'node:http'
import { Agent as SecureAgent, request as requestSecurely } from 'node:https'
import { StringDecoder } from 'node:string_decoder'

/** One message; the gateway's own bound for results is lower. */
export const messageLengthMax = 134_217_728

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function objectIn(value: unknown, ...path: readonly string[]): JsonObject {
  let at: unknown = value
  for (const key of path) at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined
  return isObject(at) ? at : {}
}

/** `undefined` for what is no JSON. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function textIn(value: unknown, key: string): string | undefined {
  const found = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return typeof found === 'string' ? found : undefined
}

export interface Sending {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

/** Connections are given up before servers close theirs: what was sent on one that is just closing may not be sent again. */
const pooled = { keepAlive: true, timeout: 4_000 }

export class McpEndpoint {
  readonly #url: URL
  readonly #agent: Agent

  constructor(url: URL) {
    this.#url = url
    this.#agent = url.protocol === 'https:' ? new SecureAgent(pooled) : new Agent(pooled)
  }

  /** The head of the answer, whose body is to be read. Rejects where nobody answers. There is no limit of time: calls take as long as they take. */
  async send({ method, headers, body, signal }: Sending): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const length = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }
    const options = { method, headers: { ...headers, ...length }, agent: this.#agent, signal }
    const sent = (this.#url.protocol === 'https:' ? requestSecurely : request)(this.#url, options, resolve)
    sent.on('error', reject).end(body)
    return promise
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** The whole of a body; rejects above the limit. */
export async function wholeBody(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of answer) {
    if (!Buffer.isBuffer(piece)) continue
    length += piece.length
    if (length > messageLengthMax) throw new Error('the answer is larger than is taken here')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

export interface StreamEvent {
  readonly data: string
  readonly id: string | undefined
  /** Milliseconds to wait before reading on after a break, where the server says so. */
  readonly retryMs: number | undefined
}

/** Events of a stream (WHATWG HTML § 9.2). One that has not ended with the stream is none. */
export async function* events(answer: IncomingMessage): AsyncGenerator<StreamEvent> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  let [data, id, retryMs, length]: [string[], string | undefined, number | undefined, number] = [[], undefined, undefined, 0]
  for await (const piece of answer) {
    if (!Buffer.isBuffer(piece)) continue
    const pieces = (rest + decoder.write(piece)).split(/\r\n|\n|\r(?!$)/)
    rest = pieces.pop() ?? ''
    length += piece.length
    if (length > messageLengthMax) throw new Error('the answer is larger than is taken here')
    for (const line of pieces) {
      const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
      if (line === '') {
        if (data.length > 0 || id !== undefined || retryMs !== undefined) yield { data: data.join('\n'), id, retryMs }
        ;[data, id, retryMs, length] = [[], undefined, undefined, rest.length]
      } else if (field === 'data') data.push(value)
      else if (field === 'id') id = value
      else if (field === 'retry' && /^\d{1,7}$/.test(value)) retryMs = Number(value)
    }
  }
}

const nameFields: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** Of a tool's arguments those that a server wants mirrored, each by its path (`x-mcp-header`). */
export type Mirrored = readonly { readonly path: readonly string[]; readonly header: string }[]

/** `MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name` and `Mcp-Param-*` of 2026-07-28 (SEP-2243); none for what does not say its revision. */
export function mirrors(message: JsonObject, mirrored: Mirrored): Record<string, string> {
  const version = textIn(objectIn(message, 'params', '_meta'), 'io.modelcontextprotocol/protocolVersion')
  const method = textIn(message, 'method')
  if (version === undefined || method === undefined) return {}
  const name = textIn(objectIn(message, 'params'), nameFields[method] ?? '')
  const headers: Record<string, string> = { 'MCP-Protocol-Version': headerText(version), 'Mcp-Method': headerText(method) }
  if (name !== undefined) headers['Mcp-Name'] = headerText(name)
  for (const { path, header } of mirrored) {
    const value = objectIn(message, 'params', 'arguments', ...path.slice(0, -1))[path.at(-1) ?? '']
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value))
      headers[`Mcp-Param-${header}`] = headerText(String(value))
  }
  return headers
}

/** As it is where a header can hold it, else in base64 between marks. */
function headerText(value: string): string {
  const isPlain = /^[\x20-\x7e]*$/.test(value) && value.trim() === value && !/^=\?base64\?.*\?=$/.test(value)
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

const depthMax = 16

/** What a tool's schema wants mirrored; only what is reached by `properties` alone. */
export function mirroredOf(schema: unknown, path: readonly string[] = []): Mirrored {
  if (path.length > depthMax) return []
  return Object.entries(objectIn(schema, 'properties')).flatMap(([key, child]) => {
    const header = textIn(child, 'x-mcp-header')
    const own = header !== undefined && /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(header) ? [{ path: [...path, key], header }] : []
    return [...own, ...mirroredOf(child, [...path, key])]
  })
}

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** An error of the gateway's or of whatever stands before it: JSON-RPC without our id, a problem (RFC 9457), or neither. */
export function errorOf(status: number, body: unknown): RpcError {
  const error = objectIn(body, 'error')
  const { code } = error
  if (typeof code === 'number')
    return { code, message: textIn(error, 'message') ?? 'refused', ...(error['data'] === undefined ? {} : { data: error['data'] }) }
  const detail = textIn(body, 'detail')
  return detail === undefined
    ? { code: status, message: `the gateway answered with status ${status}` }
    : { code: status, message: detail, data: body }
}

/** The answer to an opening that came as a stream. */
export async function lastEvent(answer: IncomingMessage): Promise<unknown> {
  for await (const { data } of events(answer)) {
    const body = readJson(data)
    if (isObject(body) && ('result' in body || 'error' in body)) return body
  }
  return undefined
}
