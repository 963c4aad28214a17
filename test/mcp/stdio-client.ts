/** Speaks to one `McpServer` as the gateway does, and keeps what came back of each exchange. */
import type { McpServer, Message, ServerCall } from '../../src/gateways/mcp/ports.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import type { Refusal } from '../../src/kernel/refusals.ts'
import { done, type Result } from '../../src/kernel/result.ts'

export interface Heard {
  readonly status: number
  readonly form: string
  readonly headers: readonly (readonly [string, string])[]
  readonly text: string
  readonly bytes: number
  readonly broken?: Refusal
}

export interface Asking {
  readonly headers?: readonly (readonly [string, string])[]
  readonly method?: 'POST' | 'GET' | 'DELETE'
  readonly mayGo?: () => Result<undefined>
  readonly onData?: (text: string) => void
  readonly holder?: string
}

export interface Asked {
  readonly call: ServerCall
  readonly heard: Promise<Heard>
}

export function ask(
  server: McpServer,
  text: string,
  { headers = [], method = 'POST', mayGo = () => done(undefined), onData, holder }: Asking = {},
): Asked {
  const { promise, resolve } = Promise.withResolvers<Heard>()
  const parts: Uint8Array[] = []
  let head: Pick<Heard, 'status' | 'form' | 'headers'> = { status: 0, form: '', headers: [] }
  const end = (broken?: Refusal) => {
    const body = Buffer.concat(parts)
    resolve({ ...head, text: body.subarray(0, 10_000).toString(), bytes: body.length, ...(broken === undefined ? {} : { broken }) })
  }
  const call = server.send(
    { message: messageOf(text), headers, method, mayGo, ...(holder === undefined ? {} : { holder }) },
    {
      onHead: (given) => void (head = given),
      onData: (bytes) => {
        parts.push(bytes)
        onData?.(Buffer.from(bytes).toString())
      },
      onEnd: () => end(),
      onBroken: (refusal) => end(refusal),
    },
  )
  return { call, heard: promise }
}

/** A call of a tool, of the eras before 2026-07-28, under this id and with a progress token where one is given. */
export function tool(server: McpServer, id: string, name: string, given: Given = {}): Asked {
  const { token, asking, ...args } = given
  const meta = token === undefined ? '' : `,"_meta":{"progressToken":${token}}`
  const params = `{"name":"${name}","arguments":${JSON.stringify(args)}${meta}}`
  return ask(server, `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`, asking)
}

export interface Given {
  readonly token?: string
  readonly asking?: Asking
  readonly text?: string
  readonly bytes?: number
  readonly method?: string
}

function messageOf(text: string): Message {
  const bytes = Buffer.from(text)
  if (text === '') return { kind: 'notification', params: {}, bytes }
  const read = JSON.parse(text) as { readonly id?: unknown; readonly method?: string; readonly params?: JsonObject }
  const kind = read.method === undefined ? 'response' : read.id === undefined ? 'notification' : 'request'
  return {
    kind,
    params: read.params ?? {},
    bytes,
    ...(read.method === undefined ? {} : { method: read.method }),
    ...(read.id === undefined ? {} : { id: JSON.stringify(read.id) }),
  }
}
