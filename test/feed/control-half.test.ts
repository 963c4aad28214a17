/** Control's half of the feed, held against a gateway that says what it likes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { note } from '../../src/control/desk.ts'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { openWorld, type World } from '../world/world.ts'
import { actionOf, materialOf, shopDocument } from '../world/shop.ts'
import { atWork } from '../world/deeds.ts'
import { asAsked, enrolled, ScriptedGateway, serve, settled } from './scripted-gateway.ts'

async function withWorld(run: (world: World) => Promise<void>, document = shopDocument()): Promise<void> {
  const world = await openWorld({ document })
  try {
    await run(world)
  } finally {
    await world.close()
  }
}

test('a gateway is welcomed, is given its business, and follows what changes', () =>
  withWorld(async (world) => {
    const grant = await atWork(world, 'aide', ['read:shop'])
    const served = serve(world)
    await enrolled(world, 'edge-1')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    assert.deepEqual(gateway.last('welcome').resumes, false)
    assert.equal(gateway.last('welcome').protocol, 2)
    assert.deepEqual(
      gateway.all('snapshot').map(({ records, version }) => [records, version]),
      [[gateway.all('record').length, world.desk.facts.version]],
    )
    assert.equal(gateway.records('grant')[0]?.id, grant.id)
    assert.deepEqual(
      gateway.records('service').map(({ record }) => record['credential']),
      [{ header: 'authorization', prefix: 'Bearer ', sealed: '' }],
    )
    assert.equal(gateway.all('secret').length, 1)
    assert.ok(await gateway.renew())
    const revoked = mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough'))
    assert.deepEqual(
      revoked.confirmed.map(({ gateway: name, how }) => [name, how]),
      [
        ['http', 'confirmed'],
        ['edge-1', 'confirmed'],
      ],
    )
    assert.deepEqual(gateway.records('grant').at(-1)?.record['state'], 'ended')
    assert.deepEqual(served.alarms, [])
  }))

test('a gateway that is not heard is waited for until its lease is over, and no longer', () =>
  withWorld(async (world) => {
    const grant = await atWork(world, 'aide', ['read:shop'])
    const served = serve(world)
    await enrolled(world, 'edge-1')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    assert.ok(await gateway.renew())
    gateway.acknowledges = false
    const before = world.clock.now()
    let revoked: unknown
    const caller = await world.caller('ben')
    const revoke = async () => {
      const { confirmed } = mustBe(await revokeGrant(world.desk, caller, grant.id, 'enough'))
      revoked = confirmed.map(({ gateway: name, how, milliseconds }) => [name, how, milliseconds])
    }
    const revoking = revoke()
    await settled()
    world.clock.advance(9_999)
    await settled()
    assert.equal(revoked, undefined)
    world.clock.advance(1)
    await revoking
    assert.deepEqual(revoked, [
      ['http', 'confirmed', 0],
      ['edge-1', 'lapsed', 10_000],
    ])
    assert.equal(world.clock.now() - before, 10_000)
  }))

test('what it asks its home for is decided again', () =>
  withWorld(async (world) => {
    const grant = await atWork(world, 'aide', ['read:shop'])
    const bearer = await world.bearer('aide', grant.id)
    const served = serve(world)
    await enrolled(world, 'edge-1')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    const opened = await gateway.ask({ what: 'open-session', ...asAsked(bearer), grant: grant.id })
    assert.ok(opened.ok && opened.session !== undefined)
    const action = actionOf(world.desk.facts.service('shop'), 'list-incidents')
    const settle = {
      what: 'settle',
      ...asAsked(bearer),
      action,
      material: materialOf(action),
      grant: grant.id,
      session: opened.session.id,
    } as const
    assert.deepEqual(await gateway.ask(settle), { ok: true })
    const wrong = await gateway.ask({ ...settle, line: 0 })
    assert.equal(wrong.ok ? '' : wrong.code, 'action.changed')
  }))

test('what stopped elsewhere is told to the ledger once, and nothing is where all is in one process', () =>
  withWorld(async (world) => {
    const stops = async () => {
      await settled()
      await world.house.sequencer.flush()
      const rows = await world.house.database.leaves(0, 1_000)
      return rows.flatMap(({ body = '' }) =>
        body.includes('"stop.confirmed"') ? [JSON.parse(body) as { readonly subject: string; readonly facts: object }] : [],
      )
    }
    const before = await atWork(world, 'aide', ['read:shop'])
    mustBe(await revokeGrant(world.desk, await world.caller('ben'), before.id, 'enough'))
    const served = serve(world)
    const alone = await atWork(world, 'aide', ['read:shop'])
    mustBe(await revokeGrant(world.desk, await world.caller('ben'), alone.id, 'enough'))
    assert.deepEqual(await stops(), [])
    await enrolled(world, 'edge-1')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    assert.ok(await gateway.renew())
    const grant = await atWork(world, 'aide', ['read:shop'])
    mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough'))
    const told = await stops()
    assert.deepEqual(
      told.map(({ subject }) => subject),
      [grant.id],
    )
    assert.deepEqual(
      { ...told[0]?.facts, version: 0 },
      {
        version: 0,
        ended: [grant.id],
        gateways: [{ gateway: 'edge-1', how: 'confirmed', milliseconds: 0 }],
      },
    )
  }))

test('who comes back goes on where it was, or is given everything where that is not known any more', () =>
  withWorld(async (world) => {
    const served = serve(world)
    await enrolled(world, 'edge-1')
    const first = await ScriptedGateway.welcomed(served, 'edge-1')
    const { version } = first
    const grant = await atWork(world, 'aide', ['read:shop'])
    await settled()
    first.link.close('the cable is cut')
    const later = await atWork(world, 'aide', ['read:shop'])
    await settled()
    const back = await ScriptedGateway.welcomed(served, 'edge-1', { has: { epoch: 1, version, from: 'test' } })
    assert.equal(back.last('welcome').resumes, true)
    assert.deepEqual([...new Set(back.records('grant').map(({ id }) => id))], [grant.id, later.id])
    const afters = back.all('changes').map(({ after }) => after)
    const versions = back.all('changes').map((each) => each.version)
    assert.deepEqual(afters, [version, ...versions.slice(0, -1)], 'no gap and no repetition')
    assert.equal(versions.at(-1), world.desk.facts.version)
    const old = await ScriptedGateway.welcomed(served, 'edge-1', { has: { epoch: 0, version } })
    assert.equal(old.last('welcome').resumes, false)
    const elsewhere = await ScriptedGateway.welcomed(served, 'edge-1', {
      has: { epoch: 1, version: versions.at(-1) ?? 0, from: 'another node' },
    })
    assert.equal(elsewhere.last('welcome').resumes, false, 'what another node told may be less')
    const unknown = await ScriptedGateway.welcomed(served, 'edge-1', { has: { epoch: 1, version: 1, from: 'test' } })
    assert.equal(unknown.last('welcome').resumes, false)
    assert.deepEqual(served.alarms, [])
  }))

test('nothing that opens anything goes out, and what is nobody’s business there is forgotten', () =>
  withWorld(async (world) => {
    const served = serve(world)
    await enrolled(world, 'edge-1')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    const grant = await atWork(world, 'aide', ['read:shop'])
    await settled()
    const names = gateway.records('identity').map(({ record }) => record['name'])
    assert.deepEqual(new Set(names), new Set(['aide', 'ana']), 'the chain and its owner, and nobody else')
    for (const { record } of gateway.records('credential')) assert.equal(record['hash'], '')
    for (const { record } of gateway.records('passkey')) assert.deepEqual([record['publicKey'], record['credentialId']], ['', ''])
    const said = JSON.stringify(gateway.heard.filter(({ type }) => type !== 'secret'))
    assert.doesNotMatch(said, /upstream-secret/)
    mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'enough'))
    // A late caller hears that it has ended for ten minutes; then nothing of these people is known there any more.
    world.clock.advance(600_001)
    await atWork(world, 'bot', ['shop/list-incidents'], { task: 'release' }).catch(() => undefined)
    await world.caller('ben')
    await settled()
    const forgotten = gateway.all('changes').flatMap(({ forget }) => forget.map(({ kind }) => kind))
    assert.ok(forgotten.includes('identity'), forgotten.join())
  }))

test('every connected gateway is drilled, and the figures say how long it took', () =>
  withWorld(async (world) => {
    const served = serve(world)
    await enrolled(world, 'edge-1')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    const drilled = world.desk.stopping.drill()
    await settled()
    world.clock.advance(7)
    gateway.say({ type: 'drilled', n: gateway.last('drill').n })
    assert.deepEqual(await drilled, [
      { gateway: 'http', milliseconds: 0 },
      { gateway: 'edge-1', milliseconds: 7 },
    ])
    world.clock.advance(10_000)
    await settled()
    assert.equal(gateway.all('drill').length, 2, 'again and again, unasked')
    world.clock.advance(10_000)
    await settled()
    assert.deepEqual(world.desk.stopping.drillFigures().at(-1), { gateway: 'edge-1', count: 2, missed: 1, p50: 7, p99: 7, max: 7 })
    assert.deepEqual(served.alarms, [])
  }))

test('a secret is taken away before its service is somewhere else, and given again after', () =>
  withWorld(async (world) => {
    const served = serve(world)
    await enrolled(world, 'edge-1')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    const heard = gateway.heard.length
    const shop = world.desk.facts.service('shop')
    assert.ok(shop !== undefined)
    mustBe(
      await world.desk.store.change(async (tx) => {
        await tx.put('service', { ...shop, labels: ['moved'] })
        await note(tx, { kind: 'service.changed', actor: 'test', subject: 'shop' })
        return done(undefined)
      }),
    )
    await settled()
    assert.deepEqual(
      gateway.heard.slice(heard).map(({ type }) => type),
      ['no-secret', 'changes', 'secret'],
    )
  }))

test('what is under way at a gateway keeps a grant from being idle, until it can be going on no more', () =>
  withWorld(async (world) => {
    const served = serve(world)
    await enrolled(world, 'edge-1')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    assert.ok(await gateway.renew())
    const grant = await atWork(world, 'aide', ['read:shop'])
    const { activity } = world.desk
    gateway.say({ type: 'alive', grants: [{ grant: grant.id, lastUse: world.clock.now(), underWay: 1 }] })
    await settled()
    assert.equal(activity.isInUse(grant.id), true)
    gateway.link.close('the cable is cut')
    await settled()
    world.clock.advance(9_999)
    assert.equal(activity.isInUse(grant.id), true)
    world.clock.advance(1)
    assert.equal(activity.isInUse(grant.id), false)
  }))
