import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { makeClientDocuments } from '../../src/host/client-documents.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { TestClock } from '../world/clock.ts'
import { shopDocument } from '../world/shop.ts'
import { type ApiHouse, openApiHouse } from './api-house.ts'
import { call } from './calls.ts'
import { askForTokens, callback, Consenting, DocumentServer, type Flow, flowOf, redeeming, resource, type Tokens } from './oauth-clients.ts'

const ops = {
  name: 'ops',
  protocol: 'mcp',
  upstream: 'http://127.0.0.1:9/mcp',
  environment: 'prod',
  impact: { data: 'low', service: 'moderate', safety: 'none' },
  tools: [
    { name: 'look', effect: 'read' },
    { name: 'restart', effect: 'execute', arguments: [{ name: 'service', type: 'string' }] },
  ],
}

function document() {
  const shop = shopDocument()
  return shopDocument({
    services: [...(shop['services'] as object[]), ops],
    identities: [
      ...(shop['identities'] as object[]),
      { name: 'bens', kind: 'ai-agent', owner: 'ben' },
      { name: 'aide2', kind: 'ai-agent', owner: 'ana' },
    ],
  })
}

const clock = new TestClock()
let api: ApiHouse
let ana: Consenting
const documents = new DocumentServer()
let client: string

before(async () => {
  await documents.listen()
  api = await openApiHouse({
    clock,
    document: document(),
    clientDocuments: makeClientDocuments({
      clock,
      takesLoopback: true,
      limits: { fetchMax: 500, keptFailure: 0 },
    }),
    serviceUrl: (service) => (service === 'ops' ? 'http://127.0.0.1:8999/mcp' : undefined),
  })
  for (const name of ['ana', 'ben', 'eva']) await api.register(name)
  client = documents.put('/client.json')
})
after(async () => {
  await api.close()
  documents.close()
})

/** Another minute has its own limits, and a sign-in lasts for an hour. */
beforeEach(() => {
  clock.advance(60_000)
  ana = new Consenting(api, 'ana')
})

async function codeOf(flow: Flow, agent = 'aide'): Promise<string> {
  return (await ana.allow(flow, agent)).searchParams.get('code') ?? ''
}

async function tokensOf(flow: Flow): Promise<Tokens> {
  return askForTokens(api, redeeming(flow, await codeOf(flow)))
}

const identify = async (token = '') => api.gateway.identify(token, '127.0.0.1')
async function isLive(token: string | undefined): Promise<boolean> {
  const bearer = await identify(token)
  return bearer.ok && api.house.desk.facts.isProofLive(bearer.value.claims.provedBy, api.house.desk.clock.now())
}

test('the metadata says where, and how', async () => {
  const told = JSON.parse((await call(api.port, { method: 'GET', path: '/.well-known/oauth-authorization-server' })).body)
  assert.equal(told.issuer, api.origin)
  assert.equal(told.authorization_endpoint, `${api.origin}/oauth/authorize`)
  assert.deepEqual(told.response_types_supported, ['code'])
  assert.deepEqual(told.code_challenge_methods_supported, ['S256'])
  assert.deepEqual(told.token_endpoint_auth_methods_supported, ['none'])
  assert.equal(told.client_id_metadata_document_supported, true)
  assert.equal(told.authorization_response_iss_parameter_supported, true)
  assert.ok(told.grant_types_supported.includes('urn:ietf:params:oauth:grant-type:token-exchange'))
})

test('a whole flow: the page, the yes, the code, a token for the chain of agent and person', async () => {
  const flow = flowOf(client)
  const shown = await ana.open(flow)
  assert.equal(shown.status, 200, shown.body)
  assert.match(shown.body, /nobody has checked that/)
  assert.match(shown.body, new RegExp(`described at <b>127.0.0.1:\\d+</b>`))
  assert.match(shown.body, /the computer with your browser/)
  assert.match(shown.body, /<option value="aide">/)
  assert.doesNotMatch(shown.body, /bens/)
  assert.match(String(shown.headers['content-security-policy']), /frame-ancestors 'none'/)
  assert.equal(shown.headers['x-frame-options'], 'DENY')
  const to = await ana.allow(flow)
  assert.equal(`${to.origin}${to.pathname}`, callback)
  assert.equal(to.searchParams.get('state'), 'the state & more')
  assert.equal(to.searchParams.get('iss'), api.origin)
  const tokens = await askForTokens(api, redeeming(flow, to.searchParams.get('code') ?? ''))
  assert.equal(tokens.status, 200, JSON.stringify(tokens))
  assert.equal(tokens.token_type, 'Bearer')
  assert.equal(tokens.expires_in, 3_600)
  assert.equal(tokens.scope, 'read:ops ops/restart,service=checkout,uses=1')
  const { claims } = mustBe(await identify(tokens.access_token))
  const { facts } = api.house.desk
  assert.deepEqual(
    claims.chain.map((id) => facts.identity(id)?.name),
    ['aide', 'ana'],
  )
  assert.equal(claims.audience, 'urn:remit:main:gateway:http')
  const payload = JSON.parse(Buffer.from(tokens.access_token?.split('.')[1] ?? '', 'base64url').toString())
  assert.deepEqual([payload.sub, payload.act], [facts.identityNamed('ana')?.id, { sub: facts.identityNamed('aide')?.id }])
  // It permits nothing: no grant is there.
  const service = facts.service('ops')
  assert.ok(service !== undefined)
  assert.deepEqual(api.gateway.visible(mustBe(await identify(tokens.access_token)), service), [])
})

test('an answer goes into the address as it stands there', async () => {
  const flow = flowOf(client, { redirect_uri: 'https://client.example/callback?kept=%20as-is' })
  assert.match((await ana.open(flow)).body, /another site/)
  assert.match((await ana.allow(flow)).href, /^https:\/\/client\.example\/callback\?kept=%20as-is&code=crd_/)
})

test('a no is heard by the client, and nothing came of it', async () => {
  const denied = await ana.deny(flowOf(client))
  const to = new URL((JSON.parse(denied.body) as { to: string }).to)
  assert.equal(to.searchParams.get('error'), 'access_denied')
  assert.equal(to.searchParams.get('iss'), api.origin)
  assert.equal(to.searchParams.get('code'), null)
})

const unfit: readonly (readonly [string, Readonly<Record<string, string | undefined>>, string])[] = [
  ['no response type', { response_type: undefined }, 'invalid_request'],
  ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
  ['another response mode', { response_mode: 'fragment' }, 'invalid_request'],
  ['no challenge', { code_challenge: undefined }, 'invalid_request'],
  ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['a challenge without a method', { code_challenge_method: undefined }, 'invalid_request'],
  ['a challenge that is none', { code_challenge: 'short' }, 'invalid_request'],
  ['no resource', { resource: undefined }, 'invalid_target'],
  ['a resource elsewhere', { resource: 'https://elsewhere.example/mcp' }, 'invalid_target'],
  ['a resource of another path', { resource: 'http://127.0.0.1:8999/other' }, 'invalid_target'],
  ['a resource that is no MCP endpoint', { resource: 'http://127.0.0.1:1' }, 'invalid_target'],
  ['a resource with a fragment', { resource: `${resource}#x` }, 'invalid_target'],
  ['a scope that nobody can read', { scope: 'admin everything' }, 'invalid_scope'],
]
for (const [says, changes, wants] of unfit)
  test(`the client hears what is wrong: ${says}`, async () => {
    const flow = flowOf(client, changes)
    const answered = await ana.open(flow)
    assert.equal(answered.status, 303, answered.body)
    const to = new URL(String(answered.headers['location']))
    assert.equal(`${to.origin}${to.pathname}`, callback)
    assert.equal(to.searchParams.get('error'), wants)
    assert.equal(to.searchParams.get('state'), 'the state & more')
    assert.equal(to.searchParams.get('iss'), api.origin)
    // And who leaves the page out gets no further.
    assert.equal((await ana.begin(flow)).status, 403)
  })

test('other names of the machine, a slash at the end and capital letters name the same endpoint', async () => {
  for (const named of ['http://localhost:8999/mcp', 'http://127.0.0.1:8999/mcp/', 'HTTP://LOCALHOST:8999/mcp'])
    assert.equal((await ana.open(flowOf(client, { resource: named }))).status, 200, named)
})

test('what is not known in a request is left alone', async () => {
  assert.equal((await ana.open(flowOf(client, { prompt: 'consent', scope: 'offline_access read:ops' }))).status, 200)
})

const untold: readonly (readonly [string, () => Readonly<Record<string, string | undefined>>, RegExp])[] = [
  ['no client', () => ({ client_id: undefined }), /Client_id is missing/],
  ['a client that is no address', () => ({ client_id: 'my-client' }), /https address/],
  ['no redirect', () => ({ redirect_uri: undefined }), /Redirect_uri is missing/],
  ['a redirect of its own choice', () => ({ redirect_uri: 'https://evil.example/callback' }), /none of its metadata document/],
  ['a redirect to another path', () => ({ redirect_uri: 'http://127.0.0.1:51234/other' }), /none of its metadata document/],
  ['a redirect to a script', () => ({ redirect_uri: 'javascript:alert(1)' }), /none of its metadata document/],
  ['a document that is not there', () => ({ client_id: documents.at('/nothing.json') }), /answered 404/],
  ['a document about somebody else', () => ({ client_id: documents.put('/liar.json', { client_id: client }) }), /not about this client_id/],
  [
    'a document with a redirect to a script',
    () => ({ client_id: documents.put('/js.json', { redirect_uris: [callback, 'javascript:1'] }) }),
    /neither https/,
  ],
  ['a huge document', () => ({ client_id: documents.put('/huge.json', { more: 'x'.repeat(70_000) }) }), /larger than 65536/],
  [
    'a slow document',
    () => {
      documents.take('/slow.json', () => {})
      return { client_id: documents.at('/slow.json') }
    },
    /did not come in time/,
  ],
  ['a document on a private address', () => ({ client_id: 'https://169.254.169.254/latest/meta-data' }), /public internet/],
  ['a document on the local network', () => ({ client_id: 'https://10.0.0.1/client.json' }), /public internet/],
]
for (const [says, changes, wants] of untold)
  test(`nothing is sent anywhere, and the person is told: ${says}`, async () => {
    const flow = flowOf(client, changes())
    const answered = await ana.open(flow)
    assert.equal(answered.status, 403, answered.body)
    assert.equal(answered.headers['location'], undefined)
    assert.match(answered.body, wants)
    assert.equal((await ana.begin(flow)).status, 403)
    assert.equal((await ana.deny(flow)).status, 403)
  })

test('nobody signed in is asked to, and comes back to the whole request', async () => {
  const path = `/oauth/authorize?${new URLSearchParams(flowOf(client).query).toString()}`
  const answered = await call(api.port, { method: 'GET', path })
  assert.equal(answered.status, 303)
  assert.equal(decodeURIComponent(String(answered.headers['location']).slice('/sign-in?next='.length)), path)
})

test('an agent of another owner, a bot and nobody answer the same', async () => {
  for (const name of ['bens', 'bot', 'nobody', 'ana']) assert.equal((await ana.begin(flowOf(client), name)).status, 404, name)
})

test('a yes that was not signed here, or by somebody else, is none', async () => {
  const flow = flowOf(client)
  const begun = await ana.begin(flow)
  const request = new URLSearchParams(flow.query).toString()
  const cookie = await api.cookie('ana')
  const body = JSON.stringify({ request, agent: 'aide' })
  const headers = { 'content-type': 'application/json', cookie }
  for (const origin of ['https://evil.example', 'null', '']) {
    const forged = { method: 'POST', path: '/pages/authorize/begin', headers: { ...headers, ...(origin === '' ? {} : { origin }) }, body }
    assert.equal((await call(api.port, forged)).status, 403)
  }
  assert.equal((await ana.finish(begun, 'ben')).status, 403, 'signed by another passkey')
  assert.equal((await new Consenting(api, 'ben').finish(begun)).status, 403, 'signed by another person')
  assert.equal((await ana.finish(begun)).status, 200)
  assert.equal((await ana.finish(begun)).status, 403, 'a second time')
})

const bent: readonly (readonly [string, Readonly<Record<string, string | undefined>>, string])[] = [
  ['another verifier', { code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
  ['no verifier', { code_verifier: undefined }, 'invalid_request'],
  ['an empty verifier', { code_verifier: '' }, 'invalid_grant'],
  ['another redirect', { redirect_uri: 'http://127.0.0.1:51235/callback' }, 'invalid_grant'],
  ['no redirect', { redirect_uri: undefined }, 'invalid_request'],
  ['another client', { client_id: 'https://other.example/client.json' }, 'invalid_grant'],
  ['no client', { client_id: undefined }, 'invalid_request'],
  ['a secret', { client_secret: 'x' }, 'invalid_client'],
  ['no resource', { resource: undefined }, 'invalid_target'],
  ['another resource', { resource: 'https://elsewhere.example/mcp' }, 'invalid_target'],
  ['another code', { code: `crd_01ARZ3NDEKTSV4RRFFQ69G5FAV.${'A'.repeat(43)}` }, 'invalid_grant'],
]
for (const [says, changes, wants] of bent)
  test(`a code is not redeemed with ${says}`, async () => {
    const flow = flowOf(client)
    const tokens = await askForTokens(api, { ...redeeming(flow, await codeOf(flow)), ...changes })
    assert.deepEqual([tokens.status, tokens.error, tokens.access_token], [400, wants, undefined])
  })

test('a code that was tried in vain is used up', async () => {
  const flow = flowOf(client)
  const code = await codeOf(flow)
  await askForTokens(api, { ...redeeming(flow, code), code_verifier: 'x'.repeat(43) })
  assert.equal((await askForTokens(api, redeeming(flow, code))).error, 'invalid_grant')
})

test('of two who redeem a code at once one gets a token, and it ends with the other', async () => {
  const flow = flowOf(client)
  const form = redeeming(flow, await codeOf(flow))
  const both = await Promise.all([askForTokens(api, form), askForTokens(api, form)])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), [200, 400])
  assert.equal(await isLive(both.find(({ status }) => status === 200)?.access_token), false)
})

test('a code waits for a minute, and no longer', async () => {
  const flow = flowOf(client)
  const [first, second] = [await codeOf(flow), await codeOf(flow)]
  clock.advance(59_999)
  assert.equal((await askForTokens(api, redeeming(flow, first))).status, 200)
  clock.advance(1)
  assert.equal((await askForTokens(api, redeeming(flow, second))).error, 'invalid_grant')
})

test('a token ends after an hour, and what refreshes it after thirty days, however often it was used', async () => {
  const tokens = await tokensOf(flowOf(client))
  clock.advance(3_599_000)
  assert.equal((await identify(tokens.access_token)).ok, true)
  clock.advance(1_000)
  assert.equal((await identify(tokens.access_token)).ok, false)
  clock.advance(29 * 86_400_000)
  const late = await refresh(tokens)
  assert.equal(late.status, 200)
  clock.advance(86_400_000 - 3_600_000 - 1_000)
  const last = await refresh(late)
  assert.deepEqual([last.status, last.expires_in], [200, 1])
  clock.advance(1_000)
  assert.equal((await refresh(last)).error, 'invalid_grant')
})

test('a code shown again ends what it was redeemed for', async () => {
  const flow = flowOf(client)
  const form = redeeming(flow, await codeOf(flow))
  const tokens = await askForTokens(api, form)
  assert.equal(await isLive(tokens.access_token), true)
  assert.equal((await askForTokens(api, form)).error, 'invalid_grant')
  assert.equal(await isLive(tokens.access_token), false)
  assert.equal((await refresh(tokens)).error, 'invalid_grant')
})

async function refresh(tokens: Tokens, changes: Readonly<Record<string, string | undefined>> = {}): Promise<Tokens> {
  return askForTokens(api, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: client, resource, ...changes })
}

test('a refresh token is good once; shown again, its whole family ends', async () => {
  const first = await tokensOf(flowOf(client))
  const second = await refresh(first)
  assert.equal(second.status, 200, JSON.stringify(second))
  assert.notEqual(second.refresh_token, first.refresh_token)
  const third = await refresh(second)
  assert.equal(third.status, 200)
  assert.deepEqual([await isLive(first.access_token), await isLive(third.access_token)], [true, true])
  assert.equal((await refresh(first)).error, 'invalid_grant')
  for (const each of [first, second, third]) assert.equal(await isLive(each.access_token), false)
  assert.equal((await refresh(third)).error, 'invalid_grant')
})

test('who only knows the name of a family cannot end it', async () => {
  const tokens = await tokensOf(flowOf(client))
  const [, name = ''] = /^rmr_(crd_\w{26})_/.exec(tokens.refresh_token ?? '') ?? []
  const other = 'A'.repeat(43)
  assert.equal((await refresh(tokens, { refresh_token: `rmr_${name}_${other}.${other}` })).error, 'invalid_grant')
  assert.equal((await askForTokens(api, { ...redeeming(flowOf(client), `${name}.${other}`) })).error, 'invalid_grant')
  assert.equal(await isLive(tokens.access_token), true)
  assert.equal((await refresh(tokens)).status, 200)
})

test('a refresh by another client, for another resource or for more, is none, and the token stays good', async () => {
  const tokens = await tokensOf(flowOf(client))
  assert.equal((await refresh(tokens, { client_id: 'https://other.example/c.json' })).error, 'invalid_grant')
  assert.equal((await refresh(tokens, { resource: 'https://elsewhere.example/mcp' })).error, 'invalid_target')
  assert.equal((await refresh(tokens, { scope: 'administer:ops' })).error, 'invalid_scope')
  assert.equal((await refresh(tokens, { scope: 'read:ops' })).status, 200)
})

test('a client that does not take refresh tokens gets none, and is done after the hour', async () => {
  const id = documents.put('/short.json', { grant_types: ['authorization_code'] })
  const tokens = await tokensOf(flowOf(id))
  assert.equal(tokens.refresh_token, undefined)
  const { claims } = mustBe(await identify(tokens.access_token))
  const credential = api.house.desk.facts.credential(claims.provedBy.split(' ')[0] ?? '')
  assert.equal((credential?.expiresAt ?? 0) - (credential?.createdAt ?? 0), 3_600_000)
})

test('neither is good where the other is: a refresh token at a gateway, as a proof, or as a cookie', async () => {
  const { refresh_token: token = '', access_token: access = '' } = await tokensOf(flowOf(client))
  assert.equal((await identify(token)).ok, false)
  const exchange = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:remit:token-type:api-secret' }
  assert.equal((await askForTokens(api, { ...exchange, subject_token: token })).status, 400)
  const asControl = await call(api.port, { method: 'GET', path: '/v1/whoami', headers: { authorization: `Bearer ${access}` } })
  assert.equal(asControl.status, 401, 'a token for a gateway is none for control')
  assert.equal((await refresh({ status: 0, refresh_token: access })).error, 'invalid_grant')
})

test('an owner ends it as any secret, and the ledger tells all of it', async () => {
  const tokens = await tokensOf(flowOf(client))
  const { claims } = mustBe(await identify(tokens.access_token))
  const [id = ''] = claims.provedBy.split(' ')
  await refresh(tokens)
  const revoked = await call(api.port, {
    method: 'POST',
    path: `/v1/credentials/${id}/revoke`,
    headers: { authorization: `Bearer ${await api.token('ana')}`, 'content-type': 'application/json' },
    body: '{}',
  })
  assert.equal(revoked.status, 200, revoked.body)
  assert.equal(await isLive(tokens.access_token), false)
  const entries = await entriesAbout(id)
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ['credential.authorized', 'credential.issued', 'credential.refreshed', 'credential.revoked'],
  )
  const text = JSON.stringify(entries)
  for (const secret of [tokens.access_token, tokens.refresh_token]) assert.ok(!text.includes(secret ?? '-'))
})

async function entriesAbout(subject: string): Promise<readonly { readonly kind: string; readonly subject: string }[]> {
  const { desk, sequencer } = api.house
  await sequencer.flush()
  const bodies: { kind: string; subject: string }[] = []
  for (let leaves = await desk.log.leaves(0, 1_000); leaves.length > 0; leaves = await desk.log.leaves(bodies.length, 1_000))
    bodies.push(...leaves.map(({ body = '{}' }) => JSON.parse(body) as { kind: string; subject: string }))
  return bodies.filter((body) => body.subject === subject)
}

test('newer ones take the place of the oldest: of one agent at most twenty live', async () => {
  const begun = await tokensOf(flowOf(client))
  for (let count = 0; count < 20; count += 1) {
    clock.advance(3_000)
    assert.equal((await tokensOf(flowOf(client))).status, 200)
  }
  assert.equal(await isLive(begun.access_token), false)
  const { facts } = api.house.desk
  const aide = facts.identityNamed('aide')
  assert.ok(aide !== undefined)
  const live = facts
    .credentialsOf(aide.id)
    .filter((each) => each.client !== undefined && each.revokedAt === undefined && clock.now() < each.expiresAt)
  assert.equal(live.length, 20)
})

/** These end somebody for the tests after them: they come last. */
test('an agent quarantined meanwhile, and its person, get nothing more', async () => {
  const flow = flowOf(client)
  const code = await codeOf(flow, 'aide2')
  const other = flowOf(client)
  const otherTokens = await askForTokens(api, redeeming(other, await codeOf(other, 'aide2')))
  const quarantine = (name: string) => async () =>
    call(api.port, {
      method: 'POST',
      path: `/v1/identities/${name}/quarantine`,
      headers: { authorization: `Bearer ${await api.token('ben')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'a test' }),
    })
  assert.equal((await quarantine('aide2')()).status, 200)
  assert.equal((await askForTokens(api, redeeming(flow, code))).error, 'invalid_grant')
  assert.equal((await refresh(otherTokens)).error, 'invalid_grant')
  assert.equal((await ana.begin(flow, 'aide2')).status, 403)
  const last = flowOf(client)
  const lastCode = await codeOf(last)
  const mine = await tokensOf(flowOf(client))
  assert.equal((await quarantine('ana')()).status, 200)
  assert.equal((await askForTokens(api, redeeming(last, lastCode))).error, 'invalid_grant')
  assert.equal((await refresh(mine)).error, 'invalid_grant')
})
