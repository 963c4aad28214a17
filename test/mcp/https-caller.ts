/** An official client as a process of its own, which trusts the authority that its environment names: lists tools, calls some, prints what came. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { said } from './command-house.ts'

const [era, url = '', calls = '[]'] = process.argv.slice(2)
const settings = { requestInit: { headers: { authorization: `Bearer ${process.env['TOKEN'] ?? ''}` } } }

async function connect(): Promise<Pick<Client, 'listTools' | 'callTool' | 'close'>> {
  if (era === 'earlier') {
    const older = new OlderClient({ name: 'earlier', version: '1' })
    await older.connect(new OlderTransport(new URL(url), settings))
    return older as unknown as Client
  }
  const client = new Client({ name: 'today', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), settings))
  return client
}

const client = await connect()
const { tools } = await client.listTools()
const answers: string[] = []
for (const [name, given] of JSON.parse(calls) as [string, Record<string, unknown>][])
  answers.push(said(await client.callTool({ name, arguments: given })))
console.log(JSON.stringify({ tools: tools.map(({ name }) => name).toSorted(), answers }))
await client.close()
