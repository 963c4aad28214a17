import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeClock } from './clock.ts'

const day = 86_400_000

function makeHands(start: number) {
  const hands = { wall: start, monotonic: 5 }
  return { hands, clock: makeClock({ floor: 0, wall: () => hands.wall, monotonic: () => hands.monotonic, sweepEvery: 5 }) }
}

const cases = [
  { says: 'both move together', moves: [[100, 100]], want: 100, ahead: 0 },
  { says: 'the wall clock set back does not stop time', moves: [[-day, 100]], want: 100, ahead: day + 100 },
  { says: 'the wall clock set forward counts at once', moves: [[day, 0]], want: day, ahead: 0 },
  { says: 'a sleep, in which only the wall clock moves, counts at once', moves: [[8 * 3_600_000, 0]], want: 8 * 3_600_000, ahead: 0 },
  {
    says: 'forward and back again does not stop time either',
    moves: [
      [day, 0],
      [-day, 0],
      [100, 100],
    ],
    want: day + 100,
    ahead: day,
  },
  {
    says: 'a monotonic clock that goes back is not believed',
    moves: [
      [-100, 0],
      [0, -50],
    ],
    want: 0,
    ahead: 100,
  },
] as const
for (const { says, moves, want, ahead } of cases)
  test(says, () => {
    const { hands, clock } = makeHands(1_000_000)
    for (const [wall, monotonic] of moves) {
      hands.wall += wall
      hands.monotonic += monotonic
      clock.now()
    }
    assert.equal(clock.now() - 1_000_000, want)
    assert.equal(clock.aheadOfWall(), ahead)
  })

test('whatever the wall clock does, time never runs slower than the monotonic clock, nor behind the wall', () => {
  const move = fc.record({ wall: fc.integer({ min: -day, max: day }), elapsed: fc.double({ min: 0, max: 10_000, noNaN: true }) })
  fc.assert(
    fc.property(fc.array(move, { maxLength: 50 }), (moves) => {
      const { hands, clock } = makeHands(10 * day)
      let before = clock.now()
      for (const { wall, elapsed } of moves) {
        hands.wall += wall
        hands.monotonic += elapsed
        const now = clock.now()
        assert.ok(Number.isInteger(now))
        assert.ok(now >= before + Math.floor(elapsed), `${now} ${before} ${elapsed}`)
        assert.ok(now >= hands.wall)
        before = now
      }
    }),
  )
})

test('never below the floor, and it runs from there', () => {
  let monotonic = 0
  const clock = makeClock({ floor: 5_000, wall: () => 1_000, monotonic: () => monotonic })
  assert.equal(clock.now(), 5_000)
  monotonic = 70
  assert.equal(clock.now(), 5_070)
  clock.raise(9_000)
  assert.equal(clock.now(), 9_000)
  clock.raise(2_000)
  assert.equal(clock.now(), 9_000)
})

test('the system clock stands behind it when none is given', () => {
  const before = Date.now()
  const now = makeClock({ floor: 0 }).now()
  assert.ok(now >= before && now <= Date.now() + 5)
})

/** Keeps the process alive while an unref'd timer is awaited. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const hold = setInterval(() => undefined, 1_000)
  try {
    return await work
  } finally {
    clearInterval(hold)
  }
}

test('work is called once, when the clock is there', async () => {
  const clock = makeClock({ floor: 0 })
  let calls = 0
  const start = clock.now()
  await awake(
    new Promise<void>((resolve) => {
      clock.after(20, () => {
        calls += 1
        resolve()
      })
    }),
  )
  assert.ok(clock.now() >= start + 20)
  await awake(new Promise<void>((resolve) => clock.after(20, resolve)))
  assert.equal(calls, 1)
})

test('what was called off is not called', async () => {
  const clock = makeClock({ floor: 0 })
  let called = false
  const callOff = clock.after(10, () => {
    called = true
  })
  callOff()
  callOff()
  await awake(new Promise<void>((resolve) => clock.after(30, resolve)))
  assert.equal(called, false)
})

test('a wait longer than timers can count does not end at once, and ends when the wall clock jumps there', async () => {
  const { hands, clock } = makeHands(1_000_000)
  const order: string[] = []
  const long = new Promise<void>((resolve) => {
    clock.after(2 ** 31 + 5_000, () => {
      order.push('long')
      resolve()
    })
  })
  await awake(
    new Promise<void>((resolve) => {
      setTimeout(resolve, 30)
    }),
  )
  order.push('jump')
  hands.wall += 2 ** 31 + 5_000
  await awake(long)
  assert.deepEqual(order, ['jump', 'long'])
})

test('work waits for the clock, not for the timer', async () => {
  const { hands, clock } = makeHands(1_000_000)
  const order: string[] = []
  const work = new Promise<void>((resolve) => {
    clock.after(10, () => {
      order.push('work')
      resolve()
    })
  })
  await awake(
    new Promise<void>((resolve) => {
      setTimeout(resolve, 40)
    }),
  )
  order.push('clock moves')
  hands.monotonic += 10
  await awake(work)
  assert.deepEqual(order, ['clock moves', 'work'])
})

test('a clock does not keep the process alive', async () => {
  const { spawnSync } = await import('node:child_process')
  const script = `import { makeClock } from ${JSON.stringify(new URL('./clock.ts', import.meta.url).href)}; makeClock({ floor: 0 }).after(600_000, () => {})`
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 300_000, encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
})
