/** MCP servers that are down: callers hear so at once, operators see it, and the first call after they are back passes. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ownUser } from '../../src/host/child-user.ts'
import { asDocument } from '../world/shop.ts'
import { bare } from './gateway-house.ts'
import { AgentHouse } from './replay-house.ts'

const policies = `
@id("assistants-run-errands") @duration("30m") @maxDuration("1h")
permit (principal in Role::"assistants", action == Action::"request", resource)
when { context.task.kind == "errand" };
`
const resources = [{ name: 'notes', uri: 'note://*', trust: 'trusted' }]

function documentOf(port: number) {
  const common = { protocol: 'mcp', environment: 'prod', impact: { data: 'low', service: 'low', safety: 'none' }, resources }
  return asDocument({
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'errands.cedar', text: policies }],
    people: [{ name: 'ana' }, { name: 'ben' }],
    roles: { assistants: ['assistant'] },
    identities: [{ name: 'assistant', kind: 'ai-agent', owner: 'ben' }],
    services: [
      { name: 'far', upstream: `http://127.0.0.1:${port}/mcp`, ...common },
      { name: 'broken', command: [process.execPath, '-e', 'process.exit(4)'], user: ownUser(), ...common },
    ],
  })
}

test('a server that is down is not waited for, and is tried again', async (context) => {
  const answer = '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","contents":[]}}'
  const far = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
  })
  const listen = (port: number) => new Promise<void>((then) => far.listen(port, '127.0.0.1', then))
  await listen(0)
  const { port } = far.address() as AddressInfo
  await new Promise((then) => far.close(then))
  const house = await AgentHouse.open(documentOf(port), { startsCommands: true })
  context.after(async () => {
    await house.close()
    far.closeAllConnections()
    far.close()
  })
  const { token } = await house.grantFor('errand', ['read:far', 'read:broken'])
  const read = async (service: string) => {
    const asked = bare(token, 'resources/read', '{"uri":"note://a"}', 'note://a')
    const got = (await (await fetch(house.urlOf(service), asked)).json()) as { error?: { data?: { 'remit/refusal': { type: string } } } }
    return got.error?.data?.['remit/refusal'].type.replace('urn:remit:refusal:', '') ?? 'read'
  }
  for (const [service, error] of [
    ['far', /it refuses connections/],
    ['broken', /it exited with 4/],
  ] as const) {
    const heard: string[] = []
    while (heard.at(-1) !== 'upstream.resting' && heard.length < 20) heard.push(await read(service))
    assert.equal(heard.at(-1), 'upstream.resting', heard.join(' '))
    assert.deepEqual(new Set(heard.slice(0, -1)), new Set(['upstream.unreachable']))
    const health = house.gateway.health(service)
    assert.equal(health?.state, 'resting')
    assert.match(health.error ?? '', error)
    assert.ok((health.triedAgainAt ?? 0) > 0)
  }
  await listen(port)
  let last = ''
  while (last !== 'read') {
    last = await read('far')
    if (last !== 'read') await new Promise((then) => setTimeout(then, 50))
  }
  assert.equal(house.gateway.health('far')?.state, 'reachable')
})
