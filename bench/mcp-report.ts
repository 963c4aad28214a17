/** What the MCP gateway took, as tables, and its targets. */
import { percentile, showSpread, type Spread, spreadOf, tableLines } from './figures.ts'
import { type McpCall, type McpFigures, type McpSides, mcpCallNames, mcpCalls } from './mcp.ts'

const targets = { addedMs: 1, cutMs: 50 } as const

/** Milliseconds more than the server alone in the same round; `undefined` where nothing was timed. */
function added({ direct, remit }: McpSides, name: McpCall, part: 'p50' | 'p99'): Spread | undefined {
  const rounds = remit[name].map((round, place) => round[part] - (direct[name][place]?.[part] ?? Number.NaN))
  return rounds.length === 0 ? undefined : spreadOf(rounds)
}

function show(spread: Spread | undefined): string {
  return spread === undefined ? 'none' : showSpread(spread, 3)
}

function closedAfter({ cuts }: McpFigures): readonly number[] {
  return cuts.flatMap((round) => round.cuts.map(({ closed }) => closed)).toSorted((left, right) => left - right)
}

export function mcpLines(figures: McpFigures): string[] {
  const { direct, concurrent, cuts, steadiness } = figures
  const calls = mcpCallNames.map((name) => [
    mcpCalls[name],
    showSpread(spreadOf(direct[name].map(({ p50 }) => p50)), 3),
    show(added(figures, name, 'p50')),
    show(added(figures, name, 'p99')),
    show(added(figures.undisturbed, name, 'p50')),
    show(added(figures.asleep, name, 'p50')),
  ])
  const atOnce = (says: string, runs: McpFigures['concurrent']['direct']) => [
    says,
    showSpread(spreadOf(runs.map(({ requestsPerSecond }) => requestsPerSecond)), 0),
    showSpread(spreadOf(runs.map(({ p50 }) => p50)), 1),
    showSpread(spreadOf(runs.map(({ p99 }) => p99)), 1),
    `${Math.max(...runs.map(({ late }) => late))}`,
  ]
  const closed = closedAfter(figures)
  const at = (values: readonly number[]) => [50, 99, 100].map((share) => percentile(values, share).toFixed(1))
  return [
    '',
    ...tableLines([
      [
        'MCP, one call after the other, cores awake',
        'server alone, p50 ms',
        'added p50 ms',
        'added p99 ms',
        'undisturbed: added p50 ms',
        'cores asleep: added p50 ms',
      ],
      ...calls,
    ]),
    `undisturbed: ${steadiness.undisturbed} of ${steadiness.series} series; in the others the same piece of work took up to ${steadiness.worst.toFixed(1)} times as long, as beside others of the host`,
    '',
    ...tableLines([
      [`MCP, ${concurrent.calls} calls of 1 kB at once`, 'calls/s', 'p50 ms', 'p99 ms', 'waited 2 s, at most'],
      atOnce('server alone', concurrent.direct),
      atOnce('Remit', concurrent.remit),
    ]),
    '',
    ...tableLines([
      [`MCP, revoking, ${closed.length / cuts.length} streams, ${cuts.length} times`, 'p50 ms', 'p99 ms', 'most ms'],
      ['connection closed at the client', ...at(closed)],
      ['confirmed to whoever revoked', ...at(cuts.map(({ confirmed }) => confirmed).toSorted((left, right) => left - right))],
    ]),
  ]
}

type Judge = (says: string, wanted: string, measured: string, isMet: boolean) => void

export function judgeMcp(figures: McpFigures | undefined, judge: Judge): void {
  if (figures === undefined) return
  for (const name of ['small', 'argument', 'answer'] as const) {
    const median = added(figures, name, 'p50')?.median ?? Number.NaN
    const alone = added(figures.undisturbed, name, 'p50')
    const measured = `${median.toFixed(3)} ms${alone === undefined ? '' : ` (undisturbed ${alone.median.toFixed(3)})`}`
    judge(`MCP: added p50, ${mcpCalls[name]}`, `< ${targets.addedMs} ms`, measured, median < targets.addedMs)
  }
  const p99 = percentile(closedAfter(figures), 99)
  judge('MCP: revoke to stream cut, p99', `< ${targets.cutMs} ms`, `${p99.toFixed(1)} ms`, p99 < targets.cutMs)
}
