/** After a restore nothing of before permits anything: the law of the new epoch, tried on a world in full work. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { beginEpoch, type EpochStart } from '../../src/control/new-epoch.ts'
import { codeHash, inviteGateway } from '../../src/control/gateways.ts'
import { beginRegistration, makeInvitation } from '../../src/control/people.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import type { Grant } from '../../src/model/grants.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { act, allowed, ask, atWork, callOf, held, refused, refusedVerdict } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const start: EpochStart = {
  epoch: 2,
  reason: 'restored from a backup',
  size: 40,
  lastHead: 'a note',
  keepSecrets: false,
  administrator: 'ana',
}

describe('a new epoch', () => {
  let world: World
  let working: Grant
  let pending: Grant
  before(async () => {
    world = await openWorld({ document: shopDocument() })
    working = await atWork(world, 'meter', ['shop/put-telemetry'])
    pending = mustBe(await ask(world, 'bot', ['shop/deploy,version=1'], { task: 'release' }))
    await atWork(world, 'aide', ['shop/restart'])
    held(await world.gateway.authorize(callOf(world, await world.bearer('aide'), 'restart', { service: 'a' })))
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'bot', 'odd'))
  })
  after(() => world.close())

  test('what was under way is refused at the door in the same breath, and nothing is open afterwards', async () => {
    const bearer = await world.bearer('meter', working.id)
    const decision = allowed(await world.gateway.authorize(callOf(world, bearer, 'put-telemetry')))
    const cuts: string[] = []
    world.gateway.onEnd(decision.session, (reason) => cuts.push(reason))
    const code = reveal(mustBe(await inviteGateway(world.desk, await world.caller('ana'), { name: 'edge-1', gateway: 'http' })).code)
    const begun = mustBe(await beginEpoch(world.desk, start))
    assert.equal(begun.gateways, 1)
    const left = await world.desk.store.read((tx) => tx.find('gateway', { codeHash: codeHash(code) }))
    assert.deepEqual(
      left.map(({ state }) => state),
      ['removed'],
      'one that was removed since the backup must not be back',
    )
    assert.equal(cuts.length, 1)
    refused(world.gateway.stands(decision), 'credential.invalid')
    refusedVerdict(await world.gateway.authorize(callOf(world, bearer, 'put-telemetry')), 'credential.invalid')
    assert.deepEqual([...world.desk.facts.openGrants()], [])
    assert.deepEqual([...world.desk.facts.liveSessions()], [])
    assert.deepEqual(
      [...world.desk.facts.holds()].filter((hold) => hold.state === 'waiting' || hold.state === 'approved'),
      [],
    )
    assert.equal(begun.grants, 2, 'of two: the quarantine had ended the third')
  })

  test('a request of before cannot be approved, and a new one is a new question', async () => {
    assert.equal((await world.answer('eva', pending.id, 'approve')).ok, false)
    const again = await atWork(world, 'meter', ['shop/put-telemetry'])
    assert.notEqual(again.id, working.id)
    allowed(await act(world, 'meter', again, 'put-telemetry'))
  })

  test('who was contained stays so until a person lifts it', async () => {
    assert.notEqual(world.person('bot').quarantine, undefined)
    mustBe(await release(world.desk, await world.caller('ben'), 'bot', 'looked at'))
    assert.equal(world.person('bot').quarantine, undefined)
  })

  test('nobody administers but the one who was named, by an exception with an end', () => {
    const standing = [...world.desk.facts.exceptions()].filter((each) => each.state === 'active')
    assert.deepEqual(
      standing.map((each) => [each.identity, each.expiresAt > world.clock.now()]),
      [[world.person('ana').id, true]],
    )
  })

  test('links of before open nothing', async () => {
    const { link } = mustBe(await world.desk.store.change((tx) => makeInvitation(world.desk, tx, { name: 'zoe', by: 'test' })))
    mustBe(await beginEpoch(world.desk, { ...start, epoch: 3 }))
    refused(await beginRegistration(world.desk, { link: link === undefined ? '' : reveal(link) }), 'link.invalid')
  })

  test('the ledger names the epoch, why, and the last head that was known', async () => {
    await world.house.sequencer.flush()
    const { size } = await world.house.database.tree()
    const bodies = (await world.house.database.leaves(0, size)).map(({ body = '' }) => body)
    const begun = bodies.filter((body) => body.includes('"epoch.begun"'))
    assert.equal(begun.length, 2)
    assert.match(begun[0] ?? '', /"epoch":2.*"lastHead":"a note".*"size":40/)
    assert.equal(bodies.filter((body) => body.includes('"epoch.settled"')).length, 2)
  })

  test('begun twice, as after a crash in the middle, it is the same', async () => {
    const once = mustBe(await beginEpoch(world.desk, { ...start, epoch: 4 }))
    assert.deepEqual([once.grants, once.links], [0, 0])
  })
})
