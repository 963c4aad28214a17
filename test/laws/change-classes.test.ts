/** What each kind of change counts as, and the words that people read before they sign: one row for each. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { planChange } from '../../src/control/change-sets.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { ChangeClass, Pruning } from '../../src/model/change-sets.ts'
import { configure, operator } from '../world/configure.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const policies = `
@id("agents-ask") @approval("role:sre") @duration("15m") @maxDuration("1h")
permit (principal in Role::"agents", action == Action::"request", resource in Service::"shop");

@id("bots-ask")
permit (principal in Role::"bots", action == Action::"request", resource in Service::"shop");

@id("meters-ask") @approval("role:sre")
permit (principal == ApiClient::"meter", action == Action::"request", resource in Service::"books")
when { context.task.kind == "metering" };

@id("leads-audit")
permit (principal in Role::"leads", action == Desk::Action::"audit", resource);

@id("no-wiping")
forbid (principal is AiAgent, action in Effect::Action::"administer", resource);

@id("watched-stay-out")
forbid (principal in Role::"watched", action in Effect::Action::"any", resource);

@id("restart-is-held") @hold("role:sre")
forbid (principal is AiAgent, action == Action::"http:shop/restart", resource)
when { context.arguments.service == "till" };

@id("prod-is-held") @hold("role:sre")
forbid (principal, action in Effect::Action::"delete", resource)
when { resource.environment == "prod" };

@id("reads-are-small") @duty("record=durable, answer<=1MB")
forbid (principal, action in Effect::Action::"read", resource);
`
const people = [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'gus', disabled: true }]
const roles = { sre: ['ben'], leads: ['eva'], agents: ['aide'], bots: ['bot', 'aide'], watched: ['bot'], unused: ['eva'] }
const identities = [
  { name: 'aide', kind: 'ai-agent', owner: 'ana' },
  { name: 'bot', kind: 'service-account', owner: 'ana', signsInBy: [{ issuer: 'ci', subject: 'repo:shop' }] },
  { name: 'meter', kind: 'api-client', owner: 'ben' },
]
const issuers = [
  { name: 'ci', issuer: 'https://ci.example', audience: 'remit', jwksUri: 'https://ci.example/keys', proves: { ticket: 'ticket' } },
]
const low = { data: 'low', service: 'moderate', safety: 'none' }
const routes = [
  { name: 'list', method: 'GET', path: '/incidents', effect: 'read' },
  { name: 'one', method: 'GET', path: '/incidents/{id}', effect: 'read' },
  { name: 'newest', method: 'GET', path: '/incidents/newest', effect: 'read' },
  { name: 'restart', method: 'POST', path: '/services/{service}/restart', effect: 'execute' },
]
const shop = {
  name: 'shop',
  upstream: 'http://127.0.0.1:9',
  environment: 'prod',
  impact: low,
  labels: ['pci'],
  credential: { bearer: 'canary' },
  routes,
}
const books = {
  name: 'books',
  upstream: 'http://127.0.0.1:8',
  environment: 'test',
  impact: low,
  routes: [{ name: 'read', method: 'GET', path: '/', effect: 'read' }],
}
const base = (more: Readonly<Record<string, unknown>> = {}) =>
  shopDocument({
    people,
    roles,
    identities,
    issuers,
    services: [shop, books],
    policyFiles: [{ name: 'shop.cedar', text: policies }],
    ...more,
  })

const policy = (from: string, to: string) => base({ policyFiles: [{ name: 'shop.cedar', text: replaced(policies, from, to) }] })
const without = (id: string) =>
  base({ policyFiles: [{ name: 'shop.cedar', text: policies.replace(new RegExp(`@id\\("${id}"\\)[^;]*;`), '') }] })
const more = (text: string) => base({ policyFiles: [{ name: 'shop.cedar', text: `${policies}\n${text}` }] })
const role = (changes: Readonly<Record<string, readonly string[]>>) => base({ roles: { ...roles, ...changes } })
const shopWith = (changes: object) => base({ services: [{ ...shop, ...changes }, books] })
const route = (name: string, changes: object | undefined) =>
  shopWith({ routes: routes.flatMap((each) => (each.name !== name ? [each] : changes === undefined ? [] : [{ ...each, ...changes }])) })
const identity = (name: string, changes: object) =>
  base({ identities: identities.map((each) => (each.name === name ? { ...each, ...changes } : each)) })
const issuer = (changes: object) => base({ issuers: [{ ...issuers[0], ...changes }] })

function replaced(text: string, from: string, to: string): string {
  assert.ok(text.includes(from), from)
  return text.replace(from, to)
}

type Row = readonly [says: string, document: ReturnType<typeof base>, wanted: ChangeClass | 'nothing', words: RegExp, prune?: Pruning]

const rows: readonly Row[] = [
  ['nothing', base(), 'nothing', /^$/],
  // People and identities.
  ['a person comes', base({ people: [...people, { name: 'zoe' }] }), 'widens', /person zoe a person who may sign in and answer/],
  ['a person comes disabled', base({ people: [...people, { name: 'zoe', disabled: true }] }), 'neutral', /zoe .*disabled/],
  [
    'an identity comes',
    base({ identities: [...identities, { name: 'new', kind: 'robot', owner: 'ben' }] }),
    'widens',
    /a robot, owned by ben/,
  ],
  [
    'a person is disabled',
    base({ people: people.map((each) => ({ ...each, disabled: each.name !== 'ana' && each.name !== 'eva' })) }),
    'narrows',
    /ben is disabled/,
  ],
  ['a person comes back', base({ people: people.map(({ name }) => ({ name })) }), 'widens', /gus comes back/],
  ['an identity is disabled', identity('aide', { disabled: true }), 'narrows', /aide is disabled/],
  ['an owner changes', identity('aide', { owner: 'eva' }), 'widens', /aide is owned by eva instead of ana/],
  [
    'a further way to sign in',
    identity('meter', { signsInBy: [{ issuer: 'ci', subject: 'x' }] }),
    'widens',
    /may be signed in as by ci, for x/,
  ],
  ['a way to sign in goes', identity('bot', { signsInBy: [] }), 'narrows', /no longer signed in as by ci/],
  // Roles, by what they are good for.
  ['a role that lets ask is gained', role({ agents: ['aide', 'bot'] }), 'widens', /bot gains role agents: may ask by agents-ask/],
  ['a role that approves is gained', role({ sre: ['ben', 'eva'] }), 'widens', /eva gains role sre: .*may approve what agents-ask asks for/],
  ['a role at the desk is gained', role({ leads: ['eva', 'ben'] }), 'widens', /ben gains role leads: at the desk by leads-audit/],
  ['a role that nothing names is gained', role({ unused: ['eva', 'ben'] }), 'neutral', /ben gains role unused, which no policy names/],
  ['a role that nothing names is lost', role({ unused: [] }), 'neutral', /eva loses role unused/],
  ['a role that lets ask is lost', role({ bots: ['aide'] }), 'narrows', /bot loses role bots: may ask by bots-ask/],
  ['a role that approves is lost', role({ sre: [] }), 'narrows', /ben loses role sre/],
  ['a role at the desk is lost', role({ leads: [] }), 'narrows', /eva loses role leads/],
  [
    'a role that a guardrail restrains is lost',
    role({ watched: [] }),
    'widens',
    /bot loses role watched, and with it what watched-stay-out said/,
  ],
  [
    'the dear one of two roles is lost',
    role({ agents: [] }),
    'widens',
    /aide loses role agents; what it may still ask for by bots-ask no longer needs/,
  ],
  // Issuers.
  [
    'an issuer comes',
    base({ issuers: [...issuers, { name: 'idp', issuer: 'https://idp.example', audience: 'remit', jwksUri: 'https://idp.example/keys' }] }),
    'widens',
    /tokens of https:\/\/idp\.example for remit are believed/,
  ],
  ['an issuer has other keys', issuer({ jwksUri: 'https://other.example/keys' }), 'widens', /whoever holds other keys is believed/],
  ['an issuer is another one', issuer({ issuer: 'https://other.example' }), 'widens', /instead of those of https:\/\/ci\.example/],
  ['an issuer proves other facts', issuer({ proves: {} }), 'unclassified', /prove nothing instead of ticket by ticket/],
  [
    'an issuer goes with who signed in by it',
    base({ issuers: [], identities: identities.map((each) => ({ ...each, signsInBy: [] })) }),
    'narrows',
    /ci tokens of https:\/\/ci\.example are believed no more/,
    'everything',
  ],
  // Services.
  [
    'a service comes',
    base({ services: [shop, books, { ...books, name: 'new' }] }),
    'widens',
    /service new 1 operation at http:\/\/127\.0\.0\.1:8, test/,
  ],
  [
    'a service comes with a secret',
    base({ services: [shop, books, { ...books, name: 'new', credential: { bearer: 'x' } }] }),
    'moves-secret',
    /with a credential of its own/,
  ],
  [
    'a service goes',
    base({ services: [shop], policyFiles: [{ name: 'shop.cedar', text: policies.replace(/@id\("meters-ask"\)[^;]*;/, '') }] }),
    'narrows',
    /service books is gone/,
    'everything',
  ],
  [
    'an upstream moves with its secret',
    shopWith({ upstream: 'http://127.0.0.1:7' }),
    'moves-secret',
    /shop is at http:\/\/127\.0\.0\.1:7 instead of/,
  ],
  [
    'an upstream moves',
    base({ services: [shop, { ...books, upstream: 'http://127.0.0.1:7' }] }),
    'widens',
    /books is at http:\/\/127\.0\.0\.1:7/,
  ],
  ['a secret is replaced', shopWith({ credential: { bearer: 'other' } }), 'moves-secret', /its credential is replaced/],
  ['a secret goes into another header', shopWith({ credential: { header: 'x-key', bearer: 'canary' } }), 'moves-secret', /x-key/],
  [
    'a secret is looked up elsewhere',
    shopWith({ credential: { bearer: { reference: 'vault:kv/shop#token' } } }),
    'moves-secret',
    /vault:kv\/shop#token names/,
  ],
  [
    'a secret goes',
    base({ services: [{ name: 'shop', upstream: shop.upstream, environment: 'prod', impact: low, labels: ['pci'], routes }, books] }),
    'narrows',
    /is sent no credential any more/,
  ],
  ['a secret is kept', shopWith({ credential: 'kept' }), 'nothing', /^$/],
  ['a port changes', shopWith({ port: 9_999 }), 'neutral', /is reached at port 9999/],
  [
    'a service with a credential goes to another gateway',
    shopWith({ gateway: 'edge' }),
    'moves-secret',
    /by the gateway edge instead of http/,
  ],
  [
    'a service without one goes to another gateway',
    base({ services: [shop, { ...books, gateway: 'edge' }] }),
    'widens',
    /books is served by the gateway edge instead of http: its traffic passes through there/,
  ],
  ['a proxy is put before it', base({ services: [shop, { ...books, enforcedBy: 'proxy' }] }), 'widens', /books is forwarded by a proxy/],
  ['one with a proxy comes', base({ services: [shop, books, { ...books, name: 'x', enforcedBy: 'proxy' }] }), 'widens', /holds its secret/],
  ['a service says that its gateway is the one inside', shopWith({ gateway: 'http', labels: [] }), 'neutral', /labelled with nothing/],
  ['an environment that policies look at changes', shopWith({ environment: 'test' }), 'unclassified', /belongs to test instead of prod/],
  ['a label that nothing looks at changes', shopWith({ labels: [] }), 'neutral', /labelled with nothing instead of pci/],
  ['impact falls', shopWith({ impact: { data: 'none', service: 'low', safety: 'none' } }), 'widens', /tier 0 instead of 1/],
  ['impact rises', shopWith({ impact: { data: 'high', service: 'high', safety: 'none' } }), 'narrows', /tier 2 instead of 0/],
  [
    'impact is left undeclared, and so high',
    base({ services: [shop, { name: 'books', upstream: books.upstream, environment: 'test', routes: books.routes }] }),
    'narrows',
    /data high instead of low/,
  ],
  // Operations.
  [
    'an operation comes',
    shopWith({ routes: [...routes, { name: 'stop', method: 'POST', path: '/stop', effect: 'execute' }] }),
    'widens',
    /operation shop\/stop can be asked for: execute, tier 1, POST \/stop/,
  ],
  ['an operation goes', route('list', undefined), 'narrows', /operation shop\/list is no longer there/],
  ['an operation goes, and a wider path takes its requests', route('newest', undefined), 'widens', /shop\/one may answer to its requests/],
  ['an effect changes', route('restart', { effect: 'read' }), 'widens', /counts as read instead of execute/],
  ['a path changes', route('list', { path: '/all' }), 'widens', /answers to GET \/all instead of GET \/incidents/],
  [
    'an argument comes',
    route('list', { arguments: [{ name: 'page', in: 'query', type: 'long' }] }),
    'unclassified',
    /takes other arguments/,
  ],
  ['an operation becomes a WebSocket', route('list', { upgrade: 'websocket' }), 'widens', /opens a WebSocket, whose bytes nobody reads/],
  // Policies.
  [
    'an eligibility comes',
    more('@id("eva-asks") permit (principal == Human::"eva", action == Action::"request", resource in Service::"shop");'),
    'widens',
    /policy eva-asks lets eva ask for anything in shop/,
  ],
  ['an eligibility goes', without('meters-ask'), 'narrows', /no longer lets meter ask for anything in books, if its conditions hold/],
  ['a dear eligibility goes beside a cheap one', without('agents-ask'), 'widens', /who may still ask by bots-ask no longer needs/],
  [
    'a guardrail comes',
    more('@id("no-deleting") forbid (principal, action in Effect::Action::"delete", resource);'),
    'narrows',
    /forbids everybody delete on anything/,
  ],
  [
    'a hold comes',
    more('@id("ask-ben") @hold("identity:ben") forbid (principal, action in Effect::Action::"delete", resource);'),
    'narrows',
    /holds for identity:ben/,
  ],
  ['a guardrail goes', without('no-wiping'), 'widens', /no longer forbids every AiAgent administer/],
  ['a hold goes', without('restart-is-held'), 'widens', /no longer holds for role:sre/],
  [
    'a right at the desk comes',
    more('@id("sre-stops") permit (principal in Role::"sre", action == Desk::Action::"stop", resource);'),
    'widens',
    /lets role sre stop/,
  ],
  ['a right at the desk goes', without('leads-audit'), 'narrows', /no longer lets role leads audit/],
  [
    'an approval is asked for',
    policy('@id("bots-ask")', '@id("bots-ask") @approval("role:sre")'),
    'narrows',
    /asks for the approval of role:sre; before: nobody/,
  ],
  [
    'an approval is dropped',
    policy('@id("meters-ask") @approval("role:sre")', '@id("meters-ask")'),
    'widens',
    /approval of nobody; before: role:sre/,
  ],
  [
    'an approval takes two',
    policy('@id("agents-ask") @approval("role:sre")', '@id("agents-ask") @approval("2 of role:sre")'),
    'narrows',
    /2 of role:sre/,
  ],
  [
    'an approval is of others',
    policy('@id("agents-ask") @approval("role:sre")', '@id("agents-ask") @approval("role:leads")'),
    'widens',
    /role:leads; before: role:sre/,
  ],
  [
    'an approval may be of more',
    policy('@id("agents-ask") @approval("role:sre")', '@id("agents-ask") @approval("role:sre | role:leads")'),
    'widens',
    /role:leads/,
  ],
  ['a grant lasts longer', policy('@maxDuration("1h")', '@maxDuration("2h")'), 'widens', /lasts at most 2h; before: 1h/],
  ['a grant lasts less', policy('@maxDuration("1h")', '@maxDuration("30m")'), 'narrows', /lasts at most 30m; before: 1h/],
  ['a grant lasts what the tier allows', policy('@maxDuration("1h")', ''), 'widens', /what the tier allows; before: 1h/],
  ['a usual length shortens', policy('@duration("15m")', '@duration("5m")'), 'narrows', /unless asked otherwise it lasts 5m/],
  ['a hold becomes a plain forbid', policy('@hold("role:sre")', ''), 'narrows', /which was held for role:sre/],
  ['a plain forbid becomes a hold', policy('@id("no-wiping")', '@id("no-wiping") @hold("role:sre")'), 'widens', /which was forbidden/],
  [
    'a duty comes',
    more('@id("writes-are-quick") @duty("time<=5s") forbid (principal, action in Effect::Action::"write", resource);'),
    'narrows',
    /demands time<=5s of: everybody write on anything/,
  ],
  ['a duty goes', without('reads-are-small'), 'widens', /no longer demands record=durable, answer<=1MB of: everybody read on anything/],
  ['a duty demands more', policy('answer<=1MB', 'answer<=1kB, time<=30s'), 'narrows', /demands .*answer<=1kB, time<=30s; before: .*1MB/],
  ['a duty demands less', policy('record=durable, ', ''), 'widens', /demands answer<=1MB; before: record=durable, answer<=1MB/],
  ['a duty demands more of one thing and less of another', policy('record=durable, answer<=1MB', 'answer<=1kB'), 'widens', /answer<=1kB/],
  ['a duty becomes a plain forbid', policy('@duty("record=durable, answer<=1MB")', ''), 'narrows', /was let through with record=durable/],
  ['a plain forbid becomes a duty', policy('@id("no-wiping")', '@id("no-wiping") @duty("time<=1s")'), 'widens', /which was forbidden/],
  ['a hold becomes a duty', policy('@hold("role:sre")', '@duty("record=durable")'), 'widens', /no longer holds for role:sre/],
  [
    'a duty becomes a hold too',
    policy('@duty("record', '@hold("role:sre") @duty("record'),
    'narrows',
    /holds for role:sre; before: nobody/,
  ],
  [
    'a hold demands something too',
    policy('@hold("role:sre")', '@hold("role:sre") @duty("time<=1s")'),
    'narrows',
    /demands time<=1s; before: nothing/,
  ],
  ['a hold asks two', policy('@hold("role:sre")', '@hold("2 of role:sre")'), 'narrows', /holds for 2 of role:sre/],
  [
    'a condition comes to a permit',
    policy(
      'resource in Service::"shop");\n\n@id("meters',
      'resource in Service::"shop") when { context.task.kind == "x" };\n\n@id("meters',
    ),
    'narrows',
    /under one more condition/,
  ],
  ['a condition goes from a permit', policy('when { context.task.kind == "metering" }', ''), 'unclassified', /has other conditions/],
  ['a condition goes from a guardrail', policy('when { context.arguments.service == "till" }', ''), 'narrows', /without a condition/],
  ['a condition of a guardrail changes', policy('"till"', '"checkout"'), 'unclassified', /has other conditions/],
  ['a scope changes', policy('principal in Role::"bots"', 'principal in Role::"agents"'), 'unclassified', /now lets role agents ask/],
  ['only a comment changes', policy('@id("no-wiping")', '// why not\n@id("no-wiping")'), 'nothing', /^$/],
]

describe('a change', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: base() })
    await configure(world, base())
  })
  after(() => world.close())

  for (const [says, document, wanted, words, prune = 'policies'] of rows) {
    test(`${wanted}: ${says}`, async () => {
      const plan = mustBe(await planChange(world.desk, operator, { document, prune }))
      const lines = plan.changes.map((line) => `${line.class}: ${line.kind} ${line.name} ${line.says}`)
      assert.equal(plan.changes.length === 0 ? 'nothing' : plan.class, wanted, lines.join('\n'))
      assert.match(plan.changes.map((line) => `${line.kind} ${line.name} ${line.says}`).join('\n'), words)
      assert.doesNotMatch(JSON.stringify(plan), /canary/)
    })
  }

  test('without pruning nothing goes: not a person, a service, an issuer, a role nor a policy file', async () => {
    const little = shopDocument({ people: [{ name: 'ana' }], roles: {}, identities: [], issuers: [], services: [], policyFiles: [] })
    const kept = mustBe(await planChange(world.desk, operator, { document: little }))
    assert.deepEqual(kept.changes, [])
    const pruned = mustBe(await planChange(world.desk, operator, { document: little, prune: 'everything' }))
    assert.deepEqual(
      new Set(pruned.changes.filter(({ what }) => what === 'remove').map(({ kind }) => kind)),
      new Set(['person', 'identity', 'issuer', 'service', 'policy']),
    )
  })
})
