/** A held call of an MCP client goes through once, after a person's yes, and by nobody's else hand. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { sweep } from '../../src/control/sweep.ts'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { bare, newClient, olderClient, openHouse, startOps, startRaw } from './gateway-house.ts'
import { TestClock } from '../world/clock.ts'
import type { AgentHouse, AgentHouseOptions } from './replay-house.ts'

interface Problem {
  readonly type: string
  readonly hold?: string
}

interface Result {
  readonly resultType?: string
  readonly isError?: boolean
  readonly content?: readonly { readonly text?: string }[]
  readonly inputRequests?: Readonly<
    Record<string, { readonly method: string; readonly params: { readonly mode: string; readonly url: string } }>
  >
  readonly requestState?: string
  readonly _meta?: { readonly 'remit/refusal'?: Problem }
}

const restart = { name: 'restart', arguments: { service: 'web' } }

function holdOf(result: unknown): string {
  return (result as Result)._meta?.['remit/refusal']?.hold ?? ''
}

function textOf(result: unknown): string {
  return (result as Result).content?.map(({ text = '' }) => text).join('\n') ?? ''
}

async function open(context: TestContext, options: AgentHouseOptions = {}) {
  const ops = await startOps(context)
  const house = await openHouse(context, { ops: ops.url }, options)
  const { id, token } = await house.grantFor('errand', ['ops/restart', 'ops/look'])
  return { ops, house, id, token, url: house.urlOf('ops') }
}

/** `onOpen` hears the addresses that its user is asked to open. */
async function openingClient(
  context: TestContext,
  {
    url,
    token,
    onOpen,
  }: { readonly url: string; readonly token: string; readonly onOpen: (page: string) => Promise<'accept' | 'decline'> },
): Promise<Client> {
  const client = new Client(
    { name: 'opens', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities: { elicitation: { url: {} } } },
  )
  client.setRequestHandler('elicitation/create', async ({ params }) => ({ action: await onOpen('url' in params ? params.url : '') }))
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }))
  context.after(() => client.close())
  return client
}

/** One call of a client of 2026-07-28 that opens pages, by hand. */
async function call(house: AgentHouse, token: string, params: object): Promise<Result> {
  const request = bare(token, 'tools/call', JSON.stringify(params), 'name' in params ? String(params.name) : 'restart')
  const body = String(request.body).replace('clientCapabilities":{}', 'clientCapabilities":{"elicitation":{"url":{}}}')
  const answered = (await (await fetch(house.urlOf('ops'), { ...request, body })).json()) as { readonly result: Result }
  return answered.result
}

/** Time goes on until it is answered. */
async function passing(clock: TestClock, waiting: Promise<Result>): Promise<Result> {
  let isOver = false
  const said = waiting.finally(() => {
    isOver = true
  })
  while (!isOver) {
    await new Promise((resolve) => void setImmediate(resolve))
    clock.advance(100)
  }
  return said
}

const accepted = { inputResponses: { remit_approval: { action: 'accept' } } }

test('2026-07-28: a client that opens pages is led to where a person answers, and its call is done once', async (context) => {
  const { ops, house, url, token } = await open(context)
  const pages: string[] = []
  const onOpen = async (page: string) => {
    pages.push(page)
    await house.approve(page.slice(page.lastIndexOf('/') + 1))
    return 'accept' as const
  }
  const client = await openingClient(context, { url, token, onOpen })
  assert.match(textOf(await client.callTool(restart)), /^ops restart \{"service":"web"\}$/)
  assert.match(pages.join(' '), /^http:\/\/localhost:\d+\/holds\/hld_\w+$/)
  assert.deepEqual(ops.calls, [['restart', { service: 'web' }]])
})

test('2026-07-28: the answer comes while a person is still deciding', async (context) => {
  const { ops, house, token } = await open(context)
  const first = await call(house, token, restart)
  assert.equal(first.resultType, 'input_required')
  const [question] = Object.entries(first.inputRequests ?? {})
  assert.equal(question?.[0], 'remit_approval')
  assert.equal(question?.[1].params.mode, 'url')
  const waiting = call(house, token, { ...restart, ...accepted, requestState: first.requestState })
  await house.approve(holdOf(first))
  assert.match(textOf(await waiting), /^ops restart/)
  assert.equal(ops.calls.length, 1)
})

for (const [era, connect] of [
  ['2026-07-28', newClient],
  ['2025-11-25', olderClient],
] as const) {
  test(`${era}: a client that opens nothing is told the hold, and the same call goes through once it is approved`, async (context) => {
    const { ops, house, url, token } = await open(context)
    const client = await connect(context, url, token)
    const held = await client.callTool(restart)
    assert.equal(held.isError, true)
    assert.match(textOf(held), /^action\.held:[^]*Held as hld_\w+[^]*http:\/\/localhost:\d+\/holds\/hld_/)
    const again = await client.callTool(restart)
    assert.equal(holdOf(again), holdOf(held))
    await house.approve(holdOf(held))
    assert.match(textOf(await client.callTool(restart)), /^ops restart/)
    const next = await client.callTool(restart)
    assert.notEqual(holdOf(next), '')
    assert.notEqual(holdOf(next), holdOf(held))
    assert.equal(ops.calls.length, 1)
  })
}

test('a person’s no, and a user who opens nothing, are told to the model', async (context) => {
  const { ops, house, url, token } = await open(context)
  const saysNo = await openingClient(context, {
    url,
    token,
    onOpen: async (page) => {
      await house.approve(page.slice(page.lastIndexOf('/') + 1), 'deny')
      return 'accept'
    },
  })
  assert.match(textOf(await saysNo.callTool(restart)), /^action\.denied-by-person:/)
  const declines = await openingClient(context, { url, token, onOpen: () => Promise.resolve('decline') })
  const told = await declines.callTool({ ...restart, arguments: { service: 'db' } })
  assert.match(textOf(told), /^action\.held:[^]*hld_/)
  assert.deepEqual(ops.calls, [])
})

test('a requestState that was forged, shown twice, of another call or of another caller is refused', async (context) => {
  const { ops, house, token } = await open(context)
  const other = await house.grantFor('errand', ['ops/restart'])
  const state = async () => (await call(house, token, restart)).requestState ?? ''
  const first = await call(house, token, restart)
  const begin = (first.requestState ?? '').slice(0, (first.requestState ?? '').lastIndexOf(':') + 1)
  await house.approve(holdOf(first))
  const tried: readonly (readonly [string, string, object])[] = [
    ['forged', token, { ...restart, ...accepted, requestState: `${begin}${'A'.repeat(32)}` }],
    ['of another call', token, { name: 'restart', arguments: { service: 'db' }, ...accepted, requestState: first.requestState }],
    ['shown twice', token, { ...restart, ...accepted, requestState: first.requestState }],
  ]
  for (const [why, bearer, params] of tried) assert.match(textOf(await call(house, bearer, params)), /^hold\.state:/, why)
  assert.deepEqual(ops.calls, [])
  // The approval itself is not lost: the same call attaches to it.
  assert.match(textOf(await call(house, token, restart)), /^ops restart/)
  const held = await state()
  assert.match(textOf(await call(house, other.token, { ...restart, ...accepted, requestState: held })), /^hold\.state:/)
  assert.equal(ops.calls.length, 1)
})

test('a requestState of a hold that has expired is refused, and the call itself is held anew', async (context) => {
  const clock = new TestClock()
  const { ops, house, token } = await open(context, { clock })
  const { desk, gate } = house.api.house
  const first = await call(house, token, restart)
  clock.advance(5 * 60_000)
  // Attached to the same hold, and good for no longer than that.
  const later = await call(house, token, restart)
  assert.equal(holdOf(later), holdOf(first))
  assert.match(textOf(await call(house, token, { name: 'look', arguments: { service: 'web' } })), /^ops look/)
  clock.advance(5 * 60_000 + 1)
  await sweep(desk, gate.activity)
  for (const { requestState } of [first, later])
    assert.match(textOf(await call(house, token, { ...restart, ...accepted, requestState })), /^hold\.state:[^]*is expired/)
  const anew = await call(house, token, restart)
  assert.equal(anew.resultType, 'input_required')
  assert.notEqual(holdOf(anew), holdOf(first))
  assert.equal(ops.calls.length, 1)
})

test('a client that waits for long is asked once, told "not yet" five times, and then told to come back', async (context) => {
  const clock = new TestClock()
  const { ops, house, token } = await open(context, { clock })
  let said = await call(house, token, restart)
  const hold = holdOf(said)
  for (let round = 1; round < 6; round += 1) {
    const waiting = call(house, token, { ...restart, ...(round === 1 ? accepted : {}), requestState: said.requestState })
    said = await passing(clock, waiting)
    assert.deepEqual([said.resultType, said.inputRequests, holdOf(said)], ['input_required', undefined, hold])
  }
  said = await passing(clock, call(house, token, { ...restart, requestState: said.requestState }))
  assert.match(textOf(said), /^action\.held:/)
  assert.equal(holdOf(said), hold)
  assert.deepEqual(ops.calls, [])
})

test('a requestState of a grant that has ended is refused', async (context) => {
  const { ops, house, id, token } = await open(context)
  const held = await call(house, token, restart)
  const waiting = call(house, token, { ...restart, ...accepted, requestState: held.requestState })
  await house.complete(id)
  assert.match(textOf(await waiting), /^(?:hold\.state|grant\.ended|session\.ended):/)
  assert.deepEqual(ops.calls, [])
})

test('a server’s own requestState and the answers to it pass a hold unchanged', async (context) => {
  const raw = await startRaw(context, ({ response, body }) => {
    const { id } = JSON.parse(body) as { id: unknown }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', content: [{ type: 'text', text: 'done' }] } }))
  })
  const house = await openHouse(context, { ops: raw.url })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const own = { inputResponses: { sure: { action: 'accept', content: { n: 1 } } }, requestState: 'of-the-server' }
  const held = await call(house, token, { ...restart, ...own })
  assert.equal(held.resultType, 'input_required')
  await house.approve(holdOf(held))
  const answered = await call(house, token, { ...restart, ...accepted, requestState: held.requestState })
  assert.equal(textOf(answered), 'done')
  const { params } = JSON.parse(raw.heard[0]?.body ?? '{}') as { params: Record<string, unknown> }
  assert.deepEqual({ inputResponses: params['inputResponses'], requestState: params['requestState'] }, own)
  assert.deepEqual(params['arguments'], restart.arguments)
})
