/** Acting for somebody: the chain comes from verified tokens alone, and has the rights that all its links have. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeSecret, revokeSecret } from '../../src/control/credentials.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { identifyCaller, TokenReader } from '../../src/control/identify.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { actionOf } from '../world/shop.ts'
import { allowed, ask, atWork, callOf, hour, refused, refusedVerdict } from '../world/deeds.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { here, openWorld, type World } from '../world/world.ts'

const roles = {
  sre: ['ben', 'ana'],
  'release-manager': ['eva'],
  operators: ['ben'],
  auditors: ['eva'],
  'incident-agents': ['aide', 'helper', 'ana'],
  'release-bots': ['bot', 'aide'],
  meters: ['meter'],
  interns: ['helper'],
}
const document = shopDocument({
  roles,
  policyFiles: [
    {
      name: 'shop.cedar',
      text: `${shopPolicies}\n@id("interns-read-only")\nforbid (principal in Role::"interns", action in [Effect::Action::"execute", Effect::Action::"write"], resource);\n`,
    },
  ],
  identities: [
    { name: 'aide', kind: 'ai-agent', owner: 'ana' },
    { name: 'helper', kind: 'ai-agent', owner: 'ben' },
    { name: 'bot', kind: 'service-account', owner: 'ana' },
    { name: 'meter', kind: 'api-client', owner: 'ben' },
  ],
})

describe('chains', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document })
  })
  after(() => world.close())

  test('an agent acting for a person may ask for what both may, and for nothing that one of them may not', async () => {
    assert.equal((await ask(world, 'ana', ['read:shop'], { actor: 'aide' })).ok, true)
    refused(await ask(world, 'ben', ['read:shop'], { actor: 'aide' }), 'request.not-eligible')
    refused(await ask(world, 'ana', ['shop/deploy'], { actor: 'aide', task: 'release' }), 'request.not-eligible')
    assert.equal((await ask(world, 'aide', ['shop/deploy'], { task: 'release' })).ok, true, 'alone it may ask for that')
  })

  test('a guardrail on one link forbids the whole chain', async () => {
    refused(await ask(world, 'aide', ['shop/restart'], { actor: 'helper' }), 'request.forbidden')
    assert.equal((await ask(world, 'aide', ['shop/restart'])).ok, true)
  })

  test('the chain says who acts first and then for whom', async () => {
    const grant = mustBe(await ask(world, 'aide', ['read:shop'], { actor: 'helper' }))
    assert.deepEqual(grant.chain, [world.person('helper').id, world.person('aide').id])
  })

  test('what a chain was granted serves that chain alone', async () => {
    const both = await atWork(world, 'ana', ['read:shop'], { actor: 'aide' })
    const alone = await atWork(world, 'aide', ['read:shop'])
    const chained = await world.bearer('ana', both.id, 'aide')
    assert.equal(allowed(await world.gateway.authorize(callOf(world, chained, 'list-incidents'))).grant, both.id)
    refused(await world.exchange('aide', { grant: both.id }), 'grant.missing')
    refused(await world.exchange('ana', { grant: both.id }), 'grant.missing')
    refused(await world.exchange('ana', { grant: alone.id, actor: 'aide' }), 'grant.missing')
    const forged = { ...chained, claims: { ...chained.claims, grant: alone.id } }
    refusedVerdict(await world.gateway.authorize(callOf(world, forged, 'list-incidents')), 'grant.missing')
    refused(await activateGrant(world.desk, await world.caller('aide'), both.id), 'caller.not-allowed')
  })

  test('a link that is contained stops the chain, and the release of it brings nothing back', async () => {
    const both = await atWork(world, 'aide', ['read:shop'], { actor: 'helper' })
    const bearer = await world.bearer('aide', both.id, 'helper')
    allowed(await world.gateway.authorize(callOf(world, bearer, 'list-incidents')))
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'aide', 'odd'))
    refusedVerdict(await world.gateway.authorize(callOf(world, bearer, 'list-incidents')), 'identity.quarantined')
    refused(await world.exchange('aide', { actor: 'helper' }), 'identity.quarantined')
    mustBe(await release(world.desk, await world.caller('ben'), 'aide', 'fine'))
    refusedVerdict(await world.gateway.authorize(callOf(world, bearer, 'list-incidents')), 'grant.ended')
  })

  test('nobody acts for themselves, and the actor’s token is judged like any other', async () => {
    refused(await world.exchange('aide', { actor: 'aide' }), 'credential.invalid')
    const subject = { subjectToken: await world.secretOf('aide'), subjectTokenType: tokenTypes.secret, address: here }
    refused(await exchangeToken(world.desk, { ...subject, actorToken: 'rmt_', actorTokenType: tokenTypes.secret }), 'credential.invalid')
    refused(await exchangeToken(world.desk, { ...subject, actorToken: await world.secretOf('helper') }), 'input.invalid')
  })

  test('a token for somebody rests on both proofs: with either of them it ends', async () => {
    for (const ends of ['aide', 'helper']) {
      const secretOf = async (name: string) =>
        mustBe(
          await world.desk.store.change((tx) => makeSecret(world.desk, tx, { identity: world.person(name), by: 'test', lifetime: hour })),
        )
      const secrets = { aide: await secretOf('aide'), helper: await secretOf('helper') }
      const exchanged = mustBe(
        await exchangeToken(world.desk, {
          subjectToken: reveal(secrets.aide.secret),
          subjectTokenType: tokenTypes.secret,
          actorToken: reveal(secrets.helper.secret),
          actorTokenType: tokenTypes.secret,
          address: here,
        }),
      )
      const reader = new TokenReader(world.desk, 'urn:remit:main:control')
      mustBe(await identifyCaller(world.desk, reader, reveal(exchanged.token), here))
      for (const [name, { credential }] of Object.entries(secrets)) {
        if (name === ends) mustBe(await revokeSecret(world.desk, await world.caller(name === 'aide' ? 'ana' : 'ben'), credential.id))
      }
      refused(await identifyCaller(world.desk, reader, reveal(exchanged.token), here), 'credential.invalid')
      for (const { credential } of Object.values(secrets)) await revokeSecret(world.desk, await world.caller('ben'), credential.id)
    }
  })

  test('no link of the chain approves, whatever its role', async () => {
    const caller = await world.caller('ana', 'aide')
    const grant = mustBe(await requestGrant(world.desk, caller, { task: 'incident', statement: 'why', scope: ['shop/restart'] }))
    mustBe(await activateGrant(world.desk, caller, grant.id))
    const bearer = await world.bearer('ana', grant.id, 'aide')
    const action = actionOf(world.desk.facts.service('shop'), 'restart', { service: 'checkout' })
    const verdict = await world.gateway.authorize({
      bearer,
      action,
      material: { method: 'POST', target: '/x', headers: [], bodySha256: '' },
    })
    if (verdict.outcome !== 'held') return assert.fail(verdict.outcome)
    refused(await world.answer('ana', verdict.hold, 'approve'), 'approval.own-request')
    assert.equal((await world.answer('ben', verdict.hold, 'approve')).ok, true)
  })
})
