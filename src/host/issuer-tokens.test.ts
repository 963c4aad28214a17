import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import { test, type TestContext } from 'node:test'
import { exportJWK, SignJWT } from 'jose'
import { mustBe } from '../kernel/result.ts'
import { mayFetchFrom } from './issuer-keys.ts'
import { makeIssuerTokens } from './issuer-tokens.ts'

const issuer = 'https://ci.example'
const audience = 'remit-main'
const start = 1_800_000_000_000
const seconds = start / 1_000

const keys: Readonly<Record<string, KeyObject>> = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  EdDSA: generateKeyPairSync('ed25519').privateKey,
}
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

async function setOf(named: Readonly<Record<string, KeyObject>>): Promise<string> {
  const entries = Object.entries(named).map(async ([kid, key]) => ({ ...(await exportJWK(createPublicKey(key))), kid }))
  return JSON.stringify({ keys: await Promise.all(entries) })
}

const jwks = await setOf(keys)
const good = { iss: issuer, aud: audience, sub: 'repo:shop', iat: seconds - 10, exp: seconds + 300, ticket: 'OPS-7', run: 12 }

function sign(
  payload: object = good,
  head: { alg: string; kid?: string } = { alg: 'ES256', kid: 'ES256' },
  key?: KeyObject | Uint8Array,
): Promise<string> {
  return new SignJWT({ ...payload }).setProtectedHeader(head).sign(key ?? keys[head.kid ?? ''] ?? stranger)
}

function makeClock() {
  const clock = { at: start, now: () => clock.at }
  return clock
}

for (const [alg, kid] of [
  ['RS256', 'RS256'],
  ['PS256', 'RS256'],
  ['ES256', 'ES256'],
  ['ES384', 'ES384'],
  ['EdDSA', 'EdDSA'],
] as const)
  test(`${alg} is taken`, async () => {
    const proof = mustBe(await makeIssuerTokens({ clock: makeClock() }).read(await sign(good, { alg, kid }), { issuer, audience, jwks }))
    assert.equal(proof.subject, 'repo:shop')
    assert.equal(proof.expiresAt, start + 300_000)
    assert.deepEqual({ ...proof.claims }, good)
  })

const without = (name: keyof typeof good) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))
const rsaPem = createPublicKey(keys.RS256 ?? stranger).export({ format: 'pem', type: 'spki' })
const twice = jwks.replace(']}', `,${(await setOf({ ES256: stranger })).slice('{"keys":['.length)}`)

const hostile: readonly { says: string; token: () => Promise<string> | string; jwks?: string }[] = [
  { says: 'alg none', token: () => `${encode({ alg: 'none', kid: 'ES256' })}.${encode(good)}.` },
  { says: 'HS256 with the public key as secret', token: () => sign(good, { alg: 'HS256', kid: 'RS256' }, Buffer.from(rsaPem)) },
  {
    says: 'HS256 with a secret that the set itself holds',
    token: () => sign(good, { alg: 'HS256', kid: 'h' }, Buffer.alloc(32, 1)),
    jwks: JSON.stringify({ keys: [{ kty: 'oct', kid: 'h', k: Buffer.alloc(32, 1).toString('base64url') }] }),
  },
  { says: 'RS512, which is not on the list', token: () => sign(good, { alg: 'RS512', kid: 'RS256' }) },
  { says: 'a stranger’s key under a known kid', token: () => sign(good, { alg: 'ES256', kid: 'ES256' }, stranger) },
  { says: 'an unknown kid', token: () => sign(good, { alg: 'ES256', kid: 'new' }, stranger) },
  { says: 'a kid of another algorithm', token: () => sign(good, { alg: 'ES256', kid: 'RS256' }, stranger) },
  { says: 'two keys under one kid', token: () => sign(), jwks: twice },
  {
    says: 'two kids in one header',
    token: () => `${Buffer.from('{"alg":"ES256","kid":"x","kid":"ES256"}').toString('base64url')}.${encode(good)}.AAAA`,
  },
  { says: 'another audience', token: () => sign({ ...good, aud: 'remit-other' }) },
  { says: 'ours among several audiences', token: () => sign({ ...good, aud: [audience, 'elsewhere'] }) },
  { says: 'another audience in an array', token: () => sign({ ...good, aud: ['remit-other'] }) },
  { says: 'no audience', token: () => sign(without('aud')) },
  { says: 'another issuer', token: () => sign({ ...good, iss: 'https://ci.example/' }) },
  { says: 'no issuer', token: () => sign(without('iss')) },
  { says: 'no end', token: () => sign(without('exp')) },
  { says: 'an end at this very millisecond', token: () => sign({ ...good, exp: seconds }) },
  { says: 'an end that is text', token: () => sign({ ...good, exp: '9999999999' }) },
  { says: 'no beginning', token: () => sign(without('iat')) },
  { says: 'issued over a day ago', token: () => sign({ ...good, iat: seconds - 86_401 }) },
  { says: 'issued well in the future', token: () => sign({ ...good, iat: seconds + 31 }) },
  { says: 'not valid yet', token: () => sign({ ...good, nbf: seconds + 1 }) },
  { says: 'no subject', token: () => sign(without('sub')) },
  { says: 'an empty subject', token: () => sign({ ...good, sub: '' }) },
  { says: 'a subject that is a number', token: () => sign({ ...good, sub: 7 }) },
  { says: 'too large', token: () => sign({ ...good, padding: 'x'.repeat(9_000) }) },
  { says: 'a set that is not JSON', token: () => sign(), jwks: '{' },
  { says: 'a set without keys', token: () => sign(), jwks: '{}' },
  { says: 'a set of strings', token: () => sign(), jwks: '{"keys":["x"]}' },
]
for (const { says, token, jwks: theirs = jwks } of hostile)
  test(`refused: ${says}`, async () => {
    const answer = await makeIssuerTokens({ clock: makeClock() }).read(await token(), { issuer, audience, jwks: theirs })
    assert.equal(answer.ok, false)
    assert.equal(answer.refusal.code, 'credential.invalid')
    assert.ok((answer.refusal.detail ?? '').length < 80)
  })

test('an array of our audience alone, a beginning that was, and a clock that is a little behind are taken', async () => {
  for (const change of [{ aud: [audience] }, { nbf: seconds }, { iat: seconds + 30 }])
    mustBe(await makeIssuerTokens({ clock: makeClock() }).read(await sign({ ...good, ...change }), { issuer, audience, jwks }))
})

test('an end with a fraction counts to its millisecond', async () => {
  const clock = makeClock()
  const reader = makeIssuerTokens({ clock })
  const token = await sign({ ...good, exp: seconds + 1.5 })
  clock.at = start + 1_499
  assert.equal((await reader.read(token, { issuer, audience, jwks })).ok, true)
  clock.at = start + 1_500
  assert.equal((await reader.read(token, { issuer, audience, jwks })).ok, false)
})

test('an issuer without keys is refused', async () => {
  assert.equal((await makeIssuerTokens({ clock: makeClock() }).read(await sign(), { issuer, audience })).ok, false)
})

// --- Keys over the network -----------------------------------------------------------------------------------------

interface Served {
  readonly url: string
  answer: RequestListener
  asked: number
}

async function serve(t: TestContext, answer: RequestListener): Promise<Served> {
  const server = createServer((request, response) => {
    served.asked += 1
    served.answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const served: Served = { url: `http://127.0.0.1:${address.port}/keys`, answer, asked: 0 }
  return served
}

const give =
  (text: string): RequestListener =>
  (_, response) =>
    response.setHeader('content-type', 'application/json').end(text)

test('keys are fetched once for many tokens, even at the same time', async (t) => {
  const served = await serve(t, give(jwks))
  const reader = makeIssuerTokens({ clock: makeClock() })
  const token = await sign()
  const answers = await Promise.all(Array.from({ length: 20 }, () => reader.read(token, { issuer, audience, jwksUri: served.url })))
  assert.ok(answers.every(({ ok }) => ok))
  assert.equal(served.asked, 1)
})

test('a new key of the issuer is found after the cooldown; made-up kids cost one fetch per cooldown', async (t) => {
  const served = await serve(t, give(jwks))
  const clock = makeClock()
  const reader = makeIssuerTokens({ clock })
  const from = { issuer, audience, jwksUri: served.url }
  mustBe(await reader.read(await sign(), from))
  served.answer = give(await setOf({ ...keys, new: stranger }))
  const token = await sign(good, { alg: 'ES256', kid: 'new' })
  clock.at = start + 29_999
  for (let round = 0; round < 5; round += 1) assert.equal((await reader.read(token, from)).ok, false)
  assert.equal(served.asked, 1)
  clock.at = start + 30_000
  mustBe(await reader.read(token, from))
  const made = await sign(good, { alg: 'ES256', kid: 'made-up' }, stranger)
  for (let round = 0; round < 5; round += 1) assert.equal((await reader.read(made, from)).ok, false)
  assert.equal(served.asked, 2)
})

test('a key that the issuer withdrew no longer counts once the kept keys are old, nor do old keys when the issuer is gone', async (t) => {
  const served = await serve(t, give(jwks))
  const clock = makeClock()
  const reader = makeIssuerTokens({ clock })
  const from = { issuer, audience, jwksUri: served.url }
  const long = { ...good, exp: seconds + 10_000 }
  mustBe(await reader.read(await sign(long), from))
  served.answer = give(await setOf({ EdDSA: keys.EdDSA ?? stranger }))
  clock.at = start + 600_000
  assert.equal((await reader.read(await sign(long), from)).ok, false)
  mustBe(await reader.read(await sign(long, { alg: 'EdDSA', kid: 'EdDSA' }), from))
  served.answer = (_, response) => response.writeHead(500).end()
  clock.at = start + 1_200_000
  assert.equal((await reader.read(await sign(long, { alg: 'EdDSA', kid: 'EdDSA' }), from)).ok, false)
})

test('after a failed fetch nothing is fetched for a while, then it recovers', async (t) => {
  const served = await serve(t, (_, response) => response.writeHead(503).end())
  const clock = makeClock()
  const warnings: string[] = []
  const reader = makeIssuerTokens({ clock, log: { warn: (says, facts) => warnings.push(`${says}: ${String(facts.reason)}`) } })
  const from = { issuer, audience, jwksUri: served.url }
  for (let round = 0; round < 5; round += 1)
    assert.deepEqual(await reader.read(await sign(), from), {
      ok: false,
      refusal: { code: 'credential.invalid', detail: 'the keys of its issuer cannot be had now' },
    })
  assert.equal(served.asked, 1)
  assert.match(warnings[0] ?? '', /status 503/)
  served.answer = give(jwks)
  clock.at = start + 5_000
  mustBe(await reader.read(await sign(), from))
  assert.equal(served.asked, 2)
})

const unusable: readonly { says: string; answer: RequestListener; reason: RegExp }[] = [
  { says: 'a redirect', answer: (_, response) => response.writeHead(302, { location: '/moved' }).end(), reason: /status 302/ },
  { says: 'a body that never ends', answer: (_, response) => void response.write('{"keys":['), reason: /timeout/i },
  { says: 'no answer at all', answer: () => undefined, reason: /timeout/i },
  { says: 'a connection that breaks', answer: (request) => request.socket.destroy(), reason: /closed|reset|socket/i },
  {
    says: 'a huge body with its length',
    answer: give(JSON.stringify({ keys: [], padding: 'x'.repeat(300_000) })),
    reason: /larger than 262144 bytes/,
  },
  {
    says: 'a huge body in pieces without end',
    answer: (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      }
      response.on('drain', more)
      more()
    },
    reason: /larger than 262144 bytes/,
  },
  { says: 'a page', answer: give('<html>'), reason: /not a JWK set/ },
  { says: 'keys under one name twice', answer: give(`{"keys":[],${jwks.slice(1)}`), reason: /not a JWK set/ },
  {
    says: 'too many keys',
    answer: give(JSON.stringify({ keys: Array.from({ length: 101 }, () => ({ kty: 'EC' })) })),
    reason: /at most 100 keys/,
  },
]
for (const { says, answer, reason } of unusable)
  test(`keys cannot be had: ${says}`, async (t) => {
    const served = await serve(t, (request, response) => (request.url === '/moved' ? give(jwks) : answer)(request, response))
    const warnings: string[] = []
    const reader = makeIssuerTokens({
      clock: makeClock(),
      limits: { fetchMax: reason.test('timeout') ? 300 : 30_000 },
      log: { warn: (_, facts) => warnings.push(String(facts.reason)) },
    })
    const refused = await reader.read(await sign(), { issuer, audience, jwksUri: served.url })
    assert.deepEqual(refused, { ok: false, refusal: { code: 'credential.invalid', detail: 'the keys of its issuer cannot be had now' } })
    assert.equal(served.asked, 1)
    assert.match(warnings[0] ?? '', reason)
  })

const places = [
  ['https://ci.example/keys', true],
  ['http://127.0.0.1:8080/keys', true],
  ['http://127.1/keys', true],
  ['http://localhost/keys', true],
  ['http://[::1]:1/keys', true],
  ['http://ci.example/keys', false],
  ['http://localhost.evil.example/keys', false],
  ['http://127.0.0.1.evil.example/keys', false],
  ['http://10.0.0.1/keys', false],
  ['http://[::ffff:10.0.0.1]/keys', false],
  ['https://user:word@ci.example/keys', false],
  ['file:///etc/passwd', false],
  [`data:application/json,${encodeURIComponent(jwks)}`, false],
  ['keys', false],
] as const
for (const [url, may] of places)
  test(`keys ${may ? 'may' : 'may not'} come from ${url.slice(0, 40)}`, async () => {
    assert.equal(mayFetchFrom(url), may)
    if (may) return
    assert.equal((await makeIssuerTokens({ clock: makeClock() }).read(await sign(), { issuer, audience, jwksUri: url })).ok, false)
  })

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
