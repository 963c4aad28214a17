/** A held call of a client that takes tasks: a handle to poll, one call to the server after a person's yes, and an answer that waits to be fetched. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { z } from 'zod'
import { startMcpGateway } from '../../src/gateways/mcp/gateway.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { gatewayAudience } from '../../src/control/identify.ts'
import { sweep } from '../../src/control/sweep.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { httpGateway } from '../../src/main/house.ts'
import { TestClock } from '../world/clock.ts'
import { openHouse, startOps, startRaw } from './gateway-house.ts'
import type { AgentHouse, AgentHouseOptions } from './replay-house.ts'
import { type Answered, statusOf, type Task, tasksExtension, taskOf, textOf, tasking, handleOf } from './task-calls.ts'

const restart = { name: 'restart', arguments: { service: 'web' } }

async function open(context: TestContext, options: AgentHouseOptions = {}) {
  const ops = await startOps(context)
  const house = await openHouse(context, { ops: ops.url }, options)
  const { id, token } = await house.grantFor('errand', ['ops/restart', 'ops/look'])
  return { ops, house, id, token, ask: tasking(house.urlOf('ops'), token) }
}

/** The gateway is started anew, in front of the same control. */
async function gatewayAgain(context: TestContext, house: AgentHouse) {
  const ports = { ops: Number(new URL(house.urlOf('ops')).port) }
  await house.gateway.close()
  const { clock, chance } = house.api.house.desk
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const gateway = await startMcpGateway({ control: house.api.gateway, clock, chance, log, listen: { host: '127.0.0.1', ports } })
  context.after(() => gateway.close())
}

function holdOf({ result }: Answered): string {
  return result?._meta?.['remit/refusal']?.hold ?? ''
}

test('a held call becomes a task, is done once after the yes, and its answer may be fetched again', async (context) => {
  const { ops, house, ask } = await open(context)
  const created = await ask('tools/call', restart)
  const { taskId, status, statusMessage = '', ttlMs, pollIntervalMs } = taskOf(created)
  assert.equal(created.result?.resultType, 'task')
  assert.deepEqual([status, ttlMs, pollIntervalMs], ['working', 900_000, 2_000])
  assert.match(
    statusMessage,
    /^held: a person must approve this action: by restarts-need-a-person\. Held as hld_\w+: nothing was done yet\. A person answers at http:\/\/localhost:\d+\/holds\/hld_/,
  )
  const waiting = await ask('tasks/get', { taskId })
  assert.deepEqual([waiting.result?.resultType, statusOf(waiting)], ['complete', 'working'])
  assert.deepEqual(ops.calls, [])
  await house.approve(holdOf(created))
  const done = await ask('tasks/get', { taskId })
  assert.deepEqual([statusOf(done), done.result?.resultType, textOf(done)], ['completed', 'complete', 'ops restart {"service":"web"}'])
  assert.deepEqual((await ask('tasks/get', { taskId })).result, done.result)
  assert.equal(ops.calls.length, 1)
  // The approval is spent: the same call waits for another.
  assert.equal(statusOf(await ask('tools/call', restart)), 'working')
})

test('the official client of 2026-07-28 sees the task through', async (context) => {
  const { ops, house, token } = await open(context)
  const seen: Answered[] = []
  const watched: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    if (typeof init?.body === 'string' && init.body.includes('"tools/call"')) seen.push((await answer.clone().json()) as Answered)
    return answer
  }
  const client = new Client(
    { name: 'tasks', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities: { extensions: { [tasksExtension]: {} } } },
  )
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(house.urlOf('ops')), { requestInit: { headers }, fetch: watched }))
  context.after(() => client.close())
  // That it is said here is what makes clients say so themselves.
  assert.deepEqual(client.getServerCapabilities()?.extensions, { [tasksExtension]: {} })
  // Its own reader of results knows no tasks yet: packages beside it do, by what came over the wire.
  await assert.rejects(client.callTool(restart), /Unsupported result type 'task'/)
  const [created] = seen
  assert.ok(created !== undefined)
  const { taskId } = taskOf(created)
  const shape = z.looseObject({ status: z.string() })
  const get = () =>
    client.request({ method: 'tasks/get', params: { taskId } } as never, shape as never) as Promise<Task & { readonly result?: unknown }>
  assert.equal((await get()).status, 'working')
  await house.approve(holdOf(created))
  const { status, result } = await get()
  assert.equal(status, 'completed')
  assert.match(JSON.stringify(result), /ops restart/)
  assert.equal(ops.calls.length, 1)
})

test('two who ask at once after the yes: the call is sent once', async (context) => {
  const { ops, house, ask } = await open(context)
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  await house.approve(holdOf(created))
  const both = await Promise.all([ask('tasks/get', { taskId }), ask('tasks/get', { taskId }), ask('tasks/get', { taskId })])
  for (const each of both) assert.match(statusOf(each), /^(?:working|completed)$/)
  assert.equal(statusOf(await ask('tasks/get', { taskId })), 'completed')
  assert.equal(ops.calls.length, 1)
  // Nor was a person asked again.
  assert.equal((await house.api.house.desk.store.read((tx) => tx.find('hold', {}))).length, 1)
})

test('an approval is for whoever still asks: nothing is sent for a client that is gone', async (context) => {
  const { ops, house, ask } = await open(context)
  await house.approve(holdOf(await ask('tools/call', restart)))
  assert.equal(textOf(await ask('tools/call', { name: 'look', arguments: { service: 'web' } })), 'ops look {"service":"web"}')
  assert.deepEqual(ops.calls, [['look', { service: 'web' }]])
})

test('a person’s no is the task’s result, as a tool’s error that a model can read', async (context) => {
  const { ops, house, ask } = await open(context)
  const created = await ask('tools/call', restart)
  await house.approve(holdOf(created), 'deny')
  const told = await ask('tasks/get', handleOf(created))
  assert.deepEqual([statusOf(told), told.result?.result?.isError], ['completed', true])
  assert.match(textOf(told), /^action\.denied-by-person:/)
  assert.deepEqual(ops.calls, [])
})

test('cancelled while it waits: whatever is answered then, nothing is sent', async (context) => {
  const { ops, house, ask } = await open(context)
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  assert.deepEqual((await ask('tasks/cancel', { taskId })).result, { resultType: 'complete' })
  await house.approve(holdOf(created))
  assert.equal(statusOf(await ask('tasks/get', { taskId })), 'cancelled')
  assert.deepEqual((await ask('tasks/cancel', { taskId })).result, { resultType: 'complete' })
  assert.deepEqual(ops.calls, [])
  // Who asks for it anew has the approval still: it was given to the call, not to the handle.
  assert.match(JSON.stringify(await ask('tools/call', restart)), /ops restart/)
})

test('cancelled while it runs: its server’s connection is cut', async (context) => {
  const begun = Promise.withResolvers<void>()
  const raw = await startRaw(context, () => begun.resolve())
  const house = await openHouse(context, { ops: raw.url })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const ask = tasking(house.urlOf('ops'), token)
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  await house.approve(holdOf(created))
  const polling = ask('tasks/get', { taskId })
  await begun.promise
  const isCut = new Promise<void>((resolve) => void raw.heard[0]?.response.on('close', () => resolve()))
  await ask('tasks/cancel', { taskId })
  await isCut
  await polling
  assert.equal(statusOf(await ask('tasks/get', { taskId })), 'cancelled')
})

test('handles that were forged, are somebody else’s, or of an earlier run are not there, in the same words', async (context) => {
  const { ops, house, ask } = await open(context)
  const other = await house.grantFor('errand', ['ops/restart'])
  const stranger = tasking(house.urlOf('ops'), other.token)
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  await house.approve(holdOf(created))
  const begin = taskId.slice(0, taskId.lastIndexOf(':') + 1)
  const said = new Set<string>()
  for (const [from, id] of [
    [ask, `${begin}${'A'.repeat(32)}`],
    [ask, 'of-nobody'],
    [stranger, taskId],
  ] as const)
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const { error } = await from(method, { taskId: id, inputResponses: {} })
      assert.equal(error?.code, -32_602)
      said.add(error.message)
    }
  assert.equal(said.size, 1)
  await gatewayAgain(context, house)
  // A connection that was kept may have gone with the gateway.
  const first = await ask('tasks/get', { taskId }).catch(() => ask('tasks/get', { taskId }))
  assert.equal(first.error?.code, -32_602)
  assert.deepEqual(ops.calls, [])
  // The approval outlives the handle: the call itself goes through.
  assert.match(JSON.stringify(await ask('tools/call', restart)), /ops restart/)
  assert.equal(ops.calls.length, 1)
})

test('what nobody answered in time is over, and is not asked for anew behind its client’s back', async (context) => {
  const clock = new TestClock()
  const { ops, house, ask } = await open(context, { clock })
  const { desk, gate } = house.api.house
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  clock.advance(5 * 60_000)
  assert.match(JSON.stringify(await ask('tools/call', { name: 'look', arguments: { service: 'web' } })), /ops look/)
  clock.advance(5 * 60_000 + 1)
  await sweep(desk, gate.activity)
  const told = await ask('tasks/get', { taskId })
  assert.equal(statusOf(told), 'completed')
  assert.match(textOf(told), /^hold\.over:[^]*is expired/)
  const anew = await ask('tools/call', restart)
  assert.notEqual(taskOf(anew).taskId, taskId)
  assert.notEqual(holdOf(anew), holdOf(created))
  assert.equal(ops.calls.length, 1)
})

test('a grant that ends takes the task with it, and an answer that was kept', async (context) => {
  const { ops, house, id, ask } = await open(context)
  const done = await ask('tools/call', restart)
  await house.approve(holdOf(done))
  assert.equal(statusOf(await ask('tasks/get', handleOf(done))), 'completed')
  const waiting = await ask('tools/call', restart)
  await house.approve(holdOf(waiting))
  await house.complete(id)
  for (const each of [done, waiting]) {
    const { error, result } = await ask('tasks/get', handleOf(each))
    assert.equal(result, undefined)
    assert.match(error?.message ?? '', /grant|session|task/)
  }
  assert.equal(ops.calls.length, 1)
})

test('a token of no grant: an answer that is kept ends with the grant that it was given under, whatever other grant lives', async (context) => {
  const { house, id } = await open(context)
  await house.grantFor('errand', ['ops/look'])
  const ask = tasking(house.urlOf('ops'), await house.tokenOf('assistant'))
  const created = await ask('tools/call', restart)
  await house.approve(holdOf(created))
  assert.equal(statusOf(await ask('tasks/get', handleOf(created))), 'completed')
  await house.complete(id)
  assert.equal(textOf(await ask('tools/call', { name: 'look', arguments: { service: 'web' } })), 'ops look {"service":"web"}')
  assert.equal((await ask('tasks/get', handleOf(created))).error?.code, -32_602)
})

test('an approval is of the session that asked: with another token of the same grant the task goes on, and a person is asked again', async (context) => {
  const { ops, house, id, ask } = await open(context)
  const { desk } = house.api.house
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  await house.approve(holdOf(created))
  const subjectToken = await house.api.secret('assistant')
  const audience = gatewayAudience(desk.space, httpGateway)
  const asking = { subjectToken, subjectTokenType: tokenTypes.secret, address: '127.0.0.1', audience, grant: id }
  const renewed = tasking(house.urlOf('ops'), reveal(mustBe(await exchangeToken(desk, asking)).token))
  const held = taskOf(await renewed('tasks/get', { taskId }))
  const [, hold = ''] = /(hld_\w+)/.exec(held.statusMessage ?? '') ?? []
  assert.equal(held.status, 'working')
  assert.notEqual(hold, holdOf(created))
  await house.approve(hold)
  assert.equal(statusOf(await renewed('tasks/get', { taskId })), 'completed')
  assert.equal(ops.calls.length, 1)
})

test('where servers are joined, tools keep their names, and a held call becomes a task as well', async (context) => {
  const [ops, web] = [await startOps(context, 'ops'), await startOps(context, 'web')]
  const house = await openHouse(context, { ops: ops.url, web: web.url })
  const { token } = await house.grantFor('errand', ['ops/restart', 'web/look'])
  const ask = tasking(house.urlOf('all'), token)
  const created = await ask('tools/call', { ...restart, name: 'ops__restart' })
  await house.approve(holdOf(created))
  assert.equal(textOf(await ask('tasks/get', handleOf(created))), 'ops restart {"service":"web"}')
  assert.deepEqual([ops.calls.length, web.calls.length], [1, 0])
  // A handle is of the port that gave it.
  assert.equal((await tasking(house.urlOf('ops'), token)('tasks/get', handleOf(created))).error?.code, -32_602)
})

test('whoever does not declare the extension is given no task, and is told what is missing when it asks for one', async (context) => {
  const { house, token, ask } = await open(context)
  const bare = tasking(house.urlOf('ops'), token, {})
  const held = await bare('tools/call', restart)
  assert.deepEqual([held.result?.resultType, held.result?.isError], ['complete', true])
  const { error } = await bare('tasks/get', handleOf(await ask('tools/call', restart)))
  assert.equal(error?.code, -32_021)
  assert.deepEqual(error?.data?.requiredCapabilities, { extensions: { [tasksExtension]: {} } })
  for (const method of ['tasks/list', 'tasks/result']) assert.equal((await ask(method, { taskId: 'x' })).error?.code, -32_601)
})

test('a client that opens pages as well is asked first, and given a task when that takes longer', async (context) => {
  const { ops, house, token } = await open(context)
  const both = tasking(house.urlOf('ops'), token, { elicitation: { url: {} }, extensions: { [tasksExtension]: {} } })
  const asked = await both('tools/call', restart)
  assert.equal(asked.result?.resultType, 'input_required')
  const declined = { inputResponses: { remit_approval: { action: 'decline' } }, requestState: asked.result?.requestState }
  const created = await both('tools/call', { ...restart, ...declined })
  assert.equal(created.result?.resultType, 'task')
  assert.equal(holdOf(created), holdOf(asked))
  await house.approve(holdOf(asked))
  assert.match(textOf(await both('tasks/get', handleOf(created))), /^ops restart/)
  assert.equal(ops.calls.length, 1)
})

test('what a server asks in the middle of an approved call is asked by the task, and the next round is approved again', async (context) => {
  const raw = await startRaw(context, ({ response, body }) => {
    const { id, params } = JSON.parse(body) as { id: unknown; params: { inputResponses?: object } }
    const question = {
      method: 'elicitation/create',
      params: { mode: 'form', message: 'Sure?', requestedSchema: { type: 'object', properties: {} } },
    }
    const result =
      params.inputResponses === undefined
        ? { resultType: 'input_required', inputRequests: { sure: question }, requestState: 'of-the-server' }
        : { resultType: 'complete', content: [{ type: 'text', text: 'restarted' }] }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  const house = await openHouse(context, { ops: raw.url })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const ask = tasking(house.urlOf('ops'), token)
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  await house.approve(holdOf(created))
  const asks = await ask('tasks/get', { taskId })
  assert.equal(statusOf(asks), 'input_required')
  assert.deepEqual(Object.keys(asks.result?.inputRequests ?? {}), ['1.sure'])
  const ignored = { sure: { action: 'decline' }, other: {} }
  await ask('tasks/update', { taskId, inputResponses: ignored })
  assert.equal(statusOf(await ask('tasks/get', { taskId })), 'input_required')
  const given = { action: 'accept', content: { n: 1 } }
  assert.deepEqual((await ask('tasks/update', { taskId, inputResponses: { '1.sure': given } })).result, { resultType: 'complete' })
  const held = await ask('tasks/get', { taskId })
  assert.equal(statusOf(held), 'working')
  const [, next = ''] = /(hld_\w+)/.exec(taskOf(held).statusMessage ?? '') ?? []
  assert.notEqual(next, holdOf(created))
  await house.approve(next)
  assert.equal(textOf(await ask('tasks/get', { taskId })), 'restarted')
  const { params } = JSON.parse(raw.heard[1]?.body ?? '{}') as { params: Record<string, unknown> }
  assert.deepEqual(
    [params['inputResponses'], params['requestState'], params['arguments']],
    [{ sure: given }, 'of-the-server', restart.arguments],
  )
  assert.equal(raw.heard.length, 2)
})

test('a call that runs for longer than its handle was good for is still its client’s', async (context) => {
  const clock = new TestClock()
  let end = () => {}
  const raw = await startRaw(context, ({ response, body }) => {
    const { id } = JSON.parse(body) as { id: unknown }
    response.setHeader('content-type', 'application/json')
    const result = { resultType: 'complete', content: [{ type: 'text', text: 'restarted' }] }
    end = () => response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  const house = await openHouse(context, { ops: raw.url }, { clock })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const ask = tasking(house.urlOf('ops'), token)
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  await house.approve(holdOf(created))
  // Each waits a second for the call, which is one of the clock's.
  const asked = async () => {
    const ticking = setInterval(() => clock.advance(1_000), 20)
    return statusOf(await ask('tasks/get', { taskId }).finally(() => clearInterval(ticking)))
  }
  assert.equal(await asked(), 'working')
  assert.equal(raw.heard.length, 1)
  clock.advance(16 * 60_000)
  assert.equal(await asked(), 'working')
  end()
  assert.equal(textOf(await ask('tasks/get', { taskId })), 'restarted')
})

test('answers to a server’s questions that are too long to be sent together are not gathered', async (context) => {
  const raw = await startRaw(context, ({ response, body }) => {
    const { id } = JSON.parse(body) as { id: unknown }
    const result = { resultType: 'input_required', inputRequests: { one: {}, two: {}, three: {} } }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  const house = await openHouse(context, { ops: raw.url })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const ask = tasking(house.urlOf('ops'), token)
  const created = await ask('tools/call', restart)
  const { taskId } = taskOf(created)
  await house.approve(holdOf(created))
  assert.equal(statusOf(await ask('tasks/get', { taskId })), 'input_required')
  const long = { action: 'accept', content: { text: 'x'.repeat(2_500_000) } }
  await ask('tasks/update', { taskId, inputResponses: { '1.one': long } })
  // The same again takes its own place.
  await ask('tasks/update', { taskId, inputResponses: { '1.one': long } })
  assert.equal(statusOf(await ask('tasks/get', { taskId })), 'input_required')
  await ask('tasks/update', { taskId, inputResponses: { '1.two': long } })
  assert.match(textOf(await ask('tasks/get', { taskId })), /^input\.too-large/)
  assert.equal(raw.heard.length, 1)
})

test('an answer that is too large to be kept is cut, and its task says so', async (context) => {
  const raw = await startRaw(context, ({ response, body }) => {
    const { id } = JSON.parse(body) as { id: unknown }
    response.setHeader('content-type', 'application/json')
    const content = [{ type: 'text', text: 'x'.repeat(5_000_000) }]
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', content } }))
  })
  const house: AgentHouse = await openHouse(context, { ops: raw.url })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const ask = tasking(house.urlOf('ops'), token)
  const created = await ask('tools/call', restart)
  await house.approve(holdOf(created))
  let told = await ask('tasks/get', handleOf(created))
  while (statusOf(told) === 'working') told = await ask('tasks/get', handleOf(created))
  assert.match(textOf(told), /^hold\.answer-too-large:/)
})
