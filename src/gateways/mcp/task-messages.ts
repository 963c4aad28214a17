/** Tasks as both generations of them are written: the extension of 2026-07-28, and the experiment of 2025-11-25. */
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { formatInstant } from '../../kernel/instants.ts'
import { isJsonObject, type JsonObject } from '../../kernel/json.ts'
import { type Envelope, type Era, needCapability } from './envelope.ts'
import type { IdText, Message } from './ports.ts'
import { replaceSpan, spanOf } from './spans.ts'

export const tasksExtension = 'io.modelcontextprotocol/tasks'
const relatedTask = 'io.modelcontextprotocol/related-task'
const experimentRevision = '2025-11-25'

export type TaskMethod = 'tasks/get' | 'tasks/update' | 'tasks/cancel' | 'tasks/result'
export type TaskStatus = 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled'

const methods: Readonly<Record<Era, readonly TaskMethod[]>> = {
  stateless: ['tasks/get', 'tasks/update', 'tasks/cancel'],
  handshake: ['tasks/get', 'tasks/result', 'tasks/cancel'],
}

/** `tasks/list` is none of them: servers hear one caller, the gateway, and would show everybody's. */
export function taskMethodOf({ era }: Pick<Envelope, 'era'>, { kind, method }: Message): TaskMethod | undefined {
  return kind === 'request' ? methods[era].find((each) => each === method) : undefined
}

/** Whether a call may be answered by a task: its client declares the extension, or asks for one with the call itself. */
export function mayBecomeTask(envelope: Envelope, { method, params }: Message): boolean {
  if (method !== 'tools/call') return false
  if (envelope.era === 'stateless') return needCapability(envelope, ['extensions', tasksExtension]).ok
  return envelope.revision === experimentRevision && isJsonObject(params['task'])
}

/** Whether a server of the experiment makes tasks of calls: then a call that asks for one must be answered by one. */
export function makesTasks({ result }: Message): boolean {
  return needCapability({ capabilities: isJsonObject(result) ? result : {} }, ['capabilities', 'tasks', 'requests', 'tools', 'call']).ok
}

/** The id of the task that a response made of a call; `undefined` where it is another response. */
export function createdTask(era: Era, { result }: Message): string | undefined {
  if (!isJsonObject(result)) return undefined
  const task = era === 'stateless' ? (result['resultType'] === 'task' ? result : undefined) : result['task']
  const id = isJsonObject(task) ? task['taskId'] : undefined
  return typeof id === 'string' && id !== '' && id.length <= 256 ? id : undefined
}

/** Whether a server says of a task that nothing more becomes of it. */
export function isOverTask({ result }: Message): boolean {
  const status = isJsonObject(result) ? result['status'] : undefined
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

export interface WrittenTask {
  readonly id: string
  readonly status: TaskStatus
  readonly says?: string | undefined
  readonly createdAt: Instant
  readonly changedAt: Instant
  readonly until: Instant
}

/** How often it is worth asking. */
export const pollInterval: Milliseconds = 2_000

function membersOf(era: Era, { id, status, says, createdAt, changedAt, until }: WrittenTask): object {
  const common = {
    taskId: id,
    status,
    ...(says === undefined ? {} : { statusMessage: says.toWellFormed() }),
    createdAt: formatInstant(createdAt),
    lastUpdatedAt: formatInstant(changedAt),
  }
  return era === 'stateless'
    ? { ...common, ttlMs: until - createdAt, pollIntervalMs: pollInterval }
    : { ...common, ttl: until - createdAt, pollInterval }
}

/** That a call has become a task. */
export function createdAnswer(id: IdText, era: Era, task: WrittenTask, meta: object): Uint8Array {
  const members = membersOf(era, task)
  const result =
    era === 'stateless'
      ? { resultType: 'task', ...members, _meta: meta }
      : { task: members, _meta: { ...meta, 'io.modelcontextprotocol/model-immediate-response': task.says } }
  return answerOf(id, JSON.stringify(result))
}

/** How a task stands. `payload`: `["result", "{…}"]`, JSON as it came; the experiment has it told by another method. */
export function taskAnswer(id: IdText, era: Era, task: WrittenTask, payload?: readonly [name: string, json: string]): Uint8Array {
  const members = JSON.stringify({ ...(era === 'stateless' ? { resultType: 'complete' } : {}), ...membersOf(era, task) })
  const isInline = era === 'stateless' && payload !== undefined
  return answerOf(id, isInline ? `${members.slice(0, -1)},"${payload[0]}":${payload[1]}}` : members)
}

/** `tasks/result`: what the call itself would have been answered. */
export function payloadAnswer(id: IdText, task: string, [name, json]: readonly [name: string, json: string]): Uint8Array {
  const whole = name === 'result' ? withMeta(json, relatedTask, { taskId: task }) : json
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"${name}":${whole}}`)
}

/** Nothing but that it was heard. */
export function heardAnswer(id: IdText): Uint8Array {
  return answerOf(id, '{"resultType":"complete"}')
}

function answerOf(id: IdText, result: string): Uint8Array {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${result}}`)
}

function withMeta(json: string, name: string, value: object): string {
  const bytes = Buffer.from(json)
  const [key, text] = [JSON.stringify(name), JSON.stringify(value)]
  const there = spanOf(bytes, ['_meta', name])
  if (there !== undefined) return Buffer.from(replaceSpan(bytes, there, text)).toString()
  const meta = spanOf(bytes, ['_meta'])
  return meta === undefined ? withMember(bytes, [], `"_meta":{${key}:${text}}`) : withMember(bytes, ['_meta'], `${key}:${text}`)
}

/** The text with one more member, first in the object at a path; as it is where no object is there. */
export function withMember(bytes: Uint8Array, path: readonly string[], member: string): string {
  const at = spanOf(bytes, path)
  const text = Buffer.from(bytes).toString()
  if (at === undefined || bytes[at.from] !== 0x7b) return text
  const inside = Buffer.from(bytes.subarray(at.from + 1, at.to)).toString()
  const isEmpty = inside.trim() === '}'
  return Buffer.from(replaceSpan(bytes, at, `{${member}${isEmpty ? '' : ','}${inside}`)).toString()
}

const saidMax = 8_192
const protocolVersion = 'io.modelcontextprotocol/protocolVersion'
const capabilities = 'io.modelcontextprotocol/clientCapabilities'

/** What a cancel of our own says: of the revision that the call was sent in, with what its client can do. */
export function cancelMessage(era: Era, task: string, call: JsonObject): Message {
  const meta = call['_meta']
  const kept = isJsonObject(meta)
    ? Object.fromEntries(Object.entries(meta).filter(([name]) => /^io\.modelcontextprotocol\/(?:protocolVersion|client)/.test(name)))
    : {}
  // It is kept for as long as the task: what a client says of itself at such length is left out.
  const said = JSON.stringify(kept).length <= saidMax ? kept : { [protocolVersion]: kept[protocolVersion] ?? '', [capabilities]: {} }
  const params = { taskId: task, ...(era === 'stateless' ? { _meta: said } : {}) }
  const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 'remit-cancel', method: 'tasks/cancel', params }))
  return { kind: 'request', id: '"remit-cancel"', method: 'tasks/cancel', params, bytes, idAt: { from: 22, to: 36 } }
}
