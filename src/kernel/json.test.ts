/** The JSON parser and the canonical text: where they agree with JSON.parse, and every text they must refuse. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { anyPoint } from '../../test/world/any-point.ts'
import { canonicalJson, Fraction, isJsonObject, type JsonValue, parseJson } from './json.ts'
import { mustBe } from './result.ts'

const refused: readonly (readonly [says: string, text: string | Uint8Array, detail: RegExp])[] = [
  ['nothing', '', /ends too early at character 0/],
  ['only white space', ' \n', /ends too early at character 2/],
  ['a duplicate key', '{"a":1,"a":2}', /duplicate key at character 7/],
  ['a duplicate key, once escaped', '{"a":1,"\\u0061":2}', /duplicate key at character 7/],
  ['a duplicate __proto__', '{"__proto__":1,"__proto__":2}', /duplicate key/],
  ['data after the end', '{} {}', /data after the end at character 3/],
  ['a comma at the end of an array', '[1,]', /value is missing at character 3/],
  ['a comma at the end of an object', '{"a":1,}', /key is missing at character 7/],
  ['single quotes', "{'a':1}", /key is missing/],
  ['a bare word', 'undefined', /value is missing/],
  ['half a literal', 'tru', /value is missing/],
  ['a literal with a tail', 'nullx', /data after the end at character 4/],
  ['NaN', 'NaN', /value is missing/],
  ['Infinity', '-Infinity', /value is missing/],
  ['a leading zero', '01', /starts with 0 at character 0/],
  ['a leading zero behind a minus', '-01', /starts with 0/],
  ['a leading plus', '+1', /value is missing/],
  ['a point without digits', '1.', /digit is missing at character 2/],
  ['a point at the start', '.5', /value is missing/],
  ['an exponent without digits', '1e+', /digit is missing/],
  ['a hexadecimal number', '0x10', /data after the end/],
  ['an integer beyond 64 bits', '9223372036854775808', /beyond 64 bits at character 0/],
  ['a negative integer beyond 64 bits', '-9223372036854775809', /beyond 64 bits/],
  ['an integer of many digits', '1'.repeat(4000), /beyond 64 bits/],
  ['a comment', '/* */1', /value is missing/],
  ['a form feed as white space', '\f1', /value is missing/],
  ['a no-break space as white space', '\u00a01', /value is missing/],
  ['a string without an end', '"abc', /ends too early at character 4/],
  ['an escaped string without an end', '"a\\n', /ends too early at character 4/],
  ['a line feed in a string', '"a\nb"', /control character in a string at character 2/],
  ['a NUL in a string', '"\u0000"', /control character/],
  ['a tab after an escape', '"\\n\t"', /control character in a string at character 3/],
  ['an unknown escape', '"\\x41"', /unknown escape at character 1/],
  ['a short \\u', '"\\u12"', /unknown escape/],
  ['a \\u with a sign', '"\\u+123"', /unknown escape/],
  ['an escaped lone high surrogate', '"\\ud800"', /lone surrogate/],
  ['an escaped lone low surrogate', '"x\\udc00"', /lone surrogate/],
  ['escaped surrogates in the wrong order', '"\\udc00\\ud800"', /lone surrogate/],
  ['an escaped lone surrogate in a key', '{"\\ud800":1}', /lone surrogate/],
  ['a raw lone surrogate', '"\u{1f600}ab\ud800"', /not Unicode text at character 5/],
  ['65 arrays', `${'['.repeat(65)}${']'.repeat(65)}`, /more than 64 deep at character 64/],
  ['a million arrays', '['.repeat(1_000_000), /more than 64 deep/],
  ['a missing colon', '{"a" 1}', /colon is missing/],
  ['a missing comma', '[1 2]', /comma or ] is missing/],
  ['a missing comma between members', '{"a":1 "b":2}', /comma or } is missing/],
  ['an array that does not end', '[1', /comma or ] is missing/],
  ['a byte order mark', Buffer.from('\ufeff{}'), /value is missing at byte 0/],
  ['a byte order mark in text', '\ufeff{}', /value is missing at character 0/],
  ['a byte that is not UTF-8', Buffer.from([0x22, 0xc3, 0xa9, 0xff, 0x22]), /not Unicode text at byte 3/],
  ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), /not Unicode text at byte 1/],
  ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), /not Unicode text/],
  ['a character cut off', Buffer.from([0x22, 0xe2, 0x82]), /not Unicode text/],
  ['a flaw behind long characters, by its byte', Buffer.from('["é",]'), /value is missing at byte 6/],
]

for (const [says, text, detail] of refused) {
  test(`refused: ${says}`, () => {
    const result = parseJson(text)
    assert.ok(!result.ok)
    assert.equal(result.refusal.code, 'json.malformed')
    assert.match(result.refusal.detail ?? '', detail)
  })
}

test('a text above the limit is refused as too large, counted in bytes', () => {
  assert.ok(parseJson('"éé"', { bytesMax: 6 }).ok)
  const result = parseJson('"éé"', { bytesMax: 5 })
  assert.ok(!result.ok && result.refusal.code === 'input.too-large')
})

const numbers: readonly (readonly [string, JsonValue])[] = [
  ['0', 0],
  ['-7', -7],
  ['999999999999999', 999_999_999_999_999],
  ['9007199254740991', 9_007_199_254_740_991],
  ['9007199254740992', 9_007_199_254_740_992n],
  ['-9007199254740993', -9_007_199_254_740_993n],
  ['9223372036854775807', 9_223_372_036_854_775_807n],
  ['-9223372036854775808', -9_223_372_036_854_775_808n],
  ['-0', new Fraction('-0')],
  ['1.0', new Fraction('1.0')],
  ['1e2', new Fraction('1e2')],
  ['-0.10E-05', new Fraction('-0.10E-05')],
  [`0.${'3'.repeat(400)}`, new Fraction(`0.${'3'.repeat(400)}`)],
]

for (const [text, want] of numbers) {
  test(`the number ${text.slice(0, 30)} is kept exactly`, () => {
    const value = mustBe(parseJson(text))
    assert.deepEqual(value, want)
    assert.equal(canonicalJson(value), text)
  })
}

/** The same value with the types JSON.parse gives. */
function plain(value: JsonValue): unknown {
  if (value instanceof Fraction || typeof value === 'bigint') return Number(value.toString())
  if (Array.isArray(value)) return value.map(plain)
  if (!isJsonObject(value)) return value
  const members: Record<string, unknown> = {}
  for (const key of Object.keys(value)) Object.defineProperty(members, key, { value: plain(value[key] ?? null), enumerable: true })
  return members
}

test('reads what JSON.parse reads, from text and from bytes', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6, stringUnit: 'grapheme' }), fc.constantFrom(0, 1, 2), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), undefined, indent)
      const result = parseJson(spaced)
      // JSON.stringify writes large floats as integers.
      fc.pre(result.ok || !/beyond 64 bits/.test(result.refusal.detail ?? ''))
      const value = mustBe(result)
      assert.deepEqual(JSON.stringify(plain(value)), JSON.stringify(JSON.parse(spaced)))
      assert.deepEqual(mustBe(parseJson(Buffer.from(spaced))), value)
    }),
    { numRuns: 500 },
  )
})

test('accepts no text that JSON.parse refuses', () => {
  const pieces = ['{', '}', '[', ']', ',', ':', '"', '\\', '\\u0041', '"a"', '"b"', '0', '1', '-', '.', 'e', 'true', 'null', ' ', '\n', 'é']
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (chosen) => {
      const text = chosen.join('')
      const result = parseJson(text)
      let parsed: unknown
      try {
        parsed = JSON.parse(text)
      } catch {
        assert.ok(!result.ok, text)
        return
      }
      if (result.ok) assert.equal(JSON.stringify(plain(result.value)), JSON.stringify(parsed))
      else assert.match(result.refusal.detail ?? '', /duplicate key|beyond 64 bits/)
    }),
    { numRuns: 20_000 },
  )
})

test('the canonical text is a fixed point, whatever the order of keys', () => {
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.maxSafeInteger().map((number) => number + 0),
      fc.string({ unit: anyPoint }),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ unit: anyPoint }), tie('value'), { maxKeys: 5 }),
    ),
  })).value
  fc.assert(
    fc.property(value, (any) => {
      const text = canonicalJson(any)
      assert.equal(canonicalJson(mustBe(parseJson(text))), text)
    }),
    { numRuns: 500 },
  )
})

test('the example of RFC 8785 §3.2.3 sorts by UTF-16 code units', () => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 }
  assert.equal(canonicalJson(value), '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"\u{1f600}":5,"\ufb33":3}')
})

test('undefined members are left out, and __proto__ is a key', () => {
  assert.equal(canonicalJson({ b: undefined, a: 1 }), '{"a":1}')
  assert.equal(canonicalJson(mustBe(parseJson('{"__proto__":{"x":1},"a":2}'))), '{"__proto__":{"x":1},"a":2}')
  const value = mustBe(parseJson('{"__proto__":{"x":1}}'))
  assert.ok(isJsonObject(value) && Object.getPrototypeOf(value) === null && value.x === undefined)
})

const unsound: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['a float', 0.5],
  ['an unsafe integer', 2 ** 53],
  ['a bigint beyond 64 bits', 2n ** 63n],
  ['a function', () => 1],
  ['a symbol', Symbol('x')],
  ['undefined in an array', [undefined]],
  ['a hole in an array', Array(1)],
  ['a date', new Date(0)],
  ['a map', new Map()],
  ['bytes', new Uint8Array(1)],
  ['a lone surrogate', '\ud800'],
  ['a lone surrogate in a key', { '\ud800': 1 }],
  ['a lone surrogate after much else', `${'z'.repeat(2_000)}\ud800`],
]

for (const [says, value] of unsound) test(`no canonical text for ${says}`, () => assert.throws(() => canonicalJson(value)))

// Strings beyond 64 characters are read by the platform's parser, and must be read all the same.
const before = [
  '',
  'a'.repeat(63),
  'a'.repeat(64),
  'a'.repeat(65),
  `${'a'.repeat(60)}\\n`,
  `${'\\u0061'.repeat(20)}`,
  '\\\\'.repeat(40),
  '\\"'.repeat(40),
]
const after = ['', 'é', '\\\\', '\\"', '\\u00e9', '\\ud83d\\ude00', 'z'.repeat(70)]
const flawed = ['\n', '\0', '\x1f', '\\x', '\\u00g0', '\\ud800', '\\udc00x', '\\', '\\ud83d\\u0061']

test('a long string is read as a short one is', () => {
  for (const head of before)
    for (const tail of after) {
      const text = `["${head}${tail}","b"]`
      assert.deepEqual(parseJson(text), { ok: true, value: JSON.parse(text) }, text)
    }
})

test('what is wrong with a long string is said as of a short one', () => {
  for (const head of before)
    for (const flaw of flawed) {
      const says = (text: string) => {
        const read = parseJson(text)
        return read.ok ? 'read' : read.refusal.detail?.replace(/\d+$/, '')
      }
      assert.equal(says(`["${head}${flaw}${'z'.repeat(70)}"]`), says(`["${flaw}z"]`), JSON.stringify([head, flaw]))
    }
})

// Long strings are not even parsed where nothing has to be read in them: the platform's reader is their measure.
const flaws = [...flawed, '', '\\n', '\\"', '\\\\', '\\u0041', '\x7f', '\t', 'é', '😀', '\u2028', '"', '","b']

test('a very long string is read as the platform reads it, from bytes as from text, whatever stands in it', () => {
  const place = fc.nat(10_000)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(place, fc.constantFrom(...flaws)), { maxLength: 3 }),
      fc.integer({ min: 4_000, max: 9_000 }),
      (put, length) => {
        let long = 'y'.repeat(length)
        for (const [at, piece] of put) long = long.slice(0, at % length) + piece + long.slice(at % length)
        const text = `{"k":1,"${long}":"${long}","z":[2]}`
        // What was put into the middle of a pair made two halves of it, which UTF-8 cannot write: those bytes are of another text.
        fc.pre(text.isWellFormed())
        const [ofText, ofBytes] = [parseJson(text), parseJson(Buffer.from(text))]
        // Places are counted in characters of the one and in bytes of the other.
        const told = (read: typeof ofText) =>
          read.ok ? read : { ...read, refusal: { ...read.refusal, detail: read.refusal.detail?.replace(/\S+ \d+$/, '') } }
        assert.deepEqual(told(ofBytes), told(ofText))
        if (ofText.ok) assert.deepEqual(JSON.parse(canonicalJson(ofText.value)), JSON.parse(text))
      },
    ),
    {
      numRuns: 300,
      examples: [
        [
          [
            [5, '😀'],
            [4_009, '\n'],
          ],
          4_003,
        ],
      ],
    },
  )
})

test('a long text is written as a short one is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const long = `${'z'.repeat(2_000)}${text}`
      assert.equal(canonicalJson(long), `"${'z'.repeat(2_000)}${canonicalJson(text).slice(1)}`)
    }),
  )
})

test('members stand in one order, few or many, and whatever begins the object', () => {
  const order = (left: string, right: string) => (left < right ? -1 : 1)
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ maxLength: 4 }), { maxLength: 40 }), (keys) => {
      const object: Record<string, unknown> = { __proto__: null }
      for (const key of keys) object[key] = key.length % 3 === 0 ? undefined : { [key]: [] }
      const members = keys.toSorted(order).filter((key) => object[key] !== undefined)
      const wanted = members.map((key) => `${JSON.stringify(key)}:{${JSON.stringify(key)}:[]}`)
      assert.equal(canonicalJson(object), `{${wanted.join()}}`)
    }),
  )
})

test('long keys that others choose are not kept', () => {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  const kept = () => {
    for (let round = 0; round < 3; round += 1) collect()
    return process.memoryUsage().heapUsed
  }
  const before = kept()
  for (let place = 0; place < 900; place += 1) {
    const text = `{"${`${place}`.padEnd(100_000, 'k')}":1}`
    assert.equal(canonicalJson(mustBe(parseJson(text))), text)
  }
  const bytes = kept() - before
  assert.ok(bytes < 20_000_000, `${bytes} bytes`)
})
