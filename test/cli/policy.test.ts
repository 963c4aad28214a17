/** `remit policy`: replay against a Remit that listens, and cases with nothing running. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import type { House } from '../../src/cli/house.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { controlAudience, gatewayAudience, identifyCaller, TokenReader } from '../../src/control/identify.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { policyCasesSchema, testPolicies } from '../../src/main/policy-cases.ts'
import { type ApiHouse, openApiHouse } from '../api/api-house.ts'
import { actionOf, materialOf, shopPolicies } from '../world/shop.ts'
import { tryCli } from './try-cli.ts'

const house: Partial<House> = { testPolicies, policyCasesSchema: async () => policyCasesSchema() }
const demo = fileURLToPath(new URL('../../demo/shop/', import.meta.url))
const cases = join(demo, 'policies', 'shop.cases.yaml')

let api: ApiHouse
let folder: string

before(async () => {
  api = await openApiHouse()
  folder = await mkdtemp(join(tmpdir(), 'remit-policy-'))
  await api.register('ana')
  await api.register('eva')
  await worked()
})
after(async () => {
  await api.close()
  await rm(folder, { recursive: true, force: true })
})

/** The agent reads twice. */
async function worked(): Promise<void> {
  const { desk } = api.house
  const reader = new TokenReader(desk, controlAudience('main'))
  const caller = mustBe(await identifyCaller(desk, reader, await api.token('aide'), '127.0.0.1'))
  const grant = mustBe(await requestGrant(desk, caller, { task: 'incident', statement: 'because', scope: ['shop/list-incidents'] }))
  mustBe(await activateGrant(desk, caller, grant.id))
  const token = await exchangeToken(desk, {
    subjectToken: await api.secret('aide'),
    subjectTokenType: tokenTypes.secret,
    address: '127.0.0.1',
    audience: gatewayAudience('main', 'http'),
    grant: grant.id,
  })
  const bearer = mustBe(await api.gateway.identify(reveal(mustBe(token).token), '127.0.0.1'))
  const action = actionOf(desk.facts.service('shop'), 'list-incidents')
  for (let times = 0; times < 2; times += 1)
    assert.equal((await api.gateway.authorize({ bearer, action, material: materialOf(action) })).outcome, 'allow')
}

async function candidate(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'shop.cedar'), text)
  return path
}

async function replay(who: string, path: string, more: readonly string[] = [], columns?: number) {
  const env = { REMIT_URL: `http://127.0.0.1:${api.port}`, REMIT_TOKEN: await api.token(who) }
  return tryCli(['policy', 'replay', '--candidate', path, ...more], { env, ...(columns === undefined ? {} : { columns }) })
}

const held = `${shopPolicies}\n@id("reading-needs-a-person") @hold("role:sre") forbid (principal, action == Action::"http:shop/list-incidents", resource);`

test('replay says who loses, in a table that fits, and ends as --fail-on says', async () => {
  const path = await candidate('held', held)
  const found = await replay('eva', path, [], 100)
  assert.equal(found.exitCode, 3, found.out + found.err)
  assert.match(found.out, /loses +aide +shop\/list-incidents +allowed +held for role:sre/)
  assert.match(found.out, /looked at 2 actions \(1 different\) and 1 request since/)
  for (const line of found.out.split('\n').slice(0, 2)) assert.ok(line.replaceAll(/\u001b\[\d+m/g, '').length <= 100, line)
  const exits = await Promise.all(
    ['any', 'losses', 'gains', 'never'].map(async (failing) => (await replay('eva', path, ['--fail-on', failing])).exitCode),
  )
  assert.deepEqual(exits, [3, 3, 0, 0])
  const same = await replay('eva', await candidate('same', `${shopPolicies}// nothing`))
  assert.deepEqual([same.exitCode, same.out.split('\n')[0]], [0, 'nobody gains and nobody loses anything'])
})

test('replay --json is one document', async () => {
  const { exitCode, out } = await replay('eva', await candidate('held', held), ['--json', '--since', '1h'])
  assert.equal(exitCode, 3)
  const { changes, counts, journals, notLookedAt } = JSON.parse(out)
  const [change] = changes
  assert.deepEqual(
    [changes.length, change.verdict, change.identity, change.from.outcome, change.to.outcome, change.seen],
    [1, 'loses', 'aide', 'allow', 'hold', 2],
  )
  assert.match(change.example, /^dec_/)
  assert.deepEqual([change.to.policies, change.to.approval], [['reading-needs-a-person'], 'role:sre'])
  assert.deepEqual([counts.actions, counts.requests, journals.length, notLookedAt], [2, 1, 1, []])
})

test('a candidate with a fault, one that is not there, and whoever may not look', async () => {
  const broken = await candidate('broken', `${shopPolicies}\n@id("x") permit (principal, action, resource);`)
  const told = await replay('eva', broken)
  assert.equal(told.exitCode, 2)
  assert.ok(told.out.startsWith(`${broken}/shop.cedar:23:1: `), told.out)
  assert.match(told.out, /one problem; nothing was run/)
  assert.equal((await replay('eva', join(folder, 'nowhere'))).exitCode, 2)
  const agent = await replay('aide', await candidate('held', held))
  assert.equal(agent.exitCode, 3)
  assert.match(agent.err, /refused:/)
  assert.equal(agent.out, '')
})

test("the demo's cases are answered as they want", async () => {
  const tried = await tryCli(['policy', 'test', '-f', join(demo, 'remit.yaml')], { house })
  assert.deepEqual([tried.exitCode, tried.out], [0, '9 cases, all as wanted\n'], tried.out + tried.err)
})

async function run(text: string, more: readonly string[] = []) {
  const path = join(folder, 'a.cases.yaml')
  await writeFile(path, text)
  const { exitCode, out, err } = await tryCli(['policy', 'test', path, '-f', join(demo, 'remit.yaml'), ...more], { house })
  return { exitCode, out: out.replaceAll(path, 'a.cases.yaml').replaceAll(demo, 'demo/'), err }
}

test('a case that is not answered as it wants says what came, and why', async () => {
  const failing = await run(`version: 1
at: 2030-01-02T03:04:05Z
task: { kind: incident }
cases:
  - name: the till
    as: incident-agent
    act: { on: shop/restart, arguments: { service: till } }
    want: { answer: allow }
  - name: a release
    as: release-bot
    task: { kind: release }
    ask: { scope: [shop/deploy] }
    want: { answer: eligible, approval: 'role:sre', durationMax: 60m }
  - name: another kind
    as: release-bot
    ask: { scope: [shop/deploy] }
    want: { answer: eligible }
`)
  assert.equal(failing.exitCode, 1)
  assert.equal(
    failing.out,
    `a.cases.yaml:5:5: the till
  wanted  answer allow
  got     answer deny
  answer  refused by nobody-restarts-the-till
  why     forbid "nobody-restarts-the-till" (demo/policies/guardrails.cedar:10): context.arguments.service is "till"

a.cases.yaml:9:5: a release
  wanted  approval role:sre
  got     approval role:release-manager
  answer  given with role:release-manager, 1h at most
  why     permit "release-bots-may-release" (demo/policies/eligibility.cedar:7)

a.cases.yaml:14:5: another kind
  wanted  answer eligible
  got     answer not-eligible
  answer  refused: request.not-eligible
  why     release-bot may not ask for write on shop/deploy
          permit "release-bots-may-release" (demo/policies/eligibility.cedar:7): context.task.kind is "incident", not "release"

3 cases, 3 not as wanted
`,
  )
})

const act = 'act: { on: shop/restart, arguments: { service: a } }\n    want: { answer: hold }'

/** A file with this in the place of its case, and every fault that it has. */
const faults: readonly { readonly says: string; readonly text: string; readonly want: readonly string[] }[] = [
  { says: 'no YAML', text: 'cases: [', want: ['1:9'] },
  { says: 'nothing', text: '', want: ['1:1'] },
  {
    says: 'another version, a misspelt member',
    text: `version: 2\ncase: []\ncases:\n  - name: x\n    as: ana\n    ${act}\n`,
    want: ['1:1', '2:1'],
  },
  {
    says: 'nobody of this name',
    text: `version: 1\ncases:\n  - name: x\n    as: incident-agnt\n    ${act}\n`,
    want: ['4:5: nobody is called "incident-agnt"'],
  },
  {
    says: 'neither asks nor acts',
    text: 'version: 1\ncases:\n  - name: x\n    as: ana\n    want: { answer: allow }\n',
    want: ['3:5: this case neither asks nor acts'],
  },
  {
    says: 'arguments of another type, too few, too many',
    text: 'version: 1\ncases:\n  - name: x\n    as: ana\n    act: { on: shop/put-telemetry, arguments: { value: x, valu: 1 } }\n    want: { answer: deny }\n',
    want: ['5:5: the argument series is missing', '5:49: value is a long here', '5:59: put-telemetry has no argument "valu"'],
  },
  {
    says: 'an answer that no request has, a refusal that is none',
    text: 'version: 1\ncases:\n  - name: x\n    as: ana\n    ask: { scope: ["shop:"] }\n    want: { answer: hold, refusal: grant.mising, approval: sre, obligations: record=often }\n',
    want: [
      '5:20: this is no scope',
      '6:13: "hold" is no answer here',
      '6:27: there is no refusal',
      '6:50: "sre" names nobody',
      '6:65: "record=often"',
    ],
  },
  {
    says: 'what can only be wanted by mistake, where all the rest can be answered',
    text: 'version: 1\ncases:\n  - name: x\n    as: ana\n    act: { on: shop/list-incidents }\n    want: { answer: deny, refusal: grant.mising }\n',
    want: ['6:27: there is no refusal "grant.mising"'],
  },
  {
    says: 'facts that cannot be',
    text: `version: 1\ncases:\n  - name: x\n    as: ana\n    facts: { identities: [{ name: new, kind: robot, owner: nobody }] }\n    ${act}\n`,
    want: ['5:5: /identities/3'],
  },
  {
    says: 'a day that is none',
    text: `version: 1\nat: 2030-02-30T00:00:00Z\ncases:\n  - name: x\n    as: ana\n    ${act}\n`,
    want: ['2:1: there is no such instant'],
  },
]

for (const { says, text, want } of faults) {
  test(`a file of cases with a fault is run not at all: ${says}`, async () => {
    const { exitCode, out, err } = await run(text)
    assert.equal(exitCode, 2, out + err)
    const places = [...out.matchAll(/^a\.cases\.yaml:(\d+:\d+: .*)$/gm)].map(([, place = '']) => place)
    for (const [index, start] of want.entries()) assert.ok(places[index]?.startsWith(start), `${places[index]} is not ${start}\n${out}`)
    assert.equal(places.length, want.length, out)
  })
}

test('whole numbers and fractions reach the policies as they are written', async () => {
  const policies = await candidate(
    'numbers',
    `@id("all-may") permit (principal, action == Action::"request", resource);
@id("huge") forbid (principal, action == Action::"http:shop/put-telemetry", resource) when { context.arguments.value == 9223372036854775807 };`,
  )
  const one = (value: string, answer: string) => `
  - { name: ${answer}, as: metrics-client, act: { on: shop/put-telemetry, arguments: { series: a, value: ${value} } }, want: { answer: ${answer} } }`
  const ran = await run(`version: 1\ncases:${one('9223372036854775807', 'deny')}${one('9223372036854775806', 'allow')}\n`, [
    '--policies',
    policies,
  ])
  assert.deepEqual([ran.exitCode, ran.out], [0, '2 cases, all as wanted\n'], ran.out)
})

test('a chain, its facts, an address, and policies in place of those in the file', async () => {
  const policies = await candidate(
    'other',
    `@id("proved-may") permit (principal, action == Action::"request", resource) when { context.task.kind == "incident" && context.proved has ticket };
@id("inside") forbid (principal, action in Effect::Action::"any", resource) unless { context has client && context.client.isInRange(ip("10.0.0.0/8")) };
@id("by-day") forbid (principal, action in Effect::Action::"any", resource) when { context.time > datetime("2030-06-01") };
@id("firmly") @duty("record=durable") forbid (principal, action in Effect::Action::"read", resource);`,
  )
  const ran = await run(
    `version: 1
task: { kind: incident, proved: { ticket: INC-1 } }
cases:
  - { name: inside, as: incident-agent, for: [ana], act: { on: shop/list-incidents, from: 10.1.2.3 }, want: { answer: allow, policies: [proved-may], duties: [firmly], obligations: record=durable } }
  - { name: outside, as: incident-agent, for: [ana], act: { on: shop/list-incidents }, want: { answer: deny, policies: [inside] } }
  - { name: later, as: ana, at: 2030-07-01T00:00:00Z, act: { on: shop/list-incidents, from: 10.1.2.3 }, want: { answer: deny, policies: [by-day] } }
  - { name: unproved, as: ana, task: { kind: incident, proved: {}, ticket: INC-1 }, ask: { scope: [shop/restart] }, want: { answer: not-eligible } }
  - { name: gone, as: incident-agent, for: [ana], facts: { people: [{ name: ana, disabled: true }] }, act: { on: shop/list-incidents, from: 10.1.2.3 }, want: { answer: deny, refusal: identity.owner-gone } }
`,
    ['--policies', policies],
  )
  assert.deepEqual([ran.exitCode, ran.out], [0, '5 cases, all as wanted\n'], ran.out + ran.err)
})

/** A validator that is not of our reader's library: the one that the API server brings. */
function validator(schema: object): (value: unknown) => boolean {
  const server = createRequire(import.meta.resolve('fastify'))
  const { default: Ajv } = createRequire(server.resolve('@fastify/ajv-compiler'))('ajv/dist/2020') as {
    readonly default: new (options: object) => { compile(schema: object): (value: unknown) => boolean }
  }
  return new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).compile(schema)
}

test('the JSON Schema takes the example, and refuses what the reader refuses', async () => {
  const { exitCode, out } = await tryCli(['policy', 'test', '--schema'], { house })
  assert.equal(exitCode, 0)
  const schema = JSON.parse(out)
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
  const reads = validator(schema)
  const example: unknown = parse(await readFile(cases, 'utf8'))
  assert.ok(reads(example))
  const good = { name: 'x', as: 'ana', act: { on: 'shop/restart' }, want: { answer: 'allow' } }
  const file = (...more: object[]) => ({ version: 1, cases: more })
  assert.ok(reads(file(good)))
  const broken: readonly object[] = [
    { ...file(good), version: 2 },
    { ...file(good), case: [] },
    file(),
    file({ ...good, want: { answer: 'alow' } }),
    file({ ...good, want: {} }),
    file({ ...good, as: 5 }),
    file({ ...good, ask: { scope: ['shop/restart'] } }),
    file({ name: 'x', as: 'ana', want: { answer: 'allow' } }),
    file({ ...good, at: 'yesterday' }),
    file({ ...good, act: { on: 'shop/restart', arguments: { a: { b: 1 } } } }),
    file({ ...good, facts: { identities: [{ name: 'x', kind: 'human' }] } }),
  ]
  for (const each of broken) assert.equal(reads(each), false, JSON.stringify(each))
})
