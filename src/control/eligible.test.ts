import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RealClock } from '../../test/world/clock.ts'
import { shopDocument } from '../../test/world/shop.ts'
import { openWorldOf, testParts } from '../../test/world/world.ts'
import { eligible, taskKinds } from './eligible.ts'

/** When told so, time passes with each look at it, so that a slice is soon over. */
class HastyClock extends RealClock {
  isHasty = false
  turns = 0
  #looks = 0

  override now(): number {
    if (this.isHasty) this.#looks += 1
    return super.now() + this.#looks
  }

  override turn(): Promise<void> {
    this.turns += 1
    return super.turn()
  }
}

test('others have their turn while it is found out what somebody may ask for', async (t) => {
  const clock = new HastyClock()
  const world = await openWorldOf({ ...testParts(1, ':memory:', clock), clock }, shopDocument())
  t.after(() => world.close())
  const caller = await world.caller('bot')
  assert.ok(taskKinds(world.desk).length > 2)
  const before = clock.turns
  clock.isHasty = true
  const found = await eligible(world.desk, caller, {})
  clock.isHasty = false
  assert.ok(found.length > 0)
  assert.ok(clock.turns - before >= 2, `${clock.turns - before} turns`)
})
