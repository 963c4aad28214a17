/** A change of configuration: what it takes away is gone at once, what it does not speak of stays, and it undoes no containment. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { planChange, proposeChange } from '../../src/control/change-sets.ts'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { makeInvitation } from '../../src/control/people.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { sweep } from '../../src/control/sweep.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { operator, propose, signAll, tryConfigure } from '../world/configure.ts'
import { act, allowed, ask, atWork, configure, hour, refused, refusedVerdict } from '../world/deeds.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const identities = [
  { name: 'aide', kind: 'ai-agent', owner: 'ana' },
  { name: 'bot', kind: 'service-account', owner: 'ana' },
  { name: 'meter', kind: 'api-client', owner: 'ben' },
]
const roles = {
  sre: ['ben'],
  'release-manager': ['eva'],
  operators: ['ben'],
  auditors: ['eva'],
  'incident-agents': ['aide'],
  'release-bots': ['bot'],
  meters: ['meter'],
}
const withPolicies = (text: string) => shopDocument({ policyFiles: [{ name: 'shop.cedar', text }] })

describe('a change of configuration', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: shopDocument() })
  })
  after(() => world.close())
  beforeEach(async () => {
    for (const { name, quarantine } of world.desk.facts.identities()) {
      if (quarantine !== undefined) mustBe(await release(world.desk, await world.caller('ben'), name, 'again'))
    }
    await configure(world, shopDocument())
    for (const grant of world.desk.facts.openGrants()) mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'again'))
  })
  const stateOf = (id: string) => world.desk.store.read(async (tx) => (await tx.get('grant', id))?.state)

  const fallen: Record<string, () => ReturnType<typeof shopDocument>> = {
    'a role is taken away': () => shopDocument({ roles: { ...roles, 'incident-agents': [] } }),
    'the policy that let it ask is gone': () =>
      withPolicies(shopPolicies.replace('context.task.kind == "incident"', 'context.task.kind == "audit"')),
    'a guardrail forbids what it was for': () =>
      withPolicies(`${shopPolicies}\n@id("no-reading")\nforbid (principal is AiAgent, action in Effect::Action::"read", resource);\n`),
    'policy wants an approval that nobody gave': () =>
      withPolicies(
        shopPolicies.replace('@id("agents-may-look-into-incidents")', '@id("agents-may-look-into-incidents") @approval("role:sre")'),
      ),
    'the operation is priced higher': () => {
      const [shop] = structuredClone(shopDocument()['services']) as unknown as { routes: { impact?: object }[] }[]
      if (shop?.routes[0] !== undefined) shop.routes[0].impact = { data: 'high', service: 'high', safety: 'none' }
      return shopDocument({ services: [shop] })
    },
    'its owner is disabled': () => shopDocument({ people: [{ name: 'ana', disabled: true }, { name: 'ben' }, { name: 'eva' }] }),
    'it is disabled': () =>
      shopDocument({ identities: identities.map((each) => (each.name === 'aide' ? { ...each, disabled: true } : each)) }),
  }
  for (const [says, change] of Object.entries(fallen)) {
    test(`ends a live grant when ${says}, and one that was not started`, async () => {
      const grant = await atWork(world, 'aide', ['shop/list-incidents'])
      const waiting = mustBe(await ask(world, 'aide', ['shop/list-incidents']))
      const other = await atWork(world, 'meter', ['shop/put-telemetry'])
      await configure(world, change())
      assert.deepEqual([await stateOf(grant.id), await stateOf(waiting.id)], ['ended', 'unclaimed'])
      assert.equal(await stateOf(other.id), 'active', 'nobody else is disturbed')
      await configure(world, shopDocument())
      refusedVerdict(await act(world, 'meter', other, 'list-incidents'), 'grant.not-covered')
      allowed(await act(world, 'meter', other, 'put-telemetry'))
    })
  }

  test('ends a grant whose approver lost the role', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    mustBe(await world.answer('eva', grant.id, 'approve'))
    await configure(world, shopDocument({ roles: { ...roles, 'release-manager': ['ben'] } }))
    assert.equal(await stateOf(grant.id), 'unclaimed')
  })

  test('leaves alone what still stands; a containment of the approver ends what stands on their yes, and nothing else', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    mustBe(await world.answer('eva', grant.id, 'approve'))
    await configure(
      world,
      withPolicies(`${shopPolicies}\n@id("another")\nforbid (principal is AiAgent, action in Effect::Action::"delete", resource);\n`),
    )
    assert.equal(await stateOf(grant.id), 'approved')
    const other = await atWork(world, 'meter', ['shop/put-telemetry'])
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'eva', 'odd'))
    assert.deepEqual([await stateOf(grant.id), await stateOf(other.id)], ['unclaimed', 'active'])
  })

  test('never lifts a quarantine, not even one that came while it was being checked', async () => {
    const text = `${shopPolicies}\n@id("slow-to-check")\nforbid (principal is AiAgent, action in Effect::Action::"delete", resource);\n`
    const changed = { ...withPolicies(text), roles: { ...roles, meters: ['meter', 'bot'] } }
    const changeSet = await propose(world, operator, { document: changed })
    const signing = signAll(world, changeSet)
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'bot', 'odd'))
    assert.equal(await signing, 'applied')
    assert.deepEqual(world.person('bot').roles, ['meters', 'release-bots'])
    assert.notEqual(world.person('bot').quarantine, undefined)
    refused(await world.exchange('bot'), 'identity.quarantined')
  })

  test('makes a role what it says, also for somebody it does not name', async () => {
    await configure(
      world,
      shopDocument({
        people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'zoe' }],
        roles: { ...roles, sre: ['ben', 'zoe'] },
      }),
    )
    assert.deepEqual(world.person('zoe').roles, ['sre'])
    const plan = mustBe(await planChange(world.desk, operator, { document: shopDocument() }))
    assert.deepEqual(
      plan.changes.map(({ kind, name }) => [kind, name]),
      [['person', 'zoe']],
    )
    await configure(world, shopDocument())
    assert.deepEqual(world.person('zoe').roles, [], 'the document says who is in sre')
  })

  test('leaves roles and people alone that it does not speak of', async () => {
    await configure(
      world,
      shopDocument({
        people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'yan' }],
        roles: { ...roles, gardeners: ['yan'] },
      }),
    )
    await configure(world, shopDocument())
    assert.deepEqual([world.person('yan').roles, world.person('yan').state], [['gardeners'], 'live'])
    await configure(world, shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'yan' }] }))
    assert.deepEqual(world.person('yan').roles, ['gardeners'], 'named, but not in any role it speaks of')
  })

  test('says in the ledger whose owner changed', async () => {
    await configure(world, shopDocument({ identities: identities.map((each) => (each.name === 'bot' ? { ...each, owner: 'ben' } : each)) }))
    await world.house.sequencer.flush()
    const { size } = await world.house.database.tree()
    const bodies = (await world.house.database.leaves(Math.max(0, size - 20), 20)).map(
      (leaf): { kind: string; subject: string; facts: Record<string, unknown> } => JSON.parse(leaf.body ?? '{}'),
    )
    const changed = bodies.findLast((body) => body.kind === 'identity.changed' && body.subject === world.person('bot').id)
    assert.equal(changed?.facts['owner'], world.person('ben').id)
  })

  test('applied twice at once, one name is one identity', async () => {
    const withNew = shopDocument({ identities: [...identities, { name: 'twice', kind: 'robot', owner: 'ben' }] })
    // Whoever comes second hears that the first is what is there now.
    const both = await Promise.all([1, 2].map(() => proposeChange(world.desk, operator, { document: withNew })))
    assert.deepEqual(new Set(both.map((each) => (each.ok ? each.value.changeSet?.id : each.refusal.code))).size, 1)
    const [one] = both
    assert.ok(one?.ok === true && one.value.changeSet !== undefined)
    assert.equal(await signAll(world, one.value.changeSet), 'applied')
    assert.equal([...world.desk.facts.identities()].filter(({ name }) => name === 'twice').length, 1)
    const people = [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'new' }]
    const invited = await Promise.all([
      tryConfigure(world, shopDocument({ people })).catch(() => false),
      world.desk.store.change((tx) => makeInvitation(world.desk, tx, { name: 'new', by: 'test' })),
    ])
    assert.ok(invited[0] || invited[1].ok)
    assert.equal([...world.desk.facts.identities()].filter(({ name }) => name === 'new').length, 1)
  })

  test('applied again it changes nothing and writes nothing', async () => {
    await configure(world, shopDocument())
    const { version } = await world.desk.store.last()
    await configure(world, shopDocument())
    assert.equal((await world.desk.store.last()).version, version)
  })

  test('that has a fault changes nothing at all', async () => {
    const { version } = await world.desk.store.last()
    for (const fault of [
      { people: [{ name: 'ana', disabled: true }] },
      { space: 'other' },
      { polices: [] },
      { policyFiles: [{ name: 'a.cedar', text: 'permit (principal, action, resource);' }] },
    ]) {
      const proposed = await proposeChange(world.desk, operator, { document: shopDocument(fault) })
      assert.notEqual(proposed.ok ? 0 : (proposed.refusal.problems?.length ?? 0), 0)
    }
    assert.equal((await world.desk.store.last()).version, version)
    assert.equal(world.person('ana').state, 'live')
  })

  test('is for administrators: everybody else is refused, plan and all', async () => {
    for (const name of ['ben', 'eva', 'aide']) {
      refused(await proposeChange(world.desk, await world.caller(name), { document: shopDocument() }), 'caller.not-allowed')
      refused(await planChange(world.desk, await world.caller(name), { document: shopDocument() }), 'caller.not-allowed')
    }
    assert.equal((await planChange(world.desk, await world.caller('ana'), { document: shopDocument() })).ok, true)
    refused(await proposeChange(world.desk, await world.caller('ana', 'aide'), { document: shopDocument() }), 'caller.not-allowed')
    world.clock.advance(30 * 24 * hour)
    refused(await proposeChange(world.desk, await world.caller('ana'), { document: shopDocument() }), 'caller.not-allowed')
    await sweep(world.desk, world.house.gate.activity)
    const [exception] = await world.desk.store.read((tx) => tx.find('exception', { identity: world.person('ana').id }))
    assert.equal(exception?.state, 'ended', 'its end is stored, not only computed')
  })
})
