import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { note } from '../../src/control/desk.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import type { ApiHouse } from './api-house.ts'
import { call } from './calls.ts'
import { askForTokens, flowOf, OauthHouse, redeeming, resource, type Tokens } from './oauth-clients.ts'

let house: OauthHouse
let api: ApiHouse
let client: string
before(async () => {
  house = await OauthHouse.open()
  ;({ api, client } = house)
})
after(() => house.close())
beforeEach(() => house.nextMinute())

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
    const tokens = await askForTokens(api, { ...redeeming(flow, await house.codeOf(flow)), ...changes })
    assert.deepEqual([tokens.status, tokens.error, tokens.access_token], [400, wants, undefined])
  })

test('a code that was tried in vain is used up', async () => {
  const flow = flowOf(client)
  const code = await house.codeOf(flow)
  await askForTokens(api, { ...redeeming(flow, code), code_verifier: 'x'.repeat(43) })
  assert.equal((await askForTokens(api, redeeming(flow, code))).error, 'invalid_grant')
})

test('of two who redeem a code at once one gets a token, and it ends with the other', async () => {
  const flow = flowOf(client)
  const form = redeeming(flow, await house.codeOf(flow))
  const both = await Promise.all([askForTokens(api, form), askForTokens(api, form)])
  assert.deepEqual(
    both.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 400],
  )
  assert.equal(await house.isLive(both.find(({ status }) => status === 200)?.access_token), false)
})

test('a code waits for a minute, and no longer', async () => {
  const flow = flowOf(client)
  const [first, second] = [await house.codeOf(flow), await house.codeOf(flow)]
  house.clock.advance(59_999)
  assert.equal((await askForTokens(api, redeeming(flow, first))).status, 200)
  house.clock.advance(1)
  assert.equal((await askForTokens(api, redeeming(flow, second))).error, 'invalid_grant')
})

test('a token ends after an hour, and what refreshes it after thirty days, however often it was used', async () => {
  const tokens = await house.tokensOf(flowOf(client))
  house.clock.advance(3_599_000)
  assert.equal((await house.identify(tokens.access_token)).ok, true)
  house.clock.advance(1_000)
  assert.equal((await house.identify(tokens.access_token)).ok, false)
  house.clock.advance(29 * 86_400_000)
  const late = await refresh(tokens)
  assert.equal(late.status, 200)
  house.clock.advance(86_400_000 - 3_600_000 - 1_000)
  const last = await refresh(late)
  assert.deepEqual([last.status, last.expires_in], [200, 1])
  house.clock.advance(1_000)
  assert.equal((await refresh(last)).error, 'invalid_grant')
})

test('a code shown again ends what it was redeemed for', async () => {
  const flow = flowOf(client)
  const form = redeeming(flow, await house.codeOf(flow))
  const tokens = await askForTokens(api, form)
  assert.equal(await house.isLive(tokens.access_token), true)
  assert.equal((await askForTokens(api, form)).error, 'invalid_grant')
  assert.equal(await house.isLive(tokens.access_token), false)
  assert.equal((await refresh(tokens)).error, 'invalid_grant')
})

async function refresh(tokens: Tokens, changes: Readonly<Record<string, string | undefined>> = {}): Promise<Tokens> {
  return askForTokens(api, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: client, resource, ...changes })
}

test('a refresh token is good once; shown again, its whole family ends', async () => {
  const first = await house.tokensOf(flowOf(client))
  const second = await refresh(first)
  assert.equal(second.status, 200, JSON.stringify(second))
  assert.notEqual(second.refresh_token, first.refresh_token)
  const third = await refresh(second)
  assert.equal(third.status, 200)
  assert.deepEqual([await house.isLive(first.access_token), await house.isLive(third.access_token)], [true, true])
  assert.equal((await refresh(first)).error, 'invalid_grant')
  for (const each of [first, second, third]) assert.equal(await house.isLive(each.access_token), false)
  assert.equal((await refresh(third)).error, 'invalid_grant')
})

test('who only knows the name of a family cannot end it', async () => {
  const tokens = await house.tokensOf(flowOf(client))
  const [, name = ''] = /^rmr_(crd_\w{26})_/.exec(tokens.refresh_token ?? '') ?? []
  const other = 'A'.repeat(43)
  assert.equal((await refresh(tokens, { refresh_token: `rmr_${name}_${other}.${other}` })).error, 'invalid_grant')
  assert.equal((await askForTokens(api, { ...redeeming(flowOf(client), `${name}.${other}`) })).error, 'invalid_grant')
  assert.equal(await house.isLive(tokens.access_token), true)
  assert.equal((await refresh(tokens)).status, 200)
})

test('a refresh by another client, for another resource or for more, is none, and the token stays good', async () => {
  const tokens = await house.tokensOf(flowOf(client))
  assert.equal((await refresh(tokens, { client_id: 'https://other.example/c.json' })).error, 'invalid_grant')
  assert.equal((await refresh(tokens, { resource: 'https://elsewhere.example/mcp' })).error, 'invalid_target')
  assert.equal((await refresh(tokens, { scope: 'administer:ops' })).error, 'invalid_scope')
  assert.equal((await refresh(tokens, { scope: 'read:ops' })).status, 200)
})

test('a client that does not take refresh tokens gets none, and is done after the hour', async () => {
  const id = house.documents.put('/short.json', { grant_types: ['authorization_code'] })
  const tokens = await house.tokensOf(flowOf(id))
  assert.equal(tokens.refresh_token, undefined)
  const { claims } = mustBe(await house.identify(tokens.access_token))
  const credential = api.house.desk.facts.credential(claims.provedBy.split(' ')[0] ?? '')
  assert.equal((credential?.expiresAt ?? 0) - (credential?.createdAt ?? 0), 3_600_000)
})

test('neither is good where the other is: a refresh token at a gateway, as a proof, or as a cookie', async () => {
  const { refresh_token: token = '', access_token: access = '' } = await house.tokensOf(flowOf(client))
  assert.equal((await house.identify(token)).ok, false)
  const exchange = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: 'urn:remit:token-type:api-secret' }
  assert.equal((await askForTokens(api, { ...exchange, subject_token: token })).status, 400)
  const asControl = await call(api.port, { method: 'GET', path: '/v1/whoami', headers: { authorization: `Bearer ${access}` } })
  assert.equal(asControl.status, 401, 'a token for a gateway is none for control')
  assert.equal((await refresh({ status: 0, refresh_token: access })).error, 'invalid_grant')
})

test('an owner sees it, ends it as any secret, and the ledger tells all of it', async () => {
  const tokens = await house.tokensOf(flowOf(client))
  const { claims } = mustBe(await house.identify(tokens.access_token))
  const [id = ''] = claims.provedBy.split(' ')
  await refresh(tokens)
  const standing = await call(api.port, {
    method: 'GET',
    path: '/v1/standing',
    headers: { authorization: `Bearer ${await api.token('ana')}` },
  })
  const { credentials } = JSON.parse(standing.body) as { credentials: { id: string; kind: string; client?: string }[] }
  const listed = credentials.find((each) => each.id === id)
  assert.deepEqual([listed?.kind, listed?.client], ['oauth-client', client])
  const revoked = await call(api.port, {
    method: 'POST',
    path: `/v1/credentials/${id}/revoke`,
    headers: { authorization: `Bearer ${await api.token('ana')}`, 'content-type': 'application/json' },
    body: '{}',
  })
  assert.equal(revoked.status, 200, revoked.body)
  assert.equal(await house.isLive(tokens.access_token), false)
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
  const begun = await house.tokensOf(flowOf(client))
  for (let count = 0; count < 20; count += 1) {
    house.clock.advance(3_000)
    assert.equal((await house.tokensOf(flowOf(client))).status, 200)
  }
  assert.equal(await house.isLive(begun.access_token), false)
  const { facts } = api.house.desk
  const aide = facts.identityNamed('aide')
  assert.ok(aide !== undefined)
  const live = facts
    .credentialsOf(aide.id)
    .filter((each) => each.client !== undefined && each.revokedAt === undefined && house.clock.now() < each.expiresAt)
  assert.equal(live.length, 20)
})

test('an agent that was given to another owner meanwhile is none to act as', async () => {
  const [flow, other] = [flowOf(client), flowOf(client)]
  const code = await house.codeOf(flow, 'aide2')
  const tokens = await askForTokens(api, redeeming(other, await house.codeOf(other, 'aide2')))
  const { desk } = api.house
  const { facts } = desk
  const give = async (name: string) => {
    const [agent, owner] = [facts.identityNamed('aide2'), facts.identityNamed(name)]
    assert.ok(agent !== undefined && owner !== undefined)
    const changed = await desk.store.change(async (tx) => {
      await tx.put('identity', { ...agent, owner: owner.id })
      await note(tx, { kind: 'identity.changed', actor: 'remit', subject: agent.id })
      return done(undefined)
    })
    mustBe(changed)
  }
  const begun = await house.ana.begin(flowOf(client), 'aide2')
  await give('ben')
  assert.equal((await askForTokens(api, redeeming(flow, code))).error, 'invalid_grant')
  assert.equal((await refresh(tokens)).error, 'invalid_grant')
  assert.equal((await house.ana.finish(begun)).status, 404)
  await give('ana')
})

/** These end somebody for the tests after them: they come last. */
test('an agent quarantined meanwhile, and its person, get nothing more', async () => {
  const flow = flowOf(client)
  const code = await house.codeOf(flow, 'aide2')
  const other = flowOf(client)
  const otherTokens = await askForTokens(api, redeeming(other, await house.codeOf(other, 'aide2')))
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
  assert.equal((await house.ana.begin(flow, 'aide2')).status, 403)
  const last = flowOf(client)
  const lastCode = await house.codeOf(last)
  const mine = await house.tokensOf(flowOf(client))
  assert.equal((await quarantine('ana')()).status, 200)
  assert.equal((await askForTokens(api, redeeming(last, lastCode))).error, 'invalid_grant')
  assert.equal((await refresh(mine)).error, 'invalid_grant')
})
