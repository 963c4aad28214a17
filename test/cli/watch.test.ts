/** `remit up --watch` as a process: a fault on disk is told over the API and in the log, and what is mended is in force. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('../../src/main/remit.ts', import.meta.url))
const yaml = `version: 1
policies: ./policies
people: [{ name: ada }]
roles: { bots: [bot] }
identities: [{ name: bot, kind: service-account, owner: ada }]
services:
  - name: shop
    upstream: http://127.0.0.1:9
    environment: prod
    impact: { data: low, service: low, safety: none }
    routes: [{ name: look, method: GET, path: /look, effect: read }]
`

test('a folder that is watched while Remit runs', { timeout: 60_000 }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'remit-up-watch-'))
  context.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await mkdir(join(folder, 'policies'))
  await writeFile(join(folder, 'remit.yaml'), yaml)
  await writeFile(
    join(folder, 'policies', 'ask.cedar'),
    '@id("bots-ask") permit (principal in Role::"bots", action == Action::"request", resource);\n',
  )
  const words = ['up', '--data', join(folder, 'data'), '--port', '0', '-f', join(folder, 'remit.yaml'), '--watch', '--demo', '--json']
  const remit = spawn(process.execPath, [entry, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  context.after(async () => {
    if (remit.exitCode !== null) return
    remit.kill()
    await once(remit, 'exit')
  })
  let told = ''
  let log = ''
  remit.stdout.setEncoding('utf8').on('data', (text: string) => (told += text))
  remit.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  while (!told.includes('\n')) {
    assert.equal(remit.exitCode, null, `it ended before it was up: ${log}`)
    await pause(20)
  }
  const { url } = JSON.parse(told) as { readonly url: string }
  const health = async () => ((await (await fetch(`${url}/v1/health`)).json()) as { readonly configuration?: string }).configuration
  assert.equal(await health(), undefined)
  await writeFile(join(folder, 'policies', 'half.cedar'), 'permit (principl')
  while ((await health()) !== 'rejected') await pause(50)
  assert.match(log, /stays out: .*policies\/half\.cedar:1:17: unexpected end of input/)
  await writeFile(
    join(folder, 'policies', 'half.cedar'),
    '@id("whole") permit (principal in Role::"bots", action == Action::"request", resource);\n',
  )
  while ((await health()) !== undefined) await pause(50)
  assert.equal(log.trim().split('\n').length, 1, 'one alarm for one text')
})
