/** Who can do what, asked of a whole Remit: what is said is so, and only those hear it who may. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { can, type Can, type CanQuestion } from '../../src/control/can.ts'
import type { Caller, Desk } from '../../src/control/desk.ts'
import { eligible } from '../../src/control/eligible.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { nearnesses, whoCan } from '../../src/control/who-can.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { describeSelector } from '../../src/model/selector.ts'
import { document } from '../world/approvers.ts'
import { act, ask, atWork, refused, refusedVerdict, start } from '../world/deeds.ts'
import { exceptionDeeds } from '../world/exceptions.ts'
import { openWorld, type World } from '../world/world.ts'

const identities = [
  { name: 'aide', kind: 'ai-agent', owner: 'ana' },
  { name: 'bot', kind: 'service-account', owner: 'ana' },
  { name: 'meter', kind: 'api-client', owner: 'cyd' },
]

describe('who can do what', () => {
  let world: World
  const { active } = exceptionDeeds(() => world)
  before(async () => {
    world = await openWorld({ document: document({ identities }) })
  })
  after(() => world.close())

  const seen = async (question: CanQuestion, by = 'eva'): Promise<Can> => mustBe(await can(world.desk, await world.caller(by), question))
  /** `now could approval` of each operation. */
  const told = ({ operations }: Can) =>
    Object.fromEntries(
      operations.map(({ reached, doing, asking }) => [
        reached.route.name,
        [doing[0]?.answer ?? 'no', asking.answer, ...asking.prices.map(({ requirement }) => describeSelector(requirement.selector))]
          .join(' ')
          .trim(),
      ]),
    )
  const who = async (effect: string, resource: string, by = 'eva', max = 100) =>
    mustBe(await whoCan(world.desk, await world.caller(by), { effect, resource, max }))
  const near = async (effect: string, resource: string, by = 'eva') =>
    Object.fromEntries((await who(effect, resource, by)).who.map(({ identity, nearness }) => [identity.name, nearness]))

  test('of an agent: what it could ask for, without anything now', async () => {
    const found = await seen({ name: 'aide' })
    assert.deepEqual(told(found), {
      'list-incidents': 'no may',
      restart: 'no may',
      deploy: 'no may',
      'put-telemetry': 'no may',
      wipe: 'no may',
    })
    const [first] = found.operations
    assert.deepEqual(first?.asking.ways, [
      { policy: 'agents-may-look-into-incidents', conditions: [{ name: 'context.task.kind', values: ['incident'] }] },
    ])
    assert.deepEqual(found.desk, [])
    assert.equal(found.operations.find(({ reached }) => reached.route.name === 'wipe')?.asking.prices[0]?.requirement.personsMin, 2)
  })

  test('of a bot: two ways, each at a price of its own', async () => {
    const found = await seen({ name: 'bot' })
    assert.equal(told(found)['deploy'], 'no may role:release-manager 2 of role:sre, identity:ana')
    assert.deepEqual(found.counts, { now: { yes: 0, may: 0, held: 0 }, could: { yes: 0, may: 0, withApproval: 5, never: 0 }, nothing: 0 })
  })

  test('of a meter: nothing of the shop, which is counted and shown when it is asked for', async () => {
    const found = await seen({ name: 'meter' })
    assert.deepEqual([found.operations.length, found.counts.nothing], [0, 5])
    assert.equal((await seen({ name: 'meter', all: true })).operations.length, 5)
  })

  test('of people: what they may at the desk, by policy, by exception, and by asking', async () => {
    const desk = async (name: string) =>
      (await seen({ name })).desk.map(({ action, right, asking }) => [action, right !== undefined, asking?.answer])
    assert.deepEqual(await desk('eva'), [
      ['approve', true, undefined],
      ['audit', true, undefined],
    ])
    assert.deepEqual(
      (await desk('ana')).filter(([, isNow]) => isNow).map(([action]) => action),
      (
        await Promise.all(
          ['approve', 'audit', 'stop', 'operate', 'administer'].map(async (action) => [action, await near(action, 'desk')] as const),
        )
      )
        .filter(([, found]) => found['ana'] === 'now')
        .map(([action]) => action),
    )
    const [administers] = (await seen({ name: 'ana' })).desk.filter(({ action }) => action === 'administer')
    assert.match(administers?.right?.under ?? '', /^exc_/, 'the first administrator is a dated exception')
  })

  test('under a grant: what it covers may be done now, and the hold is told with it', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents', 'shop/restart'])
    const found = await seen({ name: 'aide' })
    assert.deepEqual(told(found), {
      'list-incidents': 'yes may',
      restart: 'held may',
      deploy: 'no may',
      'put-telemetry': 'no may',
      wipe: 'no may',
    })
    assert.equal(found.operations[0]?.doing[0]?.grant.id, grant.id)
    assert.equal((await act(world, 'aide', grant, 'list-incidents')).outcome, 'allow')
    assert.equal((await act(world, 'aide', grant, 'restart', { service: 'checkout' })).outcome, 'held')
    assert.deepEqual(await near('execute', 'shop/restart'), { aide: 'now-held', ana: 'perhaps', ben: 'perhaps', bot: 'perhaps' })
    assert.equal((await near('read', 'shop'))['aide'], 'now')
  })

  test('acting for somebody: what both may, and what was granted to both', async () => {
    const grant = mustBe(await ask(world, 'ana', ['shop/deploy,version=7'], { actor: 'aide' }))
    await start(world, 'ana', grant.id, 'aide')
    assert.equal(told(await seen({ name: 'aide', actsFor: 'ana' }))['deploy'], 'may may', 'the version is pinned')
    assert.equal(told(await seen({ name: 'aide', actsFor: 'ana' }))['list-incidents'], 'no may', 'its own grant is none of both')
    assert.equal(told(await seen({ name: 'aide' }))['deploy'], 'may may', 'by itself everything it was lent counts')
    assert.deepEqual(told(await seen({ name: 'aide', actsFor: 'meter' })), {}, 'what only one of them may')
    const conditions = (await seen({ name: 'aide', actsFor: 'bot' })).operations[0]?.asking.ways.flatMap((way) => way.conditions)
    assert.deepEqual(
      conditions?.flatMap(({ values }) => values),
      ['incident', 'release', 'migration'],
      'of each what it asks',
    )
  })

  test('by an exception: what it reaches may be done now, under its name', async () => {
    const exception = await active()
    const [read] = (await seen({ name: 'bot' })).operations
    assert.deepEqual([read?.doing[0]?.answer, read?.doing[0]?.grant.exception], ['yes', exception.id])
    assert.equal((await act(world, 'bot', undefined, 'list-incidents')).outcome, 'allow')
    assert.equal((await near('read', 'shop/list-incidents'))['bot'], 'now')
  })

  test('of somebody quarantined: nothing, and why', async () => {
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'aide', 'odd'))
    const found = await seen({ name: 'aide' })
    assert.equal(found.stopped?.code, 'identity.quarantined')
    assert.deepEqual([found.operations, found.desk], [[], []])
    assert.equal((await near('read', 'shop'))['aide'], undefined)
    const bearer = await world.exchange('aide')
    assert.equal(bearer.ok, false)
    mustBe(await release(world.desk, await world.caller('ana'), 'aide', 'it was not'))
  })

  test('what is eligible by trying every kind of task is said to be possible, for everybody', async () => {
    for (const name of ['aide', 'bot', 'meter', 'ana', 'ben', 'eva']) {
      const caller = await world.caller(name)
      const found = mustBe(await can(world.desk, caller, { name }))
      const possible = new Set([
        ...found.operations
          .filter(({ asking }) => asking.answer === 'yes' || asking.answer === 'may')
          .map(({ reached }) => `shop/${reached.route.name}`),
        ...found.desk.filter(({ asking }) => asking?.answer === 'yes' || asking?.answer === 'may').map(({ action }) => `desk/${action}`),
      ])
      assert.deepEqual(new Set((await eligible(world.desk, caller, {})).map(({ resource }) => resource)), possible, name)
    }
  })

  test('is heard by the identity itself, its owner, and whoever may audit; to others it is not there', async () => {
    for (const by of ['aide', 'ana', 'eva', 'ben'])
      assert.equal((await can(world.desk, await world.caller(by), { name: 'aide' })).ok, true, by)
    for (const by of ['meter', 'bot', 'cyd', 'dan']) refused(await can(world.desk, await world.caller(by), { name: 'aide' }), 'not-found')
    refused(await can(world.desk, await world.caller('eva'), { name: 'nobody' }), 'not-found')
    refused(await can(world.desk, await world.caller('aide'), { name: 'aide', actsFor: 'ana' }), 'not-found')
    refused(await can(world.desk, await world.caller('eva'), { name: 'aide', service: 'shup' }), 'scope.unknown')
  })

  test('who can is told of those whom the caller may see, and nobody else is counted', async () => {
    assert.deepEqual(Object.keys(await near('any', 'shop', 'cyd')), [], 'neither they nor what they own could')
    assert.deepEqual(Object.keys(await near('approve', 'desk', 'cyd')), ['cyd'])
    assert.deepEqual(Object.keys(await near('approve', 'desk', 'eva')).toSorted(), ['ana', 'ben', 'cyd', 'dan', 'eva'])
    assert.deepEqual(Object.keys(await near('read', 'shop', 'aide')), ['aide'])
    const { counts, leftOut, who: named } = await who('read', 'shop', 'meter')
    assert.deepEqual([named, leftOut, Object.values(counts).reduce((sum, each) => sum + each, 0)], [[], 0, 0])
  })

  test('the nearest come first, those who are left out are counted, and what is not there is refused', async () => {
    const all = await who('any', 'shop')
    const places = all.who.map(({ nearness }) => nearnesses.indexOf(nearness))
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    )
    const one = await who('any', 'shop', 'eva', 1)
    assert.deepEqual([one.who[0]?.identity.name, one.leftOut], [all.who[0]?.identity.name, all.who.length - 1])
    const eva = await world.caller('eva')
    refused(await whoCan(world.desk, eva, { effect: 'read', resource: 'shup', max: 9 }), 'scope.unknown')
    refused(await whoCan(world.desk, eva, { effect: 'read', resource: 'shop/nothing', max: 9 }), 'scope.unknown')
    refused(await whoCan(world.desk, eva, { effect: 'actuate', resource: 'shop', max: 9 }), 'scope.empty')
    refused(await whoCan(world.desk, eva, { effect: 'everything', resource: 'shop', max: 9 }), 'input.invalid')
    refused(await whoCan(world.desk, eva, { effect: 'read', resource: 'desk/nothing', max: 9 }), 'scope.unknown')
  })

  test('whatever it takes, others have their turn in between, and what there is no time for is counted', async () => {
    const eva = await world.caller('eva')
    let passed = 0
    const slow = (each: number): { readonly desk: Desk; readonly caller: Caller; readonly turns: () => number } => {
      let turns = 0
      const clock = {
        ...world.desk.clock,
        now: () => world.clock.now() + (passed += each),
        after: (milliseconds: number, work: () => void) => world.clock.after(milliseconds, work),
        turn: async () => {
          turns += 1
        },
      }
      return { desk: { ...world.desk, clock }, caller: eva, turns: () => turns }
    }
    const some = slow(3)
    assert.equal(mustBe(await whoCan(some.desk, some.caller, { effect: 'any', resource: 'shop', max: 9 })).unseen, 0)
    assert.ok(some.turns() >= 5, `${some.turns()} turns`)
    const alike = slow(3)
    assert.equal(mustBe(await whoCan(alike.desk, alike.caller, { effect: 'audit', resource: 'desk', max: 9 })).unseen, 0)
    assert.ok(alike.turns() >= 3, `${alike.turns()} turns where there is nothing to ask for`)
    const { unseen } = mustBe(await whoCan(slow(4_000).desk, eva, { effect: 'any', resource: 'shop', max: 9 }))
    assert.ok(unseen > 0)
  })

  test('what could be asked for only is not there now, and is refused', async () => {
    const grants = await near('administer', 'shop/wipe')
    assert.equal(grants['aide'], 'perhaps', 'the two persons that the tier demands could say yes')
    refusedVerdict(await act(world, 'aide', undefined, 'wipe'), 'grant.missing')
  })
})
