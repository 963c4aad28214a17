/** Grants that follow each other without a gap: each was asked for, and together they are a standing privilege. */
import { type GrantId, type IdentityId, makeId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { reachedBy } from '../decision/ask.ts'
import type { Tier } from '../model/effects.ts'
import type { Grant } from '../model/grants.ts'
import type { Desk } from './desk.ts'

export interface GrantRun {
  readonly identity: IdentityId
  /** `shop/restart`: what was open all the time. */
  readonly operations: readonly string[]
  readonly tier: Tier
  readonly grants: number
  readonly from: Instant
  readonly to: Instant
  /** The newest of them, at most ten. */
  readonly newest: readonly GrantId[]
}

export interface GrantRuns {
  readonly runs: readonly GrantRun[]
  /** There was more than is looked at. */
  readonly isPartial: boolean
}

const lookBack: Milliseconds = 30 * 86_400_000
/** Shorter than this is a long piece of work. */
const spanMin: Milliseconds = 24 * 3_600_000
/** A pause that changes nothing: ten minutes, or a tenth of the grant before it. */
const pauseMin: Milliseconds = 600_000
const grantsMax = 20_000
const windowsMax = 200_000
const pageMax = 500
const newestMax = 10

interface Window {
  readonly grant: GrantId
  readonly from: Instant
  readonly to: Instant
}

interface Run extends Window {
  readonly grants: readonly GrantId[]
}

/** Of those whose first link passes `maySee`, over the last thirty days. What reaches furthest comes first. */
export async function grantRuns(desk: Desk, maySee: (actor: IdentityId) => boolean): Promise<GrantRuns> {
  const now = desk.clock.now()
  const { grants, isPartial } = await grantsSince(desk, now - lookBack)
  const windows = new Map<string, Window[]>()
  const tiers = new Map<string, Tier>()
  let count = 0
  for (const grant of grants) {
    const [actor] = grant.chain
    if (actor === undefined || grant.exception !== undefined || grant.activatedAt === undefined || !maySee(actor)) continue
    const window: Window = { grant: grant.id, from: grant.activatedAt, to: grant.endedAt ?? Math.min(now, grant.expiresAt ?? now) }
    for (const [operation, tier] of operationsOf(desk, grant)) {
      count += 1
      if (count > windowsMax) return { runs: fold(windows, tiers), isPartial: true }
      const key = `${actor} ${operation}`
      tiers.set(operation, tier)
      const known = windows.get(key)
      if (known === undefined) windows.set(key, [window])
      else known.push(window)
    }
  }
  return { runs: fold(windows, tiers), isPartial }
}

/** Ended ones of the store, page by page, and those that are live. Ids sort by when they were asked for. */
async function grantsSince(desk: Desk, since: Instant): Promise<{ readonly grants: readonly Grant[]; readonly isPartial: boolean }> {
  const grants: Grant[] = []
  let after: string = makeId('grn', since, new Uint8Array(10))
  while (grants.length < grantsMax) {
    const page = await desk.store.read((tx) => tx.find('grant', { state: 'ended' }, { max: pageMax, after }))
    grants.push(...page)
    after = page.at(-1)?.id ?? after
    if (page.length < pageMax) break
  }
  const isPartial = grants.length >= grantsMax
  for (const grant of desk.facts.openGrants()) if (grant.state === 'active') grants.push(grant)
  return { grants, isPartial }
}

function operationsOf(desk: Desk, grant: Grant): ReadonlyMap<string, Tier> {
  const operations = new Map<string, Tier>()
  for (const entry of grant.scope) {
    const service = desk.facts.service(entry.resource.split('/')[0] ?? '')
    for (const { route } of service === undefined ? [] : reachedBy(entry, service))
      operations.set(`${service?.id}/${route.name}`, route.tier)
  }
  return operations
}

/** Runs of one identity over the same grants are one run over several operations. */
function fold(windows: ReadonlyMap<string, readonly Window[]>, tiers: ReadonlyMap<string, Tier>): GrantRun[] {
  const found = new Map<string, { readonly identity: IdentityId; readonly run: Run; readonly operations: string[] }>()
  for (const [key, ofKey] of windows) {
    const space = key.indexOf(' ')
    const operation = key.slice(space + 1)
    for (const run of runsOf(ofKey)) {
      const same = `${key.slice(0, space)} ${run.grants.join(' ')}`
      const known = found.get(same)
      if (known === undefined) found.set(same, { identity: `idn_${key.slice(4, space)}`, run, operations: [operation] })
      else known.operations.push(operation)
    }
  }
  const runs = [...found.values()].map(
    ({ identity, run, operations }): GrantRun => ({
      identity,
      operations: operations.toSorted(),
      tier: operations.reduce<Tier>((highest, each) => ((tiers.get(each) ?? 0) > highest ? (tiers.get(each) ?? 0) : highest), 0),
      grants: run.grants.length,
      from: run.from,
      to: run.to,
      newest: run.grants.slice(-newestMax),
    }),
  )
  return runs.toSorted((a, b) => b.tier - a.tier || b.operations.length - a.operations.length || b.to - b.from - (a.to - a.from))
}

function* runsOf(windows: readonly Window[]): Iterable<Run> {
  let run: Run | undefined
  for (const window of windows.toSorted((a, b) => a.from - b.from)) {
    const pause = run === undefined ? 0 : Math.max(pauseMin, (run.to - run.from) / run.grants.length / 10)
    if (run !== undefined && window.from - run.to < pause) {
      run = { ...run, to: Math.max(run.to, window.to), grants: [...run.grants, window.grant] }
      continue
    }
    if (run !== undefined && isStanding(run)) yield run
    run = { ...window, grants: [window.grant] }
  }
  if (run !== undefined && isStanding(run)) yield run
}

function isStanding({ from, to, grants }: Run): boolean {
  return grants.length > 1 && to - from > spanMin
}
