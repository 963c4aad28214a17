/** What the gateway itself says to servers that it starts, and in their place: openings, cancellations, answers that need no server. */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../kernel/json.ts'

export const modernVersion = '2026-07-28'
/** With an opening. The newest first, which is the one that is asked for. */
export const legacyVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
const self = { name: 'remit', version: '1' }
const openingId = 0

/** `capabilities`: of the one client that it is for; where several share the server nothing, since what one can do another cannot. */
export function initialize(capabilities: JsonObject = {}, asked?: string): Buffer {
  const protocolVersion = legacyVersions.find((each) => each === asked) ?? legacyVersions[0]
  return line({ jsonrpc: '2.0', id: openingId, method: 'initialize', params: { protocolVersion, capabilities, clientInfo: self } })
}

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

/** To a request of the server's. */
export function answerError(id: string, code: number, message: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${canonicalJson({ code, message })}}\n`)
}

/** Sampling, roots, elicitation: nothing says which of the clients that share a server it asks. */
export function refuseServerRequest(id: string): Buffer {
  return answerError(id, -32_601, 'this client does not offer it')
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

/** The answer to the `initialize` of a client whose child it is alone: as its server said it. */
export function passInitialize(id: string, { result, error }: Opening): Buffer {
  const member = result === undefined ? `"error":${canonicalJson(error)}` : `"result":${canonicalJson(result)}`
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},${member}}`)
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
