/** Upstreams that are away, late, broken or hostile: the client hears so, the record knows, and nothing is tried twice. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import test from 'node:test'
import { Agent, type IncomingMessage, request } from 'node:http'
import { ask as askUrl, openGateway, upstreamSecret } from './http-gateways.ts'
import { manualClock, until } from './manual-clock.ts'
import { route, service } from './services.ts'
import { httpUpstream, rawUpstream, recordingUpstream } from './upstreams.ts'

/** Answers every request's head with these bytes; `then` says what comes after. */
function answering(bytes: string, then: (socket: Socket) => void = (socket) => socket.end()) {
  return (socket: Socket) => {
    socket.once('data', () => {
      socket.write(bytes)
      then(socket)
    })
  }
}

const broken: readonly (readonly [says: string, bytes: string, code: string])[] = [
  ['it closes without a word', '', 'upstream.unreachable'],
  ['it does not speak HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'upstream.malformed'],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-', 'upstream.unreachable'],
  ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'upstream.malformed'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab', 'upstream.malformed'],
  ['a coding that would be lost', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 'upstream.malformed'],
  [
    'a protocol change nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    'upstream.malformed',
  ],
  ['a head beyond its bound', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`, 'upstream.malformed'],
  ['a status that is none', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n', 'upstream.malformed'],
  [
    'its own secret in a header',
    `HTTP/1.1 302 Found\r\nLocation: /?key=${upstreamSecret}\r\nContent-Length: 0\r\n\r\n`,
    'upstream.malformed',
  ],
]

for (const [says, bytes, code] of broken) {
  test(`an upstream that answers with ${says}`, async (context) => {
    const upstreamPort = await rawUpstream(context, answering(bytes))
    const { ask, control, log } = await openGateway(context, { upstreamPort })
    const { status, headers, body } = await ask('GET', '/a')
    assert.equal(status, 502, body)
    assert.match(body, new RegExp(`refusal:${code.replace('.', String.raw`\.`)}"`))
    assert.deepEqual(
      control.finished.map(({ outcome }) => outcome.result),
      ['unknown'],
    )
    assert.ok(!JSON.stringify([headers, body, log.lines, control.finished]).includes(upstreamSecret))
  })
}

test('an upstream that is not there: nothing was sent', async (context) => {
  const { ask, control } = await openGateway(context, { upstreamPort: 1 })
  assert.match((await ask('POST', '/a', { body: 'x' })).body, /upstream\.unreachable/)
  assert.deepEqual(
    control.finished.map(({ outcome: { result, requestBytes } }) => [result, requestBytes]),
    [['not-sent', 0]],
  )
})

test('an upstream that takes too long for its head, and one that stops in the middle', async (context) => {
  const clock = manualClock()
  const asked: (string | undefined)[] = []
  const upstreamPort = await httpUpstream(context, (incoming, response) => {
    asked.push(incoming.url)
    if (incoming.url === '/starts') response.write('some')
  })
  const { url, ask, control } = await openGateway(context, { upstreamPort, clock, lives: 10_000_000 })
  const silent = ask('GET', '/silent')
  // Time stands still until the head has gone up: another limit counts before.
  await until(() => asked.includes('/silent'), 'it is under way')
  clock.advance(61_000)
  const { status, body } = await silent
  assert.equal(status, 504)
  assert.match(body, /upstream\.timeout/)
  const sent = request(`${url}/starts`, { headers: { authorization: 'Bearer live' } }).end()
  const [starts]: IncomingMessage[] = await once(sent, 'response')
  assert.ok(starts !== undefined)
  sent.on('error', () => {})
  await once(starts, 'data')
  clock.advance(301_000)
  await assert.rejects(once(starts, 'end'))
  assert.deepEqual(
    control.finished.map(({ outcome }) => outcome.result),
    ['unknown', 'failed'],
  )
})

for (const [says, head] of [
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome'],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n'],
] as const) {
  test(`an answer with ${says} that breaks off: the client can tell`, async (context) => {
    const upstreamPort = await rawUpstream(context, answering(head))
    const { ask, control } = await openGateway(context, { upstreamPort })
    await assert.rejects(ask('GET', '/a'))
    assert.deepEqual(
      control.finished.map(({ outcome: { result, status, responseBytes } }) => [result, status, responseBytes]),
      [['failed', 200, 4]],
    )
  })
}

test('a kept connection that dies under a request is not tried again, whatever the method', async (context) => {
  const requests: string[] = []
  const upstreamPort = await rawUpstream(context, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      requests.push(chunk.toString('latin1').split('\r\n')[0] ?? '')
      if (requests.length === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      else socket.resetAndDestroy()
    })
  })
  const { ask, control } = await openGateway(context, { upstreamPort })
  assert.equal((await ask('GET', '/a')).status, 200)
  assert.equal((await ask('GET', '/b')).status, 502)
  assert.deepEqual(requests, ['GET /a HTTP/1.1', 'GET /b HTTP/1.1'])
  assert.equal(control.finished[1]?.outcome.result, 'unknown')
})

for (const [says, header, keptMs] of [
  ['as long as it says, less a second', 'Keep-Alive: timeout=3', 2_000],
  ['four seconds at most', 'Keep-Alive: timeout=60', 4_000],
] as const) {
  test(`an idle connection to an upstream is kept ${says}`, async (context) => {
    let connections = 0
    const upstreamPort = await rawUpstream(context, (socket) => {
      connections += 1
      socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n${header}\r\nContent-Length: 0\r\n\r\n`))
    })
    const clock = manualClock()
    const { ask } = await openGateway(context, { upstreamPort, clock, lives: 10_000_000 })
    await ask('GET', '/a')
    clock.advance(keptMs - 1)
    await ask('GET', '/b')
    assert.equal(connections, 1)
    clock.advance(keptMs)
    await ask('GET', '/c')
    assert.equal(connections, 2)
  })
}

test('what an upstream says unasked is nobody’s answer', async (context) => {
  let connections = 0
  let closed = 0
  const upstreamPort = await rawUpstream(context, (socket) => {
    connections += 1
    const number = connections
    socket.on('close', () => {
      closed += 1
    })
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${number}`)
      setImmediate(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'))
    })
  })
  const { ask } = await openGateway(context, { upstreamPort })
  assert.equal((await ask('GET', '/a')).body, '1')
  await until(() => closed === 1, 'the gateway has heard it, and will have nothing more of it')
  assert.equal((await ask('GET', '/b')).body, '2')
})

test('answers without a body keep their headers; trailers and the hop’s own headers stay behind', async (context) => {
  const answers: Readonly<Record<string, string>> = {
    'GET /304': 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 44\r\n\r\n',
    'GET /204': 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n',
    'HEAD /head': 'HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n',
    'GET /103': 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'GET /trailer':
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nAlt-Svc: h3=":443"\r\nSet-Cookie: sid=1\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n',
  }
  const upstreamPort = await rawUpstream(context, (socket) => {
    socket.on('data', (chunk: Buffer) => socket.write(answers[chunk.toString('latin1').split(' HTTP/1.1')[0] ?? ''] ?? ''))
  })
  const { ask } = await openGateway(context, { upstreamPort })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  context.after(() => agent.destroy())
  const notModified = await ask('GET', '/304', { agent })
  assert.deepEqual(
    [notModified.status, notModified.headers.etag, notModified.headers['content-length'], notModified.body],
    [304, '"a"', '44', ''],
  )
  const empty = await ask('GET', '/204', { agent })
  assert.deepEqual(
    [empty.status, empty.headers['x-a'], empty.headers['content-length'], empty.headers['transfer-encoding']],
    [204, '1', undefined, undefined],
  )
  const head = await ask('HEAD', '/head', { agent })
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '44', ''])
  assert.deepEqual([(await ask('GET', '/103', { agent })).status, (await ask('GET', '/103', { agent })).body], [200, 'ok'])
  const { headers, body } = await ask('GET', '/trailer', { agent })
  assert.equal(body, 'ok')
  for (const name of ['trailer', 'alt-svc', 'set-cookie', 'x-hop']) assert.equal(headers[name], undefined, name)
})

test('a credential in a header of its own: the client’s never passes under that name', async (context) => {
  const upstream = await recordingUpstream(context)
  const { ask } = await openGateway(context, { upstreamPort: upstream.port, header: 'X-Shop-Key' })
  await ask('GET', '/a', { headers: { 'x-shop-key': 'mine' } })
  const { headers = [] } = upstream.received[0] ?? {}
  const values = headers.filter((_, at) => at % 2 === 1 && ['x-shop-key', 'authorization'].includes(headers[at - 1]?.toLowerCase() ?? ''))
  assert.deepEqual(values, [upstreamSecret])
})

test('services come, move and go while the gateway runs', async (context) => {
  const first = await httpUpstream(context, (_incoming, response) => response.end('first'))
  const second = await httpUpstream(context, (_incoming, response) => response.end('second'))
  const { ask, control, gateway, port } = await openGateway(context, { upstreamPort: first })
  const routes = [route('read', 'GET', '/{path*}')]
  assert.equal((await ask('GET', '/a')).body, 'first')
  control.setServices([service('shop', `http://127.0.0.1:${second}`, routes), service('new', `http://127.0.0.1:${first}`, routes)])
  assert.equal((await ask('GET', '/a')).body, 'second')
  await until(() => gateway.urls()['new'] !== undefined, 'the new one is served')
  assert.equal((await askUrl(`${gateway.urls()['new']}/a`, 'GET')).body, 'first')
  control.setServices([service('new', `http://127.0.0.1:${first}`, routes)])
  await until(() => gateway.urls()['shop'] === undefined, 'the old one is gone')
  const [error]: unknown[] = await once(connect(port, '127.0.0.1'), 'error')
  assert.match(String(error), /ECONNREFUSED/)
})

test('a service whose routes cannot be used refuses everything and says so in the log', async (context) => {
  const upstream = await recordingUpstream(context)
  const { ask, control, log } = await openGateway(context, { upstreamPort: upstream.port })
  control.setServices([service('shop', `http://127.0.0.1:${upstream.port}`, [route('a', 'GET', '/{x}'), route('b', 'GET', '/{y}')])])
  assert.equal((await ask('GET', '/a')).status, 422)
  assert.equal(upstream.received.length, 0)
  assert.ok(log.lines.some((line) => line.startsWith('error')))
})

test('a fault of our own is an answer of internal, a recorded outcome, and no more', async (context) => {
  const upstream = await recordingUpstream(context)
  const { ask, control, log } = await openGateway(context, { upstreamPort: upstream.port })
  control.upstreamSecret = () => {
    throw new Error('a fault')
  }
  const { status, body } = await ask('GET', '/a')
  assert.equal(status, 500)
  assert.ok(!body.includes('a fault'))
  assert.deepEqual(
    control.finished.map(({ outcome }) => outcome.result),
    ['not-sent'],
  )
  assert.ok(log.lines.some((line) => line.includes('a fault')))
})
