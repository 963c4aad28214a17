/** Applications that bring policies of their own: never part of Remit's, changed by change-sets that widen unless they certainly narrow, kept. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readConfiguration } from '../../src/cli/configuration-file.ts'
import { exportedFiles } from '../../src/cli/export-files.ts'
import { systemFiles } from '../../src/cli/system-files.ts'
import { visibleApplications } from '../../src/control/applications.ts'
import { exportConfiguration } from '../../src/control/export-configuration.ts'
import { planChange, proposeChange } from '../../src/control/change-sets.ts'
import { evaluate } from '../../src/decision/cedar/evaluate.ts'
import { Uid } from '../../src/decision/cedar/values.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { ChangeClass, Pruning } from '../../src/model/change-sets.ts'
import { configure, operator, propose, signAll } from '../world/configure.ts'
import type { ExportView } from '../../src/sdk/views.ts'
import { asDocument, shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const schema = `entity User in [Team] { level: Long }; entity Team; entity Route in [Service]; entity Service;
action any; action "request", look in [any] appliesTo { principal: User, resource: Route, context: { ip?: ipaddr } };`
const policies = `@id("levels") permit (principal in Team::"shop", action in Action::"any", resource) when { principal.level > 9007199254740993 };
@id("told") @obligation("log") permit (principal == User::"root", action, resource);
@id("never") forbid (principal == User::"eve", action, resource);
@id("owner") permit (principal == ?principal, action == Action::"look", resource in ?resource);
@id("banned") forbid (principal == ?principal, action, resource);`
const user = (id: string, level: string, team = 'shop') =>
  `{"uid":{"type":"User","id":"${id}"},"attrs":{"level":${level}},"parents":[{"type":"Team","id":"${team}"}]}`
const entities = `[${user('ana', '9007199254740994')},${user('ben', '9007199254740993')}]`
const link = (newId: string, templateId: string, values: object) => ({ templateId, newId, values })
const who = (id: string) => ({ '?principal': { type: 'User', id } })
const links = [
  link('ben-owns', 'owner', { ...who('ben'), '?resource': { type: 'Service', id: 's' } }),
  link('mal-banned', 'banned', who('mal')),
]

interface Parts {
  readonly schema?: string
  readonly policies?: string
  readonly entities?: string
  readonly links?: readonly object[]
  readonly callers?: string
}

function application(parts: Parts = {}, name = 'shop-app'): object {
  return {
    name,
    schema: { name: 'app/shop.cedarschema', text: parts.schema ?? schema },
    policyFiles: [{ name: 'app/shop.cedar', text: parts.policies ?? policies }],
    entities: { name: 'app/entities.json', text: parts.entities ?? entities },
    links: { name: 'app/links.json', text: JSON.stringify(parts.links ?? links) },
    callers: parts.callers ?? 'role:incident-agents | identity:meter',
  }
}

const document = (...applications: readonly object[]) => shopDocument({ applications })
const changed = (parts: Parts) => document(application(parts))
const without = (id: string) => changed({ policies: policies.replace(new RegExp(`@id\\("${id}"\\)[^;]*;\\n?`), '') })

type Row = readonly [says: string, document: ReturnType<typeof document>, wanted: ChangeClass | 'nothing', words: RegExp, prune?: Pruning]

const rows: readonly Row[] = [
  ['nothing', document(application()), 'nothing', /^$/],
  ['it is not named', document(), 'nothing', /^$/],
  ['it is not named, and everything else goes', document(), 'narrows', /application shop-app is gone/, 'everything'],
  [
    'another comes',
    document(application(), application({}, 'other')),
    'widens',
    /other may be asked by .*: 3 policies, 2 templates with 2 links, 2 entities; not enforced by Remit/,
  ],
  [
    'a caller comes',
    changed({ callers: 'role:incident-agents | identity:meter | identity:bot' }),
    'widens',
    /may be asked by .*identity:bot instead/,
  ],
  ['a caller goes', changed({ callers: 'identity:meter' }), 'narrows', /may be asked by identity:meter instead of/],
  ['a caller is replaced', changed({ callers: 'identity:bot' }), 'widens', /instead of/],
  ['a permit comes', changed({ policies: `${policies}\n@id("all") permit (principal, action, resource);` }), 'widens', /permits by all/],
  ['a forbid comes', changed({ policies: `${policies}\n@id("none") forbid (principal, action, resource);` }), 'narrows', /forbids by none/],
  ['a permit goes', without('levels'), 'narrows', /no longer permits by levels/],
  ['a permit goes that said something of whom it permits', without('told'), 'widens', /no longer permits, nor demands .* by told/],
  ['a forbid goes', without('never'), 'widens', /no longer forbids by never/],
  [
    'a condition is another',
    changed({ policies: policies.replace('9007199254740993', '9007199254740992') }),
    'widens',
    /decides otherwise by levels/,
  ],
  ['a link to a permit goes', changed({ links: links.slice(1) }), 'narrows', /no longer permits by ben-owns/],
  ['a link to a forbid goes', changed({ links: links.slice(0, 1) }), 'widens', /no longer forbids by mal-banned/],
  [
    'a link to a forbid comes',
    changed({ links: [...links, link('eve-banned', 'banned', who('eve'))] }),
    'narrows',
    /forbids by eve-banned/,
  ],
  [
    'a link is about somebody else',
    changed({ links: [links[0] ?? {}, link('mal-banned', 'banned', who('moe'))] }),
    'widens',
    /decides otherwise by mal-banned/,
  ],
  [
    'an entity comes',
    changed({ entities: `[${user('ana', '9007199254740994')},${user('ben', '9007199254740993')},${user('zoe', '1')}]` }),
    'widens',
    /1 entity is added: User::"zoe"/,
  ],
  ['an entity goes', changed({ entities: `[${user('ana', '9007199254740994')}]` }), 'widens', /1 entity is gone: User::"ben"/],
  [
    'a digit beyond 2^53 is another',
    changed({ entities: entities.replace('9007199254740994', '9007199254740995') }),
    'widens',
    /described otherwise: User::"ana"/,
  ],
  ['the schema is another', changed({ schema: schema.replace('ip?: ipaddr', 'ip?: ipaddr, port?: Long') }), 'widens', /another schema/],
  ['a comment comes', changed({ policies: `// ours\n${policies}` }), 'neutral', /written in another way/],
  [
    'somebody gains a role that may ask it',
    shopDocument({ roles: { 'incident-agents': ['aide', 'bot'] } }),
    'widens',
    /bot gains role incident-agents: .*may ask the application shop-app/,
  ],
]

describe('applications', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document(application()) })
  })
  after(() => world.close())

  for (const [says, wanted, changeClass, words, prune] of rows) {
    test(`${says}: ${changeClass}`, async () => {
      const plan = mustBe(await planChange(world.desk, operator, { document: wanted, prune: prune ?? 'policies' }))
      const ofIt = plan.changes.filter(({ kind, says: what }) => kind === 'application' || what.includes('application'))
      assert.equal(
        ofIt.length === 0 ? 'nothing' : ofIt.length === 1 ? ofIt[0]?.class : 'several',
        changeClass,
        JSON.stringify(plan.changes),
      )
      assert.match(ofIt.map((each) => `${each.kind} ${each.name} ${each.says}`).join('\n'), words)
    })
  }

  test('answers by its own policies alone, and Remit answers without them', () => {
    const set = world.desk.facts.application('shop-app')
    assert.ok(set !== undefined)
    const ask = (id: string, action: string) => {
      const request = {
        principal: new Uid('User', id),
        action: new Uid('Action', action),
        resource: new Uid('Route', 'r'),
        context: new Map(),
      }
      return evaluate(set.policies, request, set.entities).decision
    }
    assert.deepEqual(
      [ask('ana', 'request'), ask('ben', 'request'), ask('root', 'look'), ask('eve', 'look')],
      ['allow', 'deny', 'allow', 'deny'],
    )
    const own = world.desk.facts.rules
    assert.ok(own !== undefined)
    for (const { policies: list } of [own.eligibility, own.guardrails, own.desk])
      assert.ok(!list.some(({ id }) => ['levels', 'told', 'never', 'ben-owns'].includes(id)))
    assert.equal(world.desk.facts.entities.get(new Uid('User', 'ana').key), undefined)
  })

  test('what is exported, applied again, changes nothing, digits beyond 2^53 included', async () => {
    const exported = mustBe(exportConfiguration(world.desk, await world.caller('ben')))
    const plan = mustBe(
      await planChange(world.desk, operator, {
        document: { ...exported.document, policyFiles: exported.policyFiles.map((each) => ({ ...each })) },
        prune: 'everything',
      }),
    )
    assert.deepEqual(plan.changes, [])
    assert.equal(plan.base, exported.base)
  })
})

test('the files of an export, read again from their folder, change nothing', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'remit-applications-'))
  const world = await openWorld({ document: document(application(), application({ links: [] }, 'other')) })
  context.after(async () => {
    await world.close()
    rmSync(folder, { recursive: true })
  })
  const exported = mustBe(exportConfiguration(world.desk, await world.caller('ben')))
  for (const { name, text } of exportedFiles(JSON.parse(JSON.stringify(exported)) as ExportView)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const read = await readConfiguration({ path: join(folder, 'remit.yaml'), files: systemFiles, env: {}, resolve: true })
  assert.deepEqual(read.problems, [])
  const plan = mustBe(await planChange(world.desk, operator, { document: asDocument(read.document), prune: 'everything' }))
  assert.deepEqual(
    plan.changes.filter(({ kind }) => kind === 'application'),
    [],
  )
})

test('who may ask an application knows of it, and whoever audits; to others it is not there', async (context) => {
  const world = await openWorld({ document: document(application(), application({ callers: 'identity:bot' }, 'other')) })
  context.after(() => world.close())
  const seenBy = async (name: string, actor?: string) =>
    visibleApplications(world.desk, await world.caller(name, actor)).map(({ id }) => id)
  assert.deepEqual(await seenBy('aide'), ['shop-app'])
  assert.deepEqual(await seenBy('meter'), ['shop-app'])
  assert.deepEqual(await seenBy('bot'), ['other'])
  assert.deepEqual(await seenBy('bot', 'aide'), [], 'acting for somebody, both must be named')
  assert.deepEqual(await seenBy('eva'), ['other', 'shop-app'], 'she audits')
})

const wrong: readonly {
  readonly says: string
  readonly parts: Parts
  readonly want: readonly [pointer: string | undefined, message: RegExp]
}[] = [
  {
    says: 'an attribute of another type',
    parts: { entities: `[${user('ana', '"high"')}]` },
    want: ['/applications/0/entities/0/attrs/level', /a text/],
  },
  { says: 'a fraction', parts: { entities: `[${user('ana', '1.5')}]` }, want: ['/applications/0/entities/0/attrs/level', /fraction 1\.5/] },
  { says: 'null', parts: { entities: `[${user('ana', 'null')}]` }, want: ['/applications/0/entities/0/attrs/level', /null/] },
  {
    says: 'an integer at 2^63',
    parts: { entities: `[${user('ana', '9223372036854775808')}]` },
    want: ['/applications/0/entities', /beyond 64 bits/],
  },
  {
    says: 'an entity given twice',
    parts: { entities: `[${user('ana', '1')},${user('ana', '1')}]` },
    want: ['/applications/0/entities/1/uid', /stands at \/0 already/],
  },
  {
    says: 'an unknown type',
    parts: { entities: '[{"uid":{"type":"Usr","id":"a"},"attrs":{},"parents":[]}]' },
    want: ['/applications/0/entities/0/uid', /no entity type "Usr"/],
  },
  {
    says: 'a circle of parents',
    parts: {
      schema: `${schema} entity Group in [Group];`,
      entities:
        '[{"uid":{"type":"Group","id":"a"},"attrs":{},"parents":[{"type":"Group","id":"b"}]},{"uid":{"type":"Group","id":"b"},"attrs":{},"parents":[{"type":"Group","id":"a"}]}]',
    },
    want: ['/applications/0/entities/1/parents', /circle/],
  },
  {
    says: 'an attribute called __proto__ that the schema does not have',
    parts: { entities: '[{"uid":{"type":"Team","id":"a"},"attrs":{"__proto__":1},"parents":[]}]' },
    want: ['/applications/0/entities/0/attrs/__proto__', /no attribute "__proto__"/],
  },
  {
    says: 'entities five thousand deep',
    parts: { entities: `${'['.repeat(5_000)}${']'.repeat(5_000)}` },
    want: ['/applications/0/entities', /more than 64 deep/],
  },
  { says: 'a duplicate key', parts: { entities: '[{"uid":1,"uid":2}]' }, want: ['/applications/0/entities', /duplicate key/] },
  { says: 'a link to no template', parts: { links: [link('l', 'none', {})] }, want: ['/applications/0/links/0', /template/] },
  {
    says: 'a link with an unknown type',
    parts: { links: [link('l', 'banned', { '?principal': { type: 'Usr', id: 'a' } })] },
    want: ['/applications/0/links/0', /Usr/],
  },
  {
    says: 'callers that nobody is',
    parts: { callers: 'role:incident-agent' },
    want: ['/applications/0/callers', /there is no role "incident-agent"/],
  },
  {
    says: 'a policy that its schema does not allow',
    parts: { policies: 'permit (principal, action, resource) when { principal.rank > 1 };', links: [] },
    want: [undefined, /rank/],
  },
]

describe('an application with a fault', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document(application()) })
  })
  after(() => world.close())

  for (const { says, parts, want } of wrong) {
    test(`is refused: ${says}`, async () => {
      const there = world.desk.facts.application('shop-app')
      const refused = await proposeChange(world.desk, operator, { document: changed(parts) })
      assert.ok(!refused.ok, 'it was taken')
      const [first] = refused.refusal.problems ?? []
      assert.deepEqual([first?.pointer], [want[0]], JSON.stringify(refused.refusal))
      assert.match(first?.message ?? '', want[1])
      assert.notEqual(first?.remedy, '')
      assert.equal(world.desk.facts.application('shop-app'), there, 'what was there is as it was')
    })
  }
})

test('an application is there after a restart, and one that was removed is gone for good', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'remit-applications-'))
  const world = await openWorld({ document: document(application(), application({}, 'other')), storePath: join(folder, 'remit.db') })
  context.after(async () => {
    await world.close()
    rmSync(folder, { recursive: true })
  })
  const version = world.desk.facts.application('shop-app')?.version
  await world.restart()
  assert.equal(world.desk.facts.application('shop-app')?.version, version)
  assert.ok(version !== undefined)
  await configure(world, document(application({ callers: 'identity:meter' })))
  assert.deepEqual(world.desk.facts.application('shop-app')?.callers, [{ kind: 'identity', name: 'meter' }])
  const removal = await propose(world, operator, { document: document(application({ callers: 'identity:meter' })), prune: 'everything' })
  assert.equal(await signAll(world, removal), 'applied')
  assert.equal(world.desk.facts.application('other'), undefined)
  await world.restart()
  assert.equal(world.desk.facts.application('other'), undefined)
  const again = await proposeChange(world.desk, operator, { document: document(application({}, 'other')) })
  assert.equal(
    again.ok ? '' : again.refusal.detail,
    '/applications/0/name: an application of this name was removed, and names are never used again',
  )
})
