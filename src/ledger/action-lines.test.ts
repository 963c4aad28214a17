/** The lines of an action, held against the general way to write a line. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type DecisionEntry, type OutcomeEntry, writeDecision, writeOutcome } from './action-lines.ts'
import { writeLine } from './journal-format.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const id = <P extends string>(prefix: P) => fc.constantFrom<`${P}_${string}`[]>(`${prefix}_01J8Z`, `${prefix}_01J90`)
const perhaps = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined })

const decisions: fc.Arbitrary<DecisionEntry> = fc.record({
  address: text,
  arguments: fc.dictionary(
    text,
    fc.oneof(text, fc.boolean(), fc.integer(), fc.bigInt({ max: 2n ** 63n - 1n, min: -(2n ** 63n) }), fc.array(text)),
  ),
  at: count,
  because: perhaps(fc.array(text)),
  chain: fc.array(id('idn')),
  decision: id('dec'),
  definition: fc.option(fc.string(), { nil: undefined }),
  detail: perhaps(text),
  digest: perhaps(text),
  duties: perhaps(fc.array(text)),
  effect: text,
  exception: perhaps(id('exc')),
  grant: perhaps(id('grn')),
  hold: perhaps(id('hld')),
  line: perhaps(count),
  outcome: fc.constantFrom('allow', 'deny', 'held'),
  policies: perhaps(fc.array(text)),
  protocol: text,
  provenance: perhaps(fc.dictionary(text, text)),
  refusal: perhaps(text),
  resource: text,
  session: perhaps(id('ses')),
  target: text,
  task: perhaps(text),
  tier: count,
  verb: text,
  version: count,
})

const outcomes: fc.Arbitrary<OutcomeEntry> = fc.record({
  at: count,
  bodySha256: perhaps(text),
  decision: id('dec'),
  frameSha256: perhaps(text),
  milliseconds: count,
  reason: perhaps(text),
  requestBytes: count,
  responseBytes: count,
  result: text,
  says: fc.constantFrom(undefined, 'error'),
  status: perhaps(count),
})

test('a decision is written as any line is', () => {
  fc.assert(
    fc.property(fc.nat(), decisions, (n, entry) => {
      assert.equal(writeDecision(n, entry), writeLine(n, { ...entry, type: 'decision' }))
    }),
    { numRuns: 2_000 },
  )
})

test('an outcome is written as any line is', () => {
  fc.assert(
    fc.property(fc.nat(), outcomes, (n, entry) => {
      assert.equal(writeOutcome(n, entry), writeLine(n, { ...entry, type: 'outcome' }))
    }),
    { numRuns: 2_000 },
  )
})
