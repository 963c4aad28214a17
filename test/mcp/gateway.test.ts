/** A grant decides what an MCP client sees and does, whatever era client and server speak. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { bare, newClient, olderClient, openHouse, startOlderOps, startOps } from './gateway-house.ts'

interface Said {
  readonly isError?: boolean | undefined
  readonly content: readonly { readonly type: string; readonly text?: string }[]
}

function textOf(result: unknown): string {
  return (result as Said).content.map(({ text = '' }) => text).join('\n')
}

for (const [era, connect] of [
  ['2026-07-28', newClient],
  ['2025-11-25', olderClient],
] as const) {
  test(`${era}: a list shows what the grant allows, and calls within it pass`, async (context) => {
    const ops = await startOps(context)
    const house = await openHouse(context, { ops: ops.url })
    const { token } = await house.grantFor('errand', ['ops/look,service=web|db', 'ops/runbooks,rest=ops'])
    const client = await connect(context, house.urlOf('ops'), token)
    assert.deepEqual(
      (await client.listTools()).tools.map(({ name }) => name),
      ['look'],
    )
    assert.deepEqual((await client.listPrompts()).prompts, [])
    assert.deepEqual(
      (await client.listResources()).resources.map(({ uri }) => uri),
      ['runbook://ops'],
    )
    assert.match(textOf(await client.callTool({ name: 'look', arguments: { service: 'web' } })), /^ops look \{"service":"web"\}$/)
    const [content] = (await client.readResource({ uri: 'runbook://ops' })).contents
    assert.equal(content !== undefined && 'text' in content ? content.text : '', 'calmly')
    await assert.rejects(client.readResource({ uri: 'vault://keys' }))
    await assert.rejects(client.getPrompt({ name: 'handover' }), /grant/)
  })

  test(`${era}: a call outside the grant is a result that a model can act on, and reaches no server`, async (context) => {
    const ops = await startOps(context)
    const house = await openHouse(context, { ops: ops.url })
    const { token } = await house.grantFor('errand', ['ops/look,service=web'])
    const client = await connect(context, house.urlOf('ops'), token)
    const wrongArgument = await client.callTool({ name: 'look', arguments: { service: 'db' } })
    assert.equal(wrongArgument.isError, true)
    assert.match(textOf(wrongArgument), /^grant\.arguments:/)
    const wrongTool = await client.callTool({ name: 'restart', arguments: { service: 'web' } })
    assert.match(textOf(wrongTool), /^grant\.not-covered:[^]*Ask for: execute on ops/)
    const undeclared = await client.callTool({ name: 'wipe', arguments: {} })
    assert.match(textOf(undeclared), /^action\.unknown:/)
    const undeclaredArgument = await client.callTool({ name: 'look', arguments: { service: 'web', force: true } })
    assert.match(textOf(undeclaredArgument), /^action\.arguments:/)
    assert.deepEqual(ops.calls, [])
  })

  test(`${era}: once the grant has ended nothing passes, and nothing is shown`, async (context) => {
    const ops = await startOps(context)
    const house = await openHouse(context, { ops: ops.url })
    const { id, token } = await house.grantFor('errand', ['ops/look'])
    const client = await connect(context, house.urlOf('ops'), token)
    assert.match(textOf(await client.callTool({ name: 'look', arguments: { service: 'web' } })), /^ops look/)
    await house.complete(id)
    const after = await client.callTool({ name: 'look', arguments: { service: 'web' } })
    assert.equal(after.isError, true)
    assert.match(textOf(after), /^(?:grant|session)\.ended:/)
    await assert.rejects(client.listTools(), /grant/)
    assert.equal(ops.calls.length, 1)
  })
}

test('2025-11-25: a server of sessions, and nobody else in somebody’s session', async (context) => {
  const ops = await startOlderOps(context)
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/look'])
  const client = await olderClient(context, house.urlOf('ops'), token)
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ['look'],
  )
  assert.equal(textOf(await client.callTool({ name: 'look', arguments: { service: 'web' } })), 'saw web')
  const [session = ''] = ops.sessions
  const another = await house.grantFor('errand', ['ops/look'])
  const call = (bearer: string, id: string) =>
    fetch(house.urlOf('ops'), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
        'mcp-session-id': id,
      },
      body: '{"jsonrpc":"2.0","id":9,"method":"tools/list"}',
    })
  assert.equal((await call(token, session)).status, 200)
  assert.equal((await call(another.token, session)).status, 404)
  assert.equal((await call(token, 'made-up')).status, 404)
  const gone = await fetch(house.urlOf('ops'), {
    method: 'DELETE',
    headers: { authorization: `Bearer ${another.token}`, 'mcp-session-id': session },
  })
  assert.equal(gone.status, 404)
  assert.ok(ops.sessions.has(session))
})

test('a call that a person must approve says so at once, passes after the yes, and only once', async (context) => {
  const ops = await startOps(context)
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const client = await newClient(context, house.urlOf('ops'), token)
  const restart = () => client.callTool({ name: 'restart', arguments: { service: 'web' } })
  const held = await restart()
  assert.match(textOf(held), /^action\.held:[^]*Held as hld_[^]*A person answers at http/)
  assert.deepEqual(ops.calls, [])
  const [, hold = ''] = /Held as (hld_\w+)/.exec(textOf(held)) ?? []
  await house.approve(hold)
  assert.match(textOf(await client.callTool({ name: 'restart', arguments: { service: 'db' } })), /^action\.held/)
  assert.match(textOf(await restart()), /^ops restart/)
  assert.match(textOf(await restart()), /^action\.held/)
  assert.equal(ops.calls.length, 1)
})

test('who comes without a token, by another name or from another page, is told so by HTTP', async (context) => {
  const ops = await startOps(context)
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/look'])
  const url = house.urlOf('ops')
  const ask = (headers: Readonly<Record<string, string>>, path = url) => {
    const init = bare(token, 'tools/list', '{}')
    return fetch(path, { ...init, headers: { ...init.headers, ...headers } })
  }
  const without = await ask({ authorization: '' })
  assert.equal(without.status, 401)
  assert.match(without.headers.get('www-authenticate') ?? '', /^Bearer /)
  assert.equal((await ask({ authorization: 'Bearer nonsense' })).status, 401)
  assert.equal((await ask({ origin: 'https://evil.example' })).status, 421)
  assert.equal((await ask({}, url.replace('/mcp', '/other'))).status, 404)
  assert.equal((await ask({ 'content-type': 'text/plain' })).status, 415)
  assert.equal((await ask({ 'mcp-method': 'tools/call' })).status, 400)
  assert.equal((await fetch(url, { method: 'PUT' })).status, 405)
  const rebound = await import('node:http').then(
    ({ request }) =>
      new Promise<number>((resolve, reject) => {
        const sent = request(url, { method: 'POST', headers: { host: 'evil.example' } }, (answer) => resolve(answer.statusCode ?? 0))
        sent.on('error', reject)
        sent.end()
      }),
  )
  assert.equal(rebound, 421)
})
