/** Several stores open on one database at the same time, for tests: nodes in this process or in processes of their own. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Committed, Database } from '../../src/control/ports.ts'
import { makeId } from '../../src/kernel/ids.ts'
import { canonicalJson } from '../../src/kernel/json.ts'
import { done, mustBe, type Result } from '../../src/kernel/result.ts'
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/postgres-store.ts'
import type { PostgresServer } from './postgres-server.ts'
import { postgresTimes } from './postgres-times.ts'
import { Way } from './postgres-way.ts'
import { sampleRecords } from './sample-records.ts'
import { checkGapless, entry, inMain } from './store-steps.ts'

/** As in use: with leases of parts of a second nodes of a busy machine lose their hold by themselves. */
export const nodeTimes = { ...postgresTimes, beatMs: 1_000, settleMs: 5_000 } as const
export const nodeLeaseMs = 3 * nodeTimes.beatMs
/** When a silent node is given up. */
export const nodeSilentMs = 10 * nodeTimes.beatMs

/** One node: its store, what it heard of the spaces `main` and `other`, and why it had to stop. */
export interface Node {
  readonly store: Database
  readonly heard: Committed[]
  readonly fenced: string[]
  readonly lost: string[]
}

export interface Cluster {
  readonly database: string
  readonly server: PostgresServer
  readonly way: Way
  node(name: string, more?: Partial<PostgresStoreOptions>): Promise<Node>
  tryNode(name: string | undefined): Promise<Result<Database>>
  /** A node behind the way, which a test can cut and freeze. */
  far(name: string): Promise<Node>
}

export async function onCluster(server: PostgresServer, work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const database = await server.swept()
  const way = await Way.to(server.address)
  const opened: Database[] = []
  const parts = { now: () => Date.now(), chance: (count: number) => randomBytes(count), ...nodeTimes }
  const open = async (name: string, more: Partial<PostgresStoreOptions>): Promise<Node> => {
    const fenced: string[] = []
    const lost: string[] = []
    const heard: Committed[] = []
    const store = mustBe(
      await openPostgresStore({
        ...parts,
        url: server.url(database),
        node: name,
        holder: `process of ${name}`,
        onFenced: (reason) => void fenced.push(reason),
        onLost: (reason) => void lost.push(reason),
        ...more,
      }),
    )
    opened.push(store)
    for (const space of ['main', 'other']) inMain(store, space).onCommit((committed) => void heard.push(committed))
    return { store, heard, fenced, lost }
  }
  try {
    await work({
      database,
      server,
      way,
      node: (name, more = {}) => open(name, more),
      far: (name) => open(name, { url: server.url(database, way.port) }),
      tryNode: async (name) => {
        const result = await openPostgresStore({ ...parts, url: server.url(database), ...(name === undefined ? {} : { node: name }) })
        if (result.ok) opened.push(result.value)
        return result
      },
    })
  } finally {
    way.mend()
    way.thaw()
    for (const store of opened) await store.close()
    await way.remove()
    await server.sweep(database)
  }
}

export async function until(says: string, isSo: () => boolean | Promise<boolean>, withinMs = 120_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `in vain: ${says}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Puts one signal that says this, with an entry. */
export function say({ store }: Pick<Node, 'store'>, about: string, space = 'main'): Promise<Result<undefined>> {
  return inMain(store, space).change(async (tx) => {
    await tx.put('signal', { ...sampleRecords.signal(1), space, id: makeId('sgn', tx.now, randomBytes(10)), about })
    await tx.record(entry(about))
    return done(undefined)
  })
}

/** What the changes of a node say, in order. */
export function saidTo({ heard }: Pick<Node, 'heard'>): string[] {
  return heard.flatMap(({ changes }) =>
    changes.flatMap((change) => (change.kind === 'signal' && 'record' in change ? [change.record.about] : [])),
  )
}

export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'kept' : result.refusal.code
}

/** As text: what was made here and what was read have other prototypes. */
export function written({ heard }: Node): string[] {
  return heard.map((committed) => canonicalJson(committed))
}

/** Every node heard the same versions, without a gap from the first to the last, and the same in each. */
export async function checkSame(nodes: readonly Node[]): Promise<void> {
  for (const { store } of nodes) await inMain(store).catchUp()
  const [first, ...others] = nodes
  assert.ok(first !== undefined)
  for (const { heard } of nodes) {
    assert.deepEqual(
      heard.map(({ version }) => version),
      Array.from({ length: heard.length }, (_, place) => (heard[0]?.version ?? 1) + place),
    )
  }
  for (const other of others) assert.deepEqual(written(other), written(first).slice(-other.heard.length))
  assert.ok((await checkGapless(first.store)) > 0)
}

/** A node in a process of its own, that writes from the start; each line is the version of a change that was acknowledged to it. */
export class FarNode {
  readonly child: ChildProcess
  readonly lines: AsyncIterator<string>

  constructor(url: string, name: string, deed: 'write' | 'hold' | 'stand') {
    const program = new URL('node-process.ts', import.meta.url).pathname
    this.child = spawn(process.execPath, [program, deed, url, name], { stdio: ['ignore', 'pipe', 'inherit'] })
    const { stdout } = this.child
    assert.ok(stdout !== null)
    this.lines = createInterface(stdout)[Symbol.asyncIterator]()
  }

  async next(): Promise<string> {
    const { value, done: isOver } = await this.lines.next()
    return isOver === true ? 'over' : String(value)
  }

  /** Whatever it printed before its end. */
  async rest(): Promise<string[]> {
    const rest: string[] = []
    for (let line = await this.lines.next(); line.done !== true; line = await this.lines.next()) rest.push(String(line.value))
    return rest
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exit = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exit
  }
}
