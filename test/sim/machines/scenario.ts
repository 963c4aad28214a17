/** What happens in one run, drawn from its seed before it begins: so that a part can be left out and the rest tried again. */
import { Dice } from '../../world/chance.ts'
import { preparedScopes } from './configuration.ts'
import type { Standstill } from './machine.ts'
import type { NetworkTerms } from './network.ts'

export const faultNames = [
  'loss',
  'delay',
  'reorder',
  'duplicate',
  'partition',
  'crash',
  'power',
  'skew',
  'jump',
  'suspend',
  'full',
  'fsync',
] as const
export type FaultName = (typeof faultNames)[number]

export type StopHow = 'revoke' | 'done' | 'quarantine' | 'disable' | 'secret'

export type Act = { readonly at: number; readonly via: number } & (
  | { readonly what: 'start'; readonly grant: number }
  | { readonly what: 'ask'; readonly grant: number; readonly actor: number; readonly scope: readonly string[]; readonly duration: number }
  | {
      readonly what: 'stream'
      readonly grant: number
      readonly operation: number
      readonly gateway: number
      readonly lasts: number
      readonly every: number
    }
  | { readonly what: 'burst'; readonly grant: number; readonly operation: number; readonly times: number; readonly within: number }
  | {
      readonly what: 'held'
      readonly grant: number
      readonly gateway: number
      readonly answers: number
      readonly decision: 'approve' | 'deny'
    }
  | { readonly what: 'stop'; readonly grant: number; readonly how: StopHow }
  | { readonly what: 'book'; readonly book: number }
)

export type Fault = { readonly at: number; readonly lasts: number } & (
  | { readonly what: 'partition'; readonly gateway: number; readonly control: number }
  | { readonly what: 'crash'; readonly machine: string; readonly losesPower: boolean }
  | { readonly what: 'jump'; readonly machine: string; readonly back: number }
  | { readonly what: 'suspend'; readonly machine: string; readonly kind: Standstill }
  | { readonly what: 'full' | 'fsync'; readonly disk: string }
)

export interface Scenario {
  readonly seed: number
  readonly controls: number
  /** Names of the gateway processes, and of the gateways they stand for. */
  readonly gateways: readonly (readonly [name: string, gateway: string])[]
  readonly skews: Readonly<Record<string, number>>
  readonly network: NetworkTerms
  /** When the last fault is over. */
  readonly troubleMs: number
  readonly faultNames: readonly FaultName[]
  readonly acts: readonly Act[]
  readonly faults: readonly Fault[]
}

/** Grants of a run: so many of those prepared, and places for those that are asked for in it. */
export const grantsMax = 14
const asked = 3

export function drawScenario(seed: number, only?: readonly FaultName[]): Scenario {
  const dice = new Dice(seed)
  const faults = only ?? drawMix(dice)
  const has = (name: FaultName) => faults.includes(name)
  const gateways: (readonly [string, string])[] = [['edge-1', 'edge']]
  if (dice.below(100) < 80) gateways.push(['edge-2', 'edge'])
  if (dice.below(100) < 30) gateways.push(['far-1', 'http'])
  const controls = dice.below(100) < 35 ? 2 : 1
  const machines = [...Array.from({ length: controls }, (_, place) => `control-${place + 1}`), ...gateways.map(([name]) => name)]
  const troubleMs = 8_000 + dice.below(17_000)
  const skews: Record<string, number> = {}
  for (const name of machines) skews[name] = has('skew') ? dice.below(4_001) - 2_000 : 0
  const drawn = drawFaults(dice, { machines, gateways: gateways.map(([name]) => name), controls, troubleMs, has })
  const acts = drawActs(dice, { controls, gateways: gateways.length, troubleMs })
  const aimed = drawn.flatMap((fault) => aim(dice, fault, { acts, gateways, troubleMs }))
  return {
    seed,
    controls,
    gateways,
    skews,
    network: {
      latency: [0.2 + dice.below(20) / 10, 1 + dice.below(has('delay') ? 60 : 5)],
      late: has('delay') ? 1 + dice.below(15) : 0,
      lost: has('loss') ? 1 + dice.below(8) : 0,
      doubled: has('duplicate') ? 20 : 0,
    },
    troubleMs,
    faultNames: faults,
    acts: [...acts, ...aimed].toSorted((one, two) => one.at - two.at),
    faults: drawn,
  }
}

/** What happens around a fault where it hurts most: something is under way at that gateway, and is to be stopped meanwhile. */
function aim(dice: Dice, fault: Fault, { acts, gateways, troubleMs }: Pick<Scenario, 'acts' | 'gateways' | 'troubleMs'>): readonly Act[] {
  const place =
    fault.what === 'partition' ? fault.gateway : 'machine' in fault ? gateways.findIndex(([name]) => name === fault.machine) : -1
  const [, gateway] = gateways[place] ?? []
  if (gateway === undefined || dice.below(100) < 40) return []
  const service = gateway === 'http' ? 'shop/' : 'plant/'
  const fitting = acts.filter(
    (act) => act.what === 'start' && preparedScopes[act.grant % preparedScopes.length]?.some((line) => line.startsWith(service)),
  )
  const start = fitting[dice.below(Math.max(1, fitting.length))]
  if (start?.what !== 'start') return []
  const from = Math.max(start.at + 300, fault.at - 200 - dice.below(2_000))
  const lasts = Math.min(troubleMs, fault.at + fault.lasts + 7_000) - from
  if (lasts < 500) return []
  const stopAt = fault.at + dice.below(Math.max(200, Math.min(fault.lasts, 6_000)))
  return [
    { at: from, via: 0, what: 'stream', grant: start.grant, operation: dice.below(2), gateway: place, lasts, every: 15 + dice.below(40) },
    {
      at: Math.max(stopAt, from + 100),
      via: 0,
      what: 'stop',
      grant: start.grant,
      how: dice.pick(['revoke', 'revoke', 'done', 'quarantine']),
    },
  ]
}

/** One in ten has none at all; the others any of them, more often few than many. */
function drawMix(dice: Dice): FaultName[] {
  if (dice.below(10) === 0) return []
  const chance = dice.pick([15, 30, 30, 60])
  return faultNames.filter(() => dice.below(100) < chance)
}

interface Extent {
  readonly controls: number
  readonly gateways: number
  readonly troubleMs: number
}

function drawActs(dice: Dice, { controls, gateways, troubleMs }: Extent): Act[] {
  const acts: Act[] = []
  const via = () => dice.below(controls)
  const within = (from: number, to: number) => Math.floor(from + dice.below(Math.max(1, Math.floor(to - from))))
  const grants = new Set<number>()
  const wanted = 3 + dice.below(4)
  while (grants.size < wanted) grants.add(dice.below(grantsMax))
  const list = [...grants]
  for (const grant of list) acts.push({ at: within(200, 2_500), via: via(), what: 'start', grant })
  for (let place = 0; place < asked; place += 1) {
    if (dice.below(100) >= 45) continue
    const grant = grantsMax + place
    const scope = dice.pick([['plant/look', 'plant/tune'], ['plant/tune,uses=2', 'plant/look'], ['shop/look']])
    acts.push({
      at: within(300, troubleMs / 2),
      via: via(),
      what: 'ask',
      grant,
      actor: dice.below(4),
      scope,
      duration: 2_000 + dice.below(9_000),
    })
    list.push(grant)
  }
  for (const grant of list) {
    for (let count = 1 + dice.below(3); count > 0; count -= 1)
      acts.push({
        at: within(800, troubleMs),
        via: via(),
        what: 'stream',
        grant,
        operation: dice.below(2),
        gateway: dice.below(gateways + 1),
        lasts: 1_000 + dice.below(troubleMs),
        every: 20 + dice.below(90),
      })
    const scope = preparedScopes[grant % preparedScopes.length] ?? []
    if (scope.some((line) => line.includes('uses='))) {
      for (let count = 1 + dice.below(2); count > 0; count -= 1)
        acts.push({
          at: within(800, troubleMs),
          via: via(),
          what: 'burst',
          grant,
          operation: dice.below(2),
          times: 2 + dice.below(5),
          within: 1 + dice.below(1_500),
        })
    }
    if (scope.includes('plant/restart'))
      for (let count = 1 + dice.below(3); count > 0; count -= 1)
        acts.push({
          at: within(800, troubleMs),
          via: via(),
          what: 'held',
          grant,
          gateway: dice.below(gateways),
          answers: 100 + dice.below(3_000),
          decision: dice.below(100) < 80 ? 'approve' : 'deny',
        })
    if (dice.below(100) < 75)
      acts.push({
        at: within(1_500, troubleMs),
        via: via(),
        what: 'stop',
        grant,
        how: dice.pick(['revoke', 'revoke', 'revoke', 'done', 'quarantine', 'secret', 'disable']),
      })
  }
  if (dice.below(100) < 8) acts.push({ at: within(2_000, troubleMs), via: via(), what: 'book', book: 1 })
  return acts.toSorted((one, two) => one.at - two.at)
}

interface Breakable {
  readonly machines: readonly string[]
  readonly gateways: readonly string[]
  readonly controls: number
  readonly troubleMs: number
  readonly has: (name: FaultName) => boolean
}

function drawFaults(dice: Dice, { machines, gateways, controls, troubleMs, has }: Breakable): Fault[] {
  const faults: Fault[] = []
  const times = (most: number) => 1 + dice.below(most)
  const at = () => 1_000 + dice.below(troubleMs - 1_000)
  const rest = (from: number, most: number) => Math.min(200 + dice.below(most), troubleMs - from)
  const draw = (name: FaultName, most: number, make: (from: number) => Fault) => {
    if (has(name)) for (let count = times(most); count > 0; count -= 1) faults.push(make(at()))
  }
  draw('partition', 2, (from) => ({
    what: 'partition',
    at: from,
    lasts: rest(from, 16_000),
    gateway: dice.below(gateways.length),
    control: dice.below(controls + 1) - 1,
  }))
  draw('reorder', 2, (from) => ({
    what: 'partition',
    at: from,
    lasts: rest(from, 1_500),
    gateway: dice.below(gateways.length),
    control: -1,
  }))
  draw('crash', 2, (from) => ({ what: 'crash', at: from, lasts: rest(from, 4_000), machine: dice.pick(machines), losesPower: false }))
  draw('power', 1, (from) => ({ what: 'crash', at: from, lasts: rest(from, 6_000), machine: dice.pick(machines), losesPower: true }))
  // Where nobody hears of the right time, a wrong one does most.
  const amid = (from: number) => {
    const cut = faults.find((fault) => fault.what === 'partition')
    return cut === undefined || dice.below(2) === 0 ? from : cut.at + dice.below(Math.max(1, cut.lasts))
  }
  draw('jump', 2, (from) => ({
    what: 'jump',
    at: amid(from),
    lasts: 0,
    machine: dice.pick(machines),
    back: dice.pick([-8_000, -3_000, 2_000, 7_000, 60_000]),
  }))
  draw('suspend', 2, (from) => {
    const kind = dice.pick<Standstill>(['stopped', 'asleep', 'frozen'])
    // What nobody inside can notice must be shorter than the margin for it.
    return {
      what: 'suspend',
      at: from,
      lasts: kind === 'frozen' ? 200 + dice.below(4_000) : rest(from, 14_000),
      // A control node that stands still beside another is the database's to notice: its own tests do that.
      machine: dice.pick(controls > 1 ? gateways : machines),
      kind,
    }
  })
  draw('full', 1, (from) => ({ what: 'full', at: from, lasts: rest(from, 4_000), disk: dice.pick([...gateways, 'database']) }))
  draw('fsync', 1, (from) => ({ what: 'fsync', at: from, lasts: rest(from, 3_000), disk: dice.pick([...gateways, 'database']) }))
  return withoutDoubleTrouble(faults).toSorted((one, two) => one.at - two.at)
}

/**
 * A machine whose clock is set back around the time when it stood still has two clocks wrong at once: no lease can survive that, and none
 * claims to. One clock fault for each machine.
 */
function withoutDoubleTrouble(faults: readonly Fault[]): Fault[] {
  const troubled = new Set<string>()
  return faults.filter((fault) => {
    if (fault.what !== 'jump' && fault.what !== 'suspend') return true
    if (troubled.has(fault.machine)) return false
    troubled.add(fault.machine)
    return true
  })
}
