/** Frames of HTTP/2 that are malformed or out of their state: the right error, and nothing of them at the upstream. */
import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { endHeaders, endStream, frame, FramesClient, request, requestFields } from '../wire/http2-frames-client.ts'
import { until } from '../wire/manual-clock.ts'
import { openSecuredGateway } from '../wire/tls-services.ts'
import { httpUpstream, rawUpstream, wholeBody } from '../wire/upstreams.ts'
import { route } from '../wire/services.ts'
import { type FrameCase, frameCases } from './http2-cases.ts'

const lifetime = { after: (work: () => void | Promise<void>) => after(work) }
const received: string[] = []
const upstreamPort = await httpUpstream(lifetime, (incoming, response) => {
  void (async () => {
    // What breaks off is no request.
    const body = await wholeBody(incoming).catch(() => undefined)
    if (body === undefined) return
    received.push(`${incoming.method} ${incoming.url} ${body}`.trim())
    response.end('{}')
  })()
})
const routes = [
  route('read', 'GET', '/{path*}'),
  route('write', 'POST', '/{path*}'),
  route('options', 'OPTIONS', '/{path*}'),
  { ...route('socket', 'GET', '/socket'), upgrade: 'websocket' as const },
]
const limits = { anonymousRefusalsMax: 1_000_000 }
const house = await openSecuredGateway(lifetime, { upstreamPort, routes, limits })

for (const each of frameCases) {
  test(each.says, async () => {
    await hold(each, (client, bytes) => client.send(bytes))
    await hold(each, (client, bytes) => {
      for (let at = 0; at < bytes.byteLength; at += 7) client.send(bytes.subarray(at, at + 7))
    })
  })
}

test('a body that is whole by its length goes up with the end of the stream, and not if more comes', async (context) => {
  let bytes = ''
  const upstream = await rawUpstream(context, (socket) => {
    socket.on('data', (piece: Buffer) => {
      bytes += piece.toString('latin1')
      if (bytes.endsWith('hello')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
  })
  const { port } = await openSecuredGateway(context, { upstreamPort: upstream, routes })
  const client = await FramesClient.open(port)
  const begin = (stream: number) => request(stream, 'POST', '/a', { flags: endHeaders, more: [['content-length', '5']] })
  client.send(begin(1), frame('DATA', 0, 1, 'hel'))
  await until(() => bytes.endsWith('hel'), 'what cannot be the end goes up')
  client.send(frame('DATA', 0, 1, 'lo'), frame('PING', 0, 0, '12345678'))
  assert.ok(await client.until(() => client.of(0, 'PING').length > 0))
  client.send(frame('DATA', endStream, 1, 'x'))
  assert.ok(await client.until(() => client.status(1) === 400 && client.reset(1) === 'PROTOCOL_ERROR'), 'refused')
  assert.ok(bytes.endsWith('\r\nhel'), `no whole body went up: ${bytes}`)
  client.send(begin(3), frame('DATA', 0, 3, 'hello'), frame('DATA', endStream, 3))
  assert.ok(await client.until(() => client.status(3) === 200), 'and with its end it does')
  client.destroy()
})

test('there are as many cases as are promised', () => {
  assert.ok(frameCases.length >= 60, `${frameCases.length}`)
  assert.equal(new Set(frameCases.map(({ says }) => says)).size, frameCases.length)
})

async function hold({ hello, sends, wants, up = [] }: FrameCase, send: (client: FramesClient, bytes: Buffer) => void): Promise<void> {
  received.length = 0
  house.control.finished.length = 0
  const client = hello === undefined ? await FramesClient.open(house.port) : await FramesClient.open(house.port, Buffer.concat(hello))
  send(client, Buffer.concat(sends))
  const wanted = wants.split(', ')
  const said = () =>
    client.frames.map(({ type, stream, flags, payload }) => `${type} ${stream} ${flags} ${payload.toString('latin1', 0, 200)}`).join('\n')
  for (const want of wanted) assert.ok(await client.until(() => isMet(client, want)), `${want} wanted:\n${said()}`)
  if (wants.includes('goaway')) {
    assert.ok(await client.until(() => client.isClosed), 'the connection goes on')
  } else {
    // HPACK and the states of the other streams have not suffered.
    client.send(frame('HEADERS', endHeaders | endStream, 99, requestFields('GET', '/probe')))
    assert.ok(await client.until(() => client.status(99) === 200), `the connection does not go on:\n${said()}`)
    assert.equal(client.goaway, undefined)
  }
  client.destroy()
  const barrier = await FramesClient.open(house.port)
  barrier.send(frame('HEADERS', endHeaders | endStream, 1, requestFields('GET', '/probe')))
  assert.ok(await barrier.until(() => barrier.status(1) === 200), 'the next client is not answered')
  barrier.destroy()
  const lines = received.filter((line) => line !== 'GET /probe')
  assert.deepEqual(lines, up, 'what went up')
  assert.deepEqual(
    house.log.lines.filter((line) => line.startsWith('error')),
    [],
  )
}

function isMet(client: FramesClient, want: string): boolean {
  const [what, first = '', second] = want.split(' ')
  if (what === 'goaway') return client.goaway === first
  if (what === 'reset') return client.reset(Number(first)) === second
  return client.status(Number(first)) === Number(second)
}
