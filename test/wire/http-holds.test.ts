/** Held requests: they wait, come back, are forwarded once or not at all. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { openGateway } from './http-gateways.ts'
import { manualClock, until } from './manual-clock.ts'
import { recordingUpstream } from './upstreams.ts'

async function heldShop(context: TestContext) {
  const clock = manualClock()
  const upstream = await recordingUpstream(context)
  const shop = await openGateway(context, {
    upstreamPort: upstream.port,
    clock,
    rule: (action) => (action.operation === 'restart' ? 'hold' : 'allow'),
  })
  const restart = (body = '{"reason":"stuck"}', headers: Readonly<Record<string, string>> = {}) =>
    shop.ask('POST', '/restart/checkout', { body, headers: { 'content-type': 'application/json', ...headers } })
  /** The hold that is being waited on. */
  const waitedOn = async (place = 0) => {
    await until(() => (shop.control.holds[place]?.waiters.size ?? 0) > 0, 'a request waits')
    const hold = shop.control.holds[place]
    assert.ok(hold !== undefined)
    return hold
  }
  return { ...shop, clock, upstream, restart, waitedOn }
}

test('approved while it waits: forwarded once, with exactly the bytes that were approved', async (context) => {
  const { control, upstream, restart, waitedOn } = await heldShop(context)
  const answer = restart()
  const hold = await waitedOn()
  assert.equal(upstream.received.length, 0)
  control.answerHold(hold, 'approve')
  assert.equal((await answer).status, 200)
  assert.deepEqual(
    upstream.received.map(({ line, body }) => [line, body]),
    [['POST /restart/checkout', '{"reason":"stuck"}']],
  )
  assert.equal(hold.state, 'spent')
  assert.equal(control.finished[0]?.outcome.bodySha256, hold.material.bodySha256)
})

test('not answered in time: held, with the hold, the page and when to come back; the same request then attaches to it', async (context) => {
  const { control, clock, upstream, restart, waitedOn } = await heldShop(context)
  const first = restart(undefined, { prefer: 'wait=30' })
  const hold = await waitedOn()
  clock.advance(29_999)
  assert.equal(hold.waiters.size, 1)
  clock.advance(1)
  const { status, headers, body } = await first
  assert.equal(status, 403)
  assert.equal(headers['content-type'], 'application/problem+json')
  assert.equal(headers['retry-after'], '2')
  assert.equal(headers['preference-applied'], 'wait=30')
  const problem: unknown = JSON.parse(body)
  assert.partialDeepStrictEqual(problem, {
    type: 'urn:remit:refusal:action.held',
    status: 403,
    hold: hold.id,
    page: `http://desk.test/holds/${hold.id}`,
  })
  assert.equal(upstream.received.length, 0)

  control.answerHold(hold, 'approve')
  assert.equal((await restart()).status, 200)
  assert.equal(control.holds.length, 1)
  assert.equal(upstream.received.length, 1)
  // Spent: the third time is another action that nobody approved.
  assert.equal((await restart()).status, 409)
  assert.equal(upstream.received.length, 1)
})

test('the usual wait is ten seconds, the longest a minute, and wait=0 answers at once', async (context) => {
  const { clock, restart, waitedOn } = await heldShop(context)
  const usual = restart()
  const hold = await waitedOn()
  clock.advance(9_999)
  assert.equal(hold.waiters.size, 1)
  clock.advance(1)
  assert.equal((await usual).headers['preference-applied'], undefined)

  const long = restart(undefined, { prefer: 'wait=3600' })
  await waitedOn()
  clock.advance(60_000)
  assert.equal((await long).headers['preference-applied'], 'wait=60')

  assert.equal((await restart(undefined, { prefer: 'wait=0' })).headers['preference-applied'], 'wait=0')
})

test('denied: the one who waits hears it', async (context) => {
  const { control, upstream, restart, waitedOn } = await heldShop(context)
  const answer = restart()
  control.answerHold(await waitedOn(), 'deny')
  const { status, body } = await answer
  assert.equal(status, 403)
  assert.match(body, /action\.denied-by-person/)
  assert.equal(upstream.received.length, 0)
})

test('one byte or one header changed after the approval is another action; trace context is not', async (context) => {
  const { control, upstream, restart } = await heldShop(context)
  const first = restart('{"reason":"stuck"}', { prefer: 'wait=0', traceparent: '00-1-1-01' })
  await first
  const [hold] = control.holds
  assert.ok(hold !== undefined)
  control.answerHold(hold, 'approve')
  assert.equal((await restart('{"reason":"stuck" }', { prefer: 'wait=0' })).status, 403)
  assert.equal((await restart('{"reason":"stuck"}', { prefer: 'wait=0', 'x-dry-run': 'no' })).status, 403)
  assert.equal(control.holds.length, 3)
  assert.equal(upstream.received.length, 0)
  assert.equal((await restart('{"reason":"stuck"}', { traceparent: '00-2-2-01' })).status, 200)
  assert.equal(upstream.received.length, 1)
})

test('two that wait for the same approval: one is forwarded', async (context) => {
  const { control, upstream, restart, waitedOn } = await heldShop(context)
  const answers = [restart(), restart()]
  const hold = await waitedOn()
  await until(() => hold.waiters.size === 2, 'both wait')
  control.answerHold(hold, 'approve')
  assert.deepEqual(new Set((await Promise.all(answers)).map(({ status }) => status)), new Set([200, 409]))
  assert.equal(upstream.received.length, 1)
})

test('a client that left does not spend the approval', async (context) => {
  const { control, upstream, ask, restart, waitedOn } = await heldShop(context)
  const leaving = new AbortController()
  const gone = ask('POST', '/restart/checkout', {
    body: '{"reason":"stuck"}',
    headers: { 'content-type': 'application/json' },
    signal: leaving.signal,
  })
  const hold = await waitedOn()
  leaving.abort()
  await assert.rejects(gone)
  await until(() => hold.waiters.size === 0, 'nobody waits')
  control.answerHold(hold, 'approve')
  assert.equal(hold.state, 'approved')
  assert.equal((await restart()).status, 200)
  assert.equal(upstream.received.length, 1)
})

test('an approval that comes in the very moment in which the client leaves is not spent', async (context) => {
  const { control, upstream, ask } = await heldShop(context)
  let waiting = false
  control.holdAnswered = (id, _wait, signal) =>
    new Promise((resolve) => {
      waiting = true
      signal.addEventListener('abort', () => {
        const hold = control.holds.find((one) => one.id === id)
        assert.ok(hold !== undefined)
        control.answerHold(hold, 'approve')
        resolve(hold.state)
      })
    })
  const leaving = new AbortController()
  const gone = ask('POST', '/restart/checkout', { signal: leaving.signal })
  await until(() => waiting, 'a request waits')
  leaving.abort()
  await assert.rejects(gone)
  await until(() => control.holds[0]?.state !== 'waiting', 'it is answered')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(control.holds[0]?.state, 'approved')
  assert.equal(upstream.received.length, 0)
})

test('a session that ends while its request waits: refused when the hold is answered', async (context) => {
  const { control, upstream, restart, waitedOn } = await heldShop(context)
  const answer = restart()
  const hold = await waitedOn()
  control.endSession('live', 'revoked')
  control.answerHold(hold, 'approve')
  assert.match((await answer).body, /session\.ended/)
  assert.equal(upstream.received.length, 0)
})

test('a body too large to be held is refused, by its length and by its bytes; one at the bound is held', async (context) => {
  const upstream = await recordingUpstream(context)
  const { ask, control } = await openGateway(context, { upstreamPort: upstream.port, rule: () => 'hold' })
  const large = await ask('POST', '/telemetry', { body: 'x'.repeat(1_048_577) })
  assert.equal(large.status, 413)
  assert.match(large.body, /hold\.too-large/)
  const chunked = await ask('POST', '/telemetry', { body: 'x'.repeat(1_048_577), headers: { 'transfer-encoding': 'chunked' } })
  assert.match(chunked.body, /hold\.too-large/)
  assert.equal(control.holds.length, 0)
  assert.equal((await ask('POST', '/telemetry', { body: 'x'.repeat(1_048_576), headers: { prefer: 'wait=0' } })).status, 403)
  assert.equal(control.holds.length, 1)
  assert.equal(upstream.received.length, 0)
})
