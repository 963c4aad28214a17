import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestClock } from '../../test/world/clock.ts'
import { every } from './every.ts'

const start = new TestClock().now()

function times() {
  const clock = new TestClock()
  const at: number[] = []
  return { clock, at, note: () => void at.push(clock.now() - start) }
}

test('work that is over when it returns is done at every turn, however far the clock goes at once', () => {
  const { clock, at, note } = times()
  every(clock, 100, note)
  clock.advance(99)
  assert.deepEqual(at, [])
  clock.advance(301)
  assert.deepEqual(at, [100, 200, 300, 400])
})

test('work under way is not begun again; the next turn counts from its end', async () => {
  const { clock, at, note } = times()
  const ends: (() => void)[] = []
  every(clock, 100, () => {
    note()
    return new Promise<void>((resolve) => ends.push(resolve))
  })
  clock.advance(1_000)
  assert.deepEqual(at, [100])
  ends[0]?.()
  await new Promise(setImmediate)
  clock.advance(99)
  assert.deepEqual(at, [100])
  clock.advance(1)
  assert.deepEqual(at, [100, 1_100])
})

test('what is stopped is not done again: before it is due, from within, and while it is under way', async () => {
  const waiting = times()
  every(waiting.clock, 100, waiting.note)()
  waiting.clock.advance(1_000)
  assert.deepEqual(waiting.at, [])

  const within = times()
  const stop = every(within.clock, 100, () => {
    within.note()
    stop()
  })
  within.clock.advance(1_000)
  assert.deepEqual(within.at, [100])

  const under = times()
  const stopUnder = every(under.clock, 100, async () => {
    under.note()
    await Promise.resolve()
  })
  under.clock.advance(100)
  stopUnder()
  await new Promise(setImmediate)
  under.clock.advance(1_000)
  assert.deepEqual(under.at, [100])
})
