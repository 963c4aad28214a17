/** Long arguments that are hashed late: what a journal keeps of them is to the byte what it would have been at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../kernel/json.ts'
import { lateArguments } from './late-arguments.ts'
import { recordedArguments } from './recorded-arguments.ts'

const long = fc
  .tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), fc.integer({ min: 65_536, max: 400_000 }))
  .map(([piece, length]) => piece.repeat(Math.ceil(length / piece.length)))

test('however much was made before, what is kept is what would have been kept at once', () => {
  const given = fc.record({ text: long, more: fc.oneof(fc.string(), long), tags: fc.array(fc.string(), { maxLength: 5 }), size: fc.nat() })
  fc.assert(
    fc.property(given, fc.nat(12), (values, steps) => {
      const late = lateArguments(values)
      assert.ok(late !== undefined)
      const draft = canonicalJson(late.draft)
      for (let step = 0; step < steps; step += 1) late.step()
      const kept = canonicalJson(late.whole())
      assert.equal(kept, canonicalJson(recordedArguments(values)))
      // What is put aside for the line is room enough.
      assert.ok(Buffer.byteLength(draft) >= Buffer.byteLength(kept))
    }),
    { numRuns: 40 },
  )
})

test('its work ends', () => {
  const late = lateArguments({ text: 'é"\n'.repeat(100_000), size: 3 })
  let steps = 0
  while (late?.step() === false) steps += 1
  assert.ok(steps > 2 && steps < 20, `${steps}`)
})

test('what is short is not put off', () => assert.equal(lateArguments({ text: 'y'.repeat(60_000), tags: ['a'] }), undefined))

test('half a character is refused before anything is put off', () =>
  assert.throws(() => lateArguments({ text: `${'y'.repeat(70_000)}\ud800` })))
