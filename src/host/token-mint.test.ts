import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { calculateJwkThumbprint, createLocalJWKSet, decodeJwt, exportJWK, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose'
import { mustBe } from '../kernel/result.ts'
import { reveal } from '../kernel/secret.ts'
import { makeTokenMint, makeTokenReader, type MintedClaims } from './token-mint.ts'

const issuer = 'urn:remit:main'
const audience = 'urn:remit:main:gateway:shop'
const start = 1_800_000_000_123
const clock = { at: start, now: () => clock.at }
const { privateKey } = generateKeyPairSync('ed25519')
const mint = await makeTokenMint({ key: privateKey, issuer, clock })
const kid = await thumbprint(privateKey)

const claims: MintedClaims = {
  jti: 'tok_1',
  space: 'main',
  chain: ['idn_agent', 'idn_middle', 'idn_person'],
  provedBy: 'crd_1',
  audience,
  grant: 'grn_1',
  issuedAt: start,
  expiresAt: start + 60_001,
  proved: { ticket: 'OPS-7', run: '99' },
}
/** What a token of these claims holds, written out. */
const written = {
  iss: issuer,
  sub: 'idn_person',
  aud: audience,
  exp: 1_800_000_060.124,
  iat: 1_800_000_000.123,
  jti: 'tok_1',
  client_id: 'idn_agent',
  act: { sub: 'idn_agent', act: { sub: 'idn_middle' } },
  'urn:remit:space': 'main',
  'urn:remit:proved-by': 'crd_1',
  'urn:remit:grant': 'grn_1',
  'urn:remit:proved': { ticket: 'OPS-7', run: '99' },
}
const header = { alg: 'EdDSA', typ: 'at+jwt', kid }

async function thumbprint(key: KeyObject): Promise<string> {
  const { x = '' } = await exportJWK(createPublicKey(key))
  return calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x })
}

function forge(
  payload: object,
  head: { alg: string; [name: string]: unknown } = header,
  key: KeyObject | Uint8Array = privateKey,
): Promise<string> {
  return new SignJWT({ ...payload }).setProtectedHeader(head).sign(key)
}

/** Signs texts that no library would write. */
async function forgeText(head: string, payload: string): Promise<string> {
  const { makeSigner } = await import('./key-files.ts')
  const signed = `${encode(head)}.${encode(payload)}`
  return `${signed}.${Buffer.from(makeSigner(privateKey, 'x').sign(Buffer.from(signed))).toString('base64url')}`
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

test('a token reads back as it was issued, and says so in the standard’s words', async () => {
  const token = reveal(await mint.issue(claims))
  assert.deepEqual(mustBe(await mint.read(token, audience)), claims)
  assert.deepEqual(decodeJwt(token), written)
  assert.deepEqual(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()), header)
})

test('whoever has the published keys can verify it', async () => {
  const keys = JSON.parse(JSON.stringify(mint.keys())) as JSONWebKeySet
  assert.deepEqual(Object.keys(keys.keys[0] ?? {}).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x'])
  const token = reveal(await mint.issue(claims))
  await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience, currentDate: new Date(start + 1_000) })
})

test('any chain, any instants, any facts read back', async () => {
  const name = fc.stringMatching(/^[a-z][a-z_]{0,19}$/)
  const instants = fc.tuple(fc.integer({ min: 0, max: 10_000_000 }), fc.integer({ min: 1, max: 10_000_000 }))
  const shape = fc.record({
    chain: fc.array(name, { minLength: 1, maxLength: 8 }),
    instants,
    proved: fc.dictionary(name, fc.string(), { maxKeys: 5 }),
  })
  await fc.assert(
    fc.asyncProperty(shape, async ({ chain, instants: [ago, left], proved }) => {
      const { grant: _, ...ungranted } = claims
      const some = { ...ungranted, chain, proved: { ...proved }, issuedAt: start - ago, expiresAt: start + left }
      assert.deepEqual(mustBe(await mint.read(reveal(await mint.issue(some)), audience)), some)
    }),
  )
})

test('it ends on its millisecond', async () => {
  const token = reveal(await mint.issue(claims))
  clock.at = claims.expiresAt - 1
  assert.equal((await mint.read(token, audience)).ok, true)
  clock.at = claims.expiresAt
  assert.deepEqual(await mint.read(token, audience), { ok: false, refusal: { code: 'credential.invalid', detail: 'it has ended' } })
  clock.at = start
})

const publicPem = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' })
const publicRaw = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url')
const other = generateKeyPairSync('ed25519').privateKey
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const text = JSON.stringify(written)

function without(key: keyof typeof written): object {
  return Object.fromEntries(Object.entries(written).filter(([name]) => name !== key))
}

const hostile: readonly { says: string; token: () => Promise<string> | string }[] = [
  { says: 'nothing', token: () => '' },
  { says: 'noise', token: () => 'a.b.c' },
  { says: 'alg none, unsigned', token: () => `${encode(JSON.stringify({ ...header, alg: 'none' }))}.${encode(text)}.` },
  { says: 'alg none, with a signature', token: () => `${encode(JSON.stringify({ ...header, alg: 'none' }))}.${encode(text)}.AAAA` },
  { says: 'HS256 with the public key (PEM) as secret', token: () => forge(written, { ...header, alg: 'HS256' }, Buffer.from(publicPem)) },
  { says: 'HS256 with the public key (raw) as secret', token: () => forge(written, { ...header, alg: 'HS256' }, publicRaw) },
  { says: 'RS256 with a key of its own', token: () => forge(written, { ...header, alg: 'RS256' }, rsa) },
  { says: 'another key under our kid', token: () => forge(written, header, other) },
  { says: 'another key under its own kid', token: async () => forge(written, { ...header, kid: await thumbprint(other) }, other) },
  {
    says: 'another key brought along',
    token: async () => forge(written, { ...header, jwk: await exportJWK(createPublicKey(other)) }, other),
  },
  { says: 'no kid', token: () => forge(written, { alg: 'EdDSA', typ: 'at+jwt' }) },
  { says: 'two kids', token: () => forgeText(`{"alg":"EdDSA","typ":"at+jwt","kid":"x","kid":"${kid}"}`, text) },
  { says: 'an unknown header member', token: () => forge(written, { ...header, jku: 'https://evil.example/keys' }) },
  { says: 'a critical extension', token: () => forgeText(JSON.stringify({ ...header, crit: ['x'], x: 1 }), text) },
  { says: 'an ID token', token: () => forge(written, { ...header, typ: 'JWT' }) },
  { says: 'our type by its long name', token: () => forge(written, { ...header, typ: 'application/at+jwt' }) },
  { says: 'no type', token: () => forge(written, { alg: 'EdDSA', kid }) },
  { says: 'another audience', token: () => forge({ ...written, aud: 'urn:remit:main:gateway:other' }) },
  { says: 'an audience that only begins alike', token: () => forge({ ...written, aud: `${audience}-2` }) },
  { says: 'several audiences', token: () => forge({ ...written, aud: [audience, 'urn:remit:main:control'] }) },
  { says: 'an array of one audience', token: () => forge({ ...written, aud: [audience] }) },
  { says: 'no audience', token: () => forge(without('aud')) },
  { says: 'two audiences under one name', token: () => forgeText(JSON.stringify(header), `{"aud":"x",${text.slice(1)}`) },
  { says: 'another issuer', token: () => forge({ ...written, iss: 'urn:remit:other' }) },
  { says: 'no issuer', token: () => forge(without('iss')) },
  { says: 'no end', token: () => forge(without('exp')) },
  { says: 'an end that is text', token: () => forge({ ...written, exp: '1900000000' }) },
  { says: 'an end beyond all numbers', token: () => forgeText(JSON.stringify(header), text.replace(/"exp":[\d.]+/, '"exp":1e999')) },
  { says: 'ended this very millisecond', token: () => forge({ ...written, iat: start / 1_000 - 5, exp: start / 1_000 }) },
  { says: 'ended long ago', token: () => forge({ ...written, iat: 1, exp: 2 }) },
  { says: 'not begun', token: () => forge({ ...written, iat: start / 1_000 + 0.001 }) },
  { says: 'not before tomorrow', token: () => forge({ ...written, nbf: start / 1_000 + 86_400 }) },
  { says: 'no id', token: () => forge(without('jti')) },
  { says: 'an unknown claim', token: () => forge({ ...written, 'urn:remit:only-from': '10.0.0.1' }) },
  { says: 'a chain that begins elsewhere than its client', token: () => forge({ ...written, client_id: 'idn_person' }) },
  { says: 'a chain of nine', token: () => forge({ ...written, act: deep(8, 'idn_agent') }) },
  { says: 'claims that are no object', token: () => forgeText(JSON.stringify(header), '[]') },
  {
    says: 'claims that are not UTF-8',
    token: async () => (await forge(written)).replace(/\.[^.]+\./, `.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.`),
  },
  {
    says: 'too large',
    token: () => forge({ ...written, 'urn:remit:proved': Object.fromEntries(['a', 'b', 'c'].map((name) => [name, 'x'.repeat(2_200)])) }),
  },
  { says: 'a second spelling of the signature', token: async () => respell(await forge(written)) },
  { says: 'padding', token: async () => `${await forge(written)}==` },
  { says: 'a fourth part', token: async () => `${await forge(written)}.AAAA` },
  { says: 'a line end', token: async () => `${await forge(written)}\n` },
  {
    says: 'a changed claim',
    token: async () => (await forge(written)).replace(/\.[^.]+\./, `.${encode(text.replace('grn_1', 'grn_2'))}.`),
  },
]

function deep(links: number, first: string): object {
  return links === 1 ? { sub: first } : { sub: first, act: deep(links - 1, 'idn_x') }
}

/** The last character of 64 bytes in base64url carries four bits that nobody reads. */
function respell(token: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return `${token.slice(0, -1)}${letters[letters.indexOf(token.slice(-1)) + 1]}`
}

for (const { says, token } of hostile)
  test(`refused: ${says}`, async () => {
    const answer = await mint.read(await token(), audience)
    assert.equal(answer.ok, false)
    assert.equal(answer.refusal.code, 'credential.invalid')
    assert.ok((answer.refusal.detail ?? '').length < 60)
  })

test('the forgeries above differ from a good token only in what they say', async () => {
  assert.deepEqual(mustBe(await mint.read(await forge(written), audience)), claims)
  assert.deepEqual(mustBe(await mint.read(await forgeText(JSON.stringify(header), text), audience)), claims)
})

const unissuable: readonly { says: string; change: Partial<MintedClaims> }[] = [
  { says: 'nobody acts', change: { chain: [] } },
  { says: 'nine links', change: { chain: Array.from({ length: 9 }, () => 'idn_x') } },
  { says: 'an end at its beginning', change: { expiresAt: start } },
  { says: 'no end', change: { expiresAt: Number.NaN } },
  { says: 'an endless end', change: { expiresAt: Number.POSITIVE_INFINITY } },
  { says: 'more than fits', change: { proved: { a: 'x'.repeat(4_000), b: 'x'.repeat(4_000) } } },
]
for (const { says, change } of unissuable)
  test(`never issued: ${says}`, async () => {
    await assert.rejects(mint.issue({ ...claims, ...change }))
  })

test('a mint takes Ed25519 keys only', async () => {
  await assert.rejects(makeTokenMint({ key: rsa, issuer, clock }))
})

test('after a rotation both keys are read and shown for a while, and the new one signs', async () => {
  const next = generateKeyPairSync('ed25519').privateKey
  const rotated = await makeTokenMint({ key: next, older: [{ key: privateKey, until: start + 1_000 }], issuer, clock })
  const before = reveal(await mint.issue(claims))
  assert.equal((await rotated.read(before, claims.audience)).ok, true)
  const after = reveal(await rotated.issue(claims))
  assert.equal((await rotated.read(after, claims.audience)).ok, true)
  assert.equal((await mint.read(after, claims.audience)).ok, false)
  assert.equal((await (await makeTokenMint({ key: next, issuer, clock })).read(before, claims.audience)).ok, false, 'when it is retired')
  const { keys } = rotated.keys()
  assert.equal(Array.isArray(keys) && keys.length, 2)
  clock.at = start + 1_000
  assert.equal((await rotated.read(before, claims.audience)).ok, false, 'also by a process that runs on')
  assert.equal(JSON.stringify(rotated.keys()).match(/"kid"/g)?.length, 1)
  clock.at = start
})

test('whoever has the public keys alone reads what the mint reads, and refuses what it refuses', async () => {
  const reader = mustBe(makeTokenReader({ keys: mint.keys(), issuer, clock }))
  const token = reveal(await mint.issue(claims))
  assert.deepEqual(mustBe(await reader.read(token, audience)), mustBe(await mint.read(token, audience)))
  const other = await makeTokenMint({ key: generateKeyPairSync('ed25519').privateKey, issuer, clock })
  const forged = [
    reveal(await other.issue(claims)),
    reveal(await other.issue(claims)).replace(/^[^.]+/, token.split('.')[0] ?? ''),
    `${token.slice(0, -3)}AAA`,
    await forge({ ...written, iss: 'urn:remit:plant' }),
    await forge({ ...written, 'urn:remit:limit': 1 }),
  ]
  for (const each of forged) assert.ok(!(await reader.read(each, audience)).ok)
  assert.ok(!(await reader.read(token, 'urn:remit:main:gateway:other')).ok)
})

test('a set with anything in it but keys of a mint under their own names is refused as a whole', async () => {
  const other = await makeTokenMint({ key: generateKeyPairSync('ed25519').privateKey, issuer, clock })
  const [key] = mint.keys().keys as { kid: string; x: string }[]
  const [strange] = other.keys().keys as { kid: string; x: string }[]
  assert.ok(key && strange)
  const sets = [
    {},
    { keys: [key], more: true },
    { keys: [{ ...key, d: 'AAAA' }] },
    { keys: [{ ...key, crv: 'X25519' }] },
    { keys: [{ ...key, x: strange.x }] },
    { keys: [{ ...strange, kid: key.kid }] },
    { keys: [{ ...key, x: `${key.x}A` }] },
  ]
  for (const keys of sets) assert.ok(!makeTokenReader({ keys, issuer, clock }).ok, JSON.stringify(keys))
  assert.ok(!(await mustBe(makeTokenReader({ keys: { keys: [] }, issuer, clock })).read(reveal(await mint.issue(claims)), audience)).ok)
})
