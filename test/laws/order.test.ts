/** What comes after what: a line of a grant that waits for another action opens when that was answered, everywhere, and not before. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { Activity } from '../../src/control/activity.ts'
import { Endings } from '../../src/control/endings.ts'
import { completeGrant } from '../../src/control/end-grant.ts'
import { gatewayControl } from '../../src/control/gateway-control.ts'
import { openAfter, Orders } from '../../src/control/orders.ts'
import type { GatewayControl, Outcome } from '../../src/control/ports.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { Grant } from '../../src/model/grants.ts'
import { allowed, answered, ask, atWork, callOf, refused, refusedVerdict } from '../world/deeds.ts'
import { actionOf, asDocument } from '../world/shop.ts'
import { refund, tillDocument } from '../world/till.ts'
import { openWorld, type World } from '../world/world.ts'

const ordered = ['read:shop', 'till/refund,uses=2,after=shop/list-incidents']

/** The till, whose teller looks at incidents as well. */
function document() {
  const { policyFiles, ...rest } = tillDocument()
  const text =
    '@id("tellers-look") permit (principal in Role::"tellers", action == Action::"request", resource == Route::"shop/list-incidents");'
  return asDocument({ ...rest, policyFiles: [...(policyFiles as object[]), { name: 'order.cedar', text }] })
}

describe('an action that comes after another', () => {
  let world: World
  let here: GatewayControl
  let there: GatewayControl
  before(async () => {
    world = await openWorld({ document: document() })
    const { gate } = world.house
    here = world.gateway
    const own = { endings: new Endings(), refusals: new Map(), orders: new Orders(), activity: new Activity(gate.clock.now()) }
    there = gatewayControl({ ...gate, ...own })
  })
  after(() => world.close())

  async function look(gate: GatewayControl, grant: Grant, outcome: Outcome = answered) {
    const decision = allowed(await gate.authorize(callOf(world, await world.bearer('teller', grant.id), 'list-incidents')))
    gate.finish(decision, outcome)
    return decision
  }

  async function opened(grant: Grant) {
    const { size } = await world.house.database.tree()
    const numbered = await world.house.database.leaves(Math.max(0, size - 200), 200)
    const waiting = await world.house.database.outbox(200)
    return [...numbered, ...waiting]
      .filter(({ body = '' }) => body.includes('"line.opened"') && body.includes(grant.id))
      .map(({ body }) => body)
  }

  test('is refused until that one was answered, and says what it waits for', async () => {
    const grant = await atWork(world, 'teller', ordered)
    const early = await refund(world, here, grant)
    refusedVerdict(early, 'grant.order')
    assert.equal(early.outcome === 'deny' && early.refusal.detail, 'shop/list-incidents')
    await look(here, grant)
    // Asked in the same tick: what was told is waited for.
    allowed(await refund(world, here, grant))
    allowed(await refund(world, there, grant))
    refusedVerdict(await refund(world, there, grant), 'grant.uses-spent')
    await look(there, grant)
    assert.equal((await opened(grant)).length, 1, 'and it is told once')
    assert.match((await opened(grant))[0] ?? '', /"after":"shop\/list-incidents","decision":"dec_\w+","lines":\[1\]/)
  })

  const nothing: Record<string, Outcome> = {
    'an outcome that is not known': { ...answered, result: 'unknown' },
    'one that was cut': { ...answered, result: 'cut' },
    'one that never went out': { ...answered, result: 'not-sent' },
    'one that a proxy forwarded by itself': { ...answered, result: 'delegated' },
    'one that failed': { ...answered, result: 'failed' },
    'an answer of which the client took not all': { ...answered, reason: 'the client left' },
    'a status that says no': { ...answered, status: 404 },
    'an answer that says it was an error': { ...answered, says: 'error' },
  }
  for (const [says, outcome] of Object.entries(nothing)) {
    test(`does not come after ${says}`, async () => {
      const grant = await atWork(world, 'teller', ordered)
      await look(here, grant, outcome)
      refusedVerdict(await refund(world, here, grant), 'grant.order')
      assert.deepEqual(await opened(grant), [])
    })
  }

  test('does not come after the same action of another grant, nor after one that was refused', async () => {
    const [one, other] = [await atWork(world, 'teller', ordered), await atWork(world, 'teller', ordered)]
    await look(here, one)
    allowed(await refund(world, there, one))
    refusedVerdict(await refund(world, here, other), 'grant.order')
    refusedVerdict(await here.authorize(callOf(world, await world.bearer('teller', other.id), 'put-telemetry')), 'grant.not-covered')
    refusedVerdict(await refund(world, here, other), 'grant.order')
  })

  test('is opened at its home only by what the grant allows, and not by what is told after its end', async () => {
    const grant = await atWork(world, 'teller', ordered)
    const action = actionOf(world.desk.facts.service('shop'), 'list-incidents')
    const decision = { id: world.desk.chance.id('dec', 0), grant: grant.id, session: world.desk.chance.id('ses', 0), action }
    refused(await openAfter(world.desk, { decision: { ...decision, action: { ...action, effect: 'write' } } }), 'action.changed')
    refused(await openAfter(world.desk, { decision: { ...decision, action: { ...action, service: 'till' } } }), 'action.changed')
    refusedVerdict(await refund(world, here, grant), 'grant.order')
    mustBe(await completeGrant(world.desk, await world.caller('teller'), grant.id, ''))
    refused(await openAfter(world.desk, { decision }), 'grant.ended')
  })

  test('that waits for what the scope does not allow cannot be asked for', async () => {
    refused(await ask(world, 'teller', ['till/refund,after=shop/list-incidents']), 'scope.unknown')
    refused(await ask(world, 'teller', ['till/refund,after=till/nothing', 'read:shop']), 'scope.unknown')
    refused(await ask(world, 'teller', ['till/refund,after=till/refund']), 'scope.unknown')
  })

  test('is never done first, whatever is tried at whichever gateway in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ looks: fc.boolean(), isHere: fc.boolean(), isDone: fc.boolean() }), { maxLength: 8 }),
        async (steps) => {
          const grant = await atWork(world, 'teller', ['read:shop', 'till/refund,after=shop/list-incidents'])
          let isOpen = false
          for (const { looks, isHere, isDone } of steps) {
            const gate = isHere ? here : there
            if (looks) {
              await look(gate, grant, isDone ? answered : { ...answered, result: 'unknown' })
              isOpen ||= isDone
            } else {
              const verdict = await refund(world, gate, grant)
              assert.equal(verdict.outcome, isOpen ? 'allow' : 'deny')
              if (verdict.outcome === 'allow') gate.finish(verdict.decision, answered)
            }
          }
          mustBe(await completeGrant(world.desk, await world.caller('teller'), grant.id, ''))
        },
      ),
      { numRuns: 25 },
    )
  })
})
