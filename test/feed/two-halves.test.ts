/** Both halves of the feed over a link without a wire: what is given at control is used at the gateway, and what ends there ends here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { sweep } from '../../src/control/sweep.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { gatewayOf } from '../../src/model/gateways.ts'
import { allowed, answered, ask, atWork, configure, held, minute, refused, refusedVerdict, start } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import type { FeedLink } from '../../src/feed/link.ts'
import { dialsTo, type Machine, unreachable } from './fed-machine.ts'
import { withHalves } from './halves.ts'
import { keyOf, serve, settled } from './scripted-gateway.ts'

test('what is granted at control is used at the gateway, and is cut there before anybody hears that it was revoked', () =>
  withHalves(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    assert.equal(edge.fed.state().link, 'following')
    const grant = await atWork(world, 'aide', ['read:shop'])
    const bearer = await edge.bearer(world, 'aide', grant.id)
    const decision = allowed(await edge.act(bearer, 'list-incidents'))
    mustBe(edge.control.stands(decision))
    edge.stream(decision)
    const revoked = revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough').then((result) => {
      assert.deepEqual(
        edge.cuts.map(({ reason }) => reason),
        ['revoked'],
        'cut before the revocation resolves',
      )
      return mustBe(result)
    })
    assert.deepEqual(
      (await revoked).confirmed.map(({ gateway, how }) => [gateway, how]),
      [
        ['http', 'confirmed'],
        ['edge-1', 'confirmed'],
      ],
    )
    refused(edge.control.stands(decision), 'grant.ended')
    refusedVerdict(await edge.act(bearer, 'list-incidents'), 'grant.ended')
    edge.control.finish(decision, answered)
    assert.deepEqual([...served.alarms, ...edge.alarms], [])
  }))

const admins = `
@id("ana-may-wipe") @approval("2 of role:wipers")
permit (principal, action == Action::"request", resource in Service::"shop") when { context.task.kind == "wipe" };
`
const wiping = () => {
  const { policyFiles, roles, ...rest } = shopDocument()
  return shopDocument({
    ...rest,
    policyFiles: [...(policyFiles as object[]), { name: 'wipe.cedar', text: admins }],
    roles: { ...(roles as object), wipers: ['ben', 'eva'] },
  })
}

test('cut off from control, changes of tier 3 stop at once, the rest at the end of the lease, and all of it says why', () =>
  withHalves(
    async ({ world, machine }) => {
      const edge = await machine('edge-1')
      const asked = mustBe(await ask(world, 'bot', ['shop/wipe', 'read:shop'], { task: 'wipe' }))
      for (const person of ['ben', 'eva']) mustBe(await world.answer(person, asked.id, 'approve'))
      const grant = await start(world, 'bot', asked.id)
      const bearer = await edge.bearer(world, 'bot', grant.id)
      const wipe = allowed(await edge.act(bearer, 'wipe'))
      const read = allowed(await edge.act(bearer, 'list-incidents'))
      edge.stream(read)
      edge.dial = unreachable
      edge.link.close('the cable is cut')
      await settled()
      refusedVerdict(await edge.act(bearer, 'wipe'), 'control.unreachable')
      refused(edge.control.stands(wipe), 'control.unreachable')
      allowed(await edge.act(bearer, 'list-incidents'))
      mustBe(edge.control.stands(read))
      await edge.advance(5_050, [world.clock])
      const late = await edge.act(bearer, 'list-incidents')
      refusedVerdict(late, 'control.unreachable')
      assert.match(late.outcome === 'deny' ? (late.refusal.detail ?? '') : '', /control was last heard at 20/)
      assert.deepEqual(
        edge.cuts.map(({ reason }) => reason),
        ['control was lost'],
      )
    },
    { document: wiping() },
  ))

test('what ended while it was cut off has ended before it serves again', () =>
  withHalves(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    const grant = await atWork(world, 'aide', ['read:shop'])
    const bearer = await edge.bearer(world, 'aide', grant.id)
    const decision = allowed(await edge.act(bearer, 'list-incidents'))
    edge.stream(decision)
    edge.dial = unreachable
    edge.link.close('the cable is cut')
    const revoking = revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough')
    await edge.advance(10_100, [world.clock])
    const { confirmed } = mustBe(await revoking)
    assert.deepEqual(
      confirmed.map(({ gateway, how }) => [gateway, how]),
      [
        ['http', 'confirmed'],
        ['edge-1', 'lapsed'],
      ],
    )
    assert.equal(edge.cuts.length, 1, 'it had stopped by itself')
    edge.dial = dialsTo(served, keyOf('edge-1'))
    await edge.advance(6_000, [world.clock])
    assert.equal(edge.fed.state().link, 'following')
    // Who came back too late for the changes was given everything anew, and what has ended is not among it.
    assert.equal((await edge.act(bearer, 'list-incidents')).outcome, 'deny')
    assert.ok(!edge.control.stands(decision).ok)
  }))

test('a session that ended is cut by the snapshot that does not have it any more, within the lease too', () =>
  withHalves(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    const grant = await atWork(world, 'aide', ['read:shop'])
    const other = await atWork(world, 'aide', ['read:shop'])
    const ending = allowed(await edge.act(await edge.bearer(world, 'aide', grant.id), 'list-incidents'))
    const staying = allowed(await edge.act(await edge.bearer(world, 'aide', other.id), 'list-incidents'))
    edge.stream(ending)
    edge.stream(staying)
    edge.dial = unreachable
    served.server.close()
    await settled()
    void revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough')
    await settled()
    assert.equal(edge.cuts.length, 0)
    // Another control node: it does not know what this gateway has, and sends everything.
    const another = serve(world)
    edge.dial = dialsTo(another, keyOf('edge-1'))
    await edge.advance(1_000)
    assert.equal(edge.fed.state().link, 'following')
    assert.deepEqual(
      edge.cuts.map(({ session }) => session),
      [ending.session],
    )
    another.server.close()
  }))

const mayAskForIncident = [
  {
    task: 'incident',
    actions: ['read'],
    resource: 'shop/list-incidents',
    command: 'remit request shop/list-incidents --task incident --for "why"',
  },
]

test('who has no grant hears at a gateway what to ask for, and is known there only as long as the token is bound', () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const { facts } = edge.fed.gate
    const [aide, owner, bot] = ['aide', 'ana', 'bot'].map((name) => world.person(name).id)
    assert.ok(aide !== undefined && owner !== undefined && bot !== undefined)
    assert.equal(facts.identity(aide), undefined)
    const bearer = await edge.bearer(world, 'aide')
    const verdict = await edge.act(bearer, 'list-incidents')
    refusedVerdict(verdict, 'grant.missing')
    assert.deepEqual(verdict.outcome === 'deny' ? verdict.refusal.ask : [], mayAskForIncident)
    assert.deepEqual([facts.identity(aide)?.name, facts.identity(owner)?.name, facts.identity(bot)], ['aide', 'ana', undefined])
    assert.doesNotMatch(JSON.stringify(facts.binding(bearer.claims.jti)), /chain|gateway/)
    // What is given now is used with the token that is bound already.
    await atWork(world, 'aide', ['read:shop'])
    allowed(await edge.act(bearer, 'list-incidents'))
    const other = await edge.bearer(world, 'bot')
    refusedVerdict(await edge.act(other, 'list-incidents'), 'grant.missing')
    world.clock.advance(16 * minute)
    await sweep(world.desk, world.desk.activity)
    await settled()
    assert.deepEqual([facts.identity(bot), facts.binding(other.claims.jti)], [undefined, undefined])
    assert.equal(facts.identity(aide)?.name, 'aide', 'there for its grant')
  }))

test('a gateway of the version before refuses whoever has no grant as unknown, as it did', () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1', { speaks: [1] })
    refusedVerdict(await edge.act(await edge.bearer(world, 'aide'), 'list-incidents'), 'credential.invalid')
  }))

test('who comes with a token that was bound before hears a clear word: disabled, or that the grant is gone, after a snapshot too', () =>
  withHalves(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    const grant = await atWork(world, 'aide', ['read:shop'])
    const bearer = await edge.bearer(world, 'aide', grant.id)
    allowed(await edge.act(bearer, 'list-incidents'))
    edge.dial = unreachable
    served.server.close()
    await settled()
    void revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough')
    await settled()
    const another = serve(world)
    edge.dial = dialsTo(another, keyOf('edge-1'))
    await edge.advance(1_000)
    const verdict = await edge.act(bearer, 'list-incidents')
    refusedVerdict(verdict, 'grant.missing')
    assert.deepEqual(verdict.outcome === 'deny' ? verdict.refusal.ask : [], mayAskForIncident)
    const { identities, ...rest } = shopDocument()
    const disabled = (identities as { name: string }[]).map((each) => (each.name === 'aide' ? { ...each, disabled: true } : each))
    await configure(world, shopDocument({ ...rest, identities: disabled }))
    await settled()
    refusedVerdict(await edge.act(bearer, 'list-incidents'), 'identity.disabled')
    another.server.close()
  }))

for (const { says, one, two, home } of [
  { says: 'asking for each use', one: [1], two: [1], home: [2, 1] },
  { says: 'reserving some', one: [2, 1], two: [2, 1], home: [2, 1] },
  { says: 'one that reserves and one that cannot', one: [2, 1], two: [1], home: [2, 1] },
  { says: 'both of which could reserve, at a control of the version before', one: [2, 1], two: [2, 1], home: [1] },
])
  test(`counted uses are spent exactly once between two gateways, ${says}`, () =>
    withHalves(
      async ({ world, machine }) => {
        const gateways = [await machine('edge-1', { speaks: one }), await machine('edge-2', { speaks: two })]
        const limit = 60
        const grant = await atWork(world, 'meter', [`shop/put-telemetry,uses=${limit}`])
        let spent = 0
        const act = async (edge: Machine) => {
          const bearer = await edge.bearer(world, 'meter', grant.id)
          for (let n = 0; n < limit; n += 1) {
            const verdict = await edge.act(bearer, 'put-telemetry')
            if (verdict.outcome !== 'allow') {
              assert.match(verdict.outcome === 'deny' ? verdict.refusal.code : verdict.outcome, /^grant\.(uses-spent|ended)$/)
              continue
            }
            spent += 1
            edge.control.finish(verdict.decision, answered)
          }
        }
        const [first, second] = gateways
        assert.ok(first && second)
        await Promise.all([act(first), act(second)])
        // What one of them held in the end goes back, and is used by whoever asks next.
        await first.advance(3_000, [second.clock, world.clock])
        for (const edge of gateways) {
          if (world.desk.facts.grant(grant.id)?.state !== 'active') break
          await act(edge)
          await first.advance(3_000, [second.clock, world.clock])
        }
        assert.equal(spent, limit)
        assert.deepEqual([world.desk.facts.grant(grant.id)?.state, world.desk.facts.grant(grant.id)?.ending?.how], ['ended', 'exhausted'])
      },
      { speaks: home },
    ))

test('reserved uses that are lost with the link count as spent: never more than were granted', () =>
  withHalves(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    const grant = await atWork(world, 'meter', ['shop/put-telemetry,uses=40'])
    const bearer = await edge.bearer(world, 'meter', grant.id)
    let spent = 0
    for (let round = 0; round < 8; round += 1) {
      for (let n = 0; n < 10; n += 1) {
        const verdict = await edge.act(bearer, 'put-telemetry')
        if (verdict.outcome === 'allow') {
          spent += 1
          edge.control.finish(verdict.decision, answered)
        }
      }
      edge.dial = dialsTo(served, keyOf('edge-1'))
      edge.link.close('the cable is cut')
      await edge.advance(400, [world.clock])
      assert.equal(edge.fed.state().link, 'following')
      const here = edge.fed.gate.facts.counted(grant.id, 0)
      assert.equal(here.spent, world.desk.facts.counted(grant.id, 0).spent, 'nothing of it is thought to be left here')
    }
    assert.ok(spent <= 40 && spent >= 20, `${spent}`)
  }))

test('an action is held, approved and sent once, all by way of the gateway', () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const grant = await atWork(world, 'aide', ['shop/restart'])
    const bearer = await edge.bearer(world, 'aide', grant.id)
    const given = { service: 'checkout' }
    const verdict = await edge.act(bearer, 'restart', given)
    const hold = held(verdict)
    assert.ok(verdict.outcome === 'held' && verdict.page.endsWith(`/holds/${hold}`))
    const waiting = edge.control.holdAnswered(hold, 60_000, new AbortController().signal)
    mustBe(await world.answer('ben', hold, 'approve'))
    assert.equal(await waiting, 'approved')
    assert.notEqual(held(await edge.act(bearer, 'restart', { service: 'search' })), hold, 'another action')
    const decision = allowed(await edge.act(bearer, 'restart', given))
    mustBe(edge.control.stands(decision))
    edge.control.finish(decision, answered)
    assert.equal(held(await edge.act(bearer, 'restart', given)) === hold, false, 'once')
  }))

for (const { says, speaks } of [
  { says: 'a gateway of the version before', speaks: [2, 1] },
  { says: 'a gateway of the version after', speaks: [4, 3] },
])
  test(`${says} works with this control`, () =>
    withHalves(async ({ world, machine }) => {
      const edge = await machine('edge-1', { speaks })
      assert.equal(edge.fed.state().protocol, Math.min(3, speaks[0] ?? 0))
      const grant = await atWork(world, 'meter', ['shop/put-telemetry,uses=2'])
      const bearer = await edge.bearer(world, 'meter', grant.id)
      edge.control.finish(allowed(await edge.act(bearer, 'put-telemetry')), answered)
    }))

test('a secret is in memory for where it was sent for, and goes nowhere else', () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const shop = edge.control.service('shop')
    assert.ok(shop !== undefined && gatewayOf(shop) === 'http')
    assert.ok(mustBe(edge.control.upstreamSecret(shop))?.is('Bearer upstream-secret'))
    refused(edge.control.upstreamSecret({ ...shop, upstream: 'http://127.0.0.1:10' }), 'upstream.secret-unavailable')
    const { journal } = edge
    await journal.flush()
    for await (const line of journal.read()) assert.doesNotMatch(line, /upstream-secret/)
    assert.doesNotMatch(JSON.stringify(world.desk.facts.services()), /upstream-secret/)
  }))

test('a token is bound to the address that used it first, at whichever gateway', () =>
  withHalves(async ({ world, machine }) => {
    const [one, two] = [await machine('edge-1'), await machine('edge-2')]
    const grant = await atWork(world, 'aide', ['read:shop'])
    const audience = 'urn:remit:main:gateway:http'
    const token = reveal(mustBe(await world.exchange('aide', { audience, grant: grant.id })).token)
    mustBe(await one.control.identify(token, '192.0.2.1'))
    refused(await two.control.identify(token, '192.0.2.2'), 'credential.elsewhere')
    mustBe(await two.control.identify(token, '192.0.2.1'))
    await settled()
    const signals = await world.desk.store.read((tx) => tx.find('signal', {}))
    assert.deepEqual(
      signals.map(({ kind }) => kind),
      ['token-used-elsewhere'],
    )
  }))

test('a grant with a limit that this gateway does not know is refused as that, others go on, and once it can be read it is used', () =>
  withHalves(async ({ world, served, machine }) => {
    let isNewer = true
    const through = ([gateway, control]: readonly [FeedLink, FeedLink]) => {
      const send = control.send.bind(control)
      control.send = (text) => send(isNewer ? text.replace('"scope":[{', '"scope":[{"onlyOnMondays":true,') : text)
      return [gateway, control] as const
    }
    const edge = await machine('edge-1', { dial: dialsTo(served, keyOf('edge-1'), through) })
    const grant = await atWork(world, 'meter', ['shop/put-telemetry'])
    const bearer = await edge.bearer(world, 'meter', grant.id)
    const refusal = await edge.act(bearer, 'put-telemetry')
    refusedVerdict(refusal, 'grant.not-understood')
    assert.match(refusal.outcome === 'deny' ? (refusal.refusal.detail ?? '') : '', /onlyOnMondays is not known/)
    refusedVerdict(await edge.act(await edge.bearer(world, 'meter'), 'put-telemetry'), 'grant.not-understood')
    assert.match(edge.alarms.join('\n'), /grn_\w+ has a part that this version does not know/)
    isNewer = false
    const other = await atWork(world, 'aide', ['read:shop'])
    allowed(await edge.act(await edge.bearer(world, 'aide', other.id), 'list-incidents'))
    refusedVerdict(await edge.act(bearer, 'put-telemetry'), 'grant.not-understood')
    edge.link.close('and once more')
    await edge.advance(400, [world.clock])
    assert.equal(edge.fed.state().link, 'following')
  }))

test('most of many uses need no question each', () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const grant = await atWork(world, 'meter', ['shop/put-telemetry,uses=1000'])
    const bearer = await edge.bearer(world, 'meter', grant.id)
    const before = world.desk.facts.version
    for (let n = 0; n < 500; n += 1) edge.control.finish(allowed(await edge.act(bearer, 'put-telemetry')), answered)
    const changes = world.desk.facts.version - before
    assert.ok(changes <= 60, `${changes} changes at home for 500 uses`)
  }))
