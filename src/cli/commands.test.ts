import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { grantId, instant, pendingGrant, refusal, ContractServer } from '../../test/cli/contract-server.ts'
import { ok, rows } from '../../test/cli/command-rows.ts'
import { type Conditions, tryCli } from '../../test/cli/try-cli.ts'

let server: ContractServer
const folder = mkdtempSync(join(tmpdir(), 'remit-cli-'))

beforeEach(async () => {
  server = await ContractServer.open()
})
afterEach(() => server.close())
after(() => rmSync(folder, { recursive: true }))

function attempt(words: string, more: Conditions = {}) {
  const split = [...words.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  return tryCli(split, { ...more, env: { REMIT_URL: server.url, REMIT_SECRET: 'rmt_secret', ...more.env } })
}

for (const { line, calls, query, body, answer, exitCode = 0, says } of rows) {
  test(`remit ${line.split(' ')[0]}: asks ${calls} and says so`, async () => {
    if (answer !== undefined) server.on(calls, ok(answer))
    const tried = await attempt(line)
    assert.equal(tried.exitCode, exitCode, tried.err)
    const [called, ...further] = server.calls(calls)
    assert.equal(further.length, 0)
    if (query !== undefined) assert.deepEqual(called?.query, query)
    if (body !== undefined) assert.deepEqual(called?.body, body)
    assert.match(tried.out, says)
    const inJson = await attempt(`${line} --json`)
    assert.equal(inJson.exitCode, exitCode, inJson.err)
    assert.equal(typeof JSON.parse(inJson.out), 'object')
    assert.equal(inJson.out.split('\n').length, 2)
  })
}

const refusals = [
  { says: 'a refusal is 3', answer: refusal('request.not-eligible', 403), exitCode: 3 },
  { says: 'a held action is 4', answer: refusal('action.held', 403), exitCode: 4 },
  { says: 'a fault over there is 1', answer: refusal('internal', 500), exitCode: 1 },
  { says: 'a Remit that cannot answer is 5', answer: refusal('control.unreachable', 503), exitCode: 5 },
  { says: 'what is not Remit is 5', answer: { status: 404, body: '<html>' }, exitCode: 5 },
]

for (const { says, answer, exitCode } of refusals) {
  test(says, async () => {
    server.on('POST /v1/grants', () => answer)
    assert.equal((await attempt('request a/b --task t --for s')).exitCode, exitCode)
    const inJson = await attempt('request a/b --task t --for s --json')
    assert.equal(inJson.exitCode, exitCode)
    assert.equal(inJson.err, '')
    assert.equal(typeof JSON.parse(inJson.out).type, 'string')
  })
}

test('a refusal says what, why, what next and what to ask instead', async () => {
  const more = {
    detail: 'a guardrail forbids part of it',
    policies: ['agents-never'],
    remedy: 'ask for less',
    ask: [{ task: 'i', actions: ['read'], resource: 'shop', command: 'remit request read:shop --task i' }],
  }
  server.on('POST /v1/grants', () => refusal('request.forbidden', 403, more))
  const { out, err } = await attempt('request a/b --task t --for s')
  assert.equal(out, '')
  assert.equal(
    err,
    [
      'refused: a guardrail forbids part of it',
      '  why   policy agents-never',
      '  next  ask for less',
      '  ask   remit request read:shop --task i',
      '',
    ].join('\n'),
  )
})

test('a request that waits is 4, and says for whom and where', async () => {
  server.firstState = 'pending'
  const { exitCode, out } = await attempt('request a/b --task t --for s')
  assert.equal(exitCode, 4)
  assert.match(out, /waiting for role:release-manager at http:\/\/pages\.example\/requests\/grn_/)
})

for (const { state, exitCode } of [
  { state: 'approved', exitCode: 0 },
  { state: 'denied', exitCode: 3 },
] as const) {
  test(`a request that is waited for and ${state} is ${exitCode}`, async () => {
    server.firstState = 'pending'
    const asked = attempt('request a/b --task t --for s --wait')
    await server.called(`GET /v1/grants/${grantId}`, 2)
    server.set(state)
    assert.equal((await asked).exitCode, exitCode)
  })
}

for (const { line, state, exitCode } of [
  { line: `approve ${grantId} --wait`, state: 'approved', exitCode: 0 },
  { line: `approve ${grantId} --wait`, state: 'denied', exitCode: 3 },
  { line: `deny ${grantId} --wait`, state: 'denied', exitCode: 0 },
] as const) {
  test(`remit ${line.split(' ')[0]} --wait is ${exitCode} when it was ${state}`, async () => {
    server.set('pending')
    const asked = attempt(line)
    await server.called(`GET /v1/grants/${grantId}`, 3)
    server.set(state)
    const { err, ...tried } = await asked
    assert.equal(tried.exitCode, exitCode)
    assert.match(err, /it here: http:\/\/pages\.example\/requests\/grn_/)
  })
}

test('a grant is taken from the environment where none is named', async () => {
  server.set('active')
  assert.equal((await attempt('done', { env: { REMIT_GRANT: grantId } })).exitCode, 0)
  assert.equal(server.calls(`POST /v1/grants/${grantId}/done`).length, 1)
  assert.equal((await attempt('done')).exitCode, 2)
})

const usage = [
  { line: 'grnts', says: /unknown command 'grnts'\n\(Did you mean grants\?\)/ },
  { line: 'ledger verfy', says: /Did you mean verify/ },
  { line: 'grants --stat active', says: /unknown option '--stat'\n\(Did you mean --state\?\)/ },
  { line: 'grants --state live', says: /Allowed choices are requested, pending/ },
  { line: 'grants extra', says: /too many arguments/ },
  { line: 'request shop/deploy --for s', says: /--task <kind>' not specified/ },
  { line: 'hold', says: /missing required argument 'id'/ },
  { line: 'approve shop', says: /"shop" is nothing that is answered/ },
  { line: 'up --port 70000', says: /a port is a number from 0 to 65535/ },
]

for (const { line, says } of usage) {
  test(`"remit ${line}" is a mistake in usage`, async () => {
    const { exitCode, out, err } = await attempt(line)
    assert.equal(exitCode, 2)
    assert.equal(out, '')
    assert.match(err, says)
    assert.equal(server.received.length, 0)
  })
}

for (const line of [`token ${grantId}`, 'secret issue release-bot --lifetime 30d']) {
  test(`remit ${line.split(' ')[0]} prints no secret on a terminal, unless it is asked to`, async () => {
    server.on(
      'POST /v1/identities/release-bot/secrets',
      ok({ credential: 'crd_1', identity: 'release-bot', secret: 'rmt_new', expiresAt: instant(1) }),
    )
    const kept = await attempt(line, { columns: 80 })
    assert.equal(kept.exitCode, 2)
    assert.equal(server.received.length, 0)
    assert.doesNotMatch(kept.out + kept.err, /rmt_new|token-for/)
    assert.match((await attempt(`${line} --show`, { columns: 80 })).out, /rmt_new|token-for/)
  })
}

test('a secret goes into a new file that its owner alone may read, and into no other', async () => {
  server.on(
    'POST /v1/identities/release-bot/secrets',
    ok({ credential: 'crd_1', identity: 'release-bot', secret: 'rmt_new', expiresAt: instant(1) }),
  )
  const path = join(folder, 'bot.secret')
  const first = await attempt(`secret issue release-bot --lifetime 30d --out ${path} --json`)
  assert.equal(first.exitCode, 0, first.err)
  assert.doesNotMatch(first.out + first.err, /rmt_new/)
  assert.equal(readFileSync(path, 'utf8'), 'rmt_new\n')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal((await attempt(`secret issue release-bot --lifetime 30d --out ${path}`)).exitCode, 1)
  assert.equal(server.calls('POST /v1/identities/release-bot/secrets').length, 1)
})

test('what a stranger wrote cannot command the terminal', async () => {
  server.on(`GET /v1/grants/${grantId}`, ok({ ...pendingGrant, task: { kind: 'release', statement: 'nice\u001b[2J\u202egnihton' } }))
  const { out } = await attempt(`grant ${grantId}`, { columns: 100, env: { NO_COLOR: '1' } })
  assert.match(out, /nice\\u001b\[2J\\u202egnihton/)
  assert.doesNotMatch(out, /\u001b|\u202e/)
})

test('tables are as wide as the terminal, and whole elsewhere', async () => {
  server.set('active', { scope: [`shop/deploy,${'version=1.4,'.repeat(20)}uses=1`] })
  for (const columns of [60, 80, 120]) {
    const { out } = await attempt('grants', { columns, env: { NO_COLOR: '1' } })
    for (const line of out.trimEnd().split('\n')) assert.ok(line.length <= Math.max(columns, 70), `${line.length} columns: ${line}`)
    assert.match(out, new RegExp(grantId))
  }
  assert.match((await attempt('grants')).out, /(version=1\.4,){20}/)
})

test('colours are for terminals that want them', async () => {
  assert.match((await attempt('whoami', { columns: 80 })).out, /\u001b\[1m/)
  assert.doesNotMatch((await attempt('whoami', { columns: 80, env: { NO_COLOR: '1' } })).out, /\u001b/)
  assert.doesNotMatch((await attempt('whoami')).out, /\u001b/)
})
