/** Whoever has read what anybody may have written may ask, by whatever way, and is never answered by policy alone. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { completeGrant } from '../../src/control/end-grant.ts'
import type { Bearer } from '../../src/control/ports.ts'
import { quarantine } from '../../src/control/quarantine.ts'
import { reevaluate } from '../../src/control/reevaluate.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { removeExpired, sweep } from '../../src/control/sweep.ts'
import { readBefore } from '../../src/control/untrusted.ts'
import { activateGrant, extendGrant } from '../../src/control/work-window.ts'
import { openHouse } from '../../src/main/house.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { Secret } from '../../src/kernel/secret.ts'
import type { Grant } from '../../src/model/grants.ts'
import { PostgresServer } from '../contract/postgres-server.ts'
import { onCluster } from '../contract/two-nodes.ts'
import { allowed, answered, ask, atWork, hour, minute, refused, start } from '../world/deeds.ts'
import { mailCall, mailDocument } from '../world/mail.ts'
import { TestClock } from '../world/clock.ts'
import { openWorld, openWorldOf, testParts, type World } from '../world/world.ts'

const errand = { task: 'errand' } as const

type Entry = Readonly<Record<'kind' | 'actor' | 'subject', string>> & { readonly facts: Readonly<Record<string, unknown>> }

/** Oldest first. */
async function entries(world: World): Promise<readonly Entry[]> {
  const { size } = await world.house.database.tree()
  const all = [...(await world.house.database.leaves(0, Math.max(1, size))), ...(await world.house.database.outbox(1_000))]
  return all.map(({ body = '{}' }) => JSON.parse(body) as Entry)
}

async function entriesOf(world: World, kind: string): Promise<readonly Entry[]> {
  return (await entries(world)).filter((entry) => entry.kind === kind)
}

/** Calls a tool of the mailbox, as far as the gateway: what its server says does not matter here. */
async function call(world: World, bearer: Bearer, tool: Parameters<typeof mailCall>[2]): Promise<void> {
  const { gateway } = world
  gateway.finish(allowed(await gateway.authorize(mailCall(gateway, bearer, tool))), answered)
}

/** One read by `who`, in a session of its own. */
async function read(world: World, who: string, actor?: string): Promise<Grant> {
  const grant = await atWork(world, who, ['mail/read', 'mail/look-up'], actor === undefined ? errand : { ...errand, actor })
  await call(world, await world.bearer(who, grant.id, actor), 'read')
  return grant
}

async function stateOf(world: World, who: string, actor?: string): Promise<string> {
  const asked = await ask(world, who, ['mail/look-up'], actor === undefined ? errand : { ...errand, actor })
  return asked.ok ? asked.value.state : asked.refusal.code
}

async function onWorld(work: (world: World) => Promise<void>): Promise<void> {
  const world = await openWorld({ document: mailDocument() })
  try {
    await work(world)
  } finally {
    await world.close()
  }
}

describe('a request after untrusted results', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: mailDocument() })
  })
  after(() => world.close())

  test('waits for a person where policy gives it to anybody else at once, and the ledger says why, once', async () => {
    const grant = await atWork(world, 'aide', ['mail/read', 'mail/look-up', 'mail/send'], errand)
    const bearer = await world.bearer('aide', grant.id)
    await call(world, bearer, 'look-up')
    const plain = mustBe(await ask(world, 'aide', ['mail/look-up'], errand))
    assert.equal(plain.state, 'approved', 'the house wrote what it has read so far')
    for (const tool of ['read', 'read', 'look-up', 'send'] as const) await call(world, bearer, tool)
    const asked = mustBe(await ask(world, 'aide', ['mail/look-up'], errand))
    assert.deepEqual([asked.state, asked.untrusted, asked.requirement.personsMin], ['pending', true, 1])
    assert.notEqual(asked.digest, plain.digest)
    refused(await activateGrant(world.desk, await world.caller('aide'), asked.id), 'grant.wrong-state')
    const marks = await entriesOf(world, 'session.read-untrusted')
    assert.deepEqual(
      marks.map(({ actor, facts }) => [actor, facts['operation']]),
      [['aide', 'mail/read']],
    )
    const requests = await entriesOf(world, 'grant.requested')
    const told = requests.find(({ subject }) => subject === asked.id)
    assert.match(JSON.stringify(told), /"operation":"mail\/read"[^}]*"session":"ses_\w+"},[^}]*"untrusted":true/)
    assert.equal(JSON.stringify(requests.find(({ subject }) => subject === plain.id)).includes('untrusted'), false)
    mustBe(await world.answer('eva', asked.id, 'approve'))
    const active = await start(world, 'aide', asked.id)
    // More time is asked for like the first of it, also for what was given before.
    for (const id of [active.id, grant.id]) {
      const more = mustBe(await extendGrant(world.desk, await world.caller('aide'), id, { milliseconds: minute, reason: 'more' }))
      assert.deepEqual([more.state, more.continues, more.untrusted], ['pending', id, true])
    }
  })

  test('waits for as long as the token lasts and a day longer, and no more; what is over is swept away', async () => {
    await sweep(world.desk, world.desk.activity)
    world.clock.advance(24 * hour)
    await removeExpired(world.desk)
    assert.equal(await stateOf(world, 'aide'), 'pending')
    world.clock.advance(hour)
    assert.equal(await stateOf(world, 'aide'), 'approved')
    assert.equal((await world.desk.store.read((tx) => tx.find('untrustedReading', {}))).length, 1)
    await removeExpired(world.desk)
    assert.equal((await world.desk.store.read((tx) => tx.find('untrustedReading', {}))).length, 0)
  })

  test('stands on the yes that it was given, which falls with whoever gave it, although policy asks nobody', () =>
    onWorld(async (fresh) => {
      const plain = await atWork(fresh, 'aide', ['mail/read'], errand)
      await call(fresh, await fresh.bearer('aide', plain.id), 'read')
      const asked = [mustBe(await ask(fresh, 'aide', ['mail/send'], errand)), mustBe(await ask(fresh, 'aide', ['mail/send'], errand))]
      for (const { id } of asked) mustBe(await fresh.answer('eva', id, 'approve'))
      await start(fresh, 'aide', asked[0]?.id ?? plain.id)
      assert.equal(await reevaluate(fresh.desk), 0)
      mustBe(await quarantine(fresh.desk, await fresh.caller('ben'), 'eva', 'odd'))
      await reevaluate(fresh.desk)
      const kept = await fresh.desk.store.read((tx) => Promise.all([plain, ...asked].map(({ id }) => tx.get('grant', id))))
      assert.deepEqual(
        kept.map((grant) => [grant?.state, grant?.ending?.reason.includes('its approver eva is quarantined')]),
        [
          ['active', undefined],
          ['ended', true],
          ['unclaimed', true],
        ],
      )
    }))

  test('for more time stands on the yes to that, which falls with whoever gave it, and so does what policy gave before', () =>
    onWorld(async (fresh) => {
      const given = [await read(fresh, 'aide'), await atWork(fresh, 'helper', ['mail/look-up'], errand)]
      for (const [place, who] of (['aide', 'helper'] as const).entries()) {
        const { id } = given[place] ?? {}
        if (id === undefined) throw new Error('there is a grant for each')
        const more = async () =>
          mustBe(await extendGrant(fresh.desk, await fresh.caller(who), id, { milliseconds: minute, reason: 'more' }))
        const asked = await more()
        if (who === 'helper') {
          assert.deepEqual([asked.id, asked.state], [id, 'active'], 'nothing was read')
          continue
        }
        mustBe(await fresh.answer('eva', asked.id, 'approve'))
        assert.equal((await more()).state, 'pending', 'asked about again')
      }
      assert.equal(await reevaluate(fresh.desk), 0)
      mustBe(await quarantine(fresh.desk, await fresh.caller('ben'), 'eva', 'odd'))
      await reevaluate(fresh.desk)
      const kept = await fresh.desk.store.read((tx) => Promise.all(given.map(({ id }) => tx.get('grant', id))))
      assert.deepEqual(
        kept.map((grant) => [grant?.state, grant?.ending?.reason.includes('its approver eva is quarantined')]),
        [
          ['ended', true],
          ['active', undefined],
        ],
      )
    }))

  test('is refused where nobody may approve it', async () => {
    const { roles, ...rest } = mailDocument()
    const alone = await openWorld({
      document: mailDocument({
        ...rest,
        people: [{ name: 'ana' }],
        roles: Object.fromEntries(Object.keys(roles as object).map((role) => [role, ['aide', 'ana']])),
        identities: [{ name: 'aide', kind: 'ai-agent', owner: 'ana' }],
      }),
    })
    // One person alone, who asks: nobody approves what they ask for themselves.
    await read(alone, 'ana')
    const asked = await ask(alone, 'ana', ['mail/look-up'], errand)
    assert.equal(asked.ok ? asked.value.state : asked.refusal.code, 'request.untrusted')
    assert.match(asked.ok ? '' : (asked.refusal.detail ?? ''), /^ana has read mail\/read, which anybody may have written, since 20/)
    await alone.close()
  })
})

for (const { says, reads, pending, approved } of [
  {
    says: 'an agent by itself',
    reads: ['aide'],
    pending: [['aide'], ['ana', 'aide'], ['aide', 'helper']],
    approved: [['ana'], ['helper'], ['ana', 'helper']],
  },
  {
    says: 'an agent for a person, who is asked herself and not by it',
    reads: ['ana', 'aide'],
    pending: [['aide'], ['ana', 'aide']],
    approved: [['ana'], ['ana', 'helper']],
  },
  {
    says: 'what works for an agent, which tells it',
    reads: ['aide', 'helper'],
    pending: [['aide'], ['ana', 'aide'], ['helper'], ['aide', 'helper']],
    approved: [['ana']],
  },
  { says: 'a person’s own program', reads: ['ben'], pending: [['ben']], approved: [['ana'], ['aide']] },
] as const)
  test(`who has read: ${says}`, () =>
    onWorld(async (world) => {
      const [subject, actor] = reads
      await read(world, subject, actor)
      for (const [who, acting] of pending) assert.equal(await stateOf(world, who, acting), 'pending', `${acting ?? ''} ${who}`)
      for (const [who, acting] of approved) assert.equal(await stateOf(world, who, acting), 'approved', `${acting ?? ''} ${who}`)
    }))

test('whoever is told something beside results has read it, where a grant of theirs reaches there, and once', () =>
  onWorld(async (world) => {
    const { gateway } = world
    const service = gateway.service('mail')
    if (service === undefined) throw new Error('there is a mailbox')
    const along = async (bearer: Bearer) => mustBe(await gateway.readsAlong(bearer, service))
    await along(await world.bearer('aide'))
    assert.equal(await stateOf(world, 'aide'), 'approved', 'of no grant there is nothing to be told')
    const grant = await atWork(world, 'aide', ['mail/look-up'], errand)
    const bearer = await world.bearer('aide', grant.id)
    mustBe(await gateway.readsAlong(bearer, { ...service, routes: service.routes.filter(({ trust }) => trust === 'trusted') }))
    assert.equal(await stateOf(world, 'aide'), 'approved', 'the house wrote all of it')
    await Promise.all([along(bearer), along(bearer)])
    assert.equal(gateway.readsAlong(bearer, service) instanceof Promise, false, 'known from here on')
    assert.equal(await stateOf(world, 'aide'), 'pending')
    assert.equal((await entriesOf(world, 'session.read-untrusted')).length, 1)
    mustBe(await completeGrant(world.desk, await world.caller('aide'), grant.id, 'done'))
    await along(bearer)
    assert.equal((await entriesOf(world, 'session.read-untrusted')).length, 1)
  }))

test('a request while a result is on its way is either before it was asked for, or waits', () =>
  onWorld(async (world) => {
    for (const name of ['aide', 'helper']) {
      const grant = await atWork(world, name, ['mail/read'], errand)
      const bearer = await world.bearer(name, grant.id)
      const caller = await world.caller(name)
      const request = () => requestGrant(world.desk, caller, { ...errand, statement: 'why', scope: ['mail/look-up'] })
      const calling = Promise.resolve(world.gateway.authorize(mailCall(world.gateway, bearer, 'read')))
      const asking = [request(), request(), calling.then(request), request(), request()]
      allowed(await calling)
      const asked = (await Promise.all(asking)).map((each) => mustBe(each))
      assert.equal(asked[2]?.state, 'pending', 'asked when the call may be forwarded')
      const all = await entries(world)
      const marked = all.findIndex(({ kind, actor }) => kind === 'session.read-untrusted' && actor === name)
      assert.ok(marked > 0)
      for (const { state, id } of asked) {
        const at = all.findIndex(({ kind, subject }) => kind === 'grant.requested' && subject === id)
        assert.equal(state, at < marked ? 'approved' : 'pending', `${id} at ${at}, read at ${marked}`)
      }
    }
  }))

test('after a restart it is known who has read what, of each memory of the gateway by itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'remit-read-'))
  const world = await openWorld({ document: mailDocument(), storePath: join(folder, 'remit.sqlite') })
  try {
    const other = await atWork(world, 'aide', ['mail/look-up'], errand)
    const grant = await read(world, 'aide')
    await world.restart()
    assert.equal(await stateOf(world, 'aide'), 'pending')
    const known = async (id?: string) => mustBe(await world.gateway.readBefore(await world.bearer('aide', id)))
    assert.deepEqual([await known(grant.id), await known(other.id), await known()], ['mail/read', undefined, undefined])
    assert.equal(await readBefore(world.desk, 'elsewhere', await world.bearer('aide', grant.id)), undefined)
  } finally {
    await world.close()
    rmSync(folder, { recursive: true })
  }
})

describe('on several control nodes', async () => {
  const server = await PostgresServer.start()
  after(() => server.remove())
  test('what was read at one is known to whoever asks at another, with the very next request', () =>
    onCluster(server, async ({ database }) => {
      const clock = new TestClock()
      const partsOf = (node: string) => ({
        ...testParts(1, '', clock),
        clock,
        node,
        place: { kind: 'postgres', url: new Secret(server.url(database)) } as const,
      })
      const world = await openWorldOf(partsOf('a'), mailDocument())
      const b = mustBe(await openHouse({ ...partsOf('b'), chance: testParts(2, '', clock).chance }))
      try {
        const caller = await world.caller('aide')
        const request = () => requestGrant(b.desk, caller, { ...errand, statement: 'why', scope: ['mail/look-up'] })
        assert.equal(mustBe(await request()).state, 'approved')
        await read(world, 'aide')
        assert.equal(mustBe(await request()).state, 'pending')
      } finally {
        await b.close()
        await world.close()
      }
    }))
})
