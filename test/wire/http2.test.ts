/** HTTP/2 towards clients: real clients, both ways, and one action the same as by HTTP/1.1. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'
import { request } from 'node:https'
import { connect as connectInTheClear, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type TestContext } from 'node:test'
import { until } from './manual-clock.ts'
import { openSecuredGateway, type SecuredOptions } from './tls-services.ts'
import { openGateway } from './http-gateways.ts'
import { endHeaders, endStream, frame, FramesClient, request as ofStream } from './http2-frames-client.ts'
import { route } from './services.ts'
import { httpUpstream, rawUpstream, recordingUpstream, wholeBody } from './upstreams.ts'

interface Heard {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

async function opened(context: TestContext, options: SecuredOptions) {
  const house = await openSecuredGateway(context, options)
  const session = connect(house.url, { rejectUnauthorized: false })
  session.on('error', () => undefined)
  context.after(() => session.destroy())
  return { ...house, session }
}

function start(session: ClientHttp2Session, headers: OutgoingHttpHeaders, endStream = true): ClientHttp2Stream {
  const stream = session.request({ ':authority': 'shop.test', authorization: 'Bearer live', ...headers }, { endStream })
  stream.on('error', () => undefined)
  return stream
}

/** The answer; rejects where the stream ended before it was whole. */
async function answerOf(stream: ClientHttp2Stream): Promise<Heard> {
  return new Promise((resolve, reject) => {
    let headers: Record<string, unknown> = {}
    const chunks: Buffer[] = []
    stream.on('response', (heard) => {
      headers = { ...heard }
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => resolve({ status: Number(headers[':status']), headers, body: Buffer.concat(chunks).toString('latin1') }))
    stream.on('close', () => reject(new Error(`reset with ${stream.rstCode}`)))
  })
}

function ask(session: ClientHttp2Session, line: string, more: OutgoingHttpHeaders = {}, body?: string | Buffer) {
  const [method = '', path = ''] = line.split(' ')
  const stream = start(session, { ':method': method, ':path': path, ...more }, body === undefined)
  if (body !== undefined) stream.end(body)
  return answerOf(stream)
}

const echo = (context: TestContext) =>
  httpUpstream(context, (incoming, response) => {
    void (async () => {
      const body = await wholeBody(incoming)
      response.setHeader('X-Method', incoming.method ?? '')
      response.end(incoming.url === '/large' ? 'x'.repeat(5_000_000) : `${incoming.method} ${incoming.url} ${body.length}`)
    })()
  })

test('requests and answers of every size, many at a time', async (context) => {
  const { session } = await opened(context, { upstreamPort: await echo(context) })
  const first = await ask(session, 'GET /a')
  assert.deepEqual([first.status, first.body, first.headers['x-method']], [200, 'GET /a 0', 'GET'])
  assert.equal((await ask(session, 'POST /a', {}, 'y'.repeat(3_000_000))).body, 'POST /a 3000000')
  assert.equal((await ask(session, 'POST /a', { 'content-length': '3' }, 'abc')).body, 'POST /a 3')
  assert.equal((await ask(session, 'GET /large')).body.length, 5_000_000)
  const sizes = Array.from({ length: 90 }, (_, at) => (at % 3 === 0 ? at * 1_000 : 0))
  const many = await Promise.all(sizes.map((size, at) => ask(session, `POST /n${at}`, {}, 'z'.repeat(size))))
  assert.deepEqual(
    many.map(({ body }) => body),
    sizes.map((size, at) => `POST /n${at} ${size}`),
  )
  const large = await Promise.all([1, 2, 3].map(() => ask(session, 'GET /large')))
  assert.deepEqual(
    large.map(({ body }) => body.length),
    [5_000_000, 5_000_000, 5_000_000],
  )
})

test('curl', async (context) => {
  const { url, certificate } = await opened(context, { upstreamPort: await echo(context) })
  const file = join(tmpdir(), `remit-http2-${process.pid}.pem`)
  writeFileSync(file, certificate)
  context.after(() => rmSync(file))
  const curl = (...more: readonly string[]) =>
    promisify(execFile)('curl', ['--http2', '-sk', '-w', ' %{http_version} %{http_code}', '-H', 'Authorization: Bearer live', ...more])
  assert.equal((await curl(`${url}/a`)).stdout, 'GET /a 0 2 200')
  assert.equal((await curl('-d', 'hello', '-H', 'Content-Type: text/plain', `${url}/a`)).stdout, 'POST /a 5 2 200')
  assert.equal((await curl('-T', file, '-X', 'POST', `${url}/a`)).stdout, `POST /a ${certificate.length} 2 200`)
  assert.match((await curl(`${url}/a/%2e%2e/b`)).stdout, /action\.ambiguous.* 2 400$/)
  const two = (await curl('-o', '/dev/null', '-o', '/dev/null', `${url}/large`, `${url}/large`)).stdout
  assert.equal(two, ' 2 200 2 200')
})

test('answers as HTTP/1.1 has them: no headers of a connection, no body where there is none, interim ones, no trailers', async (context) => {
  const upstreamPort = await rawUpstream(context, (socket) => {
    socket.on('data', (bytes: Buffer) => {
      const [, method, path] = /^(\S+) (\S+)/.exec(bytes.toString('latin1')) ?? []
      const answers: Record<string, string> = {
        '/hop':
          'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=b\r\nX-Two: 1\r\nX-Two: 2\r\n\r\nok',
        '/none': 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n',
        '/same': 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n',
        '/early': 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
        '/chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
        '/short': 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell',
      }
      socket.write(answers[path ?? ''] ?? `HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n${method === 'HEAD' ? '' : 'seven!!'}`)
      if (path === '/short') socket.destroy()
    })
  })
  const { session } = await opened(context, { upstreamPort })
  const names = ({ headers }: Heard) => Object.keys(headers).filter((name) => name !== 'date')
  const hop = await ask(session, 'GET /hop')
  assert.deepEqual([names(hop), hop.headers['x-two'], hop.body], [[':status', 'content-length', 'x-two'], '1, 2', 'ok'])
  assert.match(String(hop.headers['date']), /GMT$/)
  const none = await ask(session, 'GET /none')
  assert.deepEqual([none.status, names(none), none.body], [204, [':status', 'x-a'], ''])
  const same = await ask(session, 'GET /same')
  assert.deepEqual([same.status, same.headers['content-length'], same.body], [304, '9', ''])
  const head = await ask(session, 'HEAD /a')
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '7', ''])
  const early = start(session, { ':path': '/early' })
  const interim: unknown[] = []
  early.on('headers', (heard) => interim.push([heard[':status'], heard.link]))
  assert.equal((await answerOf(early)).status, 200)
  assert.deepEqual(interim, [[103, '</a>']])
  const chunks = start(session, { ':path': '/chunks' })
  chunks.on('trailers', () => assert.fail('trailers stay behind'))
  const whole = await answerOf(chunks)
  assert.deepEqual([names(whole), whole.body], [[':status'], 'hello'])
  await assert.rejects(answerOf(start(session, { ':path': '/short' })), /reset with 2/)
  assert.equal((await ask(session, 'GET /a')).body, 'seven!!')
})

/** The same by HTTP/1.1 over the same port. */
function askByHttp1(url: string, line: string, headers: readonly string[], body: string): Promise<number> {
  const [method, path = ''] = line.split(' ')
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      path,
      rejectUnauthorized: false,
      headers: ['Host', 'shop.test', 'Authorization', 'Bearer live', ...headers],
    })
    sent.on('response', (answer) => {
      wholeBody(answer).then(() => resolve(answer.statusCode ?? 0), reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const same: readonly { readonly line: string; readonly headers?: readonly string[]; readonly body?: string; readonly status: number }[] = [
  { line: 'GET /a', status: 200 },
  { line: 'GET /a', headers: ['X-B', '2', 'x-a', '1', 'X-B', '3', 'Accept', '*/*'], status: 200 },
  { line: 'GET /a', headers: ['Cookie', 'a=b; c=d', 'X-Forwarded-For', '1.2.3.4', 'traceparent', '00-0'], status: 200 },
  { line: 'POST /a', headers: ['Content-Type', 'text/plain', 'Content-Length', '5'], body: 'hello', status: 200 },
  {
    line: 'POST /restart/x',
    headers: ['Content-Type', 'application/json', 'Content-Length', '17'],
    body: '{"reason":"slow"}',
    status: 200,
  },
  { line: 'POST /restart/x', headers: ['Content-Type', 'application/json', 'Content-Length', '15'], body: '{"reason":"bad}', status: 400 },
  { line: 'DELETE /a', status: 403 },
  { line: 'GET /a/../b', status: 400 },
  { line: 'GET /a?b=1', status: 400 },
  { line: 'GET /a', headers: ['X-HTTP-Method-Override', 'PUT'], status: 400 },
]

test('the same request is the same action, the same digest and the same record by both', async (context) => {
  const upstream = await recordingUpstream(context)
  const { control, url, port } = await openSecuredGateway(context, { upstreamPort: upstream.port, rule: () => 'hold' })
  const client = await FramesClient.open(port)
  context.after(() => client.destroy())
  let place = 1
  const shown = () => {
    const records = control.finished.map(({ decision, outcome }) => {
      const { milliseconds: _took, ...rest } = outcome
      return { ...decision, ...rest, id: '' }
    })
    const holds = control.holds.map(({ digest, material, state }) => ({ digest, material, state }))
    const refusals = [...control.refusals]
    const received = upstream.received.map(({ line, headers, body }) => ({
      line,
      headers: headers.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text)),
      body,
    }))
    for (const list of [control.finished, control.holds, control.refusals, upstream.received]) list.length = 0
    return { records, holds, refusals, received }
  }
  const approve = async (answer: Promise<unknown>) => {
    let isOver = false
    const watch = async () => {
      await answer.catch(() => undefined)
      isOver = true
    }
    void watch()
    await until(() => isOver || control.holds.some(({ state, waiters }) => state === 'waiting' && waiters.size > 0), 'it is held')
    for (const hold of control.holds) if (hold.state === 'waiting') control.answerHold(hold, 'approve')
  }
  for (const { line, headers = [], body, status } of same) {
    const byHttp1 = askByHttp1(url, line, headers, body ?? '')
    await approve(byHttp1)
    const first = await byHttp1.then((got) => ({ got, ...shown() }))
    const [method = '', path = ''] = line.split(' ')
    const more = headers.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), headers[at + 1] ?? ''] as const] : []))
    const flags = body === undefined ? endHeaders | endStream : endHeaders
    client.send(ofStream(place, method, path, { flags, more }), ...(body === undefined ? [] : [frame('DATA', endStream, place, body)]))
    const byHttp2 = client.until(() => client.isOver(place)).then(() => client.status(place))
    await approve(byHttp2)
    const second = await byHttp2.then((got) => ({ got, ...shown() }))
    place += 2
    assert.equal(first.got, status, line)
    assert.deepEqual(second, first, line)
    if (status === 200) assert.equal(first.holds.length, 1)
  }
})

test('a hold waits as Prefer says, is spent once, and not for a client that left', async (context) => {
  const upstream = await recordingUpstream(context)
  const { session, control } = await opened(context, { upstreamPort: upstream.port, rule: () => 'hold' })
  const held = await ask(session, 'POST /a', { prefer: 'wait=0' }, 'x')
  assert.deepEqual([held.status, held.headers['retry-after'], held.headers['preference-applied']], [403, '2', 'wait=0'])
  assert.match(held.body, /action\.held/)
  const leaving = start(session, { ':method': 'POST', ':path': '/a', prefer: 'wait=30' }, false)
  leaving.end('x')
  await until(() => (control.holds[0]?.waiters.size ?? 0) > 0, 'it waits')
  leaving.close(8)
  await until(() => control.holds[0]?.waiters.size === 0, 'it waits no more')
  const [hold] = control.holds
  if (hold === undefined) assert.fail()
  control.answerHold(hold, 'approve')
  assert.equal(hold.state, 'approved')
  assert.deepEqual(upstream.received, [])
  assert.equal((await ask(session, 'POST /a', {}, 'x')).status, 200)
  assert.equal(hold.state, 'spent')
  assert.equal(control.holds.length, 1)
})

test('a client that waits for 100 Continue hears it, or is refused without sending', async (context) => {
  const { session } = await opened(context, { upstreamPort: await echo(context) })
  const stream = start(session, { ':method': 'POST', ':path': '/a', expect: '100-continue', 'content-length': '5' }, false)
  stream.on('continue', () => stream.end('hello'))
  assert.equal((await answerOf(stream)).body, 'POST /a 5')
  const refused = start(session, { ':method': 'POST', ':path': '/a/../b', expect: '100-continue', 'content-length': '5' }, false)
  refused.on('continue', () => assert.fail('it is refused'))
  assert.equal((await answerOf(refused)).status, 400)
  assert.equal((await ask(session, 'GET /a')).status, 200)
})

test('the end of a session cuts its streams in the same tick, and nobody else’s', async (context) => {
  const asked: (string | undefined)[] = []
  let endOther = () => {}
  const upstreamPort = await httpUpstream(context, (incoming, response) => {
    asked.push(incoming.url)
    if (incoming.url !== '/silent') response.write('first')
    if (incoming.url === '/other') endOther = () => response.end(' and last')
  })
  const { session, control } = await opened(context, { upstreamPort })
  const begun = start(session, { ':path': '/begun' })
  const silent = start(session, { ':path': '/silent' })
  const other = start(session, { ':path': '/other', authorization: 'Bearer other' })
  const answers = [answerOf(begun), answerOf(silent), answerOf(other)] as const
  for (const answer of answers) answer.catch(() => undefined)
  await Promise.all([once(begun, 'data'), once(other, 'data')])
  await until(() => asked.includes('/silent'), 'it is under way')
  control.endSession('live', 'revoked')
  assert.deepEqual(
    control.finished.map(({ outcome }) => [outcome.result, outcome.reason]),
    [
      ['cut', 'revoked'],
      ['cut', 'revoked'],
    ],
  )
  await assert.rejects(answers[0], /reset with 2/)
  const { status, body } = await answers[1]
  assert.equal(status, 403)
  assert.match(body, /session\.ended/)
  endOther()
  assert.equal((await answers[2]).body, 'first and last')
  assert.equal(control.finished.at(-1)?.outcome.result, 'answered')
})

test('a stream that is reset is a client that left', async (context) => {
  const dropped: string[] = []
  const asked: (string | undefined)[] = []
  const upstreamPort = await httpUpstream(context, (incoming, response) => {
    asked.push(incoming.url)
    response.on('close', () => dropped.push(incoming.url ?? ''))
    if (incoming.url === '/begun') response.write('first')
  })
  const { session, control } = await opened(context, { upstreamPort })
  const begun = start(session, { ':path': '/begun' })
  await once(begun, 'data')
  begun.close(8)
  await until(() => dropped.includes('/begun'), 'the upstream hears of it')
  assert.deepEqual([control.finished[0]?.outcome.result, control.finished[0]?.outcome.reason], ['answered', 'the client left'])
  const silent = start(session, { ':path': '/silent' })
  await until(() => asked.includes('/silent'), 'it is under way')
  silent.close(8)
  await until(() => dropped.includes('/silent'), 'the upstream hears of it')
  assert.deepEqual([control.finished[1]?.outcome.result, control.finished[1]?.outcome.reason], ['unknown', 'the client left'])
})

test('whoever closes the gateway lets answers end, and says that no more are taken', async (context) => {
  let endIt = () => {}
  const upstreamPort = await httpUpstream(context, (_incoming, response) => {
    response.write('first')
    endIt = () => response.end(' and last')
  })
  const { session, gateway } = await opened(context, { upstreamPort })
  const stream = start(session, { ':path': '/a' })
  const answer = answerOf(stream)
  await once(stream, 'data')
  const said = once(session, 'goaway')
  const closed = gateway.close(60_000)
  assert.equal((await said)[0], 0)
  endIt()
  assert.equal((await answer).body, 'first and last')
  await closed
})

test('h2 without TLS is refused, and so is a WebSocket over HTTP/2', async (context) => {
  const upstreamPort = await echo(context)
  const { port } = await openGateway(context, { upstreamPort })
  const heard = await new Promise<string>((resolve) => {
    let text = ''
    const socket: Socket = connectInTheClear(port, '127.0.0.1', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
    })
    socket.on('close', () => resolve(text))
  })
  assert.match(heard, /^HTTP\/1\.1 400 /)
  const routes = [{ ...route('socket', 'GET', '/socket'), upgrade: 'websocket' as const }]
  const { session } = await opened(context, { upstreamPort, routes })
  const [settings] = await once(session, 'remoteSettings')
  assert.equal(settings.enableConnectProtocol, false)
  const refused = await ask(session, 'GET /socket', { 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' })
  assert.equal(refused.status, 422)
  assert.match(refused.body, /upgrade to websocket/)
})
