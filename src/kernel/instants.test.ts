/** Lengths of time as people write them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, formatInstant, parseDuration } from './instants.ts'
import { mustBe } from './result.ts'

describe('a length of time', () => {
  const rows: Record<string, number> = {
    '1ms': 1,
    '90s': 90_000,
    '30m': 1_800_000,
    '2h': 7_200_000,
    '1d': 86_400_000,
    '1h30m': 5_400_000,
    '3650d': 315_360_000_000,
    '1m1m': 120_000,
  }
  for (const [text, want] of Object.entries(rows)) test(`${text} is ${want} ms`, () => assert.equal(mustBe(parseDuration(text)), want))
  for (const text of ['', '0s', '5', 'm', '-1m', '1.5h', '1 h', '1H', '3651d', '99999999s', '1h\n', '１h', ' 1h', '1w', '0d0h']) {
    test(`"${text}" is none`, () => {
      const read = parseDuration(text)
      assert.equal(!read.ok && read.refusal.code, 'duration.malformed')
    })
  }

  test('is never longer when read back than it was, and the same in whole seconds below a minute', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 315_360_000_000 }), (milliseconds) => {
        const back = mustBe(parseDuration(formatDuration(milliseconds)))
        assert.ok(back <= milliseconds && back > milliseconds * 0.95 - 1_000, `${milliseconds} ${formatDuration(milliseconds)}`)
        assert.equal(formatDuration(back), formatDuration(milliseconds))
      }),
    )
  })

  test('is said in its two largest units', () => {
    assert.deepEqual([0, 999, 1_000, 61_000, 3_600_000, 90_061_000].map(formatDuration), ['0ms', '999ms', '1s', '1m1s', '1h', '1d1h'])
  })
})

test('an instant is written in UTC with its milliseconds', () => {
  assert.equal(formatInstant(Date.UTC(2030, 0, 2, 3, 4, 5, 6)), '2030-01-02T03:04:05.006Z')
})
