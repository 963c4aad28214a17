import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Slices } from './slices.ts'

/** Every slice is over at once, and turns come when the test says so. */
function hastyClock() {
  let now = 0
  let waiting: (() => void)[] = []
  return {
    now: () => (now += 20),
    after: () => () => undefined,
    turn: () => new Promise<void>((resolve) => waiting.push(resolve)),
    async next(): Promise<void> {
      const due = waiting
      waiting = []
      for (const resolve of due) resolve()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

test('of all long work one slice runs between two turns, each in its turn', async () => {
  const clock = hastyClock()
  const log: string[] = []
  const work = async (name: string) => {
    const slices = new Slices(clock)
    for (let step = 0; step < 3; step += 1) {
      await slices.pause()
      log.push(`${name}${step}`)
    }
  }
  const all = Promise.all(['a', 'b', 'c'].map(work))
  for (let turn = 1; turn <= 9; turn += 1) {
    await clock.next()
    assert.equal(log.length, turn)
  }
  await all
  assert.deepEqual(log, ['a0', 'b0', 'c0', 'a1', 'b1', 'c1', 'a2', 'b2', 'c2'])
  // Whoever comes when nobody waits any more is served as well.
  await clock.next()
  const late = work('d')
  for (let turn = 0; turn < 5; turn += 1) await clock.next()
  await late
  assert.equal(log.length, 12)
})

test('what others wait for has a line of its own', async () => {
  const clock = hastyClock()
  const log: string[] = []
  const work = async (name: string, slices: Slices) => {
    for (let step = 0; step < 2; step += 1) {
      await slices.pause()
      log.push(name)
    }
  }
  const all = Promise.all([
    ...['a', 'b', 'c'].map(async (name) => work(name, new Slices(clock))),
    work('awaited', new Slices(clock, 4, 'awaited')),
  ])
  await clock.next()
  await clock.next()
  assert.deepEqual(log.toSorted(), ['a', 'awaited', 'awaited', 'b'])
  for (let turn = 0; turn < 6; turn += 1) await clock.next()
  await all
})
