import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { inspect } from 'node:util'
import { ContractServer, grantId, pendingGrant, refusal } from '../../test/cli/contract-server.ts'
import { ownAddress } from '../../test/world/own-address.ts'
import { Remit } from './remit.ts'
import { RemitRefusal, RemitUnreachable } from './remit-refusal.ts'

const servers: ContractServer[] = []
let server: ContractServer

beforeEach(async () => {
  server = await ContractServer.open()
  servers.push(server)
})
after(() => Promise.all(servers.map((each) => each.close())))

function client(more: Partial<ConstructorParameters<typeof Remit>[0]> = {}): Remit {
  return new Remit({ url: server.url, credential: { secret: 'rmt_secret' }, ...more })
}

test('one exchange serves everybody who waits for it', async () => {
  const remit = client()
  await Promise.all([remit.grants(), remit.grants(), remit.whoami()])
  assert.equal(server.calls('POST /oauth/token').length, 1)
  assert.deepEqual(
    server.received.filter(({ path }) => path.startsWith('/v1')).map(({ token }) => token),
    ['token-for-control', 'token-for-control', 'token-for-control'],
  )
})

test('a token is renewed before its end', async () => {
  server.tokenSeconds = 0.05
  const remit = client()
  await remit.whoami()
  await new Promise((then) => setTimeout(then, 60))
  await remit.whoami()
  assert.equal(server.calls('POST /oauth/token').length, 2)
})

test('a refused token is exchanged anew once, and only once', async () => {
  let refused = 0
  server.on('GET /v1/whoami', () => {
    refused += 1
    return refusal('credential.invalid', 401)
  })
  await assert.rejects(client().whoami(), (thrown: unknown) => thrown instanceof RemitRefusal && thrown.code === 'credential.invalid')
  assert.equal(refused, 2)
  assert.equal(server.calls('POST /oauth/token').length, 2)
})

test('an exchange that failed is tried again by the next caller', async () => {
  let tries = 0
  server.on('POST /oauth/token', () => {
    tries += 1
    return tries === 1
      ? { status: 400, body: { error: 'invalid_grant', error_description: 'not accepted here' } }
      : { status: 200, body: { access_token: 't', expires_in: 900 } }
  })
  const remit = client()
  await assert.rejects(
    remit.whoami(),
    (thrown: unknown) => thrown instanceof RemitRefusal && thrown.message === 'not accepted here' && thrown.problem.remedy !== '',
  )
  assert.equal((await remit.whoami()).identity.name, 'release-bot')
})

for (const { says, credential, actsFor, form } of [
  { says: 'a secret', credential: { secret: 's' }, form: { subject_token: 's', subject_token_type: 'urn:remit:token-type:api-secret' } },
  {
    says: 'a JWT, read when it is needed',
    credential: { jwt: () => 'j' },
    form: { subject_token: 'j', subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
  },
  {
    says: 'a secret that acts for a person',
    credential: { secret: 's' },
    actsFor: 'person',
    form: {
      subject_token: 'person',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      actor_token: 's',
      actor_token_type: 'urn:remit:token-type:api-secret',
    },
  },
]) {
  test(`${says} is exchanged as RFC 8693 says`, async () => {
    await client({ credential, ...(actsFor === undefined ? {} : { actsFor }) }).whoami()
    assert.deepEqual(server.calls('POST /oauth/token')[0]?.body, { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', ...form })
  })
}

test('a token that was handed over is used as it is', async () => {
  await client({ credential: { token: 'given' } }).whoami()
  assert.deepEqual(
    server.received.map(({ path, token }) => [path, token]),
    [['/v1/whoami', 'given']],
  )
})

test('a session token names the gateway of the space and the one grant', async () => {
  const { access_token } = await client().sessionToken(grantId)
  assert.equal(access_token, `token-for-urn:remit:main:gateway:http-grant:${grantId}`)
})

test('a refusal carries its problem', async () => {
  server.on('POST /v1/grants', () =>
    refusal('request.not-eligible', 403, {
      ask: [{ task: 'incident', actions: ['read'], resource: 'shop/x', command: 'remit request shop/x' }],
    }),
  )
  await assert.rejects(client().requestGrant({ task: 'release', statement: 's', scope: ['shop/x'] }), (thrown: unknown) => {
    assert.ok(thrown instanceof RemitRefusal)
    assert.equal(thrown.code, 'request.not-eligible')
    assert.equal(thrown.problem.ask?.[0]?.command, 'remit request shop/x')
    return true
  })
})

for (const { says, what, answers, wants } of [
  { says: 'a read is tried again when the connection breaks', what: 'GET /v1/whoami', answers: ['break', 'usual'], wants: 2 },
  { says: 'a read is tried again when the server is busy', what: 'GET /v1/whoami', answers: [503, 'usual'], wants: 2 },
  { says: 'a read is tried three times at most', what: 'GET /v1/whoami', answers: [503, 503, 503, 'usual'], wants: 3 },
  { says: 'a request for a grant is never sent twice', what: 'POST /v1/grants', answers: ['break', 'usual'], wants: 1 },
  { says: 'a request for a grant is not sent again to a busy server', what: 'POST /v1/grants', answers: [503, 'usual'], wants: 1 },
  { says: 'one that was refused for its rate waits as it is told', what: 'POST /v1/grants', answers: [429, 'usual'], wants: 2 },
] as const) {
  test(says, async () => {
    const left: (string | number)[] = [...answers]
    server.on(what, () => {
      const answer = left.shift()
      if (answer === 'break') return 'break'
      if (typeof answer === 'number') return { ...refusal('rate.exceeded', answer), headers: { 'retry-after': '0' } }
      return { status: 200, body: what === 'POST /v1/grants' ? pendingGrant : { identity: {} } }
    })
    const remit = client()
    await (what === 'POST /v1/grants' ? remit.requestGrant({ task: 't', statement: 's', scope: ['a/b'] }) : remit.whoami()).catch(
      () => undefined,
    )
    assert.equal(server.calls(what).length, wants)
  })
}

test('nothing that listens is said to be so', async () => {
  const { host, port } = ownAddress()
  await assert.rejects(
    new Remit({ url: `http://${host}:${port}`, credential: { token: 't' } }).whoami(),
    (thrown: unknown) => thrown instanceof RemitUnreachable && thrown.unsent && thrown.message.includes('nothing listens'),
  )
})

test('silence ends at the time-out', async () => {
  server.on('GET /v1/whoami', () => 'silence')
  await assert.rejects(
    client().whoami({ timeoutMs: 50 }),
    (thrown: unknown) => thrown instanceof RemitUnreachable && thrown.message.includes('no answer within 0.05 s'),
  )
})

test('the caller may break off', async () => {
  server.on('GET /v1/whoami', () => 'silence')
  const stop = new AbortController()
  const asked = client().whoami({ signal: stop.signal })
  await server.called('GET /v1/whoami')
  stop.abort(new Error('enough'))
  await assert.rejects(asked, /enough/)
})

test('an answer that is not of this API is not taken for one', async () => {
  server.on('GET /v1/whoami', () => ({ status: 200, body: '<html>' }))
  await assert.rejects(client().whoami(), RemitUnreachable)
  server.on('GET /v1/whoami', () => ({ status: 404, body: '<html>' }))
  await assert.rejects(client().whoami(), RemitUnreachable)
})

test('a redirect is not followed: the token stays here', async () => {
  const elsewhere = await ContractServer.open()
  servers.push(elsewhere)
  server.on('GET /v1/whoami', () => ({ status: 302, headers: { location: `${elsewhere.url}/v1/whoami` } }))
  await assert.rejects(client().whoami(), RemitUnreachable)
  assert.equal(elsewhere.received.length, 0)
})

test('a token that was handed over and refused is not tried again', async () => {
  server.on('GET /v1/whoami', () => refusal('credential.invalid', 401))
  await assert.rejects(client({ credential: { token: 'given' } }).whoami(), RemitRefusal)
  assert.equal(server.received.length, 1)
})

test('a client prints no secret', () => {
  const printed = inspect(client(), { depth: 10, showHidden: true }) + JSON.stringify(client())
  assert.doesNotMatch(printed, /rmt_secret/)
})

test('waiting ends with the answer, and tells each state once', async () => {
  server.firstState = 'pending'
  const remit = client()
  const { id } = await remit.requestGrant({ task: 't', statement: 's', scope: ['a/b'] })
  const states: string[] = []
  const waited = remit.waitForGrant(id, { onState: ({ state }) => states.push(state) })
  await server.called(`GET /v1/grants/${grantId}`, 2)
  server.set('denied')
  assert.equal((await waited).state, 'denied')
  assert.deepEqual(states, ['pending', 'denied'])
})

test('an export arrives line by line, the last one without its end too', async () => {
  server.on('GET /v1/ledger/export', () => ({ status: 200, body: '{"a":"ä"}\n{"b":1}\nlast' }))
  const lines: string[] = []
  for await (const line of client().exportLedger()) lines.push(line)
  assert.deepEqual(lines, ['{"a":"ä"}', '{"b":1}', 'last'])
})
