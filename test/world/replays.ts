/** What tests of replaying share: a world in which something was done, lines of journals, and a report in words. */
import assert from 'node:assert/strict'
import { act, allowed, ask, atWork, held, hour, minute, refusedVerdict } from './deeds.ts'
import { shopDocument, shopPolicies } from './shop.ts'
import { memoryJournalDisk } from './journal-disk.ts'
import { openWorld, type World } from './world.ts'
import { writeDecision } from '../../src/ledger/action-lines.ts'
import { mustBe, type Result } from '../../src/kernel/result.ts'
import { replay, type ReplayReport, type ReplayEvent, type ReplayInput } from '../../src/control/replay.ts'

export const day = 24 * hour

export function input(world: World, policies: string, more: Partial<ReplayInput> = {}): ReplayInput {
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

export async function reportOf(events: Result<AsyncGenerator<ReplayEvent>>): Promise<ReplayReport> {
  let report: ReplayReport | undefined
  for await (const event of mustBe(events)) if (event.is === 'report') report = event.report
  assert.ok(report !== undefined, 'a report comes last')
  return report
}

/** Replays these policies as the auditor. */
export async function replayed(world: World, policies: string, more: Partial<ReplayInput> = {}): Promise<ReplayReport> {
  return reportOf(await replay(world.desk, await world.caller('eva'), input(world, policies, more)))
}

export function changesOf({ changes }: ReplayReport): string[] {
  return changes.map(
    ({ kind, verdict, chain, on, from, to, seen }) => `${kind} ${verdict} ${chain.join('<')} ${on}: ${from.says} -> ${to.says} x${seen}`,
  )
}

/** A world in which an agent looked, restarted, was held and refused, and a bot asked to release. */
export async function lived(): Promise<World> {
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
export function without(id: string): string {
  const left = shopPolicies.split('\n\n').filter((policy) => !policy.includes(`@id("${id}")`))
  assert.ok(left.join('\n\n').length < shopPolicies.length, id)
  return left.join('\n\n')
}

/** A line of a journal: the agent read, under a grant that is not there, unless it says otherwise. */
export function lineOf(world: World, n: number, more: object): string {
  const now = world.clock.now()
  return writeDecision(n, {
    address: '127.0.0.1',
    arguments: {},
    at: now,
    chain: [world.person('aide').id],
    decision: world.desk.chance.id('dec', now),
    definition: undefined,
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
    provenance: undefined,
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

/** Lines, each under an action of its own instant, in segments of so many. */
export async function segmented(world: World, lines: readonly object[], each: number) {
  const disk = memoryJournalDisk()
  for (let first = 0; first < lines.length; first += each) {
    await disk.create(first + 1)
    const text = lines.slice(first, first + each).map((more, place) => `${lineOf(world, first + place + 1, more)}\n`)
    await disk.append(first + 1, Buffer.from(text.join('')))
  }
  return disk
}
