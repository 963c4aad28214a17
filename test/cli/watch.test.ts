/** `remit up --watch` as a process: a fault on disk is told over the API and in the log, and what is mended is in force. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
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

test('a folder that is watched while Remit runs', async (context) => {
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
    if (remit.exitCode !== null || remit.signalCode !== null) return
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
  /** As an editor saves: whoever looks meanwhile sees the file of before or the whole one. */
  const save = async (text: string) => {
    await writeFile(join(folder, 'half'), text)
    await rename(join(folder, 'half'), join(folder, 'policies', 'half.cedar'))
  }
  const health = async () => ((await (await fetch(`${url}/v1/health`)).json()) as { readonly configuration?: string }).configuration
  assert.equal(await health(), undefined)
  await save('permit (principl')
  while ((await health()) !== 'rejected') await pause(50)
  // What it says and what it answers come by different ways.
  while (!/stays out: .*policies\/half\.cedar:1:17: unexpected end of input/.test(log)) await pause(50)
  await save('@id("whole") permit (principal in Role::"bots", action == Action::"request", resource);\n')
  while ((await health()) !== undefined) await pause(50)
  remit.kill()
  await once(remit, 'close')
  assert.equal(log.split('\n').filter((line) => line.includes('stays out')).length, 1, `one alarm for one text: ${log}`)
})
