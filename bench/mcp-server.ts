/** A plain MCP server of 2026-07-28 for the bench: a thousand tools that answer at once, as much as they are asked for, and one that never ends. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export const toolCount = 1_000
export const toolName = (place: number) => `tool_${place}`
/** Milliseconds between the notifications of `follow`. */
export const noticeEveryMs = 50

const schema = { type: 'object', properties: { text: { type: 'string', description: 'Whatever it is about.' }, size: { type: 'integer' } } }
const tools = Array.from({ length: toolCount }, (_, place) => ({
  name: toolName(place),
  description: `Does the thing number ${place}, as a tool of a real server would say in a sentence or two.`,
  inputSchema: schema,
}))
const follow = { name: 'follow', description: 'Tells how it goes on, without an end.', inputSchema: { type: 'object' } }
const list = JSON.stringify({ resultType: 'complete', tools: [...tools, follow], ttlMs: 60_000, cacheScope: 'private' })
const notice = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } })}\n\n`

interface Asked {
  readonly id: number | string
  readonly method: string
  readonly params: { readonly name?: string; readonly arguments?: { readonly size?: number } }
}

const following = new Set<ServerResponse>()

function answer({ id, method, params }: Asked, response: ServerResponse): void {
  if (params.name === 'follow') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(notice)
    following.add(response)
    response.on('close', () => following.delete(response))
    return
  }
  const text = 'x'.repeat(params.arguments?.size ?? 0)
  const result = method === 'tools/list' ? list : JSON.stringify({ resultType: 'complete', content: [{ type: 'text', text }] })
  const body = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  answer((await json(request)) as Asked, response)
}

if (import.meta.main) {
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  setInterval(() => {
    for (const response of following) response.write(notice)
  }, noticeEveryMs)
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` })}\n`)
  })
}
