/**
 * What many people and grants cost: deciding in a small house and in one of 100,000 identities and 10,000 live grants, in turns in one
 * process; and how long a change of one role, and of every policy, keeps everything else waiting. `node bench/scale.ts` prints it.
 */
import { performance } from 'node:perf_hooks'
import type { JournalDisk } from '../src/control/journal-reading.ts'
import type { Call } from '../src/control/ports.ts'
import { reevaluate } from '../src/control/reevaluate.ts'
import { done, mustBe } from '../src/kernel/result.ts'
import type { Identity } from '../src/model/identities.ts'
import type { Grant } from '../src/model/grants.ts'
import { atWork } from '../test/world/deeds.ts'
import { RealClock } from '../test/world/clock.ts'
import { actionOf, shopDocument } from '../test/world/shop.ts'
import { openWorldOf, sameDisk, testParts, type World } from '../test/world/world.ts'
import { percentile } from './figures.ts'

export interface Scale {
  readonly identities: number
  readonly grants: number
  /** Microseconds of `authorize`, per round: the small house, then the large one. */
  readonly small: readonly Timed[]
  readonly large: readonly Timed[]
  /** Microseconds until facts and entities have a changed role, in the large house. */
  readonly roleMicros: Timed
  /** One role of one identity with ten live grants; other policies under which all stand; others under which none does. */
  readonly role: Pause
  readonly policies: Pause
  readonly nothingLeft: Pause
}

export interface Timed {
  readonly p50: number
  readonly p99: number
}

export interface Pause {
  /** Grants that ended by it. */
  readonly ended: number
  readonly milliseconds: number
  /** The longest that the event loop was kept from anything else: by the clock, and of processor time, which a busy machine does not stretch. */
  readonly longestMs: number
  readonly longestCpuMs: number
}

const identities = 100_000
const grants = 10_000
const sampled = 100
const rounds = 5
const roundActions = 4_000

if (import.meta.main) {
  // The clock's own timers keep no process alive.
  const alive = setInterval(() => undefined, 60_000)
  process.stdout.write(`${JSON.stringify(await measure())}\n`)
  clearInterval(alive)
}

async function measure(): Promise<Scale> {
  const [small, large] = [await open(1), await open(2)]
  // As many hands are at work in both: in the small house each has one grant, in the large one some of many have ten.
  await fill(small, sampled, sampled, 1)
  await fill(large, identities, grants)
  const calls = [await callsOf(small, sampled), await callsOf(large, sampled)] as const
  const figures: [Timed[], Timed[]] = [[], []]
  for (let round = 0; round <= rounds; round += 1) {
    for (const [place, world] of [small, large].entries()) {
      const timed = await authorizeAll(world, calls[place] ?? [])
      // The first round is for the compiler.
      if (round > 0) figures[place]?.push(timed)
    }
  }
  const roleMicros = await changeRoles(large)
  const role = await pauseOf(large, () => loseRole(large, 'one-0'))
  const policies = await pauseOf(large, () => publish(large))
  const nothingLeft = await pauseOf(large, () => publish(large, 'agents-may-look-into-incidents'))
  for (const world of [small, large]) {
    await world.house.sequencer.flush()
    await world.close()
  }
  return { identities, grants, small: figures[0], large: figures[1], roleMicros, role, policies, nothingLeft }
}

/** Publishes the policies in force again, without those that are left out: what people sign beforehand is no part of this. */
async function publish(world: World, without?: string): Promise<void> {
  const { policies } = world.desk.facts
  if (policies === undefined) throw new Error('there are policies')
  const parsed = policies.parsed.filter(({ text }) => without === undefined || !text.includes(without))
  mustBe(
    await world.desk.store.change(async (tx) => {
      await tx.put('policySet', { ...policies, parsed })
      await tx.record({ kind: 'policy.published', actor: 'bench', subject: 'bench', facts: {} })
      return done(undefined)
    }),
  )
}

/** `at`: a file, or in memory. */
export async function open(seed: number, at = ':memory:'): Promise<World> {
  const clock = new RealClock()
  const parts = testParts(seed, at, clock)
  const rooms: typeof parts.rooms = [{ ...parts.rooms[0], journalDisk: sameDisk(listingDisk()) }]
  return openWorldOf({ ...parts, rooms, clock }, shopDocument())
}

/** A disk that keeps what it is given as it came: one that copies what it has grows slower with each line. */
function listingDisk(): JournalDisk {
  const segments = new Map<number, Uint8Array[]>()
  const whole = (first: number) => Buffer.concat(segments.get(first) ?? [])
  return {
    list: async () => [...segments.keys()].map((first) => ({ first, bytes: whole(first).byteLength })),
    create: async (first) => void segments.set(first, []),
    append: async (first, bytes) => void segments.get(first)?.push(bytes),
    sync: async () => undefined,
    read: async (first, from, bytes) => whole(first).subarray(from, from + bytes),
    truncate: async () => undefined,
    remove: async (first) => void segments.delete(first),
    close: async () => undefined,
  }
}

/** Agents with so many live grants each, as many as it takes, and the rest of the identities without any. */
export async function fill(world: World, count: number, granted: number, each = 10): Promise<void> {
  const { desk } = world
  const model = await atWork(world, 'aide', ['read:shop'], { duration: 3_600_000, idle: 3_600_000 })
  const owner = world.person('ana').id
  const now = desk.clock.now()
  const made: Identity[] = Array.from({ length: count }, (_, place) => ({
    id: desk.chance.id('idn', now),
    space: desk.space,
    name: `one-${place}`,
    kind: 'ai-agent',
    owner,
    roles: place < granted / each || place % 3 === 0 ? ['incident-agents'] : ['meters'],
    state: 'live',
    signsInBy: [],
    createdAt: now,
  }))
  const lent = made
    .slice(0, Math.ceil(granted / each))
    .flatMap((identity): Grant[] =>
      Array.from({ length: each }, () => ({ ...model, id: desk.chance.id('grn', now), chain: [identity.id] })),
    )
  await putAll(world, made, 'identity')
  await putAll(world, lent, 'grant')
  await reevaluate(desk)
}

export async function putAll<K extends 'identity' | 'grant'>(
  world: World,
  records: readonly (K extends 'grant' ? Grant : Identity)[],
  kind: K,
): Promise<void> {
  for (let from = 0; from < records.length; from += 1_000) {
    mustBe(
      await world.desk.store.change(async (tx) => {
        for (const record of records.slice(from, from + 1_000)) {
          if (kind === 'grant') await tx.put('grant', record as Grant)
          else await tx.put('identity', record as Identity)
        }
        await tx.record({ kind: 'bench.filled', actor: 'bench', subject: 'bench', facts: { from } })
        return done(undefined)
      }),
    )
  }
}

/** One call under each of so many grants, with its session open. */
async function callsOf(world: World, count: number): Promise<Call[]> {
  const { facts } = world.desk
  const action = actionOf(facts.service('shop'), 'list-incidents')
  const live = [...facts.openGrants()].filter((grant) => grant.state === 'active')
  const step = Math.max(1, Math.floor(live.length / count))
  const calls: Call[] = []
  const template = await world.bearer('aide')
  for (let place = 0; place < live.length && calls.length < count; place += step) {
    const grant = live[place]
    if (grant === undefined) continue
    const claims = { ...template.claims, jti: world.desk.chance.id('tok', world.clock.now()), chain: grant.chain, grant: grant.id }
    const call = { bearer: { ...template, claims }, action }
    calls.push(call)
    await once(world, call)
  }
  return calls
}

async function once(world: World, call: Call): Promise<void> {
  const verdict = await world.gateway.authorize(call)
  if (verdict.outcome !== 'allow') throw new Error(JSON.stringify(verdict))
  world.gateway.finish(verdict.decision, { result: 'answered', requestBytes: 0, responseBytes: 0, milliseconds: 1 })
}

async function authorizeAll(world: World, calls: readonly Call[]): Promise<Timed> {
  const micros: number[] = []
  for (let turn = 0; turn < roundActions; turn += 1) {
    const call = calls[turn % calls.length]
    if (call === undefined) throw new Error('there are calls')
    const began = performance.now()
    const verdict = await world.gateway.authorize(call)
    micros.push((performance.now() - began) * 1_000)
    if (verdict.outcome !== 'allow') throw new Error(JSON.stringify(verdict))
    world.gateway.finish(verdict.decision, { result: 'answered', requestBytes: 0, responseBytes: 0, milliseconds: 1 })
    if (turn % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
  }
  return timed(micros)
}

function timed(micros: readonly number[]): Timed {
  const sorted = micros.toSorted((left, right) => left - right)
  return { p50: percentile(sorted, 50), p99: percentile(sorted, 99) }
}

/** Facts alone: what one more or one less role of somebody costs before the next decision. */
async function changeRoles(world: World): Promise<Timed> {
  const { facts } = world.desk
  const someone = facts.identityNamed('one-50000') ?? world.person('ana')
  const micros: number[] = []
  for (let turn = 0; turn < 2_000; turn += 1) {
    const record = { ...someone, roles: turn % 2 === 0 ? [] : someone.roles }
    const began = performance.now()
    facts.apply({ version: facts.version, at: 0, changes: [{ kind: 'identity', id: record.id, record }] })
    micros.push((performance.now() - began) * 1_000)
    if (turn % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
  }
  await reevaluate(world.desk)
  return timed(micros)
}

async function loseRole(world: World, name: string): Promise<void> {
  const identity = world.person(name)
  mustBe(
    await world.desk.store.change(async (tx) => {
      await tx.put('identity', { ...identity, roles: [] })
      await tx.record({ kind: 'identity.changed', actor: 'bench', subject: identity.id, facts: { name } })
      return done(undefined)
    }),
  )
}

/** A change, everything that ends by it, and the longest that nothing else had its turn meanwhile. */
export async function pauseOf(world: World, change: () => Promise<unknown>): Promise<Pause> {
  const open = () => [...world.desk.facts.openGrants()].length
  const before = open()
  const cpu = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1_000
  }
  let longestMs = 0
  let longestCpuMs = 0
  // Without what it slept, having nothing to do: a busy machine wakes it late, and that keeps nobody waiting whom it could have served.
  const awake = () => performance.now() - performance.eventLoopUtilization().idle
  let last = awake()
  let lastCpu = cpu()
  let isOver = false
  const tick = () => {
    const now = awake()
    const used = cpu()
    longestMs = Math.max(longestMs, now - last)
    longestCpuMs = Math.max(longestCpuMs, used - lastCpu)
    last = now
    lastCpu = used
    // Once a millisecond: looking all the time would take a processor from the processes that the change waits for.
    if (!isOver) setTimeout(tick, 1)
  }
  setTimeout(tick, 1)
  const began = performance.now()
  await change()
  await reevaluate(world.desk)
  const milliseconds = performance.now() - began
  await new Promise((resolve) => setTimeout(resolve, 5))
  isOver = true
  return { ended: before - open(), milliseconds, longestMs, longestCpuMs }
}
