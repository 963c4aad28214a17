import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyPoint } from '../../test/world/any-point.ts'
import { factLines, tableLines } from './table.ts'
import { clean, columnsOf, describeInstant, describeSpan, fit, paints } from './text.ts'

const plain = paints(false)

for (const [milliseconds, says] of [
  [0, '0s'],
  [-5_000, '0s'],
  [59_999, '59s'],
  [90_000, '1m30s'],
  [1_800_000, '30m'],
  [5_400_000, '1h30m'],
  [90_061_000, '1d1h'],
] as const) {
  test(`${milliseconds} ms is ${says}`, () => assert.equal(describeSpan(milliseconds), says))
}

test('an instant says how far off it is', () => {
  assert.equal(describeInstant('2026-01-02T10:30:00.000Z', Date.parse('2026-01-02T10:00:00Z')), '2026-01-02 10:30:00Z (in 30m)')
  assert.equal(describeInstant('2026-01-02T09:59:00.000Z', Date.parse('2026-01-02T10:00:00Z')), '2026-01-02 09:59:00Z (1m ago)')
  assert.equal(describeInstant('soon', 0), 'soon')
})

test('nothing that is cleaned can act on a terminal or turn its line', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyPoint }), (text) => {
      assert.doesNotMatch(clean(text), /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069]/)
    }),
  )
  assert.equal(clean('\u001b[31mred'), '\\u001b[31mred')
  assert.equal(clean('yes\u{e0041}\u{ad}\ud800'), 'yes\\u{e0041}\\u00ad\\ud800')
})

test('what is fitted fits, and what fits is left alone', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 40 }), (text, columns) => {
      const fitted = fit(text, columns)
      assert.ok(columnsOf(fitted) <= columns)
      if (columnsOf(text) <= columns) assert.equal(fitted, text)
    }),
  )
})

for (const [text, columns] of [
  ['abc', 3],
  ['日本', 4],
  ['e\u0301', 1],
  ['🔥', 2],
] as const) {
  test(`${JSON.stringify(text)} takes ${columns} columns`, () => assert.equal(columnsOf(text), columns))
}

test('a table shortens what may be shortened, and nothing else', () => {
  const columns = [{ title: 'ID' }, { title: 'WHAT', gives: true }, { title: 'WHY', gives: true }]
  const rows = [
    ['grn_1', 'a very long thing to say', 'short'],
    ['grn_2', 'x', 'another rather long thing'],
  ]
  assert.deepEqual(tableLines(columns, rows, { width: 34, paint: plain }), [
    'ID     WHAT          WHY',
    'grn_1  a very long…  short',
    'grn_2  x             another rath…',
  ])
  assert.deepEqual(
    tableLines(columns, rows, { width: Number.POSITIVE_INFINITY, paint: plain })[1],
    'grn_1  a very long thing to say  short',
  )
})

test('what may not be shortened stays whole, however narrow it is', () => {
  const columns = [{ title: 'ID' }, { title: 'WHAT', gives: true }]
  assert.deepEqual(tableLines(columns, [['grn_0123456789', 'something']], { width: 10, paint: plain })[1], 'grn_0123456789  somet…')
})

test('a table leaves out what may be left out before it shortens anything', () => {
  const columns = [{ title: 'ID' }, { title: 'WHAT', gives: true }, { title: 'WHY', gives: true, drops: true }]
  assert.deepEqual(tableLines(columns, [['grn_1', 'something', 'a reason']], { width: 20, paint: plain }), [
    'ID     WHAT',
    'grn_1  something',
  ])
  assert.deepEqual(tableLines(columns, [['grn_1', 'something', 'a reason']], { width: 26, paint: plain })[1], 'grn_1  something  a reason')
})

test('facts that are not known have no line', () => {
  const lines = factLines(
    [
      ['who', 'bot'],
      ['ticket', undefined],
      ['scope', ['a', 'b']],
      ['answers', []],
    ],
    plain,
  )
  assert.deepEqual(lines, ['  who    bot', '  scope  a', '         b'])
})
