import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readRequest } from './codec.ts'
import { readFields } from './http2-head.ts'
import { defaultLimits } from './limits.ts'

const start = [':method', 'POST', ':scheme', 'https', ':authority', 'shop.test', ':path', '/a']

test('the head is the one that HTTP/1.1 would have brought', () => {
  assert.deepEqual(readFields([...start, 'x-a', '1', 'content-length', '3', 'te', 'trailers', 'expect', '100-continue'], false), {
    method: 'POST',
    target: '/a',
    version: '1.1',
    headers: ['host', 'shop.test', 'x-a', '1', 'content-length', '3', 'expect', '100-continue'],
    waits: true,
    framing: 3,
  })
})

test('a body of which nobody said how long it is comes in chunks', () => {
  const head = readFields(start, false)
  assert.ok(!('refusal' in head))
  assert.deepEqual([head.framing, head.headers], ['unknown', ['host', 'shop.test', 'transfer-encoding', 'chunked']])
})

test('the pieces of a cookie are one, as RFC 9113 §8.2.3 has it, and stay behind like any cookie', () => {
  const head = readFields([...start, 'cookie', 'a=b', 'x-a', '1', 'cookie', 'c=d'], true)
  assert.ok(!('refusal' in head))
  assert.deepEqual(head.headers, ['host', 'shop.test', 'x-a', '1', 'cookie', 'a=b; c=d'])
  const read = readRequest(head, defaultLimits)
  assert.deepEqual(read.ok && read.value.headers, ['x-a', '1'])
})

test('of fields made by chance, what is read is written plainly: no line ends, no second host, no framing but one', () => {
  const name = fc.oneof(
    fc.constantFrom(
      ':method',
      ':path',
      ':authority',
      ':scheme',
      'host',
      'content-length',
      'transfer-encoding',
      'connection',
      'cookie',
      'x-a',
    ),
    fc.string(),
  )
  const value = fc.oneof(fc.constantFrom('GET', 'POST', '/a', 'https', 'shop.test', '5', 'chunked'), fc.string({ unit: 'binary-ascii' }))
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), fc.boolean(), fc.boolean(), (extra, begins, isWhole) => {
      const head = readFields([...(begins ? start : []), ...extra.flat()], isWhole)
      if ('refusal' in head) return
      for (const text of [head.method, head.target, ...head.headers]) assert.ok(!/[\r\n\0]/.test(text))
      const names = head.headers.filter((_, at) => at % 2 === 0)
      for (const once of ['host', 'content-length', 'transfer-encoding', 'cookie'])
        assert.ok(names.filter((each) => each === once).length <= 1)
      assert.ok(!(names.includes('content-length') && names.includes('transfer-encoding')))
      assert.ok(!names.includes('connection') && names.every((each) => !each.startsWith(':')))
    }),
    { numRuns: 2_000 },
  )
})
