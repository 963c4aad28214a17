/** Control's half of the feed, held against a gateway that says what it likes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { mustBe } from '../../src/kernel/result.ts'
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
    const revoking = revokeGrant(world.desk, caller, grant.id, 'enough').then((result) => {
      revoked = mustBe(result).confirmed.map(({ gateway: name, how, milliseconds }) => [name, how, milliseconds])
    })
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
