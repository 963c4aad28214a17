/** MCP servers behind the gateway for its tests: official ones of both eras, and one that answers byte for byte what a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer as OlderServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { JsonObject } from '../../src/kernel/json.ts'
import { asDocument } from '../world/shop.ts'
import { serveMcp } from './fixture-server.ts'
import { AgentHouse, type AgentHouseOptions } from './replay-house.ts'

type Lifetime = Pick<TestContext, 'after'>

/** Of the service's credential, as it is configured. */
export const upstreamSecret = 'upstream-secret-0123456789'

const policies = `
@id("assistants-run-errands") @duration("30m") @maxDuration("1h")
permit (principal in Role::"assistants", action == Action::"request", resource)
when { context.task.kind == "errand" };

@id("assistants-ask-for-repairs") @approval("role:keepers") @duration("30m") @maxDuration("1h")
permit (principal in Role::"assistants", action == Action::"request", resource)
when { context.task.kind == "repair" };

@id("restarts-need-a-person") @hold("role:keepers")
forbid (principal is AiAgent, action == Action::"mcp:ops/restart", resource);

@id("short-answers") @duty("answer<=1kB")
forbid (principal is AiAgent, action == Action::"mcp:ops/brief", resource);
`

const tools = [
  { name: 'look', effect: 'read', arguments: [{ name: 'service', type: 'string', required: true }] },
  { name: 'tail', effect: 'read', arguments: [{ name: 'lines', type: 'long' }] },
  { name: 'brief', effect: 'read' },
  { name: 'restart', effect: 'execute', arguments: [{ name: 'service', type: 'string', required: true }] },
]

function service(name: string, upstream: string, more: object = {}): object {
  return {
    name,
    protocol: 'mcp',
    upstream,
    environment: 'prod',
    impact: { data: 'low', service: 'low', safety: 'none' },
    credential: { bearer: upstreamSecret },
    tools,
    resources: [{ name: 'runbooks', uri: 'runbook://*' }],
    prompts: [{ name: 'handover' }],
    ...more,
  }
}

/** `upstreams`: names of services and where their servers are; with two or more, `all` joins them. */
export function documentOf(upstreams: Readonly<Record<string, string>>): JsonObject {
  const names = Object.keys(upstreams)
  const impact = { data: 'low', service: 'low', safety: 'none' }
  const all = { name: 'all', protocol: 'mcp', joins: names, environment: 'prod', impact }
  const others = names.slice(1)
  return asDocument({
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'errands.cedar', text: policies }],
    people: [{ name: 'ana' }, { name: 'ben' }],
    roles: { assistants: ['assistant', 'other'], keepers: ['ben'], operators: ['ben'] },
    identities: [
      { name: 'assistant', kind: 'ai-agent', owner: 'ben' },
      { name: 'other', kind: 'ai-agent', owner: 'ben' },
    ],
    services: [
      ...names.map((name) => service(name, upstreams[name] ?? '', others.includes(name) ? { resources: [] } : {})),
      ...(names.length > 1 ? [all] : []),
    ],
  })
}

export async function openHouse(
  test: Lifetime,
  upstreams: Readonly<Record<string, string>>,
  options: AgentHouseOptions = {},
): Promise<AgentHouse> {
  const house = await AgentHouse.open(documentOf(upstreams), options)
  test.after(() => house.close())
  return house
}

/** What its tools were called with. */
export interface OpsServer {
  readonly url: string
  readonly calls: (readonly [tool: string, given: unknown])[]
}

/** Of @modelcontextprotocol/server: it speaks 2026-07-28, and the revisions before it. */
export async function startOps(test: Lifetime, name = 'ops'): Promise<OpsServer> {
  const calls: OpsServer['calls'] = []
  const served = await serveMcp(() => {
    const server = new McpServer({ name, version: '1.0.0' }, { instructions: `Be careful with ${name}.` })
    const answer = (tool: string) => (given: unknown) => {
      calls.push([tool, given])
      return { content: [{ type: 'text' as const, text: `${name} ${tool} ${JSON.stringify(given)}` }] }
    }
    server.registerTool('look', { description: 'Looks.', inputSchema: z.object({ service: z.string() }) }, answer('look'))
    server.registerTool('restart', { description: 'Restarts.', inputSchema: z.object({ service: z.string() }) }, answer('restart'))
    server.registerTool('wipe', { description: 'Is not declared.', inputSchema: z.object({}) }, answer('wipe'))
    server.registerResource('first', `runbook://${name}`, { title: 'How' }, (uri) => ({ contents: [{ uri: uri.href, text: 'calmly' }] }))
    server.registerResource('secret', 'vault://keys', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'no' }] }))
    server.registerPrompt('handover', {}, () => ({ messages: [{ role: 'user', content: { type: 'text', text: 'hand over' } }] }))
    server.registerPrompt('hidden', {}, () => ({ messages: [] }))
    return server
  })
  test.after(() => served.close())
  return { url: served.url, calls }
}

/** Of @modelcontextprotocol/sdk, in sessions: as servers of 2025-11-25 are. */
export async function startOlderOps(test: Lifetime): Promise<OpsServer & { readonly sessions: Set<string> }> {
  const calls: OpsServer['calls'] = []
  const transports = new Map<string, StreamableHTTPServerTransport>()
  const url = await listen(test, (request, response) => {
    const id = request.headers['mcp-session-id']
    const known = typeof id === 'string' ? transports.get(id) : undefined
    if (known !== undefined) return void known.handleRequest(request, response)
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (session) => void transports.set(session, transport),
      onsessionclosed: (session) => void transports.delete(session),
    })
    const server = new OlderServer({ name: 'older', version: '1.0.0' })
    server.registerTool('look', { description: 'Looks.', inputSchema: { service: z.string() } }, (given) => {
      calls.push(['look', given])
      return { content: [{ type: 'text', text: `saw ${given.service}` }] }
    })
    server.registerTool('wipe', { description: 'Is not declared.' }, () => ({ content: [] }))
    return void server.connect(transport as never).then(() => transport.handleRequest(request, response))
  })
  return {
    url,
    calls,
    get sessions() {
      return new Set(transports.keys())
    },
  }
}

/** One request as a server of a test's own hears it. */
export interface Heard {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: string
  isClosed: boolean
}

/** The gateway's own question what the tools are: `startRaw` answers it with those that are declared, before the test hears of anything. */
function isOfGateway({ body }: Heard): boolean {
  return body.includes('"id":"remit-tools-')
}

function sayTools({ response, body }: Heard): void {
  const { id } = JSON.parse(body) as { readonly id: string }
  const listed = tools.map(({ name }) => ({ name, description: `Is ${name}.`, inputSchema: { type: 'object' } }))
  const result = { resultType: 'complete', tools: listed, ttlMs: 0, cacheScope: 'private' }
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

/** A server that does what the test says; what its tools are it says by itself. */
export async function startRaw(test: Lifetime, answer: (heard: Heard) => void): Promise<{ readonly url: string; readonly heard: Heard[] }> {
  const heard: Heard[] = []
  const url = await listen(test, (request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('error', () => {})
    request.on('end', () => {
      const each: Heard = { request, response, body: Buffer.concat(pieces).toString(), isClosed: false }
      response.on('close', () => {
        each.isClosed = true
      })
      if (isOfGateway(each)) {
        sayTools(each)
        return
      }
      heard.push(each)
      answer(each)
    })
  })
  return { url, heard }
}

export async function listen(test: Lifetime, take: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(take)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  test.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

/** The official client of 2026-07-28. */
export async function newClient(test: Lifetime, url: string, token: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  test.after(() => client.close())
  return client
}

/** The official client of 2025-11-25. */
export async function olderClient(test: Lifetime, url: string, token: string): Promise<OlderClient> {
  const client = new OlderClient({ name: 'test', version: '1.0.0' })
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new OlderTransport(new URL(url), { requestInit: { headers } }))
  test.after(() => client.close())
  return client
}

export interface Bare {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: string
}

let count = 0

/** A request of 2026-07-28 as bytes, for `fetch`. `params` is JSON, without `_meta`. */
export function bare(token: string, method: string, params: string, name?: string): Bare {
  count += 1
  const meta =
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}'
  const inside = params.slice(1, -1)
  return {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(name === undefined ? {} : { 'mcp-name': name }),
    },
    body: `{"jsonrpc":"2.0","id":${count},"method":"${method}","params":{${inside === '' ? '' : `${inside},`}${meta}}}`,
  }
}
