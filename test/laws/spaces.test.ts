/** Two spaces in one house: the same names in both, and nothing of one is seen, used or disturbed from the other. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { explain } from '../../src/control/explain.ts'
import { exportLedger } from '../../src/control/export-ledger.ts'
import { controlAudience, gatewayAudience, identifyCaller, TokenReader } from '../../src/control/identify.ts'
import { finishRegistration, makeInvitation } from '../../src/control/people.ts'
import { quarantine } from '../../src/control/quarantine.ts'
import { parseId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { verifyExport } from '../../src/ledger/verify.ts'
import { act, allowed, ask, atWork, callOf, configure, held, refused, refusedVerdict } from '../world/deeds.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { here, openTwoSpaces, type World } from '../world/world.ts'

describe('two spaces in one house', () => {
  let main: World
  let plant: World
  before(async () => {
    const policyFiles = [
      {
        name: 'shop.cedar',
        text: `${shopPolicies}\n@id("plant-only") forbid (principal is Robot, action in Effect::Action::"any", resource);\n`,
      },
    ]
    ;[main, plant] = await openTwoSpaces([shopDocument(), shopDocument({ space: 'plant', policyFiles })])
  })
  after(() => main.close())

  test('the same names are other things: identities, services, policies, keys', () => {
    assert.notEqual(main.person('bot').id, plant.person('bot').id)
    assert.notEqual(main.desk.facts.policies?.version, plant.desk.facts.policies?.version)
    assert.deepEqual([main.desk.facts.service('shop')?.space, plant.desk.facts.service('shop')?.space], ['main', 'plant'])
    assert.notDeepEqual(main.desk.mint.keys(), plant.desk.mint.keys())
  })

  test('a secret, a token and a session of one open nothing in the other', async () => {
    const secret = await main.secretOf('meter')
    for (const audience of [controlAudience('plant'), gatewayAudience('plant', 'http')])
      refused(
        await exchangeToken(plant.desk, { subjectToken: secret, subjectTokenType: tokenTypes.secret, audience, address: here }),
        'credential.invalid',
      )
    const token = reveal(mustBe(await main.exchange('meter')).token)
    refused(await identifyCaller(plant.desk, new TokenReader(plant.desk, controlAudience('plant')), token, here), 'credential.invalid')
    refused(await identifyCaller(plant.desk, new TokenReader(plant.desk, controlAudience('main')), token, here), 'credential.invalid')
    const forGateway = reveal(mustBe(await main.exchange('meter', { audience: gatewayAudience('main', 'http') })).token)
    refused(await plant.gateway.identify(forGateway, here), 'credential.invalid')
    refused(
      await exchangeToken(plant.desk, { subjectToken: token, subjectTokenType: tokenTypes.access, address: here }),
      'credential.invalid',
    )
  })

  test('a token of one that the other’s key would sign is refused all the same', async () => {
    const now = plant.clock.now()
    const claims = {
      jti: plant.desk.chance.id('tok', now),
      space: 'main',
      chain: [main.person('meter').id],
      provedBy: 'x',
      audience: controlAudience('plant'),
      issuedAt: now,
      expiresAt: now + 60_000,
      proved: {},
    }
    const token = reveal(await plant.desk.mint.issue(claims))
    refused(await identifyCaller(plant.desk, new TokenReader(plant.desk, controlAudience('plant')), token, here), 'credential.invalid')
  })

  test('a grant of one is for the other what does not exist', async () => {
    const grant = await atWork(main, 'meter', ['shop/put-telemetry'])
    const unknown = mustBe(parseId('grn', 'grn_00000000000000000000000000'))
    const caller = await plant.caller('ben')
    const there = await revokeGrant(plant.desk, caller, grant.id, 'because')
    assert.deepEqual(there, await revokeGrant(plant.desk, caller, unknown, 'because'))
    assert.equal(there.ok, false)
    assert.deepEqual(
      await plant.exchange('meter', { grant: grant.id, audience: gatewayAudience('plant', 'http') }),
      await plant.exchange('meter', { grant: unknown, audience: gatewayAudience('plant', 'http') }),
    )
    assert.equal(await plant.desk.store.read((tx) => tx.get('grant', grant.id)), undefined)
    refusedVerdict(await act(plant, 'meter', undefined, 'put-telemetry'), 'grant.missing')
    allowed(await act(main, 'meter', grant, 'put-telemetry'))
  })

  test('nobody answers in one what waits in the other, nor registers by its link', async () => {
    const waits = mustBe(await ask(main, 'bot', ['shop/deploy,version=1'], { task: 'release' }))
    refused(await plant.answer('eva', waits.id, 'approve'), 'not-found')
    await atWork(main, 'aide', ['shop/restart'])
    const hold = held(await main.gateway.authorize(callOf(main, await main.bearer('aide'), 'restart', { service: 'a' })))
    refused(await plant.answer('ben', hold, 'approve'), 'not-found')
    const { link } = mustBe(await main.desk.store.change((tx) => makeInvitation(main.desk, tx, { name: 'zoe', by: 'test' })))
    const registered = await finishRegistration(plant.desk, {
      link: link === undefined ? '' : reveal(link),
      name: 'zoe',
      challenge: 'x',
      response: {},
    })
    assert.equal(registered.ok, false)
    assert.equal(plant.desk.facts.identityNamed('zoe'), undefined)
  })

  test('what is stopped or changed in one goes on in the other', async () => {
    const here = await atWork(main, 'meter', ['shop/put-telemetry'])
    const there = await atWork(plant, 'meter', ['shop/put-telemetry'])
    mustBe(await quarantine(main.desk, await main.caller('ben'), 'meter', 'odd'))
    refusedVerdict(await main.gateway.authorize(callOf(main, await plant.bearer('meter', there.id), 'put-telemetry')), 'credential.invalid')
    allowed(await act(plant, 'meter', there, 'put-telemetry'))
    await configure(plant, shopDocument({ space: 'plant', roles: { meters: [] } }))
    assert.equal(main.desk.facts.identityNamed('meter')?.roles.includes('meters'), true)
    assert.equal(plant.desk.facts.grant(there.id)?.state, 'ended')
    assert.notEqual(main.desk.facts.grant(here.id)?.state, 'active')
  })

  test('decisions of one are not explained in the other, and its bodies are not shown there; commitments are, for all', async () => {
    const grant = await atWork(main, 'aide', ['shop/list-incidents'])
    const { id } = allowed(await act(main, 'aide', grant, 'list-incidents'))
    await main.house.journal.flush()
    const { rooms, sequencer, database } = main.house
    refused(await explain(plant.desk, [rooms[1]?.journal ?? main.house.journal], await plant.caller('eva'), id), 'not-found')
    await sequencer.flush()
    const lines: string[] = []
    for await (const line of exportLedger({
      store: database,
      space: 'plant',
      origin: 'remit.test/ledger',
      vkeys: [sequencer.vkey],
      journals: [],
    }))
      lines.push(line)
    for (const secret of ['"space":"main"', grant.id, main.person('aide').id])
      assert.equal(lines.join('\n').includes(secret), false, secret)
    async function* all() {
      yield* lines
    }
    const report = await verifyExport(all(), [sequencer.vkey])
    assert.equal(report.ok, true, JSON.stringify(report.failures))
    assert.ok(report.bodies > 0 && report.withheld > 0)
    assert.equal(report.bodies + report.withheld, report.leaves)
  })
})
