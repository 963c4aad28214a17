/** Stop means stopped, in the very tick: what the MCP gateway does when control says so, over rules of the test's own. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { type McpGateway, startMcpGateway } from '../../src/gateways/mcp/gateway.ts'
import type { Route, Service } from '../../src/model/services.ts'
import { until } from '../wire/manual-clock.ts'
import { RulesControl, type Rule, systemClock } from '../wire/rules-control.ts'
import { bare, type Heard, startRaw } from './gateway-house.ts'

const impact = { data: 'low', service: 'low', safety: 'none' } as const
const look: Route = { name: 'look', method: 'tools/call', path: 'look', effect: 'read', impact, tier: 0, arguments: [] }
const events = { 'content-type': 'text/event-stream' }

async function open(context: TestContext, answer: (heard: Heard) => void, rule: Rule = () => 'allow') {
  const ops = await startRaw(context, answer)
  const { origin: upstream, pathname: endpoint } = new URL(ops.url)
  const shared = { space: 'main', protocol: 'mcp', port: 0, environment: 'test', impact, labels: [] } as const
  const services: Service[] = [{ ...shared, id: 'ops', upstream, endpoint, routes: [look] }]
  const control = new RulesControl({ services, rule })
  control.letIn('live')
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const chance = { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)) }
  const gateway: McpGateway = await startMcpGateway({ control, clock: systemClock, chance, log, listen: { host: '127.0.0.1' } })
  context.after(() => gateway.close(0))
  return { ops, control, gateway, url: gateway.urls()['ops'] ?? '' }
}

const call = () => bare('live', 'tools/call', '{"name":"look"}', 'look')

test('a call is cut in the tick in which its session ends, and recorded as that', async (context) => {
  const { ops, control, url } = await open(context, ({ response }) => {
    response.writeHead(200, events)
    response.write(':\n\n')
  })
  const got = await fetch(url, call())
  assert.ok(got.body !== null)
  const reader = got.body.getReader()
  await reader.read()
  const cut = assert.rejects(reader.read())
  control.endSession('live', 'revoked by ana')
  // Synchronously: not at the next turn of the loop.
  assert.deepEqual(
    control.finished.map(({ outcome: { result, reason } }) => [result, reason]),
    [['cut', 'revoked by ana']],
  )
  await cut
  await until(() => ops.heard[0]?.isClosed === true, 'the server hears of it')
})

test('a stream that only listens is cut in the tick in which its caller is not heard any more', async (context) => {
  const { ops, control, url } = await open(context, ({ response }) => response.writeHead(200, events).flushHeaders())
  const got = await fetch(url, bare('live', 'subscriptions/listen', '{"notifications":{}}'))
  assert.ok(got.body !== null)
  const cut = assert.rejects(got.body.getReader().read())
  // No grant for this very tick: whoever looks later finds one.
  control.attends = () => ({ ok: true, value: 0 })
  control.endSession('live', 'revoked')
  control.attends = () => ({ ok: true, value: Number.MAX_SAFE_INTEGER })
  await cut
  await until(() => ops.heard[0]?.isClosed === true, 'the server hears of it')
})

test('an end between the decision and the first byte: nothing is sent', async (context) => {
  const { ops, control, url } = await open(context, ({ response }) => response.writeHead(200).end('{}'))
  control.rule = () => {
    queueMicrotask(() => control.endSession('live', 'revoked'))
    return 'allow'
  }
  const got = await fetch(url, call())
  assert.match(await got.text(), /session\.ended/)
  assert.equal(ops.heard.length, 0)
  assert.deepEqual(
    control.finished.map(({ outcome }) => outcome.result),
    ['not-sent'],
  )
})

test('an end while the connection to the server is being opened: nothing is sent', async (context) => {
  const { ops, control, url } = await open(context, ({ response }) => response.writeHead(200).end('{}'))
  // Control says no at the last look alone: whoever does not look sends.
  control.stands = () => ({ ok: false, refusal: { code: 'grant.ended' } })
  const got = await fetch(url, call())
  assert.match(await got.text(), /grant\.ended/)
  assert.equal(ops.heard.length, 0)
  assert.equal(control.finished[0]?.outcome.result, 'not-sent')
})

test('each call has one outcome, with the bytes of both directions', async (context) => {
  const { control, url } = await open(context, ({ response }) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":1}'),
  )
  const init = call()
  assert.equal(await (await fetch(url, init)).text(), '{"ok":1}')
  await until(() => control.finished.length === 1, 'the outcome is recorded')
  const outcome = control.finished[0]?.outcome
  assert.equal(outcome?.result, 'answered')
  assert.deepEqual([outcome.status, outcome.responseBytes, outcome.requestBytes], [200, 8, init.body.length])
})

test('a server that breaks off in the middle: the client can tell, and so can the record', async (context) => {
  const { control, url } = await open(context, ({ response }) => {
    response.writeHead(200, events)
    response.write(':\n\n')
    setImmediate(() => response.destroy())
  })
  await assert.rejects(fetch(url, call()).then((got) => got.text()))
  await until(() => control.finished.length === 1, 'the outcome is recorded')
  assert.equal(control.finished[0]?.outcome.result, 'failed')
})

test('a lost lease cuts with the next piece', async (context) => {
  const { ops, control, url } = await open(context, ({ response }) => {
    response.writeHead(200, events)
    response.write(':\n\n')
  })
  const got = await fetch(url, call())
  assert.ok(got.body !== null)
  const reader = got.body.getReader()
  await reader.read()
  control.isOver = true
  ops.heard[0]?.response.write('data: secret\n\n')
  await assert.rejects(reader.read())
  assert.equal(control.finished[0]?.outcome.reason, 'control was lost')
})

test('a gateway that stops lets go what ends in time, and cuts the rest', async (context) => {
  const { control, gateway, ops, url } = await open(context, ({ response, body }) => {
    if (body.includes('subscriptions')) response.writeHead(200, events).flushHeaders()
  })
  const listening = await fetch(url, bare('live', 'subscriptions/listen', '{"notifications":{}}'))
  const under = fetch(url, call())
  await until(() => ops.heard.length === 2, 'both are under way')
  const closed = gateway.close(60_000)
  await assert.rejects(listening.text())
  ops.heard
    .find(({ body }) => body.includes('tools/call'))
    ?.response.writeHead(200, { 'content-type': 'application/json' })
    .end('{}')
  assert.equal(await (await under).text(), '{}')
  await closed
  assert.equal(control.finished[0]?.outcome.result, 'answered')
})
