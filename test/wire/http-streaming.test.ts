/** Large and slow bodies: they stream, the slower side sets the pace, and nothing of them is lost. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import test from 'node:test'
import { promisify } from 'node:util'
import { openGateway } from './http-gateways.ts'
import { atRest, until } from './manual-clock.ts'
import { httpUpstream, recordingUpstream, wholeBody } from './upstreams.ts'

const piece = Buffer.alloc(65_536, 'remit ')
const pieces = 800

function wantedHash(): string {
  const hash = createHash('sha256')
  for (let count = 0; count < pieces; count += 1) hash.update(piece)
  return hash.digest('hex')
}

/** Writes 50 MB as fast as it is taken; `sent` counts what was handed over. */
async function writeAll(to: ServerResponse | ReturnType<typeof request>, progress: { sent: number }): Promise<void> {
  for (let count = 0; count < pieces; count += 1) {
    const goesOn = to.write(piece)
    progress.sent += piece.byteLength
    if (!goesOn) await once(to, 'drain')
  }
  to.end()
}

async function hashOf(message: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of message) if (chunk instanceof Buffer) hash.update(chunk)
  return hash.digest('hex')
}

/** What sockets and streams of three processes' worth of hops may hold; far below the 50 MB that go through. */
const inFlightMax = 20_000_000

test('50 MB down: a client that does not read stops the upstream, and then gets every byte', async (context) => {
  const progress = { sent: 0 }
  const upstreamPort = await httpUpstream(context, (_request, response) => {
    response.on('error', () => {})
    void writeAll(response, progress)
  })
  const { url, control } = await openGateway(context, { upstreamPort })
  const answer = await new Promise<IncomingMessage>((resolve) =>
    request(`${url}/export`, { headers: { authorization: 'Bearer live' } }, resolve).end(),
  )
  const stalled = await atRest(() => progress.sent)
  assert.ok(stalled < inFlightMax, `${stalled} bytes were taken from the upstream`)
  assert.equal(await hashOf(answer), wantedHash())
  await until(() => control.finished.length === 1, 'it is over')
  assert.equal(control.finished[0]?.outcome.responseBytes, pieces * piece.byteLength)
})

/** Bytes that no other answer has: each group of eight says whose it is and where it stands. */
function ownBytes(owner: number, bytes: number): Buffer {
  const own = Buffer.alloc(bytes)
  for (let at = 0; at + 8 <= bytes; at += 8) own.writeUInt32BE(at, own.writeUInt32BE(owner, at))
  return own
}

test('long answers at the same time, to quick clients and to slow ones, are each their own to the byte', async (context) => {
  const megabytes = 6_000_000
  const upstreamPort = await httpUpstream(context, ({ url = '' }, response) => {
    const body = ownBytes(Number(url.slice('/items/'.length)), megabytes)
    response.writeHead(200, { 'content-length': body.byteLength }).end(body)
  })
  const { url } = await openGateway(context, { upstreamPort })
  const askFor = async (owner: number): Promise<void> => {
    const sent = request(`${url}/items/${owner}`, { headers: { authorization: 'Bearer live' } }).end()
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    let at = 0
    const own = ownBytes(owner, megabytes)
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      assert.equal(chunk.compare(own, at, at + chunk.byteLength), 0, `answer ${owner} is its own at ${at}`)
      at += chunk.byteLength
      // So slow that what was written for it waits while others are served.
      if (owner % 3 === 0) for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate)
    }
    assert.equal(at, megabytes)
  }
  for (let round = 0; round < 3; round += 1) await Promise.all(Array.from({ length: 8 }, (_, place) => askFor(round * 8 + place)))
})

test('50 MB up: an upstream that does not read stops the client, and then gets every byte', async (context) => {
  let read: (() => void) | undefined
  let hash: string | undefined
  const upstreamPort = await httpUpstream(context, (incoming, response) => {
    read = () => {
      void (async () => {
        hash = await hashOf(incoming)
        response.end('taken')
      })()
    }
  })
  const { url, control } = await openGateway(context, { upstreamPort })
  const progress = { sent: 0 }
  const sent = request(`${url}/import`, { method: 'POST', headers: { authorization: 'Bearer live' } })
  const answered = once(sent, 'response')
  void writeAll(sent, progress)
  await until(() => read !== undefined, 'the upstream is asked')
  const stalled = await atRest(() => progress.sent)
  assert.ok(stalled < inFlightMax, `${stalled} bytes were taken from the client`)
  read?.()
  await answered
  assert.equal(hash, wantedHash())
  await until(() => control.finished.length === 1, 'it is over')
  assert.equal(control.finished[0]?.outcome.bodySha256, wantedHash())
  assert.equal(control.finished[0]?.outcome.requestBytes, pieces * piece.byteLength)
})

test('events arrive as they are sent, the head before any of them', async (context) => {
  let stream: ServerResponse | undefined
  const upstreamPort = await httpUpstream(context, (_incoming, response) => {
    stream = response
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.flushHeaders()
  })
  const { url } = await openGateway(context, { upstreamPort })
  const answer = await new Promise<IncomingMessage>((resolve) =>
    request(`${url}/events`, { headers: { authorization: 'Bearer live' } }, resolve).end(),
  )
  assert.equal(answer.headers['content-type'], 'text/event-stream')
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    stream?.write(event)
    const [chunk]: unknown[] = await once(answer, 'data')
    assert.equal(String(chunk), event)
  }
  stream?.end()
  await once(answer, 'end')
})

test('an upstream may answer before it has the whole body, and the client hears it', async (context) => {
  const upstreamPort = await httpUpstream(context, (_incoming, response) => {
    response.writeHead(507, { Connection: 'close' })
    response.end('full')
  })
  const { url, control } = await openGateway(context, { upstreamPort, limits: { drainMs: 50 } })
  const sent = request(`${url}/import`, { method: 'POST', headers: { authorization: 'Bearer live' } })
  sent.on('error', () => {})
  sent.write(piece)
  const answer = await new Promise<IncomingMessage>((resolve) => sent.on('response', resolve))
  assert.equal(answer.statusCode, 507)
  assert.equal(await wholeBody(answer), 'full')
  // Its sender does not stop: after a while the connection does.
  await until(() => sent.destroyed || sent.socket?.destroyed === true, 'the connection is closed')
  assert.equal(control.finished[0]?.outcome.status, 507)
})

test('an upload whose body is late: the upstream has its head, and may refuse', async (context) => {
  const upstreamPort = await httpUpstream(context, (_incoming, response) => {
    response.writeHead(411)
    response.end()
  })
  const { url } = await openGateway(context, { upstreamPort, limits: { drainMs: 50 } })
  const sent = request(`${url}/import`, { method: 'POST', headers: { authorization: 'Bearer live' } })
  sent.on('error', () => {})
  sent.flushHeaders()
  const answer = await new Promise<IncomingMessage>((resolve) => sent.on('response', resolve))
  assert.equal(answer.statusCode, 411)
  answer.resume()
})

test('many requests over few connections, each with its own answer', async (context) => {
  const upstreamPort = await httpUpstream(context, (incoming, response) => {
    void (async () => {
      const body = await wholeBody(incoming)
      response.end(`${incoming.url} ${body}`)
    })()
  })
  const { ask, control } = await openGateway(context, { upstreamPort })
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  context.after(() => agent.destroy())
  const numbers = Array.from({ length: 400 }, (_, place) => place)
  const answers = await Promise.all(numbers.map((number) => ask('POST', `/n/${number}`, { body: `b${number}`, agent })))
  assert.deepEqual(
    answers.map(({ body }) => body),
    numbers.map((number) => `/n/${number} b${number}`),
  )
  assert.equal(control.finished.length, 400)
})

test('more requests at once than a service takes are refused at once, and room that is made is used', async (context) => {
  const waiting: ServerResponse[] = []
  const upstreamPort = await httpUpstream(context, (_incoming, response) => void waiting.push(response))
  const { ask } = await openGateway(context, { upstreamPort, limits: { exchangesPerServiceMax: 2 } })
  const first = [ask('GET', '/a'), ask('GET', '/b')]
  await until(() => waiting.length === 2, 'two are under way')
  const third = await ask('GET', '/c')
  assert.equal(third.status, 429)
  assert.equal(third.headers['retry-after'], '1')
  for (const response of waiting) response.end('ok')
  await Promise.all(first)
  const fourth = ask('GET', '/d')
  await until(() => waiting.length === 3, 'there is room')
  waiting[2]?.end('ok')
  assert.equal((await fourth).status, 200)
})

test('a connection that sends requests without end and waits for no answer is closed', async (context) => {
  const upstreamPort = await httpUpstream(context, () => {})
  const { port } = await openGateway(context, { upstreamPort })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer live\r\n\r\n'.repeat(20))
  await new Promise((resolve) => socket.on('close', resolve))
})

test('a head that never ends, and a body that stops, are given up', async (context) => {
  const upstream = await recordingUpstream(context)
  const { port } = await openGateway(context, { upstreamPort: upstream.port, limits: { headersMs: 100, bodyMs: 100, drainMs: 50 } })
  const heads = connect(port, '127.0.0.1')
  heads.write('GET /a HTTP/1.1\r\nHost: a\r\n')
  const bodies = connect(port, '127.0.0.1')
  bodies.write(
    'POST /restart/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer live\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
  )
  const heard = await Promise.all(
    [heads, bodies]
      .map(async (socket) => {
        let text = ''
        for await (const chunk of socket) text += String(chunk)
        return text
      })
      .map((one) => one.catch(() => 'reset')),
  )
  assert.match(heard[0] ?? '', /input\.malformed/)
  assert.match(heard[1] ?? '', /input\.malformed|reset/)
  assert.equal(upstream.received.length, 0)
})

test('curl: a plain request, a body in chunks, a refusal', async (context) => {
  const upstream = await recordingUpstream(context)
  const { url } = await openGateway(context, { upstreamPort: upstream.port })
  const curl = async (...more: readonly string[]) =>
    (await promisify(execFile)('curl', ['-s', '-w', '%{http_code}', '-H', 'Authorization: Bearer live', ...more])).stdout
  assert.equal(await curl(`${url}/incidents/7`), '{}200')
  assert.equal(await curl('-d', '{"a":1}', '-H', 'Transfer-Encoding: chunked', `${url}/telemetry`), '{}200')
  assert.match(await curl('--path-as-is', `${url}/incidents/../admin`), /action\.ambiguous.*400$/)
  assert.deepEqual(
    upstream.received.map(({ line, body }) => `${line} ${body}`),
    ['GET /incidents/7 ', 'POST /telemetry {"a":1}'],
  )
})
