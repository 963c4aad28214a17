import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { act, allowed, ask, atWork, held, hour, minute, start } from '../../test/world/deeds.ts'
import { shopDocument, shopPolicies } from '../../test/world/shop.ts'
import { memoryJournalDisk } from '../../test/world/journal-disk.ts'
import { openWorld } from '../../test/world/world.ts'
import { mustBe } from '../kernel/result.ts'
import { revokeGrant } from './end-grant.ts'
import { replay, replayLimits, type ReplayReport } from './replay.ts'
import { input, reportOf, replayed, changesOf, lived, without, lineOf } from '../../test/world/replays.ts'

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
