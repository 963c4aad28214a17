/** Long arguments in a journal: named by their hash, so that no line grows beyond what a reader of journals takes. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, isJsonObject, parseJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { lineBytesMax } from '../ledger/journal-format.ts'
import { recordedArguments } from './recorded-arguments.ts'

test('what is short is kept as it is', () => {
  const given = { service: 'checkout', count: 3, force: true, tags: ['a', 'b'], long: 'x'.repeat(4_000) }
  assert.equal(recordedArguments(given), given)
})

test('a long text, and a long list, are known by length, hash and start', () => {
  const [text, tags] = ['ab'.repeat(700_000), Array.from({ length: 5_000 }, (_, place) => `tag-${place}`)]
  const kept = recordedArguments({ text, tags, id: '7' })
  for (const [name, value] of Object.entries({ text, tags })) {
    const whole = canonicalJson(value)
    assert.deepEqual(kept[name], {
      length: whole.length,
      sha256: createHash('sha256').update(whole).digest('hex'),
      start: whole.slice(0, 200),
    })
  }
  assert.equal(kept['id'], '7')
})

test('whatever the arguments are, they can be written down and take less than half of a line', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.nat(3_000).map((times) => '😀"\\\u0001'.repeat(times)),
  )
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.oneof(text, fc.array(text, { maxLength: 20 })), { maxKeys: 40 }),
      (given) => {
        const written = canonicalJson(recordedArguments(given))
        assert.ok(Buffer.byteLength(written) < lineBytesMax / 2, `${Buffer.byteLength(written)}`)
        assert.ok(isJsonObject(mustBe(parseJson(written))))
      },
    ),
    { numRuns: 100 },
  )
})
