/** Naming what a message asks for: declared tools, resources and prompts with typed arguments, housekeeping, and nothing else. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Fraction, parseJson } from '../../kernel/json.ts'
import { mustBe, type Result } from '../../kernel/result.ts'
import type { ArgumentType, Route, Service } from '../../model/services.ts'
import { type Named, nameAction } from './actions.ts'
import type { Era } from './envelope.ts'
import { readMessage } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'
import { compileOffer, type Offer } from './offer.ts'

const impact = { data: 'low', service: 'low', safety: 'none' } as const

type Rules = readonly (readonly [name: string, type: ArgumentType, required?: boolean])[]

function route(method: string, path: string, rules: Rules = [], name = path.replaceAll(/[^\w.-]/g, '-')): Route {
  const list = rules.map(([each, type, required = false]) => ({ in: 'call' as const, name: each, type, required }))
  return { name, method, path, effect: 'write', impact, tier: 1, arguments: list }
}
const rest: Rules = [['rest', 'string', true]]

function service(id: string, routes: readonly Route[]): Service {
  return { id, space: 'main', protocol: 'mcp', upstream: '', port: 0, environment: 'test', impact, labels: [], routes }
}

const types: readonly ArgumentType[] = ['string', 'long', 'decimal', 'boolean', 'strings', 'json']
const ops = service('ops', [
  route('tools/call', 'restart', [
    ['service', 'string', true],
    ['force', 'boolean'],
  ]),
  route(
    'tools/call',
    'typed',
    types.map((type) => [type, type]),
  ),
  route('tools/call', 'services/list', [], 'list'),
  route('tools/call', 'odd', [['constructor', 'string']]),
  route('resources/read', 'status://now'),
  route('resources/read', 'runbook://*', rest, 'runbooks'),
  route('resources/read', 'runbook://secret/*', rest, 'secrets'),
  route('resources/read', 'runbook://Admin', [], 'admin'),
  route('prompts/get', 'triage', [['incident', 'string', true]]),
])
const mail = service('mail', [
  route('tools/call', 'restart', [['reason', 'string']]),
  route('tools/call', 'send__now', []),
  route('resources/read', 'mail://*', rest, 'mails'),
  route('prompts/get', 'triage', []),
])
const alone = mustBe(compileOffer([ops], false))
const joined = mustBe(compileOffer([ops, mail], true))

function ask(offer: Offer, method: string, params: string, era: Era = 'stateless'): Result<Named> {
  const text = `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)},"params":${params}}`
  return nameAction(offer, era, mustBe(readMessage(Buffer.from(text), defaultLimits)))
}

function actionOf(result: Result<Named>) {
  const named = mustBe(result)
  assert.equal(named.kind, 'action')
  if (named.kind !== 'action') throw new Error('it is housekeeping')
  return named
}

test('a call is the operation of its tool, with what was sent to it', () => {
  const named = actionOf(ask(alone, 'tools/call', '{"name":"restart","arguments":{"service":"checkout","force":true}}'))
  assert.deepEqual(named.action, {
    protocol: 'mcp',
    service: 'ops',
    operation: 'restart',
    verb: 'tools/call',
    effect: 'write',
    tier: 1,
    arguments: { service: 'checkout', force: true },
    target: 'tools/call restart',
  })
  const list = actionOf(ask(alone, 'tools/call', '{"name":"services/list"}'))
  assert.deepEqual([list.action.operation, list.upstreamName, { ...list.action.arguments }], ['list', 'services/list', {}])
})

test('a resource is read by its URI, a prompt by its name', () => {
  const exact = actionOf(ask(alone, 'resources/read', '{"uri":"status://now"}'))
  assert.deepEqual(
    [exact.action.operation, { ...exact.action.arguments }, exact.action.target],
    ['status---now', {}, 'resources/read status://now'],
  )
  const one = actionOf(ask(alone, 'resources/read', '{"uri":"runbook://restart/1"}'))
  assert.deepEqual([one.action.operation, one.action.arguments], ['runbooks', { rest: 'restart/1' }])
  const longest = actionOf(ask(alone, 'resources/read', '{"uri":"runbook://secret/1"}'))
  assert.deepEqual([longest.action.operation, longest.action.arguments], ['secrets', { rest: '1' }])
  const whole = actionOf(ask(alone, 'resources/read', '{"uri":"runbook://Admin"}'))
  assert.deepEqual(whole.action.operation, 'admin')
  const prompt = actionOf(ask(alone, 'prompts/get', '{"name":"triage","arguments":{"incident":"7"}}'))
  assert.deepEqual([prompt.action.verb, prompt.action.arguments], ['prompts/get', { incident: '7' }])
})

const values: readonly (readonly [text: string, want: object])[] = [
  ['{}', {}],
  ['{"string":null,"json":null}', {}],
  ['{"string":"","long":1,"boolean":false,"strings":["a",""]}', { string: '', long: 1, boolean: false, strings: ['a', ''] }],
  ['{"long":9007199254740993}', { long: 9_007_199_254_740_993n }],
  ['{"long":-9223372036854775808}', { long: -9_223_372_036_854_775_808n }],
  ['{"decimal":1.50}', { decimal: new Fraction('1.50') }],
  ['{"decimal":3}', { decimal: new Fraction('3.0') }],
  ['{"json": {"b": [1, 2.50, 1E3], "a": "\\u0061" } }', { json: '{"a":"a","b":[1,2.50,1E3]}' }],
  ['{"json":9007199254740993}', { json: '9007199254740993' }],
  ['{"json":"a"}', { json: '"a"' }],
  ['{"json":{"__proto__":{"x":1}}}', { json: '{"__proto__":{"x":1}}' }],
]

for (const [text, want] of values) {
  test(`arguments ${text}`, () => {
    assert.deepEqual({ ...actionOf(ask(alone, 'tools/call', `{"name":"typed","arguments":${text}}`)).action.arguments }, want)
  })
}

const refused: readonly (readonly [method: string, params: string, code: string, detail?: RegExp])[] = [
  ['tools/call', '{}', 'action.arguments', /name is no text/],
  ['tools/call', '{"name":7}', 'action.arguments'],
  ['tools/call', '{"name":["restart"]}', 'action.arguments'],
  ['tools/call', '{"name":"drop"}', 'action.unknown'],
  ['tools/call', '{"name":"Restart"}', 'action.unknown'],
  ['tools/call', '{"name":"restart "}', 'action.unknown'],
  ['tools/call', '{"name":"restart\\u0000"}', 'action.unknown'],
  ['tools/call', '{"name":"__proto__"}', 'action.unknown'],
  ['tools/call', '{"name":"constructor"}', 'action.unknown'],
  ['tools/call', '{"name":"ops__restart"}', 'action.unknown'],
  ['tools/call', '{"name":"triage"}', 'action.unknown'],
  ['tools/call', '{"name":"status://now"}', 'action.unknown'],
  ['prompts/get', '{"name":"restart"}', 'action.unknown'],
  ['tools/call', '{"name":"restart"}', 'action.arguments', /service is missing/],
  ['tools/call', '{"name":"restart","arguments":{"service":null}}', 'action.arguments', /service is missing/],
  ['tools/call', '{"name":"restart","arguments":null}', 'action.arguments', /no object/],
  ['tools/call', '{"name":"restart","arguments":["checkout"]}', 'action.arguments', /no object/],
  ['tools/call', '{"name":"restart","arguments":"{}"}', 'action.arguments', /no object/],
  ['tools/call', '{"name":"restart","arguments":{"service":"a","dry":true}}', 'action.arguments', /"dry" is not declared/],
  ['tools/call', '{"name":"restart","arguments":{"service":"a","dry":null}}', 'action.arguments', /"dry" is not declared/],
  ['tools/call', '{"name":"restart","arguments":{"service":"a","Service":"b"}}', 'action.arguments', /"Service"/],
  ['tools/call', '{"name":"restart","arguments":{"service":"a","__proto__":{}}}', 'action.arguments', /__proto__/],
  ['tools/call', '{"name":"restart","arguments":{"service":"a","toString":"b"}}', 'action.arguments', /toString/],
  ['tools/call', '{"name":"restart","arguments":{"service":1}}', 'action.arguments', /service is not a string/],
  ['tools/call', '{"name":"restart","arguments":{"service":"a","force":"true"}}', 'action.arguments', /force is not a boolean/],
  ['tools/call', '{"name":"typed","arguments":{"long":"1"}}', 'action.arguments'],
  ['tools/call', '{"name":"typed","arguments":{"long":1.0}}', 'action.arguments'],
  ['tools/call', '{"name":"typed","arguments":{"long":1e2}}', 'action.arguments'],
  ['tools/call', '{"name":"typed","arguments":{"decimal":1.23456}}', 'action.arguments'],
  ['tools/call', '{"name":"typed","arguments":{"strings":["a",1]}}', 'action.arguments', /list of strings/],
  ['resources/read', '{}', 'action.arguments', /uri is no text/],
  ['resources/read', JSON.stringify({ uri: `runbook://${'a'.repeat(9_000)}` }), 'action.arguments', /8192/],
  ['resources/read', '{"uri":"status://then"}', 'action.unknown'],
  ['resources/read', '{"uri":"STATUS://now"}', 'action.unknown'],
  ['resources/read', '{"uri":"status://now","arguments":{}}', 'action.arguments', /without arguments/],
  ['resources/read', '{"uri":"runbook://a","arguments":{"rest":"b"}}', 'action.arguments', /without arguments/],
  ['resources/read', '{"uri":"runbook://*"}', 'ok'],
  ['resources/read', '{"uri":"runbook://admin"}', 'action.ambiguous', /upper and lower case/],
  ['resources/read', '{"uri":"runbook://SECRET/1"}', 'action.ambiguous', /upper and lower case/],
  ['resources/read', '{"uri":"runbook://%73ecret/1"}', 'action.ambiguous', /%73/],
  ['resources/read', '{"uri":"runbook://secret%2F1"}', 'action.ambiguous', /%2F/],
  ['resources/read', '{"uri":"runbook://a/../secret/1"}', 'action.ambiguous', /\.\./],
  ['resources/read', '{"uri":"runbook://secret/../b"}', 'action.ambiguous', /\.\./],
  ['resources/read', '{"uri":"runbook://.."}', 'action.ambiguous', /\.\./],
  ['resources/read', '{"uri":"runbook://./secret"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://a/.?x"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://a//b"}', 'action.ambiguous', /empty segment/],
  ['resources/read', '{"uri":"runbook://a\\\\b"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://a b"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://a\\u0000"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://a\\u200b"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://e\\u0301"}', 'action.ambiguous', /NFC/],
  ['resources/read', '{"uri":"runbook://a%"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://a%c3%A9"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://a%C3%A9"}', 'ok'],
  ['resources/read', '{"uri":"runbook://a#b"}', 'action.ambiguous', /fragment/],
  ['resources/read', '{"uri":"runbook://a?"}', 'action.ambiguous'],
  ['resources/read', '{"uri":"runbook://a?b=c.d"}', 'ok'],
  ['resources/subscribe', '{"uri":"runbook://a"}', 'mcp.method'],
  ['subscriptions/listen', '{}', 'mcp.method'],
  ['tasks/get', '{"taskId":"x"}', 'mcp.method'],
  ['sampling/createMessage', '{}', 'mcp.method'],
  ['elicitation/create', '{}', 'mcp.method'],
  ['roots/list', '{}', 'mcp.method'],
  ['tools/Call', '{"name":"restart"}', 'mcp.method'],
  ['tools/call ', '{"name":"restart"}', 'mcp.method'],
  ['constructor', '{}', 'mcp.method'],
  ['__proto__', '{}', 'mcp.method'],
  ['rpc.discover', '{}', 'mcp.method'],
  ['notifications/initialized', '{}', 'mcp.message', /no id/],
  ['completion/complete', '{}', 'action.arguments', /ref/],
  ['completion/complete', '{"ref":{"type":"ref/prompt","name":"other"}}', 'action.unknown'],
  ['completion/complete', '{"ref":{"type":"ref/tool","name":"restart"}}', 'action.arguments'],
  ['completion/complete', '{"ref":{"type":"ref/resource","uri":"other://{x}"}}', 'action.unknown'],
]

for (const [method, params, code, detail] of refused) {
  test(`${method} ${params.slice(0, 200)} is ${code === 'ok' ? 'taken' : 'refused'}`, () => {
    const result = ask(alone, method, params)
    assert.equal(result.ok ? 'ok' : result.refusal.code, code)
    if (detail !== undefined) assert.match(result.ok ? '' : (result.refusal.detail ?? ''), detail)
  })
}

const kept: readonly (readonly [method: string, what: string | undefined, inStateless: boolean, inHandshake: boolean])[] = [
  ['initialize', 'initialize', false, true],
  ['server/discover', 'discover', true, false],
  ['ping', 'ping', false, true],
  ['logging/setLevel', 'logging', false, true],
  ['tools/list', 'list', true, true],
  ['resources/list', 'list', true, true],
  ['resources/templates/list', 'list', true, true],
  ['prompts/list', 'list', true, true],
]

for (const [method, what, inStateless, inHandshake] of kept) {
  test(`${method} is housekeeping of its era`, () => {
    for (const [era, has] of [
      ['stateless', inStateless],
      ['handshake', inHandshake],
    ] as const) {
      const result = ask(alone, method, '{}', era)
      assert.equal(result.ok, has, era)
      if (result.ok) assert.deepEqual([result.value.kind, 'what' in result.value && result.value.what], ['housekeeping', what])
      else assert.equal(result.refusal.code, 'mcp.method')
    }
  })
}

test('completion is about a prompt or a resource that is offered', () => {
  for (const [ref, path] of [
    ['{"type":"ref/prompt","name":"triage"}', 'triage'],
    ['{"type":"ref/resource","uri":"runbook://{name}"}', 'runbook://*'],
  ] as const) {
    const named = mustBe(ask(alone, 'completion/complete', `{"ref":${ref},"argument":{"name":"x","value":"y"}}`))
    assert.equal(named.kind === 'housekeeping' && named.about?.route.path, path)
  }
})

test('a notification is housekeeping, and a call without an id is refused', () => {
  const notice = (method: string) =>
    nameAction(alone, 'handshake', mustBe(readMessage(Buffer.from(`{"jsonrpc":"2.0","method":"${method}"}`), defaultLimits)))
  assert.ok(notice('notifications/cancelled').ok)
  for (const method of ['tools/call', 'tools/list', 'ping', 'initialize', 'notification/x']) {
    const result = notice(method)
    assert.ok(!result.ok && result.refusal.code === 'mcp.message', method)
  }
})

test('a response answers a server of an older revision, and nothing in 2026-07-28', () => {
  const response = mustBe(readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}'), defaultLimits))
  assert.ok(nameAction(alone, 'handshake', response).ok)
  const result = nameAction(alone, 'stateless', response)
  assert.ok(!result.ok && result.refusal.code === 'mcp.message')
})

// --- Several under one roof --------------------------------------------------------------------------------------------

test('a joined name is the tool of one server, which hears its own name and every other byte as it came', () => {
  const text =
    '{ "id": 9007199254740993, "params":{"arguments":{"service":"ops__restart"} ,"n\\u0061me" : "ops__\\u0072estart"}, "method":"tools/call","jsonrpc":"2.0"}'
  const named = actionOf(nameAction(joined, 'stateless', mustBe(readMessage(Buffer.from(text), defaultLimits))))
  assert.deepEqual([named.service, named.action.service, named.action.operation, named.upstreamName], ['ops', 'ops', 'restart', 'restart'])
  assert.equal(Buffer.from(named.message.bytes).toString(), text.replace('"ops__\\u0072estart"', '"restart"'))
  const other = actionOf(ask(joined, 'tools/call', '{"name":"mail__restart","arguments":{"reason":"x"}}'))
  assert.deepEqual([other.service, other.upstreamName], ['mail', 'restart'])
  assert.equal(actionOf(ask(joined, 'tools/call', '{"name":"mail__send__now"}')).upstreamName, 'send__now')
  assert.equal(actionOf(ask(joined, 'prompts/get', '{"name":"mail__triage"}')).upstreamName, 'triage')
  assert.equal(actionOf(ask(joined, 'resources/read', '{"uri":"mail://inbox/1"}')).service, 'mail')
  const completed = mustBe(ask(joined, 'completion/complete', '{"ref":{"type":"ref/prompt","name":"mail__triage"},"argument":{}}'))
  assert.match(Buffer.from(completed.message.bytes).toString(), /"ref":\{"type":"ref\/prompt","name":"triage"\}/)
  for (const name of ['restart', 'ops_restart', 'OPS__restart', 'ops__mail__restart', '__restart', 'ops__'])
    assert.ok(!ask(joined, 'tools/call', JSON.stringify({ name })).ok, name)
})

const collisions: Readonly<Record<string, readonly [one: Service, other: Service]>> = {
  'names that are the same once they are joined': [
    service('a', [route('tools/call', 'b__c')]),
    service('a__b', [route('tools/call', 'c')]),
  ],
  'one URI': [service('a', [route('resources/read', 'x://1')]), service('b', [route('resources/read', 'x://1')])],
  'one template': [service('a', [route('resources/read', 'x://*', rest)]), service('b', [route('resources/read', 'x://*', rest)])],
  'a URI within a template': [service('a', [route('resources/read', 'x://1/2')]), service('b', [route('resources/read', 'x://1*', rest)])],
  'a URI that a template begins with': [
    service('a', [route('resources/read', 'x://1')]),
    service('b', [route('resources/read', 'x://1*', rest)]),
  ],
  'a template within another, behind others': [
    service('a', [route('resources/read', 'x://*', rest), route('resources/read', 'x://1/*', rest)]),
    service('b', [route('resources/read', 'x://1/2/*', rest)]),
  ],
}

for (const [says, [one, other]] of Object.entries(collisions)) {
  test(`not under one roof: ${says}`, () => {
    for (const pair of [
      [one, other],
      [other, one],
    ]) {
      const result = compileOffer(pair, true)
      assert.ok(
        !result.ok && result.refusal.code === 'configuration.invalid' && /both answer to/.test(result.refusal.detail ?? ''),
        JSON.stringify(result),
      )
    }
  })
}

test('arguments with names that no policy can speak of are no offer', () => {
  for (const name of ['__proto__', '', 'a b', '1', 'é'])
    assert.ok(!compileOffer([service('a', [route('tools/call', 'x', [[name, 'string']])])], false).ok, name)
  assert.ok(
    !compileOffer(
      [
        service('a', [
          route('tools/call', 'x', [
            ['a', 'string'],
            ['a', 'long'],
          ]),
        ]),
      ],
      false,
    ).ok,
  )
  assert.ok(!compileOffer([service('a', [route('POST', '/x')])], false).ok)
})

test('two servers never answer to one URI, whatever is declared', () => {
  const uris = fc.array(fc.stringMatching(/^x:[ab]{0,4}\*?$/), { minLength: 1, maxLength: 4 }).map((list) => [...new Set(list)])
  fc.assert(
    fc.property(uris, uris, fc.stringMatching(/^x:[ab]{0,5}$/), (one, other, uri) => {
      const of = (id: string, list: readonly string[]) =>
        service(
          id,
          list.map((path) => route('resources/read', path, path.endsWith('*') ? rest : [])),
        )
      const answers = (list: readonly string[]) =>
        list.some((path) => (path.endsWith('*') ? uri.startsWith(path.slice(0, -1)) : uri === path))
      const both = compileOffer([of('one', one), of('other', other)], true)
      if (!both.ok) return
      assert.ok(!(answers(one) && answers(other)), `${one} and ${other} both answer to ${uri}`)
      const named = ask(both.value, 'resources/read', JSON.stringify({ uri }))
      assert.equal(
        named.ok && named.value.kind === 'action' ? named.value.service : undefined,
        answers(one) ? 'one' : answers(other) ? 'other' : undefined,
      )
    }),
    { numRuns: 500 },
  )
})

test('whatever arguments are sent, an action has exactly those that are declared, or there is none', () => {
  const sent = fc.dictionary(
    fc.oneof(fc.constantFrom('service', 'force', 'Service', '__proto__', 'rest'), fc.string({ maxLength: 3 })),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 4 },
  )
  fc.assert(
    fc.property(sent, (given) => {
      // Whole numbers beyond 64 bits are refused before anything is named.
      fc.pre(parseJson(JSON.stringify(given)).ok)
      const named = ask(alone, 'tools/call', `{"name":"restart","arguments":${JSON.stringify(given)}}`)
      const isRight =
        Object.keys(given).every((name) => name === 'service' || name === 'force') &&
        typeof given['service'] === 'string' &&
        (given['force'] === undefined || given['force'] === null || typeof given['force'] === 'boolean')
      assert.equal(named.ok, isRight)
    }),
  )
})
