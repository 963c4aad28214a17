/** Leaves: a pinned commitment, and that neither body nor salt nor leaf can be changed alone. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { mustBe } from '../kernel/result.ts'
import { commit, parseBody, verifyBody, writeBody } from './leaf.ts'

const salt = new Uint8Array(32).fill(7)
const body = writeBody({
  at: 1_700_000_000_000,
  kind: 'grant.approved',
  space: 'main',
  actor: 'ada',
  subject: 'grn_1',
  facts: { uses: 3, by: ['ada'] },
})

test('the text of a body and its leaf, byte for byte', () => {
  const text =
    '{"actor":"ada","at":1700000000000,"facts":{"by":["ada"],"uses":3},"kind":"grant.approved","space":"main","subject":"grn_1","v":1}'
  assert.equal(body, text)
  // By hand: (printf '\7%.0s' $(seq 32); printf '%s' "$text") | sha256sum
  assert.equal(Buffer.from(commit(body, salt)).toString('hex'), '01685ee5a6af4b57ac288377da7a76c8bbe1f5f52236d4b4c76ebd1a58a50be301')
})

test('a leaf fits its own body and salt only', () => {
  const leaf = commit(body, salt)
  assert.ok(verifyBody(leaf, body, salt))
  assert.ok(!verifyBody(leaf, `${body} `, salt))
  assert.ok(!verifyBody(leaf, body, salt.subarray(1)))
  assert.ok(!verifyBody(leaf.subarray(0, 32), body, salt))
  fc.assert(
    fc.property(fc.nat(32), fc.integer({ min: 1, max: 255 }), (at, change) => {
      assert.ok(
        !verifyBody(
          leaf.map((byte, place) => (place === at ? byte ^ change : byte)),
          body,
          salt,
        ),
      )
      assert.ok(
        !verifyBody(
          leaf,
          body,
          salt.map((byte, place) => (place === at % 32 ? byte ^ change : byte)),
        ),
      )
    }),
  )
})

test('a salt of another length is a bug', () => assert.throws(() => commit(body, new Uint8Array(31))))

test('a body is read back as it was written', () => {
  assert.deepEqual(writeBody(mustBe(parseBody(body))), body)
})

const refused: readonly (readonly [says: string, text: string])[] = [
  ['no JSON', '{'],
  ['no object', '[]'],
  ['white space', body.replace(':', ': ')],
  ['another order of members', `{"at":1,"actor":"ada","facts":{},"kind":"k","space":"main","subject":"s","v":1}`],
  ['an unknown member', body.replace('{"actor"', '{"a":1,"actor"')],
  ['a missing member', body.replace('"space":"main",', '')],
  ['another version', body.replace('"v":1', '"v":2')],
  ['an actor that is no text', body.replace('"ada","at"', '1,"at"')],
  ['facts that are no object', body.replace('{"by":["ada"],"uses":3}', '[]')],
]

for (const [says, text] of refused) {
  test(`no body: ${says}`, () => {
    const result = parseBody(text)
    assert.ok(!result.ok && result.refusal.code === 'ledger.malformed')
  })
}
