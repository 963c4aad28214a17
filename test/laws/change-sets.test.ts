/** A change-set: never by its author alone, never over something else, all of it or nothing, and no secret of it anywhere. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { changeSetSubject } from '../../src/control/answer-change-set.ts'
import { proposeChange, withdrawChangeSet } from '../../src/control/change-sets.ts'
import { sweep } from '../../src/control/sweep.ts'
import { invite, makeInvitation } from '../../src/control/people.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { refuse } from '../../src/kernel/refusals.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import type { Approval } from '../../src/model/grants.ts'
import { configure, found, operator, propose, signAll } from '../world/configure.ts'
import { atWork, hour, refused } from '../world/deeds.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const roles = {
  sre: ['ben'],
  'release-manager': ['eva'],
  operators: ['ben'],
  auditors: ['eva'],
  'incident-agents': ['aide'],
  'release-bots': ['bot'],
  meters: ['meter'],
}
const wider = () => shopDocument({ roles: { ...roles, sre: ['ben', 'eva'] } })
const narrower = () => shopDocument({ roles: { ...roles, meters: [] } })

describe('a change-set', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: shopDocument() })
  })
  after(() => world.close())
  beforeEach(async () => {
    await configure(world, shopDocument())
    for (const set of world.desk.facts.changes.waiting())
      mustBe(await withdrawChangeSet(world.desk, await world.caller('ana'), set.id, 'again'))
  })
  const ana = () => world.caller('ana')
  const stateOf = async (id: string) => (await world.desk.store.read((tx) => tx.get('changeSet', id)))?.state
  const ledger = async () => {
    mustBe(await world.house.sequencer.flush())
    const { size } = await world.house.database.tree()
    const leaves = await world.house.database.leaves(Math.max(0, size - 60), 60)
    return leaves.map((leaf): { kind: string; actor: string; subject: string; facts: Record<string, unknown> } =>
      JSON.parse(leaf.body ?? '{}'),
    )
  }

  test('that narrows applies at once, by whoever administers, and says so', async () => {
    const grant = await atWork(world, 'meter', ['shop/put-telemetry'])
    const set = await propose(world, await ana(), { document: narrower(), reason: 'not used' })
    assert.deepEqual([set.state, set.class, set.ending], ['applied', 'narrows', 'applied by ana'])
    assert.equal(set.wanted, undefined, 'a closed one keeps its words alone')
    assert.deepEqual(world.person('meter').roles, [])
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'ended', 'what no longer stands has ended by then')
    refused(await proposeChange(world.desk, await world.caller('ben'), { document: narrower() }), 'caller.not-allowed')
    refused(await proposeChange(world.desk, await world.caller('ana', 'aide'), { document: wider() }), 'caller.not-allowed')
  })

  test('that widens waits for somebody else: its author never, a second person yes', async () => {
    const set = await propose(world, await ana(), { document: wider() })
    assert.deepEqual([set.state, set.class], ['proposed', 'widens'])
    assert.deepEqual(world.person('eva').roles, ['auditors', 'release-manager'], 'nothing is in force')
    refused(await world.answer('ana', set.id, 'approve'), 'approval.own-request')
    refused(await world.answer('ana', set.id, 'deny'), 'approval.own-request')
    const answered = mustBe(await world.answer('ben', set.id, 'approve'))
    assert.deepEqual([answered.state, answered.changeSet?.ending], ['applied', 'approved by ben'])
    assert.deepEqual(world.person('eva').roles, ['auditors', 'release-manager', 'sre'])
    refused(await world.answer('eva', set.id, 'approve'), 'approval.closed')
    const entries = await ledger()
    const applied = entries.findLast((entry) => entry.kind === 'configuration.applied')
    assert.deepEqual(
      [applied?.actor, applied?.subject, applied?.facts['author'], applied?.facts['digest']],
      ['ben', set.id, 'ana', set.digest],
    )
    const changed = entries.findLast((entry) => entry.kind === 'identity.changed')
    assert.match(String(changed?.facts['before']), /^[0-9a-f]{64}$/)
    assert.match(String(changed?.facts['after']), /^[0-9a-f]{64}$/)
    assert.notEqual(changed?.facts['before'], changed?.facts['after'])
    const signed = entries.findLast((entry) => entry.kind === 'approval.signed')
    assert.ok(String(signed?.facts['statement']).includes(set.digest), 'what was signed names the digest')
  })

  test('takes a no from one person, however many would say yes', async () => {
    const set = await propose(world, await ana(), { document: wider() })
    assert.equal(mustBe(await world.answer('eva', set.id, 'deny')).state, 'denied')
    refused(await world.answer('ben', set.id, 'approve'), 'approval.closed')
    assert.deepEqual(world.person('eva').roles, ['auditors', 'release-manager'])
  })

  test('written at the machine takes two distinct persons, since nobody vouches for who sat there', async () => {
    const set = await propose(world, operator, { document: wider() })
    assert.equal(mustBe(await world.answer('ana', set.id, 'approve')).state, 'proposed')
    refused(await world.answer('ana', set.id, 'approve'), 'approval.repeated')
    const [one, other] = await Promise.all([world.answer('ben', set.id, 'approve'), world.answer('eva', set.id, 'approve')])
    assert.equal([one, other].filter((each) => each.ok && each.value.state === 'applied').length, 1)
    assert.equal(await stateOf(set.id), 'applied')
  })

  test('is of no use once something else came into force, whoever is asked', async () => {
    const set = await propose(world, await ana(), { document: wider() })
    await propose(world, await ana(), { document: narrower() })
    assert.equal(await stateOf(set.id), 'stale')
    refused(await world.answer('ben', set.id, 'approve'), 'approval.closed')
    assert.deepEqual(world.person('eva').roles, ['auditors', 'release-manager'])
    refused(await proposeChange(world.desk, await ana(), { document: wider(), base: set.base }), 'change-set.stale')
  })

  test('two that were signed at once: one is in force, and the other is told so', async () => {
    const one = await propose(world, await ana(), { document: wider() })
    const other = await propose(world, await ana(), { document: shopDocument({ roles: { ...roles, sre: ['ben', 'ana'] } }) })
    const answers = await Promise.all([world.answer('ben', one.id, 'approve'), world.answer('eva', other.id, 'approve')])
    assert.equal(answers.filter((each) => each.ok).length, 1)
    for (const each of answers) if (!each.ok) assert.match(each.refusal.code, /^(?:change-set\.stale|approval\.closed)$/)
    assert.deepEqual(new Set([await stateOf(one.id), await stateOf(other.id)]), new Set(['applied', 'stale']))
    const sre = [...world.desk.facts.identities()].filter((each) => each.roles.includes('sre'))
    assert.equal(sre.length, 2, 'never both')
  })

  test('that narrows while another is being signed leaves nothing of the other', async () => {
    const set = await propose(world, await ana(), { document: wider() })
    const [signed, applied] = await Promise.all([
      world.answer('ben', set.id, 'approve'),
      proposeChange(world.desk, await ana(), { document: narrower() }),
    ])
    assert.equal(applied.ok, true)
    // The narrower document says who is in sre, too: whichever came second, it was compared with the first.
    assert.equal(signed.ok, (await stateOf(set.id)) === 'applied')
    assert.deepEqual(world.person('meter').roles, [])
  })

  test('two that narrow at once: the second is compared with the first, and what it would give back waits', async () => {
    const other = shopDocument({ roles: { ...roles, 'release-bots': [] } })
    const caller = await ana()
    const both = await Promise.all([narrower(), other].map((document) => proposeChange(world.desk, caller, { document })))
    assert.deepEqual(
      both
        .map((each) => (each.ok ? each.value.changeSet?.state : each.refusal.code))
        .toSorted((left, right) => (String(left) < String(right) ? -1 : 1)),
      ['applied', 'proposed'],
    )
  })

  test('is compared once more in the transaction of the last yes, before anything of it is written', async () => {
    const set = await propose(world, await ana(), { document: wider() })
    const question = mustBe(await changeSetSubject.ask(world.desk, { subject: set.id, decision: 'approve', narrowing: {} }))
    mustBe(await world.desk.store.change((tx) => makeInvitation(world.desk, tx, { name: 'late', by: 'test' })))
    const person = world.person('ben')
    const settled = await world.desk.store.change(async (tx) => {
      const open = mustBe(await question.open(tx))
      const approval: Approval = {
        id: world.desk.chance.id('apr', tx.now),
        space: 'main',
        subject: set.id,
        person: person.id,
        decision: 'approve',
        narrowing: {},
        digest: set.digest,
        nonce: 'n',
        passkey: world.desk.facts.proofs.passkeysOf(person.id)[0]?.id ?? 'pks_',
        assertion: { clientDataJSON: '', authenticatorData: '', signature: '' },
        at: tx.now,
      }
      await tx.put('approval', approval)
      return open?.settle({ desk: world.desk, tx, person, approval }) ?? refuse('not-found')
    })
    refused(settled, 'change-set.stale')
    assert.deepEqual(world.person('eva').roles, ['auditors', 'release-manager'])
    await sweep(world.desk, world.desk.activity)
    assert.equal(await stateOf(set.id), 'stale')
  })

  test('of somebody who was contained or left meanwhile does not come into force', async () => {
    const set = await propose(world, await ana(), { document: wider() })
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'ana', 'odd'))
    refused(await world.answer('ben', set.id, 'approve'), 'identity.quarantined')
    assert.equal(await stateOf(set.id), 'proposed')
    mustBe(await release(world.desk, await world.caller('ben'), 'ana', 'fine'))
    assert.equal(mustBe(await world.answer('ben', set.id, 'approve')).state, 'applied')
  })

  test('whose approver lost the right to approve before the last yes is not carried by them', async () => {
    const set = await propose(world, operator, { document: wider() })
    mustBe(await world.answer('eva', set.id, 'approve'))
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'eva', 'odd'))
    assert.equal(mustBe(await world.answer('ben', set.id, 'approve')).state, 'proposed', 'one person, not two')
    mustBe(await release(world.desk, await world.caller('ben'), 'eva', 'fine'))
  })

  test('is not signed by somebody whom its author let in lately, while others could be asked', async () => {
    const people = [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'mal' }]
    await configure(world, shopDocument({ people }))
    const { link } = mustBe(await invite(world.desk, await ana(), 'mal'))
    await world.register('mal', reveal(link))
    const set = await propose(world, await ana(), { document: wider() })
    refused(await world.answer('mal', set.id, 'approve'), 'approval.let-in-lately')
    assert.equal(mustBe(await world.answer('ben', set.id, 'approve')).state, 'applied')
    world.clock.advance(7 * 24 * hour + 1)
    await configure(world, shopDocument({ people }))
    const later = await propose(world, await ana(), { document: shopDocument({ people, roles: { ...roles, sre: ['ben', 'eva'] } }) })
    assert.equal(mustBe(await world.answer('mal', later.id, 'approve')).state, 'applied', 'a week later')
  })

  test('waits a day, and no longer', async () => {
    const set = await propose(world, await ana(), { document: wider(), wait: hour })
    world.clock.advance(hour)
    refused(await world.answer('ben', set.id, 'approve'), 'approval.closed')
    await sweep(world.desk, world.desk.activity)
    assert.equal(await stateOf(set.id), 'expired')
    const long = await propose(world, await ana(), { document: wider(), wait: 90 * 24 * hour })
    assert.equal(long.expiresAt - long.createdAt, 24 * hour)
  })

  test('is taken back by its author or an administrator, and by nobody else', async () => {
    const set = await propose(world, operator, { document: wider() })
    refused(await withdrawChangeSet(world.desk, await world.caller('bot'), set.id, 'x'), 'not-found')
    refused(await withdrawChangeSet(world.desk, await world.caller('eva'), set.id, 'x'), 'caller.not-allowed')
    assert.equal(mustBe(await withdrawChangeSet(world.desk, await ana(), set.id, 'no')).state, 'withdrawn')
    refused(await withdrawChangeSet(world.desk, await ana(), set.id, 'x'), 'change-set.wrong-state')
  })

  test('asked for again is the same one; another of the machine takes its place; of one author at most five wait', async () => {
    const first = await propose(world, operator, { document: wider() })
    assert.equal((await propose(world, operator, { document: wider() })).id, first.id)
    const second = await propose(world, operator, { document: shopDocument({ roles: { ...roles, sre: ['ben', 'ana'] } }) })
    assert.deepEqual([await stateOf(first.id), await stateOf(second.id)], ['withdrawn', 'proposed'])
    const makeOne = async (place: number) =>
      proposeChange(world.desk, await ana(), {
        document: shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: `p${place}` }] }),
      })
    for (let place = 0; place < 5; place += 1) assert.equal(mustBe(await makeOne(place)).changeSet?.state, 'proposed')
    refused(await makeOne(5), 'change-set.too-many')
  })

  test('a removed service ends its grants and sessions, keeps no secret, and its name is never used again', async () => {
    const extra = {
      name: 'extra',
      upstream: 'http://127.0.0.1:8',
      environment: 'test',
      impact: { data: 'low', service: 'low', safety: 'none' },
      credential: { bearer: 'extra-secret' },
      routes: [{ name: 'look', method: 'GET', path: '/look', effect: 'read' }],
    }
    const [shop] = JSON.parse(JSON.stringify(shopDocument()['services'])) as object[]
    const text = `${shopPolicies}\n@id("extra-may-be-read") permit (principal in Role::"meters", action == Action::"request", resource == Route::"extra/look");`
    await configure(world, shopDocument({ services: [shop, extra], policyFiles: [{ name: 'shop.cedar', text }] }))
    const grant = await atWork(world, 'meter', ['extra/look'], { idle: hour })
    const bearer = await world.bearer('meter', grant.id)
    assert.ok(bearer)
    const set = mustBe(await proposeChange(world.desk, await ana(), { document: shopDocument(), prune: 'everything' })).changeSet
    assert.ok(set !== undefined)
    await signAll(world, set)
    assert.equal(world.desk.facts.service('extra'), undefined)
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'ended')
    assert.deepEqual(
      [...world.desk.facts.liveSessions()].filter((session) => session.grant === grant.id),
      [],
    )
    const kept = await world.desk.store.read((tx) => tx.get('service', 'extra'))
    assert.deepEqual([kept?.credential, kept?.removedAt !== undefined], [undefined, true])
    const again = await proposeChange(world.desk, operator, { document: shopDocument({ services: [shop, extra] }) })
    assert.match(again.ok ? '' : (again.refusal.problems?.[0]?.message ?? ''), /names are never used again/)
  })

  test('with a secret in it shows it nowhere: not in the record, the ledger, the answer or a fault', async () => {
    const canary = 'canary-7f3a91'
    const [shop] = JSON.parse(JSON.stringify(shopDocument()['services'])) as object[]
    const moved = shopDocument({ services: [{ ...shop, credential: { bearer: canary } }] })
    const set = await propose(world, await ana(), { document: moved })
    assert.deepEqual([set.class, set.state], ['moves-secret', 'proposed'])
    assert.equal(set.tier >= 2, true, 'it is worth what it opens')
    const kept = await world.desk.store.read((tx) => tx.get('changeSet', set.id))
    assert.ok(kept?.wanted !== undefined)
    const faulty = await proposeChange(world.desk, await ana(), {
      document: shopDocument({ services: [{ ...shop, credential: { bearer: canary }, impact: 'huge' }] }),
    })
    const seen = JSON.stringify([set, kept, await ledger(), faulty])
    assert.equal(seen.includes(canary) || seen.includes(Buffer.from(canary).toString('base64')), false)
    assert.equal((await propose(world, await ana(), { document: moved })).id, set.id, 'the same secret is the same proposal')
    assert.equal(mustBe(await world.answer('ben', set.id, 'approve')).state, 'applied')
    const service = world.desk.facts.service('shop')
    const opened = service === undefined ? undefined : world.gateway.upstreamSecret(service)
    assert.equal(opened?.ok === true && opened.value !== undefined ? reveal(opened.value) : '', `Bearer ${canary}`)
  })
})

describe('with nobody else in the house', () => {
  test('the founder applies alone and hears so; from the second passkey on never again, also when people left', async () => {
    const alone = shopDocument({ people: [{ name: 'ana' }], roles: {}, identities: [], policyFiles: [] })
    const world = await openWorld({ document: alone })
    try {
      const caller = await world.caller('ana')
      const withBen = shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }], roles: {}, identities: [], policyFiles: [] })
      const first = await propose(world, caller, { document: withBen })
      assert.deepEqual([first.state, first.class, first.ending], ['applied', 'widens', 'applied alone: nobody else could be asked'])
      mustBe(await world.house.sequencer.flush())
      const { size } = await world.house.database.tree()
      const bodies = (await world.house.database.leaves(Math.max(0, size - 10), 10)).map((leaf) => leaf.body ?? '')
      assert.ok(
        bodies.some((body) => body.includes('configuration.applied') && body.includes('applied alone')),
        'and the ledger says so',
      )
      const onDisk = await propose(world, operator, {
        document: shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'cyd' }], roles: {}, identities: [], policyFiles: [] }),
      })
      assert.equal(onDisk.state, 'proposed', 'what was written at the machine takes her signature')
      assert.equal(
        mustBe(await world.answer('ana', onDisk.id, 'approve')).changeSet?.ending,
        'approved by one person: nobody else could be asked',
      )
      const invited = mustBe(await world.desk.store.change((tx) => makeInvitation(world.desk, tx, { name: 'ben', by: 'test' })))
      await world.register('ben', reveal(invited.link))
      const people = [{ name: 'ana' }, { name: 'ben' }, { name: 'cyd' }]
      const more = (names: readonly object[]) => shopDocument({ people: names, roles: {}, identities: [], policyFiles: [] })
      const waits = await propose(world, caller, { document: more([...people, { name: 'dan' }]) })
      assert.equal(waits.state, 'proposed')
      const left = await propose(world, caller, { document: more([{ name: 'ana' }, { name: 'ben', disabled: true }, { name: 'cyd' }]) })
      assert.deepEqual([left.state, left.class], ['applied', 'narrows'])
      const locked = await propose(world, caller, {
        document: more([{ name: 'ana' }, { name: 'ben', disabled: true }, { name: 'cyd' }, { name: 'dan' }]),
      })
      assert.equal(locked.state, 'proposed', 'locked is locked')
      refused(await world.answer('ana', locked.id, 'approve'), 'approval.own-request')
    } finally {
      await world.close()
    }
  })

  test('a space that is founded later founds itself', async () => {
    const world = await openWorld({ document: shopDocument({ people: [{ name: 'ana' }], roles: {}, identities: [], policyFiles: [] }) })
    try {
      await assert.rejects(found(world.desk, shopDocument()), /somebody is registered already/)
    } finally {
      await world.close()
    }
  })
})
