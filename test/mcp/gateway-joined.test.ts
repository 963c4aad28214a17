/** Several servers under one roof: one list, names that say whose they are, and each call at the server that has it. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { newClient, olderClient, openHouse, startOlderOps, startOps, startRaw } from './gateway-house.ts'

interface Said {
  readonly content: readonly { readonly text?: string }[]
}

function textOf(result: unknown): string {
  return (result as Said).content.map(({ text = '' }) => text).join('\n')
}

for (const [era, connect] of [
  ['2026-07-28', newClient],
  ['2025-11-25', olderClient],
] as const) {
  test(`${era}: joined servers are one to their client`, async (context) => {
    const ops = await startOps(context, 'ops')
    const web = await startOps(context, 'web')
    const house = await openHouse(context, { ops: ops.url, web: web.url })
    const { token } = await house.grantFor('errand', ['ops/look', 'ops/runbooks', 'web/look', 'web/handover'])
    const client = await connect(context, house.urlOf('all'), token)
    assert.deepEqual(
      (await client.listTools()).tools.map(({ name }) => name),
      ['ops__look', 'web__look'],
    )
    assert.deepEqual(
      (await client.listPrompts()).prompts.map(({ name }) => name),
      ['web__handover'],
    )
    assert.deepEqual(
      (await client.listResources()).resources.map(({ uri }) => uri),
      ['runbook://ops'],
    )
    assert.equal(client.getInstructions(), 'ops: Be careful with ops.\n\nweb: Be careful with web.')
    assert.deepEqual(Object.keys(client.getServerCapabilities() ?? {}).toSorted(), [
      ...(era === '2026-07-28' ? ['extensions'] : []),
      'prompts',
      'resources',
      'tools',
    ])
    assert.equal(textOf(await client.callTool({ name: 'web__look', arguments: { service: 'a' } })), 'web look {"service":"a"}')
    assert.equal(textOf(await client.callTool({ name: 'ops__look', arguments: { service: 'b' } })), 'ops look {"service":"b"}')
    assert.equal((await client.getPrompt({ name: 'web__handover' })).messages.length, 1)
    assert.equal((await client.readResource({ uri: 'runbook://ops' })).contents.length, 1)
    assert.match(textOf(await client.callTool({ name: 'look', arguments: { service: 'a' } })), /^action\.unknown/)
    assert.match(textOf(await client.callTool({ name: 'web__restart', arguments: { service: 'a' } })), /^grant\.not-covered/)
    assert.deepEqual([ops.calls.length, web.calls.length], [1, 1])
  })
}

test('2025-11-25: each server has a session of its own behind the one, and all end together', async (context) => {
  const ops = await startOlderOps(context)
  const web = await startOlderOps(context)
  const house = await openHouse(context, { ops: ops.url, web: web.url })
  const { token } = await house.grantFor('errand', ['ops/look', 'web/look'])
  const client = await olderClient(context, house.urlOf('all'), token)
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ['ops__look', 'web__look'],
  )
  assert.equal(textOf(await client.callTool({ name: 'web__look', arguments: { service: 'a' } })), 'saw a')
  assert.deepEqual([ops.sessions.size, web.sessions.size], [1, 1])
  const { transport } = client
  assert.ok(transport !== undefined && 'terminateSession' in transport && typeof transport.terminateSession === 'function')
  assert.ok(!ops.sessions.has(transport.sessionId ?? ''), 'the client has another id than the servers')
  await transport.terminateSession()
  assert.deepEqual([ops.sessions.size, web.sessions.size], [0, 0])
})

test('a server that is gone, or speaks another era, takes nothing from the others', async (context) => {
  const ops = await startOps(context, 'ops')
  const broken = await startRaw(context, ({ response }) => response.writeHead(500).end())
  const house = await openHouse(context, { ops: ops.url, broken: broken.url, gone: 'http://127.0.0.1:1/mcp' })
  const { token } = await house.grantFor('errand', ['ops/look', 'broken/look', 'gone/look'])
  for (const connect of [newClient, olderClient]) {
    const client = await connect(context, house.urlOf('all'), token)
    assert.deepEqual(
      (await client.listTools()).tools.map(({ name }) => name),
      ['ops__look'],
    )
    assert.match(textOf(await client.callTool({ name: 'ops__look', arguments: { service: 'b' } })), /^ops look/)
  }
})

for (const spoken of ['2025-11-25\r\nx-role: root', '0000-00-00', 7])
  test(`a server that speaks ${JSON.stringify(spoken)} takes nothing from the others`, async (context) => {
    const ops = await startOlderOps(context)
    const odd = await startRaw(context, ({ response, body }) => {
      const { id = 0 } = JSON.parse(body === '' ? '{}' : body) as { id?: number }
      const result = { protocolVersion: spoken, capabilities: { tools: {} }, serverInfo: { name: 'odd', version: '1' } }
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    })
    const house = await openHouse(context, { ops: ops.url, odd: odd.url })
    const { token } = await house.grantFor('errand', ['ops/look', 'odd/look'])
    const client = await olderClient(context, house.urlOf('all'), token)
    assert.equal(textOf(await client.callTool({ name: 'ops__look', arguments: { service: 'b' } })), 'saw b')
  })

test('every page of every server is asked for, and they are one list', async (context) => {
  const pages: Readonly<Record<string, string>> = { undefined: '"nextCursor":"b",', b: '"nextCursor":"c",', c: '' }
  const names: Readonly<Record<string, string>> = { undefined: 'wipe', b: 'look', c: 'restart' }
  const start = () =>
    startRaw(context, ({ response, body }) => {
      const { id, method, params } = JSON.parse(body) as { id: unknown; method: string; params: { cursor?: string } }
      const at = String(params.cursor)
      const result =
        method === 'tools/list'
          ? `${pages[at]}"ttlMs":5,"cacheScope":"public","tools":[{"name":"${names[at]}","inputSchema":{"type":"object"}}]`
          : '"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"ttlMs":0,"cacheScope":"public"'
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"resultType":"complete",${result}}}`)
    })
  const [ops, web] = [await start(), await start()]
  const house = await openHouse(context, { ops: ops.url, web: web.url })
  const { token } = await house.grantFor('errand', ['ops/look', 'ops/restart', 'web/restart'])
  const client = await newClient(context, house.urlOf('all'), token)
  const { tools, ttlMs, cacheScope } = (await client.listTools()) as { tools: { name: string }[]; ttlMs?: number; cacheScope?: string }
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['ops__look', 'ops__restart', 'web__restart'],
  )
  assert.deepEqual([ttlMs, cacheScope], [5, 'private'])
  assert.deepEqual(client.getServerCapabilities(), { tools: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } })
})
