/** Answers that are known again: whatever came before, each reads as it reads by itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mustBe } from '../../kernel/result.ts'
import { readMessage } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'
import type { Message } from './ports.ts'
import { ReadAnswers } from './read-answers.ts'

const long = 'y'.repeat(5_000)
const ids = [
  '1',
  '7',
  '0',
  '"a"',
  '"b c"',
  '-5',
  '123456789012345',
  '1234567890123456',
  '-0',
  '01',
  '1.5',
  '1e3',
  '"a\\"b"',
  '"\\u0061"',
  '"é"',
  'null',
  'true',
  '{}',
  '"id"',
  `"${'k'.repeat(300)}"`,
]
const shapes: readonly ((id: string, tail: string) => string)[] = [
  (id, tail) => `{"jsonrpc":"2.0","id":${id},"result":{"tools":["${long}${tail}"]}}`,
  (id, tail) => `{"id":${id},"jsonrpc":"2.0","result":{"tools":["${long}${tail}"]}}`,
  (id, tail) => `{"result":{"tools":["${long}${tail}"]},"jsonrpc":"2.0","id":${id}}`,
  (id, tail) => ` {\n"result" : {"tools":["${long}${tail}"]}, "jsonrpc" : "2.0", "id" : ${id} }\n`,
  (id, tail) => `{"jsonrpc":"2.0","id":${id},"result":{"tools":["${long}${tail}"]},"id":${id}}`,
  (id, tail) => `{"jsonrpc":"2.0","result":{"tools":["${long}${tail}"],"id":${id}}}`,
  (id, tail) => `{"jsonrpc":"2.0","id":1,"result":{"tools":["${long}${tail}"]},"more":{"a":1,"id":${id}}}`,
  (id, tail) => `{"jsonrpc":"2.0","id":${id},"result":{"tools":["${long}${tail}"]}`,
  (id, tail) => `{"jsonrpc":"2.0","id":${id},"error":{"code":1,"message":"${long}${tail}"}}`,
  (id, tail) => `{"jsonrpc":"2.0","id":${id},"method":"x","params":{"text":"${long}${tail}"}}`,
  (id, tail) => `{"jsonrpc":"1.0","id":${id},"result":["${long}${tail}"]}`,
  (id, tail) => `{"jsonrpc":"2.0","result":"${long}${tail},\\"id\\":${id}}`,
]

test('whatever was read before, an answer reads as it does by itself', () => {
  const one = fc
    .tuple(fc.constantFrom(...shapes), fc.constantFrom(...ids), fc.constantFrom('', 'a', ',', '\\n', '\n', '€', ',\\"id\\":7}'))
    .map(([shape, id, tail]) => Buffer.from(shape(id, tail)))
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 12 }), (texts) => {
      const answers = new ReadAnswers()
      for (const bytes of texts) assert.deepEqual(answers.read(bytes, defaultLimits), readMessage(bytes, defaultLimits))
    }),
    { numRuns: 400 },
  )
})

test('what is the same but for its id is read once', () => {
  for (const shape of shapes.slice(0, 4)) {
    const answers = new ReadAnswers()
    const results = ['1', '"b c"', '-5'].map((id) => read(answers, shape(id, '')).result)
    assert.ok(results.every((result) => result === results[0]))
    assert.notEqual(read(answers, shape('1', 'z')).result, results[0])
  }
})

test('no more is kept than there is room for', () => {
  const answers = new ReadAnswers()
  const many = (place: number) => `{"jsonrpc":"2.0","id":1,"result":["${'y'.repeat(1_000_000)}${place}"]}`
  const before = read(answers, many(0)).result
  assert.equal(read(answers, many(0)).result, before)
  for (let place = 1; place < 6; place += 1) read(answers, many(place))
  assert.notEqual(read(answers, many(0)).result, before)
})

function read(answers: ReadAnswers, text: string): Message {
  return mustBe(answers.read(Buffer.from(text), defaultLimits))
}
