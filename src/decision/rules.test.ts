/** What a folder of policies may say and what not, through Cedar's validator and Remit's own rules. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { PolicyChecker } from '../host/policy-checker.ts'
import { describeSourceProblem, type SourceProblem } from '../kernel/source-problems.ts'
import { describeSelector } from '../model/selector.ts'
import { mustBe } from '../kernel/result.ts'
import { entityStore } from './cedar/entities.ts'
import { evaluate } from './cedar/evaluate.ts'
import { type CedarValue, Uid } from './cedar/values.ts'
import { readRules, type Rules, rulesVersion } from './rules.ts'
import { actionEntities, cedarSchema, type SchemaWorld } from './schema.ts'
import { deskActionUid, deskUid, operationUid, resourceUid, serviceUid } from './names.ts'

const shop = { id: 'shop', protocol: 'http' } as const
const world: SchemaWorld = {
  services: [
    {
      name: 'shop',
      protocol: 'http',
      environment: 'prod',
      labels: ['web'],
      operations: [
        { name: 'list', effect: 'read', arguments: [] },
        { name: 'restart', effect: 'execute', arguments: [{ name: 'service', type: 'string', required: true }] },
      ],
    },
  ],
}
const schema = cedarSchema(world)
const checker = new PolicyChecker()
after(() => checker.close())

async function read(text: string): Promise<readonly SourceProblem[] | Rules> {
  const files = [{ name: 'a.cedar', text }]
  const checked = await checker.check(files, schema)
  if ('problems' in checked) return checked.problems
  const known = new Map([
    ['Service', new Set(['shop', 'desk'])],
    ['Role', new Set(['sre', 'release-bots', 'release-manager'])],
  ])
  const answer = readRules({ policies: checked.policies, files, schema, known })
  return answer.ok ? answer.rules : answer.problems
}

async function rulesOf(text: string): Promise<Rules> {
  const rules = await read(text)
  assert.ok('version' in rules, 'version' in rules ? '' : rules.map(describeSourceProblem).join('\n'))
  return rules
}

test('the policies of the design become eligibility, guardrails and desk', async () => {
  const rules = await rulesOf(`
@id("release-bots-may-ask")
@approval("role:release-manager") @duration("30m") @maxDuration("2h")
permit (principal in Role::"release-bots", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "release" && context.proved has ticket };

@id("agents-never-administer-prod")
forbid (principal is AiAgent, action in Effect::Action::"administer", resource) when { resource.environment == "prod" };

@id("restart-needs-a-person") @hold("2 of role:sre")
forbid (principal is AiAgent, action in Effect::Action::"any", resource == Tool::"ops/restart_service");

@id("one-service-only")
forbid (principal, action in [Action::"http:shop/restart"], resource) unless { context.arguments.service == "checkout" };

@id("sre-audit")
permit (principal in Role::"sre", action == Desk::Action::"audit", resource);

@id("sre-may-ask-for-the-desk") @approval("2 of role:sre")
permit (principal in Role::"sre", action == Desk::Action::"ask", resource) when { context.effects.contains("administer") };
`)
  assert.deepEqual([...rules.eligibility.byId.keys()], ['release-bots-may-ask', 'sre-may-ask-for-the-desk'])
  assert.deepEqual([...rules.guardrails.byId.keys()], ['agents-never-administer-prod', 'restart-needs-a-person', 'one-service-only'])
  assert.deepEqual([...rules.desk.byId.keys()], ['sre-audit'])
  assert.deepEqual(
    [...rules.holds].map(([id, selector]) => [id, describeSelector(selector)]),
    [['restart-needs-a-person', '2 of role:sre']],
  )
  const terms = rules.terms.get('release-bots-may-ask')
  assert.deepEqual(
    [terms?.duration, terms?.maxDuration, terms?.approval && describeSelector(terms.approval)],
    [1_800_000, 7_200_000, 'role:release-manager'],
  )
  assert.equal(rules.eligibility.byId.get('release-bots-may-ask')?.describe(), 'permit "release-bots-may-ask" (a.cedar:2)')
})

test('a duty is read as what it demands, and may stand with a hold', async () => {
  const rules = await rulesOf(`
@id("reads") @duty("record=durable, answer<=1MB, time<=30s")
forbid (principal, action in Effect::Action::"read", resource);

@id("writes") @hold("role:sre") @duty("time<=1m")
forbid (principal, action in Effect::Action::"write", resource);
`)
  assert.deepEqual(
    [...rules.duties],
    [
      ['reads', { evidence: 'durable', answerBytesMax: 1_000_000, millisecondsMax: 30_000 }],
      ['writes', { millisecondsMax: 60_000 }],
    ],
  )
  assert.deepEqual([...rules.holds.keys()], ['writes'])
})

const ask = 'action == Action::"request"'
const refused: Readonly<Record<string, readonly [text: string, says: RegExp]>> = {
  'a static permit on an operation': [
    `@id("a") permit (principal, action == Action::"http:shop/list", resource);`,
    /^a\.cedar:1:1: a static permit on Action::"http:shop\/list" would be standing access\n.*grant/,
  ],
  'a static permit on an effect': [`@id("a") permit (principal, action in Effect::Action::"read", resource);`, /would be standing access/],
  'a permit on every action': [`@id("a") permit (principal is Human, action, resource is Route);`, /this permit is about every action/],
  'a permit on an empty list of actions': [`@id("a") permit (principal, action in [], resource);`, /empty set literals are forbidden/],
  'a permit on asking and acting together': [
    `@id("a") permit (principal, action in [Action::"request", Action::"http:shop/list"], resource is Route);`,
    /would be standing access/,
  ],
  'a standing permit to administer': [
    `@id("a") permit (principal in Role::"sre", action == Desk::Action::"administer", resource);`,
    /nobody stands at the desk for Desk::Action::"administer"\n.*Desk::Action::"ask"/,
  ],
  'a standing permit to operate, among others': [
    `@id("a") permit (principal in Role::"sre", action in [Desk::Action::"stop", Desk::Action::"operate"], resource);`,
    /nobody stands at the desk for Desk::Action::"operate"/,
  ],
  'a guardrail without an action': [
    `@id("a") forbid (principal is AiAgent, action, resource) when { resource is Route };`,
    /this forbid is about every action, asking included\n.*Effect::Action::"any"/,
  ],
  'a guardrail on asking': [`@id("a") forbid (principal is AiAgent, ${ask}, resource);`, /a guardrail forbids actions, not asking/],
  'a permit on asking for the desk and sitting at it together': [
    `@id("a") permit (principal, action in [Desk::Action::"ask", Desk::Action::"audit"], resource);`,
    /mixes asking, acting and the desk/,
  ],
  'no id': [`permit (principal in Role::"sre", ${ask}, resource);`, /does not evaluate a policy without @id/],
  'an id that is not one': [
    `@id("No spaces!") permit (principal in Role::"sre", ${ask}, resource);`,
    /@id\("No spaces!"\) is not written as an id/,
  ],
  'an id used twice': [
    `@id("a") permit (principal in Role::"sre", ${ask}, resource);\n@id("a") forbid (principal, action in Effect::Action::"read", resource);`,
    /^a\.cedar:2:1: @id\("a"\) is used already by permit "a" \(a\.cedar:1\)/,
  ],
  'a misspelt annotation': [
    `@id("a") @aproval("role:sre") permit (principal in Role::"sre", ${ask}, resource);`,
    /@aproval is no annotation of Remit's\n.*did you mean @approval\?/,
  ],
  'an annotation of another kind of policy': [
    `@id("a") @hold("role:sre") permit (principal in Role::"sre", ${ask}, resource);`,
    /@hold has no meaning on this policy\n.*@approval, @duration, @maxDuration/,
  ],
  'a hold on a desk rule': [
    `@id("a") @hold("role:sre") forbid (principal, action == Desk::Action::"stop", resource);`,
    /@hold has no meaning on this policy/,
  ],
  'a duration that is none': [
    `@id("a") @duration("half an hour") permit (principal in Role::"sre", ${ask}, resource);`,
    /@duration\("half an hour"\) is not a length of time/,
  ],
  'a duration above its own maximum': [
    `@id("a") @duration("3h") @maxDuration("2h") permit (principal in Role::"sre", ${ask}, resource);`,
    /@duration is longer than @maxDuration/,
  ],
  'a selector that names nobody': [
    `@id("a") @approval("anyone") permit (principal in Role::"sre", ${ask}, resource);`,
    /@approval\("anyone"\) names nobody\n.*role:x/,
  ],
  'a duty on a permit': [
    `@id("a") @duty("time<=1s") permit (principal in Role::"sre", ${ask}, resource);`,
    /@duty has no meaning on this policy/,
  ],
  'a duty on a desk rule': [
    `@id("a") @duty("time<=1s") forbid (principal, action == Desk::Action::"stop", resource);`,
    /@duty has no meaning on this policy/,
  ],
  'a duty on what is done at the desk': [
    `@id("a") @duty("time<=1s") forbid (principal, action in Effect::Action::"any", resource in Service::"desk");`,
    /duties are kept by gateways\n.*in the ledger/,
  ],
  'an unknown word in a duty': [
    `@id("a") @duty("record=durable, mask=email") forbid (principal, action in Effect::Action::"read", resource);`,
    /"mask=email" is no duty of Remit's\n.*a duty takes record=written, record=durable, answer<=64kB .* time<=30s/,
  ],
  'an empty duty': [`@id("a") @duty forbid (principal, action in Effect::Action::"read", resource);`, /"" is no duty of Remit's/],
  'a duty said twice': [
    `@id("a") @duty("time<=1s, time<=2s") forbid (principal, action in Effect::Action::"read", resource);`,
    /"time<=2s" says again what was said before/,
  ],
  'an empty hold': [`@id("a") @hold forbid (principal, action in Effect::Action::"read", resource);`, /@hold\(""\) names nobody/],
  'a service that does not exist': [
    `@id("a") permit (principal in Role::"sre", ${ask}, resource in Service::"shpo");`,
    /there is no Service::"shpo"\n.*did you mean Service::"shop"\?/,
  ],
  'a role that does not exist, in a condition': [
    `@id("a") permit (principal, ${ask}, resource) when { principal in [Role::"sre", Role::"release-bot"] };`,
    /there is no Role::"release-bot"\n.*did you mean Role::"release-bots"\?/,
  ],
  'a role that nobody declared, in an approval': [
    `@id("a") @approval("2 of role:rse | identity:ana") permit (principal in Role::"sre", ${ask}, resource);`,
    /@approval\("2 of role:rse \| identity:ana"\): there is no role rse\n.*did you mean role:sre\? or declare it under roles/,
  ],
  'a role that nobody declared, in a hold': [
    `@id("a") @hold("role:wardens") forbid (principal, action in Effect::Action::"read", resource);`,
    /there is no role wardens\n.*declare it under roles in remit\.yaml/,
  ],
  'asking for exactly a service': [
    `@id("a") permit (principal in Role::"sre", ${ask}, resource == Service::"shop");`,
    /resource == Service::"shop" is never true.*\n.*write resource in Service::"shop"/,
  ],
  'exactly a service, in a condition, the other way round': [
    `@id("a") permit (principal in Role::"sre", ${ask}, resource) when { context.task.kind == "x" && Service::"shop" == resource };`,
    /resource == Service::"shop" is never true/,
  ],
  'a guardrail on exactly a service': [
    `@id("a") forbid (principal, action in Effect::Action::"read", resource == Service::"shop");`,
    /write resource in Service::"shop"/,
  ],
  'asking for what is a service': [
    `@id("a") permit (principal in Role::"sre", ${ask}, resource is Service);`,
    /resource is Service is never true.*\n.*write resource is Route/,
  ],
  'asking for the desk as if it were any service': [
    `@id("a") permit (principal in Role::"sre", ${ask}, resource in Service::"desk");`,
    /Service::"desk" is not asked for by Action::"request"\n.*Desk::Action::"ask"/,
  ],
  'asking for the desk of a space, which is no operation of it': [
    `@id("a") permit (principal in Role::"sre", action == Desk::Action::"ask", resource == Desk::Space::"main");`,
    /impossible|unable to find an applicable action/i,
  ],
}

for (const [says, [text, wanted]] of Object.entries(refused)) {
  test(`refused: ${says}`, async () => {
    const problems = await read(text)
    assert.ok(!('version' in problems), 'accepted')
    assert.match(problems.map(describeSourceProblem).join('\n'), wanted)
  })
}

test('the version follows every byte of files and schema, and nothing else', () => {
  const files = [
    { name: 'a.cedar', text: 'one' },
    { name: 'b.cedar', text: 'two' },
  ]
  const version = rulesVersion({ files, schema })
  assert.match(version, /^[0-9a-f]{64}$/)
  assert.equal(rulesVersion({ files: files.toReversed(), schema }), version)
  const others = [
    { files, schema: `${schema} ` },
    { files: files.slice(1), schema },
    {
      files: [
        { name: 'a.cedar', text: 'on' },
        { name: 'b.cedar', text: 'etwo' },
      ],
      schema,
    },
    {
      files: [
        { name: 'a.cedar', text: 'two' },
        { name: 'b.cedar', text: 'one' },
      ],
      schema,
    },
    {
      files: [
        { name: 'a.cedaro', text: 'ne' },
        { name: 'b.cedar', text: 'two' },
      ],
      schema,
    },
  ]
  assert.equal(new Set([version, ...others.map(rulesVersion)]).size, others.length + 1)
})

// --- The desk that ships with Remit ---------------------------------------------------------------------------------

const person = (name: string, ...roles: string[]) => ({
  uid: new Uid('Human', name),
  attributes: new Map(),
  parents: roles.map((role) => new Uid('Role', role)),
})
const agent = {
  uid: new Uid('AiAgent', 'agent'),
  attributes: new Map<string, CedarValue>([['owner', new Uid('Human', 'ana')]]),
  parents: ['auditors', 'operators', 'administrators'].map((role) => new Uid('Role', role)),
}
const people = [person('ana'), person('audrey', 'auditors'), person('otto', 'operators'), person('adam', 'administrators')]

const deskFile = { name: 'desk.cedar', text: readFileSync(new URL('desk.cedar', import.meta.url), 'utf8') }
const generous = {
  name: 'generous.cedar',
  text: `@id("everyone") permit (principal, action in [Desk::Action::"approve", Desk::Action::"audit", Desk::Action::"stop"], resource);`,
}
const deskCases = [
  {
    says: 'at the desk stand approve, audit and stop alone',
    files: [deskFile],
    may: { ana: ['approve'], audrey: ['approve', 'audit'], otto: ['approve', 'audit', 'stop'], adam: ['approve'], agent: [] },
  },
  {
    says: 'no folder can let a machine approve',
    files: [deskFile, generous],
    may: {
      ...Object.fromEntries(people.map(({ uid }) => [uid.id, ['approve', 'audit', 'stop']])),
      agent: ['audit', 'stop'],
    },
  },
]

for (const { says, files, may } of deskCases) {
  test(says, async () => {
    const checked = await checker.check(files, schema)
    assert.ok('policies' in checked)
    const answer = readRules({ policies: checked.policies, files, schema })
    assert.ok(answer.ok)
    const { desk, eligibility, guardrails } = answer.rules
    assert.deepEqual(
      [...eligibility.policies, ...guardrails.policies].map((policy) => policy.id),
      ['desk-administrators-may-ask'],
    )
    const store = mustBe(entityStore([...people, agent, ...actionEntities(world)]))
    const allowed = (principal: Uid) =>
      (['approve', 'audit', 'stop', 'operate', 'administer'] as const).filter((action) => {
        const request = { principal, action: deskActionUid(action), resource: deskUid('main'), context: new Map() }
        return evaluate(desk, request, store).decision === 'allow'
      })
    assert.deepEqual(Object.fromEntries([...people, agent].map(({ uid }) => [uid.id, allowed(uid)])), may)
  })
}

test('an operation is below its effect, so a guardrail on the effect meets it', async () => {
  const rules = await rulesOf(`@id("no-execute") forbid (principal, action in Effect::Action::"execute", resource in Service::"shop");`)
  const route = { attributes: new Map<string, CedarValue>(), parents: [serviceUid(shop)] }
  const routes = ['list', 'restart'].map((name) => ({ uid: resourceUid(shop, name), ...route }))
  const store = mustBe(entityStore([...people, ...routes, ...actionEntities(world)]))
  const forbidden = ['list', 'restart'].filter(
    (name) =>
      evaluate(
        rules.guardrails,
        { principal: new Uid('Human', 'ana'), action: operationUid(shop, name), resource: resourceUid(shop, name), context: new Map() },
        store,
      ).forbids.length > 0,
  )
  assert.deepEqual(forbidden, ['restart'])
})
