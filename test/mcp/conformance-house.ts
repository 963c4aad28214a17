/** The fixture behind the gateway: declared whole, under a grant for all of it, and a forwarder that adds the token, as the suite cannot. */
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { JsonObject } from '../../src/kernel/json.ts'
import type { ServerAtWork } from './fixture-server.ts'
import { AgentHouse } from './replay-house.ts'

const policies = `
@id("anything-for-the-suite") @duration("30m") @maxDuration("1h")
permit (principal in Role::"assistants", action == Action::"request", resource)
when { context.task.kind == "conformance" };
`

/** Tools with arguments; all others take none. */
const takes: Readonly<Record<string, readonly string[]>> = {
  test_sampling: ['prompt'],
  test_elicitation: ['message'],
  test_prompt_with_arguments: ['arg1', 'arg2'],
  test_prompt_with_embedded_resource: ['resourceUri'],
}

const resources: readonly (readonly [string, string])[] = [
  ['static-text', 'test://static-text'],
  ['static-binary', 'test://static-binary'],
  ['watched', 'test://watched-resource'],
  ['example', 'test://example-resource'],
  ['template', 'test://template/*'],
  // Not there, and asked for: the suite wants to hear so.
  ['missing', 'test://nonexistent*'],
]

/** Names of what the fixture offers in either era. */
async function namesAt(url: string): Promise<{ readonly tools: readonly string[]; readonly prompts: readonly string[] }> {
  const tools = new Set<string>()
  const prompts = new Set<string>()
  for (const mode of ['legacy', { pin: '2026-07-28' }] as const) {
    const client = new Client({ name: 'names', version: '1.0.0' }, { versionNegotiation: { mode } })
    await client.connect(new StreamableHTTPClientTransport(new URL(url)))
    for (const { name } of (await client.listTools()).tools) tools.add(name)
    for (const { name } of (await client.listPrompts()).prompts) prompts.add(name)
    await client.close()
  }
  return { tools: [...tools], prompts: [...prompts] }
}

const given = (name: string) => (takes[name] ?? []).map((argument) => ({ name: argument, type: 'string', required: true }))

async function documentFor(url: string): Promise<JsonObject> {
  const { tools, prompts } = await namesAt(url)
  const service = {
    name: 'fixture',
    protocol: 'mcp',
    upstream: url,
    environment: 'test',
    impact: { data: 'low', service: 'low', safety: 'none' },
    tools: tools.map((name) => ({ name, effect: 'execute', arguments: given(name) })),
    resources: resources.map(([name, uri]) => ({ name, uri })),
    prompts: prompts.map((name) => ({ name, arguments: given(name) })),
  }
  const document = {
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'suite.cedar', text: policies }],
    people: [{ name: 'ana' }, { name: 'ben' }],
    roles: { assistants: ['assistant'] },
    identities: [{ name: 'assistant', kind: 'ai-agent', owner: 'ana' }],
    services: [service],
  }
  return document
}

export interface GuardedFixture {
  /** Of the forwarder. */
  readonly url: string
  close(): Promise<void>
}

export async function guard(fixture: ServerAtWork): Promise<GuardedFixture> {
  const house = await AgentHouse.open(await documentFor(fixture.url), { asksHere: true })
  const { token } = await house.grantFor('conformance', ['read|execute:fixture'])
  const forwarder = await forward(house.urlOf('fixture'), token)
  return {
    url: forwarder.url,
    close: async () => {
      await forwarder.close()
      await house.close()
    },
  }
}

/** Adds `Authorization` and nothing else: `Host` and `Origin` arrive as they were sent, streams as they come, and ends as ends. */
async function forward(to: string, token: string): Promise<GuardedFixture> {
  const server = createServer((asked, answer) => {
    const headers = { ...asked.headers, authorization: `Bearer ${token}` }
    const sent = request(to, { method: asked.method ?? 'GET', headers, setHost: false }, (said) => {
      answer.writeHead(said.statusCode ?? 502, said.headers)
      answer.flushHeaders()
      said.pipe(answer)
      said.on('error', () => answer.destroy())
    })
    sent.on('error', () => answer.destroy())
    answer.on('close', () => sent.destroy())
    asked.pipe(sent)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
