/** Both halves of the feed over a link without a wire: what is given at control is used at the gateway, and what ends there ends here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { allowed, answered, atWork, refused, refusedVerdict } from '../world/deeds.ts'
import { openWorld, type World } from '../world/world.ts'
import { shopDocument } from '../world/shop.ts'
import { dialsTo, Machine, unreachable } from './fed-machine.ts'
import { enrolled, keyOf, serve, type Served, settled } from './scripted-gateway.ts'

interface Halves {
  readonly world: World
  readonly served: Served
  /** A started gateway of this name. */
  machine(name: string, more?: Parameters<typeof Machine.make>[2]): Promise<Machine>
}

async function withHalves(run: (halves: Halves) => Promise<void>, document = shopDocument()): Promise<void> {
  const world = await openWorld({ document })
  const served = serve(world)
  const machines: Machine[] = []
  try {
    await run({
      world,
      served,
      async machine(name, more = {}) {
        const gateway = await enrolled(world, name)
        const machine = await Machine.make(gateway, dialsTo(served, keyOf(name)), { start: world.clock.now(), ...more })
        machines.push(machine)
        await machine.start()
        return machine
      },
    })
  } finally {
    for (const machine of machines) await machine.fed.close()
    served.server.close()
    await world.close()
  }
}

test('what is granted at control is used at the gateway, and is cut there before anybody hears that it was revoked', () =>
  withHalves(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    assert.equal(edge.fed.state().link, 'following')
    const grant = await atWork(world, 'aide', ['read:shop'])
    const bearer = await edge.bearer(world, 'aide', grant.id)
    const decision = allowed(await edge.act(bearer, 'list-incidents'))
    mustBe(edge.control.stands(decision))
    edge.stream(decision)
    const revoked = revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough').then((result) => {
      assert.deepEqual(
        edge.cuts.map(({ reason }) => reason),
        ['revoked'],
        'cut before the revocation resolves',
      )
      return mustBe(result)
    })
    assert.deepEqual(
      (await revoked).confirmed.map(({ gateway, how }) => [gateway, how]),
      [
        ['http', 'confirmed'],
        ['edge-1', 'confirmed'],
      ],
    )
    refused(edge.control.stands(decision), 'grant.ended')
    refusedVerdict(await edge.act(bearer, 'list-incidents'), 'grant.ended')
    edge.control.finish(decision, answered)
    assert.deepEqual([...served.alarms, ...edge.alarms], [])
  }))

void unreachable
void settled
