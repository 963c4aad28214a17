/** What decisions and AuthZEN's answers cost, as tables, and whether that is what was wanted. */
import type { Authzen } from './authzen.ts'
import type { Compared, Decisions, Micros } from './decisions.ts'
import { showSpread, spreadOf, tableLines } from './figures.ts'

const targets = { decisionP50: 10, decisionP99: 50, growth: 2, authzenRatio: 2 } as const

/** Takes one target: what it is about, what is wanted, what was measured, whether it is met. */
type Judge = (says: string, wanted: string, measured: string, isMet: boolean) => void

export function decisionLines({ entities, scoped, unscoped }: Decisions): string[] {
  const cell = ({ p50, p99 }: Micros) => [p50.toFixed(1), p99.toFixed(1)]
  const row = (says: string) => (each: Compared) => [
    `${each.policies} policies, ${says}`,
    ...cell(each.ours),
    ...cell(each.wasm),
    ...cell(each.casbin),
    (each.wasm.p50 / each.ours.p50).toFixed(0),
  ]
  return [
    '',
    ...tableLines([
      [`a decision, µs, among ${entities} entities`, 'Remit p50', 'p99', 'cedar-wasm p50', 'p99', 'casbin p50', 'p99', 'wasm ÷ Remit'],
      ...scoped.map(row('scoped')),
      ...unscoped.map(row('about everything')),
    ]),
  ]
}

export function authzenLines({ policies, entities, connections, remit, wasm }: Authzen): string[] {
  const row = (says: string, runs: Authzen['remit']) => [
    says,
    showSpread(spreadOf(runs.map((run) => run.requestsPerSecond)), 0),
    spreadOf(runs.map((run) => run.p50)).median.toFixed(2),
    spreadOf(runs.map((run) => run.p99)).median.toFixed(2),
  ]
  return [
    '',
    ...tableLines([
      [`AuthZEN evaluation, ${policies} policies, ${entities} entities, ${connections} connections`, 'requests/s', 'p50 ms', 'p99 ms'],
      row('Remit', remit),
      row('fastify and cedar-wasm', wasm),
    ]),
  ]
}

export function judgeDecisions(
  { decisions, authzen }: { readonly decisions: Decisions | undefined; readonly authzen: Authzen | undefined },
  judge: Judge,
): void {
  if (decisions !== undefined) {
    const at = (policies: number) => decisions.scoped.find((each) => each.policies === policies)?.ours
    const [hundred, thousand, most] = [at(100), at(1_000), at(10_000)]
    const [p50, p99] = [thousand?.p50 ?? Number.NaN, thousand?.p99 ?? Number.NaN]
    const growth = (most?.p50 ?? Number.NaN) / (hundred?.p50 ?? Number.NaN)
    judge('a decision, 1,000 policies, p50', `≤ ${targets.decisionP50} µs`, `${p50.toFixed(1)} µs`, p50 <= targets.decisionP50)
    judge('a decision, 1,000 policies, p99', `≤ ${targets.decisionP99} µs`, `${p99.toFixed(1)} µs`, p99 <= targets.decisionP99)
    judge('from 100 to 10,000 scoped policies, p50', `≤ ${targets.growth} ×`, growth.toFixed(2), growth <= targets.growth)
  }
  if (authzen !== undefined) {
    const ratio = spreadOf(
      authzen.remit.map((run, round) => run.requestsPerSecond / (authzen.wasm[round]?.requestsPerSecond ?? Number.NaN)),
    ).median
    judge('AuthZEN requests/s over cedar-wasm', `≥ ${targets.authzenRatio}`, ratio.toFixed(2), ratio >= targets.authzenRatio)
  }
}
