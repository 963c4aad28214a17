/**
 * Runs the tests, all or those whose path holds one of the words given: `npm test -- src/kernel ledger`.
 *
 * All of them: those that leave their process as it was share one with their neighbours. Asked for by a word, each file has its own.
 * `--only NAME` runs the tests whose name matches. A run that found no test has failed, and so has one that stands still.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { root } from './files.ts'
import { groupsOf } from './test-groups.ts'

/** Ten times what the longest takes on two idle cores. A test sets none of its own: a machine that is slow is no fault of the product. */
const testMsMax = 600_000
/** Longer than any one test may take: what is silent for so long has left something open. */
const silentMsMax = 660_000
/** Of memory, beside what the tests themselves take. */
const roomBytesMin = 4_000_000_000
/** Those that take longest begin first, so that none of them is what everybody waits for at the end. */
const longFirst = [
  'test/cli/gateways.',
  'test/chaos/two-nodes.',
  'test/docs/',
  'test/contract/',
  'test/e2e/',
  'test/sim/',
  'test/cli/',
  'test/chaos/',
  'test/laws/',
  'test/',
  'tools/setup.',
]
const patterns = ['src/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts', 'demo/**/*.test.ts']

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
const files = globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] })
  .filter((file) => positionals.length === 0 || positionals.some((word) => file.includes(word.replace(/^\.\//, ''))))
  .sort()

if (files.length === 0) {
  console.error(`no test file matches ${positionals.join(' ') || patterns.join(' ')}`)
  process.exitCode = 1
} else {
  runFiles()
}

/** By the first of them; a group takes as long as its folder's longest. */
function rankOf(together: readonly string[]): number {
  const rank = longFirst.findIndex((start) => together[0]?.startsWith(start))
  return rank >= 0 ? rank : longFirst.length + (together.length > 1 ? 0 : 1)
}

/**
 * Where there is room enough, what tests write stays in memory: thousands of times they would wait until a disk has it, and by chance for
 * long. No test cuts the power, and a process that is killed leaves the same behind on either.
 */
function keepFilesInMemory() {
  const memory = '/dev/shm'
  if (!existsSync(memory) || process.env['TMPDIR'] !== undefined) return
  const { bavail, bsize } = statfsSync(memory)
  if (Math.min(bavail * bsize, process.availableMemory() / 2) < roomBytesMin) return
  const folder = mkdtempSync(join(memory, 'remit-tests-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  // Tests start programs that they wrote, which some systems do not let be started from there.
  const program = join(folder, 'tried')
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 })
  if (spawnSync(program).status !== 0) return
  // Like the system's own: programs that tests start as other users have files there too.
  chmodSync(folder, 0o1777)
  process.env['TMPDIR'] = folder
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
}

/** What the runner is given for each process, and which files that is. */
function entriesOf(): Map<string, readonly string[]> {
  if (positionals.length > 0) return new Map(inOrder(files.map((file) => [join(root, file), [file]])))
  const folder = join(root, 'node_modules', '.cache', `tests-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const groups = groupsOf(files, (file) => readFileSync(join(root, file), 'utf8'))
  return new Map(
    inOrder(
      groups.map(({ name, files: together }) => {
        if (together.length === 1) return [join(root, ...together), together]
        const entry = join(folder, `${name}.mjs`)
        // Written out as imports: all tests are known before the first of them begins.
        writeFileSync(entry, together.map((file) => `import ${JSON.stringify(pathToFileURL(join(root, file)).href)}\n`).join(''))
        return [entry, together]
      }),
    ),
  )
}

function inOrder(entries: (readonly [entry: string, files: readonly string[]])[]): (readonly [entry: string, files: readonly string[]])[] {
  return entries.sort(([, one], [, other]) => rankOf(one) - rankOf(other))
}

function runFiles() {
  keepFilesInMemory()
  const entries = entriesOf()
  // Tests start hundreds of processes of the same sources: what the first of them has compiled the others only read.
  process.env['NODE_COMPILE_CACHE'] ??= join(root, 'node_modules', '.cache', 'compiled')
  const stopped = new AbortController()
  const open = new Set(entries.keys())
  let count = 0
  const stopAll = () => {
    console.error(
      `nothing happened for ${silentMsMax / 1000} s; these have not ended:\n${[...open].map((entry) => `  ${entries.get(entry)?.join(' ') ?? ''}`).join('\n')}`,
    )
    process.exitCode = 1
    stopped.abort()
  }
  let silence = setTimeout(stopAll, silentMsMax)
  const tests = run({
    cwd: root,
    files: [...entries.keys()],
    // More than there are cores: much of a test's time is spent waiting for leases, sockets, disks and processes.
    concurrency: availableParallelism() + 2,
    timeout: testMsMax,
    signal: stopped.signal,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    ...(values.only === undefined ? {} : { testNamePatterns: new RegExp(values.only) }),
  })
  tests.on('data', () => {
    clearTimeout(silence)
    silence = setTimeout(stopAll, silentMsMax)
  })
  tests.on('test:fail', () => {
    process.exitCode = 1
  })
  tests.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) open.delete(file)
    else count = counts.tests
  })
  tests.on('close', () => clearTimeout(silence))
  tests.compose(new spec()).pipe(process.stdout)
  process.on('exit', () => {
    clearTimeout(silence)
    if (count > 0) return
    console.error(`${files.length} test files, and not one test in them`)
    process.exitCode = 1
  })
}
