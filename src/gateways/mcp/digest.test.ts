/** What an approval of a call is bound to: every value of it, and neither its white space nor the order of its keys. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import { materialOf } from './digest.ts'
import type { Headers } from './envelope.ts'
import { readMessage } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'

const texts = {
  id: '1',
  method: 'tools/call',
  name: 'transfer',
  args: '{"to":"Ann","amount":100,"note":null,"tags":["a","b"],"more":{"x":1}}',
  meta: '{"progressToken":7,"traceparent":"00-1-2-03","io.modelcontextprotocol/protocolVersion":"2026-07-28"}',
  more: '',
}

function material(changed: Partial<typeof texts>, headers: Headers = []) {
  const { id, method, name, args, meta, more } = { ...texts, ...changed }
  const text = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"name":"${name}","arguments":${args},"_meta":${meta}${more}}}`
  return materialOf(mustBe(readMessage(Buffer.from(text), defaultLimits)), headers)
}
const first = material({})

const same: Readonly<Record<string, Partial<typeof texts>>> = {
  'another id': { id: '2' },
  'an id that is a text': { id: '"1"' },
  'another progress token': { meta: texts.meta.replace('7', '"p"') },
  'no progress token': { meta: texts.meta.replace('"progressToken":7,', '') },
  'another trace': { meta: texts.meta.replace('00-1-2-03', '00-9-9-01').replace('{', '{"tracestate":"a=1","baggage":"b=2",') },
  'another order of keys': { args: '{"more":{"x":1},"tags":["a","b"],"note":null,"amount":100,"to":"Ann"}' },
  'white space': { args: '{ "to" : "Ann",\n"amount":100,"note":null,"tags":[ "a", "b"],"more":{"x":1} }' },
  'an escaped letter': { args: texts.args.replace('Ann', '\\u0041nn') },
  'an escaped key': { args: texts.args.replace('"to"', '"t\\u006f"') },
}
for (const [says, changed] of Object.entries(same)) test(`the same: ${says}`, () => assert.deepEqual(material(changed), first))

const other: Readonly<Record<string, Partial<typeof texts>>> = {
  'another method': { method: 'prompts/get' },
  'another tool': { name: 'transfer2' },
  'another value': { args: texts.args.replace('Ann', 'Eve') },
  'a value in upper case': { args: texts.args.replace('Ann', 'ANN') },
  'a space in a value': { args: texts.args.replace('Ann', 'Ann ') },
  'the same letter in another form of Unicode': { args: texts.args.replace('Ann', 'A\u0301nn') },
  'another amount': { args: texts.args.replace('100', '101') },
  'an amount with a point': { args: texts.args.replace('100', '100.0') },
  'an amount with an exponent': { args: texts.args.replace('100', '1e2') },
  'an amount as a text': { args: texts.args.replace('100', '"100"') },
  'an amount beyond 2^53, and one more': { args: texts.args.replace('100', '9007199254740993') },
  'null instead of nothing': { args: texts.args.replace('"note":null,', '') },
  'false instead of null': { args: texts.args.replace('null', 'false') },
  'another order of a list': { args: texts.args.replace('"a","b"', '"b","a"') },
  'one more in a list': { args: texts.args.replace('"a","b"', '"a","b","b"') },
  'a list in a list': { args: texts.args.replace('["a","b"]', '[["a","b"]]') },
  'one more key deep inside': { args: texts.args.replace('"x":1', '"x":1,"y":1') },
  'no arguments': { args: '{}' },
  'another revision': { meta: texts.meta.replace('2026-07-28', '2025-11-25') },
  'one more in _meta': { meta: texts.meta.replace('{', '{"com.example/as":"root",') },
  'a progress token elsewhere': { more: ',"progressToken":7' },
  'a trace elsewhere': { args: texts.args.replace('"x":1', '"x":1,"traceparent":"00-1-2-03"') },
  'answers to what was asked back': { more: ',"inputResponses":{"a":{"action":"accept"}}' },
  'a state': { more: ',"requestState":"s"' },
  'a task': { more: ',"task":{"ttl":1}' },
}
for (const [says, changed] of Object.entries(other)) {
  test(`another: ${says}`, () => assert.notDeepEqual(material(changed), first))
}

test('no two of the changes are one action', () => {
  const all = [first, ...Object.values(other).map((changed) => material(changed))].map((each) => canonicalJson(each))
  assert.equal(new Set(all).size, all.length)
  const beyond = ['9007199254740992', '9007199254740993', '9007199254740994'].map(
    (amount) => material({ args: `{"amount":${amount}}` }).bodySha256,
  )
  assert.equal(new Set(beyond).size, 3)
})

test('headers that pass count, but for trace context and what the body says itself', () => {
  const mirrored: Headers = [
    ['Mcp-Name', 'x'],
    ['mcp-method', 'y'],
    ['MCP-Protocol-Version', 'z'],
    ['traceparent', 't'],
    ['TraceState', 's'],
    ['baggage', 'b'],
  ]
  assert.deepEqual(material({}, mirrored), first)
  const session: Headers = [
    ['Mcp-Session-Id', 'a'],
    ['mcp-param-region', 'eu'],
  ]
  assert.deepEqual(material({}, session).headers, [
    ['mcp-session-id', 'a'],
    ['mcp-param-region', 'eu'],
  ])
  assert.notDeepEqual(material({}, [['mcp-session-id', 'a']]), material({}, [['mcp-session-id', 'b']]))
})

test('_meta that no object is, and members that nobody knows, count', () => {
  const of = (text: string) => materialOf(mustBe(readMessage(Buffer.from(text), defaultLimits)), []).bodySha256
  const plain = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}'
  const changed = [
    plain.replace('"x"', '"x","_meta":null'),
    plain.replace('"x"', '"x","_meta":[]'),
    plain.replace('"id":1', '"id":1,"auth":"root"'),
    plain.replace('"x"', '"x","__proto__":{"a":1}'),
    plain.replace('"x"', '"x","_meta":{"__proto__":1}'),
    plain.replace(',"params":{"name":"x"}', ''),
  ]
  assert.equal(new Set([plain, ...changed].map(of)).size, changed.length + 1)
  assert.equal(of(plain.replace('"x"', '"x","_meta":{"progressToken":1}')), of(plain))
})

/** The same value, its keys in another order and with other white space. */
function otherwise(value: JsonValue, space: string): string {
  if (Array.isArray(value)) return `[${space}${value.map((each) => otherwise(each, space)).join(`${space},`)}]`
  if (!isJsonObject(value)) return canonicalJson(value)
  const members = Object.entries(value).toReversed()
  return `{${members.map(([key, each]) => `${space}${JSON.stringify(key)}${space}:${otherwise(each, space)}`).join(',')}${space}}`
}

const argumentsText = fc
  .dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4, noNullPrototype: true })
  .map((value) => JSON.stringify(value))
  .filter((args) => readMessage(Buffer.from(`{"jsonrpc":"2.0","method":"x","params":${args}}`), defaultLimits).ok)

function argumentsOf(args: string): JsonObject {
  const read = mustBe(readMessage(Buffer.from(`{"jsonrpc":"2.0","method":"x","params":{"arguments":${args}}}`), defaultLimits)).params[
    'arguments'
  ]
  if (!isJsonObject(read)) throw new Error('no object')
  return read
}

test('two calls have one digest exactly where their values are one', () => {
  fc.assert(
    fc.property(argumentsText, argumentsText, fc.stringMatching(/^[ \t\n]{0,2}$/), (one, two, space) => {
      assert.deepEqual(material({ args: otherwise(argumentsOf(one), space) }), material({ args: one }))
      const isOne = canonicalJson(argumentsOf(one)) === canonicalJson(argumentsOf(two))
      assert.equal(material({ args: one }).bodySha256 === material({ args: two }).bodySha256, isOne)
    }),
  )
})
