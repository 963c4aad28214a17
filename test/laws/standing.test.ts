/** What stands is found and shown: exceptions, the desk, grants without a gap, and credentials that nobody uses. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { standing } from '../../src/control/standing.ts'
import { standingWords } from '../../src/control/standing-words.ts'
import { proposeException } from '../../src/control/exceptions.ts'
import { endGrant } from '../../src/control/end-grant.ts'
import { recover } from '../../src/control/recover.ts'
import { callerMay } from '../../src/control/rights.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { sweep } from '../../src/control/sweep.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { document } from '../world/approvers.ts'
import { atWork, hour, minute, refused } from '../world/deeds.ts'
import { openWorld, type World } from '../world/world.ts'

const day = 24 * hour

describe('what stands', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document() })
  })
  after(() => world.close())

  const seenBy = async (who: string) => standing(world.desk, await world.caller(who))

  test('at the desk by policy is what the desk answers, for everybody', async () => {
    const { desk, isWhole } = await seenBy('eva')
    assert.equal(isWhole, true)
    const found = desk.map(({ actions, identities }) => [
      actions.join(),
      identities
        .map(({ name }) => name)
        .toSorted()
        .join(),
    ])
    assert.deepEqual(
      new Set(found),
      new Set([
        ['approve', 'ana,cyd,dan'],
        ['approve,audit', 'eva'],
        ['approve,audit,stop', 'ben'],
      ]),
    )
  })

  test('exceptions come first, and the machine is named, for whoever may audit; others see their own', async () => {
    const input = {
      identity: 'bot',
      owner: 'ana',
      scope: ['read:shop'],
      reason: 'the old batch cannot ask',
      remediation: ['teach it to ask'],
      expiresAt: world.clock.now() + 20 * day,
    }
    const proposed = mustBe(await proposeException(world.desk, await world.caller('ana'), input))
    mustBe(await world.answer('ben', proposed.id, 'approve'))
    const tiers = async (who: string) => (await seenBy(who)).exceptions.map(({ blast }) => blast.tier)
    assert.deepEqual(await tiers('eva'), [3, 0], 'the first administrator reaches furthest')
    assert.deepEqual(await tiers('bot'), [0])
    assert.deepEqual(await tiers('dan'), [])
    const own = await seenBy('dan')
    assert.deepEqual(
      [own.isWhole, own.upstreams.length, own.desk.flatMap(({ identities }) => identities).map(({ name }) => name)],
      [false, 0, ['dan']],
    )
    const all = await seenBy('eva')
    assert.deepEqual(
      all.upstreams.map(({ id }) => id),
      ['shop'],
    )
  })

  test('secrets that nobody uses are told from those that are used', async () => {
    await world.caller('bot')
    const unused = async () =>
      (await seenBy('eva')).credentials
        .filter(({ isUnused, kind }) => isUnused && kind === 'api-secret')
        .map(({ identity }) => world.desk.facts.identity(identity)?.name)
    const { issueSecret } = await import('../../src/control/credentials.ts')
    mustBe(await issueSecret(world.desk, await world.caller('ana'), 'aide', 90 * day))
    world.clock.advance(29 * day)
    assert.deepEqual(await unused(), [])
    world.clock.advance(2 * day)
    assert.deepEqual(await unused(), ['aide'])
  })

  test('the use of a secret is noted once a day', async () => {
    const { readLedger } = await import('../sim/replay.ts')
    const noted = async () =>
      (await readLedger(world.house)).filter(({ kind, actor }) => kind === 'credential.used' && actor === 'meter').length
    for (let hours = 0; hours < 3; hours += 1) {
      await world.exchange('meter')
      world.clock.advance(hour)
    }
    assert.equal(await noted(), 1)
  })
})

describe('grants that follow each other', () => {
  let world: World
  beforeEach(async () => {
    world = await openWorld({ document: document() })
  })
  afterEach(() => world.close())

  const runs = async (who = 'eva') => (await standing(world.desk, await world.caller(who))).runs.runs
  /** One grant after the other, each of an hour, with a pause after it. */
  const follow = async (count: number, pause: number, scope: (place: number) => string[] = () => ['read:shop']) => {
    for (let place = 0; place < count; place += 1) {
      const grant = await atWork(world, 'aide', scope(place), { duration: hour, idle: hour })
      world.clock.advance(hour)
      await sweep(world.desk, world.house.gate.activity)
      assert.equal(world.desk.facts.grant(grant.id)?.state, 'ended')
      world.clock.advance(pause)
    }
  }

  test('without a gap, for more than a day, are a standing privilege', async () => {
    await follow(25, 5 * minute)
    const [run, ...more] = await runs()
    assert.equal(more.length, 0)
    assert.equal(run?.grants, 25)
    assert.equal(run.to - run.from, 25 * hour + 24 * 5 * minute)
    assert.deepEqual(run.operations, ['shop/list-incidents'])
    assert.deepEqual(await runs('dan'), [])
    assert.equal((await runs('ana')).length, 1, 'the owner of aide')
  })

  test('by other lines that overlap are one all the same', async () => {
    await follow(26, minute, (place) => (place % 2 === 0 ? ['read:shop'] : ['shop/list-incidents', 'shop/restart']))
    const [run, ...more] = await runs()
    assert.deepEqual([run?.operations, run?.grants, more.length], [['shop/list-incidents'], 26, 0])
  })

  for (const { says, count, pause } of [
    { says: 'with a real pause between them', count: 26, pause: 11 * minute },
    { says: 'for a day and no more', count: 23, pause: minute },
  ])
    test(`${says} are none`, async () => {
      await follow(count, pause)
      assert.deepEqual(await runs(), [])
    })

  test('and are live are counted up to now', async () => {
    await follow(24, minute)
    const live = await atWork(world, 'aide', ['read:shop'], { duration: hour, idle: hour })
    world.clock.advance(30 * minute)
    const [run] = await runs()
    assert.equal(run?.newest.at(-1), live.id)
    assert.equal(run?.to, world.clock.now())
    mustBe(
      await world.desk.store.change(async (tx) => {
        const grant = await tx.get('grant', live.id)
        if (grant !== undefined) await endGrant(tx, grant, { how: 'revoked', by: 'test', reason: 'over' })
        return { ok: true, value: undefined }
      }),
    )
  })
})

describe('what whoever starts it is told', () => {
  const alone = {
    people: [{ name: 'ana' }],
    roles: { 'incident-agents': ['aide'] },
    identities: [{ name: 'aide', kind: 'ai-agent', owner: 'ana' }],
    policyFiles: [],
  }

  test('with one person: that nothing is renewed alone, and in the end that nobody administers', async () => {
    const world = await openWorld({ document: document(alone) })
    try {
      const words = async () => (await standingWords(world.desk)).join('\n')
      assert.match(
        await words(),
        /ana keeps Remit's own desk: .*everything that Remit protects[\s\S]*cannot be renewed alone[\s\S]*remit invite NAME/,
      )
      assert.doesNotMatch(await words(), /It ends in/)
      world.clock.advance(17 * day)
      assert.match(await words(), /It ends in 13d.*remit exception propose ana --renews exc_/)
      world.clock.advance(13 * day)
      await sweep(world.desk, world.house.gate.activity)
      assert.match(await words(), /a standing privilege of ana ended on .*its time is up[\s\S]*nobody stands to administer/)
    } finally {
      await world.close()
    }
  })
})

describe('the way back from the machine itself', () => {
  const two = {
    people: [{ name: 'ana' }, { name: 'ben' }],
    roles: { 'incident-agents': ['aide'] },
    identities: [{ name: 'aide', kind: 'ai-agent', owner: 'ana' }],
    policyFiles: [],
  }
  const alone = { ...two, people: [{ name: 'ana' }] }

  test('is shut while somebody administers, and while two people are there', async () => {
    for (const document_ of [alone, two]) {
      const world = await openWorld({ document: document(document_) })
      try {
        refused(await recover(world.desk, 'cyd'), 'recovery.not-needed')
        world.clock.advance(30 * day)
        const opened = await recover(world.desk, 'cyd')
        assert.equal(opened.ok, document_ === alone)
      } finally {
        await world.close()
      }
    }
  })

  test('gives no right, never answers for somebody who is there, and is told for a month', async () => {
    const world = await openWorld({ document: document(alone) })
    try {
      world.clock.advance(30 * day)
      refused(await recover(world.desk, 'ana'), 'passkey.exists')
      const { link } = mustBe(await recover(world.desk, 'cyd'))
      await world.register('cyd', reveal(link))
      for (const who of ['ana', 'cyd']) assert.equal(callerMay(world.desk, await world.caller(who), 'administer').ok, false)
      refused(await recover(world.desk, 'dan'), 'recovery.not-needed')
      const again = mustBe(
        await proposeException(world.desk, await world.caller('ana'), {
          identity: 'ana',
          owner: 'ana',
          deskActions: ['administer'],
          reason: 'somebody must',
          remediation: ['let people ask for desk/administer'],
          expiresAt: world.clock.now() + 30 * day,
        }),
      )
      refused(await world.answer('ana', again.id, 'approve'), 'approval.own-request')
      mustBe(await world.answer('cyd', again.id, 'approve'))
      assert.ok(callerMay(world.desk, await world.caller('ana'), 'administer').ok)
      assert.match((await standingWords(world.desk)).join('\n'), /RECOVERY: cyd was invited from this machine/)
      const { readLedger } = await import('../sim/replay.ts')
      assert.equal((await readLedger(world.house)).filter(({ kind }) => kind === 'recovery.begun').length, 1)
    } finally {
      await world.close()
    }
  })
})
