/** Versions apart: a gateway of this version at a control of the one before, and two that have none in common. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import type { FeedLink } from '../../src/feed/link.ts'
import { parseFromGateway } from '../../src/feed/parse-from-gateway.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { allowed, answered, atWork, held, refused, refusedVerdict } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorld } from '../world/world.ts'
import { dialsTo } from './fed-machine.ts'
import { withHalves } from './halves.ts'
import { enrolled, keyOf, ScriptedGateway, serve, settled } from './scripted-gateway.ts'

/** Keeps what goes to control. */
function listening(said: string[]): (ends: readonly [FeedLink, FeedLink]) => readonly [FeedLink, FeedLink] {
  return ([gateway, control]) => {
    const send = gateway.send.bind(gateway)
    gateway.send = (message) => {
      said.push(message)
      send(message)
    }
    return [gateway, control]
  }
}

test('with a control of the version before, a gateway counts, holds, is cut and confirms, and says nothing that control does not know', () =>
  withHalves(
    async ({ world, served, machine }) => {
      const said: string[] = []
      const edge = await machine('edge-1', { dial: dialsTo(served, keyOf('edge-1'), listening(said)) })
      edge.fed.serves([{ service: 'shop', url: 'https://shop.example' }])
      assert.deepEqual([edge.fed.state().protocol, edge.fed.state().link], [1, 'following'])

      const counted = await atWork(world, 'meter', ['shop/put-telemetry,uses=3'])
      const meter = await edge.bearer(world, 'meter', counted.id)
      for (let n = 1; n <= 3; n += 1) {
        edge.control.finish(allowed(await edge.act(meter, 'put-telemetry')), answered)
        assert.equal(world.desk.facts.counted(counted.id, 0).spent, n, 'each use is spent at home, and none beforehand')
      }
      refusedVerdict(await edge.act(meter, 'put-telemetry'), 'grant.uses-spent')

      const grant = await atWork(world, 'aide', ['shop/restart', 'read:shop'])
      const bearer = await edge.bearer(world, 'aide', grant.id)
      const hold = held(await edge.act(bearer, 'restart', { service: 'checkout' }))
      mustBe(await world.answer('ben', hold, 'approve'))
      edge.control.finish(allowed(await edge.act(bearer, 'restart', { service: 'checkout' })), answered)

      const decision = allowed(await edge.act(bearer, 'list-incidents'))
      edge.stream(decision)
      const { confirmed } = mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough'))
      assert.deepEqual(
        confirmed.map(({ gateway, how }) => [gateway, how]),
        [
          ['http', 'confirmed'],
          ['edge-1', 'confirmed'],
        ],
      )
      assert.deepEqual(
        edge.cuts.map(({ reason }) => reason),
        ['revoked'],
      )
      refused(edge.control.stands(decision), 'grant.ended')

      await edge.advance(6_000, [world.clock])
      edge.link.close('the cable is cut')
      await edge.advance(2_000, [world.clock])
      assert.equal(edge.fed.state().link, 'following', 'it comes back')

      const asked = said.map((message) => mustBe(parseFromGateway(message)))
      const kinds = new Set(asked.map((each) => (each.type === 'ask' ? each.ask.what : each.type)))
      assert.deepEqual(
        ['reserve', 'release', 'serves'].filter((what) => kinds.has(what as never)),
        [],
      )
      const bound = asked.flatMap((each) => (each.type === 'ask' && each.ask.what === 'bind' ? [each.ask] : []))
      assert.ok(bound.length > 0 && bound.every(({ token }) => token === undefined), 'the token itself is shown from protocol 2 on')
      assert.deepEqual([...served.alarms, ...edge.alarms], [])
    },
    { speaks: [1] },
  ))

for (const { says, gateway, control } of [
  { says: 'a gateway that is two versions ahead', gateway: [3], control: [2, 1] },
  { says: 'a gateway that has dropped what an older control speaks', gateway: [3, 2], control: [1] },
])
  test(`${says} is refused, says why, and comes to serve once there is a version that both speak`, () =>
    withHalves(
      async ({ world, served, machine }) => {
        const edge = await machine('edge-1', { speaks: gateway })
        assert.equal(edge.fed.state().link, 'none')
        assert.match(edge.fed.state().lastEnd ?? '', new RegExp(`spoken here: ${control.join(', ')}`))
        assert.match(edge.alarms.join(), /control refuses this gateway/)
        assert.match(served.alarms.join(), /feed\.no-common-version/)
        assert.equal(served.server.standing()[0]?.state, 'away')
        const newer = serve(world, { speaks: gateway })
        edge.dial = dialsTo(newer, keyOf('edge-1'))
        await edge.advance(5_000, [world.clock])
        assert.deepEqual([edge.fed.state().link, edge.fed.state().protocol], ['following', gateway[0]])
        newer.server.close()
      },
      { speaks: control },
    ))

for (const ask of [
  { what: 'reserve', grant: 'grn_01J00000000000000000000000', line: 0, uses: 1 },
  { what: 'release', grant: 'grn_01J00000000000000000000000', line: 0, uses: 1 },
] as const)
  test(`whoever was welcomed in protocol 1 and asks to ${ask.what} is not listened to any more`, async () => {
    const world = await openWorld({ document: shopDocument() })
    const served = serve(world, { speaks: [1] })
    try {
      await enrolled(world, 'one')
      const one = await ScriptedGateway.welcomed(served, 'one')
      one.say({ type: 'ask', id: 1, ask })
      await settled()
      assert.equal(one.last('refused').code, 'feed.out-of-order')
    } finally {
      served.server.close()
      await world.close()
    }
  })
