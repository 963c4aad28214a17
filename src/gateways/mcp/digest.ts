/** What an approval of a call is bound to: everything that is forwarded and has a meaning, whatever its white space and the order of its keys. */
import { createHash } from 'node:crypto'
import { canonicalJson, isJsonObject, type JsonObject, parseJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import type { Material } from '../../model/actions.ts'
import type { Headers } from './envelope.ts'
import type { Message } from './ports.ts'

/** W3C trace context and baggage: they say who watches, not what is done. In `_meta` they have the same names (SEP-414). */
const traceNames = new Set(['traceparent', 'tracestate', 'baggage'])
/** Of these the body says the same, or the message would have been refused. */
const mirrors = new Set(['mcp-protocol-version', 'mcp-method', 'mcp-name'])

/**
 * The material of a message as it is forwarded, with the headers that pass. Left out: the JSON-RPC id, trace context, the progress
 * token, and headers that repeat the body. `bodySha256` is over the canonical JSON (RFC 8785, every number by its digits) of the rest.
 */
export function materialOf(message: Message, headers: Headers): Material {
  // Read once before, within its limits.
  const read = mustBe(parseJson(message.bytes, { bytesMax: message.bytes.byteLength, depthMax: Number.MAX_SAFE_INTEGER }))
  if (!isJsonObject(read)) throw new Error('a message was read that is no object')
  const { id: _id, params, ...rest } = read
  const form = canonicalJson(isJsonObject(params) ? { ...rest, params: withoutEnvelope(params) } : rest)
  return {
    method: message.method ?? '',
    target: targetOf(message.params),
    headers: headers
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !traceNames.has(name) && !mirrors.has(name)),
    bodySha256: createHash('sha256').update(form).digest('hex'),
  }
}

/** `_meta` with nothing left in it is as good as none. */
function withoutEnvelope({ _meta: meta, ...params }: JsonObject): JsonObject {
  if (!isJsonObject(meta)) return meta === undefined ? params : { ...params, _meta: meta }
  const kept = Object.entries(meta).filter(([name]) => name !== 'progressToken' && !traceNames.has(name))
  return kept.length === 0 ? params : { ...params, _meta: Object.fromEntries(kept) }
}

function targetOf({ name, uri }: JsonObject): string {
  return typeof name === 'string' ? name : typeof uri === 'string' ? uri : ''
}
