/** A database that goes away under a Remit that works: everything is refused, nothing is forwarded, and it comes back by itself. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { leaseMs } from '../../src/control/endings.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { Secret } from '../../src/kernel/secret.ts'
import type { Grant } from '../../src/model/grants.ts'
import { PostgresServer } from '../contract/postgres-server.ts'
import { RealClock } from '../world/clock.ts'
import { act, allowed, ask, atWork, callOf, hour, refused, refusedVerdict } from '../world/deeds.ts'
import { partsOnDisk } from '../world/on-disk.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorldOf, type World } from '../world/world.ts'

describe('a database that goes away', () => {
  const alarms: string[] = []
  // The clock's own timers keep no process alive.
  const alive = setInterval(() => undefined, 60_000)
  let data: string
  let server: PostgresServer
  let world: World
  let grant: Grant
  before(async () => {
    server = await PostgresServer.start()
    data = await mkdtemp(join(tmpdir(), 'remit-lost-'))
    const place = { kind: 'postgres', url: new Secret(server.url(await server.empty())) } as const
    const parts = await partsOnDisk(data, { place, clock: new RealClock() })
    world = await openWorldOf({ ...parts, alarm: (says) => void alarms.push(says) }, shopDocument())
    grant = await atWork(world, 'meter', ['shop/put-telemetry'], { duration: hour })
  })
  after(async () => {
    clearInterval(alive)
    await world.close()
    await server.remove()
    await rm(data, { recursive: true })
  })

  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((then) => setTimeout(then, 10))
  }

  test('what was allowed a moment before is refused at the door, what comes now is refused, and nobody can be told more', async () => {
    const bearer = await world.bearer('meter', grant.id)
    const decision = allowed(await world.gateway.authorize(callOf(world, bearer, 'put-telemetry')))
    const cuts: string[] = []
    world.gateway.onEnd(decision.session, (reason) => cuts.push(reason))
    await server.kill()
    await until(() => !world.desk.store.isHeld())
    refused(world.gateway.stands(decision), 'store.unavailable')
    refusedVerdict(await world.gateway.authorize(callOf(world, bearer, 'put-telemetry')), 'store.unavailable')
    const { endings } = world.house.gate
    const now = world.clock.now()
    endings.cutWhenLost(world.desk.store, now)
    endings.cutWhenLost(world.desk.store, now + leaseMs - 1)
    assert.deepEqual(cuts, [], 'what is under way goes on to the end of the lease')
    endings.cutWhenLost(world.desk.store, now + leaseMs)
    assert.deepEqual(cuts, ['control was lost'])
    assert.match(alarms.join('\n'), /the database is lost, and everything is refused/)
    assert.doesNotMatch(alarms.join('\n'), new RegExp(server.password.replaceAll(/[/@]/g, '.')))
  })

  test('a change that comes meanwhile is refused, and leaves nothing behind', async () => {
    const failed = await world.desk.store.change(async (tx) => ({ ok: true, value: await tx.get('grant', grant.id) }))
    refused(failed, 'store.unavailable')
  })

  test('it is taken again by itself, with everything that was there, and work goes on', async () => {
    await server.up()
    await until(() => world.desk.store.isHeld())
    allowed(await act(world, 'meter', grant, 'put-telemetry'))
    mustBe(await ask(world, 'bot', ['shop/deploy,version=1'], { task: 'release' }))
    const revoked = mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough'))
    assert.equal(revoked.grant.state, 'ended')
  })
})
