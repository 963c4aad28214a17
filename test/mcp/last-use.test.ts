/** The last use of a grant is over when its client has what came of it, and not when a handle was given for it. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { type Heard, openHouse, startRaw } from './gateway-house.ts'
import { handleOf, statusOf, tasking, textOf } from './task-calls.ts'

const web = { service: 'web' }
const content = [{ type: 'text', text: 'done' }]

/** `restart` is answered when a test says so; of `look` a task is made, which is over when a test says so. */
async function open(context: TestContext, scope: string) {
  const asked: string[] = []
  const answers: (() => void)[] = []
  const server = { isOver: false }
  const { url } = await startRaw(context, ({ response, body }: Heard) => {
    const { id, method, params } = JSON.parse(body) as { id: unknown; method: string; params: { name?: string } }
    asked.push(method)
    const times = { createdAt: '2026-11-22T08:00:00Z', lastUpdatedAt: '2026-11-22T08:00:00Z', ttlMs: 60_000 }
    const task = { taskId: 't-1', status: server.isOver ? 'completed' : 'working', ...times }
    const tools = ['restart', 'look'].map((name) => ({ name, inputSchema: { type: 'object' } }))
    const result =
      method === 'tools/list'
        ? { resultType: 'complete', tools, ttlMs: 0, cacheScope: 'private' }
        : method === 'tools/call'
          ? params.name === 'look'
            ? { resultType: 'task', ...task }
            : { resultType: 'complete', content }
          : {
              resultType: 'complete',
              ...task,
              ...(server.isOver ? { result: { content: [...content, { type: 'text', text: 'x'.repeat(200_000) }] } } : {}),
            }
    const end = () => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    }
    if (params.name === 'restart') answers.push(end)
    else end()
  })
  const house = await openHouse(context, { ops: url })
  const { id, token } = await house.grantFor('errand', [scope])
  const { facts } = house.api.house.desk
  const ended = Promise.withResolvers<void>()
  const leave = facts.onChange(() => {
    if (facts.grant(id)?.state === 'ended') ended.resolve()
  })
  context.after(leave)
  return {
    asked,
    answers,
    server,
    house,
    ask: tasking(house.urlOf('ops'), token),
    ended: ended.promise,
    state: () => facts.grant(id)?.state,
  }
}

test('the answer of a held call that was the last use is there until it was fetched', async (context) => {
  const { answers, house, ask, ended, state } = await open(context, 'ops/restart,uses=1')
  const created = await ask('tools/call', { name: 'restart', arguments: web })
  await house.approve(created.result?._meta?.['remit/refusal']?.hold ?? '')
  assert.equal(statusOf(await ask('tasks/get', handleOf(created))), 'working')
  answers[0]?.()
  // Sent after the answer on connections of the same loop: what it is followed by has happened.
  await house.api.house.sequencer.head()
  assert.equal(state(), 'active')
  const done = await ask('tasks/get', handleOf(created))
  assert.deepEqual([statusOf(done), textOf(done)], ['completed', 'done'])
  await ended
  assert.equal((await ask('tasks/get', handleOf(created))).error?.code, -32_602)
})

test('a server’s task that the last use became goes on until its client has what came of it', async (context) => {
  const { asked, server, ask, ended, state } = await open(context, 'ops/look,uses=1')
  const created = await ask('tools/call', { name: 'look', arguments: web })
  assert.equal(statusOf(await ask('tasks/get', handleOf(created))), 'working')
  assert.equal(state(), 'active')
  const again = await ask('tools/call', { name: 'look', arguments: web })
  assert.equal(again.result?.isError, true, 'there is no other use')
  server.isOver = true
  assert.match(textOf(await ask('tasks/get', handleOf(created))), /^done\nx/)
  await ended
  assert.ok(!asked.includes('tasks/cancel'))
})

test('a held call that was the last use and is cancelled ends its grant', async (context) => {
  const { house, ask, ended } = await open(context, 'ops/restart,uses=1')
  const created = await ask('tools/call', { name: 'restart', arguments: web })
  await house.approve(created.result?._meta?.['remit/refusal']?.hold ?? '')
  assert.equal(statusOf(await ask('tasks/get', handleOf(created))), 'working')
  await ask('tasks/cancel', handleOf(created))
  await ended
})

test('a server’s task that is cancelled ends the grant whose last use it was', async (context) => {
  const { ask, ended } = await open(context, 'ops/look,uses=1')
  const created = await ask('tools/call', { name: 'look', arguments: web })
  await ask('tasks/cancel', handleOf(created))
  await ended
})
