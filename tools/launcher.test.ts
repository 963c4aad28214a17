import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { root } from './files.ts'

// A copy of the launcher in front of a program that tells what it was given.
const folder = mkdtempSync(join(tmpdir(), 'remit launcher-'))
const place = (...names: string[]) => join(folder, ...names)
const program = (name: string) => `
console.log(JSON.stringify({ name: '${name}', args: process.argv.slice(2), cwd: process.cwd(), node: process.execPath }))
if (process.argv[2] === 'wait') setInterval(() => {}, 1000)
else process.exitCode = Number(process.argv[3] ?? 0)
`

before(() => {
  for (const path of [
    'repo/bin',
    'repo/src/main',
    'repo/dist/main',
    'repo/node_modules',
    'repo/tools/runtime/node_modules/.bin',
    'package/bin',
    'package/dist/main',
    'old',
    'links',
    'elsewhere',
  ]) {
    mkdirSync(place(path), { recursive: true })
  }
  for (const home of ['repo', 'package']) {
    cpSync(join(root, 'bin'), place(home, 'bin'), { recursive: true })
    writeFileSync(place(home, 'dist', 'main', 'remit.js'), program(`${home} dist`))
    writeFileSync(place(home, 'package.json'), '{ "type": "module" }')
  }
  writeFileSync(place('repo/src/main/remit.ts'), program('repo source'))
  for (const home of ['repo', 'repo/tools/runtime']) {
    writeFileSync(place(home, 'package-lock.json'), '{}')
    writeFileSync(place(home, 'node_modules', '.remit-setup'), '')
  }
  symlinkSync(process.execPath, place('repo/tools/runtime/node_modules/.bin/node'))
  // What an old system answers; the launcher asks for the version and nothing else.
  writeFileSync(place('old', 'node'), '#!/bin/sh\necho v20.19.0\n')
  chmodSync(place('old', 'node'), 0o755)
  symlinkSync('../repo/bin/remit', place('links', 'first'))
  symlinkSync(place('links', 'first'), place('links', 'remit'))
})

after(() => rmSync(folder, { recursive: true, force: true }))

function launch(file: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const path = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`
  const child = spawn(file, args, {
    cwd: place('elsewhere'),
    env: { ...process.env, PATH: path, REMIT_BUILT: '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const ended = new Promise<{ code: number | null; signal: string | null; out: string }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, out })),
  )
  return { child, ended }
}

test('runs the source in a checkout, where it was called, with its arguments and exit code', async () => {
  const { code, out } = await launch(place('repo/bin/remit'), ['a b', '3', '--flag=*', '']).ended
  const { name, args, cwd } = JSON.parse(out)
  assert.deepEqual({ code, name, args, cwd }, { code: 3, name: 'repo source', args: ['a b', '3', '--flag=*', ''], cwd: place('elsewhere') })
})

test('finds itself through links', async () => {
  assert.equal(JSON.parse((await launch(place('links/remit'), []).ended).out).name, 'repo source')
})

test('keeps what was compiled beside the program, and nowhere else', async () => {
  await launch(place('repo/bin/remit'), [], { NODE_COMPILE_CACHE: undefined, TMPDIR: place('elsewhere') }).ended
  assert.ok(existsSync(place('repo/node_modules/.cache/compiled')))
  assert.deepEqual(readdirSync(place('elsewhere')), [])
})

test('runs what was built when told to, and where there is no source', async () => {
  assert.equal(JSON.parse((await launch(place('repo/bin/remit'), [], { REMIT_BUILT: '1' }).ended).out).name, 'repo dist')
  assert.equal(JSON.parse((await launch(place('package/bin/remit'), []).ended).out).name, 'package dist')
})

test('takes its own Node where the one on PATH is too old', async () => {
  const { code, out } = await launch(place('repo/bin/remit'), [], { PATH: `${place('old')}${delimiter}/usr/bin${delimiter}/bin` }).ended
  assert.equal(code, 0)
  assert.equal(JSON.parse(out).name, 'repo source')
})

test('becomes the program: a signal to the launcher is one to Remit', async () => {
  const { child, ended } = launch(place('repo/bin/remit'), ['wait'])
  await new Promise((resolve) => child.stdout.once('data', resolve))
  child.kill('SIGTERM')
  assert.equal((await ended).signal, 'SIGTERM')
})
