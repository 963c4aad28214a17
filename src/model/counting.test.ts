/** Counting against a reading that keeps everything: no stretch of time has too many, no sum is rounded, nothing comes back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fraction } from '../kernel/json.ts'
import type { ArgumentValue } from './actions.ts'
import { amountOf, countOne, type Counted, decimalText, nothingCounted, shortage, takesNoMore } from './counting.ts'
import type { ScopeEntry } from './grants.ts'

describe('a rate', () => {
  test('never lets more than its number through in any stretch of its length, and none waits longer than a slot more', () => {
    const steps = fc.array(fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(200_000)), { minLength: 1, maxLength: 120 })
    const rates = fc.record({ atMost: fc.integer({ min: 1, max: 12 }), window: fc.constantFrom(1_000, 7_000, 60_000, 86_400_000) })
    fc.assert(
      fc.property(rates, fc.nat(1_000_000), steps, (rate, begin, waits) => {
        const entry: ScopeEntry = { resource: 'shop/one', rate }
        const through: number[] = []
        let counted: Counted = nothingCounted
        let now = begin
        for (const wait of waits) {
          now += wait
          const exact = through.filter((at) => at + rate.window > now).length
          const short = shortage(entry, counted, 0n, now)
          if (exact >= rate.atMost) assert.notEqual(short, undefined, 'one too many')
          if (short === undefined) {
            counted = countOne(entry, counted, 0n, now)
            through.push(now)
          } else {
            const slot = Math.ceil(rate.window / 32)
            const late = through.filter((at) => at + rate.window + slot > now).length
            assert.ok(late >= rate.atMost, 'held back for nothing')
            const [, seconds = ''] = /(\d+)s$/.exec(short.detail ?? '') ?? []
            assert.equal(shortage(entry, counted, 0n, now + Number(seconds) * 1_000), undefined, 'a wait that was not enough')
          }
          assert.ok((counted.recent ?? []).length <= 34, 'it grows')
        }
        for (const at of through) assert.ok(through.filter((other) => other >= at && other < at + rate.window).length <= rate.atMost)
      }),
      { numRuns: 500 },
    )
  })

  test('of many in a long time keeps a fixed number of figures', () => {
    const entry: ScopeEntry = { resource: 'shop/one', rate: { atMost: 100_000, window: 86_400_000 } }
    let counted: Counted = nothingCounted
    for (let now = 0; now < 90_000_000; now += 30_000) counted = countOne(entry, counted, 0n, now)
    assert.ok((counted.recent ?? []).length <= 34)
  })

  test('never ends a grant: it only makes wait', () => {
    const entry: ScopeEntry = { resource: 'shop/one', rate: { atMost: 1, window: 1_000 } }
    assert.equal(takesNoMore(entry, countOne(entry, nothingCounted, 0n, 5)), false)
  })
})

describe('a sum', () => {
  const entry: ScopeEntry = { resource: 'shop/refund', sum: { argument: 'amount', atMost: 1_000 } }
  const amount = fc.oneof<fc.Arbitrary<ArgumentValue>[]>(
    fc.integer({ min: -2_000, max: 2_000 }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc
      .tuple(fc.integer({ min: -99, max: 400 }), fc.stringMatching(/^\d{1,4}$/))
      .map(([whole, digits]) => new Fraction(`${whole}.${digits}`)),
    fc.constantFrom(new Fraction('0.1'), new Fraction('0.2'), new Fraction('-0'), new Fraction('-0.5')),
  )
  const exact = (value: ArgumentValue): bigint => {
    const [whole = '', digits = ''] = (value instanceof Fraction ? value.text : String(value)).split('.')
    return BigInt(`${whole}${digits.padEnd(4, '0')}`)
  }

  test('is exact, never beyond its limit, and never less than it was', () => {
    fc.assert(
      fc.property(fc.array(amount, { maxLength: 40 }), (amounts) => {
        let counted: Counted = nothingCounted
        let sum = 0n
        for (const value of amounts) {
          const more = amountOf(entry, { amount: value })
          assert.ok(more !== undefined)
          assert.equal(more, exact(value) > 0n ? exact(value) : 0n)
          if (shortage(entry, counted, more, 0) !== undefined) {
            assert.ok(sum + more > 10_000_000n || sum === 10_000_000n)
            continue
          }
          counted = countOne(entry, counted, more, 0)
          sum += more
          assert.equal(BigInt(counted.sum ?? -1), sum)
          assert.ok(sum <= 10_000_000n)
        }
        assert.equal(takesNoMore(entry, counted), sum === 10_000_000n)
      }),
      { numRuns: 2_000 },
    )
  })

  test('of 0.1 and 0.2 is 0.3', () => {
    const tenths = ['0.1', '0.2'].map((text) => amountOf(entry, { amount: new Fraction(text) }) ?? 0n)
    const counted = tenths.reduce<Counted>((so, more) => countOne(entry, so, more, 0), nothingCounted)
    assert.equal(decimalText(counted.sum ?? 0), '0.3')
    assert.deepEqual([0, 1, 10_000, 1_205_000, 9_000_000_000_000_000].map(decimalText), ['0', '0.0001', '1', '120.5', '900000000000'])
  })

  const none: Record<string, ArgumentValue> = {
    'a text': '5',
    'a list': ['5'],
    'yes or no': true,
    'five digits after the point': new Fraction('1.00001'),
    'an exponent': new Fraction('1e2'),
  }
  for (const [says, value] of Object.entries(none))
    test(`of ${says} is no sum`, () => assert.equal(amountOf(entry, { amount: value }), undefined))

  test('of an argument that only the language knows is no sum', () => {
    for (const argument of ['constructor', '__proto__', 'toString'])
      assert.equal(amountOf({ resource: 'shop/refund', sum: { argument, atMost: 5 } }, {}), undefined)
  })
})

test('counting beyond a limit is a bug, and throws', () => {
  const entry: ScopeEntry = { resource: 'shop/one', uses: 1 }
  assert.throws(() => countOne(entry, { spent: 1 }, 0n, 0), /beyond/)
})
