/** Comparing values of JSON, against comparing their canonical texts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, Fraction, type JsonValue, parseJson } from './json.ts'
import { mustBe } from './result.ts'
import { isSameJson } from './same-json.ts'

test('two values are the same where their canonical texts are', () => {
  const few = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, true, 0, -0, 7, '', 'a', 2n ** 60n, undefined),
      fc.constantFrom('1.0', '1e2').map((text) => new Fraction(text)),
      fc.array(
        tie('any').filter((each) => each !== undefined),
        { maxLength: 2 },
      ),
      fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('any'), { maxKeys: 3 }),
    ),
  })).any
  const some = few.filter((each) => each !== undefined)
  let same = 0
  fc.assert(
    fc.property(some, some, (left, right) => {
      const isSame = canonicalJson(left) === canonicalJson(right)
      if (isSame) same += 1
      assert.equal(isSameJson(left, right), isSame)
      assert.ok(isSameJson(left, structuredCopy(left)))
    }),
    { numRuns: 2_000 },
  )
  assert.ok(same > 20)
})

/** The same read anew: members in another order, and without those that are undefined. */
function structuredCopy(value: unknown): JsonValue {
  return mustBe(parseJson(canonicalJson(value)))
}
