/** Stop means stopped: sessions that end in the middle, grants whose time is up, clients and gateways that leave. */
import assert from 'node:assert/strict'
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http'
import test, { type TestContext } from 'node:test'
import { type GatewayOptions, openGateway } from './http-gateways.ts'
import { manualClock, settled, until } from './manual-clock.ts'
import { httpUpstream, recordingUpstream } from './upstreams.ts'

interface UpstreamSide {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  bytes: number
  closed: boolean
  /** Whether its connection was reset, so that nothing can follow that the gateway's kernel still held. */
  reset: boolean
}

/** A gateway whose upstream does nothing by itself, and a client that is in the middle of something. */
async function midway(context: TestContext, options: Partial<GatewayOptions> = {}) {
  const sides: UpstreamSide[] = []
  const upstreamPort = await httpUpstream(context, (received, response) => {
    const side: UpstreamSide = { request: received, response, bytes: 0, closed: false, reset: false }
    sides.push(side)
    received.on('data', (chunk: Buffer) => {
      side.bytes += chunk.byteLength
    })
    received.on('error', () => {})
    received.socket.on('error', (error: Error & { readonly code?: string }) => {
      side.reset = error.code === 'ECONNRESET'
    })
    response.on('close', () => {
      side.closed = true
    })
  })
  const shop = await openGateway(context, { upstreamPort, ...options })
  const begin = (method: string, path: string) => {
    const client = {
      sent: request(`${shop.url}${path}`, { method, headers: { authorization: 'Bearer live' } }),
      status: 0,
      body: '',
      error: '',
      complete: false,
    }
    context.after(() => void client.sent.destroy())
    client.sent.on('error', (error) => {
      client.error ||= error.message
    })
    client.sent.on('response', (answer: IncomingMessage) => {
      client.status = answer.statusCode ?? 0
      answer.on('data', (chunk: Buffer) => {
        client.body += chunk.toString()
      })
      answer.on('error', (error) => {
        client.error ||= error.message
      })
      answer.on('end', () => {
        client.complete = answer.complete
      })
    })
    return client
  }
  const upstream = async (place = 0) => {
    await until(() => sides.length > place, 'the upstream is asked')
    const side = sides[place]
    assert.ok(side !== undefined)
    return side
  }
  return { ...shop, begin, upstream, sides }
}

test('a download is cut in the tick in which its session ends, and its client can tell', async (context) => {
  const { control, begin, upstream } = await midway(context)
  const client = begin('GET', '/export')
  client.sent.end()
  const side = await upstream()
  side.response.writeHead(200)
  side.response.write('first')
  await until(() => client.body === 'first', 'the first piece arrives')
  control.endSession('live', 'revoked by ana')
  // Synchronously: not at the next turn of the loop.
  assert.equal(control.finished[0]?.outcome.result, 'cut')
  side.response.write('second')
  await until(() => side.closed && client.error !== '', 'both sides are cut')
  assert.equal(client.body, 'first')
  assert.equal(client.complete, false)
  assert.deepEqual(
    control.finished.map(({ outcome: { result, status, responseBytes, reason } }) => [result, status, responseBytes, reason]),
    [['cut', 200, 5, 'revoked by ana']],
  )
})

test('an upload is cut: what the client goes on sending reaches nobody', async (context) => {
  const { control, begin, upstream } = await midway(context)
  const client = begin('POST', '/import')
  client.sent.write('x'.repeat(1_000))
  const side = await upstream()
  await until(() => side.bytes === 1_000, 'the first piece arrives')
  control.endSession('live', 'revoked')
  client.sent.write('y'.repeat(1_000))
  await until(() => side.closed && client.status !== 0, 'the upstream is cut and the client told')
  assert.ok(side.reset)
  assert.equal(side.bytes, 1_000)
  assert.equal(side.request.complete, false)
  assert.equal(client.status, 403)
  await until(() => client.body.includes('session.ended'), 'the refusal says why')
  assert.equal(control.finished[0]?.outcome.requestBytes, 1_000)
})

test('once the lease is over the next piece is cut, before any timer says so: the machine may have slept', async (context) => {
  const { control, begin, upstream } = await midway(context)
  const client = begin('POST', '/import')
  client.sent.write('x'.repeat(1_000))
  const side = await upstream()
  await until(() => side.bytes === 1_000, 'the first piece arrives')
  control.isOver = true
  client.sent.write('y'.repeat(1_000))
  await until(() => side.closed && client.status !== 0, 'the upstream is cut and the client told')
  assert.equal(side.bytes, 1_000)
  assert.equal(control.finished[0]?.outcome.requestBytes, 1_000)
  assert.equal(control.finished[0]?.outcome.reason, 'control was lost')
})

test('other sessions on the same gateway go on', async (context) => {
  const { control, begin, upstream, url } = await midway(context)
  control.letIn('other')
  const cut = begin('GET', '/a')
  cut.sent.end()
  const stays: ClientRequest = request(`${url}/b`, { headers: { authorization: 'Bearer other' } })
  const answered = new Promise<IncomingMessage>((resolve) => stays.on('response', resolve))
  await upstream(0)
  stays.end()
  const side = await upstream(1)
  control.endSession('live', 'revoked')
  side.response.end('ok')
  assert.equal((await answered).statusCode, 200)
  await until(() => cut.status === 403, 'the other one is cut')
})

test('a grant whose time is up ends what is under way, to the millisecond', async (context) => {
  const clock = manualClock()
  const { control, begin, upstream } = await midway(context, { clock, lives: 30_000 })
  const client = begin('GET', '/export')
  client.sent.end()
  const side = await upstream()
  side.response.write('first')
  await until(() => client.body === 'first', 'the first piece arrives')
  clock.advance(29_999)
  assert.equal(control.finished.length, 0)
  clock.advance(1)
  assert.equal(control.finished[0]?.outcome.result, 'cut')
  await until(() => side.closed && client.error !== '', 'both sides are cut')
})

test('nothing passes after the end, also when no timer has gone off yet', async (context) => {
  let skew = 0
  const clock = { now: () => Date.now() + skew, after: () => () => {} }
  const { control, begin, upstream } = await midway(context, { clock, lives: 30_000 })
  const client = begin('GET', '/export')
  client.sent.end()
  const side = await upstream()
  side.response.write('first')
  await until(() => client.body === 'first', 'the first piece arrives')
  skew = 30_000
  side.response.write('second')
  await until(() => control.finished.length === 1, 'it is cut')
  assert.equal(control.finished[0]?.outcome.responseBytes, 5)
  await until(() => client.error !== '', 'the client can tell')
  assert.equal(client.body, 'first')
})

test('nothing goes up after the end either', async (context) => {
  let skew = 0
  const clock = { now: () => Date.now() + skew, after: () => () => {} }
  const { control, begin, upstream } = await midway(context, { clock, lives: 30_000 })
  const client = begin('POST', '/import')
  client.sent.write('first')
  const side = await upstream()
  await until(() => side.bytes === 5, 'the first piece arrives')
  skew = 30_000
  client.sent.write('second')
  await until(() => client.status === 403 && side.closed, 'it is cut')
  assert.equal(side.bytes, 5)
  assert.equal(control.finished[0]?.outcome.result, 'cut')
})

test('a client that leaves while its request is decided: allowed, and not sent', async (context) => {
  const { control, begin, sides } = await midway(context)
  const authorize = control.authorize.bind(control)
  let asked = false
  let decide = () => {}
  control.authorize = async (call) => {
    asked = true
    await new Promise<void>((resolve) => {
      decide = resolve
    })
    return authorize(call)
  }
  const client = begin('GET', '/a')
  client.sent.end()
  await until(() => asked, 'it is being decided')
  client.sent.destroy()
  await until(() => client.error !== '', 'the client is gone')
  // Soon after the client the gateway knows.
  await settled()
  decide()
  await until(() => control.finished.length === 1, 'it is over')
  assert.equal(control.finished[0]?.outcome.result, 'not-sent')
  assert.equal(sides.length, 0)
})

test('an end between the decision and the first byte: nothing is sent', async (context) => {
  const upstream = await recordingUpstream(context)
  const { ask, control } = await openGateway(context, { upstreamPort: upstream.port })
  control.rule = () => {
    // What control allowed is revoked in the very next step.
    queueMicrotask(() => control.endSession('live', 'revoked'))
    return 'allow'
  }
  const { status, body } = await ask('GET', '/a')
  assert.equal(status, 403)
  assert.match(body, /session\.ended/)
  assert.equal(upstream.received.length, 0)
  assert.deepEqual(
    control.finished.map(({ outcome }) => outcome.result),
    ['not-sent'],
  )
})

test('the next request on a kept connection hears that the session has ended', async (context) => {
  const { control, begin, upstream } = await midway(context)
  const client = begin('GET', '/a')
  client.sent.end()
  const side = await upstream()
  side.response.end('ok')
  await until(() => client.complete, 'the first is answered')
  control.endSession('live', 'revoked')
  const next = begin('GET', '/b')
  next.sent.end()
  await until(() => next.status === 403, 'the second is refused')
  assert.equal(control.finished.length, 1)
})

test('a client that leaves takes its request to the upstream with it', async (context) => {
  const { control, begin, upstream } = await midway(context)
  const early = begin('GET', '/a')
  early.sent.end()
  const first = await upstream(0)
  early.sent.destroy()
  await until(() => first.closed, 'the upstream is told')
  const late = begin('GET', '/b')
  late.sent.end()
  const second = await upstream(1)
  second.response.write('some')
  await until(() => late.body === 'some', 'the answer begins')
  late.sent.destroy()
  await until(() => second.closed, 'the upstream is told')
  assert.deepEqual(
    control.finished.map(({ outcome: { result, reason } }) => [result, reason]),
    [
      ['unknown', 'the client left'],
      ['answered', 'the client left'],
    ],
  )
})

test('a gateway that stops lets go what ends in time, and cuts the rest', async (context) => {
  const clock = manualClock()
  const { control, gateway, begin, upstream } = await midway(context, { clock })
  const quick = begin('GET', '/a')
  quick.sent.end()
  const slow = begin('GET', '/b')
  slow.sent.end()
  const first = await upstream(0)
  await upstream(1)
  const closed = gateway.close(2_000)
  first.response.end('ok')
  await until(() => control.finished.length === 1, 'the first is over')
  clock.advance(2_000)
  await closed
  assert.deepEqual(
    control.finished.map(({ outcome }) => outcome.result),
    ['answered', 'cut'],
  )
})
