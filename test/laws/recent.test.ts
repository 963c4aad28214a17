/** Before somebody answers for an action, they are shown what its actor did the last times: that much, and nothing that is not theirs to see. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { type Recent, type RecentInput, recentActions, type RecentLimits, recentLimits } from '../../src/control/recent-actions.ts'
import type { ReplaySource } from '../../src/control/replay.ts'
import type { Verdict } from '../../src/control/ports.ts'
import type { HoldId } from '../../src/kernel/ids.ts'
import { note } from '../../src/control/desk.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import type { ArgumentValue } from '../../src/model/actions.ts'
import type { Grant } from '../../src/model/grants.ts'
import { act, allowed, answered, atWork, callOf, held, hour, minute, refusedVerdict } from '../world/deeds.ts'
import { day, lineOf, segmented } from '../world/replays.ts'
import { memoryJournalDisk } from '../world/journal-disk.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openTwoSpaces, openWorld, type World } from '../world/world.ts'

/** Only what is asked for by `big` is held: what is small passes. */
const policies = shopPolicies.replace(
  'forbid (principal is AiAgent, action in Effect::Action::"execute", resource in Service::"shop");',
  'forbid (principal is AiAgent, action == Action::"http:shop/restart", resource) when { context.arguments.service like "big*" };',
)
const document = () => shopDocument({ policyFiles: [{ name: 'shop.cedar', text: policies }] })

async function opened(t: TestContext): Promise<World> {
  const world = await openWorld({ document: document() })
  t.after(() => world.close())
  return world
}

function ownJournal({ house, desk }: World): ReplaySource {
  const { journal } = house.rooms.find((room) => room.desk.space === desk.space) ?? house
  const open = async () => {
    await journal.flush()
    return { disk: journal.disk, close: () => Promise.resolve() }
  }
  return { name: journal.name, open }
}

async function recentOf(world: World, id: HoldId, more: Partial<RecentInput> = {}): Promise<Recent> {
  const hold = world.desk.facts.hold(id) ?? (await world.desk.store.read((tx) => tx.get('hold', id)))
  const grant = hold === undefined ? undefined : await world.desk.store.read((tx) => tx.get('grant', hold.grant))
  assert.ok(hold !== undefined && grant !== undefined)
  return mustBe(await recentActions(world.desk, { hold, grant, sources: [ownJournal(world)], sees: () => true, ...more }))
}

/** Asked on one session, as a client that comes back does. */
async function onOneSession(world: World, grant: Grant): Promise<(service: string) => Promise<Verdict>> {
  const bearer = await world.bearer('aide', grant.id)
  return async (service) => world.gateway.authorize(callOf(world, bearer, 'restart', { service }, `${service} now`))
}

async function restart(world: World, grant: Grant, service: ArgumentValue, how = answered): Promise<void> {
  world.gateway.finish(allowed(await act(world, 'aide', grant, 'restart', { service })), how)
}

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

const told = ({ rows }: Recent) =>
  rows.map(({ outcome, times, became, held: hold, refusal, arguments: given }) => {
    const of = became === undefined ? (hold?.state ?? refusal) : `${became.result} ${became.status ?? ''}`.trim()
    return `${text(given['service'])}: ${outcome}${of === undefined ? '' : ` ${of}`}${times === 1 ? '' : ` x${times}`}`
  })

test('the last five of the same operation by the same identity, the newest first, each with what became of it', async (t) => {
  const world = await opened(t)
  const earlier = await atWork(world, 'aide', ['shop/restart', 'shop/list-incidents'])
  for (const service of ['a', 'b', 'c']) await restart(world, earlier, service)
  world.clock.advance(minute)
  const grant = await atWork(world, 'aide', ['shop/restart', 'shop/list-incidents'])
  await restart(world, grant, 'd', { ...answered, result: 'failed', status: 502 })
  allowed(await act(world, 'aide', grant, 'list-incidents'))
  for (let times = 0; times < 3; times += 1)
    refusedVerdict(await act(world, 'aide', grant, 'restart', { service: 'till' }), 'action.forbidden')
  await restart(world, grant, 'e')
  const ask = await onOneSession(world, grant)
  const id = held(await ask('big'))
  assert.equal(held(await ask('big')), id)
  const recent = await recentOf(world, id)
  assert.deepEqual(told(recent), [
    'e: allow answered 200',
    'till: deny action.forbidden x3',
    'd: allow failed 502',
    'c: allow answered 200',
    'b: allow answered 200',
  ])
  assert.deepEqual(
    [recent.thisGrant, recent.otherGrants],
    [
      { allowed: 2, held: 0, denied: 3 },
      { allowed: 3, held: 0, denied: 0, grants: 1 },
    ],
  )
  assert.deepEqual(
    recent.compared.map(({ name, is, now, before }) => [name, is, now, before]),
    [['service', 'new', 'big', ['e', 'd', 'c', 'b', 'a']]],
    'what was refused is not what it usually does',
  )
  assert.equal(recent.comparedWith, 5)
  assert.equal(recent.looked.cut, undefined)
})

test('an action that was held, asked again, approved and sent is one; the hold that is asked about is none', async (t) => {
  const world = await opened(t)
  const grant = await atWork(world, 'aide', ['shop/restart'])
  const ask = await onOneSession(world, grant)
  const other = held(await ask('big-1'))
  held(await ask('big-1'))
  mustBe(await world.answer('ben', other, 'approve'))
  world.gateway.finish(allowed(await ask('big-1')), answered)
  const denied = held(await ask('big-2'))
  mustBe(await world.answer('ben', denied, 'deny'))
  const waits = held(await ask('big-3'))
  const id = held(await ask('big-4'))
  const recent = await recentOf(world, id)
  assert.deepEqual(told(recent), ['big-3: held waiting', 'big-2: held denied', 'big-1: allow answered 200'])
  assert.deepEqual(recent.thisGrant, { allowed: 1, held: 2, denied: 0 })
  // Later, what came after it was closed is not what came before it.
  mustBe(await world.answer('ben', waits, 'deny'))
  world.clock.advance(minute)
  await restart(world, grant, 'later')
  assert.deepEqual(told(await recentOf(world, waits)), ['big-4: held waiting', 'big-2: held denied', 'big-1: allow answered 200'])
})

test('without a journal at hand, what control keeps of holds is shown, and what is kept elsewhere is named', async (t) => {
  const world = await opened(t)
  const grant = await atWork(world, 'aide', ['shop/restart'])
  const other = held(await act(world, 'aide', grant, 'restart', { service: 'big-1' }, 'one'))
  mustBe(await world.answer('ben', other, 'deny'))
  world.clock.advance(minute)
  const id = held(await act(world, 'aide', grant, 'restart', { service: 'big-2' }, 'two'))
  const { journal } = world.house
  await journal.flush()
  mustBe(await world.house.sequencer.flush())
  const recent = await recentOf(world, id, { sources: [] })
  assert.deepEqual(told(recent), ['big-1: held denied'])
  assert.deepEqual([recent.looked.from, recent.looked.elsewhere], [undefined, [journal.name]])
  assert.deepEqual((await recentOf(world, id)).looked.elsewhere, [])
  await enrol(world, 'edge-1', 'http')
  await enrol(world, 'plant-1', 'plant')
  assert.deepEqual((await recentOf(world, id)).looked.elsewhere, ['edge-1'], 'gateways that serve this, and no others')
})

async function enrol(world: World, name: string, gateway: string): Promise<void> {
  const now = world.clock.now()
  const id = world.desk.chance.id('gtw', now)
  const record = { id, space: 'main', name, gateway, codeHash: name, codeEndsAt: now + day, invitedAt: now } as const
  for (const more of [{ state: 'invited' }, { state: 'enrolled', key: `${name}-key`, enrolledAt: now }] as const) {
    const put = world.desk.store.change(async (tx) => {
      await tx.put('gateway', { ...record, ...more })
      await note(tx, { kind: `gateway.${more.state}`, actor: 'remit', subject: id })
      return done(undefined)
    })
    mustBe(await put)
  }
}

test('of another identity, another service, and a chain that the asker may not see, nothing is shown or counted', async (t) => {
  const world = await opened(t)
  const grant = await atWork(world, 'aide', ['shop/restart'])
  const id = held(await act(world, 'aide', grant, 'restart', { service: 'big' }, 'body'))
  const aide = world.person('aide').id
  const ana = world.person('ana').id
  const lines = [
    { chain: [world.person('bot').id], resource: 'shop/restart', arguments: { service: 'of-bot' } },
    { chain: [world.person('bot').id, aide], resource: 'shop/restart', arguments: { service: 'for-aide' } },
    { chain: [aide], resource: 'till/restart', arguments: { resource: 'shop/restart', service: 'of-till' } },
    { chain: [aide, ana], resource: 'shop/restart', arguments: { service: 'for-ana' } },
    { chain: [aide], resource: 'shop/restart', arguments: { service: 'own' } },
  ]
  const sources = [{ name: 'some', open: async () => ({ disk: await segmented(world, lines, 2), close: async () => undefined }) }]
  assert.deepEqual(told(await recentOf(world, id, { sources })), ['own: allow', 'for-ana: allow'])
  const alone = await recentOf(world, id, { sources, sees: (chain) => !chain.includes(ana) })
  assert.deepEqual([told(alone), alone.otherGrants, alone.comparedWith], [['own: allow'], { allowed: 1, held: 0, denied: 0, grants: 1 }, 1])
})

test('two spaces of one house see nothing of each other', async (t) => {
  const [main, plant] = await openTwoSpaces([document(), { ...document(), space: 'plant' }])
  t.after(() => main.close())
  for (const world of [main, plant]) {
    const grant = await atWork(world, 'aide', ['shop/restart'])
    await restart(world, grant, `of-${world.desk.space}`)
  }
  const grant = await atWork(plant, 'aide', ['shop/restart'])
  const id = held(await act(plant, 'aide', grant, 'restart', { service: 'big' }, 'body'))
  const recent = await recentOf(plant, id)
  assert.deepEqual(told(recent), ['of-plant: allow answered 200'])
  assert.deepEqual(recent.looked.elsewhere, [])
})

test('a look ends: at its bytes, its lines, its days, and where a journal was pruned; each says so', async (t) => {
  const world = await opened(t)
  const grant = await atWork(world, 'aide', ['shop/restart'])
  const id = held(await act(world, 'aide', grant, 'restart', { service: 'big' }, 'body'))
  const now = world.clock.now()
  const lines = Array.from({ length: 40 }, (_, place) => ({
    resource: place % 2 === 0 ? 'shop/restart' : 'shop/deploy',
    arguments: { service: `s${place}`, 'n\n"resource":"shop/restart"': 'no line of its own' },
    at: now - (40 - place) * hour,
  }))
  const disk = await segmented(world, lines, 10)
  const pruned = await segmented(world, lines, 10)
  for (const first of [1, 11]) await pruned.remove(first)
  const source = (kept: typeof disk): ReplaySource => ({ name: 'some', open: async () => ({ disk: kept, close: async () => undefined }) })
  const look = async (kept: typeof disk, limits: Partial<RecentLimits> = {}) => {
    const { thisGrant, otherGrants, looked } = await recentOf(world, id, {
      sources: [source(kept)],
      limits: { ...recentLimits, ...limits },
    })
    const from = looked.from === undefined ? undefined : (now - looked.from) / hour
    return [thisGrant.allowed + otherGrants.allowed, from, looked.cut]
  }
  assert.deepEqual(await look(disk), [20, 40, undefined])
  assert.deepEqual(await look(pruned), [10, 20, 'pruned'])
  const [, , , last] = await disk.list()
  assert.deepEqual(await look(disk, { bytesMax: (last?.bytes ?? 0) + 1 }), [10, 20, 'limit'])
  assert.deepEqual(await look(disk, { linesMax: 3 }), [3, 6, 'limit'])
  assert.deepEqual(await look(disk, { back: 12 * hour }), [10, 20, undefined], 'whole pieces are read')
  assert.deepEqual(await look(disk, { back: 9 * day }), [20, 40, undefined])
  // A line that was torn, or is being written, is none; and one that is no line of ours is passed over.
  await disk.append(31, Buffer.from('{"resource":"shop/restart"}\n'))
  await disk.append(31, Buffer.from(lineOf(world, 41, { resource: 'shop/restart' }).slice(0, -5)))
  assert.deepEqual(await look(disk), [20, 40, undefined])
  assert.deepEqual(await look(memoryJournalDisk()), [0, undefined, undefined])
})

test('what became of an action is found in a later segment, and where it is too far off nothing is said', async (t) => {
  const world = await opened(t)
  const grant = await atWork(world, 'aide', ['shop/restart'])
  await restart(world, grant, 'a')
  const id = held(await act(world, 'aide', grant, 'restart', { service: 'big' }, 'body'))
  await world.house.journal.flush()
  const lines: string[] = []
  for await (const line of world.house.journal.read()) lines.push(line)
  const disk = memoryJournalDisk()
  const outcome = lines.findIndex((line) => line.includes('"type":"outcome"'))
  await disk.create(1)
  await disk.append(1, Buffer.from(`${lines.slice(0, outcome).join('\n')}\n`))
  await disk.create(outcome + 1)
  await disk.append(outcome + 1, Buffer.from(`${lines.slice(outcome).join('\n')}\n`))
  const sources = [{ name: 'some', open: async () => ({ disk, close: async () => undefined }) }]
  assert.deepEqual(told(await recentOf(world, id, { sources })), ['a: allow answered 200'])
  const limits = { ...recentLimits, outcomeBytesMax: 0 }
  assert.deepEqual(told(await recentOf(world, id, { sources, limits })), ['a: allow'])
})

test('journals are closed whatever happens, and one look after the other is made', async (t) => {
  const world = await opened(t)
  const grant = await atWork(world, 'aide', ['shop/restart'])
  const id = held(await act(world, 'aide', grant, 'restart', { service: 'big' }, 'body'))
  let open = 0
  let most = 0
  const gate = Promise.withResolvers<void>()
  const broken: ReplaySource = {
    name: 'broken',
    open: async () => {
      open += 1
      most = Math.max(most, open)
      await gate.promise
      const disk = { ...memoryJournalDisk(), list: () => Promise.reject(new Error('the disk is gone')) }
      return { disk, close: async () => void (open -= 1) }
    },
  }
  const asked: Promise<Recent>[] = []
  for (let times = 0; times < 17; times += 1) asked.push(recentOf(world, id, { sources: [broken] }))
  await assert.rejects(Promise.race(asked), /rate.exceeded/, 'sixteen at most wait')
  gate.resolve()
  const looks = (await Promise.allSettled(asked)).map((each) => (each.status === 'rejected' ? String(each.reason) : 'done'))
  assert.deepEqual([open, most, looks.filter((says) => says.includes('the disk is gone')).length], [0, 1, 16])
  assert.equal((await recentOf(world, id)).rows.length, 0, 'the line moves on')
})
