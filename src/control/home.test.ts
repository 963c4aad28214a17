import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { leaseMs } from './endings.ts'
import { homeAtDesk } from './home.ts'
import { shopDocument } from '../../test/world/shop.ts'
import { openWorld } from '../../test/world/world.ts'

test('what is under way goes on for a lease without the database, and not for another one where the process slept meanwhile', async () => {
  const world = await openWorld({ document: shopDocument() })
  after(() => world.close())
  const { desk, clock } = world
  const way = { isHeld: true }
  const store = { ...desk.store, isHeld: () => way.isHeld }
  const at = { isDisputed: () => false, activity: desk.activity }
  const home = homeAtDesk({ ...desk, store }, 'http', at)
  assert.equal(home.goesOn(), true)
  way.isHeld = false
  clock.advance(leaseMs - 1)
  assert.equal(home.goesOn(), true)
  clock.advance(1)
  assert.equal(home.goesOn(), false)
  way.isHeld = true
  assert.equal(home.goesOn(), true)
  // Asleep: nobody looks, and when it wakes the database is another's.
  clock.advance(10 * leaseMs)
  way.isHeld = false
  assert.equal(home.goesOn(), false)
})
