import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { TestClock } from '../../test/world/clock.ts'
import { type KvServer, startKvServer, until } from '../../test/world/kv-server.ts'
import { reveal } from '../kernel/secret.ts'
import { makeSecretReader, takeSecretVariables } from './secret-readers.ts'
import { type HostSecretSource, makeSecretSource, type SecretReader } from './secret-source.ts'
import { makeVaultReader, takeVaultOptions } from './secret-vault.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-secrets-'))
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
after(() => rmSync(folder, { recursive: true }))

interface Stage {
  readonly clock: TestClock
  readonly source: HostSecretSource
  /** What the operator was told. */
  readonly lines: string[]
}

function openSource(reader: SecretReader, clock = new TestClock()): Stage {
  const lines: string[] = []
  const source = makeSecretSource({ clock, reader, log: { warn: (says, facts) => lines.push(JSON.stringify({ says, ...facts })) } })
  closing.push(() => source.close())
  return { clock, source, lines }
}

async function openKv(): Promise<KvServer> {
  const kv = await startKvServer()
  closing.push(() => kv.close())
  return kv
}

async function vaultStage(
  env: Readonly<Record<string, string>> = { VAULT_TOKEN: 'root-token' },
): Promise<Stage & { readonly kv: KvServer }> {
  const kv = await openKv()
  const clock = new TestClock()
  const options = await takeVaultOptions({ VAULT_ADDR: kv.url, ...env }, clock)
  if (options === undefined || typeof options === 'string') return assert.fail(options ?? 'no Vault')
  return { kv, ...openSource(makeSecretReader({ folders: [], variables: new Map(), vault: makeVaultReader(options) }), clock) }
}

/** The value, or the code of the refusal. */
function now(source: HostSecretSource, reference: string): string {
  const found = source.current(reference)
  return found.ok ? reveal(found.value) : found.refusal.code
}

const shop = 'vault:secret/shop/prod#token'
const unavailable = 'upstream.secret-unavailable'

test('a secret in Vault is read by mount, path and field, and what was rotated there is picked up', async () => {
  const { kv, source, clock } = await vaultStage({ VAULT_TOKEN: 'root-token', VAULT_NAMESPACE: 'team/a' })
  kv.secrets.set('shop/prod', { token: 'first', other: 'x' })
  source.follow('main/http', [shop])
  assert.equal(now(source, shop), unavailable, 'nothing is known yet, and nobody waits')
  await source.settled(5_000)
  assert.equal(now(source, shop), 'first')
  assert.deepEqual(kv.asked, ['GET /v1/secret/data/shop/prod team/a'])
  kv.secrets.set('shop/prod', { token: 'second' })
  clock.advance(20_000)
  await until('the second is there', () => now(source, shop) === 'second')
})

test('an unreachable Vault: the last value for a minute from when it was asked for, then a refusal, and recovery by itself', async () => {
  const { kv, source, clock, lines } = await vaultStage()
  kv.secrets.set('shop/prod', { token: 'first' })
  source.follow('main/http', [shop])
  await source.settled(5_000)
  kv.fault.status = 503
  for (let second = 1; second < 60; second += 1) {
    clock.advance(1_000)
    await source.settled(5_000)
    assert.equal(now(source, shop), 'first', `after ${second} s`)
  }
  clock.advance(1_000)
  assert.equal(now(source, shop), unavailable, 'after a minute')
  assert.ok(kv.asked.length < 20, `${kv.asked.length} questions: it asks less and less often`)
  assert.equal(lines.length, 1, 'and is told once')
  delete kv.fault.status
  clock.advance(20_000)
  await until('it is there again', () => now(source, shop) === 'first')
})

const definite: readonly (readonly [says: string, change: (kv: KvServer) => void, why: RegExp])[] = [
  ['is gone', (kv) => kv.secrets.delete('shop/prod'), /nothing there/],
  ['has its version deleted', (kv) => kv.secrets.set('shop/prod', null), /deleted/],
  ['may not be read any more', (kv) => kv.tokens.clear(), /does not let/],
  ['has lost the field', (kv) => kv.secrets.set('shop/prod', { other: 'x' }), /no such field/],
  ['is no text any more', (kv) => kv.secrets.set('shop/prod', { token: { a: 1 } }), /no text/],
  ['would break the header', (kv) => kv.secrets.set('shop/prod', { token: 'canary-1\r\nX-Admin: 1' }), /no header carries/],
]
for (const [says, change, why] of definite)
  test(`what ${says} is refused at once, whatever was known`, async () => {
    const { kv, source, clock, lines } = await vaultStage()
    kv.secrets.set('shop/prod', { token: 'canary-0' })
    source.follow('main/http', [shop])
    await source.settled(5_000)
    assert.equal(now(source, shop), 'canary-0')
    change(kv)
    clock.advance(20_000)
    await until('it is refused', () => now(source, shop) === unavailable)
    assert.match(lines.join('\n'), why)
    assert.doesNotMatch(lines.join('\n'), /canary|root-token/)
  })

const faults: readonly (readonly [says: string, change: (kv: KvServer) => void])[] = [
  ['answers what is no JSON', (kv) => Object.assign(kv.fault, { status: 200, body: 'canary-2' })],
  ['answers as another engine does', (kv) => Object.assign(kv.fault, { status: 200, body: '{"data":{"token":"canary-2"}}' })],
  ['redirects', (kv) => Object.assign(kv.fault, { status: 307, body: '' })],
  ['answers without end', (kv) => Object.assign(kv.fault, { status: 200, body: `"${'x'.repeat(2_000_000)}"` })],
]
for (const [says, change] of faults)
  test(`a Vault that ${says} gives nothing`, async () => {
    const { kv, source, lines } = await vaultStage()
    change(kv)
    source.follow('main/http', [shop])
    await source.settled(5_000)
    assert.equal(now(source, shop), unavailable)
    assert.equal(lines.length, 1)
    assert.doesNotMatch(lines.join('\n'), /canary|root-token/)
  })

test('a shorter lease is kept to', async () => {
  const { kv, source, clock } = await vaultStage()
  kv.fault.leaseSeconds = 5
  kv.secrets.set('shop/prod', { token: 'first' })
  source.follow('main/http', [shop])
  await source.settled(5_000)
  clock.advance(4_999)
  assert.equal(now(source, shop), 'first')
  clock.advance(1)
  assert.equal(now(source, shop), unavailable)
})

test('with AppRole it signs in once, and again when its token has ended early or is old', async () => {
  const { kv, source, clock } = await vaultStage({ VAULT_ROLE_ID: 'remit', VAULT_SECRET_ID: 'role-secret' })
  const signIns = () => kv.asked.filter((each) => each.includes('/login')).length
  kv.secrets.set('shop/prod', { token: 'first' })
  source.follow('main/http', [shop])
  await source.settled(5_000)
  assert.deepEqual([now(source, shop), signIns()], ['first', 1])
  clock.advance(20_000)
  await source.settled(5_000)
  assert.equal(signIns(), 1)
  kv.tokens.clear()
  kv.secrets.set('shop/prod', { token: 'second' })
  clock.advance(20_000)
  await until('the second is there', () => now(source, shop) === 'second')
  assert.equal(signIns(), 2)
})

test('a role that is refused gives nothing and tells no secret', async () => {
  const { source, lines } = await vaultStage({ VAULT_ROLE_ID: 'remit', VAULT_SECRET_ID: 'canary-wrong' })
  source.follow('main/http', [shop])
  await source.settled(5_000)
  assert.equal(now(source, shop), unavailable)
  assert.match(lines.join(), /did not let this Remit sign in \(400\)/)
  assert.doesNotMatch(lines.join(), /canary/)
})

test('what nobody follows any more is forgotten and asked for no more', async () => {
  const { kv, source, clock } = await vaultStage()
  kv.secrets.set('shop/prod', { token: 'first' })
  source.follow('main/http', [shop])
  source.follow('plant/http', [shop])
  await source.settled(5_000)
  source.follow('main/http', [])
  assert.equal(now(source, shop), 'first', 'the other still follows it')
  source.follow('plant/http', [])
  assert.equal(now(source, shop), unavailable)
  const asked = kv.asked.length
  clock.advance(600_000)
  await source.settled(100)
  assert.equal(kv.asked.length, asked)
})

function selfSigned(name: string): { readonly cert: string; readonly key: string; readonly path: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)]
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync(
    'openssl',
    [...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout'.split(' '), key, '-out', cert, ...subject],
    {
      stdio: 'ignore',
    },
  )
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), path: cert }
}

test('the certificate of Vault is verified', async () => {
  const own = selfSigned('vault')
  const other = selfSigned('other')
  const kv = await startKvServer(own)
  closing.push(() => kv.close())
  kv.secrets.set('shop/prod', { token: 'first' })
  for (const [ca, want] of [
    [own.path, 'first'],
    [other.path, unavailable],
    [undefined, unavailable],
  ] as const) {
    const clock = new TestClock()
    const options = await takeVaultOptions(
      { VAULT_ADDR: kv.url, VAULT_TOKEN: 'root-token', ...(ca === undefined ? {} : { VAULT_CACERT: ca }) },
      clock,
    )
    if (options === undefined || typeof options === 'string') return assert.fail(options ?? 'no Vault')
    const { source } = openSource(makeVaultReader(options), clock)
    source.follow('main/http', [shop])
    await source.settled(5_000)
    await until(`with ${ca ?? 'no'} authority it is ${want}`, () => now(source, shop) === want)
  }
  assert.equal(kv.asked.length, 1, 'to a stranger no token was shown')
})

const addresses: readonly (readonly [env: Readonly<Record<string, string>>, want: RegExp])[] = [
  [{ VAULT_ADDR: 'http://vault.example:8200', VAULT_TOKEN: 'x' }, /plain http only on this machine/],
  [{ VAULT_ADDR: 'vault.example', VAULT_TOKEN: 'x' }, /VAULT_ADDR is not taken/],
  [{ VAULT_ADDR: 'https://vault.example/ui', VAULT_TOKEN: 'x' }, /VAULT_ADDR is not taken/],
  [{ VAULT_ADDR: 'https://vault.example' }, /nothing to sign in with/],
  [{ VAULT_ADDR: 'https://vault.example', VAULT_TOKEN: 'x', VAULT_CACERT: '/nowhere.pem' }, /VAULT_CACERT/],
]
for (const [env, want] of addresses)
  test(`${JSON.stringify(env)} is refused at start`, async () => {
    const options = await takeVaultOptions({ ...env }, new TestClock())
    assert.match(typeof options === 'string' ? options : 'taken', want)
  })

test('what holds a secret is taken out of the environment', async () => {
  const env: NodeJS.ProcessEnv = {
    REMIT_SECRET_SHOP: 'a',
    REMIT_SECRET_FILE: '/x',
    REMIT_SECRET: 'y',
    OTHER: 'c',
    NAMED: 'b',
    VAULT_ADDR: 'https://vault.example',
    VAULT_TOKEN: 't',
    VAULT_SECRET_ID: 's',
  }
  const taken = takeSecretVariables(env, ['NAMED'])
  await takeVaultOptions(env, new TestClock())
  assert.deepEqual(Object.keys(env), ['REMIT_SECRET_FILE', 'REMIT_SECRET', 'OTHER', 'VAULT_ADDR'])
  const { source } = openSource(makeSecretReader({ folders: [], variables: taken }))
  source.follow('main/http', ['server-env:REMIT_SECRET_SHOP', 'server-env:NAMED', 'server-env:OTHER', 'server-env:PATH'])
  await source.settled(5_000)
  assert.deepEqual(
    ['REMIT_SECRET_SHOP', 'NAMED', 'OTHER', 'PATH'].map((name) => now(source, `server-env:${name}`)),
    ['a', 'b', unavailable, unavailable],
  )
})

test('a file is read below an opened folder alone, wherever links and dots would lead', async () => {
  const opened = join(folder, 'opened')
  const beside = join(folder, 'opened-beside')
  for (const each of [join(opened, '..v1'), beside]) mkdirSync(each, { recursive: true })
  writeFileSync(join(opened, '..v1', 'token'), 'mounted\n')
  symlinkSync('..v1', join(opened, '..data'))
  symlinkSync('..data/token', join(opened, 'token'))
  writeFileSync(join(beside, 'token'), 'outside')
  symlinkSync(join(beside, 'token'), join(opened, 'leads-out'))
  mkdirSync(join(opened, 'folder'))
  execFileSync('mkfifo', [join(opened, 'pipe')])
  writeFileSync(join(opened, 'large'), 'x'.repeat(20_000))
  const { source, clock, lines } = openSource(makeSecretReader({ folders: [opened], variables: new Map() }))
  const wanted: readonly (readonly [string, string])[] = [
    [`server-file:${opened}/token`, 'mounted'],
    [`server-file:${opened}/leads-out`, unavailable],
    [`server-file:${beside}/token`, unavailable],
    [`server-file:${opened}/missing`, unavailable],
    [`server-file:${opened}/folder`, unavailable],
    [`server-file:${opened}/pipe`, unavailable],
    [`server-file:${opened}/large`, unavailable],
    [`server-file:${opened}`, unavailable],
    ['server-file:/etc/hostname', unavailable],
  ]
  source.follow(
    'main/http',
    wanted.map(([reference]) => reference),
  )
  await source.settled(5_000)
  for (const [reference, want] of wanted) assert.equal(now(source, reference), want, reference)
  assert.doesNotMatch(lines.join('\n'), /outside"|mounted/)
  // As an orchestrator replaces a mounted secret: a new folder, and the link turned to it in one step.
  mkdirSync(join(opened, '..v2'))
  writeFileSync(join(opened, '..v2', 'token'), 'rotated')
  symlinkSync('..v2', join(opened, '..data-next'))
  renameSync(join(opened, '..data-next'), join(opened, '..data'))
  clock.advance(2_000)
  await until('the new one is there', () => now(source, `server-file:${opened}/token`) === 'rotated')
})

test('no folder opened, no file read', async () => {
  const path = join(folder, 'plain')
  writeFileSync(path, 'canary')
  chmodSync(path, 0o644)
  const { source } = openSource(makeSecretReader({ folders: [], variables: new Map() }))
  source.follow('main/http', [`server-file:${path}`])
  await source.settled(5_000)
  assert.equal(now(source, `server-file:${path}`), unavailable)
})
