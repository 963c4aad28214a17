import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ContractServer, instant, now, whoami } from '../../test/cli/contract-server.ts'
import { tryCli } from '../../test/cli/try-cli.ts'
import { loginPath, writeLogin } from './stored-login.ts'

let server: ContractServer
const folder = mkdtempSync(join(tmpdir(), 'remit-connect-'))

before(async () => {
  server = await ContractServer.open()
})
after(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

const config = (name: string) => ({ XDG_CONFIG_HOME: join(folder, name) })
const login = () => ({ url: server.url, token: 'stored-token', expiresAt: instant(60_000), name: 'alice' })

const usage = [
  { says: 'nothing to sign in with', env: {}, message: /there is nothing to sign in with[\s\S]*remit login/ },
  { says: 'two credentials', env: { REMIT_SECRET: 'a', REMIT_TOKEN: 'b' }, message: /REMIT_SECRET and REMIT_TOKEN are set/ },
  { says: 'no URL', env: { REMIT_SECRET: 'a' }, message: /not known where Remit is/ },
  { says: 'a URL of another kind', env: { REMIT_SECRET: 'a', REMIT_URL: 'file:///etc' }, message: /not the URL of a Remit/ },
  { says: 'a URL with a password', env: { REMIT_SECRET: 'a', REMIT_URL: 'https://u:p@remit.example' }, message: /not the URL of a Remit/ },
  { says: 'a secret over plain http', env: { REMIT_SECRET: 'a', REMIT_URL: 'http://remit.example' }, message: /unencrypted/ },
  {
    says: 'a file that is not there',
    env: { REMIT_SECRET_FILE: join(folder, 'none'), REMIT_URL: 'https://remit.example' },
    message: /REMIT_SECRET_FILE names cannot be read/,
  },
]

for (const { says, env, message } of usage) {
  test(`${says} is a mistake in usage`, async () => {
    const { exitCode, err } = await tryCli(['whoami'], { env: { ...config('none'), ...env } })
    assert.equal(exitCode, 2)
    assert.match(err, message)
  })
}

test('a secret and a JWT are read from files', async () => {
  const path = join(folder, 'proof')
  writeFileSync(path, 'from-a-file\n')
  for (const name of ['REMIT_SECRET_FILE', 'REMIT_JWT_FILE']) {
    const { exitCode } = await tryCli(['whoami'], { env: { [name]: path, REMIT_URL: server.url } })
    assert.equal(exitCode, 0)
    const form = server.calls('POST /oauth/token').at(-1)?.body as { readonly subject_token: string } | undefined
    assert.equal(form?.subject_token, 'from-a-file')
  }
})

test('a sign-in is kept for its owner alone, used, and forgotten', async () => {
  const env = config('kept')
  await writeLogin(env, login())
  assert.equal(statSync(loginPath(env)).mode & 0o777, 0o600)
  assert.equal((await tryCli(['whoami'], { env })).exitCode, 0)
  assert.equal(server.calls('GET /v1/whoami').at(-1)?.token, 'stored-token')
  assert.equal((await tryCli(['logout'], { env })).out, 'signed out\n')
  assert.equal((await tryCli(['logout'], { env })).out, 'there was no sign-in\n')
  assert.equal((await tryCli(['whoami'], { env })).exitCode, 2)
})

const spoilt = [
  { says: 'that others may read', spoil: (path: string) => chmodSync(path, 0o640), message: /can be read by others/ },
  { says: 'that is not one', spoil: (path: string) => writeFileSync(path, '{"url":1}'), message: /not a sign-in/ },
]

for (const { says, spoil, message } of spoilt) {
  test(`a sign-in ${says} is not used`, async () => {
    const env = config(`spoilt ${says}`)
    await writeLogin(env, login())
    spoil(loginPath(env))
    const calls = server.received.length
    const { exitCode, err } = await tryCli(['whoami'], { env })
    assert.equal(exitCode, 1)
    assert.match(err, message)
    assert.equal(server.received.length, calls)
  })
}

test('a sign-in goes to the Remit that gave it and to no other', async () => {
  const env = config('elsewhere')
  await writeLogin(env, login())
  const { exitCode, err } = await tryCli(['whoami', '--url', 'https://another.example'], { env })
  assert.equal(exitCode, 2)
  assert.match(err, /you are signed in at .*, not at https:\/\/another\.example/)
  assert.equal((await tryCli(['whoami', '--url', server.url], { env })).exitCode, 0)
})

test('a sign-in that has ended says so', async () => {
  const env = config('ended')
  await writeLogin(env, { ...login(), expiresAt: new Date(now).toISOString() })
  const { exitCode, err } = await tryCli(['whoami'], { env })
  assert.equal(exitCode, 3)
  assert.match(err, /your sign-in has ended\n {2}next {2}remit login/)
})

test('login shows the page and the code, waits as it is told, and keeps what it gets', async () => {
  const env = { ...config('login'), REMIT_URL: server.url }
  const device = {
    device_code: 'd',
    user_code: 'BCDF-GHJK',
    verification_uri: 'http://p/device',
    verification_uri_complete: 'http://p/device?code=BCDF-GHJK',
    expires_in: 600,
    interval: 0.01,
  }
  server.on('POST /oauth/device_authorization', () => ({ status: 200, body: device }))
  const answers = ['authorization_pending', 'authorization_pending', undefined]
  server.on('POST /oauth/token', ({ body }) => {
    assert.deepEqual(body, { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'd' })
    const error = answers.shift()
    return error === undefined
      ? { status: 200, body: { access_token: 'alices', expires_in: 3600 } }
      : { status: 400, body: { error, error_description: 'wait' } }
  })
  server.on('GET /v1/whoami', () => ({ status: 200, body: { ...whoami, identity: { ...whoami.identity, name: 'alice' } } }))
  const { exitCode, out, err } = await tryCli(['login'], { env })
  assert.equal(exitCode, 0, err)
  assert.match(err, /http:\/\/p\/device\?code=BCDF-GHJK[\s\S]*the code is BCDF-GHJK/)
  assert.match(out, /^signed in as alice until/)
  assert.doesNotMatch(out + err, /alices/)
  assert.equal((await tryCli(['whoami'], { env: config('login') })).exitCode, 0)
  assert.equal(server.calls('GET /v1/whoami').at(-1)?.token, 'alices')
})

test('a sign-in that was refused on the page is a refusal', async () => {
  server.on('POST /oauth/token', () => ({ status: 400, body: { error: 'access_denied', error_description: 'alice said no' } }))
  const { exitCode, err } = await tryCli(['login'], { env: { ...config('refused'), REMIT_URL: server.url } })
  assert.equal(exitCode, 3)
  assert.match(err, /refused: alice said no/)
})
