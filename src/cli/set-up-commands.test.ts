import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { ContractServer, type Handler } from '../../test/cli/contract-server.ts'
import { type Conditions, tryCli } from '../../test/cli/try-cli.ts'
import type { UpOptions, VerifyOptions } from './house.ts'

let server: ContractServer
const folder = mkdtempSync(join(tmpdir(), 'remit-cli-'))

beforeEach(async () => {
  server = await ContractServer.open()
})
afterEach(() => server.close())
after(() => rmSync(folder, { recursive: true }))

function attempt(words: string, more: Conditions = {}) {
  return tryCli(words.split(' '), { ...more, env: { REMIT_URL: server.url, REMIT_SECRET: 'rmt_secret', ...more.env } })
}

const ok = (body: unknown) => (): ReturnType<Handler> => ({ status: 200, body })

const line = { kind: 'service', name: 'shop', what: 'add', class: 'widens', says: '2 operations' }
const plan = { base: 'b', class: 'widens', changes: [line], unchanged: 1 }
const changeSet = {
  id: 'chg_1',
  state: 'applied',
  author: 'ana',
  class: 'widens',
  changes: [line],
  approval: 'nobody',
  approvals: [],
  ending: 'applied by ana',
  page: 'http://localhost/changes/chg_1',
}

test('apply shows its plan, asks, and takes everything but a yes for a no', async () => {
  const file = join(folder, 'remit.yaml')
  writeFileSync(file, 'version: 1\n')
  server.on('POST /v1/configuration/plan', ok(plan))
  server.on('POST /v1/change-sets', ok({ plan, changeSet }))
  const unasked = await attempt(`apply -f ${file}`)
  assert.equal(unasked.exitCode, 1)
  assert.match(unasked.out, /\+ service shop {2}widens +2 operations\n= 1 unchanged\n[^]*add --yes to propose it\n$/)
  for (const input of ['n\n', '\n', 'yess\n', '']) {
    const { exitCode, err } = await attempt(`apply -f ${file}`, { columns: 80, input, env: { NO_COLOR: '1' } })
    assert.equal(exitCode, 1)
    assert.match(err, /\+ service shop {2}widens +2 operations\n= 1 unchanged\n[^]*propose this\? \[y\/N\] /)
  }
  assert.equal(server.calls('POST /v1/change-sets').length, 0)
  assert.equal((await attempt(`apply -f ${file}`, { columns: 80, input: 'y\n' })).exitCode, 0)
  const applied = await attempt(`apply -f ${file} --yes --prune --reason because`)
  assert.match(applied.out, /applied: 1 change \(applied by ana\)\n$/)
  assert.deepEqual(
    server.calls('POST /v1/change-sets').map(({ body }) => body),
    [
      { document: { version: 1 }, prune: 'nothing', base: 'b' },
      { document: { version: 1 }, prune: 'everything', base: 'b', reason: 'because' },
    ],
    'what was shown, or nothing',
  )
})

test('apply says where a change is signed that waits, exits as held, and with --wait as what became of it', async () => {
  const file = join(folder, 'waits.yaml')
  writeFileSync(file, 'version: 1\n')
  const waits = { ...changeSet, state: 'proposed', approval: '1 person who may approve', ending: undefined }
  server.on('POST /v1/configuration/plan', ok({ ...plan, needs: '1 person who may approve' }))
  server.on('POST /v1/change-sets', ok({ plan, changeSet: waits }))
  const held = await attempt(`apply -f ${file} --yes`)
  assert.equal(held.exitCode, 4)
  assert.match(held.out, /it waits for 1 person who may approve\n[^]*it is signed here: http:\/\/localhost\/changes\/chg_1\n$/)
  for (const [state, exitCode] of [
    ['applied', 0],
    ['denied', 3],
    ['stale', 3],
  ] as const) {
    server.on('GET /v1/change-sets/chg_1', ok({ ...changeSet, state, ending: 'so it was' }))
    const waited = await attempt(`apply -f ${file} --yes --wait --json`)
    assert.equal(waited.exitCode, exitCode)
    assert.deepEqual(JSON.parse(waited.out).applied, state === 'applied')
  }
})

test('apply leaves alone what is so already', async () => {
  const file = join(folder, 'same.yaml')
  writeFileSync(file, 'version: 1\n')
  const same = { ...plan, class: 'neutral', changes: [] }
  server.on('POST /v1/configuration/plan', ok(same))
  server.on('POST /v1/change-sets', ok({ plan: same }))
  const { exitCode, out } = await attempt(`apply -f ${file}`)
  assert.deepEqual([exitCode, out], [0, 'nothing to change\n'])
})

test('changes are listed, shown line by line, and taken back', async () => {
  const waits = {
    ...changeSet,
    state: 'proposed',
    approval: '1 person who may approve',
    ending: undefined,
    expiresAt: '2027-01-01T00:00:00Z',
  }
  server.on('GET /v1/change-sets', ok({ changeSets: [waits] }))
  server.on('GET /v1/change-sets/chg_1', ok(waits))
  server.on('POST /v1/change-sets/chg_1/withdraw', ok({ ...changeSet, state: 'withdrawn' }))
  assert.match((await attempt('changes list --state proposed')).out, /chg_1 +proposed +ana +widens +service shop 2 operations\n$/)
  assert.match(
    (await attempt('changes show chg_1')).out,
    /needs +1 person who may approve\n[^]*page +http:\/\/localhost\/changes\/chg_1\n[^]*\+ service shop/,
  )
  assert.equal((await attempt('changes withdraw chg_1')).out, 'chg_1 is withdrawn\n')
})

test('an export is written as files, never over others, with no secret and every reference', async () => {
  const services = [
    { name: 'shop', upstream: 'http://127.0.0.1:1', credential: 'kept' },
    { name: 'books', upstream: 'http://127.0.0.1:2', credential: { bearer: { reference: 'vault:kv/books#token' } } },
  ]
  const policyFiles = [
    { name: 'policies/a.cedar', text: '// a\n' },
    { name: '../../b.cedar', text: '// b\n' },
  ]
  server.on('GET /v1/configuration', ok({ document: { version: 1, services }, policyFiles, secrets: ['shop'], base: 'b' }))
  server.on('GET /v1/exceptions', ok({ exceptions: [] }))
  const target = join(folder, 'exported')
  const { out } = await attempt(`export ${target}`)
  assert.match(out, /the credential of shop stays where it is/)
  assert.doesNotMatch(out, /exceptions/)
  const yaml = readFileSync(join(target, 'remit.yaml'), 'utf8')
  assert.match(yaml, /credential: kept # ?the secret stays where it is[^]*bearer: vault:kv\/books#token\n[^]*policies: policies\n/)
  assert.equal(readFileSync(join(target, 'policies', 'b.cedar'), 'utf8'), '// b\n', 'nothing is written outside')
  assert.equal((await attempt(`export ${target}`)).exitCode, 1)
  server.on('GET /v1/exceptions', ok({ exceptions: [{ id: 'exc_01JC0000000000000000000001' }] }))
  const again = await attempt(`export ${target} --force`)
  assert.deepEqual([again.exitCode, /exceptions are left out: remit exception list --state active/.test(again.out)], [0, true])
})

test('what the API finds wrong is shown at its place in the file', async () => {
  const file = join(folder, 'wrong.yaml')
  writeFileSync(file, 'version: 1\nservices:\n  - name: shop\n    upstrem: http://127.0.0.1:1\n')
  const problems = [
    {
      pointer: '/services/0/upstrem',
      file: 'remit.yaml',
      line: 0,
      column: 0,
      message: 'unknown field "upstrem"',
      remedy: 'did you mean upstream?',
    },
  ]
  const refusal = { type: 'urn:remit:refusal:configuration.invalid', title: 'no', status: 422, detail: 'no', remedy: 'mend it', problems }
  server.on('POST /v1/configuration/plan', () => ({ status: 422, body: refusal }))
  for (const command of ['plan', 'apply --yes']) {
    const { exitCode, out } = await attempt(`${command} -f ${file}`)
    assert.equal(exitCode, 1)
    assert.ok(out.startsWith(`${file}:4:5: unknown field "upstrem"\n  did you mean upstream?\n`), out)
  }
})

test('check hands over to the house, and fails when it finds something', async () => {
  const problem = { file: 'policies/a.cedar', line: 3, column: 1, message: 'no @id', remedy: 'add @id("…")' }
  const asked: string[][] = []
  const house = (problems: (typeof problem)[]) => ({
    check: async (folder: string, path: string) => {
      asked.push([folder, path])
      return { problems, policies: 4, services: 1 }
    },
  })
  assert.deepEqual(await attempt('check policies -f r.yaml', { house: house([]) }), {
    exitCode: 0,
    out: 'all is well: 4 policies, 1 services\n',
    err: '',
  })
  const found = await attempt('check', { house: house([problem]) })
  assert.equal(found.exitCode, 1)
  assert.match(found.out, /policies\/a\.cedar:3:1: no @id\n {2}add @id/)
  assert.deepEqual(asked, [
    ['policies', 'r.yaml'],
    ['policies', 'remit.yaml'],
  ])
})

test('an export is written whole into a new file, and verified from there or from Remit', async () => {
  const path = join(folder, 'ledger.ndjson')
  server.on('GET /v1/ledger/export', ok('{"is":"header"}\n{"is":"leaf"}\n'))
  assert.match((await attempt(`ledger export --out ${path}`)).out, /2 lines/)
  assert.equal(readFileSync(path, 'utf8'), '{"is":"header"}\n{"is":"leaf"}\n')
  assert.equal((await attempt(`ledger export --out ${path}`)).exitCode, 1)
  const seen: unknown[] = []
  const report = {
    ok: true,
    origin: 'o',
    keyGiven: true,
    witnesses: [{ name: 'w', keyGiven: true, heads: 1, size: 1 }],
    leaves: 1,
    bodies: 1,
    erased: 0,
    withheld: 0,
    checkpoints: 1,
    size: 1,
    root: 'r',
    journals: [],
    elsewhere: [{ name: 'edge', anchors: 2, anchoredTo: 7 }],
    failures: [],
  }
  const house = (result: typeof report | (Omit<typeof report, 'failures'> & { failures: { where: string; what: string }[] })) => ({
    rotateKey: () => Promise.reject(new Error('not here')),
    verifyExport: async ({ lines, vkeys, heads, journals }: VerifyOptions) => {
      const read: string[] = []
      for await (const line of lines) read.push(line)
      seen.push([read, vkeys, heads, journals])
      return result
    },
  })
  const passed = await attempt(`ledger verify ${path} --key k1 --key k2 --witness w1 --journal j1 --journal j2`, { house: house(report) })
  assert.equal(passed.exitCode, 0)
  assert.match(passed.out, /elsewhere +edge: 2 anchors, to line 7; vouched for, and not in this export/)
  server.on('GET /v1/ledger/checkpoint', ok({ size: 1, checkpoint: 'the newest head', key: 'k1' }))
  const failed = await attempt('ledger verify', {
    house: house({ ...report, ok: false, failures: [{ where: 'line 2', what: 'the root differs' }] }),
  })
  assert.equal(failed.exitCode, 1)
  assert.match(failed.out, /NOT verified: one failure[\s\S]*line 2: the root differs/)
  const lines = ['{"is":"header"}', '{"is":"leaf"}']
  assert.deepEqual(seen, [
    [lines, ['k1', 'k2', 'w1'], [], ['j1', 'j2']],
    [lines, [], ['the newest head'], []],
  ])
})

test('an export that breaks off leaves no file', async () => {
  const path = join(folder, 'broken.ndjson')
  server.on('GET /v1/ledger/export', () => 'break')
  assert.equal((await attempt(`ledger export --out ${path}`)).exitCode, 5)
  assert.throws(() => statSync(path), /ENOENT/)
})

test('up says where everything is, and stops when it is told', async () => {
  const ready = {
    space: 'main',
    url: 'http://127.0.0.1:1',
    pages: 'http://localhost:1',
    gateways: [{ service: 'shop', url: 'http://127.0.0.1:2' }],
    link: 'http://localhost:1/register/x',
    data: 'd',
    warnings: ['one person alone'],
    spaces: [
      {
        space: 'plant',
        url: 'http://127.0.0.1:3',
        pages: 'http://localhost:3',
        gateways: [],
        link: 'http://localhost:3/register/y',
        warnings: [],
      },
    ],
  }
  const asked: object[] = []
  const house = {
    up: async ({ onReady, signal, ...options }: UpOptions) => {
      asked.push({ ...options, aborted: signal.aborted })
      onReady(ready)
    },
  }
  const plain = await attempt('up --data d --demo', { house })
  assert.match(
    plain.out,
    /Remit is up[\s\S]*gateways +shop {2}http:\/\/127\.0\.0\.1:2[\s\S]*register\/x[\s\S]*note: one person alone[\s\S]*space plant[\s\S]*register\/y/,
  )
  const inJson = await attempt('up --port 0 --json', { house })
  assert.deepEqual(JSON.parse(inJson.out), ready)
  assert.equal((await attempt('up --port 0 --space plant=9', { house })).exitCode, 0)
  for (const wrong of ['plant', 'main=1', 'Plant=1', 'plant=x', 'a=1 --space a=2'])
    assert.equal((await attempt(`up --space ${wrong}`, { house })).exitCode, 2, wrong)
  const usual = { names: [], plaintext: false, secretEnv: [], secretFiles: [] }
  assert.deepEqual(asked, [
    { ...usual, data: 'd', host: '127.0.0.1', port: 8717, spaces: [], demo: true, aborted: false },
    { ...usual, data: 'remit-data', host: '127.0.0.1', port: 0, spaces: [], demo: false, aborted: false },
    { ...usual, data: 'remit-data', host: '127.0.0.1', port: 0, spaces: [{ space: 'plant', port: 9 }], demo: false, aborted: false },
  ])
})

test('the proof of one entry is asked for, kept in a new file, and checked without Remit; a body is erased with a reason', async () => {
  const path = join(folder, 'entry.tlog-proof')
  server.on('GET /v1/ledger/entries/7/proof', ok({ index: 7, proof: 'c2sp.org/tlog-proof@v1\n' }))
  assert.match((await attempt(`ledger proof 7 --out ${path}`)).out, /entry\.tlog-proof: check it with remit ledger verify --proof/)
  assert.equal(readFileSync(path, 'utf8'), 'c2sp.org/tlog-proof@v1\n')
  assert.equal((await attempt(`ledger proof 7 --out ${path}`)).exitCode, 1)
  assert.match((await attempt('ledger proof 7')).out, /^c2sp\.org/)
  assert.equal((await attempt('ledger proof seven')).exitCode, 2)
  const asked: unknown[] = []
  const report = { ok: true, origin: 'o', index: 7, size: 9, body: { kind: 'tried' }, cosignedBy: ['w'], unknown: [], failures: [] }
  const house = (failures: readonly string[]) => ({
    verifyProof: async (text: string, keys: readonly string[]) => {
      asked.push([text, keys])
      return { ...report, ok: failures.length === 0, failures }
    },
  })
  const good = await attempt(`ledger verify --proof ${path} --key k1 --witness w1`, { house: house([]) })
  assert.equal(good.exitCode, 0)
  assert.match(good.out, /verified[\s\S]*7 of 9[\s\S]*tried/)
  const bad = await attempt(`ledger verify --proof ${path} --key k1`, { house: house(['the path does not lead there']) })
  assert.equal(bad.exitCode, 1)
  assert.match(bad.out, /NOT verified[\s\S]*the path does not lead there/)
  assert.deepEqual(asked, [
    ['c2sp.org/tlog-proof@v1\n', ['k1', 'w1']],
    ['c2sp.org/tlog-proof@v1\n', ['k1']],
  ])
  server.on('POST /v1/ledger/entries/7/erase', ok({ index: 7, kind: 'grant.requested' }))
  assert.match((await attempt('ledger erase 7 --reason mistake')).out, /the body of entry 7 \(grant\.requested\) is erased/)
  assert.equal((await attempt('ledger erase 7')).exitCode, 2)
})
