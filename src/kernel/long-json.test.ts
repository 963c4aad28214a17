/** In steps it is the same JSON: whatever is written, whatever is read, and whatever is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, Fraction, type JsonLimits, type JsonValue, parseJson } from './json.ts'
import { measuringDepth, readingJson, writingJson } from './long-json.ts'

const limits = { bytesMax: 4_000_000, depthMax: 64 } as const

function through<T>(work: Iterator<undefined, T>): { readonly value: T; readonly steps: number } {
  for (let steps = 0; ; steps += 1) {
    const step = work.next()
    if (step.done === true) return { value: step.value, steps }
  }
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('\\', '"', '\\"', ']', '{', ',', '\n', 'é', '__proto__', 'x'.repeat(9_000)),
)
const { value: anyJson } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    text,
    fc.maxSafeInteger(),
    fc.constantFrom<JsonValue>(true, false, null, 2n ** 60n, new Fraction('1.50')),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(text, tie('value'), { maxKeys: 6, noNullPrototype: false }),
  ),
}))

/** Long enough that it is not read at once. */
const longJson = anyJson.chain((value) =>
  fc.constantFrom<JsonValue>([value, 'y'.repeat(10_000), value], { a: [value], z: 'z'.repeat(10_000), b: { value } }),
)

test('what is written in steps is the canonical text, and read in steps it is the same value', () => {
  fc.assert(
    fc.property(longJson, (value) => {
      const written = through(writingJson(value)).value
      assert.equal(written, canonicalJson(value))
      assert.deepEqual(through(readingJson(written, limits)).value, parseJson(written, limits))
    }),
    { numRuns: 300 },
  )
})

test('any text at all is read in steps as it is at once, and refused with the same words', () => {
  const broken = fc
    .tuple(longJson, fc.nat(), fc.constantFrom('', ' ', ',', '"', ']', '}', '[', '{', '\\', '1', '\ud800', ':'))
    .map(([value, at, put]) => {
      const whole = canonicalJson(value)
      const place = at % (whole.length + 1)
      return `${whole.slice(0, place)}${put}${whole.slice(place + (at % 2))}`
    })
  fc.assert(
    fc.property(broken, fc.constantFrom<JsonLimits>(limits, { ...limits, depthMax: 3 }, { bytesMax: 11_000 }), (each, within) =>
      assert.deepEqual(through(readingJson(each, within)).value, parseJson(each, within)),
    ),
    { numRuns: 1_000 },
  )
})

const long = 'y'.repeat(9_000)

for (const [says, each] of [
  ['a key twice', `{"a":1,"b":"${long}","a":2}`],
  ['a key twice, written in two ways', `{"a":1,"b":"${long}","\\u0061":2}`],
  ['an empty member', `{"a":1,,"b":"${long}"}`],
  ['a comma at the end', `["${long}",]`],
  ['an array that is empty but for white space', `[${' '.repeat(9_000)}]`],
  ['brackets that do not match', `["${long}",[1}]`],
  ['data after the end', `["${long}"]]`],
  ['white space', `{ "a": 1, "b": ["${long}"] }`],
  ['a prototype by name', `{"__proto__":{"a":1},"b":"${long}"}`],
] as const)
  test(`long, with ${says}: as at once`, () => assert.deepEqual(through(readingJson(each, limits)).value, parseJson(each, limits)))

test('a thousand elements take a thousand steps to write, and to read some of their length', () => {
  const value = { files: [], parsed: Array.from({ length: 1_000 }, (_, place) => ({ place, text: 'x'.repeat(900) })) }
  const written = through(writingJson(value))
  assert.ok(written.steps >= 1_000, `${written.steps} steps`)
  const read = through(readingJson(written.value, limits))
  assert.ok(read.steps >= 1_000, `${read.steps} steps`)
  assert.ok(through(measuringDepth(written.value)).steps > 10)
})

test('as deep as it is', () => {
  fc.assert(fc.property(anyJson, (value) => assert.equal(through(measuringDepth(canonicalJson(value))).value, depthOf(value))))
})

function depthOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null || value instanceof Fraction) return 0
  return 1 + Object.values(value).reduce<number>((deepest, each) => Math.max(deepest, depthOf(each)), 0)
}
