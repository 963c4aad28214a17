/**
 * Sets up what a command needs, prints the path of a Node that is new enough, and does nothing when nothing changed.
 *
 *     node tools/setup.mjs [--runtime] [--tests] [--bench]
 *
 * `--runtime` looks after the Node alone; `--tests` and `--bench` also want programs of the system. What is done is told on
 * stderr. Runs on Node 20 and newer, before anything is installed. A stamp is written last, so that whatever was killed is done again.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { constants as system } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { takeLock } from './lock.mjs'

const nodeMajorMin = 24
const patienceMs = 5_000
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const runtime = join(root, 'tools', 'runtime')
const runtimeNode = join(runtime, 'node_modules', '.bin', 'node')
const programsFor = { '--tests': ['chromium', 'nginx', 'golang-go', 'golang-golang-x-mod-dev', 'postgresql'], '--bench': ['nginx', 'wrk'] }
/** What shows that a package is there, where that is not a program of its own name. */
const shownBy = {
  'golang-go': 'go',
  'golang-golang-x-mod-dev': '/usr/share/gocode/src/golang.org/x/mod/sumdb/note/note.go',
  postgresql: findPostgres,
}

let lock
let child

await setUp(process.argv.slice(2)).catch((error) => {
  lock?.release()
  process.stderr.write(`set-up failed: ${error.message}\n`)
  process.exit(1)
})

async function setUp(flags) {
  const unknown = flags.find((flag) => flag !== '--runtime' && !(flag in programsFor))
  if (unknown !== undefined) throw new Error(`${unknown} is not known; it takes --runtime, --tests and --bench`)
  const isPrivate = Number(process.versions.node.split('.')[0]) < nodeMajorMin
  const steps = [
    ...(isPrivate
      ? [
          {
            says: `fetching a Node of its own, because this one is ${process.versions.node}`,
            isDone: () => isInstalled(runtime),
            work: installRuntime,
          },
        ]
      : []),
    ...(flags.includes('--runtime')
      ? []
      : [{ says: 'installing packages (npm ci)', isDone: () => isInstalled(root), work: () => install(root) }]),
    ...programSteps(flags.flatMap((flag) => programsFor[flag] ?? [])),
  ]
  if (!steps.every((step) => step.isDone())) await doSteps(steps)
  process.stdout.write(`${isPrivate ? runtimeNode : process.execPath}\n`)
}

async function doSteps(steps) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(signal))
  lock = await takeLock(join(root, '.setup-lock'), (owner) =>
    process.stderr.write(`set-up: waiting for the one already at work (process ${owner.split(' ')[0]})\n`),
  )
  for (const step of steps) {
    // Asked again: whoever held the lock may have done it.
    if (step.isDone()) continue
    const begun = performance.now()
    process.stderr.write(`set-up: ${step.says} ... `)
    try {
      await step.work()
    } catch (error) {
      process.stderr.write('failed\n')
      throw error
    }
    process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1)} s\n`)
  }
  lock.release()
}

/** Ends the child, and what it started, before the lock is given up: two installs in one folder would spoil each other. */
async function stop(signal) {
  if (child !== undefined) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const { pid } = child
    signalGroup(pid, signal)
    const insist = setTimeout(() => signalGroup(pid, 'SIGKILL'), patienceMs)
    await ended
    clearTimeout(insist)
  }
  lock?.release()
  process.stderr.write('\nset-up: stopped; the next run starts this step again\n')
  process.exit(128 + system.signals[signal])
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

// Packages.

function isInstalled(folder) {
  const stamp = stampOf(folder)
  const wanted = wantedStamp(folder)
  if (readText(stamp) === wanted) {
    // bin/remit compares ages only, so a lock file that was merely touched must not look newer than its stamp.
    if (statSync(join(folder, 'package-lock.json')).mtimeMs > statSync(stamp).mtimeMs) utimesSync(stamp, new Date(), new Date())
    return true
  }
  if (!wasInstalledByHand(folder)) return false
  writeFileSync(stamp, wanted)
  return true
}

/** Whether somebody's own `npm install` left exactly what the lock file asks for: npm writes its hidden lock file last. */
function wasInstalledByHand(folder) {
  const hidden = readText(join(folder, 'node_modules', '.package-lock.json'))
  if (hidden === undefined || existsSync(begunOf(folder))) return false
  const present = JSON.parse(hidden).packages
  const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(([path, { integrity, optional, link }]) => {
    if (path === '' || link === true) return true
    if (present[path] === undefined) return optional === true
    return present[path].integrity === integrity && existsSync(join(folder, path, 'package.json'))
  })
}

async function installRuntime() {
  await install(runtime)
  const tried = spawnSync(runtimeNode, ['--version'], { encoding: 'utf8' })
  if (Number(/^v(\d+)\./.exec(tried.stdout ?? '')?.[1] ?? 0) >= nodeMajorMin) return
  rmSync(stampOf(runtime), { force: true })
  throw new Error(
    `there is no packaged Node for ${process.platform} ${process.arch}: install Node ${nodeMajorMin} or newer, put it first on PATH and run this again`,
  )
}

async function install(folder) {
  const wanted = wantedStamp(folder)
  // The marks go first: npm removes the folder piece by piece, and being killed there must not leave a mark standing.
  writeFileSync(begunOf(folder), '')
  rmSync(join(folder, 'node_modules', '.package-lock.json'), { force: true })
  rmSync(stampOf(folder), { force: true })
  await run('npm', ['ci', '--prefix', folder, '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
  })
  writeFileSync(stampOf(folder), wanted)
  rmSync(begunOf(folder))
}

/** Stands while an install of ours goes on: what it left half way is never taken for an install by hand. */
function begunOf(folder) {
  return join(folder, '.setup-begun')
}

function stampOf(folder) {
  return join(folder, 'node_modules', '.remit-setup')
}

function wantedStamp(folder) {
  const digest = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  return `${digest} ${process.platform}-${process.arch}\n`
}

// Programs of the system.

function programSteps(programs) {
  const missing = programs.filter((program) => !isUsable(program))
  if (missing.length === 0) return []
  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (find('apt-get') === undefined)
    throw new Error(`${missing.join(' and ')} must be installed: use your system's package tool, then run this again`)
  if (process.getuid() !== 0)
    throw new Error(
      `${missing.join(' and ')} must be installed, which only root can do:\n\n    sudo sh -c '${command}'\n\nthen run this again`,
    )
  return [
    { says: `installing ${missing.join(' and ')} (apt-get)`, isDone: () => missing.every(isUsable), work: () => installPrograms(missing) },
  ]
}

/** On PATH, and not a package whose installation was cut short. */
function isUsable(program) {
  const shown = shownBy[program] ?? program
  const sign = typeof shown === 'function' ? shown() : shown
  if (sign.startsWith('/') ? !existsSync(sign) : find(sign) === undefined) return false
  if (find('dpkg-query') === undefined) return true
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f=${db:Status-Abbrev}', program], { encoding: 'utf8' })
  return status !== 0 || stdout.startsWith('ii') || stdout.startsWith('un')
}

/** Debian keeps the server off PATH, in a folder by its version. */
function findPostgres() {
  const folder = '/usr/lib/postgresql'
  const servers = existsSync(folder) ? readdirSync(folder).map((version) => join(folder, version, 'bin', 'postgres')) : []
  return servers.find(isExecutable) ?? join(folder, 'none')
}

async function installPrograms(programs) {
  // RUNLEVEL=1 keeps a server that comes as a package from being started.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  await run('dpkg', ['--configure', '-a'], { env })
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  await run('apt-get', [...wait, 'update'], { env })
  await run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...programs], { env })
  const missing = programs.filter((program) => !isUsable(program))
  if (missing.length > 0) throw new Error(`${missing.join(' and ')} still cannot be used after apt-get install`)
}

function find(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

// What both use.

/** Runs a command quietly, in a process group of its own; what it said is in the error if it fails. */
function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const kept = []
    child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    if (child.pid !== undefined) lock.hold(child.pid)
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => kept.push(chunk))
    child.once('error', (error) => reject(error.code === 'ENOENT' ? new Error(`${command} is not on PATH`) : error))
    child.once('close', (code, signal) => {
      child = undefined
      if (code === 0) return resolve()
      const said = Buffer.concat(kept).toString().trimEnd().split('\n')
      const lines = said.length <= 40 ? said : [...said.slice(0, 20), '...', ...said.slice(-20)]
      reject(new Error(`${command} ${args[0]} ended with ${signal ?? code}:\n${lines.map((line) => `    ${line}`).join('\n')}`))
    })
  })
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
