/** The gateway over TLS: the same requests, the same refusals, and nothing in the clear. */
import assert from 'node:assert/strict'
import { request } from 'node:https'
import { connect as connectInTheClear } from 'node:net'
import { connect } from 'node:tls'
import test, { type TestContext } from 'node:test'
import { startHttpGateway } from '../../src/gateways/http/gateway.ts'
import { until } from './manual-clock.ts'
import { RulesControl, systemClock } from './rules-control.ts'
import { route, service } from './services.ts'
import { selfSigned } from './tls-services.ts'
import { httpUpstream, keepingLog, wholeBody } from './upstreams.ts'

async function secured(context: TestContext) {
  const upstreamPort = await httpUpstream(context, (incoming, response) => {
    void (async () => {
      const body = await wholeBody(incoming)
      if (incoming.url === '/slow') response.write('first')
      else response.end(incoming.url === '/large' ? 'x'.repeat(5_000_000) : `${incoming.method} ${incoming.url} ${body.length}`)
    })()
  })
  const services = [
    service('shop', `http://127.0.0.1:${upstreamPort}`, [route('read', 'GET', '/{path*}'), route('write', 'POST', '/{path*}')]),
  ]
  const control = new RulesControl({ services, rule: () => 'allow' })
  control.letIn('live')
  const certificate = await selfSigned()
  const tls = { context: () => certificate, onRenewed: () => () => {} }
  const gateway = await startHttpGateway({ control, clock: systemClock, log: keepingLog(), listen: { host: '127.0.0.1', tls } })
  context.after(() => gateway.close(0))
  const url = gateway.urls()['shop'] ?? ''
  const ask = (method: string, path: string, body = '') =>
    new Promise<{ readonly status: number; readonly body: string }>((resolve, reject) => {
      const sent = request(`${url}${path}`, { method, rejectUnauthorized: false, headers: { authorization: 'Bearer live' } }, (answer) => {
        wholeBody(answer).then((heard) => resolve({ status: answer.statusCode ?? 0, body: heard }), reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })
  return { control, url, port: Number(new URL(url).port), ask }
}

test('requests and answers of every size', async (context) => {
  const { ask, url } = await secured(context)
  assert.match(url, /^https:\/\/127\.0\.0\.1:\d+$/)
  assert.deepEqual(await ask('GET', '/a'), { status: 200, body: 'GET /a 0' })
  assert.deepEqual(await ask('POST', '/a', 'y'.repeat(3_000_000)), { status: 200, body: 'POST /a 3000000' })
  assert.equal((await ask('GET', '/large')).body.length, 5_000_000)
})

test('a kept connection, and a cut in the tick in which the session ends', async (context) => {
  const { control, port } = await secured(context)
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  let heard = ''
  let closed = false
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer live\r\n\r\n`
  socket.write(get('/a'))
  await until(() => heard.includes('GET /a 0'), 'the first is answered')
  assert.equal(socket.alpnProtocol, 'http/1.1')
  socket.write(get('/b/./c'))
  await until(() => heard.includes('dot segment'), 'the second is refused')
  socket.write(get('/slow'))
  await until(() => heard.includes('first'), 'the third begins')
  control.endSession('live', 'revoked')
  assert.equal(control.finished.at(-1)?.outcome.result, 'cut')
  await until(() => closed, 'it is cut')
})

test('who speaks in the clear is not answered, and nobody else is disturbed', async (context) => {
  const { port, ask } = await secured(context)
  const socket = connectInTheClear(port, '127.0.0.1', () => socket.write('GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n'))
  let heard = ''
  let closed = false
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  await until(() => closed, 'it is closed')
  assert.ok(!heard.includes('HTTP/1.1'))
  assert.equal((await ask('GET', '/a')).status, 200)
})
