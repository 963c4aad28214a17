/** The quick reader against the strict one: what it answers is what that one reads, and whatever has two readings it leaves alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, type JsonValue, parseJson } from './json.ts'
import { parsePlainJson } from './parse-plain-json.ts'

const depthMax = 8
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

const notPlain: readonly { readonly says: string; readonly text: string }[] = [
  { says: 'a key twice', text: '{"a":1,"a":2}' },
  { says: 'a key twice with one value', text: '{"a":1,"a":1}' },
  { says: 'a key twice, further down', text: '{"a":[{"b":1,"b":2}]}' },
  { says: '__proto__ twice', text: '{"__proto__":1,"__proto__":2}' },
  { says: 'an escape', text: '"\\u0041"' },
  { says: 'an escaped lone surrogate', text: '"\\ud800"' },
  { says: 'an escape that need not be one', text: '"\\/"' },
  { says: 'what may be the beginning of such an escape', text: '"\\\\u0041"' },
  { says: 'a key twice, once escaped', text: '{"\\n":1,"\\u000a":2}' },
  { says: 'a lone surrogate', text: '"\ud800"' },
  { says: 'a fraction', text: '{"a":0.5}' },
  { says: 'a fraction that is whole', text: '[1.0]' },
  { says: 'an exponent', text: '[1e3]' },
  { says: 'an exponent that is written again the same', text: '[1e+21]' },
  { says: 'minus nothing', text: '[-0]' },
  { says: 'an integer that is rounded', text: '[9007199254740993]' },
  { says: 'an integer that is written again the same, and may have been rounded', text: '[9007199254740992]' },
  { says: 'an integer beyond 64 bits', text: '[123456789012345678901234567890]' },
  { says: 'white space', text: '{"a": 1}' },
  { says: 'white space at the end', text: '{"a":1}\n' },
  { says: 'a byte order mark', text: '\ufeff{"a":1}' },
  { says: 'a key that is a number, which comes first elsewhere', text: '{"b":1,"2":1}' },
  { says: 'more depth than there may be', text: deep(depthMax + 1) },
  { says: 'a control character', text: '"\u0007"' },
  { says: 'data after the end', text: '{} {}' },
  { says: 'an end that is missing', text: '{"a":1' },
  { says: 'nothing', text: '' },
]

for (const { says, text } of notPlain) test(`leaves alone: ${says}`, () => assert.equal(parsePlainJson(text, depthMax), undefined))

const plain = [
  '{"a":[1,-2,true,null,"x"],"b":{"c":{}}}',
  '{"constructor":"x","toString":1}',
  '{"__proto__":{"a":1}}',
  '"ü€😀\u2028"',
  '{"\\n\\"\\\\\\t":"\\b\\f\\r"}',
  '[9007199254740991,-9007199254740991]',
  deep(depthMax),
]

for (const text of plain)
  test(`reads ${text.slice(0, 40)}`, () => assert.equal(canonicalOf(parsePlainJson(text, depthMax)), canonicalOf(strict(text))))

test('a member that is named as its prototype is a member, and gives it none', () => {
  const value = parsePlainJson('{"__proto__":{"a":1}}', depthMax)
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.deepEqual(Object.keys(value ?? {}), ['__proto__'])
})

test('of any text it answers what the strict parser reads, or nothing', () => {
  const whole = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value))
  const pieces = fc
    .array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        '"a"',
        '"b"',
        '"\\n"',
        '"\\u0061"',
        ':',
        ',',
        '1',
        '-0',
        '0.5',
        '1e5',
        '12345678901234567',
        ' ',
        'null',
      ),
      {
        maxLength: 14,
      },
    )
    .map((parts) => parts.join(''))
  const members = fc
    .array(
      fc.tuple(fc.constantFrom('"a"', '"b"', '"__proto__"', '"0"'), fc.constantFrom('1', '"x"', '-0', '1.5', '{}', '9007199254740993')),
      { maxLength: 4 },
    )
    .map((each) => `{${each.map(([key, value]) => `${key}:${value}`).join()}}`)
  let answered = 0
  fc.assert(
    fc.property(fc.oneof(whole, pieces, members), (text) => {
      const quick = parsePlainJson(text, depthMax)
      if (quick === undefined) return
      answered += 1
      assert.equal(canonicalOf(quick), canonicalOf(strict(text)))
    }),
    { numRuns: 3_000 },
  )
  assert.ok(answered > 300)
})

function strict(text: string): JsonValue | undefined {
  const read = parseJson(text, { depthMax })
  return read.ok ? read.value : undefined
}

/** Of `undefined`, nothing that JSON could be. */
function canonicalOf(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : canonicalJson(value)
}
