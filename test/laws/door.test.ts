/** The door: what was decided is asked again in the tick that sends the first byte, and whatever changed meanwhile is a no. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { revokeSecret } from '../../src/control/credentials.ts'
import { completeGrant, revokeGrant } from '../../src/control/end-grant.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { extendGrant } from '../../src/control/work-window.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { act, allowed, atWork, callOf, configure, held, hour, minute, refused } from '../world/deeds.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

describe('at the door', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: shopDocument() })
  })
  after(() => world.close())
  /** As it was before what the last test changed. */
  beforeEach(async () => {
    for (const { name, quarantine } of world.desk.facts.identities()) {
      if (quarantine !== undefined) mustBe(await release(world.desk, await world.caller('ben'), name, 'again'))
    }
    await configure(world, shopDocument())
    for (const grant of world.desk.facts.openGrants()) mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'again'))
  })

  const roles = {
    sre: ['ben'],
    'release-manager': ['eva'],
    operators: ['ben'],
    auditors: ['eva'],
    'incident-agents': ['aide'],
    'release-bots': ['bot'],
    meters: ['meter'],
  }

  const changes: Record<string, (world: World) => Promise<unknown>> = {
    'the grant was revoked': async (world) => {
      const [grant] = [...world.desk.facts.openGrants()]
      return mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant?.id ?? 'grn_', 'stop'))
    },
    'the task was done': async (world) => {
      const [grant] = [...world.desk.facts.openGrants()]
      return mustBe(await completeGrant(world.desk, await world.caller('aide'), grant?.id ?? 'grn_', 'done'))
    },
    'its identity was quarantined': async (world) => mustBe(await quarantine(world.desk, await world.caller('ben'), 'aide', 'odd')),
    'its owner was quarantined': async (world) => mustBe(await quarantine(world.desk, await world.caller('ben'), 'ana', 'odd')),
    'its owner left': (world) =>
      configure(world, shopDocument({ people: [{ name: 'ana', disabled: true }, { name: 'ben' }, { name: 'eva' }] })),
    'it was disabled': (world) => {
      const identities = [
        { name: 'aide', kind: 'ai-agent', owner: 'ana', disabled: true },
        { name: 'bot', kind: 'service-account', owner: 'ana' },
        { name: 'meter', kind: 'api-client', owner: 'ben' },
      ]
      return configure(world, shopDocument({ identities }))
    },
    'its secret was revoked': async (world) => {
      const aide = world.person('aide')
      for (const { id } of world.desk.facts.credentialsOf(aide.id)) mustBe(await revokeSecret(world.desk, await world.caller('ana'), id))
    },
    'it lost the role that let it ask': (world) => configure(world, shopDocument({ roles: { ...roles, 'incident-agents': [] } })),
    'other policies came into force': (world) => {
      const text = shopPolicies.replace('"20m"', '"19m"')
      return configure(world, shopDocument({ policyFiles: [{ name: 'shop.cedar', text }] }))
    },
    'its time came': async (world) => world.clock.advance(20 * minute),
  }
  for (const [says, change] of Object.entries(changes)) {
    test(`nothing passes after ${says}`, async () => {
      const grant = await atWork(world, 'aide', ['read:shop'], { idle: 2 * hour })
      const decision = allowed(await act(world, 'aide', grant, 'list-incidents'))
      assert.equal(world.gateway.stands(decision).ok, true, 'it stood before')
      await change(world)
      assert.equal(world.gateway.stands(decision).ok, false)
    })
  }

  test("nothing passes after the end of an identity's own token, a quarter of an hour", async () => {
    await atWork(world, 'aide', ['read:shop'], { idle: 2 * hour })
    const decision = allowed(await act(world, 'aide', undefined, 'list-incidents'))
    world.clock.advance(15 * minute - 1)
    assert.equal(world.gateway.stands(decision).ok, true)
    world.clock.advance(1)
    assert.equal(world.gateway.stands(decision).ok, false)
  })

  const others: Record<string, (world: World) => Promise<unknown>> = {
    'another identity is quarantined': async (world) => mustBe(await quarantine(world.desk, await world.caller('ben'), 'meter', 'odd')),
    'another grant of the same identity ends': async (world) => {
      const other = await atWork(world, 'aide', ['shop/restart'])
      mustBe(await revokeGrant(world.desk, await world.caller('ben'), other.id, 'stop'))
    },
    'another identity loses its role': (world) => configure(world, shopDocument({ roles: { ...roles, meters: [] } })),
    'somebody joins': (world) =>
      configure(world, shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'zoe' }] })),
    'the grant is extended': async (world) => {
      const [grant] = [...world.desk.facts.openGrants()]
      mustBe(await extendGrant(world.desk, await world.caller('aide'), grant?.id ?? 'grn_', { milliseconds: minute, reason: 'more' }))
    },
  }
  for (const [says, change] of Object.entries(others)) {
    test(`what was decided still passes while ${says}`, async () => {
      const grant = await atWork(world, 'aide', ['read:shop'], { idle: 2 * hour })
      const decision = allowed(await act(world, 'aide', grant, 'list-incidents'))
      await change(world)
      assert.deepEqual(world.gateway.stands(decision), { ok: true, value: undefined })
    })
  }

  test('a role that brings a guardrail on arguments along stops what was decided without it', async () => {
    const text = `${shopPolicies}\n@id("suspects-leave-checkout-alone")\nforbid (principal in Role::"suspects", action == Action::"http:shop/restart", resource)\nwhen { context.arguments.service == "checkout" };\n`
    const policyFiles = [{ name: 'shop.cedar', text }]
    await configure(world, shopDocument({ policyFiles, roles: { ...roles, suspects: [] } }))
    const grant = await atWork(world, 'aide', ['shop/restart'])
    const bearer = await world.bearer('aide', grant.id)
    const decide = async (service: string) => {
      const call = callOf(world, bearer, 'restart', { service })
      mustBe(await world.answer('ben', held(await world.gateway.authorize(call)), 'approve'))
      return allowed(await world.gateway.authorize(call))
    }
    const [checkout, search] = [await decide('checkout'), await decide('search')]
    await configure(world, shopDocument({ policyFiles, roles: { ...roles, suspects: ['aide'] } }))
    refused(world.gateway.stands(checkout), 'action.forbidden')
    assert.equal(world.gateway.stands(search).ok, true)
  })

  test('an action that its approval let through passes although the policy that held it still does', async () => {
    const grant = await atWork(world, 'aide', ['shop/restart'])
    const call = callOf(world, await world.bearer('aide', grant.id), 'restart', { service: 'checkout' })
    const verdict = await world.gateway.authorize(call)
    if (verdict.outcome !== 'held') return assert.fail(verdict.outcome)
    mustBe(await world.answer('ben', verdict.hold, 'approve'))
    const decision = allowed(await world.gateway.authorize(call))
    await configure(world, shopDocument({ roles: { ...roles, meters: [] } }))
    assert.equal(world.gateway.stands(decision).ok, true)
  })
})
