/** Several control nodes on one PostgreSQL of this machine: changes a second with one, two and three, and how soon one hears of the other's. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { PostgresServer } from '../test/contract/postgres-server.ts'
import { percentile } from './figures.ts'
import type { NodeReport } from './nodes-peer.ts'

export interface NodesFigures {
  readonly changes: readonly { readonly nodes: number; readonly perSecond: number; readonly p50: number; readonly p99: number }[]
  /** From the moment a change resolved at one node to its facts at another, in milliseconds. */
  readonly heard: { readonly p50: number; readonly p99: number; readonly count: number }
}

const writeMs = 4_000
const program = fileURLToPath(new URL('nodes-peer.ts', import.meta.url))

async function start(url: string, node: string, deed: 'write' | 'pace' | 'hear'): Promise<ChildProcess> {
  const child = fork(program, [url, node, deed, `${writeMs}`], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}

async function reportOf(child: ChildProcess): Promise<NodeReport> {
  const [said] = (await once(child, 'message')) as [NodeReport]
  return said
}

async function measure(server: PostgresServer): Promise<NodesFigures> {
  const changes = []
  for (const nodes of [1, 2, 3]) {
    const url = server.url(await server.empty())
    const children = []
    for (let node = 0; node < nodes; node += 1) children.push(await start(url, `n${node}`, 'write'))
    const reports = children.map(reportOf)
    for (const child of children) child.send('go')
    const took = (await Promise.all(reports)).flatMap((report) => report.took).toSorted((left, right) => left - right)
    changes.push({ nodes, perSecond: took.length / (writeMs / 1_000), p50: percentile(took, 50), p99: percentile(took, 99) })
  }
  const url = server.url(await server.empty())
  const [writer, hearer] = [await start(url, 'writer', 'pace'), await start(url, 'hearer', 'hear')]
  // Until both know of each other.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const written = reportOf(writer)
  writer.send('go')
  const { at: kept } = await written
  const heardBy = reportOf(hearer)
  hearer.kill('SIGTERM')
  const heard = new Map((await heardBy).at)
  const late = kept.flatMap(([version, at]) => {
    const then = heard.get(version)
    return then === undefined ? [] : [Math.max(0, then - at)]
  })
  const sorted = late.toSorted((left, right) => left - right)
  return { changes, heard: { p50: percentile(sorted, 50), p99: percentile(sorted, 99), count: sorted.length } }
}

const server = await PostgresServer.start()
try {
  process.stdout.write(`${JSON.stringify(await measure(server))}\n`)
} finally {
  await server.remove()
}
