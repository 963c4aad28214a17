/** Messages that the gateway writes itself where it joins servers. */
import type { JsonObject } from '../../kernel/json.ts'
import { canonicalJson, isJsonObject } from '../../kernel/json.ts'
import type { IdText, Message } from './ports.ts'

/** The same list from a cursor on; without one from its beginning, whatever cursor was asked for. */
export function withCursor(message: Message, cursor: string | undefined): Message {
  const { cursor: _asked, ...rest } = message.params
  const params: JsonObject = cursor === undefined ? rest : { ...rest, cursor }
  const id = message.id ?? '0'
  return requestOf({ id, method: message.method ?? '', params })
}

/** What a server is told of a client whose session it shares with others: nothing that would let it ask the client something. */
export function initializeOf({ params }: Message, revision: string): Message {
  const { clientInfo } = params
  const told = {
    protocolVersion: revision,
    capabilities: {},
    clientInfo: isJsonObject(clientInfo) ? clientInfo : { name: 'remit', version: '0' },
  }
  return requestOf({ id: '"remit-0"', method: 'initialize', params: told })
}

export function initializedOf(): Message {
  const bytes = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')
  return { kind: 'notification', method: 'notifications/initialized', params: {}, bytes }
}

/** A request of our own. */
export function requestOf({ id, method, params }: { readonly id: IdText; readonly method: string; readonly params: JsonObject }): Message {
  const bytes = Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":${canonicalJson(method)},"params":${canonicalJson(params)}}`)
  return { kind: 'request', id, method, params, bytes, idAt: { from: 22, to: 22 + Buffer.byteLength(id) } }
}

/** A response whose result is ours. */
export function resultBytes(id: IdText | undefined, result: object): Uint8Array {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id ?? 'null'},"result":${JSON.stringify(result)}}`)
}

/** What the joined servers can do together, less what is not carried where they are joined: subscriptions, changes of lists, logging, tasks. */
export function unitedCapabilities(all: readonly JsonObject[]): Readonly<Record<string, object>> {
  const carried = ['tools', 'resources', 'prompts', 'completions'] as const
  return Object.fromEntries(carried.filter((name) => all.some((each) => isJsonObject(each[name]))).map((name) => [name, {}]))
}

export const joinedName = 'remit'
