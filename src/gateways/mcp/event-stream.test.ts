import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventSplitter, eventOf } from './event-stream.ts'

function split(pieces: readonly Uint8Array[], bytesMax = 10_000) {
  const splitter = new EventSplitter(bytesMax)
  return pieces.flatMap((piece) => splitter.push(piece) ?? [{ bytes: new Uint8Array(), data: 'too long' }])
}

const cases: readonly (readonly [says: string, text: string, data: readonly (string | undefined)[]])[] = [
  ['an event with an id and a type', 'event: message\nid: 7\ndata: {"a":1}\n\n', ['{"a":1}']],
  ['lines of data are joined', 'data: a\ndata:b\n\n', ['a\nb']],
  ['one space after the colon is left out, and no more', 'data:  a\n\n', [' a']],
  ['a comment is no data', ': hello\n\ndata: a\n\n', [undefined, 'a']],
  ['lines may end with CR LF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
  ['or with CR', 'data: a\r\rdata: b\r\r\n', ['a', 'b']],
  ['what no blank line ends is no event', 'data: a\n\ndata: b\n', ['a']],
  ['of empty data nobody hears', 'id: 7\ndata:\n\n', [undefined]],
  ['data without a colon is empty data', 'data\n\n', [undefined]],
]
for (const [says, text, data] of cases)
  test(says, () =>
    assert.deepEqual(
      split([Buffer.from(text)]).map((event) => event.data),
      data,
    ),
  )

test('the pieces in which they come make no difference, and no byte is lost', () => {
  const line = fc.constantFrom('data: {"a":"ä"}\n', ':\n', '\n', 'id: 1\n', 'data: x\r\n', '\r\n')
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(200)), (lines, cuts) => {
      const whole = Buffer.from(`${lines.join('')}data: end\n\n`)
      const places = [...new Set(cuts.map((cut) => Math.min(cut, whole.byteLength)))].toSorted((a, b) => a - b)
      const pieces = [0, ...places].map((from, at) => whole.subarray(from, places[at] ?? whole.byteLength))
      const once = split([whole])
      assert.deepEqual(
        split(pieces).map(({ data }) => data),
        once.map(({ data }) => data),
      )
      assert.deepEqual(Buffer.concat(once.map(({ bytes }) => bytes)), whole)
    }),
  )
})

test('an event that is too long is told, not kept', () => {
  const splitter = new EventSplitter(10)
  assert.deepEqual(splitter.push(Buffer.from('data: 1234')), [])
  assert.equal(splitter.push(Buffer.from('5')), undefined)
})

test('a message written as an event is read as one', () => {
  assert.deepEqual(
    split([eventOf(Buffer.from('{"a":1}'))]).map(({ data }) => data),
    ['{"a":1}'],
  )
})
