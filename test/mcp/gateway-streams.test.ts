/** What passes, passes as it came and as it comes; what is cut, is cut on both sides. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import test from 'node:test'
import { atRest, until } from '../wire/manual-clock.ts'
import { TestClock } from '../world/clock.ts'
import { bare, type Heard, openHouse, startRaw, upstreamSecret } from './gateway-house.ts'

const json = { 'content-type': 'application/json' }
const events = { 'content-type': 'text/event-stream' }

function idOf({ body }: Heard): string {
  return JSON.stringify((JSON.parse(body) as { readonly id?: unknown }).id)
}

async function piece(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read()
  return Buffer.from(value ?? []).toString()
}

test('numbers beyond 2^53, odd spacing and unknown members pass to the byte, in both directions', async (context) => {
  const answer = (id: string) =>
    `{ "id":${id}, "jsonrpc":"2.0","result":{"content":[],"big":9007199254740993,"tiny":1.000000000000000000001e-7,"resultType":"complete" } }`
  const ops = await startRaw(context, (heard) => heard.response.writeHead(200, json).end(answer(idOf(heard))))
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/tail'])
  const sent = bare(token, 'tools/call', '{"name":"tail" ,"arguments":{ "lines":9007199254740993 }}', 'tail')
  const got = await fetch(house.urlOf('ops'), sent)
  assert.equal(got.status, 200)
  const [heard] = ops.heard
  assert.ok(heard !== undefined)
  assert.equal(heard.body, sent.body)
  assert.equal(await got.text(), answer(idOf(heard)))
  assert.equal(heard.request.headers.authorization, `Bearer ${upstreamSecret}`)
  assert.equal(heard.request.headers['mcp-name'], 'tail')
  assert.equal(heard.request.headers.host, new URL(house.urlOf('ops')).host)
})

test('lists keep the bytes of what stays, are private, and no fresher than the grant', async (context) => {
  const look = '{ "name":"look","inputSchema":{"type":"object","maximum":9007199254740993}, "x":1.50 }'
  const ops = await startRaw(context, (heard) => {
    const { method } = JSON.parse(heard.body) as { readonly method: string }
    assert.equal(method, 'tools/list')
    const tools = `[{"name":"wipe"}, ${look} ,{"name":"restart"}]`
    const body = `{"jsonrpc":"2.0","id":${idOf(heard)},"result":{"resultType":"complete","ttlMs":99999999,"cacheScope":"public","tools":${tools},"nextCursor":"n","other":[ 1 ]}}`
    heard.response.writeHead(200, json).end(body)
  })
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/look'])
  const got = await (await fetch(house.urlOf('ops'), bare(token, 'tools/list', '{}'))).text()
  assert.ok(got.includes(`"tools":[${look}],"nextCursor":"n","other":[ 1 ]`), got)
  const { result } = JSON.parse(got) as { readonly result: { readonly ttlMs: number; readonly cacheScope: string } }
  assert.equal(result.cacheScope, 'private')
  assert.ok(result.ttlMs > 0 && result.ttlMs <= 30 * 60_000, `${result.ttlMs}`)
})

test('events pass as they come; a grant that ends cuts both sides at once', async (context) => {
  const ops = await startRaw(context, ({ response }) => {
    response.writeHead(200, events)
    response.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n')
  })
  // The clock stands still: a cut that waited for a timer would never come.
  const house = await openHouse(context, { ops: ops.url }, { clock: new TestClock() })
  const { id, token } = await house.grantFor('errand', ['ops/look'])
  const got = await fetch(house.urlOf('ops'), bare(token, 'tools/call', '{"name":"look","arguments":{"service":"web"}}', 'look'))
  assert.ok(got.body !== null)
  const reader = got.body.getReader()
  assert.match(await piece(reader), /notifications\/progress/)
  const [heard] = ops.heard
  assert.ok(heard !== undefined)
  const cut = assert.rejects(reader.read())
  const closed = once(heard.response, 'close')
  await house.complete(id)
  await Promise.all([cut, closed])
})

test('a client that leaves takes its call to the server with it', async (context) => {
  const ops = await startRaw(context, ({ response }) => response.writeHead(200, events).flushHeaders())
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/look'])
  const leaving = new AbortController()
  const init = bare(token, 'tools/call', '{"name":"look","arguments":{"service":"web"}}', 'look')
  const got = await fetch(house.urlOf('ops'), { ...init, signal: leaving.signal })
  assert.equal(got.status, 200)
  leaving.abort()
  await until(() => ops.heard[0]?.isClosed === true, 'the server hears of it')
})

test('a client that leaves before there is an answer, likewise', async (context) => {
  const ops = await startRaw(context, () => {})
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/look'])
  const leaving = new AbortController()
  const init = bare(token, 'tools/call', '{"name":"look","arguments":{"service":"web"}}', 'look')
  const asked = assert.rejects(fetch(house.urlOf('ops'), { ...init, signal: leaving.signal }))
  await until(() => ops.heard.length === 1, 'it is under way')
  leaving.abort()
  await asked
  await until(() => ops.heard[0]?.isClosed === true, 'the server hears of it')
})

test('50 MB pass in pieces: what the client does not take, the server does not get rid of', async (context) => {
  const size = 50_000_000
  const chunk = Buffer.alloc(65_536, 'x')
  let written = 0
  const ops = await startRaw(context, (heard) => {
    const { response } = heard
    response.writeHead(200, json)
    response.write(`{"jsonrpc":"2.0","id":${idOf(heard)},"result":{"content":[{"type":"text","text":"`)
    const write = () => {
      while (written < size) {
        written += chunk.byteLength
        if (!response.write(chunk)) {
          response.once('drain', write)
          return
        }
      }
      response.end('"}]}}')
    }
    write()
  })
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/look'])
  const { headers, body } = bare(token, 'tools/call', '{"name":"look","arguments":{"service":"web"}}', 'look')
  const sent = request(house.urlOf('ops'), { method: 'POST', headers })
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  await atRest(() => written)
  assert.ok(written < 20_000_000, `${written} bytes left the server, and nobody read them`)
  let bytes = 0
  for await (const each of answer) bytes += (each as Buffer).byteLength
  assert.ok(bytes > size)
})

test('long results at the same time, to quick clients and to slow ones, are each their own to the byte', async (context) => {
  const characters = 5_000_000
  const textOf = (owner: string) => owner.repeat(characters / owner.length)
  const ops = await startRaw(context, (heard) => {
    const { params } = JSON.parse(heard.body) as { readonly params: { readonly arguments: { readonly service: string } } }
    const body = `{"jsonrpc":"2.0","id":${idOf(heard)},"result":{"content":[{"type":"text","text":"${textOf(params.arguments.service)}"}]}}`
    heard.response.writeHead(200, { ...json, 'content-length': body.length }).end(body)
  })
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/look'])
  const askFor = async (owner: string, isSlow: boolean): Promise<void> => {
    const { headers, body } = bare(token, 'tools/call', `{"name":"look","arguments":{"service":"${owner}"}}`, 'look')
    const sent = request(house.urlOf('ops'), { method: 'POST', headers }).end(body)
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    const pieces: Buffer[] = []
    for await (const each of answer as AsyncIterable<Buffer>) {
      pieces.push(each)
      if (isSlow) for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate)
    }
    const { result } = JSON.parse(Buffer.concat(pieces).toString()) as {
      readonly result: { readonly content: readonly [{ readonly text: string }] }
    }
    assert.ok(result.content[0].text === textOf(owner), `the result of ${owner} is its own`)
  }
  for (let round = 0; round < 3; round += 1)
    await Promise.all(Array.from({ length: 8 }, (_, place) => askFor(`own-${round}-${place}.`, place % 3 === 0)))
})

test('the credential of the service does not come back, in a header, in one piece or in two', async (context) => {
  const ways: ((heard: Heard) => void)[] = [
    ({ response }) => response.writeHead(200, { ...json, 'mcp-echo': upstreamSecret }).end('{}'),
    ({ response }) => response.writeHead(200, json).end(`{"secret":"${upstreamSecret}"}`),
    ({ response }) => {
      response.writeHead(200, json)
      response.write(`{"secret":"${upstreamSecret.slice(0, 9)}`)
      setImmediate(() => setImmediate(() => response.end(`${upstreamSecret.slice(9)}"}`)))
    },
  ]
  for (const way of ways) {
    const ops = await startRaw(context, way)
    const house = await openHouse(context, { ops: ops.url })
    const { token } = await house.grantFor('errand', ['ops/look'])
    const init = bare(token, 'tools/call', '{"name":"look","arguments":{"service":"web"}}', 'look')
    const got = await fetch(house.urlOf('ops'), init)
      .then(async (answer) => `${JSON.stringify([...answer.headers])} ${await answer.text()}`)
      .catch(String)
    assert.ok(!got.includes(upstreamSecret), got)
  }
})

test('a duty on the size of answers is kept', async (context) => {
  const ops = await startRaw(context, ({ response }) => {
    response.writeHead(200, json)
    response.write('x'.repeat(900))
    setImmediate(() => response.end('y'.repeat(900)))
  })
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/brief'])
  const got = await fetch(house.urlOf('ops'), bare(token, 'tools/call', '{"name":"brief"}', 'brief'))
    .then((answer) => answer.text())
    .catch(String)
  assert.ok(!got.includes('yy'), got)
})

const oddAnswers: readonly (readonly [says: string, answer: (heard: Heard) => void, code: RegExp])[] = [
  ['its own 401', ({ response }) => response.writeHead(401, { 'www-authenticate': 'Bearer' }).end(), /^upstream\.credential/],
  ['a redirect', ({ response }) => response.writeHead(307, { location: 'http://127.0.0.1:1/mcp' }).end(), /^upstream\.malformed/],
  ['an encoding', ({ response }) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('x'), /^upstream\.malformed/],
  ['nothing at all', ({ request: asked }) => asked.socket.destroy(), /^upstream\.unreachable/],
]
for (const [says, answer, code] of oddAnswers) {
  test(`a server that answers with ${says}: the caller hears what a model can act on`, async (context) => {
    const ops = await startRaw(context, answer)
    const house = await openHouse(context, { ops: ops.url })
    const { token } = await house.grantFor('errand', ['ops/look'])
    const got = await fetch(house.urlOf('ops'), bare(token, 'tools/call', '{"name":"look","arguments":{"service":"web"}}', 'look'))
    assert.equal(got.status, 200)
    const { result } = (await got.json()) as {
      readonly result: { readonly isError: boolean; readonly content: readonly { readonly text: string }[] }
    }
    assert.equal(result.isError, true)
    assert.match(result.content[0]?.text ?? '', code)
    assert.equal(ops.heard.length, 1)
  })
}

test('a stream that only listens needs a live grant, and ends with it', async (context) => {
  const ops = await startRaw(context, ({ response }) => response.writeHead(200, events).flushHeaders())
  const house = await openHouse(context, { ops: ops.url })
  const { id, token } = await house.grantFor('errand', ['ops/look'])
  const listen = () => fetch(house.urlOf('ops'), bare(token, 'subscriptions/listen', '{"notifications":{"toolsListChanged":true}}'))
  const got = await listen()
  assert.equal(got.headers.get('content-type'), 'text/event-stream')
  assert.ok(got.body !== null)
  const cut = assert.rejects(got.body.getReader().read())
  await house.complete(id)
  await cut
  await until(() => ops.heard[0]?.isClosed === true, 'the server hears of it')
  const again = (await (await listen()).json()) as { readonly error: { readonly message: string } }
  assert.match(again.error.message, /grant/)
})

test('a long argument passes to the byte, and the journal has the hashes of it and of its message, or of what is around it', async (context) => {
  const ops = await startRaw(context, (heard) =>
    heard.response.writeHead(200, json).end(`{"jsonrpc":"2.0","id":${idOf(heard)},"result":{"content":[],"resultType":"complete"}}`),
  )
  const house = await openHouse(context, { ops: ops.url })
  const { token } = await house.grantFor('errand', ['ops/look'])
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  // One that needs no escapes, one that has them, and letters of more than a byte.
  const texts = [
    { service: 'y'.repeat(900_000), isFramed: true },
    { service: 'a "b" \\ \n'.repeat(90_000), isFramed: false },
    { service: 'д'.repeat(400_000), isFramed: false },
  ]
  for (const { service, isFramed } of texts) {
    const sent = bare(token, 'tools/call', `{"name":"look","arguments":${JSON.stringify({ service })}}`, 'look')
    const got = await fetch(house.urlOf('ops'), sent)
    assert.equal(got.status, 200, await got.text())
    assert.ok(ops.heard.at(-1)?.body === sent.body)
    const { journal } = house.api.house
    await journal.flush()
    const lines: string[] = []
    for await (const line of journal.read()) lines.push(line)
    const last = (type: string) => JSON.parse(lines.findLast((line) => line.includes(`"type":"${type}"`)) ?? '{}') as Recorded
    assert.equal(last('decision').arguments?.service.sha256, sha256(JSON.stringify(service)))
    const { bodySha256, frameSha256 } = last('outcome')
    assert.equal(bodySha256, isFramed ? undefined : sha256(sent.body))
    assert.equal(frameSha256, isFramed ? sha256(sent.body.replace(service, '')) : undefined)
  }
})

interface Recorded {
  readonly arguments?: { readonly service: { readonly sha256: string } }
  readonly bodySha256?: string
  readonly frameSha256?: string
}
