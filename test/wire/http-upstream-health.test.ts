/** Upstreams out of reach: refused at once after some failures, tried again by one, never twice for one request; and TLS to them, verified. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { createServer as createPlain } from 'node:net'
import test, { type TestContext } from 'node:test'
import { setDefaultCACertificates, getCACertificates } from 'node:tls'
import { Circuit, type UpstreamHealth } from '../../src/gateways/shared/circuit.ts'
import { startHttpGateway } from '../../src/gateways/http/gateway.ts'
import { openGateway, ask as askUrl } from './http-gateways.ts'
import { manualClock, until } from './manual-clock.ts'
import { RulesControl, systemClock } from './rules-control.ts'
import { route, service } from './services.ts'
import { selfSigned, signedBy } from './tls-services.ts'
import { keepingLog } from './upstreams.ts'
import { ownAddress } from '../world/own-address.ts'

test('after five failures in a row nobody waits any more; one tries it again, and then everybody', async (context) => {
  const { host, port } = ownAddress()
  const clock = manualClock()
  const { ask, control, gateway, log } = await openGateway(context, { upstreamHost: host, upstreamPort: port, clock, lives: 10_000_000 })
  for (let turn = 0; turn < 5; turn += 1) assert.match((await ask('GET', '/a')).body, /upstream\.unreachable/)
  const resting = gateway.health('shop')
  assert.equal(resting?.state, 'resting')
  assert.equal(resting.error, 'it refuses connections (ECONNREFUSED)')
  // Nothing is tried while it rests: whoever listens there now hears of nobody.
  let connections = 0
  const server = createPlain((socket) => {
    connections += 1
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'))
  })
  server.listen(port, host)
  await once(server, 'listening')
  context.after(() => server.close())
  const refused = await ask('GET', '/a')
  assert.equal(refused.status, 503)
  assert.match(refused.body, /upstream\.resting/)
  assert.ok(!refused.body.includes('ECONNREFUSED'), 'callers do not hear why')
  assert.equal(connections, 0)
  assert.deepEqual(
    control.finished.map(({ outcome }) => [outcome.result, outcome.reason]),
    [...Array.from({ length: 5 }, () => ['not-sent', 'upstream.unreachable']), ['not-sent', 'upstream.resting']],
  )
  clock.advance(1_251)
  assert.equal((await ask('GET', '/a')).body, 'ok')
  assert.equal(connections, 1)
  assert.equal(gateway.health('shop')?.state, 'reachable')
  const turns = log.lines.filter((line) => JSON.stringify(line).includes('upstream'))
  assert.equal(turns.length, 2, JSON.stringify(turns))
})

test('answers, and connections that break later, say nothing of whether it can be reached', async (context) => {
  const server = createPlain((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const address = server.address()
  const upstreamPort = typeof address === 'object' && address !== null ? address.port : 0
  const { ask, gateway } = await openGateway(context, { upstreamPort })
  for (let turn = 0; turn < 8; turn += 1) assert.equal((await ask('GET', '/a')).status, 500)
  assert.equal(gateway.health('shop')?.state, 'reachable')
})

test('its rests grow to a bound, differ by chance, and one probe at a time is let through', () => {
  const limits = { connectFailuresMax: 3, restMs: 1_000, restMsMax: 30_000 }
  const firsts = new Set<number>()
  for (let run = 0; run < 50; run += 1) {
    const clock = manualClock(0)
    const turns: UpstreamHealth['state'][] = []
    const circuit = new Circuit({
      clock,
      limits,
      chance: { bytes: (count) => randomBytes(count) },
      onTurn: ({ state }) => turns.push(state),
    })
    for (let turn = 0; turn < 3; turn += 1) {
      assert.ok(circuit.admit())
      circuit.failed('gone')
    }
    let due = 1_000
    for (let rest = 0; rest < 10; rest += 1) {
      const { triedAgainAt = 0 } = circuit.health
      circuit.failed('one that was under way when it came to rest')
      assert.equal(circuit.health.triedAgainAt, triedAgainAt, 'which says nothing new')
      const waits = triedAgainAt - clock.now()
      if (rest === 0) firsts.add(waits)
      assert.ok(waits >= due * 0.75 && waits <= Math.min(30_000, due * 1.25 + 1), `${waits} of ${due}`)
      clock.advance(waits - 1)
      assert.ok(!circuit.admit())
      clock.advance(1)
      assert.ok(circuit.admit())
      assert.ok(!circuit.admit(), 'the others wait for the first')
      // Whoever was under way before it came to rest tells nothing new once the probe is back.
      if (rest === 5) {
        circuit.abandoned()
        assert.ok(circuit.admit(), 'a probe that was given up leaves its place')
      }
      circuit.failed('gone')
      due = Math.min(30_000, due * 2)
    }
    clock.advance(30_000)
    assert.ok(circuit.admit())
    circuit.reached()
    assert.deepEqual(turns, ['resting', 'reachable'])
    assert.ok(circuit.admit() && circuit.admit())
  }
  assert.ok(firsts.size > 20, 'they differ')
})

test('a client that leaves while it connects says nothing of the upstream', () => {
  const circuit = new Circuit({
    clock: manualClock(0),
    limits: { connectFailuresMax: 1, restMs: 1, restMsMax: 1 },
    onTurn: () => assert.fail('no turn'),
  })
  assert.ok(circuit.admit())
  circuit.abandoned()
  assert.equal(circuit.health.state, 'untried')
})

async function secureUpstream(context: TestContext, keys: { readonly key: string; readonly cert: string }, listener: RequestListener) {
  const server = createServer(keys, listener)
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function gatewayTo(context: TestContext, upstream: string) {
  const control = new RulesControl({ services: [service('shop', upstream, [route('read', 'GET', '/{path*}')])], rule: () => 'allow' })
  control.letIn('live')
  const log = keepingLog()
  const gateway = await startHttpGateway({ control, clock: systemClock, log, listen: { host: '127.0.0.1' } })
  context.after(() => gateway.close(0))
  return { control, log, gateway, ask: () => askUrl(`${gateway.urls()['shop']}/a`, 'GET') }
}

test('https upstreams: an authority that is trusted, and every certificate that is not what it should be', async (context) => {
  const authority = await selfSigned('CN=test authority', { isAuthority: true })
  const stranger = await selfSigned('CN=another authority', { isAuthority: true })
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, authority.cert])
  context.after(() => setDefaultCACertificates(before))
  const hour = 3_600_000
  const rows = [
    { says: 'of an authority that is trusted', keys: await signedBy(authority, { name: 'localhost' }), want: undefined },
    {
      says: 'for another name',
      keys: await signedBy(authority, { name: 'elsewhere.test' }),
      want: /for another name \(ERR_TLS_CERT_ALTNAME/,
    },
    {
      says: 'expired',
      keys: await signedBy(authority, { name: 'localhost', until: Date.now() - hour }),
      want: /has expired \(CERT_HAS_EXPIRED/,
    },
    { says: 'signed by itself', keys: await selfSigned(), want: /signed by itself/ },
    { says: 'of a stranger', keys: await signedBy(stranger, { name: 'localhost' }), want: /authority is not trusted/ },
  ]
  for (const { says, keys, want } of rows) {
    let heard = 0
    const port = await secureUpstream(context, keys, (_, response) => {
      heard += 1
      response.end('ok')
    })
    const { ask, gateway, control, log } = await gatewayTo(context, `https://localhost:${port}`)
    const { status, body } = await ask()
    if (want === undefined) {
      assert.equal(body, 'ok', says)
      continue
    }
    assert.equal(status, 502, says)
    assert.match(body, /upstream\.unreachable/, says)
    assert.ok(!/certificate|authority|CERT/.test(body), `${says}: callers do not hear why`)
    assert.match(gateway.health('shop')?.error ?? '', want, says)
    assert.equal(heard, 0, `${says}: nothing reaches it`)
    assert.deepEqual(control.finished.at(-1)?.outcome.result, 'not-sent', says)
    for (let turn = 0; turn < 4; turn += 1) await ask()
    await until(() => JSON.stringify(log.lines).includes('cannot be reached'), `${says}: it is logged`)
    assert.match(JSON.stringify(log.lines), want, `${says}: the operator hears why`)
  }
})
