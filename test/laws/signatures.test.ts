/** A signature: good for one question, of one person, over one digest, once. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { answer, prepareAnswer } from '../../src/control/answer.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { document, people, roles } from '../world/approvers.ts'
import { ask, configure, minute, refused } from '../world/deeds.ts'
import { openWorld, type World } from '../world/world.ts'

describe('a signature', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document() })
  })
  after(() => world.close())

  const pending = async () => mustBe(await ask(world, 'bot', ['shop/deploy', 'read:shop'], { task: 'release' }))
  const question = async (person: string, subject: string, narrowing = {}) =>
    mustBe(await prepareAnswer(world.desk, world.person(person), { subject: subject as never, decision: 'approve', narrowing }))

  test('answers its own question, once', async () => {
    const grant = await pending()
    const { challenge, credentialIds } = await question('eva', grant.id)
    const response = world.sign('eva', challenge, credentialIds)
    mustBe(await answer(world.desk, world.person('eva'), { challenge, response }))
    refused(await answer(world.desk, world.person('eva'), { challenge, response }), 'approval.signature')
  })

  test('is no answer to another question, of the same person or of another one', async () => {
    const [one, two] = [await pending(), await pending()]
    const first = await question('eva', one.id)
    const second = await question('eva', two.id)
    const response = world.sign('eva', first.challenge, first.credentialIds)
    refused(await answer(world.desk, world.person('eva'), { challenge: second.challenge, response }), 'passkey.refused')
    const anas = await question('ana', one.id)
    refused(
      await answer(world.desk, world.person('eva'), {
        challenge: anas.challenge,
        response: world.sign('eva', anas.challenge, first.credentialIds),
      }),
      'approval.signature',
    )
    refused(await answer(world.desk, world.person('ana'), { challenge: first.challenge, response }), 'approval.signature')
    refused(
      await answer(world.desk, world.person('eva'), {
        challenge: anas.challenge,
        response: world.sign('ana', anas.challenge, anas.credentialIds),
      }),
      'approval.signature',
    )
    assert.equal(world.desk.facts.grant(one.id)?.state, 'pending')
  })

  test('with another person’s passkey is none', async () => {
    const grant = await pending()
    const { challenge } = await question('eva', grant.id)
    const anas = await question('ana', grant.id)
    const response = world.sign('ana', challenge, anas.credentialIds)
    refused(await answer(world.desk, world.person('eva'), { challenge, response }), 'passkey.refused')
  })

  test('over one narrowing is none over another, and a yes for more does not fit what was narrowed since', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy', 'read:shop'], { task: 'migration' }))
    const wide = await question('ben', grant.id)
    mustBe(await world.answer('cyd', grant.id, 'approve', { duration: 5 * minute }))
    refused(
      await answer(world.desk, world.person('ben'), {
        challenge: wide.challenge,
        response: world.sign('ben', wide.challenge, wide.credentialIds),
      }),
      'approval.signature',
    )
    const narrow = await question('ben', grant.id, { lines: [1] })
    const answered = mustBe(
      await answer(world.desk, world.person('ben'), {
        challenge: narrow.challenge,
        response: world.sign('ben', narrow.challenge, narrow.credentialIds),
      }),
    )
    assert.deepEqual([answered.grant?.scope.length, answered.grant?.duration], [1, 5 * minute])
  })

  test('is no answer five minutes later', async () => {
    const grant = await pending()
    const { challenge, credentialIds } = await question('eva', grant.id)
    world.clock.advance(5 * minute)
    refused(
      await answer(world.desk, world.person('eva'), { challenge, response: world.sign('eva', challenge, credentialIds) }),
      'approval.signature',
    )
  })

  test('of somebody who was disabled, quarantined or lost the role between question and answer is none, yes or no', async () => {
    for (const decision of ['approve', 'deny'] as const) {
      const changes = [
        () => configure(world, document({ people: people.map((each) => (each.name === 'eva' ? { ...each, disabled: true } : each)) })),
        () => configure(world, document({ roles: { ...roles, 'release-manager': ['ana'] } })),
        async () => mustBe(await quarantine(world.desk, await world.caller('ben'), 'eva', 'odd')),
      ]
      for (const change of changes) {
        const grant = await pending()
        const eva = world.person('eva')
        const { challenge, credentialIds } = mustBe(await prepareAnswer(world.desk, eva, { subject: grant.id, decision, narrowing: {} }))
        await change()
        refused(
          await answer(world.desk, eva, { challenge, response: world.sign('eva', challenge, credentialIds) }),
          'approval.not-approver',
        )
        assert.equal(world.desk.facts.grant(grant.id)?.state, 'pending')
        if (world.person('eva').quarantine !== undefined) mustBe(await release(world.desk, await world.caller('ben'), 'eva', 'fine'))
        await configure(world, document())
      }
    }
  })

  test('is kept in the ledger with all that is needed to check it again', async () => {
    const grant = await pending()
    mustBe(await world.answer('eva', grant.id, 'approve'))
    await world.house.sequencer.flush()
    const { size } = await world.house.database.tree()
    const bodies = (await world.house.database.leaves(0, size)).map(
      (leaf): { kind: string; subject: string; facts: Record<string, unknown> } => JSON.parse(leaf.body ?? '{}'),
    )
    const signed = bodies.find((body) => body.kind === 'approval.signed' && body.subject === grant.id)
    const statement: Record<string, unknown> = JSON.parse(String(signed?.facts['statement']))
    assert.equal(statement['digest'], grant.digest)
    assert.equal(statement['decision'], 'approve')
    assert.ok(signed?.facts['assertion'] !== undefined && signed.facts['publicKey'] !== undefined)
  })
})
