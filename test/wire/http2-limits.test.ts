/** What a client of HTTP/2 may not do to us: floods, frames for nothing, slowness, and taking without end. By raw frames. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import type { HttpLimits } from '../../src/gateways/http/limits.ts'
import { endHeaders, endStream, fields, frame, FramesClient, number, preface, request, requestFields } from './http2-frames-client.ts'
import { atRest, manualClock, settled, until } from './manual-clock.ts'
import { openSecuredGateway, type SecuredOptions } from './tls-services.ts'
import { httpUpstream, rawUpstream, recordingUpstream } from './upstreams.ts'

async function opened(context: TestContext, options: SecuredOptions) {
  const house = await openSecuredGateway(context, options)
  const open = async (hello?: Buffer) => {
    const client = await (hello === undefined ? FramesClient.open(house.port) : FramesClient.open(house.port, hello))
    context.after(() => client.destroy())
    return client
  }
  return { ...house, open }
}

const silent = (context: TestContext) => httpUpstream(context, () => undefined)
const times = (count: number, make: (at: number) => Buffer) => Buffer.concat(Array.from({ length: count }, (_, at) => make(at)))
const open = (stream: number) => request(stream, 'POST', '/a', { flags: endHeaders })
const bad = (stream: number) => request(stream, 'GET', '/a', { more: [['connection', 'close']] })
const limits: Partial<HttpLimits> = { resetsMax: 20, resetsPerSecondMax: 1, idleFramesMax: 50, idleFramesPerSecondMax: 1 }

/** Each is let pass a few times, and ends the connection when it goes on. */
const floods: readonly {
  readonly says: string
  readonly first?: Buffer
  readonly flood: (at: number) => Buffer
  readonly allowed: number
}[] = [
  {
    says: 'requests that are reset at once (CVE-2023-44487)',
    flood: (at) => Buffer.concat([request(at * 2 + 1, 'GET', '/a'), frame('RST_STREAM', 0, at * 2 + 1, number(8))]),
    allowed: 20,
  },
  { says: 'requests that we must reset: malformed ones', flood: (at) => bad(at * 2 + 1), allowed: 20 },
  {
    says: 'requests that we must reset: a window wider by nothing (CVE-2025-8671)',
    flood: (at) => Buffer.concat([open(at * 2 + 1), frame('WINDOW_UPDATE', 0, at * 2 + 1, number(0))]),
    allowed: 20,
  },
  {
    says: 'requests that we must reset: DATA behind their end (CVE-2025-8671)',
    flood: (at) => Buffer.concat([request(at * 2 + 1, 'GET', '/a'), frame('DATA', 0, at * 2 + 1, 'x')]),
    allowed: 20,
  },
  { says: 'PING', flood: () => frame('PING', 0, 0, '12345678'), allowed: 50 },
  { says: 'SETTINGS', flood: () => frame('SETTINGS', 0, 0), allowed: 49 },
  { says: 'acknowledged SETTINGS', flood: () => frame('SETTINGS', 1, 0), allowed: 49 },
  { says: 'PRIORITY', flood: () => frame('PRIORITY', 0, 1, Buffer.alloc(5)), allowed: 49 },
  { says: 'WINDOW_UPDATE of the connection', flood: () => frame('WINDOW_UPDATE', 0, 0, number(1)), allowed: 49 },
  { says: 'WINDOW_UPDATE of a stream', first: open(1), flood: () => frame('WINDOW_UPDATE', 0, 1, number(1)), allowed: 49 },
  { says: 'DATA without a byte', first: open(1), flood: () => frame('DATA', 0, 1), allowed: 49 },
  { says: 'DATA that is padding alone', first: open(1), flood: () => frame('DATA', 8, 1, Buffer.from([3, 0, 0, 0])), allowed: 49 },
  { says: 'frames that nobody knows', flood: () => frame(0x42, 0, 0, 'x'), allowed: 49 },
  {
    says: 'resets of streams that are over',
    first: Buffer.concat([open(1), frame('RST_STREAM', 0, 1, number(8))]),
    flood: () => frame('RST_STREAM', 0, 1, number(8)),
    allowed: 49,
  },
]

for (const { says, first = Buffer.alloc(0), flood, allowed } of floods) {
  test(`too many: ${says}`, async (context) => {
    // By a clock that stands still nothing is forgiven meanwhile.
    const { open: connect, control } = await opened(context, { upstreamPort: await silent(context), limits, clock: manualClock() })
    const client = await connect()
    client.send(first, times(allowed - 5, flood))
    await settled()
    assert.equal(client.goaway, undefined, 'a few are let pass')
    client.send(times(100, (at) => flood(at + allowed - 5)))
    assert.ok(await client.until(() => client.goaway === 'ENHANCE_YOUR_CALM'), `${client.goaway} after ${client.frames.length} frames`)
    assert.ok(await client.until(() => client.isClosed), 'the connection is closed')
    assert.ok(control.finished.length <= allowed + 1)
    const next = await connect()
    next.send(request(1, 'GET', '/a/../b'))
    assert.ok(await next.until(() => next.status(1) === 400), 'nobody else is disturbed')
  })
}

test('frames for nothing are forgiven with time, and for what was of use', async (context) => {
  const clock = manualClock()
  const { port } = await recordingUpstream(context)
  const { open: connect } = await opened(context, { upstreamPort: port, limits: { ...limits, idleFramesPerSecondMax: 40 }, clock })
  const client = await connect()
  const pings = async (count: number) => {
    const before = client.of(0, 'PING').length
    client.send(times(count, () => frame('PING', 0, 0, '12345678')))
    await client.until(() => client.of(0, 'PING').length === before + count || client.goaway !== undefined)
  }
  await pings(49)
  clock.advance(1_000)
  await pings(40)
  for (let stream = 1; stream <= 39; stream += 2) client.send(request(stream, 'GET', '/a'))
  assert.ok(await client.until(() => client.status(39) === 200))
  await pings(40)
  assert.equal(client.goaway, undefined)
  await pings(10)
  assert.equal(client.goaway, 'ENHANCE_YOUR_CALM')
})

test('a head without an end: CONTINUATION after CONTINUATION (CVE-2024-27316)', async (context) => {
  const { open: connect } = await opened(context, { upstreamPort: await silent(context) })
  for (const piece of [Buffer.alloc(0), fields([['x-a', 'b']]), fields([['x-a', 'b'.repeat(8_000)]])]) {
    const client = await connect()
    client.send(
      frame('HEADERS', endStream, 1, requestFields('GET', '/a')),
      times(100, () => frame('CONTINUATION', 0, 1, piece)),
    )
    assert.ok(await client.until(() => client.goaway === 'ENHANCE_YOUR_CALM'))
  }
})

test('a small head that unpacks into a large one is refused, and nothing else suffers', async (context) => {
  const { port } = await recordingUpstream(context)
  const { open: connect } = await opened(context, { upstreamPort: port })
  const client = await connect()
  const kept = Buffer.concat([Buffer.from([0x40, 3]), Buffer.from('x-a'), Buffer.from([0x7f, 0x81, 0x1e]), Buffer.from('b'.repeat(3_968))])
  const bomb = Buffer.concat([requestFields('GET', '/a'), kept, Buffer.alloc(12_000, 0x80 | 62)])
  client.send(frame('HEADERS', endHeaders | endStream, 1, bomb), request(3, 'GET', '/a'))
  assert.ok(await client.until(() => client.status(1) === 413 && client.status(3) === 200), 'refused, and the next is answered')
})

test('more requests at a time than are allowed are refused, and may come again', async (context) => {
  const answers: (() => void)[] = []
  const upstreamPort = await httpUpstream(context, (_incoming, response) => answers.push(() => response.end('ok')))
  const { open: connect } = await opened(context, { upstreamPort, limits: { streamsPerConnectionMax: 3 } })
  const client = await connect()
  client.send(times(5, (at) => request(at * 2 + 1, 'GET', '/a')))
  assert.ok(await client.until(() => client.reset(7) === 'REFUSED_STREAM' && client.reset(9) === 'REFUSED_STREAM'))
  await until(() => answers.length === 3, 'three went up')
  for (const answer of answers) answer()
  assert.ok(await client.until(() => [1, 3, 5].every((stream) => client.isOver(stream))))
  client.send(request(11, 'GET', '/a'))
  await until(() => answers.length === 4, 'the next goes up')
})

test('who does not read what it asks for is given up', async (context) => {
  const { open: connect, control } = await opened(context, { upstreamPort: await silent(context), limits: { idleFramesMax: 1_000_000 } })
  const client = await connect()
  client.pause()
  client.send(request(1, 'GET', '/a'))
  await until(() => control.finished.length === 0, 'it begins')
  for (let round = 0; round < 400 && control.finished.length === 0; round += 1) {
    client.send(times(2_000, () => frame('PING', 0, 0, '12345678')))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await until(() => control.finished.length === 1, 'its request is dropped')
})

test('an answer goes no faster than its window, and the upstream no faster than that', async (context) => {
  let sent = 0
  const upstreamPort = await rawUpstream(context, (socket: Socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n')
      const more = () => {
        while (sent < 50_000_000) {
          sent += 50_000
          if (!socket.write(Buffer.alloc(50_000))) return void socket.once('drain', more)
        }
      }
      more()
    })
  })
  const { open: connect } = await opened(context, { upstreamPort })
  const client = await connect()
  client.send(request(1, 'GET', '/a'))
  assert.ok(await client.until(() => client.body(1).byteLength === 65_535), 'the window is used')
  // What the system keeps on the way is full.
  await atRest(() => sent)
  assert.equal(client.body(1).byteLength, 65_535)
  assert.ok(sent < 20_000_000, `${sent} bytes left the upstream`)
  client.send(frame('WINDOW_UPDATE', 0, 1, number(10)))
  await settled()
  assert.equal(client.body(1).byteLength, 65_535, 'the window of the connection is used as well')
  client.send(frame('WINDOW_UPDATE', 0, 0, number(1_000_000)))
  assert.ok(await client.until(() => client.body(1).byteLength === 65_545))
  client.send(frame('WINDOW_UPDATE', 0, 1, number(999_990)))
  assert.ok(await client.until(() => client.body(1).byteLength === 1_065_535))
  assert.ok(client.of(1, 'DATA').every(({ payload }) => payload.byteLength <= 16_384))
})

test('two answers share the window of the connection, to the byte', async (context) => {
  const upstreamPort = await httpUpstream(context, (incoming, response) =>
    response.end('x'.repeat(incoming.url === '/few' ? 1_000 : 100_000)),
  )
  const { open: connect } = await opened(context, { upstreamPort })
  const client = await connect()
  client.send(request(1, 'GET', '/few'))
  assert.ok(await client.until(() => client.isOver(1)))
  client.send(request(3, 'GET', '/many'))
  assert.ok(await client.until(() => client.body(3).byteLength >= 64_535))
  await settled()
  assert.equal(client.body(3).byteLength, 64_535)
  client.send(frame('WINDOW_UPDATE', 0, 0, number(200_000)), frame('WINDOW_UPDATE', 0, 3, number(200_000)))
  assert.ok(await client.until(() => client.isOver(3)))
  assert.equal(client.body(3).byteLength, 100_000)
})

test('a window that was taken back is waited for', async (context) => {
  const upstreamPort = await httpUpstream(context, (_incoming, response) => response.end('x'.repeat(100)))
  const { open: connect } = await opened(context, { upstreamPort })
  const small = Buffer.concat([Buffer.from([0, 4]), number(10)])
  const client = await connect(Buffer.concat([Buffer.from(preface), frame('SETTINGS', 0, 0, small)]))
  client.send(request(1, 'GET', '/a'))
  assert.ok(await client.until(() => client.body(1).byteLength === 10))
  client.send(frame('SETTINGS', 0, 0, Buffer.concat([Buffer.from([0, 4]), number(0)])), frame('WINDOW_UPDATE', 0, 1, number(10)))
  await settled()
  assert.equal(client.body(1).byteLength, 10)
  client.send(frame('WINDOW_UPDATE', 0, 1, number(1)))
  assert.ok(await client.until(() => client.body(1).byteLength === 11))
  client.send(frame('WINDOW_UPDATE', 0, 1, number(1_000)))
  assert.ok(await client.until(() => client.isOver(1)))
  assert.equal(client.body(1).byteLength, 100)
})

test('a body goes no faster than the upstream takes it, a client that goes on is reset, and others go on meanwhile', async (context) => {
  let taken = 0
  const upstreamPort = await rawUpstream(context, (socket) => {
    socket.once('data', (bytes: Buffer) => {
      if (bytes.toString('latin1').startsWith('GET')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else socket.pause()
    })
    socket.on('data', (bytes: Buffer) => {
      taken += bytes.byteLength
    })
  })
  const { open: connect, control } = await opened(context, { upstreamPort })
  const client = await connect()
  client.send(open(1))
  const granted = () => 65_535 + client.of(1, 'WINDOW_UPDATE').reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)
  let sent = 0
  await atRest(() => {
    for (; sent + 16_000 <= granted(); sent += 16_000) client.send(frame('DATA', 0, 1, Buffer.alloc(16_000)))
    return sent
  })
  assert.ok(sent < 20_000_000, `${sent} bytes were taken, ${taken} of them by the upstream`)
  client.send(request(3, 'GET', '/b'))
  assert.ok(await client.until(() => client.status(3) === 200), 'another stream is answered')
  client.send(frame('DATA', 0, 1, Buffer.alloc(16_000)))
  assert.ok(await client.until(() => client.reset(1) === 'FLOW_CONTROL_ERROR'), 'more than the window')
  await until(() => control.finished.length === 2, 'it is on record')
  assert.equal(control.finished[1]?.outcome.result, 'unknown')
})

const slow: readonly {
  readonly says: string
  readonly hello?: Buffer
  readonly sends: Buffer
  readonly after: number
  readonly wants: string
}[] = [
  { says: 'no preface', hello: Buffer.alloc(0), sends: Buffer.alloc(0), after: 10_000, wants: 'goaway ENHANCE_YOUR_CALM' },
  {
    says: 'half a preface',
    hello: Buffer.from(preface.slice(0, 9)),
    sends: Buffer.alloc(0),
    after: 10_000,
    wants: 'goaway ENHANCE_YOUR_CALM',
  },
  {
    says: 'half a head',
    sends: frame('HEADERS', endStream, 1, requestFields('GET', '/a')),
    after: 10_000,
    wants: 'goaway ENHANCE_YOUR_CALM',
  },
  { says: 'nothing asked', sends: Buffer.alloc(0), after: 60_000, wants: 'goaway NO_ERROR' },
  { says: 'pings, and nothing asked', sends: frame('PING', 0, 0, '12345678'), after: 60_000, wants: 'goaway NO_ERROR' },
  {
    says: 'a body of zero bytes that does not end',
    sends: request(1, 'POST', '/a', { flags: endHeaders, more: [['content-length', '0']] }),
    after: 10_000,
    wants: 'reset 1 CANCEL',
  },
  { says: 'a body that does not come', sends: open(1), after: 30_000, wants: 'reset 1 CANCEL' },
  {
    says: 'an answer that nobody takes',
    sends: Buffer.concat([frame('SETTINGS', 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])), request(1, 'DELETE', '/a')]),
    after: 300_000,
    wants: 'reset 1 INTERNAL_ERROR',
  },
]

for (const { says, hello, sends, after, wants } of slow) {
  test(`too slow: ${says}`, async (context) => {
    const clock = manualClock()
    const { open: connect } = await opened(context, { upstreamPort: await silent(context), clock })
    const client = await connect(hello)
    client.send(sends)
    await settled()
    const [what, stream = '', code] = wants.split(' ')
    const isMet = () => (what === 'goaway' ? client.goaway === stream : client.reset(Number(stream)) === code)
    for (let passed = 0; passed < after - 1_500; passed += 500) clock.advance(500)
    await settled()
    assert.ok(!isMet(), 'not before its time')
    for (let passed = 0; passed < 5_000; passed += 500) clock.advance(500)
    assert.ok(await client.until(isMet), `${wants} wanted: ${client.frames.map(({ type }) => type).join(' ')}`)
    if (what === 'goaway') assert.ok(await client.until(() => client.isClosed))
  })
}
