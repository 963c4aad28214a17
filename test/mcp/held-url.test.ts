/** A held call of a client of 2025-11-25 that opens pages: the error that names the page, word once a person has answered, and the same call again. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import {
  Client as NewerClient,
  StreamableHTTPClientTransport,
  UrlElicitationRequiredError as NewerError,
} from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitationCompleteNotificationSchema, UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js'
import { TestClock } from '../world/clock.ts'
import { openHouse, startOps, startRaw } from './gateway-house.ts'
import type { AgentHouse, AgentHouseOptions } from './replay-house.ts'

const restart = { name: 'restart', arguments: { service: 'web' } }
const opens = { elicitation: { url: {} } }

interface Answered {
  readonly error?: { readonly code: number; readonly data: { readonly elicitations: readonly Record<string, string>[] } }
  readonly result?: { readonly isError?: boolean; readonly content: readonly { readonly text: string }[] }
}

async function open(context: TestContext, options: AgentHouseOptions = {}) {
  const ops = await startOps(context)
  const house = await openHouse(context, { ops: ops.url }, options)
  const { id, token } = await house.grantFor('errand', ['ops/restart', 'ops/look', 'ops/runbooks', 'ops/handover'])
  return { ops, house, id, token, url: house.urlOf('ops') }
}

/** The official client, and what its user is told. */
async function opener(context: TestContext, url: string, token: string, capabilities: object = opens) {
  const client = new Client({ name: 'opens', version: '1.0.0' }, { capabilities })
  const told: string[] = []
  const waiting: (() => void)[] = []
  client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
    told.push(params.elicitationId)
    for (const go of waiting.splice(0)) go()
  })
  const listening = Promise.withResolvers<void>()
  const watched: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    if (init?.method === 'GET') listening.resolve()
    return answer
  }
  await client.connect(new Transport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } }, fetch: watched }))
  await listening.promise
  context.after(() => client.close())
  const isTold = async () => {
    if (told.length === 0) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  return { client, told, isTold }
}

async function heldBy(asking: Promise<unknown>): Promise<UrlElicitationRequiredError> {
  const failed = await asking.then(
    () => undefined,
    (err: unknown) => err,
  )
  assert.ok(failed instanceof UrlElicitationRequiredError, String(failed))
  return failed
}

/** A session of a client that is nobody's code: what `initialize` says of it, and its calls. */
async function session(house: AgentHouse, token: string, capabilities: object, revision = '2025-11-25') {
  const post = async (id: number | undefined, method: string, params: object, more: Record<string, string> = {}) =>
    fetch(house.urlOf('ops'), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...more,
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...(id === undefined ? {} : { id }), method, params }),
    })
  const begun = await post(1, 'initialize', { protocolVersion: revision, capabilities, clientInfo: { name: 't', version: '1' } })
  const more = { 'mcp-session-id': begun.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': revision }
  await begun.text()
  await post(undefined, 'notifications/initialized', {}, more)
  const call = async (params: object): Promise<Answered> => {
    const answer = await post(7, 'tools/call', params, more)
    const text = await answer.text()
    return JSON.parse(text.startsWith('{') ? text : (/^data: (\{.*)$/m.exec(text)?.[1] ?? '')) as Answered
  }
  return { call }
}

test('the official client is told the page by the error of its revision, hears of the answer, and its call goes through once', async (context) => {
  const { ops, house, url, token } = await open(context)
  const { client, told, isTold } = await opener(context, url, token)
  const { elicitations } = await heldBy(client.callTool(restart))
  assert.deepEqual(
    elicitations.map(({ mode, elicitationId, url: page, message }) => [
      mode,
      page.endsWith(`/holds/${elicitationId}`),
      message?.startsWith('held: '),
    ]),
    [['url', true, true]],
  )
  const hold = elicitations[0]?.elicitationId ?? ''
  assert.deepEqual(told, [])
  await house.approve(hold)
  await isTold()
  assert.deepEqual(told, [hold])
  assert.match(JSON.stringify(await client.callTool(restart)), /ops restart/)
  const next = await heldBy(client.callTool(restart))
  assert.notEqual(next.elicitations[0]?.elicitationId, hold)
  assert.deepEqual(ops.calls, [['restart', { service: 'web' }]])
})

test('the official client of 2026-07-28 that speaks 2025-11-25 is told so too', async (context) => {
  const { house, url, token } = await open(context)
  const client = new NewerClient({ name: 'both', version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' }, capabilities: opens })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }))
  context.after(() => client.close())
  const failed: unknown = await client.callTool(restart).catch((err: unknown) => err)
  assert.ok(failed instanceof NewerError, String(failed))
  await house.approve(failed.elicitations[0]?.elicitationId ?? '')
  assert.match(JSON.stringify(await client.callTool(restart)), /ops restart/)
})

test('a call that is sent again waits for the person, and goes through in the same breath', async (context) => {
  const { ops, house, url, token } = await open(context)
  const { client } = await opener(context, url, token)
  const { elicitations } = await heldBy(client.callTool(restart))
  const again = client.callTool(restart)
  await house.approve(elicitations[0]?.elicitationId ?? '')
  assert.match(JSON.stringify(await again), /ops restart/)
  assert.equal(ops.calls.length, 1)
})

test('a person’s no is told to the model, and to the client that it is answered', async (context) => {
  const { ops, house, url, token } = await open(context)
  const { client, isTold } = await opener(context, url, token)
  const { elicitations } = await heldBy(client.callTool(restart))
  await house.approve(elicitations[0]?.elicitationId ?? '', 'deny')
  await isTold()
  assert.match(JSON.stringify(await client.callTool(restart)), /action\.denied-by-person/)
  assert.deepEqual(ops.calls, [])
})

test('a held call is told that way where servers are joined, too', async (context) => {
  const [ops, web] = [await startOps(context, 'ops'), await startOps(context, 'web')]
  const house = await openHouse(context, { ops: ops.url, web: web.url })
  const { token } = await house.grantFor('errand', ['ops/restart', 'web/look'])
  const client = new Client({ name: 'opens', version: '1.0.0' }, { capabilities: opens })
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new Transport(new URL(house.urlOf('all')), { requestInit: { headers } }))
  context.after(() => client.close())
  const joined = { ...restart, name: 'ops__restart' }
  const { elicitations } = await heldBy(client.callTool(joined))
  await house.approve(elicitations[0]?.elicitationId ?? '')
  assert.match(JSON.stringify(await client.callTool(joined)), /ops restart/)
})

test('only clients that said so are told that way', async (context) => {
  const { house, token } = await open(context)
  const table: readonly (readonly [string, object, string, number | undefined])[] = [
    ['opens pages', opens, '2025-11-25', -32_042],
    ['fills in forms', { elicitation: {} }, '2025-11-25', undefined],
    ['fills in forms, by name', { elicitation: { form: {} } }, '2025-11-25', undefined],
    ['says nothing', {}, '2025-11-25', undefined],
    ['a revision that had no pages', opens, '2025-06-18', undefined],
  ]
  for (const [says, capabilities, revision, code] of table) {
    const { call } = await session(house, token, capabilities, revision)
    const { error, result } = await call(restart)
    assert.equal(error?.code, code, says)
    if (code === undefined) assert.match(result?.content[0]?.text ?? '', /^action\.held:/, says)
  }
})

test('a client that goes on by itself is told six times, and then what all others are', async (context) => {
  const clock = new TestClock()
  const { ops, house, token } = await open(context, { clock })
  const { call } = await session(house, token, opens)
  const codes: (number | undefined)[] = []
  for (let round = 0; round < 7; round += 1) {
    let isOver = false
    const waiting = call(restart).finally(() => {
      isOver = true
    })
    while (!isOver) {
      await new Promise((resolve) => void setImmediate(resolve))
      clock.advance(50)
    }
    codes.push((await waiting).error?.code)
  }
  assert.deepEqual(codes, [...Array.from({ length: 6 }, () => -32_042), undefined])
  assert.deepEqual(ops.calls, [])
})

test('word of an answer comes between two events of the server, never within one', async (context) => {
  // Until it has said something an event is passed whole.
  const first = 'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"up"}}\n\n'
  const raw = await startRaw(context, ({ request, response, body }) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`${first}event: message\ndata: {"jsonrpc":"2.0",`)
      return
    }
    const { id, method } = JSON.parse(body === '' ? '{}' : body) as { id?: number; method?: string }
    const result =
      method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'r', version: '1' } } : {}
    response.writeHead(id === undefined ? 202 : 200, { 'content-type': 'application/json', 'mcp-session-id': 'of-the-server' })
    response.end(id === undefined ? undefined : JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  const house = await openHouse(context, { ops: raw.url })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const { call } = await session(house, token, opens)
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'text/event-stream',
    'mcp-session-id': 'of-the-server',
    'mcp-protocol-version': '2025-11-25',
  }
  const stream = await fetch(house.urlOf('ops'), { headers })
  const reader = stream.body?.getReader()
  const seen = { text: '' }
  const read = async (what: RegExp) => {
    while (!what.test(seen.text)) seen.text += Buffer.from((await reader?.read())?.value ?? []).toString()
  }
  await read(/\n\n.*\n.*2\.0",$/)
  const hold = (await call(restart)).error?.data.elicitations[0]?.['elicitationId'] ?? ''
  await house.approve(hold)
  // What was approved goes through, so the answer was heard of here, while the server's event is half said.
  assert.equal((await call(restart)).error, undefined)
  const get = raw.heard.find(({ request }) => request.method === 'GET')
  get?.response.write('"method":"notifications/tools/list_changed"}\n\n')
  await read(/elicitation\/complete.*\n\n/)
  assert.equal(
    seen.text,
    `${first}event: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\nevent: message\ndata: {"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"${hold}"}}\n\n`,
  )
  await reader?.cancel()
})
