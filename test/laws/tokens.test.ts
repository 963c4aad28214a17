/** Proof of identity and tokens: whose they are, what they open, and that each ends with what it rests on. */
import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { exportJWK, SignJWT } from 'jose'
import { issueSecret, makeSecret, revokeSecret } from '../../src/control/credentials.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { identifyCaller, TokenReader } from '../../src/control/identify.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { sweep } from '../../src/control/sweep.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { act, allowed, ask, atWork, callOf, configure, held, hour, minute, refused, refusedVerdict } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import { here, openWorld, type World } from '../world/world.ts'

const control = 'urn:remit:main:control'
const gateway = 'urn:remit:main:gateway:http'
const ci = 'https://ci.example'

describe('tokens', () => {
  let world: World
  let ciKey: KeyObject
  let document: ReturnType<typeof shopDocument>
  before(async () => {
    const pair = generateKeyPairSync('ed25519')
    ciKey = pair.privateKey
    const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'EdDSA' }] }
    const signsInBy = [{ issuer: 'ci', subject: 'job-7' }]
    document = shopDocument({
      issuers: [{ name: 'ci', issuer: ci, audience: 'remit', jwks, proves: { ticket: 'ticket', 'ci.run': 'run' } }],
      identities: [
        { name: 'aide', kind: 'ai-agent', owner: 'ana' },
        { name: 'bot', kind: 'service-account', owner: 'ana', signsInBy },
        { name: 'meter', kind: 'api-client', owner: 'ben' },
        { name: 'twin', kind: 'workload', owner: 'ben', signsInBy: [{ issuer: 'ci', subject: 'twins' }] },
        { name: 'other-twin', kind: 'workload', owner: 'ben' },
      ],
    })
    world = await openWorld({ document })
  })
  after(() => world.close())

  const jwt = (subject: string, claims: Record<string, string> = {}, audience = 'remit') => {
    const now = Math.floor(world.clock.now() / 1_000)
    const token = new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid: 'one' }).setIssuer(ci).setAudience(audience)
    return token
      .setSubject(subject)
      .setIssuedAt(now)
      .setExpirationTime(now + 600)
      .sign(ciKey)
  }
  const bySecret = (subjectToken: string, audience = control) =>
    exchangeToken(world.desk, { subjectToken, subjectTokenType: tokenTypes.secret, audience, address: here })
  const byJwt = (subjectToken: string) => exchangeToken(world.desk, { subjectToken, subjectTokenType: tokenTypes.jwt, address: here })
  const newSecret = async (name: string, lifetime: number, by = 'test') =>
    mustBe(await world.desk.store.change((tx) => makeSecret(world.desk, tx, { identity: world.person(name), by, lifetime })))

  test('a token is for one audience: that of another space, another gateway or nobody is not given', async () => {
    const secret = await world.secretOf('meter')
    for (const audience of [
      'urn:remit:other:control',
      'urn:remit:other:gateway:http',
      'urn:remit:main:gateway:mcp',
      'https://shop.example',
      '',
    ]) {
      refused(await bySecret(secret, audience), 'input.invalid')
    }
  })

  test('a token for control opens nothing at the gateway, nor one for the gateway at control', async () => {
    const reader = new TokenReader(world.desk, control)
    const forControl = reveal(mustBe(await bySecret(await world.secretOf('meter'))).token)
    const forGateway = reveal(mustBe(await bySecret(await world.secretOf('meter'), gateway)).token)
    refused(await world.gateway.identify(forControl, here), 'credential.invalid')
    refused(await identifyCaller(world.desk, reader, forGateway, here), 'credential.invalid')
    refused(await world.exchange('meter', { audience: gateway, grant: 'grn_00000000000000000000000000' }), 'grant.missing')
  })

  test('a token of another space is refused although its signature is ours', async () => {
    const [meter] = [world.person('meter')]
    const now = world.clock.now()
    const claims = {
      jti: world.desk.chance.id('tok', now),
      chain: [meter.id],
      provedBy: 'x',
      audience: control,
      issuedAt: now,
      expiresAt: now + minute,
      proved: {},
    }
    const token = reveal(await world.desk.mint.issue({ ...claims, space: 'other' }))
    refused(await identifyCaller(world.desk, new TokenReader(world.desk, control), token, here), 'credential.invalid')
    refused(
      await exchangeToken(world.desk, { subjectToken: token, subjectTokenType: tokenTypes.access, address: here }),
      'credential.invalid',
    )
  })

  test('whatever is wrong with a secret, the answer is the same', async () => {
    const ended = await newSecret('meter', minute)
    const revoked = await newSecret('meter', hour)
    mustBe(await revokeSecret(world.desk, await world.caller('ben'), revoked.credential.id))
    world.clock.advance(minute)
    const good = await world.secretOf('meter')
    const wrong = [
      reveal(ended.secret),
      reveal(revoked.secret),
      `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
      good.replace('crd_', 'crd_0'),
      '',
      'rmt_',
    ]
    for (const secret of wrong) assert.deepEqual(await bySecret(secret), { ok: false, refusal: { code: 'credential.invalid' } })
    assert.equal((await bySecret(good)).ok, true)
  })

  test('a revoked secret ends every token that rests on it, at once', async () => {
    const { secret, credential } = await newSecret('meter', hour)
    const grant = await atWork(world, 'meter', ['shop/put-telemetry'])
    const token = mustBe(await bySecret(reveal(secret), gateway)).token
    const bearer = mustBe(await world.gateway.identify(reveal(token), here))
    allowed(await world.gateway.authorize(callOf(world, bearer, 'put-telemetry')))
    mustBe(await revokeSecret(world.desk, await world.caller('ben'), credential.id))
    refusedVerdict(await world.gateway.authorize(callOf(world, bearer, 'put-telemetry')), 'credential.invalid')
    allowed(await act(world, 'meter', grant, 'put-telemetry'))
  })

  test('a token ends with its grant, with its proof, and after a quarter of an hour', async () => {
    const short = await newSecret('meter', 2 * minute)
    assert.equal(mustBe(await bySecret(reveal(short.secret))).expiresAt, world.clock.now() + 2 * minute)
    assert.equal(mustBe(await world.exchange('meter')).expiresAt, world.clock.now() + 15 * minute)
    const grant = await atWork(world, 'meter', ['shop/put-telemetry'], { duration: 5 * minute })
    assert.equal(mustBe(await world.exchange('meter', { grant: grant.id, audience: gateway })).expiresAt, grant.expiresAt)
  })

  test('with a token ends its session, and what was held on it', async () => {
    await atWork(world, 'aide', ['shop/restart'], { idle: hour, duration: 20 * minute })
    const call = callOf(world, await world.bearer('aide'), 'restart', { service: 'checkout' })
    world.clock.advance(14 * minute)
    const hold = held(await world.gateway.authorize(call))
    world.clock.advance(minute)
    await sweep(world.desk, world.house.gate.activity)
    const kept = await world.desk.store.read((tx) => tx.get('hold', hold))
    const session = await world.desk.store.read((tx) => tx.get('session', kept?.session ?? ''))
    assert.deepEqual([kept?.state, session?.state], ['withdrawn', 'ended'])
  })

  test('a stolen token is no proof elsewhere: not at the gateway, not at control, not in exchange for a fresh one', async () => {
    const exchanged = mustBe(await world.exchange('meter'))
    const token = reveal(exchanged.token)
    mustBe(await identifyCaller(world.desk, new TokenReader(world.desk, control), token, here))
    refused(await identifyCaller(world.desk, new TokenReader(world.desk, control), token, '127.0.0.2'), 'credential.elsewhere')
    const traded = await exchangeToken(world.desk, {
      subjectToken: token,
      subjectTokenType: tokenTypes.access,
      audience: gateway,
      address: '127.0.0.2',
    })
    refused(traded, 'credential.elsewhere')
    const own = await exchangeToken(world.desk, {
      subjectToken: token,
      subjectTokenType: tokenTypes.access,
      audience: gateway,
      address: here,
    })
    assert.equal(own.ok, true)
  })

  test('the first address to use a token in an exchange is the one it is bound to', async () => {
    const token = reveal(mustBe(await world.exchange('meter')).token)
    mustBe(await exchangeToken(world.desk, { subjectToken: token, subjectTokenType: tokenTypes.access, audience: gateway, address: here }))
    refused(await identifyCaller(world.desk, new TokenReader(world.desk, control), token, '127.0.0.2'), 'credential.elsewhere')
  })

  test('a JWT of a configured issuer proves one identity, and its facts come along as proved', async () => {
    const exchanged = mustBe(await byJwt(await jwt('job-7', { ticket: 'OPS-1', run: '42' })))
    assert.deepEqual(exchanged.claims.chain, [world.person('bot').id])
    assert.deepEqual(exchanged.claims.proved, { ticket: 'OPS-1', 'ci.run': '42' })
    refused(await byJwt(await jwt('job-8')), 'credential.invalid')
    refused(await byJwt(await jwt('job-7', {}, 'somebody else')), 'credential.invalid')
  })

  test('two identities with one subject are two readings of one proof, so neither is taken', async () => {
    assert.equal((await byJwt(await jwt('twins'))).ok, true)
    // No configuration says that, but a store might.
    const other = { ...world.person('other-twin'), signsInBy: world.person('twin').signsInBy }
    await world.desk.store.change(async (tx) => {
      await tx.put('identity', other)
      await tx.record({ kind: 'identity.changed', actor: 'test', subject: other.id, facts: {} })
      return done(undefined)
    })
    refused(await byJwt(await jwt('twins')), 'credential.invalid')
  })

  test('a subject that was taken from an identity ends the tokens that rested on it', async () => {
    const token = reveal(mustBe(await byJwt(await jwt('job-7'))).token)
    const reader = new TokenReader(world.desk, control)
    mustBe(await identifyCaller(world.desk, reader, token, here))
    const identities = [
      { name: 'aide', kind: 'ai-agent', owner: 'ana' },
      { name: 'bot', kind: 'service-account', owner: 'ana' },
      { name: 'meter', kind: 'api-client', owner: 'ben' },
    ]
    await configure(world, { ...document, identities })
    refused(await identifyCaller(world.desk, reader, token, here), 'credential.invalid')
    await configure(world, document)
  })

  test('who is disabled or quarantined, or whose owner is, exchanges nothing', async () => {
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'meter', 'odd'))
    refused(await world.exchange('meter'), 'identity.quarantined')
    mustBe(await release(world.desk, await world.caller('ben'), 'meter', 'fine'))
    assert.equal((await world.exchange('meter')).ok, true)
    await configure(world, { ...document, people: [{ name: 'ana', disabled: true }, { name: 'ben' }, { name: 'eva' }] })
    refused(await world.exchange('aide'), 'identity.owner-gone')
    await configure(world, document)
    assert.equal((await world.exchange('aide')).ok, true)
  })

  test('an identity’s own token takes the covering grant that ends first, then the smaller id', async () => {
    const later = await atWork(world, 'aide', ['read:shop'], { duration: 20 * minute })
    const sooner = await atWork(world, 'aide', ['shop/list-incidents'], { duration: 10 * minute })
    const twin = await atWork(world, 'aide', ['shop/list-incidents'], { duration: 10 * minute })
    const smaller = sooner.id < twin.id ? sooner : twin
    assert.equal(allowed(await act(world, 'aide', undefined, 'list-incidents')).grant, smaller.id)
    assert.equal(allowed(await act(world, 'aide', later, 'list-incidents')).grant, later.id, 'a session credential names one')
    for (const grant of [later, sooner, twin]) world.desk.facts.grant(grant.id)
  })

  test('only the owner or an administrator issues a secret, and to everybody else the identity is not there', async () => {
    assert.equal((await issueSecret(world.desk, await world.caller('ben'), 'meter', hour)).ok, true)
    assert.deepEqual(
      await issueSecret(world.desk, await world.caller('eva'), 'meter', hour),
      await issueSecret(world.desk, await world.caller('eva'), 'nobody', hour),
    )
    refused(await issueSecret(world.desk, await world.caller('ana'), 'ben', hour), 'input.invalid')
    refused(await issueSecret(world.desk, await world.caller('ben'), 'meter', 91 * 24 * hour), 'input.invalid')
  })

  test('a request of a quarantined identity that was under way when it was contained is refused', async () => {
    const caller = await world.caller('meter')
    const approved = mustBe(await ask(world, 'meter', ['shop/put-telemetry']))
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'meter', 'odd'))
    const { requestGrant } = await import('../../src/control/request-grant.ts')
    refused(
      await requestGrant(world.desk, caller, { task: 'work', statement: 'late', scope: ['shop/put-telemetry'] }),
      'identity.quarantined',
    )
    assert.equal(world.desk.facts.grant(approved.id)?.state, 'unclaimed')
    mustBe(await release(world.desk, await world.caller('ben'), 'meter', 'fine'))
  })

  test('a request that was under way when its secret was revoked is refused', async () => {
    const { secret, credential } = await newSecret('meter', hour)
    const token = reveal(mustBe(await bySecret(reveal(secret))).token)
    const caller = mustBe(await identifyCaller(world.desk, new TokenReader(world.desk, control), token, here))
    mustBe(await revokeSecret(world.desk, await world.caller('ben'), credential.id))
    const { requestGrant } = await import('../../src/control/request-grant.ts')
    refused(
      await requestGrant(world.desk, caller, { task: 'work', statement: 'late', scope: ['shop/put-telemetry'] }),
      'credential.invalid',
    )
  })
})
