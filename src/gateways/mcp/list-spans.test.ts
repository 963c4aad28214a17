import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyPoint } from '../../../test/world/any-point.ts'
import { elementSpans, memberSpans, type Span } from './list-spans.ts'

function at(bytes: Buffer, { from, to }: Span): string {
  return bytes.subarray(from, to).toString()
}

test('every member and every element is where it stands, whatever it is and however it is spaced', () => {
  const space = fc.constantFrom('', ' ', '\n\t ')
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: anyPoint }), fc.jsonValue()), fc.array(fc.jsonValue()), space, (object, array, gap) => {
      const members = Object.entries(object).map(
        ([key, value]) => `${gap}${JSON.stringify(key)}${gap}:${gap}${JSON.stringify(value)}${gap}`,
      )
      const text = Buffer.from(`${gap}{${members.length === 0 ? gap : members.join(',')}}`)
      const found = memberSpans(text, 0)
      assert.deepEqual([...found.keys()], Object.keys(object))
      for (const [key, value] of Object.entries(object)) {
        const span = found.get(key)
        assert.ok(span !== undefined)
        assert.equal(at(text, span), JSON.stringify(value))
      }
      const list = Buffer.from(`[${array.map((value) => `${gap}${JSON.stringify(value)}${gap}`).join(',')}]`)
      assert.deepEqual(
        elementSpans(list, 0).map((span) => at(list, span)),
        array.map((value) => JSON.stringify(value)),
      )
    }),
  )
})

test('a key that is written with escapes is the key that it says', () => {
  const text = Buffer.from('{"\\u0061\\"":1}')
  assert.deepEqual([...memberSpans(text, 0).keys()], ['a"'])
})

test('what is no object has no members, and what is no array no elements', () => {
  for (const text of ['[]', '1', '"a"', 'null', '[{"a":1}]']) assert.equal(memberSpans(Buffer.from(text), 0).size, 0)
  for (const text of ['{}', '1', '"a"', 'null', '{"a":[1]}']) assert.deepEqual(elementSpans(Buffer.from(text), 0), [])
})
