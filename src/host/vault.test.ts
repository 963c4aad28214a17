import assert from 'node:assert/strict'
import { createCipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { mustBe } from '../kernel/result.ts'
import { reveal, Secret } from '../kernel/secret.ts'
import { masterKeyCheck, masterKeyId } from './master-key.ts'
import { makeVault, type SealedPlace } from './vault.ts'

const place: SealedPlace = { space: 'main', service: 'shop', origin: 'https://shop.example:8443', use: 'value' }
const key = createSecretKey(randomBytes(32))
const vault = makeVault({ primary: key })
const refused = { ok: false, refusal: { code: 'upstream.credential' } }

test('what was sealed opens in the same place, and no two seals are alike', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const sealed = vault.seal(new Secret(text), place)
      assert.equal(reveal(mustBe(vault.open(sealed, place))), text)
      assert.notEqual(sealed, vault.seal(new Secret(text), place))
    }),
  )
})

const elsewhere: readonly Partial<SealedPlace>[] = [
  { origin: 'https://shop.example' },
  { origin: 'http://shop.example:8443' },
  { origin: 'https://shop.example:8443/' },
  { origin: 'https://evil.example:8443' },
  { origin: '' },
  { service: 'shop-admin' },
  { service: '' },
  { space: 'plant' },
  { use: 'reference' },
  // The same letters, cut at another place.
  { service: 'sho', origin: 'phttps://shop.example:8443' },
]
for (const moved of elsewhere)
  test(`moved to ${JSON.stringify(moved)} it does not open`, () => {
    assert.deepEqual(vault.open(vault.seal(new Secret('key-1'), place), { ...place, ...moved }), refused)
  })

test('with any one bit flipped, or cut anywhere, it does not open and says nothing', () => {
  const sealed = Buffer.from(vault.seal(new Secret('key-1'), place))
  for (let bit = 0; bit < sealed.byteLength * 8; bit += 1) {
    const flipped = Buffer.from(sealed)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    assert.deepEqual(vault.open(flipped.toString('latin1'), place), refused, `bit ${bit}`)
  }
  for (let length = 0; length < sealed.byteLength; length += 1)
    assert.equal(vault.open(sealed.subarray(0, length).toString(), place).ok, false, `${length} characters`)
})

test('another master key does not open it', () => {
  const sealed = vault.seal(new Secret('key-1'), place)
  assert.deepEqual(makeVault({ primary: createSecretKey(randomBytes(32)) }).open(sealed, place), refused)
})

test('an older key opens what it sealed, and the primary key seals', () => {
  const before = vault.seal(new Secret('key-1'), place)
  const next = createSecretKey(randomBytes(32))
  const both = makeVault({ primary: next, older: [key] })
  assert.equal(reveal(mustBe(both.open(before, place))), 'key-1')
  assert.equal(both.isCurrent(before), false)
  const after = both.seal(mustBe(both.open(before, place)), place)
  assert.equal(both.isCurrent(after), true)
  assert.match(after, new RegExp(`^2\\.${masterKeyId(next)}\\.`))
  assert.equal(reveal(mustBe(makeVault({ primary: next }).open(after, place))), 'key-1')
  assert.deepEqual(vault.open(after, place), refused, 'the old key alone does not')
})

test('a sealed text that names another key does not open under it', () => {
  const other = createSecretKey(randomBytes(32))
  const both = makeVault({ primary: key, older: [other] })
  const sealed = vault.seal(new Secret('key-1'), place)
  assert.deepEqual(both.open(sealed.replace(masterKeyId(key), masterKeyId(other)), place), refused)
})

/** As it was sealed before there were envelopes; the wanted form is written out here. */
function sealFirstForm(master: KeyObject, text: string, origin: string): string {
  const nonce = randomBytes(12)
  const sealing = createCipheriv('aes-256-gcm', master, nonce).setAAD(Buffer.from(`remit upstream secret v1\n${origin}`))
  return Buffer.concat([nonce, sealing.update(text, 'utf8'), sealing.final(), sealing.getAuthTag()]).toString('base64')
}

test('the first form still opens, for its origin, and is to be sealed anew', () => {
  const sealed = sealFirstForm(key, 'key-1', place.origin)
  assert.equal(reveal(mustBe(vault.open(sealed, place))), 'key-1')
  assert.equal(vault.isCurrent(sealed), false)
  assert.deepEqual(vault.open(sealed, { ...place, origin: 'https://evil.example' }), refused)
  assert.deepEqual(vault.open(sealed, { ...place, use: 'reference' }), refused, 'there were no references then')
  assert.equal(reveal(mustBe(makeVault({ primary: createSecretKey(randomBytes(32)), older: [key] }).open(sealed, place))), 'key-1')
})

test('a shorter key makes no vault', () => {
  assert.throws(() => makeVault({ primary: createSecretKey(randomBytes(16)) }))
})

test('id and check of a key are fixed by it, and are not alike', () => {
  const known = createSecretKey(Buffer.alloc(32, 7))
  assert.equal(masterKeyId(known).length, 16)
  assert.equal(masterKeyCheck(known).length, 64)
  assert.equal(masterKeyId(known), masterKeyId(createSecretKey(Buffer.alloc(32, 7))))
  assert.ok(!masterKeyCheck(known).startsWith(masterKeyId(known)))
})
