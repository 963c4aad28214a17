import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { decodeAttestationObject, parseAuthenticatorData } from '@simplewebauthn/server/helpers'
import { SoftwareAuthenticator, softwareAaguid } from './software-authenticator.ts'

const creation = {
  challenge: 'AAAAAAAAAAAAAAAAAAAAAA',
  rp: { id: 'remit.example' },
  user: { id: 'aWRuXzAx' },
  pubKeyCredParams: [{ alg: -8 }, { alg: -7 }],
}
const page = 'https://desk.remit.example'

test('its attestation reads as the standard says', () => {
  const answer = new SoftwareAuthenticator().register(creation, page)
  const attestation = decodeAttestationObject(new Uint8Array(Buffer.from(answer.response.attestationObject, 'base64url')))
  assert.equal(attestation.get('fmt'), 'none')
  assert.equal(attestation.get('attStmt').size, 0)
  const parsed = parseAuthenticatorData(attestation.get('authData'))
  assert.equal(Buffer.from(parsed.rpIdHash).toString('hex'), createHash('sha256').update('remit.example').digest('hex'))
  assert.deepEqual(
    { up: parsed.flags.up, uv: parsed.flags.uv, at: parsed.flags.at, ed: parsed.flags.ed, be: parsed.flags.be },
    { up: true, uv: true, at: true, ed: false, be: false },
  )
  assert.equal(Buffer.from(parsed.aaguid ?? []).toString(), 'remit-software-1')
  assert.equal(softwareAaguid.replaceAll('-', ''), Buffer.from('remit-software-1').toString('hex'))
  // COSE_Key: kty EC2, alg ES256, crv P-256, and the heads of x and y, 32 bytes each.
  const key = Buffer.from(parsed.credentialPublicKey ?? []).toString('hex')
  assert.match(key, /^a5010203262001215820[0-9a-f]{64}225820[0-9a-f]{64}$/)
  assert.deepEqual(JSON.parse(Buffer.from(answer.response.clientDataJSON, 'base64url').toString()), {
    type: 'webauthn.create',
    challenge: creation.challenge,
    origin: page,
    crossOrigin: false,
  })
})

test('it answers only pages of the site, and only with what is allowed', () => {
  const authenticator = new SoftwareAuthenticator()
  const { id } = authenticator.register(creation, page)
  const ask = { challenge: 'BBBB', rpId: 'remit.example', allowCredentials: [{ id }] }
  assert.equal(authenticator.sign(ask, page).id, id)
  assert.throws(() => authenticator.sign(ask, 'https://evil.example'), /may not ask/)
  assert.throws(() => authenticator.sign(ask, 'https://evilremit.example'), /may not ask/)
  assert.throws(() => authenticator.sign({ ...ask, rpId: 'desk.remit.example' }, page), /no passkey/)
  assert.throws(() => authenticator.sign({ ...ask, allowCredentials: [{ id: 'AAAA' }] }, page), /no passkey/)
  assert.throws(() => authenticator.register({ ...creation, excludeCredentials: [{ id }] }, page), /already/)
  assert.throws(() => authenticator.register({ ...creation, pubKeyCredParams: [{ alg: -257 }] }, page), /ES256/)
})

test('saved and restored it is the same authenticator, its counter included', () => {
  const authenticator = new SoftwareAuthenticator()
  const { id } = authenticator.register(creation, page)
  authenticator.sign({ challenge: 'BBBB', rpId: 'remit.example' }, page)
  const restored = SoftwareAuthenticator.restore(authenticator.save())
  assert.equal(restored.save(), authenticator.save())
  const answer = restored.sign({ challenge: 'CCCC', rpId: 'remit.example' }, page)
  assert.equal(answer.id, id)
  assert.equal(parseAuthenticatorData(new Uint8Array(Buffer.from(answer.response.authenticatorData, 'base64url'))).counter, 2)
  assert.throws(() => SoftwareAuthenticator.restore('{}'))
})

test('its keys do not print', () => {
  const authenticator = new SoftwareAuthenticator()
  authenticator.register(creation, page)
  assert.equal(JSON.stringify(authenticator), '{"userVerified":true}')
  assert.equal(inspect(authenticator), 'SoftwareAuthenticator { userVerified: true }')
})
