import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { mustBe } from '../kernel/result.ts'
import { reveal, Secret } from '../kernel/secret.ts'
import { makeVault } from './vault.ts'

const origin = 'https://shop.example:8443'
const vault = makeVault(createSecretKey(randomBytes(32)))

test('what was sealed opens for the same origin, and no two seals are alike', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const sealed = vault.seal(new Secret(text), origin)
      assert.equal(reveal(mustBe(vault.open(sealed, origin))), text)
      assert.notEqual(sealed, vault.seal(new Secret(text), origin))
    }),
  )
})

for (const elsewhere of ['https://shop.example', 'http://shop.example:8443', 'https://shop.example:8443/', 'https://evil.example:8443', ''])
  test(`moved to ${JSON.stringify(elsewhere)} it does not open`, () => {
    assert.deepEqual(vault.open(vault.seal(new Secret('key-1'), origin), elsewhere), {
      ok: false,
      refusal: { code: 'upstream.credential' },
    })
  })

test('with any one bit flipped, or cut anywhere, it does not open and says nothing', () => {
  const sealed = Buffer.from(vault.seal(new Secret('key-1'), origin), 'base64')
  for (let bit = 0; bit < sealed.byteLength * 8; bit += 1) {
    const flipped = Buffer.from(sealed)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    assert.deepEqual(vault.open(flipped.toString('base64'), origin), { ok: false, refusal: { code: 'upstream.credential' } }, `bit ${bit}`)
  }
  for (let length = 0; length < sealed.byteLength; length += 1)
    assert.equal(vault.open(sealed.subarray(0, length).toString('base64'), origin).ok, false, `${length} bytes`)
})

test('another master key does not open it', () => {
  const sealed = vault.seal(new Secret('key-1'), origin)
  assert.equal(makeVault(createSecretKey(randomBytes(32))).open(sealed, origin).ok, false)
})

test('a shorter key makes no vault', () => {
  assert.throws(() => makeVault(createSecretKey(randomBytes(16))))
})
