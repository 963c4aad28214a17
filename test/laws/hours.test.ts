/** A grant whose eligibility is a matter of the hour is used within that hour and no longer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatInstant } from '../../src/kernel/instants.ts'
import { TestClock } from '../world/clock.ts'
import { act, allowed, atWork, hour, refusedVerdict } from '../world/deeds.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld } from '../world/world.ts'

test('an eligibility that looks at the clock under a spelling of its own ends with its hour', async (t) => {
  const until = formatInstant(new TestClock().now() + hour / 2)
  const policies = shopPolicies.replace('context.task.kind == "incident" &&', `context["\\u{74}ime"] < datetime("${until}") &&`)
  assert.notEqual(policies, shopPolicies)
  const world = await openWorld({ document: shopDocument({ policyFiles: [{ name: 'shop.cedar', text: policies }] }) })
  t.after(() => world.close())
  const grant = await atWork(world, 'aide', ['shop/list-incidents'], { duration: hour })
  allowed(await act(world, 'aide', grant, 'list-incidents'))
  // Short of the idle time, again and again, so that nothing but the hour is over.
  for (let minutes = 0; minutes < 35; minutes += 5) {
    world.clock.advance(5 * 60_000)
    if (minutes < 20) allowed(await act(world, 'aide', grant, 'list-incidents'))
  }
  refusedVerdict(await act(world, 'aide', grant, 'list-incidents'), 'request.not-eligible')
})
