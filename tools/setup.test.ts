import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from './files.ts'

// A project of its own with one local package, installed by the real npm. Its install step tells that it began and waits to be let go.
const folder = mkdtempSync(join(tmpdir(), 'remit-setup-'))
const place = (...names: string[]) => join(folder, ...names)
const stamp = place('node_modules', '.remit-setup')

interface Run {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; out: string; err: string }>
  readonly err: () => string
}

function setUp(...flags: string[]): Run {
  const child = spawn(process.execPath, [place('tools', 'setup.mjs'), ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, out, err })),
  )
  return { child, ended, err: () => err }
}

async function until(what: string, isSo: () => boolean) {
  const end = performance.now() + 60_000
  while (!isSo()) {
    assert.ok(performance.now() < end, `waited in vain until ${what}`)
    await sleep(20)
  }
}

const installs = () => (existsSync(place('began')) ? readFileSync(place('began'), 'utf8').length : 0)
const letGo = () => writeFileSync(place('go'), '')

beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(place(name), { recursive: true, force: true })
  for (const name of ['setup.mjs', 'lock.mjs']) cpSync(join(root, 'tools', name), place('tools', name))
  mkdirSync(place('part'))
  writeFileSync(place('part', 'package.json'), JSON.stringify({ name: 'part', version: '1.0.0' }))
  writeFileSync(
    place('step.mjs'),
    "import { appendFileSync, existsSync } from 'node:fs'\nappendFileSync('began', '.')\nsetInterval(() => existsSync('go') && process.exit(0), 10)\n",
  )
  writeFileSync(
    place('package.json'),
    JSON.stringify({ name: 'trial', version: '1.0.0', dependencies: { part: 'file:./part' }, scripts: { postinstall: 'node step.mjs' } }),
  )
  execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
  })
})

after(() => rmSync(folder, { recursive: true, force: true }))

test('installs once, says so in one line, and then has nothing to do', async () => {
  letGo()
  const first = await setUp().ended
  assert.equal(first.code, 0, first.err)
  assert.equal(first.out, `${process.execPath}\n`)
  assert.match(first.err, /^set-up: installing packages \(npm ci\) \.\.\. \d+\.\d s\n$/)
  assert.ok(existsSync(place('node_modules', 'part', 'package.json')))
  const second = await setUp().ended
  assert.deepEqual([second.code, second.err, installs()], [0, '', 1])
})

test('installs again when the lock file changed, not when it was touched', async () => {
  letGo()
  await setUp().ended
  const lockFile = place('package-lock.json')
  utimesSync(lockFile, new Date(), new Date(Date.now() + 60_000))
  assert.equal((await setUp().ended).err, '')
  writeFileSync(lockFile, `${readFileSync(lockFile, 'utf8')}\n`)
  rmSync(place('node_modules', '.package-lock.json'))
  assert.match((await setUp().ended).err, /installing packages/)
  assert.equal(installs(), 2)
})

test('takes over what npm install left by hand when it is what the lock file asks for', async () => {
  letGo()
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder })
  const run = await setUp().ended
  assert.deepEqual([run.code, run.err, installs()], [0, '', 1])
  assert.ok(existsSync(stamp))
})

test('killed with npm half way, the next run installs again', async () => {
  const killed = setUp()
  await until('npm is at work', () => installs() === 1)
  killed.child.kill('SIGKILL')
  // npm runs in a group of its own, with whatever it started.
  process.kill(-Number(readFileSync(place('.setup-lock', 'child'), 'utf8').split(' ')[0]), 'SIGKILL')
  await killed.ended
  assert.ok(!existsSync(stamp))
  letGo()
  const next = await setUp().ended
  assert.equal(next.code, 0, next.err)
  assert.equal(installs(), 2)
  assert.ok(existsSync(stamp))
  assert.ok(!existsSync(place('.setup-lock')))
})

test('killed while its npm goes on, the next run waits for that npm', async () => {
  const killed = setUp()
  await until('npm is at work', () => installs() === 1)
  killed.child.kill('SIGKILL')
  const next = setUp()
  await until('the next run waits', () => next.err().includes('waiting for the one already at work'))
  assert.equal(installs(), 1)
  letGo()
  const { code, err } = await next.ended
  assert.equal(code, 0, err)
  assert.ok(existsSync(stamp))
  await killed.ended
})

test('two at once install once', async () => {
  const runs = [setUp(), setUp(), setUp()]
  await until('npm is at work', () => installs() === 1)
  await until('two wait', () => runs.filter((run) => run.err().includes('waiting')).length === 2)
  letGo()
  for (const run of runs) assert.equal((await run.ended).code, 0)
  assert.equal(installs(), 1)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('.setup-lock')),
    [],
  )
})

test('told to stop, it ends npm first and leaves no lock', async () => {
  const run = setUp()
  await until('npm is at work', () => installs() === 1)
  run.child.kill('SIGTERM')
  const { code, err } = await run.ended
  assert.equal(code, 143)
  assert.match(err, /stopped; the next run starts this step again/)
  assert.ok(!existsSync(stamp))
  assert.ok(!existsSync(place('.setup-lock')))
  letGo()
  assert.equal((await setUp().ended).code, 0)
})

test('when npm fails, its words are shown and nothing counts as done', async () => {
  letGo()
  writeFileSync(place('package.json'), JSON.stringify({ name: 'trial', version: '1.0.0', dependencies: { other: 'file:./other' } }))
  const { code, err } = await setUp().ended
  assert.equal(code, 1)
  assert.match(err, /set-up failed: npm ci ended with 1:\n[^]*package\.json and package-lock\.json/)
  assert.ok(!existsSync(stamp))
  assert.ok(!existsSync(place('.setup-lock')))
})

test('a flag it does not know is refused', async () => {
  const { code, err } = await setUp('--everything').ended
  assert.equal(code, 1)
  assert.match(err, /--everything is not known/)
})
