/** What the parts of the MCP gateway are to each other: a message that was read, a server to send it to, and what comes back of it. */
import type { JsonObject, JsonValue } from '../../kernel/json.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import type { Result } from '../../kernel/result.ts'
import type { UpstreamHealth } from '../shared/circuit.ts'

/** A JSON-RPC id as it was written: `7`, `"a"`. Two clients may use the same. */
export type IdText = string

/** One JSON-RPC message, read strictly: it has one meaning, and numbers in it are exact. */
export interface Message {
  readonly kind: 'request' | 'notification' | 'response'
  /** Of a request and a response. */
  readonly id?: IdText
  /** Of a request and a notification. */
  readonly method?: string
  readonly params: JsonObject
  /** Of a response: exactly one of the two. */
  readonly result?: JsonValue
  readonly error?: JsonObject
  /** As it arrived, to the byte. */
  readonly bytes: Uint8Array
  /** Where in `bytes` the value of `id` stands: servers that several clients share are given ids of ours. */
  readonly idAt?: { readonly from: number; readonly to: number }
}

/** `json`: one message. `events`: an SSE stream of them (WHATWG HTML § 9.2), the response last. */
export type AnswerForm = 'json' | 'events'

/** Hears of one exchange, in this order: perhaps a head, any data, then an end or that it broke. */
export interface ServerListener {
  /** Status and headers of HTTP; of a stdio server what an HTTP server would have said. */
  onHead(head: {
    readonly status: number
    readonly headers: readonly (readonly [string, string])[]
    readonly form: AnswerForm | 'other'
  }): void
  onData(bytes: Uint8Array): void
  onEnd(): void
  onBroken(refusal: Refusal): void
}

export interface ServerCall {
  /** The client left, or the session ended: over HTTP the connection is closed, over stdio `notifications/cancelled` is sent. */
  abort(): void
  pause(): void
  resume(): void
  /** As that of `UpstreamCall`: nobody holds on to the piece that is being told. */
  freed?(): void
  /** Whether nothing is left of the message that is still to be sent, so that its memory may be let go of. */
  isTaken?(): boolean
}

/** A message on its way to a server. */
export interface Outgoing {
  readonly message: Message
  /** Of the client's request, those that pass: `mcp-*`, `traceparent`, `accept`, `last-event-id`. */
  readonly headers: readonly (readonly [string, string])[]
  /** `POST` for messages; `GET` and `DELETE` of the revisions before 2026-07-28 have no message worth the name. */
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** Whose it is, where a live grant of theirs reaches into the service: nobody else is worth a process of their own. */
  readonly holder?: string
  /** Asked in the tick that sends the first byte; a refusal ends it unsent. */
  readonly mayGo: () => Result<undefined>
}

/** One MCP server as the gateway reaches it. */
export interface McpServer {
  readonly service: string
  /** What is known by connecting to it, or by starting it. */
  readonly health: UpstreamHealth
  send(outgoing: Outgoing, listener: ServerListener): ServerCall
  /** Calls when it says that a list of its changed, to whichever client. Where there is none to hear it, whoever passes its streams hears it. */
  onListChanged?(listener: () => void): void
  /** Closes what has been idle for too long. */
  sweep?(now: Instant): void
  /** Ends what is under way. A child process is ended with it. */
  close(): Promise<void>
}
