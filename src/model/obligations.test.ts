/** Duties as they are written, and which of several is the strictest. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  describeObligations,
  isAtLeastAsDutiful,
  namesOf,
  noObligations,
  type Obligations,
  parseObligations,
  uniteObligations,
} from './obligations.ts'

const taken: Readonly<Record<string, Obligations>> = {
  'record=durable': { evidence: 'durable' },
  'record=written': { evidence: 'written' },
  'answer<=0B': { answerBytesMax: 0 },
  'answer<=64kB': { answerBytesMax: 64_000 },
  'answer<=1MiB': { answerBytesMax: 1_048_576 },
  'answer<=2GB': { answerBytesMax: 2_000_000_000 },
  'time<=30s': { millisecondsMax: 30_000 },
  'time<=1m30s': { millisecondsMax: 90_000 },
  'record=durable, answer<=1MB, time<=30s': { evidence: 'durable', answerBytesMax: 1_000_000, millisecondsMax: 30_000 },
  ' time <= 250ms ,record = written': { evidence: 'written', millisecondsMax: 250 },
}
for (const [text, wanted] of Object.entries(taken))
  test(`"${text}" is taken`, () => {
    const read = parseObligations(text)
    assert.deepEqual(read.ok ? { ...read.value } : read.refusal, wanted)
  })

const refused = [
  '',
  ' ',
  ',',
  'record',
  'record=',
  'record=buffered',
  'record=Durable',
  'record<=durable',
  'record=durable,',
  'answer=1MB',
  'answer<1MB',
  'answer<=1mb',
  'answer<=1',
  'answer<=-1B',
  'answer<=1.5MB',
  'answer<=9999999999999B',
  'time<=0s',
  'time<=30',
  'time=30s',
  'time<=1s time<=2s',
  'mask=email',
  'record=durable, record=durable',
  `record=durable${' '.repeat(10)}x`,
]
for (const text of refused) test(`"${text}" is refused`, () => assert.equal(parseObligations(text).ok, false))

const obligations: fc.Arbitrary<Obligations> = fc
  .record(
    {
      evidence: fc.constantFrom('written' as const, 'durable' as const),
      answerBytesMax: fc.oneof(
        fc.nat(),
        fc.nat(2_000).map((count) => count * 1_000_000),
      ),
      millisecondsMax: fc.integer({ min: 1, max: 9_999_999 }),
    },
    { requiredKeys: [] },
  )
  .map((each) => each)

test('what is described is read as the same', () => {
  fc.assert(
    fc.property(obligations, (each) => {
      if (namesOf(each).length === 0) return assert.equal(describeObligations(each), '')
      const read = parseObligations(describeObligations(each))
      assert.deepEqual(read.ok ? { ...read.value } : read.refusal, { ...each })
    }),
  )
})

test('who does what several demand does what each of them demands, and no more than one of them does', () => {
  fc.assert(
    fc.property(fc.array(obligations, { maxLength: 4 }), (several) => {
      const united = uniteObligations(several)
      for (const each of several) assert.ok(isAtLeastAsDutiful(united, each))
      for (const name of namesOf(united)) assert.ok(several.some((each) => each[name] === united[name]))
      assert.ok(isAtLeastAsDutiful(united, noObligations))
      if (namesOf(united).length > 0) assert.ok(!isAtLeastAsDutiful(noObligations, united))
    }),
  )
})
