/** What was measured, as a table, and each target with whether it is met. */
import { percentile, type Spread, showSpread, spreadOf, tableLines } from './figures.ts'
import type { Authzen } from './authzen.ts'
import { authzenLines, decisionLines, judgeDecisions } from './decision-report.ts'
import type { Decisions } from './decisions.ts'
import { connectionCounts, type GatewayFigures, type PathName, paths } from './gateway.ts'
import type { Idle, Starts } from './house-keeping.ts'
import type { Desk } from './desk.ts'
import type { FeedFigures } from './feed.ts'
import type { LargeChanges } from './large-change.ts'
import { judgeMcp, mcpLines } from './mcp-report.ts'
import type { McpFigures } from './mcp.ts'
import type { NodesFigures } from './nodes.ts'
import type { Published, Publishes } from './publish.ts'
import type { Pause, Scale } from './scale.ts'
import type { CutRound } from './streams.ts'

export interface Results {
  readonly machine: {
    readonly processor: string
    readonly cores: number
    readonly memoryGib: number
    readonly system: string
    readonly node: string
  }
  readonly cores: string
  readonly rounds: number
  /** Of each load run. */
  readonly seconds: number
  readonly gateway?: GatewayFigures
  readonly starts?: Starts
  readonly idle?: Idle
  readonly cuts?: readonly CutRound[]
  readonly scale?: Scale
  readonly desk?: Desk
  readonly large?: LargeChanges
  readonly publish?: Publishes
  readonly feed?: FeedFigures
  readonly nodes?: NodesFigures
  readonly decisions?: Decisions
  readonly authzen?: Authzen
  readonly mcp?: McpFigures
}

/** What a later stage may raise. */
const targets = {
  addedMs: 0.5,
  nginxRatio: 1,
  startMs: 2_000,
  idleMib: 150,
  cutMs: 50,
  scaleRatio: 1.25,
  pauseMs: 50,
  deskChanges: 1_000,
  followMs: 20,
  snapshotMs: 2_000,
} as const

/** Against what each path is set: the upstream for latency, nginx for requests per second. */
const beside: Readonly<Partial<Record<PathName, { readonly direct: PathName; readonly nginx: PathName }>>> = {
  remitRead: { direct: 'directRead', nginx: 'nginxRead' },
  remitWrite: { direct: 'directWrite', nginx: 'nginxWrite' },
  remitDurable: { direct: 'directWrite', nginx: 'nginxWrite' },
  nginxRead: { direct: 'directRead', nginx: 'nginxRead' },
  nginxWrite: { direct: 'directWrite', nginx: 'nginxWrite' },
}
const names: readonly PathName[] = ['directRead', 'nginxRead', 'remitRead', 'directWrite', 'nginxWrite', 'remitWrite', 'remitDurable']

export function summary(results: Results): string[] {
  const { machine, cores, rounds, seconds } = results
  return [
    `machine: ${machine.cores} cores (${machine.processor}), ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}`,
    `pinning: ${cores}`,
    `figures: median (least … most) of ${rounds} rounds in turns, ${seconds} s each`,
    ...(results.gateway === undefined ? [] : gatewayLines(results.gateway)),
    ...houseLines(results),
    ...(results.scale === undefined ? [] : scaleLines(results.scale)),
    ...(results.desk === undefined ? [] : deskLines(results.desk)),
    ...(results.large === undefined ? [] : largeLines(results.large)),
    ...(results.publish === undefined ? [] : publishLines(results.publish)),
    ...(results.feed === undefined ? [] : feedLines(results.feed)),
    ...(results.nodes === undefined ? [] : nodesLines(results.nodes)),
    ...(results.decisions === undefined ? [] : decisionLines(results.decisions)),
    ...(results.authzen === undefined ? [] : authzenLines(results.authzen)),
    ...(results.mcp === undefined ? [] : mcpLines(results.mcp)),
  ]
}

function deskLines({ hands, rounds }: Desk): string[] {
  return [
    '',
    ...tableLines([
      [`asked for, started, done: ${hands} hands`, 'changes/s', 'processor µs each', 'one sync of the disk, µs'],
      [
        'SQLite file, each change synced',
        showSpread(spreadOf(rounds.map((round) => round.changesPerSecond)), 0),
        showSpread(spreadOf(rounds.map((round) => round.cpuMicros)), 0),
        showSpread(spreadOf(rounds.map((round) => round.syncMicros)), 0),
      ],
    ]),
  ]
}

function pauseRow(says: string, { ended, milliseconds, longestMs, longestCpuMs }: Pause): string[] {
  return [says, `${ended}`, milliseconds.toFixed(0), longestMs.toFixed(1), longestCpuMs.toFixed(1)]
}

function largeLines({ identities, first, policies, thousand, most, tooMany }: LargeChanges): string[] {
  return [
    '',
    ...tableLines([
      [`a change-set among ${identities} identities, on a file`, 'ended', 'ms in all', 'longest pause ms', 'of it processor ms'],
      pauseRow('the first since the start', first),
      pauseRow('other policies', policies),
      pauseRow('one role taken from 1,000', thousand),
      pauseRow('one role taken from 10,000, the most', most),
      pauseRow('one role taken from 10,001, refused', tooMany),
    ]),
  ]
}

function publishLines({ policies, checkMs, first, later }: Publishes): string[] {
  const row = (says: string, rounds: readonly Published[]) => [
    says,
    showSpread(spreadOf(rounds.map(({ milliseconds }) => milliseconds)), 0),
    showSpread(spreadOf(rounds.map(({ longestMs }) => longestMs)), 1),
    showSpread(spreadOf(rounds.map(({ longestCpuMs }) => longestCpuMs)), 1),
    showSpread(spreadOf(rounds.map(({ collections }) => Math.max(0, ...collections))), 1),
  ]
  return [
    '',
    ...tableLines([
      [
        `a publish of ${policies} policies, on a file`,
        'ms in all',
        'longest pause ms',
        'of it processor ms',
        'longest garbage collection ms',
      ],
      row('the first since the start', [first]),
      row('all of them replaced', later),
    ]),
    `one check of as many by itself: ${checkMs.toFixed(0)} ms`,
  ]
}

function nodesLines({ changes, heard }: NodesFigures): string[] {
  const rows = changes.map(({ nodes, perSecond, p50, p99 }) => [`${nodes}`, perSecond.toFixed(0), p50.toFixed(1), p99.toFixed(1)])
  return [
    '',
    'control nodes that write to one PostgreSQL at the same time, each one change after the other',
    ...tableLines([['nodes', 'changes/s', 'p50 ms', 'p99 ms'], ...rows]),
    `from a change at one node to the facts of another: p50 ${heard.p50.toFixed(1)} ms, p99 ${heard.p99.toFixed(1)} ms (${heard.count} changes)`,
  ]
}

function feedLines({ stop, follow, snapshot }: FeedFigures): string[] {
  const row = (says: string, { p50, p99, max }: FeedFigures['follow'] | FeedFigures['stop']['closed']) => [
    says,
    p50.toFixed(1),
    p99.toFixed(1),
    max.toFixed(1),
  ]
  return [
    '',
    ...tableLines([
      [`${stop.gateways} gateway processes, ${stop.streams} streams, ${stop.grants} grants`, 'p50 ms', 'p99 ms', 'most ms'],
      row('revoked until a client saw its stream end', stop.closed),
      row('confirmed by both to whoever revoked', stop.confirmed),
      row(`${follow.gateways} gateways, ${follow.changesPerSecond} changes/s: committed until applied`, follow),
    ]),
    `streams by ms: ${stop.histogram.map(([upTo, streams]) => `${Number.isFinite(upTo ?? Infinity) ? `≤${upTo}` : 'more'} ${streams}`).join(', ')}`,
    `a snapshot of ${snapshot.identities} identities and ${snapshot.grants} grants, ms: ${snapshot.first.toFixed(0)} at the first gateway after a start, then ${snapshot.next.map((each) => each.toFixed(0)).join(', ')}`,
  ]
}

function scaleLines({ identities, grants, small, large, roleMicros, role, policies, nothingLeft }: Scale): string[] {
  const shown = (timed: Scale['small'], which: 'p50' | 'p99') => showSpread(spreadOf(timed.map((each) => each[which])), 1)
  return [
    '',
    ...tableLines([
      ['authorize', 'p50 µs', 'p99 µs'],
      ['a small house', shown(small, 'p50'), shown(small, 'p99')],
      [`${identities} identities, ${grants} live grants`, shown(large, 'p50'), shown(large, 'p99')],
      ['there, a changed role in the facts', roleMicros.p50.toFixed(1), roleMicros.p99.toFixed(1)],
    ]),
    '',
    ...tableLines([
      ['asked about again, there', 'ended', 'ms in all', 'longest pause ms', 'of it processor ms'],
      pauseRow('one role of one identity', role),
      pauseRow('other policies, under which all stand', policies),
      pauseRow('other policies, under which none does', nothingLeft),
    ]),
  ]
}

function gatewayLines(figures: GatewayFigures): string[] {
  const loads = connectionCounts.flatMap((connections) => {
    const rows = names.map((name) => {
      const runs = figures.load[`${connections}`]?.[name] ?? []
      const ratio = requestRatio(figures, connections, name)
      return [
        paths[name],
        showSpread(spreadOf(runs.map((run) => run.requestsPerSecond)), 0),
        spreadOf(runs.map((run) => run.p50)).median.toFixed(2),
        spreadOf(runs.map((run) => run.p99)).median.toFixed(2),
        ratio === undefined ? '' : showSpread(ratio, 2),
      ]
    })
    const title = `${connections} ${connections === 1 ? 'connection' : 'connections'}`
    return ['', ...tableLines([[title, 'requests/s', 'p50 ms', 'p99 ms', '× nginx + auth_request'], ...rows])]
  })
  const rows = names.map((name) => {
    const added = addedLatency(figures, name, 'p50')
    const addedP99 = addedLatency(figures, name, 'p99')
    return [
      paths[name],
      showSpread(spreadOf(figures.probe[name].map((round) => round.p50)), 3),
      showSpread(spreadOf(figures.probe[name].map((round) => round.p99)), 3),
      added === undefined ? '' : showSpread(added, 3),
      addedP99 === undefined ? '' : showSpread(addedP99, 3),
    ]
  })
  return [...loads, '', ...tableLines([['200 requests/s, open loop', 'p50 ms', 'p99 ms', 'added p50 ms', 'added p99 ms'], ...rows])]
}

/** Requests per second over those of nginx in the same round. */
function requestRatio(figures: GatewayFigures, connections: number, name: PathName): Spread | undefined {
  const other = beside[name]?.nginx
  const runs = figures.load[`${connections}`]
  if (other === undefined || runs === undefined) return undefined
  return spreadOf(runs[name].map((run, round) => run.requestsPerSecond / (runs[other][round]?.requestsPerSecond ?? Number.NaN)))
}

/** Milliseconds more than the upstream alone in the same round. */
function addedLatency(figures: GatewayFigures, name: PathName, part: 'p50' | 'p99'): Spread | undefined {
  const other = beside[name]?.direct
  if (other === undefined) return undefined
  return spreadOf(figures.probe[name].map((round, place) => round[part] - (figures.probe[other][place]?.[part] ?? Number.NaN)))
}

function houseLines({ starts, idle, cuts }: Results): string[] {
  const lines: string[] = []
  if (starts !== undefined) {
    const row = (says: string, values: readonly number[]) => [says, showSpread(spreadOf(values), 0)]
    lines.push(
      '',
      ...tableLines([
        ['exec to ready line', 'ms'],
        row('built, new folder, configuration applied', starts.firstBuilt),
        row('built, same folder again', starts.againBuilt),
        row('from source, new folder, configuration applied', starts.firstSource),
        row('from source, same folder again', starts.againSource),
      ]),
    )
  }
  if (idle !== undefined)
    lines.push(
      '',
      `idle after ${idle.afterSeconds.toFixed(0)} s: ${mebibytes(idle).toFixed(0)} MiB resident in ${idle.processes} process(es)`,
    )
  if (cuts !== undefined) {
    const row = (says: string, values: readonly number[]) => {
      const sorted = values.toSorted((left, right) => left - right)
      return [says, ...[50, 99, 100].map((share) => percentile(sorted, share).toFixed(1))]
    }
    const all = cuts.flatMap((round) => round.cuts)
    lines.push(
      '',
      ...tableLines([
        [`revoking, ${all.length / cuts.length} streams, ${cuts.length} times`, 'p50 ms', 'p99 ms', 'most ms'],
        row(
          'last byte at the client',
          all.map((cut) => cut.lastByte),
        ),
        row(
          'connection closed at the client',
          all.map((cut) => cut.closed),
        ),
        row(
          'confirmed to whoever revoked',
          cuts.map((round) => round.confirmed),
        ),
      ]),
    )
  }
  return lines
}

function mebibytes({ bytes }: Idle): number {
  return bytes / 1_048_576
}

/** Each target, its figure, and whether it is met. */
export function verdictLines({ gateway, starts, idle, cuts, scale, desk, feed, decisions, authzen, mcp }: Results): string[] {
  const rows: string[][] = [['target', 'wanted', 'measured', '']]
  const judge = (says: string, wanted: string, measured: string, isMet: boolean) =>
    rows.push([says, wanted, measured, isMet ? 'met' : 'NOT MET'])
  if (gateway !== undefined) {
    for (const name of ['remitRead', 'remitWrite'] as const) {
      const added = addedLatency(gateway, name, 'p50')?.median ?? Number.NaN
      judge(`added p50, ${paths[name]}`, `< ${targets.addedMs} ms`, `${added.toFixed(3)} ms`, added < targets.addedMs)
    }
    for (const connections of connectionCounts) {
      for (const name of ['remitRead', 'remitWrite'] as const) {
        const ratio = requestRatio(gateway, connections, name)?.median ?? Number.NaN
        const says = `requests/s over nginx, ${paths[name]}, ${connections} conn.`
        judge(says, `≥ ${targets.nginxRatio}`, ratio.toFixed(2), ratio >= targets.nginxRatio)
      }
    }
  }
  if (starts !== undefined) {
    for (const [says, values] of [
      ['built', starts.firstBuilt],
      ['from source', starts.firstSource],
    ] as const) {
      const { median } = spreadOf(values)
      judge(`remit up ready, ${says}`, `< ${targets.startMs} ms`, `${median.toFixed(0)} ms`, median < targets.startMs)
    }
  }
  if (idle !== undefined) {
    const weight = mebibytes(idle)
    judge('idle memory, built', `< ${targets.idleMib} MiB`, `${weight.toFixed(0)} MiB`, weight < targets.idleMib)
  }
  if (cuts !== undefined) {
    const sorted = cuts.flatMap((round) => round.cuts.map((cut) => cut.closed)).toSorted((left, right) => left - right)
    const p99 = percentile(sorted, 99)
    judge('revoke to cut, p99', `< ${targets.cutMs} ms`, `${p99.toFixed(1)} ms`, p99 < targets.cutMs)
  }
  if (scale !== undefined) {
    const ratio = spreadOf(scale.large.map((each) => each.p50)).median / spreadOf(scale.small.map((each) => each.p50)).median
    judge(
      'authorize among 100,000 identities, p50',
      `≤ ${targets.scaleRatio} × a small house`,
      ratio.toFixed(2),
      ratio <= targets.scaleRatio,
    )
    const { longestMs } = scale.role
    judge('pause after one changed role', `< ${targets.pauseMs} ms`, `${longestMs.toFixed(1)} ms`, longestMs < targets.pauseMs)
  }
  if (desk !== undefined) {
    const { median } = spreadOf(desk.rounds.map((round) => round.changesPerSecond))
    judge('changes of the desk, SQLite', `≥ ${targets.deskChanges} a second`, median.toFixed(0), median >= targets.deskChanges)
  }
  if (feed !== undefined) {
    const { stop, follow, snapshot } = feed
    judge('two gateways, revoke to cut, p99', `< ${targets.cutMs} ms`, `${stop.closed.p99.toFixed(1)} ms`, stop.closed.p99 < targets.cutMs)
    judge('100 gateways follow, p99', `< ${targets.followMs} ms`, `${follow.p99.toFixed(1)} ms`, follow.p99 < targets.followMs)
    const longest = Math.max(snapshot.first, ...snapshot.next)
    judge('a large snapshot is loaded', `< ${targets.snapshotMs} ms`, `${longest.toFixed(0)} ms`, longest < targets.snapshotMs)
  }
  judgeDecisions({ decisions, authzen }, judge)
  judgeMcp(mcp, judge)
  return tableLines(rows)
}
