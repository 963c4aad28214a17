/** What `npm run build` makes is what people run: its `up` takes a configuration and lets a request through, and its other commands at the machine work. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { isBuildFresh } from '../../bench/build-age.ts'
import { gather, grantFor, type RunningRemit, shopSecret, writeConfiguration } from '../../bench/remit.ts'
import { makeVkey } from '../../src/ledger/note.ts'
import { root } from '../../tools/files.ts'

const program = join(root, 'dist', 'main', 'remit.js')
const run = promisify(execFile)
let folder = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remit-build-'))
  if (!isBuildFresh()) await run(process.execPath, ['tools/build.ts'], { cwd: root })
})
after(() => rm(folder, { recursive: true, force: true }))

function start(context: TestContext, words: readonly string[]): ChildProcess {
  const env = { ...process.env, SHOP_SECRET: shopSecret }
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...words], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  context.after(() => child.kill('SIGKILL'))
  return child
}

/** The first line that it prints; fails with what it said instead. */
async function firstLine(child: ChildProcess): Promise<string> {
  let [out, err] = ['', '']
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  for await (const text of child.stdout?.setEncoding('utf8') ?? []) {
    out += String(text)
    if (out.includes('\n')) return out.slice(0, out.indexOf('\n'))
  }
  throw new Error(`it ended: ${out}${err}`)
}

async function up(context: TestContext, data: string, words: readonly string[] = []): Promise<RunningRemit> {
  const child = start(context, ['up', '--data', data, '--port', '0', '--demo', '--json', ...words])
  const ready: {
    readonly url: string
    readonly pages: string
    readonly link?: string
    readonly gateways: readonly { readonly service: string; readonly url: string }[]
  } = JSON.parse(await firstLine(child))
  assert.ok(Array.isArray(ready.gateways), JSON.stringify(ready))
  const gateways = Object.fromEntries(ready.gateways.map(({ service, url }) => [service, url]))
  const stop = async () => {
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
  }
  return { url: ready.url, pages: ready.pages, link: ready.link ?? '', gateways, process: child, milliseconds: 0, stop }
}

async function command(...words: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...words])
  return stdout
}

test('the build serves a configuration, is backed up while it runs, and is restored; keys are replaced, a witness answers', async (context) => {
  const upstream = createServer((request, response) => response.end(`${request.method} ${request.headers.authorization}`))
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  context.after(() => upstream.close())
  const address = upstream.address()
  const shop = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  const data = join(folder, 'data')
  const configuration = await writeConfiguration(join(folder, 'configuration'), { shop, feed: shop })

  const first = await up(context, data, ['-f', configuration])
  const { token } = await grantFor(await gather(first), ['read:shop'])
  const answer = await fetch(`${first.gateways['shop']}/items/1`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(await answer.text(), `GET Bearer ${shopSecret}`)
  await command('backup', '--data', data, '--out', join(folder, 'backup'))
  await first.stop()

  const restored = join(folder, 'restored')
  await cp(join(data, 'keys'), join(restored, 'keys'), { recursive: true })
  await command('rotate-key', '--data', data)
  const tls = await up(context, data, ['--tls'])
  assert.match(tls.url, /^https:/)
  await tls.stop()
  assert.match(await command('trust', '--data', data, '--pem'), /^-----BEGIN CERTIFICATE-----/)

  await command('restore', '--data', restored, '--from', join(folder, 'backup'))
  const again = await up(context, restored)
  const refused = await fetch(`${again.gateways['shop']}/items/1`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(refused.status, 401, 'what was permitted before the restore has ended')
  await again.stop()

  const log = makeVkey('remit.local/main/ledger', randomBytes(32))
  const witness = start(context, ['witness', '--state', join(folder, 'witness'), '--port', '0', '--json', '--origin-key', log])
  assert.match(await firstLine(witness), /http:\/\/127\.0\.0\.1:\d+/)
})
