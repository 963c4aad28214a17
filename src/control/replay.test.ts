import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import fc from 'fast-check'
import { act, allowed, ask, atWork, held, hour, minute, refusedVerdict, start } from '../../test/world/deeds.ts'
import { shopDocument, shopPolicies } from '../../test/world/shop.ts'
import { memoryJournalDisk } from '../../test/world/journal-disk.ts'
import { RealClock } from '../../test/world/clock.ts'
import { openWorld, openWorldOf, testParts, type World } from '../../test/world/world.ts'
import { writeDecision } from '../ledger/action-lines.ts'
import { done, mustBe, type Result } from '../kernel/result.ts'
import { note } from './desk.ts'
import { revokeGrant } from './end-grant.ts'
import { replay, replayLimits, type ReplayReport, type ReplayEvent, type ReplayInput } from './replay.ts'

const day = 24 * hour

function input(world: World, policies: string, more: Partial<ReplayInput> = {}): ReplayInput {
  const { journal } = world.house
  const open = async () => {
    await journal.flush()
    return { disk: journal.disk, close: () => Promise.resolve() }
  }
  return {
    policyFiles: [{ name: 'shop.cedar', text: policies }],
    since: world.clock.now() - 7 * day,
    sources: [{ name: journal.name, open }],
    ...more,
  }
}

async function reportOf(events: Result<AsyncGenerator<ReplayEvent>>): Promise<ReplayReport> {
  let report: ReplayReport | undefined
  for await (const event of mustBe(events)) if (event.is === 'report') report = event.report
  assert.ok(report !== undefined, 'a report comes last')
  return report
}

/** Replays these policies as the auditor. */
async function replayed(world: World, policies: string, more: Partial<ReplayInput> = {}): Promise<ReplayReport> {
  return reportOf(await replay(world.desk, await world.caller('eva'), input(world, policies, more)))
}

function changesOf({ changes }: ReplayReport): string[] {
  return changes.map(
    ({ kind, verdict, chain, on, from, to, seen }) => `${kind} ${verdict} ${chain.join('<')} ${on}: ${from.says} -> ${to.says} x${seen}`,
  )
}

/** A world in which an agent looked, restarted, was held and refused, and a bot asked to release. */
async function lived(): Promise<World> {
  const world = await openWorld({ document: shopDocument() })
  const grant = await atWork(world, 'aide', ['shop/list-incidents', 'shop/restart'])
  for (let times = 0; times < 3; times += 1) allowed(await act(world, 'aide', grant, 'list-incidents'))
  held(await act(world, 'aide', grant, 'restart', { service: 'web' }, 'body'))
  refusedVerdict(await act(world, 'aide', grant, 'restart', { service: 'till' }), 'action.forbidden')
  mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
  world.clock.advance(minute)
  return world
}

/** The policies of the shop without one of them. */
function without(id: string): string {
  const left = shopPolicies.split('\n\n').filter((policy) => !policy.includes(`@id("${id}")`))
  assert.ok(left.join('\n\n').length < shopPolicies.length, id)
  return left.join('\n\n')
}

/** A line of a journal: the agent read, under a grant that is not there, unless it says otherwise. */
function lineOf(world: World, n: number, more: object): string {
  const now = world.clock.now()
  return writeDecision(n, {
    address: '127.0.0.1',
    arguments: {},
    at: now,
    chain: [world.person('aide').id],
    decision: world.desk.chance.id('dec', now),
    detail: undefined,
    because: undefined,
    digest: undefined,
    duties: undefined,
    effect: 'read',
    exception: undefined,
    grant: world.desk.chance.id('grn', now),
    hold: undefined,
    line: 0,
    outcome: 'allow',
    policies: [],
    protocol: 'http',
    refusal: undefined,
    resource: 'shop/list-incidents',
    session: undefined,
    target: 'GET /incidents',
    task: 'incident',
    tier: 0,
    verb: 'GET',
    version: 1,
    ...more,
  })
}

test('a candidate that forbids, loosens, tightens: each gain and each loss, and nothing else', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const cases: readonly { readonly says: string; readonly policies: string; readonly want: readonly string[] }[] = [
    { says: 'those in force', policies: `// another text\n${shopPolicies}`, want: [] },
    {
      says: 'a forbid more',
      policies: `${shopPolicies}\n@id("nobody-looks") forbid (principal, action in Effect::Action::"read", resource);`,
      // The bot's deployment is no read; the agent's grant has one in its scope, so all of it goes.
      want: [
        'action loses aide shop/list-incidents: allowed -> refused, since its grant is: request.forbidden by nobody-looks x3',
        'action loses aide shop/restart: held for role:sre by restart-needs-a-person -> refused, since its grant is: request.forbidden by nobody-looks x1',
        'request loses aide shop/list-incidents, shop/restart: given at once, 1h at most -> refused: request.forbidden by nobody-looks x1',
      ],
    },
    {
      says: 'a forbid on one argument',
      policies: `${shopPolicies}\n@id("not-web") forbid (principal, action == Action::"http:shop/restart", resource) when { context.arguments.service == "web" };`,
      want: ['action loses aide shop/restart: held for role:sre by restart-needs-a-person -> refused by not-web x1'],
    },
    {
      says: 'an eligibility less',
      policies: without('agents-may-look-into-incidents'),
      want: [
        'action loses aide shop/list-incidents: allowed -> refused, since its grant is: request.not-eligible x3',
        'action loses aide shop/restart: held for role:sre by restart-needs-a-person -> refused, since its grant is: request.not-eligible x1',
        'request loses aide shop/list-incidents, shop/restart: given at once, 1h at most -> refused: request.not-eligible x1',
      ],
    },
    {
      says: 'a hold more',
      policies: `${shopPolicies}\n@id("looking-needs-a-person") @hold("role:sre") forbid (principal, action == Action::"http:shop/list-incidents", resource);`,
      want: ['action loses aide shop/list-incidents: allowed -> held for role:sre by looking-needs-a-person x3'],
    },
    {
      says: 'a hold less',
      policies: without('restart-needs-a-person'),
      want: ['action gains aide shop/restart: held for role:sre by restart-needs-a-person -> allowed x1'],
    },
    {
      says: 'a forbid less',
      policies: without('nobody-restarts-the-till'),
      want: ['action gains aide shop/restart: refused by nobody-restarts-the-till -> held for role:sre by restart-needs-a-person x1'],
    },
    {
      says: 'a duty more',
      policies: `${shopPolicies}\n@id("record-reads") @duty("record=durable") forbid (principal, action == Action::"http:shop/list-incidents", resource);`,
      want: ['action loses aide shop/list-incidents: allowed -> allowed; record=durable by record-reads x3'],
    },
    {
      says: 'another approval of a hold',
      policies: shopPolicies.replace('@hold("role:sre")', '@hold("role:release-manager")'),
      want: [
        'action differs aide shop/restart: held for role:sre by restart-needs-a-person -> held for role:release-manager by restart-needs-a-person x1',
      ],
    },
    {
      says: 'no approval and less time for releases',
      policies: shopPolicies.replace('@approval("role:release-manager") ', ''),
      want: ['request gains bot shop/deploy: given with role:release-manager, 2h at most -> given at once, 2h at most x1'],
    },
    {
      says: 'less time for releases',
      policies: shopPolicies.replace('@duration("30m") @maxDuration("2h")', '@duration("30m") @maxDuration("45m")'),
      want: [
        'request loses bot shop/deploy: given with role:release-manager, 2h at most -> given with role:release-manager, 45m at most x1',
      ],
    },
    {
      says: 'more approval and more time',
      policies: shopPolicies
        .replace('@approval("role:release-manager")', '@approval("role:release-manager, role:sre")')
        .replace('@maxDuration("2h")', '@maxDuration("3h")'),
      want: [
        'request differs bot shop/deploy: given with role:release-manager, 2h at most -> given with role:release-manager, role:sre, 3h at most x1',
      ],
    },
  ]
  for (const { says, policies, want } of cases) {
    await t.test(says, async () => assert.deepEqual(changesOf(await replayed(world, policies)), want))
  }
})

test('a candidate with a fault is refused with its place, whoever may not audit is refused, and nothing is recorded or kept', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const [auditor, agent] = [await world.caller('eva'), await world.caller('aide')]
  const before = await world.desk.store.last()
  const broken = await replay(world.desk, auditor, input(world, `${shopPolicies}\n@id("x") permit (principal, action, resource);`))
  assert.equal(broken.ok ? 'done' : broken.refusal.code, 'policy.invalid')
  const [problem] = broken.ok ? [] : (broken.refusal.problems ?? [])
  assert.deepEqual([problem?.file, problem?.line, problem?.column], ['shop.cedar', 23, 1])
  const stranger = await replay(world.desk, agent, input(world, shopPolicies))
  assert.equal(stranger.ok ? 'done' : stranger.refusal.code, 'caller.not-allowed')
  assert.equal((await reportOf(await replay(world.desk, auditor, input(world, without('restart-needs-a-person'))))).changes.length, 1)
  assert.equal((await world.desk.store.last()).version, before.version)
  assert.ok(world.desk.facts.rules?.holds.has('restart-needs-a-person'))
})

test('where nothing was recorded nobody gains or loses; what is older than asked about is not looked at', async (t) => {
  const empty = await openWorld({ document: shopDocument() })
  t.after(() => empty.close())
  const nothing = await replayed(empty, without('restart-needs-a-person'))
  assert.deepEqual([nothing.changes, nothing.counts.actions, nothing.counts.requests], [[], 0, 0])
  const world = await lived()
  t.after(() => world.close())
  world.clock.advance(hour)
  const late = await replayed(world, without('restart-needs-a-person'), { since: world.clock.now() - minute })
  assert.deepEqual([late.changes, late.counts.actions, late.counts.requests], [[], 0, 0])
})

test('ended grants are asked about, grants that are not there are counted as such, and so is what is not declared any more', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  world.clock.advance(2 * hour)
  const { journal } = world.house
  const aide = world.person('aide').id
  const line = (more: object) => (n: number) => lineOf(world, n, more)
  const [grant] = await world.desk.store.read((tx) => tx.find('grant', { actor: aide }))
  mustBe(await journal.append(line({}), 'written'))
  mustBe(await journal.append(line({ grant: undefined, outcome: 'deny', refusal: 'grant.missing' }), 'written'))
  mustBe(await journal.append(line({ grant: grant?.id, resource: 'shop/gone' }), 'written'))
  mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant?.id as never, 'over'))
  assert.equal(world.desk.facts.grant(grant?.id as never)?.state, 'ended')
  const report = await replayed(world, without('restart-needs-a-person'))
  assert.equal(report.changes.length, 1)
  assert.deepEqual(report.counts, {
    actions: 8,
    decided: 3,
    withoutGrant: 1,
    unknownGrant: 1,
    goneOperation: 1,
    unreadable: 0,
    requests: 2,
  })
})

test('whoever may audit sees arguments and the values that decided; whoever only administers sees who and what', async (t) => {
  const { people, roles } = shopDocument()
  // Dan administers and audits nothing; the agent is his.
  const world = await openWorld({
    document: shopDocument({
      people: [...(people as object[]), { name: 'dan' }],
      roles: { ...(roles as object), administrators: ['dan'] },
      identities: [
        { name: 'aide', kind: 'ai-agent', owner: 'dan' },
        { name: 'bot', kind: 'service-account', owner: 'ana' },
        { name: 'meter', kind: 'api-client', owner: 'ben' },
      ],
    }),
  })
  t.after(() => world.close())
  const grant = await atWork(world, 'aide', ['shop/restart'])
  held(await act(world, 'aide', grant, 'restart', { service: 'web' }, 'body'))
  mustBe(await ask(world, 'bot', ['shop/deploy,version=7'], { task: 'release' }))
  const policies = `${shopPolicies.replace('@approval("role:release-manager") ', '')}
@id("not-web") forbid (principal, action == Action::"http:shop/restart", resource) when { context.arguments.service == "web" };`
  const seen = ({ changes }: ReplayReport) => changes.map(({ chain, on, arguments: given, why }) => [chain[0], on, given, why])
  const audited = await replayed(world, policies)
  assert.deepEqual(seen(audited), [
    ['aide', 'shop/restart', { service: 'web' }, ['forbid "not-web" (shop.cedar:23): context.arguments.service is "web"']],
    ['bot', 'shop/deploy,version=7', undefined, undefined],
  ])
  const request = mustBe(await ask(world, 'dan', ['desk/administer'], { task: 'administration' }))
  mustBe(await world.answer('eva', request.id, 'approve'))
  await start(world, 'dan', request.id)
  const told = await reportOf(await replay(world.desk, await world.caller('dan'), input(world, policies)))
  assert.deepEqual(seen(told), [
    ['aide', 'shop/restart', { service: 'web' }, ['forbid "not-web" (shop.cedar:23): context.arguments.service is "web"']],
    ['bot', 'shop/deploy', undefined, undefined],
  ])
  const others = `${shopPolicies}\n@id("no-x") forbid (principal, action == Action::"http:shop/put-telemetry", resource);`
  const meter = await atWork(world, 'meter', ['shop/put-telemetry'], { task: 'telemetry' })
  allowed(await act(world, 'meter', meter, 'put-telemetry', { secret: 'x' }))
  const hidden = await reportOf(await replay(world.desk, await world.caller('dan'), input(world, others)))
  assert.deepEqual(
    seen(hidden).filter(([who]) => who === 'meter'),
    [
      ['meter', 'shop/put-telemetry', undefined, undefined],
      ['meter', 'shop/put-telemetry', undefined, undefined],
    ],
  )
})

test('limits: as many rows as fit, the rest counted; one action is decided once, and counted as often as it was seen', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const report = await replayed(world, without('agents-may-look-into-incidents'), {
    limits: { ...replayLimits, changesMax: 1, distinctMax: 1 },
  })
  assert.equal(report.changes.length, 1)
  assert.ok(report.leftOut >= 1)
  assert.equal(report.changes[0]?.seen, 3)
})

/** Lines, each under an action of its own instant, in segments of so many. */
async function segmented(world: World, lines: readonly object[], each: number) {
  const disk = memoryJournalDisk()
  for (let first = 0; first < lines.length; first += each) {
    await disk.create(first + 1)
    const text = lines.slice(first, first + each).map((more, place) => `${lineOf(world, first + place + 1, more)}\n`)
    await disk.append(first + 1, Buffer.from(text.join('')))
  }
  return disk
}

test('journals: of several, as far back as is asked about and as much as is read; what is missing is said', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const grant = await atWork(world, 'aide', ['shop/list-incidents'])
  const now = world.clock.now()
  const lines = Array.from({ length: 12 }, (_, place) => ({ grant: grant.id, at: now - (12 - place) * minute, arguments: { at: 1 } }))
  const disk = await segmented(world, lines, 3)
  const pruned = await segmented(world, lines, 3)
  await pruned.remove(1)
  const source = (name: string, kept: typeof disk) => ({ name, open: async () => ({ disk: kept, close: async () => undefined }) })
  const report = async (more: Partial<ReplayInput>) => {
    const { counts, journals } = await replayed(world, without('restart-needs-a-person'), more)
    return [counts.actions, journals.map(({ name, from, cut }) => [name, from === undefined ? undefined : (now - from) / minute, cut])]
  }
  const whole = source('whole', disk)
  assert.deepEqual(await report({ sources: [whole] }), [12, [['whole', 12, undefined]]])
  assert.deepEqual(await report({ sources: [whole, source('pruned', pruned)] }), [
    21,
    [
      ['whole', 12, undefined],
      ['pruned', 9, 'pruned'],
    ],
  ])
  // From the middle of a segment, for which nothing before that segment is read.
  assert.deepEqual(await report({ sources: [source('pruned', pruned)], since: now - 5 * minute }), [5, [['pruned', 5, undefined]]])
  const bytesMax = (await disk.list()).slice(2).reduce((sum, { bytes }) => sum + bytes, 0)
  assert.deepEqual(await report({ sources: [whole], limits: { ...replayLimits, bytesMax } }), [6, [['whole', 6, 'limit']]])
  // A line that was torn is none.
  await disk.append(10, Buffer.from(lineOf(world, 13, { grant: grant.id }).slice(0, 200)))
  assert.deepEqual(await report({ sources: [whole] }), [12, [['whole', 12, undefined]]])
})

test('a policy that looks at the clock is asked about each action at its own instant', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const grant = await atWork(world, 'aide', ['shop/list-incidents'])
  const now = world.clock.now()
  const disk = await segmented(
    world,
    [1, 2, 3, 4].map((hours) => ({ grant: grant.id, at: now - hours * hour })),
    10,
  )
  const sources = [{ name: 'some', open: async () => ({ disk, close: async () => undefined }) }]
  const noon = new Date(now - 2 * hour).toISOString()
  const policies = `${shopPolicies}\n@id("not-late") forbid (principal, action == Action::"http:shop/list-incidents", resource) when { context.time >= datetime("${noon}") };`
  const report = await replayed(world, policies, { sources })
  assert.deepEqual(changesOf(report), ['action loses aide shop/list-incidents: allowed -> refused by not-late x2'])
  assert.equal(report.counts.decided, 4)
})

test('journals that the ledger heard of and nobody can open here are named', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const anchored = async (subject: string) =>
    mustBe(
      await world.desk.store.change(async (tx) => {
        await note(tx, { kind: 'journal.anchored', actor: 'remit', subject, facts: { journal: subject, n: 1, hash: '00' } })
        return done(undefined)
      }),
    )
  await anchored('remit.gateway/long-ago')
  mustBe(await world.house.sequencer.flush())
  world.clock.advance(8 * day)
  await anchored('remit.gateway/edge')
  mustBe(await world.house.sequencer.flush())
  assert.deepEqual((await replayed(world, shopPolicies)).notLookedAt, ['remit.gateway/edge'])
  assert.deepEqual((await replayed(world, shopPolicies, { since: world.clock.now() - 9 * day })).notLookedAt, [
    'remit.gateway/edge',
    'remit.gateway/long-ago',
  ])
})

test('a journal of 50,000 different actions leaves every turn to others within milliseconds', async (t) => {
  const clock = new RealClock()
  const world = await openWorldOf({ ...testParts(1, ':memory:', clock), clock }, shopDocument())
  t.after(() => world.close())
  const grant = await atWork(world, 'aide', ['shop/list-incidents', 'shop/restart'])
  const lines = Array.from({ length: 50_000 }, (_, place) => {
    const service = place % 2 === 0 ? `s${place}` : 'till'
    return lineOf(world, place + 1, { grant: grant.id, resource: 'shop/restart', arguments: { service, 'n n': place } })
  })
  const disk = memoryJournalDisk()
  await disk.create(1)
  await disk.append(1, Buffer.from(`${lines.join('\n')}\n`))
  const sources = [{ name: 'big', open: async () => ({ disk, close: async () => undefined }) }]
  const events = mustBe(await replay(world.desk, await world.caller('eva'), input(world, without('nobody-restarts-the-till'), { sources })))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const began = clock.now()
  const used = process.cpuUsage()
  let told = 0
  let report: ReplayReport | undefined
  for await (const event of events) {
    if (event.is === 'report') report = event.report
    else told += 1
  }
  delay.disable()
  t.diagnostic(
    `${clock.now() - began} ms, ${process.cpuUsage(used).user / 1e3} ms of a core; pauses p99 ${delay.percentile(99) / 1e6} ms, longest ${delay.max / 1e6} ms`,
  )
  assert.deepEqual(
    [report?.counts.actions, report?.counts.decided, report?.changes.length, report?.changes[0]?.seen],
    [50_000, 50_000, 1, 25_000],
  )
  assert.ok(told >= 5, 'it says how far it is')
  // Far from what is measured on a calm machine: another test may have the core.
  assert.ok(delay.max / 1e6 < 250, `${delay.max / 1e6} ms`)
})

test('whatever was done: the policies in force, written in another order and way, change nothing', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const policies = shopPolicies.trim().split(/\n\n/)
  const grant = await atWork(world, 'aide', ['shop/list-incidents', 'shop/restart'])
  const auditor = await world.caller('eva')
  const written = fc.shuffledSubarray(policies, { minLength: policies.length }).chain((order) =>
    fc.array(fc.constantFrom('\n', '\n\n// a remark\n', '\n  '), { minLength: order.length, maxLength: order.length }).map((between) => ({
      text: order.map((policy, place) => `${between[place] ?? ''}${policy}`).join('\n'),
    })),
  )
  const action = fc.record({
    resource: fc.constantFrom('shop/list-incidents', 'shop/restart', 'shop/deploy', 'shop/gone'),
    arguments: fc.dictionary(fc.constantFrom('service', 'version', '__proto__'), fc.constantFrom('till', 'web', '7')),
    address: fc.constantFrom('127.0.0.1', '10.0.0.7', '::1', 'nowhere'),
    grant: fc.constantFrom(grant.id, undefined),
  })
  await fc.assert(
    fc.asyncProperty(written, fc.array(action, { maxLength: 30 }), async ({ text }, actions) => {
      const disk = memoryJournalDisk()
      await disk.create(1)
      await disk.append(1, Buffer.from(actions.map((more, place) => `${lineOf(world, place + 1, more)}\n`).join('')))
      const sources = [{ name: 'some', open: async () => ({ disk, close: async () => undefined }) }]
      const report = await reportOf(await replay(world.desk, auditor, input(world, text, { sources })))
      assert.notEqual(report.candidate, report.inForce)
      assert.deepEqual(changesOf(report), [])
      assert.equal(report.counts.actions, actions.length)
    }),
    { numRuns: 15 },
  )
})
