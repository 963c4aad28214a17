/** The life of a grant through the whole of control: asked, approved, used, held, ended; and who may not. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { GrantId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { Grant } from '../../src/model/grants.ts'
import { revokeGrant, completeGrant } from '../../src/control/end-grant.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { sweep } from '../../src/control/sweep.ts'
import { activateGrant, extendGrant } from '../../src/control/work-window.ts'
import { actionOf, materialOf, shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const minute = 60_000

describe('the life of a grant', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: shopDocument() })
  })
  after(() => world.close())

  const ask = async (who: string, scope: string[], task: string, more: Partial<Parameters<typeof requestGrant>[2]> = {}) =>
    requestGrant(world.desk, await world.caller(who), { task, statement: 'because', scope, ...more })
  const active = async (
    who: string,
    scope: string[],
    task: string,
    more: Partial<Parameters<typeof requestGrant>[2]> = {},
  ): Promise<Grant> => {
    const grant = mustBe(await ask(who, scope, task, more))
    return mustBe(await activateGrant(world.desk, await world.caller(who), grant.id))
  }
  const act = async (who: string, grant: GrantId | undefined, operation: string, given = {}) => {
    const bearer = await world.bearer(who, grant)
    const action = actionOf(world.desk.facts.service('shop'), operation, given)
    return world.gateway.authorize({ bearer, action, material: materialOf(action) })
  }

  test('an agent reads under a grant that policy gives at once, and not without one', async () => {
    const without = await act('aide', undefined, 'list-incidents')
    assert.equal(without.outcome, 'deny')
    assert.equal(without.outcome === 'deny' && without.refusal.code, 'grant.missing')
    assert.match(
      without.outcome === 'deny' ? (without.refusal.ask?.[0]?.command ?? '') : '',
      /remit request shop\/list-incidents --task incident/,
    )
    const grant = await active('aide', ['read:shop'], 'incident')
    assert.equal((await act('aide', grant.id, 'list-incidents')).outcome, 'allow')
    assert.equal((await act('aide', undefined, 'list-incidents')).outcome, 'allow', "the identity's own token takes the covering grant")
  })

  test('what is not in the scope is refused, also when another task of the same identity has it', async () => {
    const reading = await active('aide', ['read:shop'], 'incident')
    await active('aide', ['shop/restart'], 'incident')
    const verdict = await act('aide', reading.id, 'restart', { service: 'checkout' })
    assert.equal(verdict.outcome === 'deny' && verdict.refusal.code, 'grant.not-covered')
  })

  test('arguments are part of the scope', async () => {
    const grant = await active('aide', ['shop/restart,service=checkout'], 'incident')
    const other = await act('aide', grant.id, 'restart', { service: 'search' })
    assert.equal(other.outcome === 'deny' && other.refusal.code, 'grant.arguments')
    assert.equal((await act('aide', grant.id, 'restart', { service: 'checkout' })).outcome, 'held')
  })

  test('a held action waits, is approved once, is allowed once', async () => {
    const grant = await active('aide', ['shop/restart'], 'incident')
    const bearer = await world.bearer('aide', grant.id)
    const action = actionOf(world.desk.facts.service('shop'), 'restart', { service: 'checkout' })
    const call = { bearer, action, material: materialOf(action) }
    const held = await world.gateway.authorize(call)
    assert.equal(held.outcome, 'held')
    if (held.outcome !== 'held') return
    const again = await world.gateway.authorize(call)
    assert.equal(again.outcome === 'held' && again.hold, held.hold, 'the same bytes on the same session attach to it')
    assert.equal((await world.answer('eva', held.hold, 'approve')).ok, false, 'eva is no sre')
    const own = await world.answer('ana', held.hold, 'approve')
    assert.equal(own.ok, false, 'ana is no sre either')
    mustBe(await world.answer('ben', held.hold, 'approve'))
    const swapped = actionOf(world.desk.facts.service('shop'), 'restart', { service: 'search' })
    assert.equal(
      (await world.gateway.authorize({ bearer, action: swapped, material: materialOf(swapped) })).outcome,
      'held',
      'a swapped byte is another action',
    )
    const verdicts = await Promise.all([1, 2, 3].map(async () => world.gateway.authorize(call)))
    assert.equal(verdicts.filter((verdict) => verdict.outcome === 'allow').length, 1, 'one approval, one forward')
  })

  test('an approver answers once, and a plain forbid beats the hold', async () => {
    const grant = await active('aide', ['shop/restart'], 'incident')
    const till = await act('aide', grant.id, 'restart', { service: 'till' })
    assert.equal(till.outcome === 'deny' && till.refusal.code, 'action.forbidden')
    const held = await act('aide', grant.id, 'restart', { service: 'a' })
    if (held.outcome !== 'held') return assert.fail(held.outcome)
    mustBe(await world.answer('ben', held.hold, 'approve'))
    const twice = await world.answer('ben', held.hold, 'approve')
    assert.equal(!twice.ok && twice.refusal.code, 'approval.closed')
  })

  test('a release waits for its manager, who may narrow and not widen', async () => {
    const grant = mustBe(await ask('bot', ['shop/deploy', 'read:shop'], 'release'))
    assert.equal(grant.state, 'pending')
    const early = await activateGrant(world.desk, await world.caller('bot'), grant.id)
    assert.equal(!early.ok && early.refusal.code, 'grant.wrong-state')
    const wide = await world.answer('eva', grant.id, 'approve', { duration: 90 * minute })
    assert.equal(!wide.ok && wide.refusal.code, 'approval.widens')
    mustBe(await world.answer('eva', grant.id, 'approve', { duration: 5 * minute, lines: [0], uses: { '0': 1 } }))
    const narrowed = mustBe(await activateGrant(world.desk, await world.caller('bot'), grant.id))
    assert.equal(narrowed.expiresAt, world.clock.now() + 5 * minute)
    assert.equal((await act('bot', grant.id, 'deploy', { version: '1' })).outcome, 'allow')
    const second = await act('bot', grant.id, 'deploy', { version: '1' })
    assert.equal(second.outcome === 'deny' && second.refusal.code, 'grant.uses-spent')
    const read = await act('bot', grant.id, 'list-incidents')
    assert.equal(read.outcome === 'deny' && read.refusal.code, 'grant.not-covered', 'the line was taken away')
  })

  test('the end is absolute: nothing at its millisecond, extended or not', async () => {
    const grant = await active('aide', ['read:shop'], 'incident', { duration: 10 * minute })
    const bearer = await world.bearer('aide', grant.id)
    const call = { bearer, action: actionOf(world.desk.facts.service('shop'), 'list-incidents') }
    const far = await extendGrant(world.desk, await world.caller('aide'), grant.id, { milliseconds: 60 * minute, reason: 'more' })
    assert.equal(!far.ok && far.refusal.code, 'grant.extension-refused')
    mustBe(await extendGrant(world.desk, await world.caller('aide'), grant.id, { milliseconds: 2 * minute, reason: 'nearly done' }))
    world.clock.advance(10 * minute - 1)
    assert.equal((await world.gateway.authorize(call)).outcome, 'allow')
    const last = await world.bearer('aide', grant.id)
    world.clock.advance(2 * minute)
    assert.equal((await world.gateway.authorize({ ...call, bearer: last })).outcome, 'allow')
    world.clock.advance(1)
    assert.equal((await world.gateway.authorize({ ...call, bearer: last })).outcome, 'deny', 'at expiresAt the answer is no, swept or not')
    await sweep(world.desk, world.house.gate.activity)
    assert.equal(world.desk.facts.grant(grant.id)?.ending?.how, 'expired')
    const late = await extendGrant(world.desk, await world.caller('aide'), grant.id, { milliseconds: minute, reason: 'late' })
    assert.equal(!late.ok && late.refusal.code, 'grant.ended')
  })

  test('an action decided before a revocation does not pass the door after it', async () => {
    const grant = await active('aide', ['read:shop'], 'incident')
    const verdict = await act('aide', grant.id, 'list-incidents')
    if (verdict.outcome !== 'allow') return assert.fail(verdict.outcome)
    let cut = ''
    world.gateway.onEnd(verdict.decision.session, (reason) => {
      cut = reason
    })
    assert.equal(world.gateway.stands(verdict.decision).ok, true)
    const revoked = mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough'))
    assert.deepEqual(
      revoked.confirmed.map((each) => each.gateway),
      ['http'],
    )
    assert.equal(cut, 'revoked', 'the gateway had cut before the revocation was confirmed')
    assert.equal(world.gateway.stands(verdict.decision).ok, false)
  })

  test('a stranger neither sees, ends nor uses a grant', async () => {
    const grant = await active('aide', ['read:shop'], 'incident')
    const meter = await world.caller('meter')
    const unknown = 'grn_00000000000000000000000000' as const
    for (const deed of [
      (id: GrantId) => activateGrant(world.desk, meter, id),
      (id: GrantId) => completeGrant(world.desk, meter, id, ''),
      (id: GrantId) => revokeGrant(world.desk, meter, id, ''),
    ]) {
      assert.deepEqual(await deed(grant.id), await deed(unknown))
    }
    assert.deepEqual(await world.exchange('meter', { grant: grant.id }), await world.exchange('meter', { grant: unknown }))
  })

  test('a token used from another address is refused and is a signal', async () => {
    const grant = await active('aide', ['read:shop'], 'incident')
    const exchanged = mustBe(await world.exchange('aide', { grant: grant.id, audience: 'urn:remit:main:gateway:http' }))
    const { reveal } = await import('../../src/kernel/secret.ts')
    assert.equal((await world.gateway.identify(reveal(exchanged.token), '127.0.0.1')).ok, true)
    const stolen = await world.gateway.identify(reveal(exchanged.token), '127.0.0.2')
    assert.equal(!stolen.ok && stolen.refusal.code, 'credential.elsewhere')
    const signals = await world.desk.store.read((tx) => tx.find('signal', {}))
    assert.equal(signals.filter((signal) => signal.about === exchanged.claims.jti).length, 1)
  })

  test('a wrapper that falls silent loses its grant; one that calls keeps it', async () => {
    const grant = await active('aide', ['read:shop'], 'incident', { heartbeat: 2_000 })
    const { activity } = world.house.gate
    for (let call = 0; call < 10; call += 1) {
      activity.called(grant.id, world.clock.now())
      world.clock.advance(2_000)
      await sweep(world.desk, activity)
    }
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'active')
    world.clock.advance(4_001)
    await sweep(world.desk, activity)
    assert.equal(world.desk.facts.grant(grant.id)?.ending?.how, 'abandoned')
  })

  test('quarantine ends everything of one identity, refuses what it asks, and disturbs nobody else', async () => {
    const mine = await active('meter', ['shop/put-telemetry'], 'work')
    const other = await active('aide', ['read:shop'], 'incident')
    const bearer = await world.bearer('meter', mine.id)
    const contained = mustBe(await quarantine(world.desk, await world.caller('ben'), 'meter', 'odd'))
    assert.deepEqual(contained.ended.includes(mine.id), true)
    const verdict = await world.gateway.authorize({ bearer, action: actionOf(world.desk.facts.service('shop'), 'put-telemetry') })
    assert.equal(verdict.outcome === 'deny' && verdict.refusal.code, 'identity.quarantined')
    assert.equal((await world.exchange('meter')).ok, false)
    assert.equal((await act('aide', other.id, 'list-incidents')).outcome, 'allow')
    mustBe(await release(world.desk, await world.caller('ben'), 'meter', 'it was the clock'))
    assert.equal((await ask('meter', ['shop/put-telemetry'], 'work')).ok, true)
    assert.equal(world.desk.facts.grant(mine.id)?.state, 'ended', 'release brings nothing back')
  })
})
