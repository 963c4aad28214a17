/** What a client may do to the gateway by sending too much, too slowly, or nothing: others are served meanwhile, and the journal stays. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import test, { type TestContext } from 'node:test'
import { ask as askUrl, openGateway } from './http-gateways.ts'
import { atRest, manualClock, settled, until } from './manual-clock.ts'
import { httpUpstream, recordingUpstream, wholeBody } from './upstreams.ts'

const live = 'Host: shop.test\r\nAuthorization: Bearer live\r\n'

function dial(context: TestContext, port: number, bytes = '') {
  const client = { socket: connect(port, '127.0.0.1'), heard: '', closed: false, reset: false }
  context.after(() => void client.socket.destroy())
  client.socket.on('data', (chunk: Buffer) => {
    client.heard += chunk.toString('latin1')
  })
  client.socket.on('error', () => {
    client.reset = true
  })
  client.socket.on('close', () => {
    client.closed = true
  })
  if (bytes !== '') client.socket.write(bytes, 'latin1')
  return client
}

test('a body that comes too slowly is given up, and what became of it is unknown', async (context) => {
  const clock = manualClock()
  let bytes = 0
  let aborted = false
  const upstreamPort = await httpUpstream(context, (incoming) => {
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength
    })
    incoming.on('error', () => {
      aborted = true
    })
  })
  const { port, control } = await openGateway(context, { upstreamPort, clock })
  const client = dial(context, port, `POST /import HTTP/1.1\r\n${live}Content-Length: 100000\r\n\r\n`)
  // A byte a second: after 30 seconds it must have been 500 a second.
  for (let second = 0; second < 30; second += 1) {
    client.socket.write('x')
    await until(() => bytes === second + 1, 'the byte arrives')
    assert.equal(control.finished.length, 0)
    clock.advance(1_000)
  }
  clock.advance(1_000)
  await until(() => client.closed && aborted, 'both sides are closed')
  assert.match(client.heard, /^HTTP\/1\.1 400 .*input\.malformed.*too slowly/s)
  assert.deepEqual(
    control.finished.map(({ outcome: { result, reason, requestBytes } }) => [result, reason, requestBytes]),
    [['unknown', 'input.malformed', 30]],
  )
})

test('a body that waits for its upstream is not slow', async (context) => {
  const clock = manualClock()
  let read: (() => void) | undefined
  const upstreamPort = await httpUpstream(context, (incoming, response) => {
    read = () => {
      void wholeBody(incoming).then((body) => response.end(`${body.length}`))
    }
  })
  const { port } = await openGateway(context, { upstreamPort, clock, lives: 10_000_000 })
  const client = dial(context, port, `POST /import HTTP/1.1\r\n${live}Content-Length: 30000000\r\n\r\n`)
  client.socket.write(Buffer.alloc(30_000_000, 'x'))
  await until(() => read !== undefined, 'the upstream is asked')
  await atRest(() => client.socket.writableLength)
  clock.advance(200_000)
  read?.()
  await until(() => client.heard.includes('30000000'), 'it is answered')
})

test('a body whose chunks break in the middle: the upstream is cut off, the client told, the connection closed', async (context) => {
  let complete: boolean | undefined
  let bytes = 0
  const upstreamPort = await httpUpstream(context, (incoming) => {
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength
    })
    incoming.on('error', () => {})
    incoming.on('close', () => {
      complete = incoming.complete
    })
  })
  const { port, control } = await openGateway(context, { upstreamPort })
  const client = dial(context, port, `POST /import HTTP/1.1\r\n${live}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`)
  await until(() => bytes === 3, 'it is under way')
  client.socket.write('2\r\nabc\r\n0\r\n\r\n')
  await until(() => client.closed && complete !== undefined, 'both sides are closed')
  assert.equal(complete, false)
  assert.match(client.heard, /^HTTP\/1\.1 400 .*Connection: close.*a chunk is longer than it says/s)
  assert.equal(control.finished[0]?.outcome.result, 'unknown')
})

test('a head of ten megabytes is refused when its bound is reached, and not kept', async (context) => {
  const upstream = await recordingUpstream(context)
  const { port, control } = await openGateway(context, { upstreamPort: upstream.port })
  const client = dial(context, port, `GET /a HTTP/1.1\r\n${live}X-A: ${'a'.repeat(10_000_000)}\r\n\r\n`)
  await until(() => client.closed, 'it is closed')
  assert.match(client.heard, /^HTTP\/1\.1 413 .*input\.too-large/s)
  assert.equal(control.refusals.length, 1)
  assert.equal(upstream.received.length, 0)
})

test('a head that comes a byte at a time is given up as a whole', async (context) => {
  const clock = manualClock()
  const upstream = await recordingUpstream(context)
  const { port, control } = await openGateway(context, { upstreamPort: upstream.port, clock })
  const client = dial(context, port)
  for (const [second, byte] of [...`GET /a HTTP/1.1\r\n`].entries()) {
    client.socket.write(byte)
    await settled()
    if (second < 9) assert.equal(client.heard, '')
    clock.advance(1_000)
  }
  await until(() => client.heard !== '', 'it is refused')
  assert.match(client.heard, /took too long/)
  assert.equal(control.refusals.length, 1)
})

test('pipelined requests are answered in their order, whatever each takes', async (context) => {
  const upstreamPort = await httpUpstream(context, (incoming, response) => {
    void wholeBody(incoming).then((body) => setTimeout(() => response.end(`${incoming.url}${body};`), incoming.url === '/slow' ? 50 : 0))
  })
  const { port } = await openGateway(context, { upstreamPort })
  const get = (path: string) => `GET ${path} HTTP/1.1\r\n${live}\r\n`
  const post = `POST /b HTTP/1.1\r\n${live}Content-Length: 42\r\n\r\n${get('/smuggled').slice(0, 42)}`
  const client = dial(context, port, `${get('/slow')}${post}${get('/../x')}${get('/c')}nonsense\r\n\r\n${get('/d')}`)
  await until(() => client.closed, 'the last is refused, and the connection closed')
  const order = [...client.heard.matchAll(/\/slow;|\/bGET \/smuggled|dot segment|\/c;|not HTTP\/1\.1|\/d;/g)].map(([found]) => found)
  assert.deepEqual(order, ['/slow;', '/bGET /smuggled', 'dot segment', '/c;', 'not HTTP/1.1'])
})

test('a connection is closed after the answer where its client says so, and HEAD has no body, also when it is refused', async (context) => {
  const upstream = await recordingUpstream(context)
  const { port } = await openGateway(context, { upstreamPort: upstream.port })
  const closes = dial(context, port, `GET /a HTTP/1.1\r\n${live}Connection: close\r\n\r\n`)
  await until(() => closes.closed, 'it is closed')
  assert.match(closes.heard, /^HTTP\/1\.1 200 OK\r\n.*\r\nConnection: close\r\n\r\n\{\}$/s)
  assert.equal(closes.reset, false)
  const heads = dial(context, port, 'HEAD /a HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n')
  await until(() => heads.closed, 'it is closed')
  assert.match(heads.heard, /^HTTP\/1\.1 401 .*Content-Length: [1-9].*\r\n\r\n$/s)
})

test('interim answers of the upstream pass, its 100 does not, and its secret never', async (context) => {
  const upstreamPort = await httpUpstream(context, (_incoming, response) => {
    response.writeContinue()
    response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    response.end('ok')
  })
  const { port } = await openGateway(context, { upstreamPort })
  const client = dial(context, port, `GET /a HTTP/1.1\r\n${live}\r\n`)
  await until(() => client.heard.endsWith('ok'), 'it is answered')
  assert.match(client.heard, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
})

test('refusals of callers nobody knows are counted beyond their bound, and known callers’ never', async (context) => {
  const clock = manualClock()
  const upstream = await recordingUpstream(context)
  const limits = { anonymousRefusalsMax: 5, anonymousRefusalsPerMinuteMax: 60 }
  const { port, control, url } = await openGateway(context, { upstreamPort: upstream.port, clock, limits, lives: 10_000_000 })
  const knock = async () => {
    const client = dial(context, port, 'GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n')
    await until(() => client.heard !== '', 'it is answered')
    return client
  }
  for (let time = 0; time < 5; time += 1) assert.match((await knock()).heard, /credential\.missing.*"decision":"dec_/)
  for (let time = 0; time < 7; time += 1) {
    const client = await knock()
    assert.match(client.heard, /^HTTP\/1\.1 429 .*Retry-After.*Connection: close.*rate\.exceeded/s)
    await until(() => client.closed, 'the connection is closed')
  }
  const broken = dial(context, port, 'nonsense\r\n\r\n')
  await until(() => broken.closed, 'it is closed')
  assert.match(broken.heard, /429/)
  assert.equal(control.refusals.length, 5)
  // Whoever has a token is refused by name, and recorded, each time.
  for (let time = 0; time < 3; time += 1) assert.equal((await askUrl(`${url}/nowhere`, 'DELETE')).status, 403)
  assert.equal(control.refusals.length, 8)
  // A second later one more may be recorded.
  clock.advance(1_000)
  assert.match((await knock()).heard, /credential\.missing/)
  clock.advance(60_000)
  const summary = control.refusals.at(-1)
  assert.equal(summary?.refusal.code, 'rate.exceeded')
  assert.match(summary?.refusal.detail ?? '', /^8 more refused requests from 127\.0\.0\.1/)
  assert.equal(control.refusals.length, 10)
})

test('a port full of idle connections makes room: the one that was idle longest goes', async (context) => {
  const clock = manualClock()
  const upstream = await recordingUpstream(context)
  const { port, ask } = await openGateway(context, { upstreamPort: upstream.port, clock, limits: { connectionsPerServiceMax: 20 } })
  const idle: ReturnType<typeof dial>[] = []
  for (let place = 0; place < 20; place += 1) {
    const client = dial(context, port)
    await once(client.socket, 'connect')
    idle.push(client)
    clock.advance(1_000)
  }
  assert.equal((await ask('GET', '/a')).status, 200)
  await until(() => idle[0]?.closed === true, 'the first one is closed')
  assert.equal(idle.filter(({ closed }) => closed).length, 1)
})

const opener = `
const { connect } = require('node:net')
const [port, count] = process.argv.slice(1).map(Number)
let open = 0, closed = 0
const next = () => {
  if (open === count) return console.log('open')
  const socket = connect(port, '127.0.0.1', () => { open += 1; if (open % 2 === 0) socket.write('GET /a HTTP/1.1\\r\\n'); next() })
  socket.on('error', () => {})
  socket.on('close', () => { closed += 1 })
}
for (let lane = 0; lane < 1; lane += 1) next()
process.stdin.on('data', () => console.log('closed ' + closed))
`

test('ten thousand idle connections, half of them in the middle of a head, disturb nobody', async (context) => {
  const upstream = await recordingUpstream(context)
  const { ask, port } = await openGateway(context, { upstreamPort: upstream.port, limits: { headersMs: 120_000 } })
  const before = process.memoryUsage().rss
  const child = spawn(process.execPath, ['-e', opener, `${port}`, '10000'], { stdio: ['pipe', 'pipe', 'inherit'] })
  context.after(() => void child.kill())
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const end = Date.now() + 60_000
  while (!said.includes('open')) {
    assert.ok(Date.now() < end, 'they are never all open')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const answers = await Promise.all(Array.from({ length: 200 }, (_, place) => ask('GET', `/n/${place}`)))
  assert.ok(answers.every(({ status }) => status === 200))
  child.stdin.write('how many\n')
  await until(() => said.includes('closed'), 'the child has counted')
  assert.match(said, /closed 0/)
  const each = (process.memoryUsage().rss - before) / 10_000
  assert.ok(each < 20_000, `${each} bytes each`)
})
