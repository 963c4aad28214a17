/** Where gateways elsewhere say that their services listen: told again after each link, and believed of their own services alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shopDocument } from '../world/shop.ts'
import { openWorld } from '../world/world.ts'
import { greeted } from './greeted.ts'
import { noSnapshot, welcome } from './scripted-control.ts'
import { enrolled, ScriptedGateway, serve, settled } from './scripted-gateway.ts'

const places = [{ service: 'shop', url: 'https://shop.example' }]
const says = { type: 'serves', services: places } as const

test('a service is where the gateways that serve it say, while they are connected', async () => {
  const world = await openWorld({ document: shopDocument() })
  const served = serve(world)
  try {
    await enrolled(world, 'one')
    await enrolled(world, 'two')
    await enrolled(world, 'stranger', 'edge')
    const [one, two, stranger] = await Promise.all(['one', 'two', 'stranger'].map((name) => ScriptedGateway.welcomed(served, name)))
    assert.deepEqual(served.server.urlsOf('shop'), [])
    // The shop is none of the gateway edge's business, whatever that says.
    stranger?.say(says)
    two?.say({ type: 'serves', services: [{ service: 'shop', url: 'https://two.example' }] })
    await settled()
    assert.deepEqual(served.server.urlsOf('shop'), ['https://two.example'])
    one?.say(says)
    await settled()
    assert.deepEqual(served.server.urlsOf('shop'), ['https://shop.example', 'https://two.example'])
    one?.say({ type: 'serves', services: [] })
    two?.link.close('gone')
    await settled()
    assert.deepEqual(served.server.urlsOf('shop'), [])
    assert.deepEqual(served.server.urlsOf('nowhere'), [])
    assert.deepEqual(served.alarms, [])
  } finally {
    served.server.close()
    await world.close()
  }
})

for (const { what, speaks, said } of [
  { what: 'in a protocol that does not have it', speaks: [1], said: [says] },
  { what: 'far too often', speaks: [2, 1], said: Array.from({ length: 200 }, () => says) },
])
  test(`a gateway that says where it serves ${what} is not listened to any more`, async () => {
    const world = await openWorld({ document: shopDocument() })
    const served = serve(world)
    try {
      await enrolled(world, 'one')
      const one = await ScriptedGateway.welcomed(served, 'one', { speaks })
      for (const each of said) one.say(each)
      await settled()
      assert.equal(one.last('refused').code, speaks.length === 1 ? 'feed.out-of-order' : 'rate.exceeded')
      assert.deepEqual(served.server.urlsOf('shop'), [])
    } finally {
      served.server.close()
      await world.close()
    }
  })

test('a gateway tells each control anew where it serves, and none that does not understand it', () =>
  greeted(async ({ machine, control, link }) => {
    machine.fed.serves(places)
    assert.deepEqual(link.all('serves'), [])
    await link.say(welcome(machine.clock), noSnapshot)
    assert.deepEqual(link.last('serves'), says)
    machine.fed.serves([])
    await settled()
    assert.deepEqual(link.last('serves'), { type: 'serves', services: [] })
    for (const protocol of [1, 2]) {
      const links = control.links.length
      await control.link.close()
      while (control.links.length === links) {
        machine.clock.advance(1_000)
        await settled()
      }
      await control.link.say(welcome(machine.clock, { protocol }), noSnapshot)
      assert.equal(control.link.all('serves').length, protocol - 1)
    }
  }))
