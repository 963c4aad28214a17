/** The port at which proxies ask, byte by byte: Envoy's form, nginx's, and whoever only pretends to be one of them. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { readProxies } from '../../src/gateways/http/forward-auth.ts'
import { startHttpGateway } from '../../src/gateways/http/gateway.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { HostileClient } from '../hostile/hostile-client.ts'
import { openProxiedHouse, type ProxiedHouse } from './forward-auth-house.ts'
import { until } from './manual-clock.ts'
import { RulesControl, systemClock } from './rules-control.ts'
import { service } from './services.ts'
import { keepingLog } from './upstreams.ts'

interface Asked {
  readonly method?: string
  /** Whole lines, in the place of those that are usual. */
  readonly lines?: readonly string[]
  readonly body?: string
}

type Heard = { readonly status: number; readonly code: string; readonly detail: string; readonly headers: ReadonlyMap<string, string> }

/** To the byte what Envoy 1.2x sends for a check of its own: the head again, a length of nothing, what its client for HTTP adds. */
function envoyText(house: ProxiedHouse, target: string, { method = 'GET', lines, body = '' }: Asked = {}): Buffer {
  const usual = [`authorization: Bearer ${house.token}`, 'x-real-ip: 127.0.0.1']
  const head = [
    `${method} /ext-authz/stall${target} HTTP/1.1`,
    'host: stall.example',
    `content-length: ${body.length}`,
    ...(lines ?? usual),
    'x-envoy-internal: true',
    'x-forwarded-for: 10.5.0.3',
    'x-envoy-expected-rq-timeout-ms: 250',
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const framing = 'X-Original-Framing: length= coding= upgrade='

function nginxText(house: ProxiedHouse, { method = 'GET', lines = [] }: Asked, path = '/auth-request/stall'): Buffer {
  return Buffer.from(
    [`${method} ${path} HTTP/1.1`, 'Host: stall.example', `Authorization: Bearer ${house.token}`, ...lines, '', ''].join('\r\n'),
  )
}

const original = (method: string, target: string) => [
  `X-Original-Method: ${method}`,
  `X-Original-URI: ${target}`,
  framing,
  'X-Real-IP: 127.0.0.1',
]

async function send(house: ProxiedHouse, bytes: Buffer): Promise<Heard> {
  const method = bytes.toString('latin1').split(' ')[0] ?? ''
  const client = await HostileClient.open(house.port, [method])
  await client.send([bytes])
  await client.until(() => client.heard.answers.length > 0)
  const [answer] = client.heard.answers
  assert.equal(client.heard.flaw, undefined)
  client.destroy()
  if (answer === undefined) return { status: 0, code: 'closed', detail: '', headers: new Map() }
  const text = answer.body.toString()
  const { type = '', detail = '' }: { readonly type?: string; readonly detail?: string } = text === '' ? {} : JSON.parse(text)
  return { status: answer.status, code: type.replace('urn:remit:refusal:', ''), detail, headers: answer.headers }
}

const house = (context: TestContext) => openProxiedHouse(context)

test('Envoy: what the grant covers is let through, on record as delegated', async (context) => {
  const remit = await house(context)
  const heard = await send(remit, envoyText(remit, '/items?q=lamp'))
  assert.equal(heard.status, 200)
  assert.match(heard.headers.get('remit-decision') ?? '', /^dec_/)
  assert.equal(heard.headers.get('x-envoy-auth-headers-to-remove'), 'authorization')
  assert.equal(heard.headers.get('cache-control'), 'no-store')
  assert.equal((await send(remit, envoyText(remit, '/items/7/buy', { method: 'POST', body: '{"any":"body"}' }))).status, 200)
  assert.equal((await send(remit, envoyText(remit, '/items', { method: 'HEAD' }))).status, 200)
  const lines = await remit.lines()
  const outcomes = lines.filter(({ type }) => type === 'outcome')
  assert.deepEqual(
    outcomes.map(({ result }) => result),
    ['delegated', 'delegated', 'delegated'],
  )
  const decided = lines.filter(({ type }) => type === 'decision')
  assert.deepEqual(
    decided.map(({ outcome, target, address }) => [outcome, target, address]),
    [
      ['allow', 'GET /items?q=lamp', '127.0.0.1'],
      ['allow', 'POST /items/7/buy', '127.0.0.1'],
      ['allow', 'HEAD /items', '127.0.0.1'],
    ],
  )
  assert.equal(outcomes[0]?.['decision'], heard.headers.get('remit-decision'))
})

test('Envoy: a no reaches its client as it is', async (context) => {
  const remit = await house(context)
  const real = 'x-real-ip: 127.0.0.1'
  const bearer = `authorization: Bearer ${remit.token}`
  const rows: readonly (readonly [what: string, text: Buffer, status: number, code: string, detail: RegExp])[] = [
    ['no token', envoyText(remit, '/items', { lines: [real] }), 401, 'credential.missing', /./],
    ['a token of nobody', envoyText(remit, '/items', { lines: [real, 'authorization: Bearer x'] }), 401, 'credential.invalid', /./],
    ['an operation that nobody declared', envoyText(remit, '/secrets'), 403, 'action.unknown', /./],
    ['arguments in the body', envoyText(remit, '/items/7', { method: 'PATCH' }), 403, 'action.needs-gateway', /in its body/],
    ['tier 2', envoyText(remit, '/items', { method: 'DELETE' }), 403, 'action.needs-gateway', /tier 2/],
    ['a hold', envoyText(remit, '/restart', { method: 'POST' }), 403, 'action.needs-gateway', /a person must approve/],
    ['a duty that needs the answer', envoyText(remit, '/export'), 403, 'action.duty-unmet', /exports-are-short: answer<=1kB/],
    ['a tunnel', envoyText(remit, '/watch'), 422, 'input.invalid', /upgrade/],
    ['an encoded slash', envoyText(remit, '/items/a%2Fb'), 400, 'action.ambiguous', /slash/],
    ['dots that lead to another service', envoyText(remit, '/../shop/items'), 400, 'action.ambiguous', /dot segment/],
    ['an empty segment', envoyText(remit, '//items'), 400, 'action.ambiguous', /empty segment/],
    ['an asterisk', envoyText(remit, '*'), 404, 'method.unknown', /./],
    ['an absolute target', envoyText(remit, 'http://other/items'), 404, 'method.unknown', /./],
    ['a GET with a body', envoyText(remit, '/items', { body: 'x' }), 400, 'action.ambiguous', /with a body/],
    [
      'a second method',
      envoyText(remit, '/items', { lines: [bearer, real, 'x-http-method-override: DELETE'] }),
      400,
      'action.ambiguous',
      /./,
    ],
    ['nginx’s words', envoyText(remit, '/items', { lines: [bearer, real, 'x-original-uri: /items/7'] }), 400, 'action.ambiguous', /./],
    ['an underscore', envoyText(remit, '/items', { lines: [bearer, real, 'x_forwarded: 1'] }), 400, 'action.ambiguous', /underscore/],
    ['two tokens', envoyText(remit, '/items', { lines: [bearer, bearer, real] }), 400, 'action.ambiguous', /twice/],
    ['no address', envoyText(remit, '/items', { lines: [bearer] }), 422, 'input.invalid', /X-Real-IP/],
    ['two addresses', envoyText(remit, '/items', { lines: [bearer, real, 'x-real-ip: 10.0.0.1'] }), 400, 'action.ambiguous', /twice/],
    ['addresses in one', envoyText(remit, '/items', { lines: [bearer, 'x-real-ip: 127.0.0.1, 10.0.0.1'] }), 422, 'input.invalid', /./],
    [
      'a form, which could name another method',
      envoyText(remit, '/items/7/buy', {
        method: 'POST',
        body: 'a=1',
        lines: [bearer, real, 'content-type: application/x-www-form-urlencoded'],
      }),
      403,
      'action.needs-gateway',
      /form/,
    ],
  ]
  for (const [what, text, status, code, detail] of rows) {
    const heard = await send(remit, text)
    assert.deepEqual([heard.status, heard.code], [status, code], what)
    assert.match(heard.detail, detail, what)
    assert.equal(heard.headers.get('remit-refusal'), code, what)
  }
  // The first address that used the token is the one it is bound to; Envoy's own, which it appends, is nobody's.
  assert.equal((await send(remit, envoyText(remit, '/items'))).status, 200)
  const elsewhere = await send(remit, envoyText(remit, '/items', { lines: [bearer, 'x-real-ip: 10.9.9.9'] }))
  assert.deepEqual([elsewhere.status, elsewhere.code], [401, 'credential.elsewhere'])
})

test('nobody is told of a service that Remit forwards itself, or of one that is not there', async (context) => {
  const remit = await house(context)
  for (const service of ['shop', 'nothing']) {
    const heard = await send(remit, nginxText(remit, { lines: original('GET', '/items') }, `/auth-request/${service}`))
    assert.deepEqual([heard.status, heard.code], [403, 'not-found'], service)
    const envoy = await send(remit, Buffer.from(envoyText(remit, '/items').toString().replace('/stall/', `/${service}/`)))
    assert.deepEqual([envoy.status, envoy.code], [404, 'not-found'], service)
  }
})

test('nginx: what the proxy must say, each once', async (context) => {
  const remit = await house(context)
  const whole = original('GET', '/items')
  assert.equal((await send(remit, nginxText(remit, { lines: whole }))).status, 200)
  for (const [place, line] of whole.entries()) {
    const name = line.split(':')[0] ?? ''
    const without = await send(remit, nginxText(remit, { lines: whole.filter((_, at) => at !== place) }))
    assert.deepEqual([without.status, without.code], [403, 'input.invalid'], name)
    assert.match(without.detail, new RegExp(`the proxy must say ${name}`))
    const twice = await send(remit, nginxText(remit, { lines: [...whole, line] }))
    assert.deepEqual([twice.status, twice.code], [403, 'action.ambiguous'], name)
    const named = JSON.parse(twice.headers.get('remit-problem') ?? '')
    assert.match(named.detail, new RegExp(`${name.toLowerCase()} stands twice`))
  }
  const rows: readonly (readonly [string, Asked, string])[] = [
    ['a question by POST', { method: 'POST', lines: whole }, 'input.invalid'],
    ['a method that nobody knows', { lines: original('FETCH', '/items') }, 'input.invalid'],
    ['CONNECT', { lines: original('CONNECT', '/items') }, 'input.invalid'],
    ['an absolute target', { lines: original('GET', 'http://stall/items') }, 'action.ambiguous'],
    ['a target with a blank', { lines: original('GET', '/items a') }, 'action.ambiguous'],
    ['an upgrade', { lines: whole.map((line) => line.replace('upgrade=', 'upgrade=websocket')) }, 'action.needs-gateway'],
    ['a GET with a body', { lines: whole.map((line) => line.replace('length=', 'length=3')) }, 'action.ambiguous'],
    ['a GET with chunks', { lines: whole.map((line) => line.replace('coding=', 'coding=chunked')) }, 'action.ambiguous'],
    ['a length twice', { lines: whole.map((line) => line.replace('length=', 'length=3,3')) }, 'action.ambiguous'],
    [
      'a form that HTTP/2 sends without a length',
      { lines: [...original('POST', '/items/7/buy'), 'Content-Type: application/x-www-form-urlencoded'] },
      'action.needs-gateway',
    ],
    ['another path', { lines: whole }, 'method.unknown'],
  ]
  for (const [what, asked, code] of rows) {
    const heard = await send(remit, nginxText(remit, asked, what === 'another path' ? '/auth-request/stall/' : undefined))
    assert.deepEqual([heard.status, heard.code], [403, code], what)
  }
})

test('a kept connection: each question for itself, and the grant’s end at the next one', async (context) => {
  const remit = await house(context)
  const client = await HostileClient.open(remit.port)
  const ask = async () => {
    const before = client.heard.answers.length
    await client.ask('GET', envoyText(remit, '/items'))
    await client.until(() => client.heard.answers.length > before)
    return client.heard.answers.at(-1)
  }
  assert.equal((await ask())?.status, 200)
  assert.equal((await ask())?.status, 200)
  mustBe(await revokeGrant(remit.world.desk, await remit.world.caller('ben'), remit.grant.id, 'stop'))
  const ended = await ask()
  assert.equal(ended?.status, 403)
  assert.match(ended?.body.toString() ?? '', /urn:remit:refusal:(grant|session)\.ended/)
  client.destroy()
})

test('a grant that ends between the decision and its answer is a no, and nothing was delegated', async (context) => {
  const remit = await openProxiedHouse(context, {
    around: (control, world) => ({
      ...control,
      authorize: async (call) => {
        const verdict = await control.authorize(call)
        const [grant] = [...world.desk.facts.openGrants()]
        if (grant !== undefined) mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'stop'))
        return verdict
      },
    }),
  })
  const heard = await send(remit, envoyText(remit, '/items'))
  assert.deepEqual([heard.status, heard.code], [403, 'grant.ended'])
  const [outcome, ...others] = (await remit.lines()).filter(({ type }) => type === 'outcome')
  assert.deepEqual([outcome?.['result'], outcome?.['reason'], others.length], ['not-sent', 'grant.ended', 0])
})

test('counted uses are spent by the question; what a person would have to approve spends none, and nobody is asked', async (context) => {
  const remit = await house(context)
  const buy = () => send(remit, envoyText(remit, '/items/7/buy', { method: 'POST' }))
  assert.equal((await buy()).status, 200)
  assert.equal((await buy()).status, 200)
  const third = await buy()
  assert.deepEqual([third.status, third.code], [403, 'grant.uses-spent'])
  const restart = () => send(remit, envoyText(remit, '/restart', { method: 'POST' }))
  assert.deepEqual([(await restart()).code, (await restart()).code], ['action.needs-gateway', 'action.needs-gateway'])
  assert.deepEqual(await remit.world.desk.store.read((tx) => tx.find('hold', {})), [])
})

test('only proxies that were named are answered', async (context) => {
  const remit = await openProxiedHouse(context, { proxies: ['10.1.0.0/16', '::1'] })
  const heard = await send(remit, envoyText(remit, '/items'))
  assert.deepEqual([heard.status, heard.code], [403, 'proxy.unknown'])
  const [line] = (await remit.lines()).filter(({ type }) => type === 'refused')
  assert.equal(line?.['refusal'], 'proxy.unknown')
})

test('Remit opens no port of its own for what a proxy enforces, and closes it when that becomes so', async (context) => {
  const [own, proxied] = [
    service('own', 'http://127.0.0.1:9', []),
    { ...service('far', 'http://127.0.0.1:9', []), enforcedBy: 'proxy' as const },
  ]
  const control = new RulesControl({ services: [own, proxied], rule: () => 'allow' })
  const gateway = await startHttpGateway({ control, clock: systemClock, log: keepingLog(), listen: { host: '127.0.0.1' } })
  context.after(() => gateway.close(0))
  assert.deepEqual(Object.keys(gateway.urls()), ['own'])
  control.setServices([{ ...own, enforcedBy: 'proxy' }])
  await until(() => Object.keys(gateway.urls()).length === 0, 'the port is closed')
})

test('what names proxies', () => {
  assert.equal(mustBe(readProxies(['10.1.0.0/16', '192.0.2.7', '2001:db8::/32'])).check('10.1.2.3'), true)
  for (const text of ['proxy.example', '10.1.0.0/33', '10.1.0.0/', '10.1.0.0/8/8', '::1/129', '', '10.1/16', '10.0.0.0/-1'])
    assert.equal(readProxies([text]).ok, false, text)
})
