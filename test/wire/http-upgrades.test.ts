/** WebSocket through the gateway (RFC 6455): a handshake is an action, and its tunnel ends when the action may not go on. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import { startHttpGateway } from '../../src/gateways/http/gateway.ts'
import type { HttpLimits } from '../../src/gateways/http/limits.ts'
import { atRest, manualClock, until } from './manual-clock.ts'
import { RulesControl, systemClock } from './rules-control.ts'
import { route, service } from './services.ts'
import { keepingLog, rawUpstream } from './upstreams.ts'
import type { Clock } from '../../src/control/ports.ts'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** One text frame; a client's is masked. */
function frame(text: string, masked: boolean): Buffer {
  const payload = Buffer.from(text)
  assert.ok(payload.byteLength < 126)
  const mask = Buffer.from([1, 2, 3, 4])
  const head = Buffer.from([0x81, payload.byteLength | (masked ? 0x80 : 0)])
  return masked ? Buffer.concat([head, mask, payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]) : Buffer.concat([head, payload])
}

/** The texts of the whole frames in these bytes. */
function texts(bytes: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at + 2 <= bytes.byteLength; ) {
    const isMasked = ((bytes[at + 1] ?? 0) & 0x80) !== 0
    const length = (bytes[at + 1] ?? 0) & 0x7f
    const from = at + (isMasked ? 6 : 2)
    if (from + length > bytes.byteLength) break
    const mask = bytes.subarray(at + 2, from)
    found.push(
      Buffer.from(bytes.subarray(from, from + length).map((byte, place) => (isMasked ? byte ^ (mask[place % 4] ?? 0) : byte))).toString(),
    )
    at = from + length
  }
  return found
}

interface UpstreamSide {
  readonly socket: Socket
  head: string
  bytes: Buffer
  closed: boolean
}

/** A WebSocket server that echoes text in capitals. `answer` makes its handshake another one. */
async function echoing(context: TestContext, answer?: (accept: string) => string) {
  const sides: UpstreamSide[] = []
  const port = await rawUpstream(context, (socket) => {
    const side: UpstreamSide = { socket, head: '', bytes: Buffer.alloc(0), closed: false }
    sides.push(side)
    let echoed = 0
    socket.on('close', () => {
      side.closed = true
    })
    socket.on('data', (chunk: Buffer) => {
      side.bytes = Buffer.concat([side.bytes, chunk])
      const end = side.bytes.indexOf('\r\n\r\n')
      if (side.head === '' && end >= 0) {
        side.head = side.bytes.toString('latin1', 0, end + 4)
        side.bytes = side.bytes.subarray(end + 4)
        const [, sent = ''] = /sec-websocket-key: (\S+)/i.exec(side.head) ?? []
        const accept = hash('sha1', `${sent}${guid}`, 'base64')
        socket.write(
          answer?.(accept) ??
            `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Echo: 1\r\n\r\n`,
        )
      }
      const heard = texts(side.bytes)
      for (; echoed < heard.length; echoed += 1) socket.write(frame(heard[echoed]?.toUpperCase() ?? '', false))
    })
  })
  return { port, sides }
}

interface Options {
  readonly answer?: (accept: string) => string
  readonly clock?: Clock
  readonly limits?: Partial<HttpLimits>
  readonly lives?: number
}

async function opened(context: TestContext, { answer, clock = systemClock, limits = {}, lives }: Options = {}) {
  const upstream = await echoing(context, answer)
  const routes = [route('read', 'GET', '/items/{id}'), { ...route('live', 'GET', '/live'), upgrade: 'websocket' as const }]
  const secret = 'upstream-secret-value'
  const services = [service('shop', `http://127.0.0.1:${upstream.port}`, routes)]
  const control = new RulesControl({ services, rule: () => 'allow', clock, secrets: { shop: `Bearer ${secret}` } })
  control.letIn('live', lives)
  const gateway = await startHttpGateway({ control, clock, log: keepingLog(), limits, listen: { host: '127.0.0.1' } })
  context.after(() => Promise.race([gateway.close(0), new Promise<void>((resolve) => setTimeout(resolve, 100))]))
  return { ...upstream, control, gateway, gatewayPort: Number(new URL(gateway.urls()['shop'] ?? '').port) }
}

const handshake = [
  'GET /live HTTP/1.1',
  'Host: shop.test',
  'Authorization: Bearer live',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${key}`,
]

function dial(context: TestContext, port: number, lines: readonly string[] = handshake, after: Buffer | string = '') {
  const client = { socket: connect(port, '127.0.0.1'), head: '', bytes: Buffer.alloc(0), closed: false, reset: false }
  context.after(() => void client.socket.destroy())
  client.socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(after)]))
  client.socket.on('data', (chunk: Buffer) => {
    client.bytes = Buffer.concat([client.bytes, chunk])
    const end = client.bytes.indexOf('\r\n\r\n')
    if (client.head !== '' || end < 0) return
    client.head = client.bytes.toString('latin1', 0, end + 4)
    client.bytes = client.bytes.subarray(end + 4)
  })
  client.socket.on('error', () => {
    client.reset = true
  })
  client.socket.on('close', () => {
    client.closed = true
  })
  return client
}

test('a handshake that is an allowed action opens a tunnel: frames pass as they are, and are counted', async (context) => {
  const { sides, control, gatewayPort } = await opened(context)
  const client = dial(context, gatewayPort)
  await until(() => client.head !== '', 'the handshake is answered')
  assert.match(client.head, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
  assert.match(client.head, /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/)
  // The example of RFC 6455 §1.3.
  assert.match(client.head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/)
  assert.match(client.head, /X-Echo: 1/)
  assert.match(sides[0]?.head ?? '', /Authorization: Bearer upstream-secret-value\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n$/)
  client.socket.write(frame('hello', true))
  await until(() => texts(client.bytes).length === 1, 'the echo arrives')
  client.socket.write(Buffer.concat([frame('two', true), frame('three', true)]))
  await until(() => texts(client.bytes).length === 3, 'the others arrive')
  assert.deepEqual(texts(client.bytes), ['HELLO', 'TWO', 'THREE'])
  client.socket.end()
  await until(() => sides[0]?.closed === true && control.finished.length === 1, 'both sides are closed')
  const { outcome, decision } = control.finished[0] ?? assert.fail('nothing was recorded')
  assert.deepEqual([decision.action.operation, decision.action.arguments], ['live', {}])
  assert.deepEqual([outcome.result, outcome.status, outcome.requestBytes, outcome.responseBytes], ['answered', 101, 31, 19])
})

test('a tunnel whose upstream closes it ends in order', async (context) => {
  const { sides, control, gatewayPort } = await opened(context)
  const client = dial(context, gatewayPort)
  await until(() => client.head !== '', 'it is open')
  sides[0]?.socket.end(frame('bye', false))
  await until(() => client.closed, 'the client is told')
  assert.deepEqual([texts(client.bytes), client.reset], [['bye'], false])
  assert.equal(control.finished[0]?.outcome.result, 'answered')
})

test('a tunnel is cut in the tick in which its session ends', async (context) => {
  const { sides, control, gatewayPort } = await opened(context)
  const client = dial(context, gatewayPort)
  client.socket.once('data', () => client.socket.write(frame('one', true)))
  await until(() => texts(client.bytes).length === 1, 'it is in use')
  control.endSession('live', 'revoked by ana')
  assert.deepEqual(
    control.finished.map(({ outcome: { result, reason } }) => [result, reason]),
    [['cut', 'revoked by ana']],
  )
  client.socket.write(frame('two', true))
  await until(() => client.closed && sides[0]?.closed === true, 'both sides are cut')
  assert.deepEqual(texts(sides[0]?.bytes ?? Buffer.alloc(0)), ['one'])
})

test('a tunnel ends with its grant, and when nothing has passed for too long', async (context) => {
  for (const [lives, advance, result] of [
    [30_000, 30_000, 'cut'],
    [10_000_000, 300_500, 'failed'],
  ] as const) {
    const clock = manualClock()
    const { sides, control, gatewayPort } = await opened(context, { clock, lives })
    const client = dial(context, gatewayPort)
    await until(() => client.head !== '', 'it is open')
    clock.advance(advance - 1_000)
    assert.equal(control.finished.length, 0)
    clock.advance(1_000)
    assert.equal(control.finished[0]?.outcome.result, result)
    await until(() => client.closed && sides[0]?.closed === true, 'both sides are cut')
  }
})

test('a client that does not read stops the upstream', async (context) => {
  const { sides, gatewayPort } = await opened(context)
  const client = dial(context, gatewayPort)
  await until(() => client.head !== '', 'it is open')
  client.socket.pause()
  let written = 0
  const piece = Buffer.alloc(65_536)
  const socket = sides[0]?.socket ?? assert.fail('no upstream')
  const write = () => {
    while (written < 50_000_000) {
      written += piece.byteLength
      if (!socket.write(piece)) return
    }
  }
  socket.on('drain', write)
  write()
  await atRest(() => written)
  assert.ok(written < 20_000_000, `${written} bytes were taken`)
})

const refused: readonly (readonly [says: string, lines: readonly string[], code: string])[] = [
  ['an operation that is none', handshake.with(0, 'GET /items/7 HTTP/1.1'), 'input.invalid'],
  ['the operation without a handshake', handshake.slice(0, 3), 'input.invalid'],
  ['another protocol', handshake.with(4, 'Upgrade: h2c'), 'input.invalid'],
  ['two protocols', handshake.with(4, 'Upgrade: websocket, h2c'), 'input.invalid'],
  ['Upgrade twice', [...handshake, 'Upgrade: websocket'], 'action.ambiguous'],
  ['Upgrade without Connection', handshake.with(3, 'Connection: keep-alive'), 'action.ambiguous'],
  ['Connection without Upgrade', handshake.toSpliced(4, 1), 'action.ambiguous'],
  ['close beside it', handshake.with(3, 'Connection: close, Upgrade'), 'action.ambiguous'],
  ['no version', handshake.toSpliced(5, 1), 'input.invalid'],
  ['an old version', handshake.with(5, 'Sec-WebSocket-Version: 8'), 'input.invalid'],
  ['a short key', handshake.with(6, 'Sec-WebSocket-Key: c2hvcnQ='), 'input.invalid'],
  ['two keys', [...handshake, `Sec-WebSocket-Key: ${key}`], 'action.ambiguous'],
  ['a body', [...handshake, 'Content-Length: 1'], 'input.invalid'],
]

for (const [says, lines, code] of refused) {
  test(`refused: ${says}`, async (context) => {
    const { sides, gatewayPort } = await opened(context)
    const client = dial(context, gatewayPort, lines, says === 'a body' ? 'x' : '')
    await until(() => client.bytes.includes('urn:remit:refusal:'), 'it is refused')
    assert.match(client.bytes.toString(), new RegExp(`refusal:${code.replace('.', String.raw`\.`)}"`))
    assert.equal(sides.length, 0)
  })
}

test('refused: bytes behind the handshake before it is answered', async (context) => {
  const { sides, control, gatewayPort } = await opened(context)
  const client = dial(context, gatewayPort, handshake, frame('early', true))
  await until(() => client.bytes.includes('urn:remit:refusal:action.ambiguous'), 'it is refused')
  assert.equal(sides[0]?.head ?? '', '')
  assert.equal(control.finished[0]?.outcome.result, 'not-sent')
})

const head = (accept: string, ...more: string[]) =>
  `${['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`, ...more].join('\r\n')}\r\n\r\n`

const broken: readonly (readonly [says: string, answer: (accept: string) => string])[] = [
  ['another proof', () => head('s3pPLMBiTxaQ9kYGzzhZRbK+xOp=')],
  ['no proof', (accept) => head(accept).replace(/Sec.*\r\n/, '')],
  ['two proofs', (accept) => head(accept, `Sec-WebSocket-Accept: ${accept}`)],
  ['another protocol', (accept) => head(accept).replace('Upgrade: websocket', 'Upgrade: h2c')],
  ['no Connection', (accept) => head(accept).replace('Connection: Upgrade\r\n', '')],
  ['a subprotocol nobody offered', (accept) => head(accept, 'Sec-WebSocket-Protocol: admin')],
  ['an extension nobody offered', (accept) => head(accept, 'Sec-WebSocket-Extensions: permessage-deflate')],
  ['a body', (accept) => head(accept, 'Content-Length: 3')],
  ['the secret', (accept) => head(accept, 'X-Key: upstream-secret-value')],
]

for (const [says, answer] of broken) {
  test(`an upstream that answers the handshake with ${says}`, async (context) => {
    const { control, gatewayPort } = await opened(context, { answer })
    const client = dial(context, gatewayPort)
    await until(() => client.bytes.includes('urn:remit:refusal:upstream.malformed'), 'it is refused')
    assert.equal(control.finished[0]?.outcome.result, 'unknown')
    assert.ok(!`${client.head}${client.bytes.toString()}`.includes('upstream-secret-value'))
  })
}

test('an upstream that does not change the protocol answers as usual, and the connection goes on', async (context) => {
  const { control, gatewayPort } = await opened(context, { answer: () => 'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno' })
  const client = dial(context, gatewayPort)
  await until(() => client.bytes.toString() === 'no', 'it is answered')
  assert.match(client.head, /^HTTP\/1\.1 426 /)
  await until(() => control.finished.length === 1, 'it is over')
  assert.equal(client.closed, false)
})

test('what comes back through a tunnel is bounded by a duty as any answer is, and so is its time', async (context) => {
  const clock = manualClock()
  const { control, gatewayPort } = await opened(context, { clock })
  control.obligations = { answerBytesMax: 15, millisecondsMax: 3_000 }
  const [large, long] = [dial(context, gatewayPort), dial(context, gatewayPort)]
  await until(() => large.head !== '' && long.head !== '', 'the handshakes are answered')
  large.socket.write(frame('hello', true))
  await until(() => texts(large.bytes).length === 1, 'seven bytes pass')
  large.socket.write(frame('hello again', true))
  await until(() => large.closed, 'thirteen more do not')
  assert.deepEqual(texts(large.bytes), ['HELLO'])
  clock.advance(3_000)
  await until(() => long.closed, 'the other one is cut in its time')
  assert.deepEqual(
    control.finished.map(({ outcome: { result, reason, responseBytes } }) => [result, reason, responseBytes]),
    [
      ['cut', 'a duty demands answer<=15B', 7],
      ['cut', 'a duty demands time<=3s', 0],
    ],
  )
})
