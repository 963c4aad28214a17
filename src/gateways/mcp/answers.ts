/** Refusals as MCP says them: to a tool's caller as a result that a model can read and act on, to others as an error of JSON-RPC. */
import { describeProblem, type Problem } from '../../kernel/problems.ts'
import { type AskHint, isRefusalCode, type Refusal, type RefusalCode } from '../../kernel/refusals.ts'
import { type Era, statelessRevisions } from './envelope.ts'
import type { Message } from './ports.ts'

export interface RefusedMessage {
  readonly refusal: Refusal
  readonly more: Pick<Problem, 'decision' | 'hold' | 'page'>
  /** Its sender can ask for a grant by `remit_request`. */
  readonly asksHere?: boolean
  /** Absent where the message could not be read, or said no revision that is spoken. */
  readonly era?: Era
  /** Absent where it could not be read. */
  readonly message?: Pick<Message, 'kind' | 'id' | 'method' | 'params'>
}

export interface McpAnswer {
  /** Of HTTP. Over stdio it is not said. */
  readonly status: number
  /** JSON; for whatever was no request its id is null, and over stdio nothing is sent. */
  readonly body: string
}

/** In `_meta` of a result: the whole refusal for programs, as RFC 9457 writes it. */
export const refusalKey = 'remit/refusal'

/** Where JSON-RPC or MCP has a code that says just this. Every other refusal has its HTTP status, which no range of theirs reserves. */
const codes: { readonly [C in RefusalCode]?: number } = {
  'json.malformed': -32700,
  'mcp.batch': -32600,
  'mcp.message': -32600,
  'mcp.method': -32601,
  'mcp.envelope': -32602,
  'action.arguments': -32602,
  'action.unknown': -32602,
  internal: -32603,
  'mcp.mismatch': -32020,
  'mcp.task': -32602,
  'mcp.capability': -32021,
  'mcp.version': -32022,
}

/**
 * A refusal as it goes out. `tools/call` that could be read is answered by a result with `isError: true`, whatever was wrong with it:
 * errors of the protocol do not reach a model. The first line begins with the refusal's code, which does not change between versions.
 */
export function refusalAnswer(refused: RefusedMessage): McpAnswer {
  const { refusal, more, message } = refused
  const problem = describeProblem(refusal, more)
  const id = message?.kind === 'request' ? (message.id ?? 'null') : 'null'
  if (isForModel(refused)) return { status: 200, body: toolAnswer(id, refused, problem) }
  const told = codeOf(problem)
  const code = (isRefusalCode(told) ? codes[told] : undefined) ?? problem.status
  const error = { code, message: problem.detail, data: dataOf(refused, problem) }
  return { status: statusOf(refused, problem), body: `{"jsonrpc":"2.0","id":${id},"error":${written(error)}}` }
}

/** What a model is told: what is so, what to do, and what to ask for. */
export function refusalText(problem: Problem, asksHere = false): string {
  const { detail, remedy, ask = [], hold, page, decision } = problem
  return [
    `${codeOf(problem)}: ${detail}`,
    // The row speaks of a header, which no model sees.
    ...(hold === undefined ? [`What to do: ${remedy}`] : []),
    ...ask.map(asksHere ? ownToolLine : askLine),
    ...(hold === undefined ? [] : [`Held as ${hold}: nothing was done yet. Send exactly the same call again once it is approved.`]),
    ...(page === undefined ? [] : [`A person answers at ${page}`]),
    ...(decision === undefined ? [] : [`Decision ${decision}`]),
  ].join('\n')
}

function askLine({ task, actions, resource, command }: AskHint): string {
  return `Ask for: ${actions.join(', ')} on ${resource}, as a task of kind ${task} (${command})`
}

function ownToolLine({ task, actions, resource }: AskHint): string {
  const given = JSON.stringify({ task, scope: [resource], statement: 'why' })
  return `Ask for: ${actions.join(', ')} on ${resource}. Call remit_request with ${given}; narrow the scope by arguments, as in ${resource},name=value`
}

function isForModel({ refusal, message, era }: RefusedMessage): boolean {
  if (message?.kind !== 'request' || message.method !== 'tools/call' || era === undefined) return false
  // Who has no credential is told by HTTP; and what a client did wrong, no model can mend.
  return !/^(?:credential\.|mcp\.)/.test(refusal.code)
}

function toolAnswer(id: string, { era, asksHere }: RefusedMessage, problem: Problem): string {
  const result = {
    ...(era === 'stateless' ? { resultType: 'complete' } : {}),
    content: [{ type: 'text', text: refusalText(problem, asksHere) }],
    isError: true,
    _meta: { [refusalKey]: problem },
  }
  return `{"jsonrpc":"2.0","id":${id},"result":${written(result)}}`
}

/** What MCP wants beside some of its codes, and the whole refusal beside all. */
function dataOf({ refusal, message }: RefusedMessage, problem: Problem): object {
  const { code, detail = '' } = refusal
  const said = { [refusalKey]: problem }
  // Those that `server/discover` names: earlier ones are agreed on by `initialize`, and know nothing of this error.
  if (code === 'mcp.version') return { supported: statelessRevisions, requested: detail, ...said }
  if (code === 'mcp.capability') return { requiredCapabilities: nested(detail.split(' ')), ...said }
  const uri = message?.method === 'resources/read' ? message.params['uri'] : undefined
  return typeof uri === 'string' ? { uri: uri.slice(0, 2_048), ...said } : said
}

/** `elicitation url` is `{ "elicitation": { "url": {} } }`. */
function nested([name, ...path]: readonly string[]): object {
  return name === undefined ? {} : { [name]: nested(path) }
}

/**
 * Errors of a request that was understood are an answer like any other: 200. A client of an era with sessions takes 404 for the end of
 * its session, so an unknown method is no reason for one there.
 */
function statusOf({ refusal, message, era }: RefusedMessage, { status }: Problem): number {
  if (message?.kind !== 'request' || era === undefined || refusal.code.startsWith('credential.')) return status
  if (refusal.code === 'mcp.task') return 200
  if (refusal.code === 'mcp.method') return era === 'stateless' ? status : 200
  return refusal.code.startsWith('mcp.') ? status : 200
}

/** A text that was cut in the middle of a character is mended: JSON with half of one is no JSON to a strict reader. */
function written(value: object): string {
  return JSON.stringify(value, (_name, member: unknown) => (typeof member === 'string' ? member.toWellFormed() : member))
}

function codeOf({ type }: Problem): string {
  return type.slice('urn:remit:refusal:'.length)
}
