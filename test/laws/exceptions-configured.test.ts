/** Exceptions in a configuration: applying proposes them, and nothing but people's signatures gives them to anybody. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { planChange, proposeChange } from '../../src/control/change-sets.ts'
import { formatInstant } from '../../src/kernel/instants.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { document } from '../world/approvers.ts'
import { operator, signAll } from '../world/configure.ts'
import { allowed, refused, refusedVerdict } from '../world/deeds.ts'
import { day, exceptionDeeds } from '../world/exceptions.ts'
import { openWorld, type World } from '../world/world.ts'

describe('an exception in a configuration', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document() })
  })
  after(() => world.close())
  const { read, again } = exceptionDeeds(() => world)
  beforeEach(again)

  const wanted = (more: Record<string, unknown> = {}) => ({
    identity: 'bot',
    owner: 'ana',
    scope: ['read:shop'],
    reason: `the old batch cannot ask at ${world.clock.now()}`,
    remediation: ['teach it to ask'],
    until: formatInstant(world.clock.now() + 30 * day),
    ...more,
  })
  const apply = async (exceptions: readonly object[], more: Record<string, unknown> = {}) =>
    mustBe(await proposeChange(world.desk, operator, { document: document({ exceptions, ...more }) }))

  test('is planned, proposed once, and waits for people', async () => {
    const exceptions = [wanted()]
    const planned = async () => mustBe(await planChange(world.desk, operator, { document: document({ exceptions }) }))
    assert.equal((await planned()).exceptions?.length, 1)
    assert.deepEqual([...world.desk.facts.exceptionsOf(world.person('bot').id)], [], 'a plan proposes nothing')
    const [first] = (await apply(exceptions)).exceptions ?? []
    assert.equal(first?.exception?.state, 'proposed')
    refusedVerdict(await read(), 'grant.missing')
    assert.equal((await planned()).exceptions, undefined)
    const [second] = (await apply(exceptions)).exceptions ?? []
    assert.equal(second?.exception?.id, first.exception.id)
    mustBe(await world.answer('ben', first.exception.id, 'approve'))
    allowed(await read())
    assert.equal((await apply(exceptions)).exceptions?.[0]?.exception?.state, 'active')
  })

  test('that was denied is not asked for again by applying the same', async () => {
    const exceptions = [wanted()]
    const [first] = (await apply(exceptions)).exceptions ?? []
    assert.ok(first?.exception)
    mustBe(await world.answer('ben', first.exception.id, 'deny'))
    assert.equal((await apply(exceptions)).exceptions?.[0]?.exception?.state, 'denied')
  })

  test('waits with the rest of its document, and excludes whoever authored that', async () => {
    const identities = [
      { name: 'aide', kind: 'ai-agent', owner: 'ana' },
      { name: 'bot', kind: 'service-account', owner: 'ana' },
      { name: 'meter', kind: 'api-client', owner: 'ben' },
      { name: 'batch', kind: 'workload', owner: 'cyd' },
    ]
    const exceptions = [wanted({ identity: 'batch', owner: 'cyd' })]
    const roles = { 'incident-agents': ['aide', 'ana', 'ben', 'batch'] }
    const author = await world.caller('ana')
    const whole = document({ identities, exceptions, roles: { sre: ['ben', 'cyd', 'dan', 'aide'], ...roles } })
    const { changeSet, exceptions: outcomes } = mustBe(await proposeChange(world.desk, author, { document: whole }))
    assert.equal(changeSet?.state, 'proposed', 'it widens')
    assert.equal(outcomes, undefined)
    assert.equal(await signAll(world, changeSet), 'applied')
    const [exception] = [...world.desk.facts.exceptionsOf(world.person('batch').id)]
    assert.equal(exception?.state, 'proposed')
    assert.equal(exception.proposedBy.id, world.person('ana').id)
    refused(await world.answer('ana', exception.id, 'approve'), 'approval.own-request')
    mustBe(await world.answer('dan', exception.id, 'approve'))
  })

  test('that may not be is told, and holds up nothing else', async () => {
    const outcomes =
      (await apply([wanted({ scope: ['shop/wipe'] }), wanted({ owner: 'aide' }), wanted({ reason: 'another' })])).exceptions ?? []
    assert.deepEqual(
      outcomes.map(({ refusal, exception }) => refusal?.code ?? exception?.state),
      ['exception.tier', 'exception.owner', 'proposed'],
    )
  })
})
