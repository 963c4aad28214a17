import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { ContractServer, grantId, instant, pendingGrant, whoami } from '../../test/cli/contract-server.ts'
import { type Conditions, tryCli } from '../../test/cli/try-cli.ts'
import type { ExceptionView, StandingView } from '../wire/exceptions.ts'
import { columnsOf } from './text.ts'

const day = 86_400_000
const exceptionId = 'exc_01JC0000000000000000000001'

let server: ContractServer
beforeEach(async () => {
  server = await ContractServer.open()
})
afterEach(() => server.close())

function attempt(words: string, more: Conditions = {}) {
  const split = [...words.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  return tryCli(split, { ...more, env: { REMIT_URL: server.url, REMIT_SECRET: 'rmt_secret', ...more.env } })
}

const proposed: ExceptionView = {
  id: exceptionId,
  state: 'proposed',
  identity: 'batch',
  owner: 'alice',
  proposedBy: 'alice',
  deskActions: [],
  scope: ['read:shop'],
  reaches: '2 operations of shop, up to tier 1: read',
  tier: 1,
  operations: ['shop/list', 'shop/show'],
  reason: 'the old batch cannot ask',
  remediation: [{ says: 'teach it to ask' }, { says: 'switch it over', done: { by: 'alice', at: instant(-day) } }],
  approvals: [],
  createdAt: instant(-day),
  answerBy: instant(6 * day),
  expiresAt: instant(30 * day),
  renewals: 0,
  digest: 'v1:3f2a',
  page: `http://pages.example/exceptions/${exceptionId}`,
}
const active: ExceptionView = {
  ...proposed,
  state: 'active',
  grant: grantId,
  expiresAt: instant(6 * day),
  endsSoon: true,
  renewals: 2,
  renews: exceptionId,
}

const standing: StandingView = {
  at: instant(0),
  exceptions: [active, proposed],
  desk: [{ actions: ['approve'], policies: ['desk-people-approve'], identities: ['alice', 'bob'], count: 2 }],
  machine: 'whoever can read and write this data folder can do what Remit can',
  runs: [
    {
      identity: 'release-bot',
      operations: ['shop/deploy'],
      tier: 2,
      grants: 40,
      from: instant(-3 * day),
      to: instant(0),
      newest: [grantId],
    },
  ],
  upstreams: [{ service: 'shop', environment: 'prod', header: 'authorization', since: instant(-day) }],
  credentials: [
    {
      id: 'crd_01JC0000000000000000000001',
      identity: 'release-bot',
      kind: 'api-secret',
      createdAt: instant(-day),
      expiresAt: instant(80 * day),
    },
  ],
}

const rows: readonly {
  readonly line: string
  readonly calls: string
  readonly body?: object
  readonly answer: unknown
  readonly exitCode?: number
  readonly says: RegExp
}[] = [
  {
    line: 'exception propose batch read:shop --owner alice --reason "the old batch cannot ask" --step "teach it to ask" --step switch --time 30d',
    calls: 'POST /v1/exceptions',
    body: {
      identity: 'batch',
      owner: 'alice',
      scope: ['read:shop'],
      reason: 'the old batch cannot ask',
      remediation: ['teach it to ask', 'switch'],
      duration: '30d',
    },
    answer: proposed,
    exitCode: 4,
    says: /approved by another person here: http:\/\/pages\.example\/exceptions\/exc_/,
  },
  {
    line: `exception propose alice --desk administer,stop --owner alice --reason r --step s --until 2026-02-01 --renews ${exceptionId}`,
    calls: 'POST /v1/exceptions',
    body: {
      identity: 'alice',
      owner: 'alice',
      deskActions: ['administer', 'stop'],
      reason: 'r',
      remediation: ['s'],
      until: '2026-02-01',
      renews: exceptionId,
    },
    answer: proposed,
    exitCode: 4,
    says: /exc_/,
  },
  {
    line: 'exception list --state active',
    calls: 'GET /v1/exceptions',
    answer: { exceptions: [active] },
    says: /active +batch +alice +1 +6d ! +2x +read:shop/,
  },
  {
    line: `exception show ${exceptionId}`,
    calls: `GET /v1/exceptions/${exceptionId}`,
    answer: proposed,
    says: /\[ \] 1\. teach it to ask\n.*\[x\] 2\. switch it over \(alice/,
  },
  { line: `exception approve ${exceptionId}`, calls: `GET /v1/exceptions/${exceptionId}`, answer: proposed, exitCode: 4, says: /^$/ },
  {
    line: `exception tick ${exceptionId} 1`,
    calls: `POST /v1/exceptions/${exceptionId}/tick`,
    body: { step: 1 },
    answer: active,
    says: /renews +exc_.*2 times in a row/,
  },
  {
    line: `exception withdraw ${exceptionId} --reason "it can ask now"`,
    calls: `POST /v1/exceptions/${exceptionId}/withdraw`,
    body: { reason: 'it can ask now' },
    answer: { ...proposed, state: 'withdrawn', ending: { how: 'withdrawn', by: 'alice', reason: 'it can ask now' } },
    says: /withdrawn by alice: it can ask now/,
  },
  {
    line: `exception end ${exceptionId} --evidence https://tickets.example/7`,
    calls: `POST /v1/exceptions/${exceptionId}/end`,
    body: { evidence: 'https://tickets.example/7' },
    answer: { ...active, state: 'ended', endedAt: instant(0), ending: { how: 'closed', by: 'alice', reason: 'https://tickets.example/7' } },
    says: /closed by alice: https:\/\/tickets\.example\/7/,
  },
  {
    line: 'standing',
    calls: 'GET /v1/standing',
    answer: standing,
    says: /^Exceptions\nEXCEPTION[\s\S]*Grants without a gap[\s\S]*release-bot +2 +40 +3d[\s\S]*Proofs of identity/,
  },
]

for (const { line, calls, body, answer, exitCode = 0, says } of rows) {
  test(`remit ${line.split(' ').slice(0, 2).join(' ')}: asks ${calls} and says so`, async () => {
    server.on(calls, () => ({ status: 200, body: answer }))
    const tried = await attempt(line)
    assert.equal(tried.exitCode, exitCode, tried.err)
    const [called] = server.calls(calls)
    if (body !== undefined) assert.deepEqual(called?.body, body)
    assert.match(tried.out, says)
    const inJson = await attempt(`${line} --json`)
    assert.equal(inJson.exitCode, exitCode, inJson.err)
    assert.equal(typeof JSON.parse(inJson.out), 'object')
  })
}

test('what stands comes before what was lent, and before what may be asked for', async () => {
  server.on('GET /v1/grants', () => ({ status: 200, body: { exceptions: [active], grants: [pendingGrant] } }))
  const { out } = await attempt('grants')
  assert.match(out, /^Standing privilege\nEXCEPTION[\s\S]*\n\nGRANT/)
  server.on('GET /v1/eligible', () => ({ status: 200, body: { exceptions: [active], eligible: [] } }))
  assert.match((await attempt('eligible')).out, /^Standing privilege\nEXCEPTION/)
  server.on('GET /v1/whoami', () => ({ status: 200, body: { ...whoami, exceptions: [active] } }))
  assert.match((await attempt('whoami')).out, /workload\n {2}exceptions +exc_\w+: 2 operations of shop/)
})

test('a terminal of 100 columns is wide enough', async () => {
  const long = {
    ...active,
    identity: 'a-service-with-a-rather-long-name',
    owner: 'somebody-with-a-long-name',
    scope: ['read|write|execute:shop', 'shop/restart,service=checkout'],
  }
  server.on('GET /v1/standing', () => ({ status: 200, body: { ...standing, exceptions: [long] } }))
  const { out } = await attempt('standing', { columns: 100, env: { NO_COLOR: '1' } })
  for (const line of out.split('\n')) assert.ok(columnsOf(line) <= 100, `${columnsOf(line)}: ${line}`)
})

test('a right that the desk does not know is a mistake in usage', async () => {
  const { exitCode, err } = await attempt('exception propose alice --desk rule --owner alice --reason r --step s --time 1d')
  assert.equal(exitCode, 2)
  assert.match(err, /"rule" is nothing at the desk/)
  assert.equal(server.received.length, 0)
})
