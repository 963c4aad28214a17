/** What Cedar's semantics say where one would write something else: each line held against our evaluator and against cedar-wasm. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { policyJson } from '../../../test/oracle/policy-json.ts'
import { mustBe } from '../../kernel/result.ts'
import { entityStore } from './entities.ts'
import { evaluate } from './evaluate.ts'
import { compilePolicies } from './policies.ts'
import { CedarSet, Uid } from './values.ts'

type Wanted = true | false | 'error'

const context = new Map<string, string | bigint | boolean | CedarSet | Map<string, bigint>>([
  ['text', 'aba'],
  ['big', 9_007_199_254_740_991n],
  ['yes', true],
  ['set', new CedarSet([1n, 2n])],
  ['__proto__', new Map([['constructor', 1n]])],
])
const contextJson = JSON.parse('{"text":"aba","big":9007199254740991,"yes":true,"set":[2,1,1],"__proto__":{"constructor":1}}')

/** principal is Human::"ana" in Role::"sre" in Role::"all", with age 40; Human::"gone" is not in the store. */
const cases: Readonly<Record<string, readonly (readonly [expression: string, wanted: Wanted])[]>> = {
  'connectives type-check what they evaluate and nothing else': [
    ['true || 1', true],
    ['false && 1', false],
    ['false || 1', 'error'],
    ['true && 1', 'error'],
    ['1 && true', 'error'],
    ['true && true && 1', 'error'],
    ['true && false && 1', false],
    ['false || false || "x"', 'error'],
    ['if true then true else 1', true],
    ['if 1 then true else true', 'error'],
    ['if false then 1 else true', true],
    ['1', 'error'],
    ['!1', 'error'],
  ],
  'equality never crosses types, and is by structure': [
    ['1 == "1"', false],
    ['true == 1', false],
    ['[1, 2] == [2, 1, 1]', true],
    ['[1, 2] == [1]', false],
    ['[1] == [1, 2]', false],
    ['[] == {}', false],
    ['["1"] == [1]', false],
    ['["i1"].contains(1)', false],
    ['["a", "b"] == ["ab"]', false],
    ['[["a"], ["b"]] == [["a", "b"]]', false],
    ['{a: 1, b: 2} == {b: 2, a: 1}', true],
    ['{a: 1} == {a: 1, b: 2}', false],
    ['{a: 1, b: 2} == {a: 1}', false],
    ['{a: 1} != {a: 2}', true],
    ['[{a: [1]}].contains({a: [1, 1]})', true],
    ['Human::"ana" == Role::"ana"', false],
    ['Human::"ana" == Human::"bob"', false],
    ['principal == Human::"ana"', true],
    ['[principal].contains(Human::"ana")', true],
    ['ip("10.0.0.1") == ip("10.0.0.1/32")', true],
    ['ip("10.0.0.0/8") == ip("10.0.0.1/8")', false],
    ['decimal("1.5") == decimal("1.5000")', true],
    ['decimal("1.0") == 1', false],
    ['[decimal("1.5"), decimal("1.50")] == [decimal("1.500")]', true],
    ['datetime("1970-01-01") == duration("0ms")', false],
    ['[datetime("1970-01-01")] == [duration("0ms")]', false],
  ],
  'integers have 64 bits and overflow is an error': [
    ['9007199254740993 == 9007199254740992', false],
    ['context.big + 2 == 9007199254740993', true],
    ['9223372036854775807 + 1 > 0', 'error'],
    ['-9223372036854775808 - 1 < 0', 'error'],
    ['-(-9223372036854775808) > 0', 'error'],
    ['9223372036854775807 * 2 > 0', 'error'],
    ['3037000500 * 3037000500 > 0', 'error'],
    ['3037000499 * 3037000499 == 9223372030926249001', true],
    ['9223372036854775807 + 1 - 1 == 9223372036854775807', 'error'],
    ['1 < 2', true],
    ['2 <= 1', false],
    ['"a" < "b"', 'error'],
    ['1 < true', 'error'],
    ['1 + "1" == 2', 'error'],
  ],
  'entities, attributes and has': [
    ['principal in Role::"sre"', true],
    ['principal in Role::"all"', true],
    ['principal in principal', true],
    ['Role::"all" in principal', false],
    ['principal in [Role::"none", Role::"all"]', true],
    ['principal in []', false],
    ['principal in [Role::"all", 1]', 'error'],
    ['principal in [1, Role::"all"]', 'error'],
    ['principal in 1', 'error'],
    ['1 in principal', 'error'],
    ['Human::"gone" in Human::"gone"', true],
    ['Human::"gone" in Role::"all"', false],
    ['Human::"gone" has age', false],
    ['Human::"gone".age == 1', 'error'],
    ['principal has age', true],
    ['principal has name', false],
    ['principal.name == "x"', 'error'],
    ['principal.age == 40', true],
    ['1 has age', 'error'],
    ['context has nothing.of.the.kind', false],
    ['context has "text"', true],
    ['context has text.more', 'error'],
    ['context["__proto__"].constructor == 1', true],
    ['context has constructor', false],
    ['context has toString', false],
    ['context has __proto__.constructor', true],
    ['principal is Human', true],
    ['principal is Role', false],
    ['principal is Human in Role::"all"', true],
    ['principal is Role in 1', false],
    ['principal is Human in 1', 'error'],
    ['context is Human', 'error'],
  ],
  'sets and texts': [
    ['context.set.contains(2)', true],
    ['context.set.contains("2")', false],
    ['context.set.containsAll([])', true],
    ['context.set.containsAll([1, 3])', false],
    ['[1].containsAll(context.set)', false],
    ['context.set.containsAny([3, 2])', true],
    ['context.set.containsAny([])', false],
    ['context.set.containsAny(2)', 'error'],
    ['context.text.contains("a")', 'error'],
    ['[].isEmpty()', true],
    ['context.set.isEmpty()', false],
    ['context.text like "a*a"', true],
    ['"a" like "a*a"', false],
    ['"ab" like "a*b*b"', false],
    ['"abb" like "a*b*b"', true],
    ['"" like "*"', true],
    ['"" like ""', true],
    ['"a*" like "a\\*"', true],
    ['"ab" like "a\\*"', false],
    ['"ab" like "b*"', false],
    ['"abab" like "*ab"', true],
    ['1 like "*"', 'error'],
  ],
  'decimal, datetime, duration and ipaddr': [
    ['decimal("1.2").lessThan(decimal("1.10"))', false],
    ['decimal("-0.5").lessThan(decimal("0.0"))', true],
    ['decimal("1") == decimal("1.0")', 'error'],
    ['decimal("1.2").lessThan(2)', 'error'],
    ['decimal("1.0") < decimal("2.0")', 'error'],
    ['datetime("2024-10-15") < datetime("2024-10-15T00:00:00.001Z")', true],
    ['datetime("2024-10-15T00:00:00+0100") == datetime("2024-10-14T23:00:00Z")', true],
    ['datetime("2023-02-29") == datetime("2023-02-28")', 'error'],
    ['datetime("1969-12-31T23:59:59.999Z").toDate() == datetime("1969-12-31")', true],
    ['datetime("1969-12-31T23:59:59.999Z").toTime() == duration("23h59m59s999ms")', true],
    ['duration("-1h").toDays() == 0', true],
    ['duration("-25h").toDays() == -1', true],
    ['duration("5ms") == duration("5m")', false],
    ['duration("1s500ms") == duration("1500ms")', true],
    ['duration("1h30m") == duration("90m")', true],
    ['datetime("1970-01-01") < duration("1h")', 'error'],
    ['duration("1h") < duration("61m")', true],
    ['datetime("2024-10-15").offset(duration("-1d")) == datetime("2024-10-14")', true],
    ['datetime("2024-10-15").durationSince(datetime("2024-10-14")) == duration("24h")', true],
    ['ip("127.0.0.1").isLoopback()', true],
    ['ip("127.0.0.0/7").isLoopback()', false],
    ['ip("::1").isLoopback()', true],
    ['ip("224.0.0.1").isMulticast()', true],
    ['ip("ff02::1").isMulticast()', true],
    ['ip("10.1.0.0/16").isInRange(ip("10.0.0.0/8"))', true],
    ['ip("10.0.0.0/8").isInRange(ip("10.1.0.0/16"))', false],
    ['ip("::1").isInRange(ip("0.0.0.0/0"))', false],
    ['ip("010.0.0.1").isIpv4()', 'error'],
    ['ip("::ffff:1.2.3.4").isIpv6()', 'error'],
  ],
}

const moreCases: typeof cases = {
  'tags are a space of their own, and only entities have them': [
    ['principal.hasTag("team")', true],
    ['principal.getTag("team") == "pay"', true],
    ['principal.hasTag("age")', false],
    ['principal.getTag("age") == 40', 'error'],
    ['principal has team', false],
    ['principal.hasTag(context.text)', false],
    ['principal.getTag(principal.getTag("next")) == "pay"', true],
    ['principal.hasTag("__proto__")', true],
    ['principal.getTag("__proto__").contains(1)', true],
    ['principal.hasTag("constructor")', false],
    ['principal.hasTag(1)', 'error'],
    ['context.hasTag("team")', 'error'],
    ['Human::"gone".hasTag("team")', false],
    ['Human::"gone".hasTag(1)', 'error'],
    ['Human::"gone".getTag("team") == "pay"', 'error'],
    ['Role::"sre".hasTag("team")', false],
  ],
  'a wrong number of arguments is an error where it is reached': [
    ['ip("::1", "::2").isIpv4()', 'error'],
    ['ip("::1").isIpv6(1)', 'error'],
    ['decimal("1.0").lessThan()', 'error'],
    ['false && ip()', false],
    ['true || duration().toDays() == 1', true],
    ['if true then true else datetime("2024-01-01", "2024-01-02") == 1', true],
  ],
  'whatever names a thing may be a word of JavaScript': [
    ['__proto__::"a" == __proto__::"a"', true],
    ['constructor::toString::"__proto__" is constructor::toString', true],
    ['principal is __proto__', false],
    ['principal in __proto__::"constructor"', true],
    ['{"__proto__": 1, constructor: 2} == {constructor: 2, "__proto__": 1}', true],
    ['{"__proto__": 1} == {}', false],
    ['{"__proto__": {a: 1}} has __proto__.a', true],
    ['{a: 1} has toString', false],
    ['principal has constructor', false],
    ['principal["__proto__"] == 7', true],
    ['principal has __proto__ && principal.__proto__ == 7', true],
  ],
  'what is the same for every request is so whatever it is made of': [
    ['[ip("10.0.0.1"), ip("10.0.0.1/32")] == [ip("10.0.0.1/32")]', true],
    ['[1, [2, {a: decimal("1.50")}]].contains([2, {a: decimal("1.5")}])', true],
    ['context.text == "aba"', true],
    ['context.big == "aba"', false],
    ['"aba" != context.text', false],
    ['context.big != "aba"', true],
    ['principal in [Role::"none", Role::"all"]', true],
    ['principal in [Role::"all", 1]', 'error'],
    ['1 in Role::"all"', 'error'],
    ['context has set.a', 'error'],
    ['context has none.a.b', false],
    ['context.none.a == 1', 'error'],
    ['context.text.a == 1', 'error'],
  ],
}

const uid = (type: string, id: string) => ({ type, id })
const store = mustBe(
  entityStore([
    {
      uid: new Uid('Human', 'ana'),
      attributes: new Map([
        ['age', 40n],
        ['__proto__', 7n],
      ]),
      parents: [new Uid('Role', 'sre'), new Uid('__proto__', 'constructor')],
      tags: new Map<string, string | CedarSet>([
        ['team', 'pay'],
        ['next', 'team'],
        ['__proto__', new CedarSet([1n])],
      ]),
    },
    { uid: new Uid('Role', 'sre'), attributes: new Map(), parents: [new Uid('Role', 'all')] },
  ]),
)
const storeJson = [
  {
    uid: uid('Human', 'ana'),
    attrs: JSON.parse('{"age":40,"__proto__":7}'),
    parents: [uid('Role', 'sre'), uid('__proto__', 'constructor')],
    tags: JSON.parse('{"team":"pay","next":"team","__proto__":[1]}'),
  },
  { uid: uid('Role', 'sre'), attrs: {}, parents: [uid('Role', 'all')] },
]

function outcome(id: string, satisfied: readonly string[], failed: readonly string[]): Wanted {
  return failed.includes(id) ? 'error' : satisfied.includes(id)
}

for (const [says, rows] of Object.entries({ ...cases, ...moreCases })) {
  test(says, () => {
    const texts = rows.map(([expression], place) => `@id("c${place}") permit (principal, action, resource) when { ${expression} };`)
    const compiled = mustBe(compilePolicies(texts.map((text) => ({ file: 'cases.cedar', line: 1, text, json: policyJson(text) }))))
    const ours = evaluate(
      compiled,
      { principal: new Uid('Human', 'ana'), action: new Uid('Action', 'go'), resource: new Uid('Thing', 't'), context },
      store,
    )
    const theirs = cedar.isAuthorized({
      principal: uid('Human', 'ana'),
      action: uid('Action', 'go'),
      resource: uid('Thing', 't'),
      context: contextJson,
      entities: storeJson,
      policies: { staticPolicies: Object.fromEntries(texts.map((text, place) => [`c${place}`, text])) },
    })
    assert.ok(theirs.type === 'success', JSON.stringify(theirs))
    const { reason, errors } = theirs.response.diagnostics
    const permits = ours.permits.map((policy) => policy.id)
    const failed = ours.errors.map(({ policy }) => policy.id)
    const failedThere = errors.map(({ policyId }) => policyId)
    for (const [place, [expression, wanted]] of rows.entries()) {
      assert.equal(outcome(`c${place}`, reason, failedThere), wanted, `cedar-wasm: ${expression}`)
      assert.equal(outcome(`c${place}`, permits, failed), wanted, expression)
    }
  })
}

test('a forbid that errors is skipped by Cedar, so it is listed for whoever must say no', () => {
  const texts = [
    '@id("open") permit (principal, action, resource);',
    '@id("broken") forbid (principal, action, resource) when { context.risk > 3 };',
  ]
  const compiled = mustBe(compilePolicies(texts.map((text) => ({ file: 'a.cedar', line: 7, text, json: policyJson(text) }))))
  const at = { principal: new Uid('Human', 'ana'), action: new Uid('Action', 'go'), resource: new Uid('Thing', 't'), context }
  const { decision, permits, errors } = evaluate(compiled, at, store)
  assert.deepEqual(
    [decision, permits.map(({ id }) => id), errors.map(({ policy, message }) => [policy.describe(), message])],
    ['allow', ['open'], [['forbid "broken" (a.cedar:7)', 'record has no attribute "risk"']]],
  )
})

test('what the evaluator does not know is refused by its name, with its place', () => {
  const refused: readonly (readonly [text: string, says: RegExp])[] = [
    ['permit (principal, action, resource);', /a\.cedar:3: Remit does not evaluate a policy without @id/],
  ]
  for (const [text, says] of refused) {
    const answer = compilePolicies([{ file: 'a.cedar', line: 3, text, json: policyJson(text) }])
    assert.match((!answer.ok && answer.refusal.detail) || 'not refused', says)
  }
  const unknown = {
    effect: 'permit',
    annotations: { id: 'a' },
    principal: { op: 'All' },
    action: { op: 'All' },
    resource: { op: '==', slot: '?resource' },
    conditions: [],
  }
  const template = compilePolicies([{ file: 'a.cedar', line: 3, text: '', json: unknown }])
  assert.match((!template.ok && template.refusal.detail) || 'not refused', /a template \(the slot in resource\)/)
  for (const json of [
    {},
    [],
    null,
    'permit',
    { ...unknown, effect: 'maybe' },
    { ...unknown, resource: { op: 'All' }, conditions: [{ kind: 'when', body: { hasRag: { left: { Value: 1 }, right: { Value: 1 } } } }] },
    { ...unknown, resource: { op: '~' } },
    { ...unknown, conditions: [{ kind: 'while' }] },
  ]) {
    assert.equal(compilePolicies([{ file: 'a.cedar', line: 3, text: '', json }]).ok, false, JSON.stringify(json))
  }
})

test('an id used twice is refused', () => {
  const text = '@id("a") permit (principal, action, resource);'
  const answer = compilePolicies([1, 2].map((line) => ({ file: 'a.cedar', line, text, json: policyJson(text) })))
  assert.match((!answer.ok && answer.refusal.detail) || 'not refused', /permit "a" \(a\.cedar:2\) has the id of permit "a" \(a\.cedar:1\)/)
})
