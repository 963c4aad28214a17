/** `remit up` as a process: TLS, the clear refused, master keys, and no secret where others look. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startKvServer } from '../world/kv-server.ts'

const run = promisify(execFile)
const program = fileURLToPath(new URL('../../src/main/remit.ts', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'remit-secrecy-'))
const running = new Set<ChildProcess>()
after(async () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(root, { recursive: true, maxRetries: 5 })
})
const newFolder = () => mkdtempSync(join(root, 'x-'))

interface Up {
  readonly url: string
  readonly pages: string
  readonly authority?: string
  readonly warnings: readonly string[]
  readonly gateways: readonly { readonly service: string; readonly url: string }[]
  readonly child: ChildProcess
  /** What it has written so far, to whichever of the two. */
  readonly written: () => string
  stop(): Promise<void>
}

/** Starts it; answers when it listens, or with what it wrote when it ended before. */
async function up(words: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Promise<Up | string> {
  const child = spawn(process.execPath, [program, 'up', '--port', '0', '--json', ...words], {
    env: { ...process.env, ...env },
    stdio: 'pipe',
  })
  running.add(child)
  const ended = once(child, 'close').finally(() => running.delete(child))
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  let written = ''
  child.stderr?.on('data', (chunk) => (written += String(chunk)))
  const ready = new Promise<string>((resolve) => {
    let out = ''
    child.stdout?.on('data', (chunk) => {
      written += String(chunk)
      out += String(chunk)
      if (out.includes('\n')) resolve(out)
    })
  })
  const line = await Promise.race([ready, ended.then(() => undefined)])
  if (line?.includes('"pages":') !== true) {
    await ended
    return written
  }
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  const said: Pick<Up, 'url' | 'pages' | 'authority' | 'warnings' | 'gateways'> = JSON.parse(line)
  return { ...said, child, stop, written: () => written }
}

async function started(...given: Parameters<typeof up>): Promise<Up> {
  const remit = await up(...given)
  return typeof remit === 'string' ? assert.fail(remit) : remit
}

async function refused(...given: Parameters<typeof up>): Promise<string> {
  const said = await up(...given)
  return typeof said === 'string' ? said : assert.fail('it started')
}

/** The exit code of a command, and all that it said. */
async function remit(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ readonly code: number; readonly said: string }> {
  const child = spawn(process.execPath, [program, ...words], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  await once(child, 'close')
  return { code: child.exitCode ?? -1, said }
}

const upstream = 'http://127.0.0.1:9'
const route = `{ name: look, method: GET, path: /look, effect: read }`
function configuration(credential: string): string {
  return `version: 1\nservices:\n  - name: shop\n    upstream: ${upstream}\n    environment: prod\n    credential: ${credential}\n    routes: [${route}]\n`
}

test('with the local authority: API, pages and gateways by TLS, for whoever trusts it and nobody else', async () => {
  const data = join(newFolder(), 'data')
  writeFileSync(join(root, 'plain.yaml'), configuration('{ bearer: env:SHOP }'))
  const house = await started(['--data', data, '--tls', '--name', 'remit.example', '-f', join(root, 'plain.yaml')], {
    SHOP: 'a-shop-secret',
  })
  const { url, authority = '' } = house
  const port = new URL(url).port
  assert.match(url, /^https:\/\/127\.0\.0\.1:/)
  assert.equal(house.pages, `https://remit.example:${port}`)
  assert.equal(statSync(authority).isFile(), true)
  const curl = (words: readonly string[]) => run('curl', ['-sS', '--max-time', '10', ...words]).then(({ stdout }) => stdout, String)
  assert.match(await curl(['--cacert', authority, `${url}/v1/health`]), /"status":"ok"/)
  const named = ['--cacert', authority, '--resolve', `remit.example:${port}:127.0.0.1`]
  assert.match(await curl([...named, `https://remit.example:${port}/v1/health`]), /"status":"ok"/)
  assert.match(await curl([`${url}/v1/health`]), /certificate/)
  assert.doesNotMatch(await curl([`http://127.0.0.1:${port}/v1/health`]), /status/)
  assert.match(await curl(['--tls-max', '1.1', '--cacert', authority, `${url}/v1/health`]), /rror/)
  const [gateway] = house.gateways
  assert.match(gateway?.url ?? '', /^https:/)
  assert.match(await curl(['--cacert', authority, `${gateway?.url}/look`]), /credential\.missing/)
  // The command line: unreachable without the authority, understood (and refused) with it.
  const env = { REMIT_URL: url, REMIT_SECRET: 'rmt_not-a-secret' }
  assert.equal((await remit(['whoami'], env)).code, 5)
  const [byOption, byVariable] = [
    await remit(['whoami', '--ca', authority], env),
    await remit(['whoami'], { ...env, REMIT_CA_FILE: authority }),
  ]
  assert.deepEqual([byOption.code, byVariable.code], [3, 3], `${byOption.said}${byVariable.said}`)
  assert.match((await remit(['whoami', '--ca', program], env)).said, /holds no certificate/)
  const pem = await remit(['trust', '--data', data, '--pem'])
  assert.equal(pem.said, readFileSync(authority, 'utf8').trimEnd() + '\n')
  assert.match((await remit(['trust', '--data', data])).said, /sha256 +([0-9A-F]{2}:){31}/)
  await house.stop()
  assert.match(await refused(['--data', data, '--tls', '--name', 'other.example']), /was not made for other\.example/)
})

test('a master key on the command line is refused, and not said again', async () => {
  const said = await refused(['--data', join(newFolder(), 'data'), '--master-key', 'canary-key-itself'])
  assert.match(said, /no way to give a master key/)
  assert.doesNotMatch(said, /canary/)
})

test('in the clear on purpose: it starts, and that is the first thing it says', async () => {
  const house = await started(['--data', join(newFolder(), 'data'), '--host', '0.0.0.0', '--plaintext'])
  assert.match(house.warnings[0] ?? '', /^PLAINTEXT on 0\.0\.0\.0/)
  await house.stop()
})

test('a wrong master key is found at start, and no secret is where others look', async () => {
  const folder = newFolder()
  const [data, files] = [join(folder, 'data'), join(folder, 'mounted')]
  const kv = await startKvServer()
  const canaries = ['canary-sealed', 'canary-variable', 'canary-mounted', 'canary-in-vault', 'canary-vault-token']
  kv.tokens.add('canary-vault-token')
  kv.secrets.set('shop', { token: 'canary-in-vault' })
  mkdirSync(files)
  writeFileSync(join(files, 'token'), 'canary-mounted\n')
  const services = [
    ['sealed', 'env:SEALED'],
    ['variable', 'server-env:REMIT_SECRET_SHOP'],
    ['mounted', `server-file:${files}/token`],
    ['vault', 'vault:secret/shop#token'],
  ].map(
    ([name, where]) =>
      `  - { name: ${name}, upstream: '${upstream}', environment: prod, credential: { bearer: '${where}' }, routes: [${route}] }`,
  )
  const file = join(folder, 'remit.yaml')
  writeFileSync(file, `version: 1\nservices:\n${services.join('\n')}\n`)
  const key = Buffer.from('canary-master-key-of-32-bytes-00').toString('base64')
  const secrets = {
    SEALED: 'canary-sealed',
    REMIT_SECRET_SHOP: 'canary-variable',
    VAULT_ADDR: kv.url,
    VAULT_TOKEN: 'canary-vault-token',
    MASTER: key,
  }
  const words = ['--data', data, '--secret-files', files, '--master-key', 'env:MASTER']
  const house = await started([...words, '-f', file], secrets)
  // Where the start took its time, it was asked for again.
  assert.deepEqual(new Set(kv.asked), new Set(['GET /v1/secret/data/shop -']), 'asked for before the first request')
  const answers = await Promise.all(
    ['/v1/health', '/', '/v1/services', '/oauth/jwks'].map(async (path) => (await fetch(`${house.url}${path}`)).text()),
  )
  const { stdout: processes } = await run('ps', ['-eo', 'args'])
  await house.stop()
  const kept = globSync('**/*', { cwd: data })
    .map((name) => join(data, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
  assert.ok(kept.length > 3)
  for (const canary of [...canaries, key]) {
    for (const each of [canary, Buffer.from(canary).toString('base64').replace(/=+$/, '')])
      assert.ok(![...kept, ...answers, house.written(), processes].some((text) => text.includes(each)), each)
  }
  assert.equal(globSync('keys/master*', { cwd: data }).length, 0)
  const wrong = await refused(words, { ...secrets, MASTER: Buffer.alloc(32, 1).toString('base64') })
  assert.match(wrong, /this is not the master key that this store was sealed under; start with the one that is/)
  assert.match(await refused(['--data', data]), /the data folder has no master key/)
  const again = await started(words, secrets)
  await again.stop()
  await kv.close()
})

test('a passphrase by standard input: the same one opens it, another does not', async () => {
  const data = join(newFolder(), 'data')
  const words = ['--data', data, '--master-key', 'passphrase:stdin']
  const first = await started(words, {}, 'a canary passphrase\n')
  await first.stop()
  assert.match(await refused(words, {}, 'another passphrase\n'), /the passphrase is wrong/)
  const second = await started(words, {}, 'a canary passphrase\n')
  await second.stop()
  const rotated = await remit(['rotate-key', '--data', data, '--master-key', 'passphrase:stdin', '--json'])
  assert.match(rotated.said, /gave no passphrase/)
})
