/** Narrowing: whatever is asked for, what is left is within what was there. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Grant, Narrowing } from '../model/grants.ts'
import { narrow } from './narrow.ts'

const grant: Grant = {
  id: 'grn_0',
  space: 'main',
  chain: [],
  task: { kind: 'incident', statement: '', claimed: [], proved: [] },
  scope: [
    { resource: 'shop/one', uses: 5 },
    { resource: 'shop/two' },
    { resource: 'shop/three', arguments: { a: { atMost: 5 } }, uses: 1 },
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
  const any = fc.record(
    {
      duration: fc.oneof(fc.integer({ min: -5, max: 1_200 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0.5, 1_000)),
      lines: fc.array(fc.oneof(fc.integer({ min: -1, max: 4 }), fc.constant(0.5)), { maxLength: 4 }),
      uses: fc.dictionary(
        fc.constantFrom('0', '1', '2', '3', '00', ' 1', '', '1e0', '-0', 'length'),
        fc.oneof(fc.integer({ min: -1, max: 7 }), fc.constantFrom(0.5, Number.NaN)),
      ),
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
          const fewer = narrowing.uses?.[String(line)]
          assert.deepEqual(after, fewer === undefined ? before : { ...before, uses: fewer })
          assert.ok((after?.uses ?? Number.POSITIVE_INFINITY) <= (before?.uses ?? Number.POSITIVE_INFINITY))
        }
        // Whoever signed saw these lines: none of them may have been passed over.
        for (const line of Object.keys(narrowing.uses ?? {})) assert.ok(kept.map(String).includes(line), `"${line}"`)
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
