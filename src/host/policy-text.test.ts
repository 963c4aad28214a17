/** Policy files cut into policies with their places, and the limits before Cedar's parser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { placeIn, policyLimits, slicePolicies } from './policy-text.ts'

const rule = (condition: string) => `permit (principal, action, resource) when { ${condition} };`
const cut = (text: string) => slicePolicies([{ name: 'a.cedar', text }])

test('policies are cut at their semicolons, with the place of each; comments and strings do not count', () => {
  const text = `// a comment; with "quotes\n\n  @id("a;b // \\" ;")\npermit (principal, action, resource); forbid (principal,\r\n action, resource) // why; not\n when { "\n;" == "é" };\n// the end;`
  const { slices, problems } = cut(text)
  assert.deepEqual(problems, [])
  assert.deepEqual(
    slices.map(({ line, column, text }) => [line, column, text.slice(0, 12), text.slice(-4)]),
    [
      [3, 3, '@id("a;b // ', 'ce);'],
      [4, 39, 'forbid (prin', '" };'],
    ],
  )
})

test('what stands after the last semicolon is handed on, so that Cedar can say what is wrong with it', () => {
  assert.deepEqual(
    cut('permit (principal, action, resource)\n').slices.map(({ text }) => text),
    ['permit (principal, action, resource)'],
  )
  assert.deepEqual(cut('').slices, [])
  assert.deepEqual(
    cut('; ;').slices.map(({ text }) => text),
    [';', ';'],
  )
  assert.deepEqual(cut('@id("never closed) permit; permit').slices.length, 1)
})

test('a byte offset becomes line and column of the file, in characters', () => {
  const [, slice] = cut('permit;\n  @id("é😀")\npermit (réal, x);').slices
  assert.ok(slice)
  const offset = (of: string) => Buffer.byteLength(slice.text.slice(0, slice.text.indexOf(of)))
  assert.deepEqual(placeIn(slice, 0), { line: 2, column: 3 })
  assert.deepEqual(placeIn(slice, offset(')')), { line: 2, column: 12 })
  assert.deepEqual(placeIn(slice, offset('x')), { line: 3, column: 15 })
})

const long = (count: number, term: string, by: string) => Array.from({ length: count }, () => term).join(by)
const terms = policyLimits.termsMax
const deep = policyLimits.nestingMax

const limits: readonly (readonly [says: string, text: string, refused: RegExp | undefined])[] = [
  ['256 terms of ||', rule(long(terms, 'context.a == 1', ' || ')), undefined],
  ['257 terms of ||', rule(long(terms + 1, 'context.a == 1', ' || ')), /a chain has more than 256 terms/],
  ['257 terms of && and ||', rule(`${long(200, 'a', '&&')}||${long(57, 'a', '&&')}`), /a chain/],
  ['256 summands', rule(`${long(terms, '1', '+')} > 0`), undefined],
  ['257 summands', rule(`${long(terms + 1, '1', ' - ')} > 0`), /a chain/],
  ['257 steps of attributes', rule(`context${'.a'.repeat(terms)}`), /a chain/],
  ['257 steps in brackets', rule(`context${'["a"]'.repeat(terms)}`), /a chain/],
  ['257 conditions after each other', rule(`${'if a then b else '.repeat(terms)} true`), /a chain/],
  ['a set of 1,000 numbers is no chain', rule(`[${long(1_000, '1', ', ')}].contains(1)`), undefined],
  ['300 short sums in a set are no chain', rule(`[${long(300, '1 + 1 + 1', ', ')}].contains(1)`), undefined],
  ['|| within a string or a comment', rule(`"${'||'.repeat(300)}" == "" // ${'||'.repeat(300)}\n`), undefined],
  ['64 brackets', rule(`${'('.repeat(deep - 1)}true${')'.repeat(deep - 1)}`), undefined],
  ['65 brackets', rule(`${'('.repeat(deep)}true${')'.repeat(deep)}`), /nested deeper than 64/],
  ['65 brackets of all kinds', rule(`${'[{a: ('.repeat(22)}1${')}]'.repeat(22)}`), /nested deeper than 64/],
  ['many brackets, none in another', rule(long(100, '(a)', ' || ')), undefined],
  ['a policy of more than 10 kB', rule(`"${'x'.repeat(10_000)}" == ""`), /larger than 10000 bytes/],
  ['a policy of more than 10 kB in UTF-8', rule(`"${'é'.repeat(5_000)}" == ""`), /larger than 10000 bytes/],
  ['a file of more than 1 MB', '// x\n'.repeat(200_001), /larger than 1000000 bytes/],
]

for (const [says, text, refused] of limits) {
  test(`${says}: ${refused === undefined ? 'taken' : 'refused'}`, () => {
    const { slices, problems } = cut(`\n${text}`)
    if (refused === undefined) assert.deepEqual(problems, [])
    else assert.match(problems[0]?.message ?? 'taken', refused)
    if (refused !== undefined) assert.deepEqual(slices, [])
  })
}

for (const [says, text] of [
  ['one string', `"${'x'.repeat(999_000)}`],
  ['one string of escapes', `"${'\\"'.repeat(499_000)}`],
  ['brackets', '('.repeat(999_000)],
  ['semicolons', ';'.repeat(99_000)],
] as const) {
  test(`a file full of ${says} is cut in linear time`, () => {
    // Of this process, whatever else the machine does; quadratic it would be minutes.
    const before = process.cpuUsage()
    const { slices, problems } = cut(text)
    const { user } = process.cpuUsage(before)
    assert.ok(user < 5_000_000, `${user} microseconds`)
    assert.equal(slices.length + problems.length, says === 'semicolons' ? policyLimits.policiesMax + 1 : 1)
  })
}

test('our cut is the cut that Cedar makes', () => {
  const piece = fc.constantFrom(
    'permit (principal, action, resource);',
    '@id("a;")',
    '"b\\";"',
    '// c ;\n',
    'when { ";" == "//" }',
    'forbid (principal, action, resource)',
    ';',
    '\n',
    ' ',
    '{',
    '}',
  )
  let read = 0
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join(' ')
      const parts = cedar.policySetTextToParts(text)
      if (parts.type === 'failure') return
      read += 1
      assert.equal(cut(text).slices.length, parts.policies.length)
      for (const slice of cut(text).slices) assert.equal(cedar.policyToJson(slice.text).type, 'success', text)
    }),
    { numRuns: 2_000 },
  )
  assert.ok(read > 30)
})
