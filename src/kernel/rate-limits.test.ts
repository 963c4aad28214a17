import assert from 'node:assert/strict'
import test from 'node:test'
import { RateLimits } from './rate-limits.ts'

test('so many calls a minute and no more, and again as time goes on', () => {
  const limits = new RateLimits()
  for (let call = 0; call < 6; call += 1) assert.equal(limits.take('ana', 6, 0), 0)
  assert.equal(limits.take('ana', 6, 0), 10_000)
  assert.equal(limits.take('ben', 6, 0), 0, 'another caller is not disturbed')
  assert.equal(limits.take('ana', 6, 9_000) > 0, true)
  assert.equal(limits.take('ana', 6, 10_001), 0)
  assert.equal(limits.take('ana', 6, 10_002) > 0, true)
})

test('waiting longer saves up no more than a minute of calls', () => {
  const limits = new RateLimits()
  assert.equal(limits.take('ana', 2, 0), 0)
  assert.equal(limits.take('ana', 2, 3_600_000), 0)
  assert.equal(limits.take('ana', 2, 3_600_000), 0)
  assert.equal(limits.take('ana', 2, 3_600_000) > 0, true)
})

test('memory is bounded, and whoever was quiet longest is forgotten first', () => {
  const limits = new RateLimits(3)
  assert.equal(limits.take('ana', 1, 0), 0)
  for (const key of ['b', 'c']) limits.take(key, 1, 0)
  assert.equal(limits.take('ana', 1, 1) > 0, true)
  limits.take('d', 1, 1)
  assert.equal(limits.size, 3)
  assert.equal(limits.take('ana', 1, 2) > 0, true, 'she called lately, so she is remembered')
  assert.equal(limits.take('b', 1, 2), 0, 'b was quiet longest')
})
