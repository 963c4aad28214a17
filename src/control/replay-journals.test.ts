import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atWork, hour, minute, refused } from '../../test/world/deeds.ts'
import { shopDocument, shopPolicies } from '../../test/world/shop.ts'
import { memoryJournalDisk } from '../../test/world/journal-disk.ts'
import { RealClock } from '../../test/world/clock.ts'
import { openWorldOf, testParts } from '../../test/world/world.ts'
import { replayLines } from '../api/replay-views.ts'
import { done, mustBe } from '../kernel/result.ts'
import { note } from './desk.ts'
import { replay, replayLimits, type ReplayReport, type ReplayInput } from './replay.ts'
import { changesOf, day, input, lineOf, lived, replayed, reportOf, segmented, without } from '../../test/world/replays.ts'

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
  const turns = longestTurn()
  const began = clock.now()
  const used = process.cpuUsage()
  let told = 0
  let report: ReplayReport | undefined
  for await (const event of events) {
    if (event.is === 'report') report = event.report
    else told += 1
  }
  const longest = turns.end()
  t.diagnostic(`${clock.now() - began} ms, ${process.cpuUsage(used).user / 1e3} ms of a core; longest turn ${longest} ms of it`)
  assert.deepEqual(
    [report?.counts.actions, report?.counts.decided, report?.changes.length, report?.changes[0]?.seen],
    [50_000, 50_000, 1, 25_000],
  )
  assert.ok(told >= 5, 'it says how far it is')
  // Far from what is measured, so that a slow core does it too.
  assert.ok(longest < 250, `${longest} ms`)
})

/** Milliseconds of a core that one turn of the loop took at most: while another process has the core, none goes by. */
function longestTurn(): { end(): number } {
  const used = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1e3
  }
  let [last, longest, isOver] = [used(), 0, false]
  const look = () => {
    const now = used()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  return {
    end: () => {
      isOver = true
      return longest
    },
  }
}

test('eight at a time run or wait, and whoever comes then is told to come later', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const auditor = await world.caller('eva')
  const begin = async () => replay(world.desk, auditor, input(world, shopPolicies))
  const waiting = await Promise.all(Array.from({ length: 8 }, async () => mustBe(await begin())))
  const first = waiting.map((events) => events.next())
  refused(await begin(), 'rate.exceeded')
  // One that gives up makes room as well, once it is its turn.
  await Promise.all([...first, ...waiting.map(async (events) => events.return())])
  assert.deepEqual(changesOf(await reportOf(await begin())), [])
})

test('arguments that are long are told apart by all of them, and shown where they are short', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const grant = await atWork(world, 'aide', ['shop/list-incidents', 'shop/restart'])
  const long = 'x'.repeat(100_000)
  const lines = [`${long}1`, `${long}2`, `${long}2`, 'short'].map((service) => ({
    grant: grant.id,
    resource: 'shop/restart',
    arguments: { service },
  }))
  const disk = await segmented(world, lines, 10)
  const sources = [{ name: 'some', open: async () => ({ disk, close: async () => undefined }) }]
  const policies = `${shopPolicies}\n@id("not-2") forbid (principal, action == Action::"http:shop/restart", resource) when { context.arguments.service like "*2" };`
  const report = await replayed(world, policies, { sources })
  const actions = report.changes.filter(({ kind }) => kind === 'action')
  assert.deepEqual(
    actions.map(({ seen, arguments: given }) => [seen, given]),
    [[2, undefined]],
  )
  const all = await replayed(world, policies.replace('*2', 'short'), { sources })
  assert.deepEqual(
    all.changes.flatMap(({ kind, arguments: given }) => (kind === 'action' ? [given] : [])),
    [{ service: 'short' }],
  )
})

test('a line at an instant that no calendar has is one that cannot be read', async (t) => {
  const world = await lived()
  t.after(() => world.close())
  const grant = await atWork(world, 'aide', ['shop/list-incidents'])
  const disk = await segmented(
    world,
    [9_000_000_000_000_000, world.clock.now()].map((at) => ({ at, grant: grant.id })),
    10,
  )
  const sources = [{ name: 'some', open: async () => ({ disk, close: async () => undefined }) }]
  const events = mustBe(
    await replay(world.desk, await world.caller('eva'), input(world, without('agents-may-look-into-incidents'), { sources })),
  )
  let last = ''
  for await (const line of replayLines(events)) last = line
  const { report }: { readonly report: ReplayReport } = JSON.parse(last)
  assert.deepEqual([report.counts.actions, report.counts.unreadable], [1, 1])
})
