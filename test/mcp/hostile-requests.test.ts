/** Requests that two readers could read differently, or that never end, at the port of an MCP service: refused, recorded, and none of it reaches the server. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { HostileClient } from '../hostile/hostile-client.ts'
import { until } from '../wire/manual-clock.ts'
import { TestClock } from '../world/clock.ts'
import { type Heard, openHouse, startRaw } from './gateway-house.ts'
import type { AgentHouseOptions } from './replay-house.ts'

const message = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"service":"web"}}}'
const answer = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'

async function open(context: TestContext, options: AgentHouseOptions = {}, says?: (heard: Heard) => void) {
  const ops = await startRaw(
    context,
    says ?? (({ response }) => response.writeHead(200, { 'content-type': 'application/json' }).end(answer)),
  )
  const house = await openHouse(context, { ops: ops.url }, options)
  const { token } = await house.grantFor('errand', ['ops/look'])
  const port = Number(new URL(house.urlOf('ops')).port)
  const connect = async (...methods: string[]) => {
    const client = await HostileClient.open(port, methods)
    context.after(() => client.destroy())
    return client
  }
  return { ops, token, connect }
}

interface Parts {
  readonly line?: string
  readonly headers?: readonly string[]
  readonly body?: string
}

/** As `bytesOf` a whole call, but for what is said here. */
function bytesOf(token: string, { line = 'POST /mcp HTTP/1.1', headers = [], body = message }: Parts): Buffer {
  const usual = ['Host: 127.0.0.1', `Authorization: Bearer ${token}`, 'Content-Type: application/json', 'MCP-Protocol-Version: 2025-06-18']
  const isFramed = headers.some((each) => /^(?:content-length|transfer-encoding)/i.test(each))
  const all = [...usual, ...headers, ...(isFramed ? [] : [`Content-Length: ${Buffer.byteLength(body)}`])]
  return Buffer.from(`${line}\r\n${all.join('\r\n')}\r\n\r\n${body}`, 'latin1')
}

const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
const length = message.length

const refusals: readonly (readonly [says: string, parts: Parts, status: number])[] = [
  ['two lengths', { headers: [`Content-Length: ${length}`, `Content-Length: ${length}`] }, 400],
  ['a length and a coding', { headers: [`Content-Length: ${length}`, 'Transfer-Encoding: chunked'], body: chunked(message) }, 400],
  ['a coding in capitals', { headers: ['Transfer-Encoding: Chunked'], body: chunked(message) }, 422],
  ['a coding that nobody knows', { headers: ['Transfer-Encoding: gzip, chunked'], body: chunked(message) }, 422],
  ['a length with a sign', { headers: [`Content-Length: +${length}`] }, 400],
  ['white space before a colon', { headers: ['X-More : 1'] }, 400],
  ['a header that goes on in the next line', { headers: ['X-More: 1\r\n  2'] }, 400],
  ['a line feed alone', { headers: ['X-More: 1\nX-Other: 2'] }, 400],
  ['a header without a name', { headers: [': 1'] }, 400],
  ['HTTP/1.0', { line: 'POST /mcp HTTP/1.0' }, 400],
  ['a method that nobody knows', { line: 'PSOT /mcp HTTP/1.1' }, 400],
  ['CONNECT', { line: 'CONNECT /mcp HTTP/1.1' }, 422],
  ['a head that is too large', { headers: [`X-More: ${'y'.repeat(20_000)}`] }, 413],
  ['two hosts', { headers: ['Host: 127.0.0.1'] }, 400],
  ['two credentials', { headers: ['Authorization: Bearer other'] }, 400],
  ['two origins', { headers: ['Origin: http://127.0.0.1', 'Origin: http://127.0.0.1'] }, 400],
  ['two media types', { headers: ['Content-Type: application/json'] }, 400],
  ['an encoded body', { headers: ['Content-Encoding: gzip'] }, 415],
  ['a body that is said to be too long', { headers: ['Content-Length: 4194305'], body: '{' }, 413],
  ['a chunk without its size', { headers: ['Transfer-Encoding: chunked'], body: `\r\n${message}\r\n0\r\n\r\n` }, 400],
  ['another path', { line: 'POST /mcp/ HTTP/1.1' }, 404],
  ['a path in another spelling', { line: 'POST /%6dcp HTTP/1.1' }, 404],
  ['a query', { line: 'POST /mcp?a HTTP/1.1' }, 404],
  ['a whole URL', { line: 'POST http://127.0.0.1/mcp HTTP/1.1' }, 404],
  ['another name of a host', { line: 'POST /mcp HTTP/1.1', headers: ['Origin: http://evil.example'] }, 421],
]

test('what has two readings, or none, is refused with its reason, and its server hears nothing', async (context) => {
  const { ops, token, connect } = await open(context)
  for (const [says, parts, status] of refusals) {
    const client = await connect('POST')
    await client.send([bytesOf(token, parts)])
    assert.ok(await client.until(() => client.heard.answers.length === 1), says)
    const { answers, flaw } = client.heard
    assert.deepEqual([answers[0]?.status, flaw], [status, undefined], `${says}: ${client.heardBytes.toString().slice(0, 400)}`)
    assert.match(answers[0]?.body.toString() ?? '', /urn:remit:refusal:/, says)
    client.destroy()
  }
  assert.equal(ops.heard.length, 0)
})

const passes: readonly (readonly [says: string, parts: Parts])[] = [
  ['in chunks', { headers: ['Transfer-Encoding: chunked'], body: chunked(message) }],
  ['with an extension of a chunk', { headers: ['Transfer-Encoding: chunked'], body: chunked(message).replace('\r\n', ';a="b"\r\n') }],
  ['with a wish for another protocol, which is nobody’s here', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] }],
  ['with a header that stands twice and may', { headers: ['X-More: 1', 'X-More: 2'] }],
]

test('a call is one message to its server, whole, byte by byte, and however it was framed', async (context) => {
  const { ops, token, connect } = await open(context)
  for (const [says, parts] of [['as usual', {}] as const, ...passes])
    for (const cut of [(bytes: Buffer) => [bytes], (bytes: Buffer) => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))]) {
      ops.heard.length = 0
      const client = await connect('POST')
      await client.send(cut(bytesOf(token, parts)))
      assert.ok(await client.until(() => client.heard.answers.length === 1), says)
      assert.deepEqual([client.heard.answers[0]?.status, client.heard.answers[0]?.body.toString()], [200, answer], says)
      assert.deepEqual(
        ops.heard.map(({ body, request: { headers } }) => [body, headers['content-length'], headers['transfer-encoding']]),
        [[message, `${length}`, undefined]],
        says,
      )
      client.destroy()
    }
})

test('calls one behind the other are answered in their order, and the second is not sent before the first is', async (context) => {
  const waiting: (() => void)[] = []
  const { ops, token, connect } = await open(context, {}, ({ response, body }) =>
    waiting.push(() => response.writeHead(200, { 'content-type': 'application/json' }).end(body)),
  )
  const client = await connect('POST', 'POST')
  const second = message.replace('"id":1', '"id":2')
  await client.send([Buffer.concat([bytesOf(token, {}), bytesOf(token, { body: second })])])
  await until(() => waiting.length === 1, 'the first is under way')
  assert.equal(ops.heard.length, 1)
  waiting.shift()?.()
  await until(() => waiting.length === 1, 'the second is')
  waiting.shift()?.()
  assert.ok(await client.until(() => client.heard.answers.length === 2))
  assert.deepEqual(
    client.heard.answers.map(({ body }) => body.toString()),
    [message, second],
  )
})

test('who waits to be told to send the body is told', async (context) => {
  const { token, connect } = await open(context)
  const client = await connect('POST')
  const bytes = bytesOf(token, { headers: ['Expect: 100-continue'] })
  const head = bytes.indexOf('\r\n\r\n') + 4
  await client.send([bytes.subarray(0, head)])
  assert.ok(await client.until(() => client.heardBytes.includes('HTTP/1.1 100 ')))
  await client.send([bytes.subarray(head)])
  assert.ok(await client.until(() => client.heard.answers.length === 1))
  assert.deepEqual([client.heard.answers[0]?.status, client.heard.answers[0]?.interim], [200, [100]])
})

test('other methods are told which there are, and an answer to HEAD has no body', async (context) => {
  const { connect } = await open(context)
  for (const [line, status, body] of [
    ['OPTIONS /mcp HTTP/1.1', 405, ''],
    ['HEAD /mcp HTTP/1.1', 405, ''],
    ['HEAD /other HTTP/1.1', 404, ''],
  ] as const) {
    const [method = ''] = line.split(' ')
    const client = await connect(method, 'GET')
    await client.send([Buffer.from(`${line}\r\nHost: 127.0.0.1\r\n\r\nGET /other HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)])
    assert.ok(await client.until(() => client.heard.answers.length === 2), line)
    const [first, second] = client.heard.answers
    assert.deepEqual([first?.status, first?.body.toString(), second?.status], [status, body, 404], line)
  }
})

test('a client that leaves within its message has asked for nothing', async (context) => {
  const { ops, token, connect } = await open(context)
  const bytes = bytesOf(token, {})
  for (const end of [20, bytes.byteLength - message.length, bytes.byteLength - 1]) {
    const client = await connect('POST')
    await client.send([bytes.subarray(0, end)])
    client.destroy()
  }
  const last = await connect('POST')
  await last.send([bytes])
  assert.ok(await last.until(() => last.heard.answers.length === 1))
  assert.equal(ops.heard.length, 1)
})

test('a head, and a body, that does not end is given up, and so is a connection that is idle', async (context) => {
  const clock = new TestClock()
  const { ops, token, connect } = await open(context, { clock, keepAliveMs: 60_000 })
  const bytes = bytesOf(token, {})
  const slow = [await connect('POST'), await connect('POST'), await connect('POST')] as const
  await slow[0].send([bytes.subarray(0, 30)])
  await slow[1].send([bytes.subarray(0, bytes.byteLength - 1)])
  await slow[2].send([bytes])
  assert.ok(await slow[2].until(() => slow[2].heard.answers.length === 1))
  // Until the two have been taken up.
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
  for (let second = 0; second < 130; second += 1) {
    clock.advance(1_000)
    await new Promise(setImmediate)
  }
  for (const client of slow) await until(() => client.isClosed, 'each is closed')
  assert.deepEqual(
    slow.map(({ heard }) => heard.answers.map(({ status }) => status)),
    [[400], [400], [200]],
  )
  assert.equal(ops.heard.length, 1)
})
