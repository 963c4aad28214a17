/** What the gateway itself says to servers that it starts, and in their place: openings, cancellations, answers that need no server. */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../kernel/json.ts'

export const modernVersion = '2026-07-28'
/** With an opening. The newest first, which is the one that is asked for. */
export const legacyVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
const self = { name: 'remit', version: '1' }
const openingId = 0

/** Announces nothing: what one client can do, another that shares the server cannot. */
export const initialize = line({
  jsonrpc: '2.0',
  id: openingId,
  method: 'initialize',
  params: { protocolVersion: legacyVersions[0], capabilities: {}, clientInfo: self },
})

export const initialized = line({ jsonrpc: '2.0', method: 'notifications/initialized' })

/** Whether it speaks 2026-07-28: servers of earlier revisions answer this with an error. */
export const discover = line({
  jsonrpc: '2.0',
  id: openingId,
  method: 'server/discover',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': modernVersion,
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': self,
    },
  },
})

export function cancelled(requestId: number, reason: string): Buffer {
  return line({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } })
}

/** `id` is raw JSON. */
export function answerPing(id: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{}}\n`)
}

/** Sampling, roots, elicitation: nothing says which of the clients that share a server it asks. */
export function refuseServerRequest(id: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${canonicalJson({ code: -32_601, message: 'this client does not offer it' })}}\n`)
}

export function unsupportedVersion(id: string, requested: string): Buffer {
  const error = { code: -32_022, message: 'Unsupported protocol version', data: { supported: legacyVersions, requested } }
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${canonicalJson(error)}}`)
}

export function methodNotFound(id: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${canonicalJson({ code: -32_601, message: 'Method not found' })}}`)
}

/** What a server's opening said, kept for all who open after it. */
export interface Opening {
  readonly result?: JsonObject
  readonly error?: JsonObject
}

export function readOpening(answer: Buffer): Opening | undefined {
  const parsed = parseJson(answer, { bytesMax: 1_048_576 })
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined
  const { result, error } = parsed.value
  if (isJsonObject(result)) return { result }
  return isJsonObject(error) ? { error } : undefined
}

/**
 * The answer to a client's `initialize`. It gets the revision it asked for where that is not newer than the server's. What a shared server
 * cannot give to one client alone is not announced: log messages and updates of resources name no client.
 */
export function answerInitialize(id: string, { result, error }: Opening, asked: string | undefined): Buffer {
  if (result === undefined) return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${canonicalJson(error)}}`)
  const spoken = result['protocolVersion']
  const isOlder = typeof spoken === 'string' && asked !== undefined && legacyVersions.some((each) => each === asked) && asked < spoken
  const { logging: _, ...capabilities } = objectOr(result['capabilities'])
  const { subscribe: __, ...resources } = objectOr(capabilities['resources'])
  const told = {
    ...result,
    ...(isOlder ? { protocolVersion: asked } : {}),
    capabilities: { ...capabilities, ...(isJsonObject(capabilities['resources']) ? { resources } : {}) },
  }
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${canonicalJson(told)}}`)
}

/** Whether an error in answer to `server/discover` is one that only servers of 2026-07-28 give. */
export function isOfModernServer({ result, error }: Opening): boolean {
  if (result !== undefined) return Array.isArray(result['supportedVersions'])
  const supported = objectOr(error?.['data'])['supported']
  return (
    error?.['code'] === -32_022 && Array.isArray(supported) && supported.some((each) => typeof each === 'string' && each >= modernVersion)
  )
}

function objectOr(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {}
}

function line(message: JsonObject): Buffer {
  return Buffer.from(`${canonicalJson(message)}\n`)
}
