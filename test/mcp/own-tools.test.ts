/** An agent asks for what it may do through MCP itself: eligible, request, status, done. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { grantViews } from '../../src/api/grant-views.ts'
import { newClient, olderClient, openHouse, startOps } from './gateway-house.ts'

interface Said {
  readonly isError?: boolean
  readonly content: readonly { readonly text?: string }[]
  readonly structuredContent?: {
    readonly id?: string
    readonly state?: string
    readonly eligible?: readonly { readonly resource: string }[]
  }
}

function textOf(result: unknown): string {
  return (result as Said).content.map(({ text = '' }) => text).join('\n')
}

function structuredOf(result: unknown): NonNullable<Said['structuredContent']> {
  return (result as Said).structuredContent ?? {}
}

const look = { name: 'look', arguments: { service: 'web' } }
const own = ['remit_eligible', 'remit_request', 'remit_status', 'remit_done']

async function open(context: TestContext) {
  const ops = await startOps(context)
  const house = await openHouse(context, { ops: ops.url }, { asksHere: true })
  const token = await house.tokenOf('assistant')
  const request = (args: object) => ({
    name: 'remit_request',
    arguments: { task: 'errand', statement: 'see whether web answers', ...args },
  })
  return { ops, house, token, url: house.urlOf('ops'), request }
}

for (const [era, connect] of [
  ['2026-07-28', newClient],
  ['2025-11-25', olderClient],
] as const) {
  test(`${era}: from no grant to a task done, without leaving the protocol`, async (context) => {
    const { ops, house, token, url, request } = await open(context)
    const client = await connect(context, url, token)
    const names = async () => (await client.listTools()).tools.map(({ name }) => name)
    assert.deepEqual(await names(), own)
    const refused = await client.callTool(look)
    assert.match(
      textOf(refused),
      /^grant\.missing:[^]*Call remit_request with \{"task":"errand","scope":\["ops\/look"\],"statement":"why"\}/,
    )
    const eligible = await client.callTool({ name: 'remit_eligible', arguments: { service: 'ops', task: 'errand' } })
    assert.match(textOf(eligible), /^ops\/look \(read\): task errand, at most 30m|1h, approved by nobody/)
    assert.ok(structuredOf(eligible).eligible?.every(({ resource }) => resource.startsWith('ops/')))
    const asked = await client.callTool(request({ scope: ['ops/look,service=web'] }))
    assert.match(textOf(asked), /^grn_\w+ \(errand: ops\/look,service=web\) is active until 20/)
    const { id = '' } = structuredOf(asked)
    assert.deepEqual(await names(), ['look', ...own])
    assert.match(textOf(await client.callTool(look)), /^ops look/)
    assert.match(textOf(await client.callTool({ name: 'remit_status', arguments: {} })), new RegExp(`^${id} .* is active`))
    assert.match(
      textOf(await client.callTool({ name: 'remit_done', arguments: { grant: id, reason: 'it answers' } })),
      /completed: it answers/,
    )
    assert.match(textOf(await client.callTool(look)), /^grant\.missing:/)
    assert.deepEqual(await names(), own)
    assert.equal(ops.calls.length, 1)
    await house.api.house.sequencer.head()
    const bodies = (await house.api.house.desk.log.leaves(0, 1_000)).map(({ body = '{}' }) => JSON.parse(body) as Record<string, string>)
    const told = bodies.filter(({ subject }) => subject === id).map(({ kind, actor }) => `${kind} ${actor}`)
    assert.deepEqual(told.slice(0, 5), [
      'grant.requested assistant',
      'grant.approved policy',
      'grant.activated assistant',
      'definition.pinned assistant',
      'grant.ended assistant',
    ])
  })
}

test('what a person has to approve is pending, says who and where, and begins when it is looked at after the yes', async (context) => {
  const { ops, house, token, url, request } = await open(context)
  const client = await newClient(context, url, token)
  const asked = await client.callTool(request({ task: 'repair', scope: ['ops/look'] }))
  const { id = '', state } = structuredOf(asked)
  assert.equal(state, 'pending')
  assert.match(textOf(asked), new RegExp(`waits for role:keepers\\. They answer at http://localhost:\\d+/requests/${id}\\.`))
  const status = { name: 'remit_status', arguments: { grant: id } }
  assert.equal(structuredOf(await client.callTool(status)).state, 'pending')
  assert.match(textOf(await client.callTool(look)), /^grant\.missing:/)
  await house.approve(id)
  assert.equal(structuredOf(await client.callTool(status)).state, 'active')
  assert.match(textOf(await client.callTool(look)), /^ops look/)
  assert.equal(ops.calls.length, 1)
})

test('what is asked for after a result that anybody may have written waits for a person', async (context) => {
  const { house, token, url, request } = await open(context)
  const client = await newClient(context, url, token)
  assert.equal(structuredOf(await client.callTool(request({ scope: ['ops/look'] }))).state, 'active')
  assert.match(textOf(await client.callTool(look)), /^ops look/)
  const asked = await client.callTool(request({ scope: ['ops/tail'] }))
  const { id = '', state } = structuredOf(asked)
  assert.equal(state, 'pending')
  assert.match(textOf(asked), /waits for 1 person[^]*, because results were read that anybody may have written\. They answer at/)
  const eligible = await client.callTool({ name: 'remit_eligible', arguments: { service: 'ops', task: 'errand' } })
  assert.doesNotMatch(textOf(eligible), /approved by nobody/)
  const { desk } = house.api.house
  const views = await grantViews(desk, await desk.store.read((tx) => tx.find('grant', {})))
  assert.deepEqual(
    views.map((view) => [view.state, view.untrusted, view.read?.operation]),
    [
      ['active', undefined, 'ops/look'],
      ['pending', true, undefined],
    ],
  )
  await house.approve(id)
  assert.equal(structuredOf(await client.callTool({ name: 'remit_status', arguments: { grant: id } })).state, 'active')
})

test('nobody sees or ends the grants of another, and a token for one grant asks for no other', async (context) => {
  const { house, token, url, request } = await open(context)
  const client = await newClient(context, url, token)
  const { id = '' } = structuredOf(await client.callTool(request({ scope: ['ops/look'] })))
  const { id: bound, token: boundToken } = await house.grantFor('errand', ['ops/look,service=db'])
  const stranger = await newClient(context, url, await house.tokenOf('other'))
  const narrow = await newClient(context, url, boundToken)
  for (const each of [stranger, narrow])
    for (const name of ['remit_status', 'remit_done'])
      assert.match(textOf(await each.callTool({ name, arguments: { grant: id } })), /^not-found:/)
  assert.match(textOf(await stranger.callTool({ name: 'remit_status', arguments: {} })), /No grant/)
  assert.match(textOf(await narrow.callTool({ name: 'remit_status', arguments: {} })), new RegExp(`^${bound} [^\\n]*$`))
  assert.match(textOf(await narrow.callTool(request({ scope: ['ops/look'] }))), /^caller\.not-allowed:/)
  assert.deepEqual(
    (await narrow.listTools()).tools.map(({ name }) => name),
    ['look', 'remit_eligible', 'remit_status', 'remit_done'],
  )
  const wrong = textOf(await narrow.callTool({ name: 'restart', arguments: { service: 'web' } }))
  assert.ok(!wrong.includes('remit_request'), wrong)
  assert.match(textOf(await narrow.callTool({ name: 'remit_done', arguments: { grant: bound } })), /completed/)
})

test('where servers are joined, our own tools come after all of theirs, under their own names', async (context) => {
  const ops = await startOps(context)
  const mail = await startOps(context, 'mail')
  const house = await openHouse(context, { ops: ops.url, mail: mail.url }, { asksHere: true })
  const client = await newClient(context, house.urlOf('all'), await house.tokenOf('assistant'))
  const asked = await client.callTool({ name: 'remit_request', arguments: { task: 'errand', statement: 'look', scope: ['mail/look'] } })
  assert.equal(structuredOf(asked).state, 'active')
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ['mail__look', ...own],
  )
  assert.match(textOf(await client.callTool({ ...look, name: 'mail__look' })), /^mail look/)
})

test('calls that make no sense, and too many of them, are refused', async (context) => {
  const { token, url, request } = await open(context)
  const client = await newClient(context, url, token)
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ scope: [] }, /^input\.invalid:/],
    [{ scope: 'ops/look' }, /^input\.invalid:/],
    [{ scope: ['ops/look', 7] }, /^input\.invalid:/],
    [{ scope: ['ops/look'], force: true }, /^input\.invalid:[^]*"force" is not taken/],
    [{ scope: ['ops/look'], duration: 'long' }, /^input\.invalid:[^]*30m/],
    [{ scope: ['ops/look'], statement: ' ' }, /^input\.invalid:/],
    [{ scope: ['ops/look'], task: 'conquest' }, /^request\.not-eligible:|^request\./],
    [{ scope: ['nothing/there'] }, /^(?:scope|request)\./],
  ]
  for (const [args, says] of wrong) assert.match(textOf(await client.callTool(request(args))), says, JSON.stringify(args))
  for (let left = 20 - wrong.length; left > 0; left -= 1) await client.callTool(request({ scope: [] }))
  assert.match(textOf(await client.callTool(request({ scope: ['ops/look'] }))), /^rate\.exceeded:/)
})
