import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { mustBe } from '../../src/kernel/result.ts'
import type { ApiHouse } from './api-house.ts'
import { call } from './calls.ts'
import { askForTokens, callback, Consenting, flowOf, OauthHouse, redeeming, resource } from './oauth-clients.ts'

let house: OauthHouse
let api: ApiHouse
let client: string
before(async () => {
  house = await OauthHouse.open({ fetchMax: 3_000 })
  ;({ api, client } = house)
})
after(() => house.close())
beforeEach(() => house.nextMinute())

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
  const shown = await house.ana.open(flow)
  assert.equal(shown.status, 200, shown.body)
  assert.match(shown.body, /nobody has checked that/)
  assert.match(shown.body, new RegExp(`described at <b>127.0.0.1:\\d+</b>`))
  assert.match(shown.body, /the computer with your browser/)
  assert.match(shown.body, /<option value="aide">/)
  assert.doesNotMatch(shown.body, /bens/)
  assert.match(String(shown.headers['content-security-policy']), /frame-ancestors 'none'/)
  assert.equal(shown.headers['x-frame-options'], 'DENY')
  const to = await house.ana.allow(flow)
  assert.equal(`${to.origin}${to.pathname}`, callback)
  assert.equal(to.searchParams.get('state'), 'the state & more')
  assert.equal(to.searchParams.get('iss'), api.origin)
  const tokens = await askForTokens(api, redeeming(flow, to.searchParams.get('code') ?? ''))
  assert.equal(tokens.status, 200, JSON.stringify(tokens))
  assert.equal(tokens.token_type, 'Bearer')
  assert.equal(tokens.expires_in, 3_600)
  assert.equal(tokens.scope, 'read:ops ops/restart,service=checkout,uses=1')
  const { claims } = mustBe(await house.identify(tokens.access_token))
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
  assert.deepEqual(api.gateway.visible(mustBe(await house.identify(tokens.access_token)), service), [])
})

test('an answer goes into the address as it stands there', async () => {
  const flow = flowOf(client, { redirect_uri: 'https://client.example/callback?kept=%20as-is' })
  assert.match((await house.ana.open(flow)).body, /another site/)
  assert.match((await house.ana.allow(flow)).href, /^https:\/\/client\.example\/callback\?kept=%20as-is&code=crd_/)
})

test('a no is heard by the client, and nothing came of it', async () => {
  const denied = await house.ana.deny(flowOf(client))
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
    const answered = await house.ana.open(flow)
    assert.equal(answered.status, 303, answered.body)
    const to = new URL(String(answered.headers['location']))
    assert.equal(`${to.origin}${to.pathname}`, callback)
    assert.equal(to.searchParams.get('error'), wants)
    assert.equal(to.searchParams.get('state'), 'the state & more')
    assert.equal(to.searchParams.get('iss'), api.origin)
    // And who leaves the page out gets no further.
    assert.equal((await house.ana.begin(flow)).status, 403)
  })

test('other names of the machine, a slash at the end and capital letters name the same endpoint', async () => {
  for (const named of ['http://localhost:8999/mcp', 'http://127.0.0.1:8999/mcp/', 'HTTP://LOCALHOST:8999/mcp'])
    assert.equal((await house.ana.open(flowOf(client, { resource: named }))).status, 200, named)
})

test('what is not known in a request is left alone', async () => {
  assert.equal((await house.ana.open(flowOf(client, { prompt: 'consent', scope: 'offline_access read:ops' }))).status, 200)
})

const untold: readonly (readonly [string, () => Readonly<Record<string, string | undefined>>, RegExp])[] = [
  ['no client', () => ({ client_id: undefined }), /Client_id is missing/],
  ['a client that is no address', () => ({ client_id: 'my-client' }), /https address/],
  ['no redirect', () => ({ redirect_uri: undefined }), /Redirect_uri is missing/],
  ['a redirect of its own choice', () => ({ redirect_uri: 'https://evil.example/callback' }), /none of its metadata document/],
  ['a redirect to another path', () => ({ redirect_uri: 'http://127.0.0.1:51234/other' }), /none of its metadata document/],
  ['a redirect to a script', () => ({ redirect_uri: 'javascript:alert(1)' }), /none of its metadata document/],
  ['a document that is not there', () => ({ client_id: house.documents.at('/nothing.json') }), /answered 404/],
  [
    'a document about somebody else',
    () => ({ client_id: house.documents.put('/liar.json', { client_id: client }) }),
    /not about this client_id/,
  ],
  [
    'a document with a redirect to a script',
    () => ({ client_id: house.documents.put('/js.json', { redirect_uris: [callback, 'javascript:1'] }) }),
    /neither https/,
  ],
  ['a huge document', () => ({ client_id: house.documents.put('/huge.json', { more: 'x'.repeat(70_000) }) }), /larger than 65536/],
  [
    'a slow document',
    () => {
      house.documents.take('/slow.json', () => {})
      return { client_id: house.documents.at('/slow.json') }
    },
    /did not come in time/,
  ],
  ['a document on a private address', () => ({ client_id: 'https://169.254.169.254/latest/meta-data' }), /public internet/],
  ['a document on the local network', () => ({ client_id: 'https://10.0.0.1/client.json' }), /public internet/],
]
for (const [says, changes, wants] of untold)
  test(`nothing is sent anywhere, and the person is told: ${says}`, async () => {
    const flow = flowOf(client, changes())
    const answered = await house.ana.open(flow)
    assert.equal(answered.status, 403, answered.body)
    assert.equal(answered.headers['location'], undefined)
    assert.match(answered.body, wants)
    assert.equal((await house.ana.begin(flow)).status, 403)
    assert.equal((await house.ana.deny(flow)).status, 403)
  })

test('nobody signed in is asked to, and comes back to the whole request', async () => {
  const path = `/oauth/authorize?${new URLSearchParams(flowOf(client).query).toString()}`
  const answered = await call(api.port, { method: 'GET', path })
  assert.equal(answered.status, 303)
  assert.equal(decodeURIComponent(String(answered.headers['location']).slice('/sign-in?next='.length)), path)
})

test('an agent of another owner, a bot and nobody answer the same', async () => {
  for (const name of ['bens', 'bot', 'nobody', 'ana']) assert.equal((await house.ana.begin(flowOf(client), name)).status, 404, name)
})

test('a yes that was not signed here, or by somebody else, is none', async () => {
  const flow = flowOf(client)
  const begun = await house.ana.begin(flow)
  const request = new URLSearchParams(flow.query).toString()
  const cookie = await api.cookie('ana')
  const body = JSON.stringify({ request, agent: 'aide' })
  const headers = { 'content-type': 'application/json', cookie }
  for (const origin of ['https://evil.example', 'null', '']) {
    const forged = { method: 'POST', path: '/pages/authorize/begin', headers: { ...headers, ...(origin === '' ? {} : { origin }) }, body }
    assert.equal((await call(api.port, forged)).status, 403)
  }
  assert.equal((await house.ana.finish(begun, 'ben')).status, 403, 'signed by another passkey')
  assert.equal((await new Consenting(api, 'ben').finish(begun)).status, 403, 'signed by another person')
  assert.equal((await house.ana.finish(begun)).status, 200)
  assert.equal((await house.ana.finish(begun)).status, 403, 'a second time')
})
