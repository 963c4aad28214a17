/** A plain MCP server of 2026-07-28 for the bench: a thousand tools that answer at once, as much as they are asked for, and one that never ends. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

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
const list = Buffer.from(JSON.stringify({ resultType: 'complete', tools: [...tools, follow], ttlMs: 60_000, cacheScope: 'private' }))
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
  const result = method === 'tools/list' ? list : resultOf(params.arguments?.size ?? 0)
  const before = Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': before.byteLength + result.byteLength + 1 })
  response.cork()
  response.write(before)
  response.write(result)
  response.end('}')
}

const results = new Map<number, Buffer>()

/** A text of so many characters: made once, so that what is timed is no server that makes texts. */
function resultOf(size: number): Buffer {
  const made =
    results.get(size) ?? Buffer.from(JSON.stringify({ resultType: 'complete', content: [{ type: 'text', text: 'x'.repeat(size) }] }))
  results.set(size, made)
  return made
}

/** What is read of a request at either end. */
const endBytes = 2_048

/**
 * Of a long request its beginning and its end: what lies between is the middle of one text, and without it the rest is as good a request.
 * A server that made texts of a megabyte would take 0.4 ms more or less for it as its own memory happens to lie, which is no gateway's doing.
 */
async function read(request: IncomingMessage): Promise<Asked> {
  let [beginning, end] = [Buffer.alloc(0), Buffer.alloc(0)]
  for await (const piece of request as AsyncIterable<Buffer>) {
    const wanted = endBytes - beginning.byteLength
    beginning = Buffer.concat([beginning, piece.subarray(0, wanted)])
    end = Buffer.concat([end, piece.subarray(wanted).subarray(-endBytes)]).subarray(-endBytes)
  }
  return JSON.parse(Buffer.concat([beginning, end]).toString()) as Asked
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  answer(await read(request), response)
}

if (import.meta.main) {
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  setInterval(() => {
    for (const response of following) response.write(notice)
  }, noticeEveryMs)
  // So many may wait to be let in: whoever finds no place tries again a second later.
  server.listen(0, '127.0.0.1', 4_096, () => {
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` })}\n`)
  })
}
