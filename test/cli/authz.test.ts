/** `remit up --authz` as a process: it says where proxies ask, answers only those that were named, and not in the clear by mistake. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { wholeBody } from '../wire/upstreams.ts'

const program = fileURLToPath(new URL('../../src/main/remit.ts', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'remit-authz-'))
const running = new Set<ChildProcess>()
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(root, { recursive: true, maxRetries: 5 })
})

const file = join(root, 'remit.yaml')
writeFileSync(
  file,
  `version: 1
services:
  - name: stall
    upstream: http://127.0.0.1:9
    enforcedBy: proxy
    environment: prod
    routes: [{ name: list, method: GET, path: /items, effect: read }]
`,
)

interface Started {
  readonly said: string
  /** The line of JSON, once it listens. */
  readonly ready: { readonly authz?: string; readonly gateways?: readonly unknown[] } | undefined
  stop(): Promise<void>
}

async function up(...words: readonly string[]): Promise<Started> {
  const data = mkdtempSync(join(root, 'data-'))
  const child = spawn(process.execPath, [program, 'up', '--port', '0', '--json', '--data', data, '-f', file, ...words])
  running.add(child)
  const ended = once(child, 'close').finally(() => running.delete(child))
  let said = ''
  const line = new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk) => {
      said += String(chunk)
      if (said.includes('\n')) resolve(said)
    })
  })
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const ready = await Promise.race([line, ended.then(() => undefined)])
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  if (ready?.includes('"pages":') === true) return { said, ready: JSON.parse(ready), stop }
  // Whoever refuses to start also ends.
  await ended
  return { said, ready: undefined, stop }
}

async function ask(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers }, (answer) => {
      void wholeBody(answer).then((body) => resolve(`${answer.statusCode} ${body}`), reject)
    })
    sent.on('error', reject).end()
  })
}

test('it says where proxies ask, and answers there', async () => {
  const remit = await up('--authz', '127.0.0.1:0')
  const { authz = '', gateways } = remit.ready ?? assert.fail(remit.said)
  assert.match(authz, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.deepEqual(gateways, [], 'no port of its own for what a proxy enforces')
  assert.match(await ask(`${authz}/ext-authz/stall/items`, { 'x-real-ip': '127.0.0.1' }), /^401 .*credential\.missing/)
  assert.match(await ask(`${authz}/v1/health`, {}), /^403 .*method\.unknown/)
  await remit.stop()
})

test('only those that were named are answered', async () => {
  const remit = await up('--authz', '0', '--authz-proxies', '10.1.0.0/16', '--authz-proxies', '192.0.2.7')
  const { authz = '' } = remit.ready ?? assert.fail(remit.said)
  assert.match(await ask(`${authz}/ext-authz/stall/items`, { 'x-real-ip': '127.0.0.1' }), /^403 .*proxy\.unknown/)
  await remit.stop()
})

test('what cannot be meant is refused before anything listens', async () => {
  const rows: readonly (readonly [words: readonly string[], says: RegExp])[] = [
    [['--authz', '0.0.0.0:0'], /tokens and secrets would cross the network unencrypted/],
    [['--authz', '0', '--authz-proxies', 'proxy.example'], /--authz-proxies: .*proxy\.example.* is no address and no network/],
    [['--authz-proxies', '10.0.0.1'], /there is no port for proxies/],
    [['--authz', '99999'], /a port is a number from 0 to 65535/],
  ]
  for (const [words, says] of rows) {
    const { ready, said } = await up(...words)
    assert.equal(ready, undefined, words.join(' '))
    assert.match(said, says)
  }
})
