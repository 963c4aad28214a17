/** `remit up` beside a witness and a folder outside, as processes: what an operator sees when they are there, away, or know better. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import type { HealthView } from '../../src/wire/ledger.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-up-witness-'))
const data = join(folder, 'data')
const outside = join(folder, 'outside')
const children: ChildProcess[] = []
after(async () => {
  for (const child of children) await end(child, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

interface Started {
  readonly child: ChildProcess
  readonly ready: { readonly url: string; readonly vkey?: string; readonly warnings?: readonly string[] }
}

/** Resolves with its line of JSON, or with what it said when it ended before. */
function start(...words: string[]): Promise<Started | string> {
  const main = join(import.meta.dirname, '..', '..', 'src', 'main', 'remit.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...words, '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let [out, err] = ['', '']
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  return new Promise((resolve) => {
    child.once('exit', () => resolve(`${out}${err}`))
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (out.endsWith('\n') && out.includes('"url"')) resolve({ child, ready: JSON.parse(out) as Started['ready'] })
    })
  })
}

async function mustStart(...words: string[]): Promise<Started> {
  const started = await start(...words)
  return typeof started === 'string' ? assert.fail(started) : started
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await gone
}

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const over = performance.now() + 120_000
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    assert.ok(performance.now() < over, `waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const health = async (url: string) => ((await (await fetch(`${url}/v1/health`)).json()) as HealthView).ledger
/** One line for the log, one for each witness. */
const signatures = async (url: string) => (await (await fetch(`${url}/ledger/checkpoint`)).text()).split('\n— ').length - 1

test('alone it warns; with a witness and a folder it is held; what they know better keeps it from going on', async () => {
  const alone = await mustStart('up', '--data', data, '--demo')
  assert.match(alone.ready.warnings?.join('\n') ?? '', /nobody outside holds the head of the ledger/)
  assert.deepEqual(await health(alone.ready.url), { signing: 'signing', heads: 'nobody' })
  const { key } = (await (await fetch(`${alone.ready.url}/v1/ledger/checkpoint`)).json()) as { key: string }
  await end(alone.child)

  const witness = await mustStart('witness', '--state', join(folder, 'witness'), '--origin-key', key)
  const at = `${witness.ready.url}=${witness.ready.vkey}`
  const held = await mustStart('up', '--data', data, '--witness', at, '--anchor', outside)
  assert.doesNotMatch(held.ready.warnings?.join('\n') ?? '', /nobody outside/)
  await until('the head is cosigned', async () => ((await signatures(held.ready.url)) === 2 ? true : undefined))
  assert.deepEqual(await health(held.ready.url), { signing: 'signing', heads: 'held' })
  await end(held.child)
  const [file = ''] = readdirSync(outside)
  assert.match(file, /^remit\.local_main_ledger-\d{4}-\d\d\.jsonl$/)

  await end(witness.child)
  const deaf = await mustStart('up', '--data', data, '--witness', at, '--anchor', outside)
  assert.deepEqual(await health(deaf.ready.url), { signing: 'signing', heads: 'late' })
  await end(deaf.child)

  // The store is gone, and with it everything that was recorded: another one would be begun under the same key.
  rmSync(join(data, 'store'), { recursive: true })
  const lost = await start('up', '--data', data, '--anchor', outside)
  assert.match(typeof lost === 'string' ? lost : 'it started', /has lost entries of the ledger.*remit restore/s)
})
