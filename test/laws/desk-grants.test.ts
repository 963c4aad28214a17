/** Remit's own desk is asked for like anything else: for a while, for one task, by people, and never without another person. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { planChange, proposeChange } from '../../src/control/change-sets.ts'
import { eligible } from '../../src/control/eligible.ts'
import { completeGrant, revokeGrant } from '../../src/control/end-grant.ts'
import { invite } from '../../src/control/people.ts'
import { callerMay } from '../../src/control/rights.ts'
import { sweep } from '../../src/control/sweep.ts'
import type { GrantId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { readConfiguration } from '../../src/model/configuration.ts'
import { addPerson, ask, configure, hour, minute, refused, start } from '../world/deeds.ts'
import { asDocument, shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const roles = {
  sre: ['ben'],
  'release-manager': ['eva'],
  operators: ['ben'],
  auditors: ['eva'],
  administrators: ['ben', 'cyd', 'aide'],
  'incident-agents': ['aide'],
  'release-bots': ['bot'],
  meters: ['meter'],
}
const people = ['ana', 'ben', 'cyd', 'eva', 'fay'].map((name) => ({ name }))
const base = (more: Readonly<Record<string, unknown>> = {}) => shopDocument({ people, roles, ...more })
const withPolicies = (text: string) => base({ policyFiles: [{ name: 'shop.cedar', text: shopPolicies + text }] })
const task = { task: 'configuration' }

describe('a grant for the desk', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: base() })
  })
  after(() => world.close())

  const may = async (name: string, action: 'operate' | 'administer' = 'administer', actor?: string) =>
    callerMay(world.desk, await world.caller(name, actor), action)
  const atTheDesk = async (name = 'ben', scope = 'desk/administer') => {
    const grant = mustBe(await ask(world, name, [scope], task))
    mustBe(await world.answer('cyd', grant.id, 'approve'))
    return start(world, name, grant.id)
  }
  const end = async (id: GrantId) => mustBe(await revokeGrant(world.desk, await world.caller('ben'), id, 'again'))
  const ledger = async () => {
    await world.house.sequencer.flush()
    const { size } = await world.house.database.tree()
    return (await world.house.database.leaves(Math.max(0, size - 30), 30)).map(
      (leaf): { kind: string; actor: string; facts: Record<string, unknown> } => JSON.parse(leaf.body ?? '{}'),
    )
  }

  test('is asked for, signed by another administrator or an auditor, and lets its own chain do that one thing while it lives', async () => {
    refused(await may('ben'), 'caller.not-allowed')
    const grant = mustBe(await ask(world, 'ben', ['desk/administer'], task))
    assert.deepEqual([grant.state, grant.tier, grant.duration, grant.durationMax], ['pending', 2, 30 * minute, hour])
    refused(await world.answer('ben', grant.id, 'approve'), 'approval.own-request')
    refused(await world.answer('fay', grant.id, 'approve'), 'approval.not-approver')
    refused(await may('ben'), 'caller.not-allowed')
    mustBe(await world.answer('eva', grant.id, 'approve'))
    refused(await may('ben'), 'caller.not-allowed')
    await start(world, 'ben', grant.id)
    assert.equal(mustBe(await may('ben')).under, grant.id)
    refused(await may('ben', 'operate'), 'caller.not-allowed')
    refused(await may('cyd'), 'caller.not-allowed')
    assert.equal((await may('ben', 'administer', 'aide')).ok, false, 'an agent that acts for them has nothing of it')
    await addPerson(world, 'gil')
    mustBe(await invite(world.desk, await world.caller('ben'), 'gil'))
    const invited = (await ledger()).findLast((entry) => entry.kind === 'link.issued')
    assert.deepEqual([invited?.actor, invited?.facts['under']], ['ben', grant.id], 'the ledger names the grant')
    mustBe(await completeGrant(world.desk, await world.caller('ben'), grant.id, 'done'))
    refused(await invite(world.desk, await world.caller('ben'), 'hal'), 'caller.not-allowed')
  })

  test('what is proposed under it names it, and what is applied under the first administrator’s exception that', async () => {
    const grant = await atTheDesk()
    const changed = base({ roles: { ...roles, sre: ['ben', 'cyd'] } })
    assert.equal(mustBe(await proposeChange(world.desk, await world.caller('ben'), { document: changed })).changeSet?.state, 'proposed')
    assert.equal((await ledger()).findLast((entry) => entry.kind === 'change-set.proposed')?.facts['under'], grant.id)
    await end(grant.id)
    const narrower = base({ roles: { ...roles, sre: [] } })
    assert.equal(mustBe(await proposeChange(world.desk, await world.caller('ana'), { document: narrower })).changeSet?.state, 'applied')
    const by = (await ledger()).findLast((entry) => entry.kind === 'configuration.applied')
    assert.match(String(by?.facts['under']), /^exc_/)
    await configure(world, base())
  })

  test('ends with its time, with ten idle minutes, with the role of either side, and with nothing else', async () => {
    const idle = await atTheDesk()
    world.clock.advance(10 * minute - 1)
    await sweep(world.desk, world.desk.activity)
    await addPerson(world, 'ian')
    mustBe(await invite(world.desk, await world.caller('ben'), 'ian'))
    world.clock.advance(10 * minute - 1)
    await sweep(world.desk, world.desk.activity)
    assert.equal(mustBe(await may('ben')).under, idle.id, 'it was used')
    world.clock.advance(1)
    await sweep(world.desk, world.desk.activity)
    assert.equal(world.desk.facts.grant(idle.id)?.ending?.how, 'abandoned')

    const timed = await atTheDesk()
    world.clock.advance(30 * minute)
    refused(await may('ben'), 'caller.not-allowed')
    assert.equal(world.desk.facts.grant(timed.id)?.state, 'active', 'nobody had swept yet')
    await sweep(world.desk, world.desk.activity)

    for (const administrators of [['cyd'], ['ben']]) {
      const grant = await atTheDesk()
      await configure(world, base({ roles: { ...roles, administrators } }))
      assert.equal(world.desk.facts.grant(grant.id)?.ending?.how, 'revoked', administrators.join())
      refused(await may('ben'), 'caller.not-allowed')
      await configure(world, base())
      refused(await may('ben'), 'caller.not-allowed')
    }
  })

  test('given to somebody who acts for somebody serves neither of them alone', async () => {
    const grant = mustBe(await ask(world, 'cyd', ['desk/administer'], { ...task, actor: 'ben' }))
    refused(await world.answer('cyd', grant.id, 'approve'), 'approval.own-request')
    mustBe(await world.answer('eva', grant.id, 'approve'))
    await start(world, 'cyd', grant.id, 'ben')
    assert.equal(mustBe(await may('cyd', 'administer', 'ben')).under, grant.id)
    refused(await may('ben'), 'caller.not-allowed')
    refused(await may('cyd'), 'caller.not-allowed')
    await end(grant.id)
  })

  const machines = `@id("machines-too") permit (principal, action == Desk::Action::"ask", resource == Desk::Operation::"administer");`
  const broad = `@id("anything") permit (principal is Human in Role::"operators", action == Action::"request", resource);`
  const cannot: readonly (readonly [says: string, who: string, actor: string | undefined, policies: string])[] = [
    ['without the role', 'fay', undefined, ''],
    ['an agent in the role', 'aide', undefined, ''],
    ['by a rule about any resource', 'fay', undefined, broad.replace('operators', 'sre').replace('in Role::"sre"', '')],
    [
      'against a guardrail on its effect',
      'ben',
      undefined,
      `@id("no") forbid (principal, action in Effect::Action::"administer", resource);`,
    ],
    [
      'against a guardrail on the desk',
      'ben',
      undefined,
      `@id("no") forbid (principal is Human, action in Effect::Action::"any", resource in Service::"desk");`,
    ],
    [
      'against a guardrail that reads the moment',
      'ben',
      undefined,
      `@id("no") forbid (principal, action in Effect::Action::"administer", resource) when { context.session.refusals == 0 };`,
    ],
    ['an agent acting for one who may', 'ben', 'aide', ''],
  ]
  for (const [says, who, actor, policies] of cannot) {
    test(`cannot be asked for ${says}`, async () => {
      await configure(world, withPolicies(policies))
      const asked = await ask(world, who, ['desk/administer'], { ...task, ...(actor === undefined ? {} : { actor }) })
      assert.equal(asked.ok, false)
      await configure(world, base())
    })
  }

  test('opens nothing for a machine, even where a folder lets it ask and people say yes', async () => {
    await configure(world, withPolicies(machines))
    const grant = mustBe(await ask(world, 'meter', ['desk/administer'], task))
    mustBe(await world.answer('cyd', grant.id, 'approve'))
    await start(world, 'meter', grant.id)
    refused(await may('meter'), 'caller.not-allowed')
    await end(grant.id)
    await configure(world, base())
  })

  test('a hold on what is done at the desk is answered with the grant: there is no deed to hold later', async () => {
    await configure(
      world,
      withPolicies(`@id("held") @hold("role:sre") forbid (principal, action in Effect::Action::"administer", resource);`),
    )
    const grant = mustBe(await ask(world, 'cyd', ['desk/administer'], task))
    assert.equal(mustBe(await world.answer('eva', grant.id, 'approve')).grant?.state, 'pending')
    assert.equal(mustBe(await world.answer('ben', grant.id, 'approve')).grant?.state, 'approved')
    await end(grant.id)
    await configure(world, base())
  })

  test('is shown to whoever may ask for it, is not counted, and is no service that anybody configures or a gateway serves', async () => {
    const shown = (await eligible(world.desk, await world.caller('ben'), {})).filter(({ resource }) => resource.startsWith('desk/'))
    assert.deepEqual(
      shown.map(({ resource, tier, durationMax, approval }) => [resource, tier, durationMax, approval]),
      [
        ['desk/operate', 1, '1h', 'role:administrators | role:auditors'],
        ['desk/administer', 2, '1h', 'role:administrators | role:auditors'],
      ],
    )
    assert.deepEqual(
      (await eligible(world.desk, await world.caller('fay'), {})).filter(({ resource }) => resource.startsWith('desk/')),
      [],
    )
    refused(await ask(world, 'ben', ['desk/administer,uses=1'], task), 'input.invalid')
    refused(await ask(world, 'ben', ['desk/approve'], task), 'scope.unknown')
    assert.equal(world.desk.facts.service('desk'), undefined)
    const [shop] = JSON.parse(JSON.stringify(base()['services'])) as object[]
    const named = readConfiguration(asDocument({ ...base(), services: [{ ...shop, name: 'desk' }] }))
    assert.match(JSON.stringify('problems' in named ? named.problems : []), /Remit's own desk/)
    assert.equal((await planChange(world.desk, await world.caller('ben'), { document: base() })).ok, false)
  })
})
