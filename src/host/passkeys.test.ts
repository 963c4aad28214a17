import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { assertionOptions, type Expected, makePasskeys, type RegisteredPasskey, registrationOptions } from './passkeys.ts'
import { SoftwareAuthenticator } from './software-authenticator.ts'

const rpId = 'localhost'
const origin = 'http://localhost:7001'
const rpName = 'Remit'
const user = { id: 'idn_01', name: 'mara' }
const passkeys = makePasskeys({ acceptSoftware: true })
const refused = { ok: false, refusal: { code: 'passkey.refused' } }

function newChallenge(): string {
  return randomBytes(32).toString('base64url')
}

/** As it would come over the wire. */
function overTheWire(value: object): JsonObject {
  const read = mustBe(parseJson(JSON.stringify(value)))
  assert.ok(isJsonObject(read))
  return read
}

async function register(authenticator: SoftwareAuthenticator, change: Partial<Expected> = {}) {
  const challenge = newChallenge()
  const options = await registrationOptions({ challenge, rpId, rpName, user, known: [] })
  const response = overTheWire(authenticator.register(options, origin))
  return passkeys.registration({ response, challenge, origin, rpId, ...change })
}

async function makePerson() {
  const authenticator = new SoftwareAuthenticator()
  return { authenticator, passkey: mustBe(await register(authenticator)) }
}

async function signed(authenticator: SoftwareAuthenticator, passkey: RegisteredPasskey, challenge: string) {
  return authenticator.sign(await assertionOptions({ challenge, rpId, allowed: [passkey.credentialId] }), origin)
}

test('a registered passkey signs, its counter moves on, and the options say what is asked', async () => {
  const { authenticator, passkey } = await makePerson()
  assert.equal(passkey.software, true)
  assert.equal(passkey.counter, 0)
  let counter = passkey.counter
  for (const want of [1, 2, 3]) {
    const challenge = newChallenge()
    const response = overTheWire(await signed(authenticator, passkey, challenge))
    counter = mustBe(await passkeys.assertion({ ...passkey, counter, response, challenge, origin, rpId })).counter
    assert.equal(counter, want)
  }
})

test('options carry the challenge as it is', async () => {
  const challenge = newChallenge()
  const creation = await registrationOptions({ challenge, rpId, rpName, user, known: ['AAAA'] })
  assert.equal(creation.challenge, challenge)
  assert.equal(creation.attestation, 'none')
  assert.deepEqual(creation.authenticatorSelection?.userVerification, 'required')
  assert.deepEqual(creation.authenticatorSelection?.residentKey, 'preferred')
  assert.deepEqual(
    creation.excludeCredentials?.map(({ id }) => id),
    ['AAAA'],
  )
  assert.equal(Buffer.from(creation.user.id, 'base64url').toString(), 'idn_01')
  const request = await assertionOptions({ challenge, rpId, allowed: ['AAAA', 'BBBB'] })
  assert.equal(request.challenge, challenge)
  assert.equal(request.userVerification, 'required')
  assert.deepEqual(
    request.allowCredentials?.map(({ id }) => id),
    ['AAAA', 'BBBB'],
  )
  assert.equal((await assertionOptions({ challenge, rpId, allowed: [] })).allowCredentials, undefined)
  for (const bad of ['', 'short', 'not base64url!', 'a+b/'.repeat(10)])
    await assert.rejects(async () => assertionOptions({ challenge: bad, rpId, allowed: [] }))
})

const wrongRegistrations: readonly { says: string; change: Partial<Expected> }[] = [
  { says: 'another challenge', change: { challenge: newChallenge() } },
  { says: 'another origin', change: { origin: 'http://localhost:7002' } },
  { says: 'the same host over https', change: { origin: 'https://localhost:7001' } },
  { says: 'another site', change: { rpId: 'remit.example' } },
  { says: 'nothing', change: { response: {} } },
  {
    says: 'noise',
    change: {
      response: overTheWire({
        id: 'AAAA',
        rawId: 'AAAA',
        type: 'public-key',
        response: { clientDataJSON: 'AAAA', attestationObject: 'AAAA' },
      }),
    },
  },
]
for (const { says, change } of wrongRegistrations)
  test(`registration refused: ${says}`, async () => {
    assert.deepEqual(await register(new SoftwareAuthenticator(), change), refused)
  })

test('registration refused: the user was not verified', async () => {
  const authenticator = new SoftwareAuthenticator()
  authenticator.userVerified = false
  assert.deepEqual(await register(authenticator), refused)
})

const spoiltRegistrations: readonly {
  says: string
  spoil: (answer: ReturnType<SoftwareAuthenticator['register']>) => object
  detail?: string
}[] = [
  { says: 'a credential id of somebody else', spoil: (answer) => ({ ...answer, id: 'AAAA', rawId: 'AAAA' }) },
  { says: 'an id that differs from its raw id', spoil: (answer) => ({ ...answer, rawId: 'AAAA' }) },
  { says: 'another type', spoil: (answer) => ({ ...answer, type: 'password' }) },
  { says: 'a framed page', spoil: (answer) => withClient(answer, (client) => ({ ...client, crossOrigin: true })) },
  {
    says: 'a framed page that names its frame',
    spoil: (answer) => withClient(answer, (client) => ({ ...client, crossOrigin: true, topOrigin: 'https://evil.example' })),
  },
  {
    says: 'an assertion in place of a registration',
    spoil: (answer) => withClient(answer, (client) => ({ ...client, type: 'webauthn.get' })),
  },
  {
    says: 'an attestation with certificates',
    detail: 'register without attestation',
    spoil: (answer) => ({
      ...answer,
      response: { ...answer.response, attestationObject: packedWithCertificates(answer.response.attestationObject) },
    }),
  },
  {
    says: 'an attestation of a vendor',
    detail: 'register without attestation',
    spoil: (answer) => ({
      ...answer,
      response: { ...answer.response, attestationObject: renamed(answer.response.attestationObject, 'none', 'appl') },
    }),
  },
  {
    says: 'a cut attestation',
    spoil: (answer) => ({
      ...answer,
      response: { ...answer.response, attestationObject: answer.response.attestationObject.slice(0, 100) },
    }),
  },
]
for (const { says, spoil, detail } of spoiltRegistrations)
  test(`registration refused: ${says}`, async () => {
    const challenge = newChallenge()
    const answer = new SoftwareAuthenticator().register(await registrationOptions({ challenge, rpId, rpName, user, known: [] }), origin)
    mustBe(await passkeys.registration({ response: overTheWire(answer), challenge, origin, rpId }))
    const answered = await passkeys.registration({ response: overTheWire(spoil(answer)), challenge, origin, rpId })
    assert.equal(answered.ok, false)
    assert.deepEqual(answered.refusal, { code: 'passkey.refused', ...(detail === undefined ? {} : { detail }) })
  })

interface Signed {
  readonly response: { readonly clientDataJSON: string }
}

/** What the browser wrote, with members changed: the signature, where there is one, no longer fits. */
function withClient(answer: Signed, change: (client: JsonObject) => object): object {
  const client = mustBe(parseJson(Buffer.from(answer.response.clientDataJSON, 'base64url')))
  assert.ok(isJsonObject(client))
  const clientDataJSON = Buffer.from(JSON.stringify(change(client))).toString('base64url')
  return { ...answer, response: { ...answer.response, clientDataJSON } }
}

/** `none` and another four letters take the same place in CBOR. */
function renamed(attestation: string, from: string, to: string): string {
  return Buffer.from(Buffer.from(attestation, 'base64url').toString('latin1').replace(from, to), 'latin1').toString('base64url')
}

function packedWithCertificates(attestation: string): string {
  const text = Buffer.from(attestation, 'base64url').toString('latin1')
  // The format `packed` (six letters), and a statement { x5c: [h''] } in place of the empty map.
  const packed = text.replace('dnone', 'fpacked').replace('gattStmt\xa0', 'gattStmt\xa1cx5c\x81@')
  return Buffer.from(packed, 'latin1').toString('base64url')
}

const wrongAssertions: readonly { says: string; change: Partial<Expected & RegisteredPasskey> }[] = [
  { says: 'another challenge (of another action)', change: { challenge: newChallenge() } },
  { says: 'another origin', change: { origin: 'https://localhost:7001' } },
  { says: 'another site', change: { rpId: 'remit.example' } },
  { says: 'a counter that was seen before', change: { counter: 1 } },
  { says: 'a counter that lies behind', change: { counter: 7 } },
  { says: 'another passkey’s name', change: { credentialId: 'AAAA' } },
  { says: 'a key that is none', change: { publicKey: 'AAAA' } },
  { says: 'nothing', change: { response: {} } },
]
for (const { says, change } of wrongAssertions)
  test(`assertion refused: ${says}`, async () => {
    const { authenticator, passkey } = await makePerson()
    const challenge = newChallenge()
    const response = overTheWire(await signed(authenticator, passkey, challenge))
    const input = { ...passkey, response, challenge, origin, rpId }
    mustBe(await passkeys.assertion(input))
    assert.deepEqual(await passkeys.assertion({ ...input, ...change }), refused)
  })

test('assertion refused: the user was not verified', async () => {
  const { authenticator, passkey } = await makePerson()
  authenticator.userVerified = false
  const challenge = newChallenge()
  const response = overTheWire(await signed(authenticator, passkey, challenge))
  assert.deepEqual(await passkeys.assertion({ ...passkey, response, challenge, origin, rpId }), refused)
})

test('assertion refused: the key of another passkey', async () => {
  const { authenticator, passkey } = await makePerson()
  const other = mustBe(await register(new SoftwareAuthenticator()))
  const challenge = newChallenge()
  const response = overTheWire(await signed(authenticator, passkey, challenge))
  assert.deepEqual(await passkeys.assertion({ ...passkey, publicKey: other.publicKey, response, challenge, origin, rpId }), refused)
})

test('assertion refused: the signature of another answer, or any other part of it', async () => {
  const { authenticator, passkey } = await makePerson()
  const challenge = newChallenge()
  const earlier = await signed(authenticator, passkey, newChallenge())
  const answer = await signed(authenticator, passkey, challenge)
  const swaps: readonly object[] = [
    { signature: earlier.response.signature },
    { authenticatorData: earlier.response.authenticatorData },
    { clientDataJSON: earlier.response.clientDataJSON },
    { signature: answer.response.signature.slice(0, -4) },
    { signature: 'AAAA' },
  ]
  const input = { ...passkey, challenge, origin, rpId }
  mustBe(await passkeys.assertion({ ...input, response: overTheWire(answer) }))
  for (const swap of swaps)
    assert.deepEqual(
      await passkeys.assertion({ ...input, response: overTheWire({ ...answer, response: { ...answer.response, ...swap } }) }),
      refused,
    )
  const renamedChallenge = withClient(earlier, (client) => ({ ...client, challenge }))
  assert.deepEqual(await passkeys.assertion({ ...input, response: overTheWire(renamedChallenge) }), refused)
})

test('assertion refused: what a browser wrote can be read in two ways, even when it was signed so', async () => {
  const { authenticator, passkey } = await makePerson()
  const challenge = newChallenge()
  const stringify = JSON.stringify
  // The authenticator signs whatever its client hands it: here a client that names the challenge twice.
  JSON.stringify = ((value: object) => stringify(value).replace('{', '{"challenge":"AAAA",')) as typeof stringify
  const answer = await signed(authenticator, passkey, challenge).finally(() => {
    JSON.stringify = stringify
  })
  assert.deepEqual(await passkeys.assertion({ ...passkey, response: overTheWire(answer), challenge, origin, rpId }), refused)
})

test('outside a demo folder software passkeys neither register nor sign', async () => {
  const strict = makePasskeys({ acceptSoftware: false })
  const { authenticator, passkey } = await makePerson()
  const challenge = newChallenge()
  const registered = new SoftwareAuthenticator().register(await registrationOptions({ challenge, rpId, rpName, user, known: [] }), origin)
  const registration = await strict.registration({ response: overTheWire(registered), challenge, origin, rpId })
  const input = { ...passkey, response: overTheWire(await signed(authenticator, passkey, challenge)), challenge, origin, rpId }
  for (const answered of [registration, await strict.assertion(input)]) {
    assert.equal(answered.ok, false)
    assert.equal(answered.refusal.code, 'passkey.refused')
  }
  mustBe(await strict.assertion({ ...input, software: false }))
  // A caller that does not say which kind it is gets a no.
  assert.equal((await strict.assertion(withoutKind(input))).ok, false)
})

/** What a caller without types could pass. */
function withoutKind(input: Expected & RegisteredPasskey): Expected & RegisteredPasskey {
  const { software: _, ...unsaid } = input
  return unsaid as Expected & RegisteredPasskey
}
