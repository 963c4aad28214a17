/** Runs command lines in this process, with everything they touch in the test's hands. */
import { PassThrough, Readable } from 'node:stream'
import { runCli } from '../../src/cli/build-cli.ts'
import type { House } from '../../src/cli/house.ts'
import type { Sink } from '../../src/cli/io.ts'
import { now } from './contract-server.ts'

export interface Tried {
  readonly exitCode: number
  readonly out: string
  readonly err: string
}

export interface Conditions {
  readonly env?: Readonly<Record<string, string>>
  /** Columns of a terminal; without them nothing is one. */
  readonly columns?: number
  readonly input?: string
  readonly house?: Partial<House>
}

const noHouse: House = {
  up: () => Promise.reject(new Error('this test has no house')),
  check: () => Promise.reject(new Error('this test has no house')),
  testPolicies: () => Promise.reject(new Error('this test has no house')),
  declare: () => Promise.reject(new Error('this test has no house')),
  policyCasesSchema: () => Promise.reject(new Error('this test has no house')),
  rotateKey: () => Promise.reject(new Error('this test has no house')),
  backup: () => Promise.reject(new Error('this test has no house')),
  restore: () => Promise.reject(new Error('this test has no house')),
  newEpoch: () => Promise.reject(new Error('this test has no house')),
  verifyExport: () => Promise.reject(new Error('this test has no house')),
  verifyProof: () => Promise.reject(new Error('this test has no house')),
  witness: () => Promise.reject(new Error('this test has no house')),
  gateway: () => Promise.reject(new Error('this test has no house')),
}

export async function tryCli(words: readonly string[], { env = {}, columns, input, house }: Conditions = {}): Promise<Tried> {
  const written = { out: '', err: '' }
  const sink = (name: 'out' | 'err'): Sink => ({
    write: (text) => void (written[name] += text),
    ...(columns === undefined ? {} : { isTTY: true, columns }),
  })
  const stdin = Object.assign(
    input === undefined ? new PassThrough().end() : Readable.from([input]),
    columns === undefined ? {} : { isTTY: true },
  )
  const io = { stdout: sink('out'), stderr: sink('err'), stdin, env, now: () => now }
  const exitCode = await runCli(words, { io, house: { ...noHouse, ...house }, version: '0.0.0' })
  return { exitCode, ...written }
}
