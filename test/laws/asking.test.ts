/** Asking: what is asked for is kept to the letter, refused beforehand where it can never be, and priced by what it could do. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { completeGrant, revokeGrant } from '../../src/control/end-grant.ts'
import { eligible } from '../../src/control/eligible.ts'
import { exportLedger } from '../../src/control/export-ledger.ts'
import { answerableGrant, isLocked, maySee } from '../../src/control/rights.ts'
import { sweep } from '../../src/control/sweep.ts'
import { activateGrant, extendGrant } from '../../src/control/work-window.ts'
import type { GrantId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { verifyExport } from '../../src/ledger/verify.ts'
import { act, allowed, ask, atWork, callOf, configure, held, hour, minute, refused, refusedVerdict, start } from '../world/deeds.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const more = `
@id("everybody-may-look-for-an-hour") @maxDuration("1h") @duration("45m")
permit (principal in Role::"incident-agents", action == Action::"request", resource == Route::"shop/list-incidents");

@id("release-needs-a-ticket-too") @approval("role:sre") @maxDuration("90m")
permit (principal in Role::"release-bots", action == Action::"request", resource == Route::"shop/deploy")
when { context.task.kind == "release" };

@id("incidents-may-be-wiped")
permit (principal in Role::"wipers", action == Action::"request", resource in Service::"shop");
`
const roles = {
  sre: ['ben'],
  'release-manager': ['eva'],
  operators: ['ben'],
  auditors: ['eva'],
  'incident-agents': ['aide', 'ana'],
  'release-bots': ['bot'],
  meters: ['meter'],
  wipers: ['ana', 'bot'],
}
const document = shopDocument({ roles, policyFiles: [{ name: 'shop.cedar', text: shopPolicies + more }] })

describe('asking', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document })
  })
  after(() => world.close())
  beforeEach(async () => {
    for (const grant of world.desk.facts.openGrants()) mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'again'))
  })

  test('several eligibilities add up: approvals unite, times take the shortest', async () => {
    const deploy = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    assert.equal(deploy.durationMax, 90 * minute, 'of 2 h, 90 min and the four hours of its tier')
    assert.equal(deploy.duration, 30 * minute)
    assert.deepEqual(deploy.policies, ['bots-may-release', 'incidents-may-be-wiped', 'release-needs-a-ticket-too'])
    assert.equal(mustBe(await world.answer('eva', deploy.id, 'approve')).grant?.state, 'pending')
    assert.equal(mustBe(await world.answer('ben', deploy.id, 'approve')).grant?.state, 'approved')
    const look = mustBe(await ask(world, 'aide', ['shop/list-incidents']))
    assert.deepEqual([look.duration, look.durationMax], [20 * minute, hour])
  })

  test('one evaluation for each operation, and all must pass', async () => {
    refused(await ask(world, 'meter', ['shop/put-telemetry', 'shop/deploy']), 'request.not-eligible')
    refused(await ask(world, 'meter', ['write:shop']), 'request.not-eligible')
    assert.equal((await ask(world, 'meter', ['shop/put-telemetry'])).ok, true)
  })

  test('what a guardrail will refuse whatever its arguments is refused before anybody approves it', async () => {
    refused(await ask(world, 'aide', ['shop/wipe']), 'request.not-eligible')
    await configure(
      world,
      shopDocument({
        roles: { ...roles, wipers: ['aide', 'ana', 'bot'] },
        policyFiles: [{ name: 'shop.cedar', text: shopPolicies + more }],
      }),
    )
    refused(await ask(world, 'aide', ['shop/wipe']), 'request.forbidden')
    await configure(world, document)
    assert.equal((await ask(world, 'aide', ['shop/restart'])).ok, true, 'what is held, or forbidden for some arguments, may be asked for')
  })

  test('a grant has the tier of the dearest thing it allows, and never lasts longer than that tier may', async () => {
    const all = mustBe(await ask(world, 'ana', ['shop/list-incidents', 'shop/wipe'], { task: 'incident' }))
    assert.deepEqual([all.tier, all.durationMax], [3, 30 * minute])
    for (const scope of [
      ['shop/put-telemetry', 'shop/deploy', 'shop/wipe'],
      ['shop/wipe', 'shop/deploy'],
    ])
      assert.equal(mustBe(await ask(world, 'bot', scope, { task: 'release' })).tier, 3)
    refused(await ask(world, 'ana', ['shop/wipe'], { duration: 31 * minute }), 'request.too-long')
    refused(await ask(world, 'aide', ['shop/list-incidents'], { duration: hour + 1 }), 'request.too-long')
  })

  test('every grant that starts has an end, and no word in a request makes one without', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents'])
    assert.equal(grant.expiresAt, (grant.activatedAt ?? 0) + grant.duration)
    assert.ok(grant.duration <= grant.durationMax && Number.isSafeInteger(grant.expiresAt))
  })

  test('extensions are counted in: together they never pass the maximum, and after the end there are none', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents'], { duration: 20 * minute, idle: 3 * hour })
    const caller = await world.caller('aide')
    for (let extension = 0; extension < 4; extension += 1) {
      mustBe(await extendGrant(world.desk, caller, grant.id, { milliseconds: 10 * minute, reason: 'more' }))
    }
    refused(await extendGrant(world.desk, caller, grant.id, { milliseconds: 1, reason: 'more' }), 'grant.extension-refused')
    assert.equal(world.desk.facts.grant(grant.id)?.expiresAt, (grant.activatedAt ?? 0) + hour)
    world.clock.advance(hour)
    refused(await extendGrant(world.desk, await world.caller('aide'), grant.id, { milliseconds: minute, reason: 'late' }), 'grant.ended')
    const done = await atWork(world, 'aide', ['shop/list-incidents'])
    mustBe(await completeGrant(world.desk, await world.caller('aide'), done.id, 'done'))
    refused(await extendGrant(world.desk, await world.caller('aide'), done.id, { milliseconds: minute, reason: 'late' }), 'grant.ended')
  })

  const approvedRelease = async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy,uses=3'], { task: 'release' }))
    mustBe(await world.answer('eva', grant.id, 'approve'))
    mustBe(await world.answer('ben', grant.id, 'approve'))
    return start(world, 'bot', grant.id)
  }
  const extend = async (id: GrantId, milliseconds: number) =>
    extendGrant(world.desk, await world.caller('bot'), id, { milliseconds, reason: 'the rollout waits' })
  const now = async (id: GrantId) => world.desk.store.read((tx) => tx.get('grant', id))

  test('what people approved for a time is not extended without them: it is asked again, and signed again, until then the old end stands', async () => {
    const active = await approvedRelease()
    const bearer = await world.bearer('bot', active.id)
    allowed(await world.gateway.authorize(callOf(world, bearer, 'deploy', { version: '1' })))
    const more = mustBe(await extend(active.id, 20 * minute))
    assert.deepEqual(
      [more.state, more.continues, more.duration, more.task.statement],
      ['pending', active.id, 20 * minute, 'the rollout waits'],
    )
    assert.notEqual(more.digest, active.digest)
    refused(await extend(active.id, minute), 'grant.extension-refused')
    refused(await activateGrant(world.desk, await world.caller('bot'), more.id), 'grant.wrong-state')
    refused(await world.answer('ana', more.id, 'approve'), 'approval.not-approver')
    refused(await world.answer('eva', more.id, 'approve', { uses: { '0': 1 } }), 'approval.widens')
    mustBe(await world.answer('eva', more.id, 'approve', { duration: 10 * minute }))
    assert.equal((await now(active.id))?.expiresAt, active.expiresAt, 'one of two')
    mustBe(await world.answer('ben', more.id, 'approve'))
    const extended = await now(active.id)
    assert.deepEqual([extended?.state, extended?.expiresAt], ['active', (active.expiresAt ?? 0) + 10 * minute])
    assert.deepEqual([(await now(more.id))?.state, (await now(more.id))?.ending?.how], ['ended', 'completed'])
    assert.equal(world.desk.facts.counted(active.id, 0).spent, 1, 'uses go on where they were')
    assert.equal(
      (await world.gateway.authorize(callOf(world, bearer, 'deploy', { version: '1' }))).outcome,
      'allow',
      'and so does the session',
    )
    refused(await activateGrant(world.desk, await world.caller('bot'), more.id), 'grant.wrong-state')
    mustBe(await extend(active.id, active.durationMax - 40 * minute))
    refused(await extend(active.id, active.durationMax - 40 * minute + 1), 'grant.extension-refused')
  })

  test('more time is denied, withdrawn or too late without touching what runs, and ends with it', async () => {
    const active = await approvedRelease()
    const denied = mustBe(await extend(active.id, minute))
    mustBe(await world.answer('eva', denied.id, 'deny'))
    const left = mustBe(await extend(active.id, minute))
    mustBe(await completeGrant(world.desk, await world.caller('bot'), left.id, 'no need'))
    assert.deepEqual(
      [(await now(denied.id))?.state, (await now(left.id))?.state, (await now(active.id))?.state],
      ['denied', 'withdrawn', 'active'],
    )
    const late = mustBe(await extend(active.id, minute))
    assert.equal(late.pendingUntil, active.expiresAt)
    mustBe(await world.answer('eva', late.id, 'approve'))
    mustBe(await completeGrant(world.desk, await world.caller('bot'), active.id, 'done'))
    assert.equal((await now(late.id))?.state, 'withdrawn')
    refused(await world.answer('ben', late.id, 'approve'), 'approval.closed')
    assert.equal((await now(active.id))?.state, 'ended', 'nothing brings it back')
  })

  test('a request waits a day and an approved one an hour, and then they are over', async () => {
    const pending = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    const approved = mustBe(await ask(world, 'aide', ['shop/list-incidents']))
    world.clock.advance(hour - 1)
    const early = mustBe(await ask(world, 'aide', ['shop/list-incidents']))
    await sweep(world.desk, world.house.gate.activity)
    assert.equal(world.desk.facts.grant(approved.id)?.state, 'approved')
    world.clock.advance(1)
    refused(await activateGrant(world.desk, await world.caller('aide'), approved.id), 'grant.unclaimed')
    assert.equal((await start(world, 'aide', early.id)).state, 'active')
    world.clock.advance(23 * hour - 1)
    await sweep(world.desk, world.house.gate.activity)
    assert.equal(world.desk.facts.grant(pending.id)?.state, 'pending')
    world.clock.advance(1)
    refused(await world.answer('eva', pending.id, 'approve'), 'approval.closed')
    await sweep(world.desk, world.house.gate.activity)
    assert.deepEqual(world.desk.facts.grant(pending.id)?.ending?.how, 'unanswered')
  })

  test('nothing happening for ten minutes ends the task; what is under way keeps it', async () => {
    const idle = await atWork(world, 'aide', ['shop/list-incidents'])
    const busy = await atWork(world, 'meter', ['shop/put-telemetry'])
    const decision = allowed(await act(world, 'meter', busy, 'put-telemetry'))
    world.clock.advance(10 * minute)
    await sweep(world.desk, world.house.gate.activity)
    assert.deepEqual([world.desk.facts.grant(idle.id)?.ending?.how, world.desk.facts.grant(busy.id)?.state], ['abandoned', 'active'])
    world.gateway.finish(decision, { result: 'answered', requestBytes: 0, responseBytes: 0, milliseconds: 1 })
    world.clock.advance(10 * minute)
    await sweep(world.desk, world.house.gate.activity)
    assert.equal(world.desk.facts.grant(busy.id)?.ending?.how, 'abandoned')
  })

  test('its last use over, a grant whose every use is counted has ended', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents,uses=2'])
    const decisions = [
      allowed(await act(world, 'aide', grant, 'list-incidents')),
      allowed(await act(world, 'aide', grant, 'list-incidents')),
    ]
    for (const decision of decisions) {
      assert.equal(world.desk.facts.grant(grant.id)?.state, 'active')
      world.gateway.finish(decision, { result: 'answered', requestBytes: 0, responseBytes: 0, milliseconds: 1 })
      await world.desk.store.change(async () => ({ ok: true, value: undefined }))
    }
    assert.equal(world.desk.facts.grant(grant.id)?.ending?.how, 'exhausted')
  })

  test('never more uses than granted, however many ask at once', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents,uses=3'])
    const verdicts = await Promise.all(Array.from({ length: 12 }, () => act(world, 'aide', grant, 'list-incidents')))
    assert.equal(verdicts.filter((verdict) => verdict.outcome === 'allow').length, 3)
  })

  const odd: Record<string, string> = {
    'the other direction': 'restart \u202edleif eht\u202c now',
    'a line that is not there': 'one\r\ntwo\u2028three\u0000',
    'letters that combine': 'e\u0301\u0301\u0301 \u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
    'marks of Cedar and JSON': '"}, {"a": \\" // */ @id("x")',
    'a very long word': 'x'.repeat(4_000),
  }
  for (const [says, statement] of Object.entries(odd)) {
    test(`a statement with ${says} is kept to the letter or refused, and its record verifies`, async () => {
      const asked = await ask(world, 'bot', ['shop/deploy'], { task: 'release', statement, ticket: statement.slice(0, 100) })
      if (!asked.ok) return refused(asked, 'input.invalid')
      mustBe(await world.answer('eva', asked.value.id, 'approve'))
      mustBe(await world.answer('ben', asked.value.id, 'approve'))
      const kept = await world.desk.store.read((tx) => tx.get('grant', asked.value.id))
      assert.equal(kept?.task.statement, statement)
      assert.equal(kept?.task.claimed[0]?.value, statement.slice(0, 100))
      await start(world, 'bot', asked.value.id)
      allowed(await act(world, 'bot', asked.value, 'deploy', { version: '1' }))
      await world.house.journal.flush()
      await world.house.sequencer.flush()
      const { database, sequencer, journal } = world.house
      const journals = [{ name: journal.name, vkey: journal.vkey, read: () => journal.read() }]
      const report = await verifyExport(
        exportLedger({ store: database, space: 'main', origin: 'remit.test/ledger', vkeys: [sequencer.vkey], journals }),
        [sequencer.vkey, journal.vkey],
      )
      assert.deepEqual(report.failures, [])
    })
  }

  test('a ticket that somebody typed is claimed, never proved', async () => {
    const grant = mustBe(await ask(world, 'aide', ['shop/list-incidents'], { ticket: 'OPS-1' }))
    assert.deepEqual([grant.task.claimed.map((fact) => fact.value), grant.task.proved], [['OPS-1'], []])
  })

  test('what may be asked for is what asking would allow', async () => {
    for (const name of ['aide', 'bot', 'meter', 'ana']) {
      const caller = await world.caller(name)
      const askable = await eligible(world.desk, caller, {})
      for (const { resource, task } of askable) assert.equal((await ask(world, name, [resource], { task })).ok, true, `${name} ${resource}`)
      const routes = world.desk.facts.service('shop')?.routes ?? []
      for (const route of routes.filter((each) => !askable.some(({ resource }) => resource === `shop/${each.name}`))) {
        for (const task of ['incident', 'release', 'work'])
          assert.equal((await ask(world, name, [`shop/${route.name}`], { task })).ok, false, `${name} ${route.name} ${task}`)
      }
    }
  })

  test('a refusal says what could be asked for instead, in a command that works', async () => {
    const verdict = await act(world, 'aide', undefined, 'list-incidents')
    if (verdict.outcome !== 'deny') return assert.fail(verdict.outcome)
    const [hint] = verdict.refusal.ask ?? []
    assert.ok(hint !== undefined)
    const grant = await atWork(world, 'aide', [hint.resource], { task: hint.task })
    allowed(await act(world, 'aide', grant, 'list-incidents'))
    const never = await act(world, 'meter', undefined, 'wipe')
    assert.equal(never.outcome === 'deny' ? never.refusal.ask : 'asked', undefined)
  })

  test('fifty open requests of one identity are enough', async () => {
    for (let number = 0; number < 50; number += 1) mustBe(await ask(world, 'meter', ['shop/put-telemetry']))
    refused(await ask(world, 'meter', ['shop/put-telemetry']), 'request.too-many')
    assert.equal((await ask(world, 'aide', ['shop/list-incidents'])).ok, true)
  })

  test('twenty held actions on one session are enough', async () => {
    const grant = await atWork(world, 'aide', ['shop/restart'])
    const bearer = await world.bearer('aide', grant.id)
    const { callOf } = await import('../world/deeds.ts')
    for (let number = 0; number < 20; number += 1)
      held(await world.gateway.authorize(callOf(world, bearer, 'restart', { service: `s${number}` })))
    refusedVerdict(await world.gateway.authorize(callOf(world, bearer, 'restart', { service: 'one-more' })), 'hold.too-many')
    held(await world.gateway.authorize(callOf(world, bearer, 'restart', { service: 's3' })))
  })

  test('a grant is seen by its chain, its owners and auditors, and locked is said of what waits for nobody', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    const sees = async (name: string) => maySee(world.desk, await world.caller(name), grant.chain)
    assert.deepEqual([await sees('bot'), await sees('ana'), await sees('eva'), await sees('ben')], [true, true, true, true])
    assert.deepEqual([await sees('meter'), await sees('aide')], [false, false])
    assert.equal(isLocked(world.desk, answerableGrant(grant), world.clock.now()), false)
  })
})
