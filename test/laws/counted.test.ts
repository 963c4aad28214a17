/** Counted things have one home: uses, sums and rates over several gateways, and approvals that are spent once, or not at all. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Activity } from '../../src/control/activity.ts'
import { Endings } from '../../src/control/endings.ts'
import { gatewayControl } from '../../src/control/gateway-control.ts'
import { settle } from '../../src/control/home.ts'
import { Orders } from '../../src/control/orders.ts'
import type { GatewayControl } from '../../src/control/ports.ts'
import { Fraction } from '../../src/kernel/json.ts'
import { describeProblem, retryAfterSeconds } from '../../src/kernel/problems.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { Grant } from '../../src/model/grants.ts'
import { allowed, answered, ask, atWork, held, minute, refused, refusedVerdict, start } from '../world/deeds.ts'
import { actionOf } from '../world/shop.ts'
import { refund, tillDocument } from '../world/till.ts'
import { openWorld, type World } from '../world/world.ts'

/** The world's own gateway and another one over the same desk. */
function twoGates(world: World): readonly [GatewayControl, GatewayControl] {
  const { gate } = world.house
  return [
    world.gateway,
    gatewayControl({
      ...gate,
      endings: new Endings(),
      refusals: new Map(),
      orders: new Orders(),
      activity: new Activity(gate.clock.now()),
    }),
  ]
}

describe('what is counted', () => {
  let world: World
  let gates: readonly [GatewayControl, GatewayControl]
  before(async () => {
    world = await openWorld({ document: tillDocument() })
    gates = twoGates(world)
  })
  after(() => world.close())
  const taken = (grant: Grant, line = 0) => world.desk.store.read((tx) => tx.get('uses', `${grant.id}/${line}`))

  test('a sum is never passed, however many gateways add to it at once, and the last cent is given', async () => {
    const grant = await atWork(world, 'teller', ['till/refund,amount<=50,sum(amount)<=500'])
    const verdicts = await Promise.all(
      Array.from({ length: 30 }, (_, each) => refund(world, gates[each % 2 === 0 ? 0 : 1], grant, { amount: new Fraction('33.3333') })),
    )
    assert.equal(verdicts.filter(({ outcome }) => outcome === 'allow').length, 15)
    for (const verdict of verdicts) if (verdict.outcome !== 'allow') refusedVerdict(verdict, 'grant.sum-spent')
    assert.equal((await taken(grant))?.sum, 4_999_995)
    refusedVerdict(await refund(world, gates[0], grant, { amount: new Fraction('0.0006') }), 'grant.sum-spent')
    refusedVerdict(await refund(world, gates[1], grant, { amount: new Fraction('50.0001') }), 'grant.arguments')
    refusedVerdict(await refund(world, gates[1], grant), 'grant.arguments')
    allowed(await refund(world, gates[1], grant, { amount: -499 }))
    refusedVerdict(await refund(world, gates[0], grant, { amount: new Fraction('0.0006') }), 'grant.sum-spent')
    allowed(await refund(world, gates[1], grant, { amount: new Fraction('0.0005') }))
    const full = await refund(world, gates[1], grant, { amount: 0 })
    refusedVerdict(full, 'grant.sum-spent')
    assert.match(full.outcome === 'deny' ? describeProblem(full.refusal).detail : '', /amount has come to 500 of 500$/)
  })

  test('a rate is never passed in any stretch of its length; the refusal says when to come again, and that is true', async () => {
    const grant = await atWork(world, 'teller', ['till/refund,rate=3/1m'])
    const verdicts = await Promise.all(Array.from({ length: 10 }, (_, each) => refund(world, gates[each % 2 === 0 ? 0 : 1], grant)))
    assert.equal(verdicts.filter(({ outcome }) => outcome === 'allow').length, 3)
    const late = await refund(world, gates[1], grant)
    refusedVerdict(late, 'grant.rate')
    const seconds = Number(late.outcome === 'deny' ? retryAfterSeconds(late.refusal) : undefined)
    assert.ok(seconds >= 60 && seconds <= 62, `${seconds}`)
    world.clock.advance(59_999)
    refusedVerdict(await refund(world, gates[0], grant), 'grant.rate')
    world.clock.advance(seconds * 1_000 - 59_999)
    allowed(await refund(world, gates[0], grant))
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'active')
  })

  test('an uncounted line goes before a counted one, and one with room before one without', async () => {
    const grant = await atWork(world, 'teller', ['till/refund,sum(amount)<=10', 'till/refund,uses=1', 'till/refund,note=gift'])
    allowed(await refund(world, gates[0], grant, { amount: 9, note: 'gift' }))
    assert.equal(await taken(grant, 0), undefined)
    allowed(await refund(world, gates[0], grant, { amount: 9 }))
    allowed(await refund(world, gates[1], grant, { amount: 9 }))
    refusedVerdict(await refund(world, gates[1], grant, { amount: 9 }), 'grant.sum-spent')
    assert.deepEqual([(await taken(grant, 0))?.sum, (await taken(grant, 1))?.spent], [90_000, 1])
  })

  test('a grant whose sum is full has ended when its last action is over; one that only has a rate has not', async () => {
    const [full, slow] = [
      await atWork(world, 'teller', ['till/refund,sum(amount)<=5']),
      await atWork(world, 'teller', ['till/refund,rate=1/1m']),
    ]
    for (const [grant, amount] of [
      [full, 5],
      [slow, 5],
    ] as const)
      gates[0].finish(allowed(await refund(world, gates[0], grant, { amount })), answered)
    await world.desk.store.change(async () => ({ ok: true, value: undefined }))
    assert.deepEqual(
      [full, slow].map(({ id }) => world.desk.facts.grant(id)?.ending?.how),
      ['exhausted', undefined],
    )
  })

  test('is asked for in words that are read, signed, lowered by an approver, and never raised', async () => {
    refused(await ask(world, 'teller', ['till/refund,sum(price)<=5']), 'scope.unknown')
    refused(await ask(world, 'teller', ['till/refund,sum(note)<=5']), 'scope.unknown')
    refused(await ask(world, 'ben', ['desk/administer,rate=1/1m'], { task: 'desk' }), 'input.invalid')
    const asked = async () => mustBe(await ask(world, 'teller', ['till/refund,sum(amount)<=500,rate=10/1m,uses=9'], { task: 'release' }))
    const [one, other] = [await asked(), await asked()]
    assert.notEqual(one.digest, other.digest)
    for (const narrowing of [
      { sums: { '0': 501 } },
      { rates: { '0': 11 } },
      { sums: { '0': 0 } },
      { sums: { '1': 1 } },
      { rates: { '0': 1.5 } },
    ])
      refused(await world.answer('eva', one.id, 'approve', narrowing), 'approval.widens')
    mustBe(await world.answer('eva', one.id, 'approve', { sums: { '0': 20 }, rates: { '0': 2 }, uses: { '0': 3 } }))
    assert.deepEqual(world.desk.facts.grant(one.id)?.scope, [
      { resource: 'till/refund', uses: 3, sum: { argument: 'amount', atMost: 20 }, rate: { atMost: 2, window: minute } },
    ])
    const grant = await start(world, 'teller', one.id)
    allowed(await refund(world, gates[0], grant, { amount: 1 }))
    allowed(await refund(world, gates[1], grant, { amount: 1 }))
    refusedVerdict(await refund(world, gates[1], grant, { amount: 1 }), 'grant.rate')
  })
})

describe('an approval of a held action', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: tillDocument() })
  })
  after(() => world.close())

  /** A booking on a line of one use, held, and approved. */
  async function approvedBooking() {
    const grant = await atWork(world, 'teller', ['till/book,uses=1'])
    const bearer = await world.bearer('teller', grant.id)
    const action = actionOf(world.desk.facts.service('till'), 'book', { amount: 3 })
    const material = { method: 'POST', target: '/bookings', headers: [], bodySha256: 'a' }
    const call = { bearer, action, material }
    const hold = held(await world.gateway.authorize(call))
    mustBe(await world.answer('ben', hold, 'approve'))
    return { grant, call, hold }
  }

  test('is spent once by whichever gateway comes first, and its use with it', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const { grant, call } = await approvedBooking()
      const [one, other] = twoGates(world)
      const verdicts = await Promise.all([one, other, one, other].map(async (gate) => gate.authorize(call)))
      assert.equal(verdicts.filter(({ outcome }) => outcome === 'allow').length, 1)
      assert.equal(world.desk.facts.counted(grant.id, 0).spent, 1)
    }
  })

  test('stays whole where there is no use left for it: nothing is half spent', async () => {
    const { grant, hold } = await approvedBooking()
    const bearer = await world.bearer('teller', grant.id)
    const action = actionOf(world.desk.facts.service('till'), 'book', { amount: 3 })
    const session = world.desk.facts.sessionOf(bearer.claims.jti, grant.id)?.id ?? 'ses_'
    const spend = { bearer, action, grant: grant.id, session, line: 0 }
    mustBe(await settle(world.desk, spend))
    refused(await settle(world.desk, { ...spend, hold }), 'grant.uses-spent')
    assert.equal(world.desk.facts.hold(hold)?.state, 'approved')
    assert.equal((await world.desk.store.read((tx) => tx.get('hold', hold)))?.state, 'approved')
  })

  test('is not spent for another grant, and no line pays for an action that is not its own', async () => {
    const { grant, hold, call } = await approvedBooking()
    const other = await atWork(world, 'teller', ['till/refund,uses=1'])
    const session = 'ses_'
    refused(await settle(world.desk, { bearer: call.bearer, action: call.action, grant: other.id, session, hold }), 'action.changed')
    assert.equal(world.desk.facts.hold(hold)?.state, 'approved')
    refused(await settle(world.desk, { bearer: call.bearer, action: call.action, grant: other.id, session, line: 0 }), 'action.changed')
    refused(await settle(world.desk, { bearer: call.bearer, action: call.action, grant: grant.id, session, line: 1 }), 'action.changed')
    assert.equal(world.desk.facts.counted(other.id, 0).spent, 0)
  })
})
