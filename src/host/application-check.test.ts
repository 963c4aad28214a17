import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { ApplicationTexts } from './application-check.ts'
import { canonicalJson } from '../kernel/json.ts'
import { PolicyChecker } from './policy-checker.ts'

const checker = new PolicyChecker()
after(() => checker.close())

const schemaText = `entity User in [Team] { level: Long }; entity Team; entity Doc { owner: User };
action "request" appliesTo { principal: User, resource: Doc, context: { ip?: ipaddr } };
action view appliesTo { principal: User, resource: Doc };`
const schemaJson = JSON.stringify({
  '': {
    entityTypes: { User: { shape: { type: 'Record', attributes: { level: { type: 'Long' } } } }, Doc: {} },
    actions: { view: { appliesTo: { principalTypes: ['User'], resourceTypes: ['Doc'] } } },
  },
})

function texts(policies: string, others: Partial<ApplicationTexts> = {}): ApplicationTexts {
  return {
    schema: { name: 'shop.cedarschema', text: schemaText },
    files: [{ name: 'shop.cedar', text: policies }],
    links: [],
    linksName: 'links.json',
    ...others,
  }
}

const template = '@id("owner") permit (principal == ?principal, action == Action::"view", resource in ?resource);'
const ana = { type: 'User', id: 'ana' }
const doc = { type: 'Doc', id: 'd' }

const wrong: readonly {
  readonly says: string
  readonly texts: ApplicationTexts
  readonly want: readonly [string, number, number, RegExp]
}[] = [
  {
    says: 'a policy that is no Cedar',
    texts: texts('permit (principal, action, resource)\nwhen { 1 + };'),
    want: ['shop.cedar', 2, 12, /unexpected token/],
  },
  {
    says: 'an attribute that the schema does not have',
    texts: texts('permit (principal is User, action == Action::"view", resource)\nwhen { principal.rank > 1 };'),
    want: ['shop.cedar', 2, 8, /attribute `rank`/],
  },
  {
    says: 'a misspelt name behind has',
    texts: texts('permit (principal, action == Action::"request", resource) when { context has ipp };'),
    want: ['shop.cedar', 1, 1, /impossible/],
  },
  {
    says: 'a schema that names a type that it does not have',
    texts: texts('', { schema: { name: 's.cedarschema', text: 'entity User;\nentity Doc { owner: Nobody };' } }),
    want: ['s.cedarschema', 2, 21, /Nobody/],
  },
  {
    says: 'a schema that is no JSON',
    texts: texts('', { schema: { name: 's.json', text: '{"": {' } }),
    want: ['s.json', 1, 1, /not valid JSON/],
  },
  {
    says: 'a schema in JSON with something that Cedar does not know',
    texts: texts('', { schema: { name: 's.json', text: '{"": {"entityTypes": {"A": {"shape": {"type": "Recrod"}}}, "actions": {}}}' } }),
    want: ['s.json', 1, 1, /\[A\]/],
  },
  {
    says: 'a schema nested too deeply',
    texts: texts('', { schema: { name: 's', text: `entity A { a: ${'Set<'.repeat(80)}Long${'>'.repeat(80)} };` } }),
    want: ['s', 1, 1, /nested deeper than 64/],
  },
  {
    says: 'a schema of a megabyte',
    texts: texts('', { schema: { name: 's', text: `entity A;${' '.repeat(1_000_000)}` } }),
    want: ['s', 1, 1, /larger than 500000 bytes/],
  },
  {
    says: 'an id used twice',
    texts: texts('@id("a") permit (principal, action, resource);\n@id("a") forbid (principal, action, resource);'),
    want: ['shop.cedar', 2, 1, /"a" is used already, shop\.cedar:1/],
  },
  {
    says: 'a link with the id of a policy',
    texts: texts(template, { links: [{ id: 'owner', template: 'owner', principal: ana, resource: doc }] }),
    want: ['links.json', 1, 1, /"owner" is used already/],
  },
  {
    says: 'a link to a template that is not there',
    texts: texts(template, { links: [{ id: 'l', template: 'none', principal: ana, resource: doc }] }),
    want: ['links.json', 1, 1, /\/0 \(l\): .*template/],
  },
  {
    says: 'a link that leaves a slot open',
    texts: texts(template, { links: [{ id: 'l', template: 'owner', principal: ana }] }),
    want: ['links.json', 1, 1, /\/0 \(l\): .*\?resource/],
  },
  {
    says: 'a link to an entity of a type that could never match',
    texts: texts(template, { links: [{ id: 'l', template: 'owner', principal: { type: 'Team', id: 'a' }, resource: doc }] }),
    want: ['links.json', 1, 1, /\/0 \(l\): .*/],
  },
  {
    says: 'two hundred parentheses',
    texts: texts(`permit (principal, action, resource) when { ${'('.repeat(200)}true${')'.repeat(200)} };`),
    want: ['shop.cedar', 1, 1, /nested deeper/],
  },
]

for (const { says, texts: given, want } of wrong) {
  test(`refuses ${says}`, async () => {
    const checked = await checker.checkApplication(given)
    assert.ok('problems' in checked, 'it was taken')
    const [file, line, column, message] = want
    const [first] = checked.problems
    assert.deepEqual([first?.file, first?.line, first?.column], [file, line, column], first?.message ?? says)
    assert.match(first?.message ?? '', message)
    assert.notEqual(first?.remedy, '')
  })
}

test('takes what fits its own schema, an action called "request" and integers beyond 2^53 included', async () => {
  const policies = `permit (principal, action == Action::"request", resource) when { principal.level > 9007199254740993 };\n${template}`
  const checked = await checker.checkApplication(
    texts(policies, { links: [{ id: 'ana-d', template: 'owner', principal: ana, resource: doc }] }),
  )
  assert.ok('policies' in checked, 'it was refused')
  assert.deepEqual(
    checked.policies.map(({ id, isTemplate, line }) => [id, isTemplate, line]),
    [
      ['shop.cedar#1', false, 1],
      ['owner', true, 2],
    ],
  )
  assert.match(canonicalJson(checked.policies[0]?.json ?? {}), /9007199254740993/)
})

test('takes a schema in its JSON form, and resolves it', async () => {
  const checked = await checker.checkApplication(
    texts('permit (principal, action, resource) when { principal.level > 3 };', { schema: { name: 's.json', text: schemaJson } }),
  )
  assert.ok('policies' in checked, 'it was refused')
  assert.deepEqual(Object.keys(checked.schema), [''])
})

test('goes on after an application that Cedar could not bear', async () => {
  const short = new PolicyChecker({ timeMsMax: 1 })
  const broken = await short.checkApplication(texts(template))
  assert.ok('problems' in broken && /longer than/.test(broken.problems[0]?.message ?? ''))
  await short.close()
  assert.ok('policies' in (await checker.checkApplication(texts(template))))
})
