/** A yes: whose counts, how many, for what exactly, and how often it can be used. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { prepareAnswer } from '../../src/control/answer.ts'
import { issueSecret } from '../../src/control/credentials.ts'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { release } from '../../src/control/quarantine.ts'
import { answerableGrant, isLocked } from '../../src/control/rights.ts'
import { sweep } from '../../src/control/sweep.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import { invite, makeInvitation } from '../../src/control/people.ts'
import { replacePasskeys } from '../../src/control/replace-passkeys.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { document, people, policies, roles, stricter } from '../world/approvers.ts'
import { addPerson, allowed, ask, atWork, callOf, configure, held, hour, minute, refused, refusedVerdict, start } from '../world/deeds.ts'
import { openWorld, type World } from '../world/world.ts'

describe('a yes', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document() })
  })
  after(() => world.close())
  beforeEach(async () => {
    for (const { name, quarantine } of world.desk.facts.identities()) {
      if (quarantine !== undefined) mustBe(await release(world.desk, await world.caller('ben'), name, 'again'))
    }
    await configure(world, document())
    for (const grant of world.desk.facts.openGrants()) mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'again'))
  })

  const restart = async (service = 'checkout') => {
    const grant = await atWork(world, 'aide', ['shop/restart'], { idle: hour })
    return callOf(world, await world.bearer('aide', grant.id), 'restart', { service })
  }

  test('two approvers at once: one wins, once, and the other hears that it is closed', async () => {
    for (let round = 0; round < 5; round += 1) {
      const call = await restart()
      const hold = held(await world.gateway.authorize(call))
      const answers = await Promise.all(['ben', 'cyd', 'dan'].map((person) => world.answer(person, hold, 'approve')))
      assert.equal(answers.filter((each) => each.ok).length, 1)
      for (const each of answers) if (!each.ok) assert.equal(each.refusal.code, 'approval.closed')
      const verdicts = await Promise.all([1, 2, 3].map(async () => world.gateway.authorize(call)))
      assert.equal(verdicts.filter((verdict) => verdict.outcome === 'allow').length, 1)
    }
  })

  test('yes and no at once: whichever is first is what became of it', async () => {
    const call = await restart()
    const hold = held(await world.gateway.authorize(call))
    const [yes, no] = await Promise.all([world.answer('ben', hold, 'approve'), world.answer('cyd', hold, 'deny')])
    assert.notEqual(yes.ok, no.ok)
    assert.equal((await world.gateway.authorize(call)).outcome, yes.ok ? 'allow' : 'deny')
  })

  test('one person twice at once, by two questions, is one person', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'migration' }))
    const both = await Promise.all([world.answer('ben', grant.id, 'approve'), world.answer('ben', grant.id, 'approve')])
    assert.equal(both.filter((each) => each.ok).length, 1)
    refused(await world.answer('ben', grant.id, 'approve'), 'approval.repeated')
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'pending')
  })

  test('never fewer distinct persons than asked, each in a place that is theirs', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'migration' }))
    mustBe(await world.answer('ben', grant.id, 'approve'))
    refused(await world.answer('eva', grant.id, 'approve'), 'approval.not-approver')
    assert.equal(mustBe(await world.answer('ana', grant.id, 'approve')).grant?.state, 'pending')
    assert.equal(mustBe(await world.answer('cyd', grant.id, 'approve')).grant?.state, 'approved')
  })

  test('one no is a no, after however many yeses', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'migration' }))
    mustBe(await world.answer('ben', grant.id, 'approve'))
    mustBe(await world.answer('ana', grant.id, 'approve'))
    assert.equal(mustBe(await world.answer('cyd', grant.id, 'deny')).grant?.state, 'denied')
    refused(await world.answer('dan', grant.id, 'approve'), 'approval.closed')
  })

  test('tier 3 asks two persons for a change although policy asks one', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/wipe'], { task: 'release' }))
    assert.equal(grant.durationMax, 30 * minute)
    assert.equal(mustBe(await world.answer('eva', grant.id, 'approve')).grant?.state, 'pending')
    assert.equal(mustBe(await world.answer('cyd', grant.id, 'approve')).grant?.state, 'approved', 'the tier takes any second person')
  })

  test('from tier 2 the owner and whoever issued a secret lately are excluded; below it they are not', async () => {
    const low = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    assert.equal(mustBe(await world.answer('ana', low.id, 'approve')).grant?.state, 'approved', 'its owner, at tier 1')
    const high = mustBe(await ask(world, 'bot', ['shop/wipe'], { task: 'release' }))
    refused(await world.answer('ana', high.id, 'approve'), 'approval.own-request')
    mustBe(await world.answer('cyd', high.id, 'approve'))
    await configure(
      world,
      document({
        identities: [
          { name: 'aide', kind: 'ai-agent', owner: 'ana' },
          { name: 'bot', kind: 'service-account', owner: 'eva' },
          { name: 'meter', kind: 'api-client', owner: 'ben' },
        ],
      }),
    )
    const { credential } = mustBe(await issueSecret(world.desk, await world.caller('eva'), 'bot', hour))
    await configure(world, document())
    refused(await world.answer('eva', high.id, 'approve'), 'approval.own-request')
    world.clock.advance(8 * 24 * hour)
    const later = mustBe(await ask(world, 'bot', ['shop/wipe'], { task: 'release' }))
    assert.equal((await world.answer('eva', later.id, 'approve')).ok, true, 'a week later')
    assert.equal(world.desk.facts.credential(credential.id)?.issuedBy, 'eva')
  })

  test('whoever let a person in lately does not approve for them: a passkey is a credential too', async () => {
    await addPerson(world, 'kim')
    const { link } = mustBe(await invite(world.desk, await world.caller('ana'), 'kim'))
    await world.register('kim', reveal(link))
    const asking = { ...roles, 'incident-agents': ['aide', 'ana', 'ben', 'kim'] }
    await configure(world, document({ people: [...people, { name: 'kim' }], roles: asking }))
    const soon = mustBe(await ask(world, 'kim', ['shop/wipe']))
    const no = await world.answer('ana', soon.id, 'approve')
    refused(no, 'approval.own-request')
    assert.match(
      no.ok ? '' : (no.refusal.detail ?? ''),
      /^ana let kim in lately, and answers for kim from 20\S+Z on$/,
      'why, and until when',
    )
    mustBe(await world.answer('ben', soon.id, 'approve'))
    world.clock.advance(7 * 24 * hour + 1)
    const later = mustBe(await ask(world, 'kim', ['shop/wipe']))
    assert.equal((await world.answer('ana', later.id, 'approve')).ok, true)
  })

  test('whoever replaced a person’s passkeys gains no second voice by it, at no tier, for a week', async () => {
    const other = [
      { name: 'aide', kind: 'ai-agent', owner: 'ana' },
      { name: 'bot', kind: 'service-account', owner: 'ana' },
      { name: 'cart', kind: 'service-account', owner: 'ben' },
    ]
    await configure(world, document({ identities: other, roles: { ...roles, meters: [], 'release-bots': ['bot', 'cart'] } }))
    const release = { task: 'release' }
    const before = mustBe(await ask(world, 'cart', ['shop/deploy'], release))
    mustBe(await world.answer('eva', before.id, 'approve'))
    const { link } = mustBe(await replacePasskeys(world.desk, await world.caller('ana'), 'eva', 'lost'))
    assert.equal(
      world.desk.facts.grant(before.id)?.ending?.reason,
      'it would not be given any more: its approver eva signed with a passkey that was revoked',
    )
    await world.register('eva', reveal(link))
    const own = mustBe(await ask(world, 'bot', ['shop/deploy'], release))
    assert.equal(own.tier, 1)
    refused(await world.answer('eva', own.id, 'approve'), 'approval.let-in-lately')
    const others = mustBe(await ask(world, 'cart', ['shop/deploy'], release))
    assert.equal(mustBe(await world.answer('eva', others.id, 'approve')).grant?.state, 'approved', 'ana has no part in it')
    world.clock.advance(7 * 24 * hour + 1)
    const later = mustBe(await ask(world, 'bot', ['shop/deploy'], release))
    assert.equal((await world.answer('eva', later.id, 'approve')).ok, true)
  })

  test('a yes that was given before its giver became the owner does not count at the end', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/wipe'], { task: 'release' }))
    mustBe(await world.answer('cyd', grant.id, 'approve'))
    await configure(
      world,
      document({
        identities: [
          { name: 'aide', kind: 'ai-agent', owner: 'ana' },
          { name: 'bot', kind: 'service-account', owner: 'cyd' },
          { name: 'meter', kind: 'api-client', owner: 'ben' },
        ],
      }),
    )
    assert.equal(mustBe(await world.answer('eva', grant.id, 'approve')).grant?.state, 'pending')
    assert.equal(mustBe(await world.answer('dan', grant.id, 'approve')).grant?.state, 'approved')
  })

  test('a yes of somebody who left since does not count', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'migration' }))
    mustBe(await world.answer('ben', grant.id, 'approve'))
    mustBe(await world.answer('ana', grant.id, 'approve'))
    const without = people.map((person) => (person.name === 'ben' ? { ...person, disabled: true } : person))
    await configure(world, document({ people: without }))
    assert.equal(mustBe(await world.answer('cyd', grant.id, 'approve')).grant?.state, 'pending')
    assert.equal(mustBe(await world.answer('dan', grant.id, 'approve')).grant?.state, 'approved')
  })

  test('nobody approves their own request, the first administrator included', async () => {
    const own = mustBe(await ask(world, 'ana', ['shop/wipe'], { task: 'incident' }))
    assert.equal([...world.desk.facts.exceptionsOf(world.person('ana').id)].length, 1, 'ana is the first administrator')
    refused(await world.answer('ana', own.id, 'approve'), 'approval.own-request')
    refused(await world.answer('ana', own.id, 'deny'), 'approval.own-request')
    assert.equal((await world.answer('ben', own.id, 'approve')).ok, true)
  })

  test('a machine approves nothing, whatever role it was given', async () => {
    const hold = held(await world.gateway.authorize(await restart()))
    refused(
      await prepareAnswer(world.desk, world.person('aide'), { subject: hold, decision: 'approve', narrowing: {} }),
      'approval.not-approver',
    )
  })

  test('where nobody exists who could say yes, the request stays locked until somebody does', async () => {
    await configure(world, document({ roles: { ...roles, 'release-manager': [] } }))
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    assert.equal(grant.state, 'pending')
    assert.equal(isLocked(world.desk, answerableGrant(grant), world.clock.now()), true)
    for (const { name } of people) refused(await world.answer(name, grant.id, 'approve'), 'approval.not-approver')
    refused(await activateGrant(world.desk, await world.caller('bot'), grant.id), 'grant.wrong-state')
    const joined = document({ people: [...people, { name: 'zoe' }], roles: { ...roles, 'release-manager': ['zoe'] } })
    await configure(world, joined)
    assert.equal(isLocked(world.desk, answerableGrant(grant), world.clock.now()), true, 'zoe has no passkey yet')
    const invited = mustBe(await world.desk.store.change((tx) => makeInvitation(world.desk, tx, { name: 'zoe', by: 'test' })))
    await world.register('zoe', reveal(invited.link))
    assert.equal(isLocked(world.desk, answerableGrant(grant), world.clock.now()), false)
    assert.equal(mustBe(await world.answer('zoe', grant.id, 'approve')).grant?.state, 'approved')
    world.clock.advance(hour)
    await sweep(world.desk, world.house.gate.activity)
  })

  test('one approver where two are asked for leaves it locked', async () => {
    await configure(world, document({ roles: { ...roles, sre: ['ben'] } }))
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'migration' }))
    assert.equal(isLocked(world.desk, answerableGrant(grant), world.clock.now()), true)
  })

  test('two approvals on one hold, where two guardrails hold: each must be satisfied', async () => {
    await configure(world, document({ policyFiles: [{ name: 'shop.cedar', text: stricter }] }))
    const call = await restart()
    const hold = held(await world.gateway.authorize(call))
    assert.equal(mustBe(await world.answer('ben', hold, 'approve')).hold?.state, 'waiting')
    held(await world.gateway.authorize(call))
    assert.equal(mustBe(await world.answer('eva', hold, 'approve')).hold?.state, 'approved')
    allowed(await world.gateway.authorize(call))
    held(await world.gateway.authorize(call))
  })

  test('an approval given under easier policies does not meet the ones in force', async () => {
    const call = await restart()
    const hold = held(await world.gateway.authorize(call))
    mustBe(await world.answer('ben', hold, 'approve'))
    await configure(world, document({ policyFiles: [{ name: 'shop.cedar', text: stricter }] }))
    const other = held(await world.gateway.authorize(call))
    assert.notEqual(other, hold)
    mustBe(await world.answer('eva', other, 'approve'))
    held(await world.gateway.authorize(call))
    mustBe(await world.answer('cyd', other, 'approve'))
    allowed(await world.gateway.authorize(call))
  })

  test('a question under easier policies, answered later, does not either', async () => {
    const call = await restart()
    const hold = held(await world.gateway.authorize(call))
    await configure(world, document({ policyFiles: [{ name: 'shop.cedar', text: stricter }] }))
    const other = held(await world.gateway.authorize(call))
    assert.notEqual(other, hold, 'what waits under other rules is another question')
    refused(await world.answer('ben', hold, 'approve'), 'approval.closed')
    mustBe(await world.answer('ben', other, 'approve'))
    held(await world.gateway.authorize(call))
  })

  test('a swapped byte after the approval is another action', async () => {
    const grant = await atWork(world, 'aide', ['shop/restart'])
    const bearer = await world.bearer('aide', grant.id)
    const call = callOf(world, bearer, 'restart', { service: 'checkout' }, 'reason=disk')
    const hold = held(await world.gateway.authorize(call))
    mustBe(await world.answer('ben', hold, 'approve'))
    const swapped = [
      callOf(world, bearer, 'restart', { service: 'checkout' }, 'reason=disc'),
      callOf(world, bearer, 'restart', { service: 'search' }, 'reason=disk'),
      {
        ...call,
        material: { ...call.material, method: 'PUT', target: call.material?.target ?? '', headers: [], bodySha256: 'reason=disk' },
      },
      {
        ...call,
        material: { method: 'POST', target: call.material?.target ?? '', headers: [['x-force', '1'] as const], bodySha256: 'reason=disk' },
      },
    ]
    for (const other of swapped) assert.notEqual(held(await world.gateway.authorize(other)), hold)
    const elsewhere = await world.bearer('aide', grant.id)
    assert.notEqual(held(await world.gateway.authorize({ ...call, bearer: elsewhere })), hold, 'another session is another hold')
    allowed(await world.gateway.authorize(call))
    held(await world.gateway.authorize(call))
  })

  test('an approval lives five minutes, a question ten, and an answer after that is too late', async () => {
    const call = await restart()
    const hold = held(await world.gateway.authorize(call))
    mustBe(await world.answer('ben', hold, 'approve'))
    world.clock.advance(5 * minute)
    refusedVerdict(await world.gateway.authorize(call), 'action.changed')
    await sweep(world.desk, world.house.gate.activity)
    const again = held(await world.gateway.authorize(call))
    assert.notEqual(again, hold)
    world.clock.advance(10 * minute)
    refused(await world.answer('ben', again, 'approve'), 'approval.closed')
  })

  test('an earlier question that ran out does not hide the approval of the later one', async () => {
    const call = await restart()
    const early = held(await world.gateway.authorize(call))
    world.clock.advance(10 * minute)
    const later = held(await world.gateway.authorize(call))
    assert.notEqual(later, early)
    mustBe(await world.answer('ben', later, 'approve'))
    await sweep(world.desk, world.house.gate.activity)
    allowed(await world.gateway.authorize(call))
  })

  test('an approval is used up by its one action even when nothing was sent', async () => {
    const call = await restart()
    mustBe(await world.answer('ben', held(await world.gateway.authorize(call)), 'approve'))
    const decision = allowed(await world.gateway.authorize(call))
    world.gateway.finish(decision, { result: 'not-sent', requestBytes: 0, responseBytes: 0, milliseconds: 0 })
    held(await world.gateway.authorize(call))
  })

  test('the end of the grant takes the approval with it', async () => {
    const call = await restart()
    mustBe(await world.answer('ben', held(await world.gateway.authorize(call)), 'approve'))
    mustBe(await revokeGrant(world.desk, await world.caller('ben'), call.bearer.claims.grant ?? 'grn_', 'stop'))
    refusedVerdict(await world.gateway.authorize(call), 'grant.ended')
  })

  test('what was approved as policy was when it was asked for does not start as policy is now', async () => {
    const waiting = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    const approved = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    mustBe(await world.answer('eva', approved.id, 'approve'))
    const text = policies.replace('@approval("role:release-manager")', '@approval("role:release-manager, role:sre")')
    await configure(world, document({ policyFiles: [{ name: 'shop.cedar', text }] }))
    refused(await world.answer('eva', waiting.id, 'approve'), 'approval.closed')
    refused(await activateGrant(world.desk, await world.caller('bot'), approved.id), 'grant.unclaimed')
    assert.deepEqual(
      [waiting, approved].map(({ id }) => world.desk.facts.grant(id)?.state),
      ['withdrawn', 'unclaimed'],
    )
  })

  test('activation asks what policy asks now: an approval that has become too cheap is none', async () => {
    const grant = mustBe(await ask(world, 'aide', ['read:shop']))
    assert.equal(grant.state, 'approved')
    const text = policies.replace('@id("agents-may-look-into-incidents")', '@id("agents-may-look-into-incidents") @approval("role:sre")')
    await configure(world, document({ policyFiles: [{ name: 'shop.cedar', text }] }))
    assert.equal((await activateGrant(world.desk, await world.caller('aide'), grant.id)).ok, false)
    assert.notEqual(world.desk.facts.grant(grant.id)?.state, 'active')
    const asked = mustBe(await ask(world, 'aide', ['read:shop']))
    mustBe(await world.answer('ben', asked.id, 'approve'))
    assert.equal((await start(world, 'aide', asked.id)).state, 'active')
  })
})
