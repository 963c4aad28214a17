/** What a gateway may not say to control, nor leave unsaid: its link ends, somebody hears why, and nobody else is disturbed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { endGrant } from '../../src/control/end-grant.ts'
import type { Desk } from '../../src/control/desk.ts'
import { controlAudience } from '../../src/control/identify.ts'
import type { FeedLink } from '../../src/feed/link.ts'
import type { Ask, FromGateway } from '../../src/feed/messages.ts'
import type { RefusalCode } from '../../src/kernel/refusals.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { atWork } from '../world/deeds.ts'
import { actionOf, materialOf, shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'
import { asAsked, enrolled, keyOf, removed, ScriptedGateway, serve, type Served, settled } from './scripted-gateway.ts'

interface Scene {
  readonly world: World
  readonly served: Served
}

async function scene(run: (scene: Scene) => Promise<void>, document = shopDocument()): Promise<void> {
  const world = await openWorld({ document })
  const served = serve(world)
  try {
    await enrolled(world, 'edge-1')
    await run({ world, served })
  } finally {
    served.server.close()
    await world.close()
  }
}

const hello: FromGateway = { type: 'hello', speaks: [2, 1], software: 'test', run: 'edge-1-1' }
const ids = '01JC0000000000000000000000'

const hostile: readonly { readonly says: string; readonly said: readonly (FromGateway | string)[]; readonly code: RefusalCode }[] = [
  { says: 'anything before hello', said: [{ type: 'renew', n: 1 }], code: 'feed.out-of-order' },
  { says: 'hello twice', said: [hello, hello], code: 'feed.out-of-order' },
  { says: 'that it speaks nothing that is spoken here', said: [{ ...hello, speaks: [4, 99] }], code: 'feed.no-common-version' },
  { says: 'that it has seen more than there is', said: [{ ...hello, has: { epoch: 1, version: 1_000_000 } }], code: 'feed.out-of-order' },
  { says: 'that it has seen a later epoch', said: [{ ...hello, has: { epoch: 2, version: 0 } }], code: 'feed.out-of-order' },
  { says: 'no JSON', said: [hello, '{'], code: 'feed.unreadable' },
  { says: 'a member that is not known', said: [hello, '{"type":"renew","n":1,"force":true}'], code: 'feed.unreadable' },
  { says: 'that it applied what it was never sent', said: [hello, { type: 'applied', version: 1_000_000 }], code: 'feed.out-of-order' },
  { says: 'the same renewal again', said: [hello, { type: 'renew', n: 1 }, { type: 'renew', n: 1 }], code: 'feed.out-of-order' },
  { says: 'that it was drilled, unasked', said: [hello, { type: 'drilled', n: 7 }], code: 'feed.out-of-order' },
  {
    says: 'an anchor of a journal without a key',
    said: [hello, { type: 'anchor', n: 1, hash: '00'.repeat(32) }],
    code: 'feed.out-of-order',
  },
  {
    says: 'the same question again',
    said: [
      hello,
      { type: 'ask', id: 1, ask: { what: 'exhausted', grant: `grn_${ids}` } },
      { type: 'ask', id: 1, ask: { what: 'exhausted', grant: `grn_${ids}` } },
    ],
    code: 'feed.out-of-order',
  },
  {
    says: 'renewals without end',
    said: [hello, ...Array.from({ length: 60 }, (_, n): FromGateway => ({ type: 'renew', n: n + 1 }))],
    code: 'rate.exceeded',
  },
]

describe('its link ends, and another gateway goes on, when it says', () => {
  let world: World
  let served: Served
  before(async () => {
    world = await openWorld({ document: shopDocument() })
    served = serve(world)
    await enrolled(world, 'other')
  })
  after(async () => {
    served.server.close()
    await world.close()
  })
  for (const [place, { says, said, code }] of hostile.entries())
    test(says, async () => {
      const name = `edge-${place}`
      await enrolled(world, name)
      const other = await ScriptedGateway.welcomed(served, 'other')
      const gateway = new ScriptedGateway(served.server, keyOf(name))
      for (const message of said) {
        if (typeof message === 'string') gateway.sayText(message)
        else gateway.say(message)
        // One that floods does not wait.
        if (said.length < 10) await settled()
      }
      await settled()
      assert.equal(gateway.last('refused').code, code)
      assert.equal(gateway.closed?.split(': ')[0], code)
      const [alarm = '', ...more] = served.alarms.splice(0)
      assert.ok(alarm.includes(name) && more.length === 0, alarm)
      assert.ok(await other.renew())
    })
})

test('it says that it applied a version again, or an earlier one', () =>
  scene(async ({ world, served }) => {
    for (const earlier of [0, 1]) {
      const gateway = await ScriptedGateway.welcomed(served, 'edge-1', { run: `run-${earlier}` })
      gateway.acknowledges = false
      await atWork(world, 'aide', ['read:shop'])
      await settled()
      const versions = gateway.all('changes').map(({ version }) => version)
      gateway.say({ type: 'applied', version: versions.at(-1) ?? 0 })
      await settled()
      assert.equal(gateway.closed, undefined)
      gateway.say({ type: 'applied', version: versions.at(-1 - earlier) ?? 0 })
      await settled()
      assert.equal(gateway.last('refused').code, 'feed.out-of-order')
    }
  }))

test('a key that nobody enrolled, or that was removed, is refused, and somebody hears of it', () =>
  scene(async ({ world, served }) => {
    const stranger = new ScriptedGateway(served.server, keyOf('stranger'))
    stranger.say(hello)
    await settled()
    assert.deepEqual(
      stranger.heard.map(({ type }) => type),
      ['refused'],
    )
    assert.equal(stranger.last('refused').code, 'gateway.unknown')
    assert.equal(served.alarms.length, 1)
    const record = await enrolled(world, 'edge-2')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-2')
    await removed(world, record)
    await settled()
    assert.equal(gateway.last('refused').code, 'gateway.unknown')
    const again = await ScriptedGateway.welcomed(served, 'edge-2')
    assert.deepEqual(
      again.heard.map(({ type }) => type),
      ['refused'],
    )
  }))

test('of two links of one key the later one lives', () =>
  scene(async ({ world, served }) => {
    const first = await ScriptedGateway.welcomed(served, 'edge-1')
    assert.ok(await first.renew())
    const second = await ScriptedGateway.welcomed(served, 'edge-1', { run: 'edge-1-2' })
    assert.equal(first.last('refused').code, 'feed.replaced')
    assert.ok(await second.renew())
    // The earlier run may still be there: until its lease is over nobody is told that all have stopped.
    const grant = await atWork(world, 'aide', ['read:shop'])
    const mark = world.desk.stopping.mark()
    let confirmed: unknown
    mustBe(
      await world.desk.store.change(async (tx) => {
        const current = await tx.get('grant', grant.id)
        if (current !== undefined) await endGrant(tx, current, { how: 'revoked', by: 'test', reason: 'test' })
        return done(undefined)
      }),
    )
    const waiting = world.desk.stopping.confirmed(mark).then((all) => (confirmed = all.map(({ gateway, how }) => `${gateway} ${how}`)))
    await settled()
    assert.equal(confirmed, undefined)
    world.clock.advance(10_000)
    await waiting
    assert.deepEqual(confirmed, ['http confirmed', 'edge-1 lapsed', 'edge-1 confirmed'])
  }))

test('a peer that never reads is not sent without end', () =>
  scene(async ({ world, served }) => {
    let waiting = 0
    let sent = 0
    const deaf = (link: FeedLink): FeedLink => ({
      send: (message) => {
        sent += 1
        waiting += message.length
      },
      onMessage: (listener) => link.onMessage(listener),
      onClose: (listener) => link.onClose(listener),
      close: (reason) => link.close(reason),
      get waitingBytes() {
        return waiting
      },
    })
    const gateway = new ScriptedGateway(served.server, keyOf('edge-1'), deaf)
    gateway.acknowledges = false
    gateway.say(hello)
    await settled()
    waiting = 67_108_865
    await atWork(world, 'aide', ['read:shop'])
    await settled()
    assert.match(gateway.closed ?? '', /^feed.too-slow/)
    const before = sent
    await atWork(world, 'aide', ['read:shop'])
    await settled()
    assert.equal(sent, before, 'nothing is handed over any more')
  }))

test('a gateway that acknowledges nothing is leased no more time', () =>
  scene(async ({ world, served }) => {
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    gateway.acknowledges = false
    assert.ok(await gateway.renew())
    await atWork(world, 'aide', ['read:shop'])
    await settled()
    world.clock.advance(5_001)
    assert.equal(await gateway.renew(), false)
    assert.equal(gateway.last('refused').code, 'feed.too-slow')
  }))

test('control that does not hold its database answers no renewal', () =>
  scene(async ({ world }) => {
    let isHeld = true
    const { store } = world.desk
    const desk: Desk = {
      ...world.desk,
      store: {
        space: store.space,
        change: (work) => store.change(work),
        read: (work) => store.read(work),
        onCommit: (listener) => store.onCommit(listener),
        last: () => store.last(),
        catchUp: () => store.catchUp(),
        isHeld: () => isHeld,
      },
    }
    const served = serve(world, { desk })
    await enrolled(world, 'edge-2')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-2')
    assert.ok(await gateway.renew())
    isHeld = false
    assert.equal(await gateway.renew(), false)
    assert.deepEqual(await gateway.ask({ what: 'exhausted', grant: `grn_${ids}` }), { ok: false, code: 'store.unavailable' })
    isHeld = true
    assert.ok(await gateway.renew(), 'the link lives, and goes on')
    served.server.close()
  }))

test('control that cannot look what others committed answers no renewal until it has', () =>
  scene(async ({ world }) => {
    const { store } = world.desk
    let look = () => store.catchUp()
    const desk: Desk = {
      ...world.desk,
      store: {
        space: store.space,
        change: (work) => store.change(work),
        read: (work) => store.read(work),
        onCommit: (listener) => store.onCommit(listener),
        last: () => store.last(),
        catchUp: () => look(),
        isHeld: () => store.isHeld(),
      },
    }
    const served = serve(world, { desk })
    await enrolled(world, 'edge-2')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-2')
    assert.ok(await gateway.renew())
    look = () => Promise.reject(new Error('nobody answers'))
    assert.equal(await gateway.renew(), false)
    const looked = Promise.withResolvers<void>()
    look = () => looked.promise
    assert.equal(await gateway.renew(), false)
    look = () => store.catchUp()
    looked.resolve()
    assert.ok(await gateway.renew(), 'the link lives, and goes on')
    served.server.close()
  }))

test('a token that it only tells of, or of somebody else, makes nobody known to it', () =>
  scene(async ({ world, served }) => {
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    const audience = 'urn:remit:main:gateway:http'
    const [meter, bot] = [mustBe(await world.exchange('meter', { audience })), mustBe(await world.exchange('bot', { audience }))]
    const control = mustBe(await world.exchange('bot', { audience: controlAudience('main') }))
    const asked = { what: 'bind', claims: bot.claims, address: '192.0.2.1' } as const
    const bound = await gateway.ask({ ...asked, claims: { ...bot.claims, jti: `tok_${ids}`, chain: [world.person('bot').id] } })
    assert.equal(bound.ok, true, 'a gateway of the version before has no more to show')
    for (const token of [reveal(meter.token), reveal(control.token), 'a.b.c', '']) {
      const answer = await gateway.ask({ ...asked, token })
      assert.equal(answer.ok ? 'ok' : answer.code, 'credential.invalid')
    }
    assert.deepEqual(gateway.records('identity'), [])
    // The token is what counts, whatever is said of it.
    const said = { ...bot.claims, chain: [world.person('meter').id], expiresAt: bot.claims.expiresAt * 2 }
    const shown = await gateway.ask({ ...asked, claims: said, token: reveal(bot.token) })
    assert.deepEqual(shown.ok && [shown.binding?.identity, shown.binding?.expiresAt], [world.person('bot').id, bot.claims.expiresAt])
    const known = new Set(gateway.records('identity').map(({ record }) => record.name))
    assert.deepEqual(known, new Set(['ana', 'bot']))
  }))

test('what it asks about others’ business, or otherwise than control decides, is a no', () => {
  const { services, ...rest } = shopDocument()
  const [shop] = services as object[]
  const document = shopDocument({ ...rest, services: [shop, { ...shop, name: 'till', gateway: 'inner' }] })
  return scene(async ({ world, served }) => {
    const grant = await atWork(world, 'aide', ['read:shop'])
    const bearer = await world.bearer('aide', grant.id)
    const asked = asAsked(bearer)
    await enrolled(world, 'inner-1', 'inner')
    const inner = await ScriptedGateway.welcomed(served, 'inner-1')
    assert.deepEqual(inner.records('grant'), [], 'another gateway’s grant')
    assert.deepEqual(
      inner.records('service').map(({ id }) => id),
      ['till'],
    )
    const innerClaims = { ...asked.claims, audience: 'urn:remit:main:gateway:inner' }
    const foreign = await inner.ask({ what: 'open-session', ...asked, claims: innerClaims, grant: grant.id })
    assert.equal(foreign.ok ? '' : foreign.code, 'grant.missing')
    const gateway = await ScriptedGateway.welcomed(served, 'edge-1')
    const opened = await gateway.ask({ what: 'open-session', ...asked, grant: grant.id })
    const session = opened.ok ? (opened.session?.id ?? '') : ''
    const action = actionOf(world.desk.facts.service('shop'), 'list-incidents')
    const settle = { what: 'settle', ...asked, action, material: materialOf(action), grant: grant.id, session } as const
    const now = world.clock.now()
    const others: readonly { readonly says: string; readonly ask: Ask; readonly code: RefusalCode }[] = [
      { says: 'another line', ask: { ...settle, line: 0 }, code: 'action.changed' },
      { says: 'a hold that is none', ask: { ...settle, hold: `hld_${ids}` }, code: 'action.changed' },
      { says: 'another session', ask: { ...settle, session: `ses_${ids}` }, code: 'session.ended' },
      { says: 'another grant', ask: { ...settle, grant: `grn_${ids}` }, code: 'grant.missing' },
      { says: 'an effect that it has not', ask: { ...settle, action: { ...action, effect: 'observe' } }, code: 'action.changed' },
      { says: 'a tier that it has not', ask: { ...settle, action: { ...action, tier: 3 } }, code: 'action.changed' },
      { says: 'a service of another gateway', ask: { ...settle, action: { ...action, service: 'till' } }, code: 'action.changed' },
      {
        says: 'an operation beyond the grant',
        ask: { ...settle, action: actionOf(world.desk.facts.service('shop'), 'deploy') },
        code: 'grant.not-covered',
      },
      { says: 'a token for another gateway', ask: { ...settle, claims: innerClaims }, code: 'credential.invalid' },
      { says: 'a token that has ended', ask: { ...settle, claims: { ...asked.claims, expiresAt: now } }, code: 'credential.invalid' },
      { says: 'a proof that is none', ask: { ...settle, claims: { ...asked.claims, provedBy: `crd_${ids}` } }, code: 'credential.invalid' },
      { says: 'another chain', ask: { ...settle, claims: { ...asked.claims, chain: [world.person('bot').id] } }, code: 'grant.missing' },
      {
        says: 'a session for another chain',
        ask: { what: 'open-session', ...asked, claims: { ...asked.claims, chain: [world.person('bot').id] }, grant: grant.id },
        code: 'grant.missing',
      },
      {
        says: 'a hold of what nothing holds',
        ask: { ...settle, what: 'hold', digest: 'v1:00', material: materialOf(action) },
        code: 'action.changed',
      },
      { says: 'the end of another’s grant', ask: { what: 'exhausted', grant: `grn_${ids}` }, code: 'grant.missing' },
    ]
    for (const { says, ask, code } of others) {
      const answer = await gateway.ask(ask)
      assert.equal(answer.ok ? 'ok' : answer.code, code, says)
    }
    assert.deepEqual(await gateway.ask(settle), { ok: true }, 'as it is, it is a yes')
    assert.deepEqual(served.alarms, [])
  }, document)
})
