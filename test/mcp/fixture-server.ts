/** An MCP server of both eras at one address of this machine, with what the protocol's own conformance suite asks of a server. */
import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  localhostHostValidation,
  localhostOriginValidation,
  type NodeIncomingMessageLike,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  createRequestStateCodec,
  type McpHttpHandler,
  McpServer,
  type ServerNotifier,
} from '@modelcontextprotocol/server'
import { keepEvents } from './fixture-events.ts'
import { addPrompts, addResources } from './fixture-readings.ts'
import { addRounds, type RoundState } from './fixture-rounds.ts'
import { addAskingTools, addReconnection, addTools } from './fixture-tools.ts'

/** Several sessions are open while the suite runs, never so many. */
const sessionsMax = 1_000

export interface ServerAtWork {
  /** With its path, `/mcp`. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Serves both eras at `/mcp`: requests with 2026-07-28's envelope one by one, all others in sessions that `initialize` opens.
 * `build` makes one server per session, or per request of the new era.
 */
export async function serveMcp(build: (notify: ServerNotifier, era: 'legacy' | 'modern') => McpServer): Promise<ServerAtWork> {
  const modern: McpHttpHandler = createMcpHandler(() => build(modern.notify, 'modern'), { legacy: 'reject' })
  const answerModern = toNodeHandler(modern, { maxRequestBodySize: 64 * 1024 * 1024 })
  const isHost = localhostHostValidation()
  const isOrigin = localhostOriginValidation()
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>()

  async function openSession(): Promise<NodeStreamableHTTPServerTransport> {
    if (sessions.size >= sessionsMax) throw new Error('too many sessions of one fixture')
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: keepEvents(),
      retryInterval: 50,
      onsessioninitialized: (id) => {
        sessions.set(id, transport)
      },
      onsessionclosed: (id) => {
        sessions.delete(id)
      },
    })
    const server = build(modern.notify, 'legacy')
    await server.connect(transport)
    return transport
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isHost(request, response) || !isOrigin(request, response)) return
    if (new URL(request.url ?? '', 'http://here').pathname !== '/mcp') {
      response.writeHead(404).end()
      return
    }
    const id = request.headers['mcp-session-id']
    const session = typeof id === 'string' ? sessions.get(id) : undefined
    if (session !== undefined) return session.handleRequest(request, response)
    if (typeof id === 'string') {
      response.writeHead(404).end()
      return
    }
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
    if (isInitialize(body)) return (await openSession()).handleRequest(request, response, body)
    return answerModern(request as NodeIncomingMessageLike, response, body)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(400)
      response.end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    close: async () => {
      await Promise.all([...sessions.values()].map((each) => each.close()))
      await modern.close()
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

/** `initialize` with an envelope is the new era's, where it is no method any more. */
function isInitialize(body: unknown): boolean {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { _meta?: object } }
  return method === 'initialize' && !Object.keys(params?._meta ?? {}).some((key) => key.startsWith('io.modelcontextprotocol/'))
}

/** The server of the conformance suite. */
export async function startFixture(): Promise<ServerAtWork> {
  const codec = createRequestStateCodec<RoundState>({ key: randomBytes(32) })
  return serveMcp((notify, era) => {
    const hint = { ttlMs: 1_000, cacheScope: 'private' as const }
    const server = new McpServer(
      { name: 'conformance-fixture', version: '1.0.0' },
      {
        capabilities: {
          tools: { listChanged: true },
          prompts: { listChanged: true },
          resources: { subscribe: true, listChanged: true },
          logging: {},
          completions: {},
        },
        cacheHints: {
          'tools/list': hint,
          'prompts/list': hint,
          'resources/list': hint,
          'resources/templates/list': hint,
          'resources/read': hint,
          'server/discover': hint,
        },
        requestState: { verify: codec.verify },
      },
    )
    addTools(server, notify)
    addResources(server)
    addPrompts(server)
    if (era === 'modern') addRounds(server, codec)
    else addLegacy(server)
    return server
  })
}

function addLegacy(server: McpServer): void {
  addAskingTools(server)
  addReconnection(server)
  const watched = new Set<string>()
  server.server.setRequestHandler('resources/subscribe', ({ params }) => {
    watched.add(params.uri)
    return {}
  })
  server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    watched.delete(params.uri)
    return {}
  })
}
