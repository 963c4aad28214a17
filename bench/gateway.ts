/** The gateway under load and at rest, in turns with the upstream alone and with nginx asking a decision service. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { percentile } from './figures.ts'
import { startGuardedProxy } from './nginx.ts'
import { probe } from './probe.ts'
import { firstLine, type Shares, start } from './processes.ts'
import { shopSecret } from './remit.ts'
import { load, type LoadRun, type Target } from './wrk.ts'

export interface GatewayInput {
  readonly folder: string
  readonly cores: Shares
  readonly rounds: number
  readonly seconds: number
  /** Origins. */
  readonly upstream: string
  readonly remit: string
  /** For the gateway. */
  readonly token: string
  readonly tell: (text: string) => void
}

/** What the comparisons are made between. */
export const paths = {
  directRead: 'upstream direct, GET',
  nginxRead: 'nginx + auth_request, GET',
  remitRead: 'Remit, GET, tier 0',
  directWrite: 'upstream direct, PUT',
  nginxWrite: 'nginx + auth_request, PUT',
  remitWrite: 'Remit, PUT, tier 1',
  remitDurable: 'Remit, PUT, tier 2 (durable)',
} as const
export type PathName = keyof typeof paths

export interface ProbeRound {
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

export interface GatewayFigures {
  /** By connections, by path: one entry a round. */
  readonly load: Readonly<Record<string, Readonly<Record<PathName, readonly LoadRun[]>>>>
  /** At 200 requests a second, by path: one entry a round. */
  readonly probe: Readonly<Record<PathName, readonly ProbeRound[]>>
}

export const connectionCounts = [1, 32] as const
const names: readonly PathName[] = ['directRead', 'nginxRead', 'remitRead', 'directWrite', 'nginxWrite', 'remitWrite', 'remitDurable']
const probeBlocks = 4
const warmUpSeconds = 5

export async function measureGateway(input: GatewayInput): Promise<GatewayFigures> {
  const { cores, rounds, seconds, tell } = input
  const targets = await makeTargets(input)
  const on = cores.around
  tell('warming up')
  for (const name of names) await load(targets[name], { connections: 32, seconds: warmUpSeconds, on })
  const loads = connectionCounts.map((connections) => ({ connections, runs: emptyRounds<LoadRun>() }))
  const probes = emptyRounds<ProbeRound>()
  for (let round = 0; round < rounds; round += 1) {
    for (const { connections, runs } of loads) {
      tell(`round ${round + 1} of ${rounds}: ${connections} ${connections === 1 ? 'connection' : 'connections'}`)
      // In turns, so that whatever else the machine does falls on all of them alike.
      for (const name of names) runs[name].push(await load(targets[name], { connections, seconds, on }))
    }
    tell(`round ${round + 1} of ${rounds}: latency at 200 requests a second`)
    const times = await probe(
      names.map((name) => targets[name]),
      probeBlocks,
    )
    for (const name of names) probes[name].push(describe(times.get(targets[name].name) ?? []))
  }
  return { load: Object.fromEntries(loads.map(({ connections, runs }) => [`${connections}`, runs])), probe: probes }
}

function emptyRounds<T>(): Record<PathName, T[]> {
  return { directRead: [], nginxRead: [], remitRead: [], directWrite: [], nginxWrite: [], remitWrite: [], remitDurable: [] }
}

function describe(times: readonly number[]): ProbeRound {
  const sorted = times.toSorted((left, right) => left - right)
  return { p50: percentile(sorted, 50), p99: percentile(sorted, 99) }
}

async function makeTargets({ folder, cores, upstream, remit, token }: GatewayInput): Promise<Record<PathName, Target>> {
  const sidecar = start([process.execPath, fileURLToPath(new URL('decision-service.ts', import.meta.url))], { on: cores.tested })
  const decisions = JSON.parse(await firstLine(sidecar)) as { readonly origin: string; readonly token: string }
  const proxy = await startGuardedProxy(join(folder, 'proxy'), { upstream, decisions: decisions.origin, secret: shopSecret }, cores.tested)
  const read = { method: 'GET', path: '/items/42' } as const
  const write = { method: 'PUT', path: '/items/42', body: '{"name":"a thing of the shop","count":7}' } as const
  const price = { method: 'PUT', path: '/prices/42', body: '{"cents":1299}' } as const
  const nginx = { origin: proxy, token: decisions.token }
  const direct = { origin: upstream, token: decisions.token }
  const own = { origin: remit, token }
  return {
    directRead: { name: paths.directRead, ...direct, ...read },
    nginxRead: { name: paths.nginxRead, ...nginx, ...read },
    remitRead: { name: paths.remitRead, ...own, ...read },
    directWrite: { name: paths.directWrite, ...direct, ...write },
    nginxWrite: { name: paths.nginxWrite, ...nginx, ...write },
    remitWrite: { name: paths.remitWrite, ...own, ...write },
    remitDurable: { name: paths.remitDurable, ...own, ...price },
  }
}
