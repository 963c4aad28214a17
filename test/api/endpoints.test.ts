import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { endpoints } from '../../src/api/endpoints.ts'
import type { Endpoint } from '../../src/api/endpoint.ts'
import { gatewayAudience } from '../../src/control/identify.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { refusals } from '../../src/kernel/refusals.ts'
import { shopDocument } from '../world/shop.ts'
import { type ApiHouse, openApiHouse } from './api-house.ts'
import { type Answered, call, type Sent } from './calls.ts'
import { ask, hold, type Held } from './held.ts'

let api: ApiHouse
let held: Held
let grant: string
/** Who may see none of it: a machine of another owner, and a person without a role. */
let stranger: string
let strangerCookie: string

before(async () => {
  api = await openApiHouse({ document: shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'zoe' }] }) })
  for (const name of ['ana', 'ben', 'eva']) await api.register(name)
  held = await hold(api)
  grant = (await ask(api, 'bot', { task: 'release', statement: 'ship 4.2', scope: ['shop/deploy'] })).id
  stranger = await api.token('meter')
  strangerCookie = await api.cookie('zoe')
})
after(() => api.close())

const nowhere = {
  grn: 'grn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  hld: 'hld_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  crd: 'crd_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  dec: 'dec_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  exc: 'exc_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  chg: 'chg_01ARZ3NDEKTSV4RRFFQ69G5FAV',
}

/** The path with ids that name nothing. */
function pathOf(endpoint: Endpoint): string {
  const kind = /\/(?:holds)\//.test(endpoint.path)
    ? 'hld'
    : /credentials/.test(endpoint.path)
      ? 'crd'
      : /decisions/.test(endpoint.path)
        ? 'dec'
        : /exceptions/.test(endpoint.path)
          ? 'exc'
          : /\/change(?:s|-sets)\//.test(endpoint.path)
            ? 'chg'
            : 'grn'
  return endpoint.path
    .replace(':id', nowhere[kind])
    .replace(':name', 'nobody-here')
    .replace(':link', 'A'.repeat(43))
    .replace(':index', '987654321')
    .replace(':level/*', '0/999')
}

/** A body that fits, as far as a body can fit that names nothing real. */
function bodyOf(endpoint: Endpoint): Readonly<Record<string, unknown>> {
  const bodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    '/v1/grants': { task: 'x', statement: 'x', scope: ['read:nothing-here'] },
    '/v1/grants/:id/extend': { duration: '5m', reason: 'x' },
    '/v1/grants/:id/revoke': { reason: 'x' },
    '/v1/exceptions': { identity: 'bot', owner: 'ana', scope: ['read:shop'], reason: 'x', remediation: ['x'], duration: '1d' },
    '/v1/exceptions/:id/withdraw': { reason: 'x' },
    '/v1/exceptions/:id/end': { evidence: 'x' },
    '/v1/exceptions/:id/tick': { step: 1 },
    '/v1/identities/:name/quarantine': { reason: 'x' },
    '/v1/identities/:name/release': { reason: 'x' },
    '/v1/identities/:name/secrets': { lifetime: '1d' },
    '/v1/ledger/entries/:index/erase': { reason: 'x' },
    '/v1/invitations': { name: 'nobody-here' },
    '/v1/gateways': { name: 'nobody-here' },
    '/v1/gateways/:name/remove': { reason: 'x' },
    '/v1/configuration/plan': { document: {} },
    '/v1/policies/replay': { policyFiles: [] },
    '/v1/change-sets': { document: {} },
    '/oauth/token': { grant_type: tokenTypes.jwt },
    '/pages/registration/begin': { link: 'A'.repeat(43) },
    '/pages/registration/finish': { link: 'A'.repeat(43), challenge: 'A'.repeat(43), response: {} },
    '/pages/sign-in/finish': { challenge: 'A'.repeat(43), response: {} },
    '/pages/answers/begin': { subject: nowhere.grn, digest: 'v1:x', decision: 'approve', narrowing: {} },
    '/pages/answers/finish': { challenge: 'A'.repeat(43), response: {} },
    '/pages/authorize/begin': { request: 'client_id=https://127.0.0.1/nobody', agent: 'nobody-here' },
    '/pages/authorize/finish': { challenge: 'A'.repeat(43), response: {} },
    '/pages/authorize/deny': { request: 'client_id=https://127.0.0.1/nobody' },
    '/pages/device/begin': { code: 'AAAA-AAAA' },
    '/pages/device/finish': { challenge: 'A'.repeat(43), response: {} },
  }
  return bodies[endpoint.path] ?? {}
}

function written(endpoint: Endpoint, body: Readonly<Record<string, unknown>>): Pick<Sent, 'headers' | 'body'> {
  if (endpoint.takes === 'none') return {}
  if (endpoint.takes === 'json') return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(body as Record<string, string>).toString(),
  }
}

type As = 'nobody' | 'stranger' | 'wrong'

async function headersFor(endpoint: Endpoint, as: As): Promise<Readonly<Record<string, string>>> {
  // A page of ours asks with our origin; who is asking is another matter.
  const own = endpoint.method === 'POST' ? { origin: api.origin } : {}
  if (as === 'nobody' || endpoint.caller === 'nobody') return own
  const wantsToken = (endpoint.caller === 'identity') === (as === 'stranger')
  return wantsToken ? { ...own, authorization: `Bearer ${stranger}` } : { ...own, cookie: strangerCookie }
}

async function callAs(endpoint: Endpoint, as: As, more: Partial<Sent> = {}): Promise<Answered> {
  const { headers, body } = written(endpoint, bodyOf(endpoint))
  return call(api.port, {
    method: endpoint.method,
    path: pathOf(endpoint),
    ...(body === undefined ? {} : { body }),
    ...more,
    headers: { ...(await headersFor(endpoint, as)), ...headers, ...more.headers },
  })
}

/** A no as it should be: in its own form, without insides, stored nowhere, and with an id where it is our fault. */
function checkRefusal(endpoint: Endpoint, answered: Answered, statuses: readonly number[]): void {
  const { status, headers, body } = answered
  assert.ok(statuses.includes(status), `${endpoint.method} ${endpoint.path} answered ${status}: ${body.slice(0, 300)}`)
  assert.doesNotMatch(body, /node_modules|\.ts:\d|file:\/\/|\bat (?:async )?[A-Z]\w+\./)
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.match(String(headers['content-security-policy']), /default-src 'none'/)
  assert.equal(headers['access-control-allow-origin'], undefined)
  assert.equal(headers['x-powered-by'], undefined)
  const type = String(headers['content-type'])
  if (status === 303) return
  if (endpoint.refuses === 'page') {
    assert.match(type, /^text\/html/)
    return
  }
  const told = JSON.parse(body) as Record<string, unknown>
  if (endpoint.refuses === 'oauth') {
    assert.match(type, /^application\/json/)
    assert.equal(typeof told['error'], 'string')
    return
  }
  assert.match(type, /^application\/problem\+json/)
  assert.equal(told['status'], status)
  const code = String(told['type']).replace('urn:remit:refusal:', '')
  assert.ok(Object.hasOwn(refusals, code), code)
}

/** Decision points are asked for each thing that somebody does elsewhere, and by rules of the wire of their own. */
function speaksAuthzen(endpoint: Endpoint): boolean {
  return endpoint.speaks === 'authzen' && endpoint.takes === 'json'
}

test('the table says all there is to say, once for each endpoint', () => {
  assert.ok(endpoints.length >= 45)
  assert.equal(new Set(endpoints.map(({ method, path }) => `${method} ${path}`)).size, endpoints.length)
  for (const endpoint of endpoints) {
    // Tiles are many and small: whoever reads a whole log asks for thousands.
    const most = endpoint.path.startsWith('/ledger/tile/') ? 3_000 : speaksAuthzen(endpoint) ? 600_000 : 600
    assert.ok(endpoint.perMinuteMax > 0 && endpoint.perMinuteMax <= most, endpoint.path)
    assert.equal(endpoint.takes === 'none', endpoint.bodyBytesMax === 0, endpoint.path)
    assert.equal(endpoint.method === 'GET', endpoint.takes === 'none', endpoint.path)
    if (endpoint.method === 'GET') assert.ok('nothing' in endpoint.records, `${endpoint.path}: looking changes nothing`)
  }
})

for (const endpoint of endpoints.filter(({ caller }) => caller !== 'nobody')) {
  const name = `${endpoint.method} ${endpoint.path}`
  test(`${name} as nobody`, async () => {
    const answered = await callAs(endpoint, 'nobody')
    const leadsToSignIn = endpoint.caller === 'person' && endpoint.refuses === 'page' && endpoint.method === 'GET'
    checkRefusal(endpoint, answered, [leadsToSignIn ? 303 : 401])
    if (leadsToSignIn) assert.match(String(answered.headers['location']), /^\/sign-in\?next=%2F/)
  })

  test(`${name} as the wrong kind of caller`, async () => {
    checkRefusal(endpoint, await callAs(endpoint, 'wrong'), [401, 303])
  })
}

for (const [place, endpoint] of endpoints.filter(({ caller }) => caller === 'identity').entries()) {
  test(`${endpoint.method} ${endpoint.path} with tokens that are none for it`, async () => {
    const subjectToken = await api.secret('meter')
    const audience = gatewayAudience('main', 'http')
    const gatewayToken = reveal(
      mustBe(await exchangeToken(api.house.desk, { subjectToken, subjectTokenType: tokenTypes.secret, audience, address: '127.0.0.1' }))
        .token,
    )
    for (const authorization of [
      `Bearer ${gatewayToken}`,
      `Bearer ${subjectToken}`,
      `Bearer ${stranger}x`,
      'Bearer ',
      `Basic ${stranger}`,
      stranger,
    ]) {
      // Each from an address of its own: failed proofs are counted by address.
      checkRefusal(endpoint, await callAs(endpoint, 'nobody', { from: `127.0.1.${place + 1}`, headers: { authorization } }), [401])
    }
  })
}

const nameless = endpoints.filter(
  // Where an application would be asked is answered for every name, so that it says of none whether there is one.
  ({ path, caller }) => !path.startsWith('/.well-known/') && (path.includes(':') || caller === 'person' || path.startsWith('/pages/')),
)
for (const endpoint of nameless) {
  const shows = ['/waiting', '/device', '/sign-out', '/pages/remit-pages.js', '/pages/remit-pages.css', '/pages/sign-in/begin']
  if (shows.includes(endpoint.path)) continue
  test(`${endpoint.method} ${endpoint.path} for what is not there`, async () => {
    checkRefusal(endpoint, await callAs(endpoint, 'stranger'), [403, 404])
  })
}

for (const endpoint of endpoints) {
  const name = `${endpoint.method} ${endpoint.path}`
  test(`${name} with a member that nobody knows`, async () => {
    const { headers, body } = written(endpoint, { ...bodyOf(endpoint), surprise: '1' })
    const path = endpoint.takes === 'none' ? `${pathOf(endpoint)}?surprise=1` : pathOf(endpoint)
    const answered = await callAs(endpoint, 'stranger', {
      path,
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    })
    if (speaksAuthzen(endpoint)) {
      // It is ignored; what is missing is not.
      checkRefusal(endpoint, answered, [endpoint.path.includes(':name') ? 404 : 400])
      assert.doesNotMatch(answered.body, /surprise/)
      return
    }
    if (endpoint.path === '/oauth/authorize') {
      // RFC 6749 § 3.1: it is ignored; what is missing is not.
      checkRefusal(endpoint, answered, [403])
      assert.doesNotMatch(answered.body, /surprise/)
      return
    }
    checkRefusal(endpoint, answered, [endpoint.refuses === 'oauth' ? 400 : 422])
    assert.match(answered.body, /surprise/)
  })

  test(`${name} with what cannot be read`, async () => {
    const asType = (body: string | Uint8Array) => ({
      body,
      headers: { 'content-type': endpoint.takes === 'form' ? 'application/x-www-form-urlencoded' : 'application/json' },
    })
    const unreadable: readonly Partial<Sent>[] =
      endpoint.takes === 'none'
        ? [{ path: `${pathOf(endpoint)}?a=%ff` }, { path: `${pathOf(endpoint)}?a=1&a=2` }, { path: `${pathOf(endpoint)}?a=%` }]
        : endpoint.takes === 'form'
          ? [asType('a=%ff'), asType('a=1&a=2'), asType(Uint8Array.from([0x61, 0x3d, 0xff]))]
          : [
              asType('{'),
              asType('{"a":1,"a":2}'),
              asType('\ufeff{}'),
              asType(Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
              asType('null'),
              asType('[]'),
            ]
    for (const more of unreadable)
      checkRefusal(endpoint, await callAs(endpoint, 'stranger', more), speaksAuthzen(endpoint) ? [400, 404] : [400, 422])
  })

  if (endpoint.takes !== 'none') {
    test(`${name} with too much, and in another type`, async () => {
      const big = 'x'.repeat(endpoint.bodyBytesMax + 1)
      const type = endpoint.takes === 'form' ? 'application/x-www-form-urlencoded' : 'application/json'
      checkRefusal(endpoint, await callAs(endpoint, 'stranger', { body: big, headers: { 'content-type': type } }), [413])
      for (const other of [
        'text/plain',
        endpoint.takes === 'form' ? 'application/json' : 'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        `${type}; charset=latin1`,
      ]) {
        checkRefusal(endpoint, await callAs(endpoint, 'stranger', { body: '{}', headers: { 'content-type': other } }), [
          speaksAuthzen(endpoint) ? 400 : 415,
        ])
      }
    })
  }

  if (endpoint.method === 'POST' && (endpoint.caller === 'person' || endpoint.path.startsWith('/pages/'))) {
    test(`${name} asked for by another site's page`, async () => {
      const foreign: readonly Readonly<Record<string, string>>[] = [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: '' },
        { origin: `http://127.0.0.1:${api.port}` },
        { origin: api.origin, 'sec-fetch-site': 'cross-site' },
        { origin: api.origin, 'sec-fetch-site': 'same-site' },
      ]
      for (const headers of foreign) checkRefusal(endpoint, await callAs(endpoint, 'stranger', { headers }), [403])
      const { headers, body } = written(endpoint, bodyOf(endpoint))
      const without = { cookie: strangerCookie, ...headers }
      checkRefusal(
        endpoint,
        await call(api.port, { method: 'POST', path: pathOf(endpoint), headers: without, ...(body === undefined ? {} : { body }) }),
        [403],
      )
    })
  }
}

test('no call of this file was our fault', () => {
  assert.deepEqual(
    api.logged.filter(({ says }) => says === 'an endpoint failed'),
    [],
  )
})

test('what is not yours answers exactly as what is not there', async () => {
  const { desk } = api.house
  const credential = desk.facts.credentialsOf(desk.facts.identityNamed('bot')?.id ?? 'idn_').at(0)?.id ?? ''
  const real: Readonly<Record<string, string>> = { grn: grant, hld: held.id, crd: credential, dec: held.decision }
  let compared = 0
  for (const endpoint of endpoints.filter(({ path, caller }) => /:(?:id|name)/.test(path) && caller !== 'nobody')) {
    const unknown = pathOf(endpoint)
    const [prefix = ''] = /(?:grn|hld|crd|dec)(?=_)/.exec(unknown) ?? []
    const theirs = endpoint.path.includes(':name')
      ? unknown.replace('nobody-here', 'bot')
      : unknown.replace(/(?:grn|hld|crd|dec)_\w+/, real[prefix] ?? '')
    const malformed = endpoint.path.includes(':name')
      ? unknown.replace('nobody-here', 'No%20Name')
      : unknown.replace(/(?:grn|hld|crd|dec)_\w+/, 'x')
    const [one, other, third] = [
      await callAs(endpoint, 'stranger', { path: unknown }),
      await callAs(endpoint, 'stranger', { path: theirs }),
      await callAs(endpoint, 'stranger', { path: malformed }),
    ]
    assert.deepEqual(strip(other), strip(one), endpoint.path)
    // These are refused for the right before the name is looked at.
    if (!['/v1/identities/:name/release', '/v1/gateways/:name/remove'].includes(endpoint.path))
      assert.deepEqual(strip(third), strip(one), endpoint.path)
    compared += 1
  }
  assert.ok(compared >= 15)
  const begin = endpoints.find(({ path }) => path === '/pages/answers/begin')
  assert.ok(begin !== undefined)
  const answers = await Promise.all(
    [nowhere.grn, grant, nowhere.hld, held.id].map((subject) =>
      callAs(begin, 'stranger', { body: JSON.stringify({ ...bodyOf(begin), subject }) }),
    ),
  )
  for (const answered of answers) assert.deepEqual(strip(answered), strip(answers[0]))
})

function strip(answered: Answered | undefined): unknown {
  const { date: _when, ...headers } = answered?.headers ?? {}
  return { status: answered?.status, headers, body: answered?.body }
}
