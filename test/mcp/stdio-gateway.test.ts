/** Servers that the gateway starts, called through it: by clients over HTTP, and by clients that start `remit mcp` in a server's place. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Client as EarlierClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as EarlierStdio } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as EarlierHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { type McpGateway, startMcpGateway } from '../../src/gateways/mcp/gateway.ts'
import { ownUser } from '../../src/host/child-user.ts'
import { commandServers } from '../../src/main/command-servers.ts'
import { Remit } from '../../src/sdk/remit.ts'
import { type ApiHouse, openApiHouse } from '../api/api-house.ts'
import { asDocument } from '../world/shop.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const entry = path('../cli/entry.ts')
const commands: Readonly<Record<string, readonly string[]>> = {
  today: [process.execPath, path('./stdio-sdk-server.ts')],
  earlier: [process.execPath, path('./stdio-sdk-server.ts'), 'legacy'],
  odd: [process.execPath, path('./stdio-odd-server.ts')],
}
const text = [{ name: 'text', type: 'string' }]
const greet = { name: 'greet', effect: 'execute', trust: 'trusted' }
const tools: Readonly<Record<string, readonly object[]>> = {
  today: [{ name: 'shout', effect: 'execute', arguments: text, trust: 'trusted' }, greet],
  earlier: [{ name: 'shout', effect: 'execute', arguments: text, trust: 'trusted' }, greet],
  odd: ['echo', 'never', 'cancelled', 'die', 'environment', 'twice'].map((name) => ({
    name,
    effect: 'execute',
    arguments: text,
    trust: 'trusted',
  })),
}

const policies = `
@id("assistants-run-errands") @duration("30m") @maxDuration("1h")
permit (principal in Role::"assistants", action == Action::"request", resource)
when { context.task.kind == "errand" };
`

let house: ApiHouse
let gateway: McpGateway
let secret: string

before(async () => {
  process.env['ODD_TOKEN'] = 'tok-4711-secret'
  const services = Object.entries(commands).map(([name, command]) => ({
    name,
    protocol: 'mcp',
    command,
    user: ownUser(),
    ...(name === 'odd' ? { variables: ['ODD_TOKEN'] } : {}),
    ...(name === 'earlier' ? { asks: ['elicitation'] } : {}),
    environment: 'prod',
    impact: { data: 'low', service: 'low', safety: 'none' },
    tools: tools[name],
  }))
  const document = asDocument({
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'errands.cedar', text: policies }],
    people: [{ name: 'ana' }, { name: 'ben' }],
    roles: { assistants: ['assistant'] },
    identities: [{ name: 'assistant', kind: 'ai-agent', owner: 'ben' }],
    services,
  })
  house = await openApiHouse({ document, serviceUrl: (service) => gateway.urls()[service] })
  await house.register('ana')
  await house.register('ben')
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const { clock, chance } = house.house.desk
  const openCommand = commandServers({ clock, chance, log })
  gateway = await startMcpGateway({ control: house.gateway, clock, chance, log, openCommand, listen: { host: '127.0.0.1' } })
  secret = await house.secret('assistant')
})
after(async () => {
  await gateway.close()
  await house.close()
})

async function tokenFor(service: string, scope: string): Promise<{ readonly url: URL; readonly headers: Record<string, string> }> {
  const remit = new Remit({ url: house.origin, credential: { secret } })
  const asked = await remit.requestGrant({ task: 'errand', statement: 'an errand', scope: [scope] })
  await remit.activate(asked.id)
  const { access_token: token } = await remit.sessionToken(asked.id)
  return { url: new URL(gateway.urls()[service] ?? ''), headers: { authorization: `Bearer ${token}` } }
}

type AnyClient = Pick<Client, 'callTool' | 'listTools' | 'close'>

async function stateless(service: string, scope: string): Promise<AnyClient> {
  const { url, headers } = await tokenFor(service, scope)
  const client = new Client({ name: 'today', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
  return client
}

async function opening(service: string, scope: string): Promise<AnyClient> {
  const { url, headers } = await tokenFor(service, scope)
  const client = new EarlierClient({ name: 'earlier', version: '1' })
  await client.connect(new EarlierHttp(url, { requestInit: { headers } }))
  return client as unknown as AnyClient
}

function said(result: unknown): string {
  return (result as { readonly content: readonly { readonly text?: string }[] }).content.map(({ text: each = '' }) => each).join('\n')
}

describe('a server that the gateway starts, through the gateway', () => {
  for (const [era, connect] of [
    ['2026-07-28', stateless],
    ['2025-11-25', opening],
  ] as const)
    for (const service of ['today', 'earlier'])
      it(`serves a client of ${era} with the official server "${service}"`, async () => {
        const client = await connect(service, `${service}/shout,text=hi|ho`)
        assert.deepEqual(
          (await client.listTools()).tools.map(({ name }) => name),
          ['shout'],
        )
        assert.equal(said(await client.callTool({ name: 'shout', arguments: { text: 'hi' } })), 'HI')
        assert.match(said(await client.callTool({ name: 'shout', arguments: { text: 'no' } })), /^grant\.arguments/)
        await client.close()
      })

  it('tells its refusals and outcomes like those of any other', async () => {
    const client = await opening('odd', 'execute:odd')
    assert.match(said(await client.callTool({ name: 'die', arguments: {} })), /^upstream\.unreachable/)
    assert.match(said(await client.callTool({ name: 'twice', arguments: {} })), /^upstream\.malformed/)
    assert.equal(said(await client.callTool({ name: 'echo', arguments: { text: 'well again' } })), 'well again')
    assert.match(said(await client.callTool({ name: 'environment', arguments: {} })), /"ODD_TOKEN"/)
    await client.close()
  })

  it('is told when its client leaves', async () => {
    const client = await opening('odd', 'execute:odd')
    const leaving = await opening('odd', 'execute:odd')
    const waiting = (leaving as unknown as Client).callTool({ name: 'never', arguments: {} }, undefined as never).catch(() => undefined)
    await client.callTool({ name: 'echo', arguments: { text: 'x' } })
    await leaving.close()
    await waiting
    while (said(await client.callTool({ name: 'cancelled', arguments: {} })) === '[]') await new Promise((then) => setTimeout(then, 20))
    await client.close()
  })
})

describe('a server that asks in the middle of a call', () => {
  const capabilities = { elicitation: { form: {} } }
  const ana = () => ({ action: 'accept' as const, content: { name: 'ana' } })

  it('of 2026-07-28, asks by its result, and hears the answer with the next call', async () => {
    const { url, headers } = await tokenFor('today', 'today/greet')
    const client = new Client({ name: 'today', version: '1' }, { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } })
    client.setRequestHandler('elicitation/create', ana)
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
    assert.equal(said(await client.callTool({ name: 'greet', arguments: {} })), 'Hello, ana!')
    await client.close()
  })

  for (const way of ['over HTTP', 'that started remit mcp'])
    it(`of the revisions before, asks the client ${way}`, async () => {
      const client = new EarlierClient({ name: 'earlier', version: '1' }, { capabilities })
      client.setRequestHandler(ElicitRequestSchema, ana)
      const { url, headers } = await tokenFor('earlier', 'earlier/greet')
      const env = { PATH: process.env['PATH'] ?? '', REMIT_URL: house.origin, REMIT_SECRET: secret }
      const args = [entry, 'mcp', '--service', 'earlier', '--task', 'errand', '--for', 'an errand', '--can', 'earlier/greet']
      const transport =
        way === 'over HTTP'
          ? new EarlierHttp(url, { requestInit: { headers } })
          : new EarlierStdio({ command: process.execPath, args, env })
      await client.connect(transport)
      assert.equal(said(await client.callTool({ name: 'greet', arguments: {} })), 'Hello, ana!')
      await client.close()
    })
})

describe('remit mcp, from a client to a server that the gateway starts', () => {
  const env = () => ({ PATH: process.env['PATH'] ?? '', REMIT_URL: house.origin, REMIT_SECRET: secret })
  const task = ['--task', 'errand', '--for', 'an errand']

  it('with a task of its own, by the service', async () => {
    const client = new Client({ name: 'today', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
    const args = [entry, 'mcp', '--service', 'today', ...task]
    await client.connect(new StdioClientTransport({ command: process.execPath, args, env: env() }))
    assert.equal(said(await client.callTool({ name: 'shout', arguments: { text: 'hi' } })), 'HI')
    await client.close()
    const grants = await new Remit({ url: house.origin, credential: { secret } }).grants({ state: 'ended' })
    assert.equal(grants.grants[0]?.ending?.how, 'completed')
  })

  it('with a task of its own, by the command', async () => {
    const client = new EarlierClient({ name: 'earlier', version: '1' })
    const args = [entry, 'mcp', ...task, '--can', 'earlier/shout,text=hi', '--', ...(commands['earlier'] ?? [])]
    await client.connect(new EarlierStdio({ command: process.execPath, args, env: env() }))
    assert.equal(said(await client.callTool({ name: 'shout', arguments: { text: 'hi' } })), 'HI')
    assert.match(said(await client.callTool({ name: 'shout', arguments: { text: 'no' } })), /^grant\.arguments/)
    await client.close()
  })
})
