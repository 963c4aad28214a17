/** A whole Remit before MCP's reference servers, which its gateway starts, and official clients of both eras for them. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ownUser } from '../../src/host/child-user.ts'
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { asDocument } from '../world/shop.ts'
import { AgentHouse } from './replay-house.ts'

type Lifetime = Pick<TestContext, 'after'>

const policies = `
@id("assistants-run-errands") @duration("30m") @maxDuration("1h")
permit (principal in Role::"assistants", action == Action::"request", resource)
when { context.task.kind == "errand" };
`

const packaged = (name: string) => fileURLToPath(new URL(`../../node_modules/@modelcontextprotocol/${name}/dist/index.js`, import.meta.url))

/** Of a house that trusts its own servers: whoever has read something else would need a person for the next grant. */
const trust = 'trusted'

/** What a tool takes: names and types. */
function tool(name: string, effect: string, takes: Readonly<Record<string, string>> = {}): object {
  return { name, effect, trust, arguments: Object.entries(takes).map(([argument, type]) => ({ name: argument, type })) }
}

const tools = {
  everything: [
    tool('echo', 'read', { message: 'string' }),
    tool('get-sum', 'read', { a: 'long', b: 'long' }),
    tool('get-env', 'read'),
    tool('get-tiny-image', 'read'),
    tool('get-structured-content', 'read', { location: 'string' }),
    tool('trigger-long-running-operation', 'execute', { duration: 'long', steps: 'long' }),
    tool('toggle-simulated-logging', 'execute'),
    tool('trigger-sampling-request', 'execute', { prompt: 'string', maxTokens: 'long' }),
    tool('trigger-elicitation-request', 'execute'),
    tool('get-roots-list', 'read'),
  ],
  files: [
    tool('read_text_file', 'read', { path: 'string', head: 'long' }),
    tool('write_file', 'write', { path: 'string', content: 'string' }),
    tool('edit_file', 'write', { path: 'string', edits: 'json', dryRun: 'boolean' }),
    tool('list_directory', 'read', { path: 'string' }),
    tool('read_multiple_files', 'read', { paths: 'strings' }),
    tool('list_allowed_directories', 'read'),
  ],
  memory: [
    tool('create_entities', 'write', { entities: 'json' }),
    tool('create_relations', 'write', { relations: 'json' }),
    tool('search_nodes', 'read', { query: 'string' }),
    tool('read_graph', 'read'),
    tool('delete_entities', 'delete', { entityNames: 'strings' }),
  ],
}

export interface CommandHouse {
  readonly house: AgentHouse
  /** What the file server serves; the memory lies beside it. */
  readonly folder: string
}

/** `more`: what a service says besides, by its name. `rules`: policies besides. */
export async function openCommandHouse(test: Lifetime, more: Readonly<Record<string, object>> = {}, rules = ''): Promise<CommandHouse> {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'remit-real-servers-')))
  const folder = join(place, 'served')
  mkdirSync(folder)
  writeFileSync(join(place, 'secret.txt'), 'not served')
  writeFileSync(join(folder, 'note.txt'), 'first line\nsecond line\n')
  process.env['MEMORY_FILE_PATH'] = join(place, 'memory.jsonl')
  const service = (name: keyof typeof tools, command: readonly string[]) => ({
    name,
    protocol: 'mcp',
    command: [process.execPath, ...command],
    user: ownUser(),
    environment: 'prod',
    impact: { data: 'low', service: 'low', safety: 'none' },
    tools: tools[name],
    ...more[name],
  })
  const document = asDocument({
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'errands.cedar', text: `${policies}${rules}` }],
    people: [{ name: 'ana' }, { name: 'ben' }],
    roles: { assistants: ['assistant', 'other'] },
    identities: [
      { name: 'assistant', kind: 'ai-agent', owner: 'ben' },
      { name: 'other', kind: 'ai-agent', owner: 'ben' },
    ],
    services: [
      {
        ...service('everything', [packaged('server-everything'), 'stdio']),
        resources: [
          { name: 'texts', uri: 'demo://resource/dynamic/text/*', trust },
          { name: 'blobs', uri: 'demo://resource/dynamic/blob/*', trust },
        ],
        prompts: [
          { name: 'simple-prompt', trust },
          {
            name: 'args-prompt',
            trust,
            arguments: [
              { name: 'city', type: 'string' },
              { name: 'state', type: 'string' },
            ],
          },
        ],
      },
      service('files', [packaged('server-filesystem'), folder]),
      { ...service('memory', [packaged('server-memory')]), variables: ['MEMORY_FILE_PATH'] },
    ],
  })
  const house = await AgentHouse.open(document, { startsCommands: true })
  test.after(async () => {
    await house.close()
    rmSync(place, { recursive: true, force: true })
  })
  return { house, folder }
}

/** What the clients of both eras have in common, as these tests use it. */
export type AnyClient = Pick<
  Client,
  'callTool' | 'listTools' | 'listPrompts' | 'getPrompt' | 'listResources' | 'listResourceTemplates' | 'readResource' | 'ping' | 'close'
>

/** What the client answers servers that ask it. */
export interface Offers {
  readonly model?: (prompt: string) => string
  readonly person?: (message: string) => object
  readonly roots?: readonly { readonly uri: string; readonly name: string }[]
}

export type Connect = (test: Lifetime, url: string, token: string, offers?: Offers) => Promise<AnyClient>

function capabilitiesOf({ model, person, roots }: Offers): object {
  return {
    ...(model === undefined ? {} : { sampling: {} }),
    ...(person === undefined ? {} : { elicitation: { form: {} } }),
    ...(roots === undefined ? {} : { roots: { listChanged: true } }),
  }
}

interface Sampling {
  readonly params: { readonly messages: readonly { readonly content: unknown }[] }
}

function answers({ model, person, roots = [] }: Offers) {
  return {
    sample: ({ params }: Sampling) => {
      const prompt = (params.messages[0]?.content as { text?: string } | undefined)?.text ?? ''
      return { model: 'of-the-test', role: 'assistant' as const, content: { type: 'text' as const, text: model?.(prompt) ?? '' } }
    },
    elicit: ({ params }: { readonly params: { readonly message: string } }) => ({
      action: 'accept' as const,
      content: { ...person?.(params.message) } as Record<string, string>,
    }),
    listRoots: () => ({ roots: [...roots] }),
  }
}

export const clients: Readonly<Record<string, Connect>> = {
  /** It asks which revision a server speaks, and these speak the one before its own. */
  today: async (test, url, token, offers = {}) => {
    const capabilities = capabilitiesOf(offers)
    const client = new Client({ name: 'today', version: '1' }, { capabilities, versionNegotiation: { mode: 'auto' } })
    const { sample, elicit, listRoots } = answers(offers)
    if (offers.model !== undefined) client.setRequestHandler('sampling/createMessage', (asked) => sample(asked as Sampling))
    if (offers.person !== undefined) client.setRequestHandler('elicitation/create', elicit)
    if (offers.roots !== undefined) client.setRequestHandler('roots/list', listRoots)
    await client.connect(
      new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
    )
    test.after(() => client.close())
    return client
  },
  earlier: async (test, url, token, offers = {}) => {
    const client = new OlderClient({ name: 'earlier', version: '1' }, { capabilities: capabilitiesOf(offers) })
    const { sample, elicit, listRoots } = answers(offers)
    if (offers.model !== undefined) client.setRequestHandler(CreateMessageRequestSchema, (asked) => sample(asked as Sampling))
    if (offers.person !== undefined) client.setRequestHandler(ElicitRequestSchema, elicit)
    if (offers.roots !== undefined) client.setRequestHandler(ListRootsRequestSchema, listRoots)
    await client.connect(new OlderTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }))
    test.after(() => client.close())
    return client as unknown as AnyClient
  },
}

/** The texts of a result. */
export function said(result: unknown): string {
  return (result as { readonly content: readonly { readonly text?: string }[] }).content.map(({ text = '' }) => text).join('\n')
}
