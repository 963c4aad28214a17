/** An MCP server over HTTP, by the byte: what it may answer, what is refused, and that it is left alone once it cannot be reached. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ownAddress } from '../../../test/world/own-address.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { defaultFrontLimits } from './front-limits.ts'
import type { Message, ServerCall } from './ports.ts'
import { HttpMcpServer, type HttpServerLimits } from './upstream-http.ts'

const message: Message = {
  kind: 'request',
  id: '1',
  method: 'ping',
  params: {},
  bytes: Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}'),
}
const clock = {
  now: () => Date.now(),
  after: (milliseconds: number, work: () => void) => {
    const timer = setTimeout(work, milliseconds)
    return () => clearTimeout(timer)
  },
}

/** Answers each whole request with these bytes. */
async function serverOf(
  context: TestContext,
  answer: (socket: Socket, request: string) => void,
): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => {
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      if (!text.endsWith('}')) return
      const request = text
      text = ''
      answer(socket, request)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

function reach(context: TestContext, port: number, limits: Partial<HttpServerLimits> = {}, host = '127.0.0.1'): HttpMcpServer {
  const credential = () => done(['Authorization', 'Bearer its-own-secret'] as const)
  const all = { ...defaultFrontLimits, ...limits }
  const server = new HttpMcpServer({
    service: 'tools',
    origin: `http://${host}:${port}`,
    endpoint: '/mcp',
    clock,
    limits: all,
    credential,
  })
  context.after(() => server.close())
  return server
}

interface Heard {
  readonly status?: number
  readonly form?: string
  readonly text: string
  readonly broken?: Refusal
}

function send(
  server: HttpMcpServer,
  headers: readonly (readonly [string, string])[] = [],
  onData?: (call: ServerCall) => void,
): Promise<Heard> {
  return new Promise((resolve) => {
    let heard: Heard = { text: '' }
    const call: ServerCall = server.send(
      { message, headers, method: 'POST', mayGo: () => done(undefined) },
      {
        onHead: ({ status, form }) => {
          heard = { ...heard, status, form }
        },
        onData: (bytes) => {
          heard = { ...heard, text: heard.text + Buffer.from(bytes).toString() }
          onData?.(call)
        },
        onEnd: () => resolve(heard),
        onBroken: (broken) => resolve({ ...heard, broken }),
      },
    )
  })
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
const answers: readonly { readonly says: string; readonly bytes: string; readonly ends?: boolean; readonly want: Heard }[] = [
  { says: 'of a length', bytes: `${ok}Content-Length: 4\r\n\r\nabcd`, want: { status: 200, form: 'json', text: 'abcd' } },
  {
    says: 'in chunks',
    bytes: `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nA-Trailer: b\r\n\r\n`,
    want: { status: 200, form: 'json', text: 'abcde' },
  },
  { says: 'to the end of its connection', bytes: `${ok}\r\nabc`, ends: true, want: { status: 200, form: 'json', text: 'abc' } },
  { says: 'of HTTP/1.0', bytes: `${ok.replace('1.1', '1.0')}\r\nabc`, ends: true, want: { status: 200, form: 'json', text: 'abc' } },
  {
    says: 'after interim answers',
    bytes: `HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n${ok}Content-Length: 1\r\n\r\na`,
    want: { status: 200, form: 'json', text: 'a' },
  },
]
for (const { says, bytes, ends = false, want } of answers)
  test(`takes an answer ${says}`, async (context) => {
    const { port } = await serverOf(context, (socket) => (ends ? socket.end(bytes) : socket.write(bytes)))
    assert.deepEqual(await send(reach(context, port)), want)
  })

const bad: readonly { readonly says: string; readonly bytes: string; readonly ends?: boolean; readonly want: RegExp }[] = [
  { says: 'with two lengths', bytes: `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, want: /^upstream\.malformed/ },
  {
    says: 'with a length and chunks',
    bytes: `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    want: /^upstream\.malformed/,
  },
  { says: 'with lines that end in a line feed alone', bytes: 'HTTP/1.1 200 OK\nContent-Length: 1\n\na', ends: true, want: /^upstream\./ },
  { says: 'that is no HTTP', bytes: 'SSH-2.0-x\r\n\r\n', want: /^upstream\.malformed/ },
  { says: 'that changes the protocol', bytes: 'HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n', want: /^upstream\.malformed/ },
  {
    says: 'that leads elsewhere',
    bytes: 'HTTP/1.1 302 Go\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n',
    want: /^upstream\.malformed: status 302/,
  },
  { says: 'that does not take the credential', bytes: 'HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n', want: /^upstream\.credential/ },
  { says: 'that is encoded', bytes: `${ok}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na`, want: /^upstream\.malformed/ },
  { says: 'that breaks off', bytes: `${ok}Content-Length: 9\r\n\r\nabc`, ends: true, want: /^upstream\.unreachable: it broke off/ },
  { says: 'that never begins', bytes: '', ends: true, want: /^upstream\.unreachable/ },
  { says: 'with a head beyond its bound', bytes: `${ok}X: ${'y'.repeat(40_000)}\r\n`, want: /^upstream\.malformed/ },
]
for (const { says, bytes, ends = false, want } of bad)
  test(`refuses an answer ${says}`, async (context) => {
    const { port } = await serverOf(context, (socket) => (ends ? socket.end(bytes) : socket.write(bytes)))
    const { broken } = await send(reach(context, port))
    assert.match(`${broken?.code}${broken?.detail === undefined ? '' : `: ${broken.detail}`}`, want)
  })

test('one connection carries call after call; what a client says passes, and its host where the server is on this machine', async (context) => {
  const requests: string[] = []
  let connections = 0
  const { port, server } = await serverOf(context, (socket, request) => {
    requests.push(request)
    socket.write(`${ok}Content-Length: 2\r\n\r\nok`)
  })
  server.on('connection', () => (connections += 1))
  const reached = reach(context, port)
  for (let turn = 0; turn < 3; turn += 1) {
    const headers = [
      ['Host', 'name-of-the-client:80'],
      ['mcp-name', 'x'],
      ['traceparent', 'y'],
    ] as const
    assert.equal((await send(reached, headers)).text, 'ok')
  }
  assert.equal(connections, 1)
  const [head = ''] = (requests[2] ?? '').split('\r\n\r\n')
  assert.deepEqual(head.split('\r\n').toSorted(), [
    'Authorization: Bearer its-own-secret',
    'Connection: keep-alive',
    `Content-Length: ${message.bytes.byteLength}`,
    'Content-Type: application/json',
    'Host: name-of-the-client:80',
    'POST /mcp HTTP/1.1',
    'mcp-name: x',
    'traceparent: y',
  ])
})

test('nothing is sent a second time where a kept connection dies', async (context) => {
  let requests = 0
  const { port } = await serverOf(context, (socket) => {
    requests += 1
    if (requests === 1) socket.write(`${ok}Content-Length: 2\r\n\r\nok`)
    else socket.destroy()
  })
  const reached = reach(context, port)
  assert.equal((await send(reached)).text, 'ok')
  assert.equal((await send(reached)).broken?.code, 'upstream.unreachable')
  await sleep(20)
  assert.equal(requests, 2)
})

test('a call that is aborted while its answer comes takes its connection with it, and hears no more', async (context) => {
  const closed = Promise.withResolvers<void>()
  const { port } = await serverOf(context, (socket) => {
    socket.on('close', () => closed.resolve())
    socket.write(`${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`)
  })
  void send(reach(context, port), [], (call) => call.abort())
  await closed.promise
})

test('one that answers too late is told so, and one that cannot be reached is left alone for a while', async (context) => {
  const { port } = await serverOf(context, () => {})
  assert.equal((await send(reach(context, port, { answerMs: 30 }))).broken?.code, 'upstream.timeout')
  const nobody = ownAddress()
  // For longer than a busy machine takes to ask once more.
  const gone = reach(context, nobody.port, { restMs: 60_000, restMsMax: 60_000 }, nobody.host)
  for (let turn = 0; turn < defaultFrontLimits.connectFailuresMax; turn += 1)
    assert.equal((await send(gone)).broken?.code, 'upstream.unreachable')
  assert.equal(gone.health.state, 'resting')
  assert.equal((await send(gone)).broken?.code, 'upstream.resting')
})
