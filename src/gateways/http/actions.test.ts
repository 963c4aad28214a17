/** Naming the action: arguments from path, query and body, each read in one way or refused. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Fraction } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import type { ArgumentRule, ArgumentType, Route } from '../../model/services.ts'
import { compileRoutes } from '../../model/routes.ts'
import { addBodyArguments, checkBodyForm, nameAction } from './actions.ts'
import { type HttpRequest, readRequest } from './codec.ts'

const impact = { data: 'low', service: 'low', safety: 'none' } as const

function route(
  method: string,
  path: string,
  rules: readonly (readonly [place: ArgumentRule['in'], name: string, type: ArgumentType, required?: boolean])[],
): Route {
  return {
    name: 'op',
    method,
    path,
    effect: 'write',
    impact,
    tier: 1,
    arguments: rules.map(([place, name, type, required = false]) => ({ in: place, name, type, required })),
  }
}

function ask(method: string, target: string, headers: readonly string[] = []): HttpRequest {
  return mustBe(
    readRequest({ method, target, version: '1.1', headers: ['Host', 'shop.test', ...headers] }, { headersMax: 100, targetBytesMax: 8_192 }),
  )
}

const types: readonly ArgumentType[] = ['string', 'long', 'decimal', 'boolean', 'strings']
const typed = mustBe(
  compileRoutes([
    route(
      'GET',
      '/q',
      types.map((type) => ['query', type, type]),
    ),
  ]),
)

const texts: readonly (readonly [query: string, want: unknown])[] = [
  ['string=', ''],
  ['string=a%20b', 'a b'],
  ['long=0', 0],
  ['long=-7', -7],
  ['long=9007199254740991', 9_007_199_254_740_991],
  ['long=9007199254740993', 9_007_199_254_740_993n],
  ['long=9223372036854775807', 9_223_372_036_854_775_807n],
  ['long=-9223372036854775808', -9_223_372_036_854_775_808n],
  ['decimal=1', new Fraction('1.0')],
  ['decimal=1.50', new Fraction('1.50')],
  ['decimal=-0.0001', new Fraction('-0.0001')],
  ['decimal=922337203685477.5807', new Fraction('922337203685477.5807')],
  ['boolean=true', true],
  ['boolean=false', false],
  ['strings=a', ['a']],
  ['strings=a&strings=b&strings=a', ['a', 'b', 'a']],
]

for (const [query, want] of texts) {
  test(`query ${query}`, () => {
    const named = mustBe(nameAction(typed, 'shop', ask('GET', `/q?${query}`)))
    assert.deepEqual(Object.values(named.action.arguments), [want])
  })
}

const unread = [
  'long=',
  'long=1.0',
  'long=01',
  'long=-0',
  'long=%201',
  'long=1e3',
  'long=0x1',
  'long=9223372036854775808',
  'decimal=1.00000',
  'decimal=.5',
  'decimal=1.',
  'decimal=1e2',
  'decimal=922337203685477.5808',
  'decimal=NaN',
  'boolean=True',
  'boolean=1',
  'boolean=',
]

for (const query of unread) {
  test(`query ${query} is refused`, () => {
    const result = nameAction(typed, 'shop', ask('GET', `/q?${query}`))
    assert.ok(!result.ok && result.refusal.code === 'action.arguments', JSON.stringify(result))
  })
}

test('a parameter twice is refused unless it is a list; one that is not declared always', () => {
  const twice = nameAction(typed, 'shop', ask('GET', '/q?string=a&string=b'))
  assert.ok(!twice.ok && twice.refusal.code === 'action.ambiguous')
  for (const name of ['other', 'String', 'constructor', '__proto__', 'toString']) {
    const result = nameAction(typed, 'shop', ask('GET', `/q?${name}=1`))
    assert.ok(!result.ok && result.refusal.code === 'action.arguments' && result.refusal.detail?.includes(name), name)
  }
})

test('a declared name that every object knows is an argument like any other', () => {
  const table = mustBe(compileRoutes([route('GET', '/q', [['query', 'constructor', 'string']])]))
  assert.deepEqual({ ...mustBe(nameAction(table, 'shop', ask('GET', '/q?constructor=x'))).action.arguments }, { constructor: 'x' })
})

test('a required parameter must be there, an optional one need not', () => {
  const table = mustBe(
    compileRoutes([
      route('GET', '/q', [
        ['query', 'must', 'string', true],
        ['query', 'may', 'string'],
      ]),
    ]),
  )
  const missing = nameAction(table, 'shop', ask('GET', '/q?may=1'))
  assert.ok(!missing.ok && missing.refusal.detail === 'must in the query is missing')
  assert.deepEqual({ ...mustBe(nameAction(table, 'shop', ask('GET', '/q?must=1'))).action.arguments }, { must: '1' })
})

test('parameters of the path are typed too', () => {
  const table = mustBe(
    compileRoutes([
      route('GET', '/i/{id}/{name}', [
        ['path', 'id', 'long', true],
        ['path', 'name', 'string', true],
      ]),
    ]),
  )
  const named = mustBe(nameAction(table, 'shop', ask('GET', '/i/12/caf%C3%A9')))
  assert.deepEqual({ ...named.action.arguments }, { id: 12, name: 'café' })
  assert.equal(named.action.target, 'GET /i/12/caf%C3%A9')
  const other = nameAction(table, 'shop', ask('GET', '/i/twelve/x'))
  assert.ok(!other.ok && other.refusal.code === 'action.arguments')
})

test('GET and HEAD carry a body only where arguments are read from it', () => {
  const result = nameAction(typed, 'shop', ask('GET', '/q', ['Content-Length', '1']))
  assert.ok(!result.ok && result.refusal.code === 'action.ambiguous')
})

const bodied = mustBe(
  compileRoutes([
    route(
      'POST',
      '/b',
      types.map((type) => ['body', type, type]),
    ),
  ]),
)

function withBody(text: string) {
  const request = ask('POST', '/b', ['Content-Length', `${Buffer.byteLength(text)}`, 'Content-Type', 'application/json'])
  return addBodyArguments(mustBe(nameAction(bodied, 'shop', request)), Buffer.from(text))
}

const bodies: readonly (readonly [text: string, want: object])[] = [
  ['', {}],
  ['{}', {}],
  ['{"string":null}', {}],
  [
    '{"string":"","long":1,"decimal":1.5,"boolean":false,"strings":["a"]}',
    { string: '', long: 1, decimal: new Fraction('1.5'), boolean: false, strings: ['a'] },
  ],
  ['{"long":9223372036854775807}', { long: 9_223_372_036_854_775_807n }],
  ['{"decimal":3}', { decimal: new Fraction('3.0') }],
  ['{"strings":[]}', { strings: [] }],
]

for (const [text, want] of bodies) test(`body ${text}`, () => assert.deepEqual({ ...mustBe(withBody(text)).arguments }, want))

const unreadBodies: readonly (readonly [text: string, code: string])[] = [
  ['[]', 'action.arguments'],
  ['"a"', 'action.arguments'],
  ['{"other":1}', 'action.arguments'],
  ['{"other":null}', 'action.arguments'],
  ['{"__proto__":1}', 'action.arguments'],
  ['{"string":1}', 'action.arguments'],
  ['{"string":{}}', 'action.arguments'],
  ['{"long":"1"}', 'action.arguments'],
  ['{"long":1.0}', 'action.arguments'],
  ['{"long":1e2}', 'action.arguments'],
  ['{"long":-0}', 'action.arguments'],
  ['{"decimal":1.23456}', 'action.arguments'],
  ['{"decimal":1e2}', 'action.arguments'],
  ['{"decimal":"1.5"}', 'action.arguments'],
  ['{"boolean":"true"}', 'action.arguments'],
  ['{"boolean":1}', 'action.arguments'],
  ['{"strings":"a"}', 'action.arguments'],
  ['{"strings":["a",1]}', 'action.arguments'],
  ['{"strings":["a",["b"]]}', 'action.arguments'],
  ['{"string":"a","string":"b"}', 'json.malformed'],
  ['{"string":"a","str\\u0069ng":"b"}', 'json.malformed'],
  ['{"string":"a"}x', 'json.malformed'],
  ['{"long":9223372036854775808}', 'json.malformed'],
  ['\ufeff{}', 'json.malformed'],
]

for (const [text, code] of unreadBodies) {
  test(`body ${text} is refused`, () => {
    const result = withBody(text)
    assert.ok(!result.ok)
    assert.equal(result.refusal.code, code)
  })
}

const forms: readonly (readonly [headers: readonly string[], ok: boolean])[] = [
  [['Content-Type', 'application/json'], true],
  [['Content-Type', 'Application/JSON; charset=UTF-8'], true],
  [['Content-Type', 'application/json;charset="utf-8"'], true],
  [[], false],
  [['Content-Type', 'text/plain'], false],
  [['Content-Type', 'application/json; charset=utf-16'], false],
  [['Content-Type', 'application/json, text/plain'], false],
  [['Content-Type', 'application/jsonx'], false],
  [['Content-Type', 'application/x-www-form-urlencoded'], false],
  [['Content-Type', 'application/json', 'Content-Encoding', 'gzip'], false],
]

for (const [headers, ok] of forms) {
  test(`a body sent as ${headers.join(' ') || 'nothing'} is ${ok ? 'read' : 'refused'}`, () => {
    assert.equal(checkBodyForm(ask('POST', '/b', ['Content-Length', '2', ...headers])).ok, ok)
  })
}
