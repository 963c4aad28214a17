/** Narrowing: whatever is asked for, what is left is within what was there. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Grant, Narrowing, ScopeEntry } from '../model/grants.ts'
import { narrow } from './narrow.ts'

const grant: Grant = {
  id: 'grn_0',
  space: 'main',
  chain: [],
  task: { kind: 'incident', statement: '', claimed: [], proved: [] },
  scope: [
    { resource: 'shop/one', uses: 5 },
    { resource: 'shop/two' },
    {
      resource: 'shop/three',
      arguments: { a: { atMost: 5 } },
      uses: 1,
      sum: { argument: 'a', atMost: 6 },
      rate: { atMost: 4, window: 1_000 },
    },
  ],
  tier: 1,
  state: 'pending',
  duration: 1_000,
  durationMax: 4_000,
  requirement: { selector: { parts: [] }, personsMin: 1 },
  policies: [],
  digest: 'v1:0',
  idleMax: 100,
  requestedAt: 0,
  pendingUntil: 10,
}

describe('narrowing', () => {
  const byLine = fc.dictionary(
    fc.constantFrom('0', '1', '2', '2', '3', '00', ' 1', '', '1e0', '-0', 'length'),
    fc.oneof(fc.integer({ min: -1, max: 7 }), fc.constantFrom(0.5, Number.NaN)),
    { maxKeys: 2 },
  )
  const any = fc.record(
    {
      duration: fc.oneof(fc.integer({ min: -5, max: 1_200 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0.5, 1_000)),
      lines: fc.array(fc.oneof(fc.integer({ min: -1, max: 4 }), fc.constant(0.5)), { maxLength: 4 }),
      uses: byLine,
      sums: byLine,
      rates: byLine,
    },
    { requiredKeys: [] },
  )

  test('never widens, and takes away exactly what was said', () => {
    fc.assert(
      fc.property(any, (narrowing: Narrowing) => {
        const narrowed = narrow(grant, narrowing)
        if (!narrowed.ok) return assert.equal(narrowed.refusal.code, 'approval.widens')
        const left = narrowed.value
        assert.ok(left.duration > 0 && left.duration <= grant.duration && left.durationMax <= grant.durationMax)
        assert.equal(left.duration, narrowing.duration ?? grant.duration)
        if (narrowing.duration !== undefined) assert.equal(left.durationMax, left.duration, 'an extension must not bring the rest back')
        const kept = (narrowing.lines ?? [0, 1, 2]).toSorted((a, b) => a - b)
        assert.equal(left.scope.length, kept.length)
        for (const [place, line] of kept.entries()) {
          const [before, after] = [grant.scope[line], left.scope[place]]
          const [uses, sum, rate] = [narrowing.uses, narrowing.sums, narrowing.rates].map((limits) => limits?.[String(line)])
          assert.deepEqual(after, {
            ...before,
            ...(uses === undefined ? {} : { uses }),
            ...(sum === undefined ? {} : { sum: { argument: before?.sum?.argument, atMost: sum } }),
            ...(rate === undefined ? {} : { rate: { atMost: rate, window: before?.rate?.window } }),
          })
          for (const of of [
            (entry: ScopeEntry | undefined) => entry?.uses,
            (entry: ScopeEntry | undefined) => entry?.sum?.atMost,
            (entry: ScopeEntry | undefined) => entry?.rate?.atMost,
          ])
            assert.ok((of(after) ?? Number.POSITIVE_INFINITY) <= (of(before) ?? Number.POSITIVE_INFINITY))
        }
        // Whoever signed saw these lines: none of them may have been passed over.
        for (const limits of [narrowing.uses, narrowing.sums, narrowing.rates])
          for (const line of Object.keys(limits ?? {})) assert.ok(kept.map(String).includes(line), `"${line}"`)
        const { duration, durationMax, scope, digest } = left
        assert.deepEqual(
          { ...left, duration: 0, durationMax: 0, scope: [], digest: '' },
          { ...grant, duration: 0, durationMax: 0, scope: [], digest: '' },
        )
        assert.equal(digest === grant.digest, Object.keys(narrowing).length === 0)
        assert.ok(duration <= durationMax && scope.length > 0)
      }),
      { numRuns: 4_000 },
    )
  })

  test('twice is narrower than once, and signed as something else each time', () => {
    const once = narrow(grant, { lines: [0, 2] })
    const twice = once.ok ? narrow(once.value, { lines: [1] }) : once
    assert.deepEqual(twice.ok && twice.value.scope, [grant.scope[2]])
    const other = narrow(grant, { lines: [2] })
    assert.notEqual(twice.ok && twice.value.digest, other.ok && other.value.digest)
  })
})
