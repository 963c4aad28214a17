/** Clients that each have a child of their own are each held to what their own child says of its tools, and to no other. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ownUser } from '../../src/host/child-user.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { documentOf } from './gateway-house.ts'
import { AgentHouse } from './replay-house.ts'

const command = [process.execPath, fileURLToPath(new URL('./stdio-own-words-server.ts', import.meta.url))]

async function openHouse(context: TestContext): Promise<AgentHouse> {
  const document = documentOf({ ops: 'http://127.0.0.1:9' })
  const services = (document['services'] as readonly JsonObject[]).map(({ upstream: _none, credential: _secret, ...service }) => ({
    ...service,
    command,
    user: ownUser(),
    asks: ['sampling'],
    resources: [],
    prompts: [],
  }))
  const house = await AgentHouse.open({ ...document, services: services as never }, { startsCommands: true })
  context.after(() => house.close())
  return house
}

async function asked(context: TestContext, house: AgentHouse) {
  const { token } = await house.grantFor('errand', ['ops/look'])
  const client = new Client({ name: 'asked', version: '1.0.0' }, { capabilities: { sampling: {} } })
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(house.urlOf('ops')), { requestInit: { headers } }))
  context.after(() => client.close())
  return client
}

test('children that list different things do not hold each other’s calls', async (context) => {
  const house = await openHouse(context)
  const clients = [await asked(context, house), await asked(context, house)]
  const said: string[] = []
  for (let round = 0; round < 2; round += 1)
    for (const client of clients) {
      await client.listTools()
      for (const each of clients) said.push(JSON.stringify(await each.callTool({ name: 'look', arguments: { service: 'web' } })))
    }
  assert.deepEqual(
    said.filter((each) => !each.includes('seen by')),
    [],
  )
  assert.equal(new Set(said).size, 2, 'each has a child of its own')
})
