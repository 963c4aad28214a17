/** A restart: everything that was acknowledged is there, and every end still comes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { firstLink, beginRegistration, makeInvitation } from '../../src/control/people.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { sweep } from '../../src/control/sweep.ts'
import { openHouse } from '../../src/main/house.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { act, allowed, ask, atWork, callOf, held, hour, minute, refused, refusedVerdict, start } from '../world/deeds.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, testParts, type World } from '../world/world.ts'
import { TestClock } from '../world/clock.ts'

const owned = `${shopPolicies}
@id("what-ana-owns-may-deploy")
permit (principal is Robot, action == Action::"request", resource == Route::"shop/deploy")
when { principal.owner == Human::"ana" };
`
const robots = Array.from({ length: 12 }, (_, number) => ({ name: `robot-${number}`, kind: 'robot', owner: 'ana' }))
const document = shopDocument({
  policyFiles: [{ name: 'shop.cedar', text: owned }],
  identities: [
    { name: 'aide', kind: 'ai-agent', owner: 'ana' },
    { name: 'bot', kind: 'service-account', owner: 'ana' },
    { name: 'meter', kind: 'api-client', owner: 'ben' },
    ...robots,
  ],
})

describe('after a restart', () => {
  let world: World
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'remit-restart-'))
    world = await openWorld({ document, storePath: join(folder, 'remit.sqlite') })
  })
  after(async () => {
    await world.close()
    rmSync(folder, { recursive: true })
  })

  test('whoever could ask because of their owner still can', async () => {
    await world.restart()
    for (const { name } of robots) assert.equal((await ask(world, name, ['shop/deploy'])).ok, true, name)
  })

  test('a live grant is live, its uses are counted, and its end comes at its millisecond', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents,uses=3'], { duration: 10 * minute, idle: hour })
    allowed(await act(world, 'aide', grant, 'list-incidents'))
    const bearer = await world.bearer('aide', grant.id)
    await world.restart()
    allowed(await world.gateway.authorize(callOf(world, bearer, 'list-incidents')))
    allowed(await act(world, 'aide', grant, 'list-incidents'))
    refusedVerdict(await act(world, 'aide', grant, 'list-incidents'), 'grant.uses-spent')
    const other = await atWork(world, 'aide', ['shop/list-incidents'], { duration: 10 * minute, idle: hour })
    world.clock.advance(10 * minute - 1)
    await world.restart()
    const last = await world.bearer('aide', other.id)
    allowed(await world.gateway.authorize(callOf(world, last, 'list-incidents')))
    world.clock.advance(1)
    assert.equal((await world.gateway.authorize(callOf(world, last, 'list-incidents'))).outcome, 'deny')
    await sweep(world.desk, world.house.gate.activity)
    assert.equal(world.desk.facts.grant(other.id)?.ending?.how, 'expired')
  })

  test('a grant whose end came while nothing ran has ended before anybody is served', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents'], { duration: 10 * minute })
    world.clock.advance(11 * minute)
    await world.restart()
    refused(await world.exchange('aide', { grant: grant.id }), 'grant.ended')
    await sweep(world.desk, world.house.gate.activity)
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'ended')
  })

  test('an ended session stays ended, a spent approval stays spent, one that waits can be answered', async () => {
    const grant = await atWork(world, 'aide', ['shop/restart'])
    const call = callOf(world, await world.bearer('aide', grant.id), 'restart', { service: 'checkout' })
    const hold = held(await world.gateway.authorize(call))
    await world.restart()
    assert.equal(held(await world.gateway.authorize(call)), hold)
    mustBe(await world.answer('ben', hold, 'approve'))
    await world.restart()
    allowed(await world.gateway.authorize(call))
    await world.restart()
    assert.notEqual(held(await world.gateway.authorize(call)), hold)
  })

  test('a quarantine, a token’s address and a wrapper’s promise are remembered', async () => {
    const exchanged = mustBe(await world.exchange('aide', { audience: 'urn:remit:main:gateway:http' }))
    mustBe(await world.gateway.identify(reveal(exchanged.token), '127.0.0.1'))
    const grant = await atWork(world, 'bot', ['shop/deploy'], { task: 'release' }).catch(() => undefined)
    assert.equal(grant, undefined, 'it waits for its approver')
    const beating = await atWork(world, 'aide', ['shop/list-incidents'], { heartbeat: 2_000 })
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'meter', 'odd'))
    await world.restart()
    refused(await world.gateway.identify(reveal(exchanged.token), '127.0.0.2'), 'credential.elsewhere')
    refused(await world.exchange('meter'), 'identity.quarantined')
    world.clock.advance(6_001)
    await sweep(world.desk, world.house.gate.activity)
    assert.equal(world.desk.facts.grant(beating.id)?.ending?.how, 'abandoned')
    mustBe(await release(world.desk, await world.caller('ben'), 'meter', 'fine'))
  })

  test('a request that waits is still the one that was signed for', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    await world.restart()
    mustBe(await world.answer('eva', grant.id, 'approve'))
    await world.restart()
    assert.equal((await start(world, 'bot', grant.id)).state, 'active')
  })
})

test('only the newest first link opens the door, and none after somebody came in by it', async () => {
  const house = mustBe(await openHouse(testParts(3, ':memory:', new TestClock())))
  const open = (link: string) => beginRegistration(house.desk, { link, name: 'ana' })
  const texts: string[] = []
  for (let start = 0; start < 3; start += 1) {
    const link = mustBe(await firstLink(house.desk))
    if (link !== undefined) texts.push(reveal(link))
  }
  const [first = '', second = '', third = ''] = texts
  refused(await open(first), 'link.invalid')
  refused(await open(second), 'link.invalid')
  assert.equal((await open(third)).ok, true)
  mustBe(await house.desk.store.change((tx) => makeInvitation(house.desk, tx, { name: 'ben', by: 'test' })))
  assert.equal((await open(third)).ok, true, 'an invitation is another door')
  await house.close()
})
