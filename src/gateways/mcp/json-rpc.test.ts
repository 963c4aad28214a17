/** Reading JSON-RPC: one meaning or a refusal, and what is changed in a message is changed there alone. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { anyPoint } from '../../../test/world/any-point.ts'
import { canonicalJson, isJsonObject } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import { readMessage, withId, withText } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'

const read = (text: string | Uint8Array) => readMessage(typeof text === 'string' ? Buffer.from(text) : text, defaultLimits)
const call = (more: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call",${more}}`
const nested = (open: string, close: string, depth: number) => call(`"params":{"x":${open.repeat(depth)}0${close.repeat(depth)}}`)

const taken: readonly (readonly [text: string, kind: string, id: string | undefined])[] = [
  ['{"jsonrpc":"2.0","id":1,"method":"ping"}', 'request', '1'],
  ['{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}', 'request', '"a"'],
  ['{"jsonrpc":"2.0","id":"\\u0061","method":"ping"}', 'request', '"\\u0061"'],
  ['{"jsonrpc":"2.0","id":"","method":"ping"}', 'request', '""'],
  ['{"jsonrpc":"2.0","id":-7,"method":"ping"}', 'request', '-7'],
  ['{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', 'request', '9007199254740993'],
  ['{"jsonrpc":"2.0","method":"notifications/initialized"}', 'notification', undefined],
  ['{"jsonrpc":"2.0","id":1,"result":{}}', 'response', '1'],
  ['{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}', 'response', '1'],
  ['{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}', 'response', undefined],
  [
    ' \\r\\n{ "method" : "ping" , "jsonrpc" : "2.0", "\\\\u0069d" : 5 } '.replaceAll('\\r\\n', '\r\n').replaceAll('\\\\', '\\'),
    'request',
    '5',
  ],
  ['{"jsonrpc":"2.0","id":1,"method":"ping","trace":"known to nobody"}', 'request', '1'],
]

for (const [text, kind, id] of taken) {
  test(`taken: ${text}`, () => {
    const message = mustBe(read(text))
    assert.deepEqual([message.kind, message.id], [kind, id])
    assert.deepEqual(Buffer.from(message.bytes).toString(), text)
    if (message.idAt !== undefined) assert.equal(text.slice(message.idAt.from, message.idAt.to), id)
  })
}

const refused: Readonly<Record<string, readonly [text: string | Uint8Array, code: string, detail?: RegExp]>> = {
  'nothing at all': ['', 'json.malformed'],
  'a batch': ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 'mcp.batch'],
  'an empty batch': ['[]', 'mcp.batch'],
  'a text': ['"ping"', 'mcp.message'],
  'two messages': ['{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}', 'json.malformed', /after the end/],
  'no jsonrpc': ['{"id":1,"method":"ping"}', 'mcp.message', /jsonrpc/],
  'jsonrpc as a number': ['{"jsonrpc":2.0,"id":1,"method":"ping"}', 'mcp.message', /jsonrpc/],
  'a key twice': [call('"method":"ping"'), 'json.malformed', /duplicate key/],
  'a key twice, once escaped': [call('"params":{"a":1,"\\u0061":2}'), 'json.malformed', /duplicate key/],
  'a method twice, once escaped': [call('"m\\u0065thod":"ping"'), 'json.malformed', /duplicate key/],
  'a key twice, deep in arguments': [
    call('"params":{"name":"x","arguments":{"a":{"b":1,"\\u0062":1}}}'),
    'json.malformed',
    /duplicate key/,
  ],
  'a method for readers that ignore case': [call('"Method":"ping"'), 'action.ambiguous', /"Method" is method/],
  'a name for readers that ignore case': [call('"params":{"name":"list","NAME":"drop"}'), 'action.ambiguous', /"NAME" is name/],
  'arguments spelled with a long s': [call('"params":{"name":"x","argument\u017f":{}}'), 'action.ambiguous', /is arguments/],
  'a task spelled with a Kelvin sign': [call('"params":{"name":"x","tas\u212a":{}}'), 'action.ambiguous', /is task/],
  'id null': ['{"jsonrpc":"2.0","id":null,"method":"ping"}', 'mcp.message', /id/],
  'id with a fraction': ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 'mcp.message', /id/],
  'id with a fraction of nothing': ['{"jsonrpc":"2.0","id":1.0,"method":"ping"}', 'mcp.message', /id/],
  'id with an exponent': ['{"jsonrpc":"2.0","id":1e2,"method":"ping"}', 'mcp.message', /id/],
  'id minus zero': ['{"jsonrpc":"2.0","id":-0,"method":"ping"}', 'mcp.message', /id/],
  'id true': ['{"jsonrpc":"2.0","id":true,"method":"ping"}', 'mcp.message', /id/],
  'id an object': ['{"jsonrpc":"2.0","id":{},"method":"ping"}', 'mcp.message', /id/],
  'id beyond 64 bits': ['{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}', 'json.malformed', /64 bits/],
  'id of 300 characters': [`{"jsonrpc":"2.0","id":"${'a'.repeat(300)}","method":"ping"}`, 'mcp.message', /longer than 256/],
  'params an array': [call('"params":["x"]'), 'mcp.message', /params/],
  'params null': [call('"params":null'), 'mcp.message', /params/],
  'params a text': [call('"params":"{}"'), 'mcp.message', /params/],
  'a method that is a number': ['{"jsonrpc":"2.0","id":1,"method":1}', 'mcp.message', /method/],
  'a method that is empty': ['{"jsonrpc":"2.0","id":1,"method":""}', 'mcp.message', /method/],
  'a method of 200 characters': [`{"jsonrpc":"2.0","id":1,"method":"${'m'.repeat(200)}"}`, 'mcp.message', /method/],
  'a request that is a response': [call('"result":{}'), 'mcp.message', /in one/],
  'result and error': ['{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}', 'mcp.message', /one of them/],
  'neither method nor result': ['{"jsonrpc":"2.0","id":1}', 'mcp.message', /one of them/],
  'a result without an id': ['{"jsonrpc":"2.0","result":{}}', 'mcp.message', /no id/],
  'a result with id null': ['{"jsonrpc":"2.0","id":null,"result":{}}', 'mcp.message', /id/],
  'an error that is a text': ['{"jsonrpc":"2.0","id":1,"error":"no"}', 'mcp.message', /error/],
  'an error with a fraction as code': ['{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}', 'mcp.message', /error/],
  'a byte order mark': [`\ufeff${call('"params":{}')}`, 'json.malformed'],
  'UTF-16': [Buffer.from(call('"params":{}'), 'utf16le'), 'json.malformed'],
  'bytes that are no UTF-8': [
    Buffer.from([...Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'), 0xc0, 0xaf, 0x22, 0x7d]),
    'json.malformed',
  ],
  'a surrogate in bytes': [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'json.malformed'],
  'a lone surrogate, escaped': [call('"params":{"name":"\\ud800"}'), 'json.malformed', /surrogate/],
  'a lone surrogate as a key': [call('"params":{"\\udfff":1}'), 'json.malformed', /surrogate/],
  'NUL between members': [call('\0"params":{}'), 'json.malformed'],
  'NUL in a text': [call('"params":{"name":"a\0b"}'), 'json.malformed', /control/],
  'NUL at the end': [`${call('"params":{}')}\0`, 'json.malformed', /after the end/],
  '5,000 arrays': [nested('[', ']', 5_000), 'json.malformed', /deep/],
  '5,000 objects': [nested('{"a":', '}', 5_000), 'json.malformed', /deep/],
  '5,000 arrays that never close': [call(`"params":{"x":${'['.repeat(5_000)}`), 'json.malformed', /deep/],
  '50 MB': [Buffer.alloc(50_000_000, 0x5b), 'input.too-large'],
  NaN: [call('"params":{"x":NaN}'), 'json.malformed'],
  'a comment': [call('/* */"params":{}'), 'json.malformed'],
}

for (const [says, [text, code, detail]] of Object.entries(refused)) {
  test(`refused: ${says}`, () => {
    const result = read(text)
    assert.ok(!result.ok, JSON.stringify(result))
    assert.equal(result.refusal.code, code, result.refusal.detail ?? says)
    if (detail !== undefined) assert.match(result.refusal.detail ?? '', detail)
  })
}

test('__proto__ and constructor are members like any other', () => {
  const message = mustBe(read(call('"params":{"__proto__":{"name":"x"},"constructor":1}')))
  assert.deepEqual(Object.keys(message.params), ['__proto__', 'constructor'])
  assert.equal(message.params['name'], undefined)
  assert.equal(message.params['toString'], undefined)
})

test('numbers beyond 2^53 keep every digit, in what is read and in the bytes', () => {
  const text = call('"params":{"name":"x","arguments":{"a":9007199254740993,"b":0.1000000000000000055511151231257827,"c":1E400}}')
  const message = mustBe(read(text))
  const { arguments: given } = message.params
  assert.ok(isJsonObject(given))
  assert.deepEqual(Object.values(given).map(canonicalJson), ['9007199254740993', '0.1000000000000000055511151231257827', '1E400'])
  assert.equal(
    Buffer.from(withId(withText(message, ['name'], 'y'), '2').bytes).toString(),
    text.replace('"id":1', '"id":2').replace('"x"', '"y"'),
  )
})

// --- What is replaced, and nothing else --------------------------------------------------------------------------------

const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
/** A text as JSON, some of its characters escaped. */
const written = (text: fc.Arbitrary<string>) =>
  fc.tuple(text, fc.array(fc.boolean(), { minLength: 1, maxLength: 8 })).map(
    ([value, escapes]) =>
      `"${[
        ...JSON.stringify(value)
          .slice(1, -1)
          .matchAll(/\\u....|\\.|./gsu),
      ]
        .map(([character], place) =>
          escapes[place % escapes.length] === true && /^[ -~]$/.test(character)
            ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
            : character,
        )
        .join('')}"`,
  )
const key = fc.string({ unit: anyPoint, minLength: 1, maxLength: 6 }).filter((text) => text.isWellFormed())
const member = (name: fc.Arbitrary<string>, value: fc.Arbitrary<string>) =>
  fc.tuple(space, name, space, space, value, space).map(([a, b, c, d, e, f]) => `${a}${b}${c}:${d}${e}${f}`)
const anything = fc.oneof(
  fc.json({ maxDepth: 3 }).filter((text) => !/e|-0(?!\.)/i.test(text.replaceAll(/"(?:[^"\\]|\\.)*"/g, ''))),
  // Beyond what is looked at byte by byte.
  written(fc.array(fc.constantFrom('"', '\\', ',"id":1}', '\n', 'x'), { minLength: 40, maxLength: 60 }).map((parts) => parts.join(''))),
  written(fc.constantFrom('id', 'name', '{"id":1}', '\\"', '\\\\', ']}')),
)
const others = (taken: readonly string[]) =>
  fc.uniqueArray(
    fc.tuple(
      key.filter((name) => !taken.includes(name.toUpperCase().toLowerCase())),
      anything,
    ),
    {
      selector: ([name]) => name.toUpperCase().toLowerCase(),
      maxLength: 4,
    },
  )
const idText = fc.oneof(
  written(key),
  fc
    .maxSafeInteger()
    .filter((value) => !Object.is(value, -0))
    .map(String),
  fc.constant('9223372036854775807'),
)

const messages = fc
  .tuple(
    member(written(fc.constant('id')), idText),
    member(written(fc.constant('name')), written(key)),
    others(['jsonrpc', 'id', 'method', 'params', 'result', 'error']),
    others(['name', '_meta', 'uri', 'arguments']),
    fc.infiniteStream(fc.nat()),
  )
  .map(([id, name, around, within, order]) => {
    const shuffled = (list: readonly string[]) =>
      list
        .map((text) => [order.next().value ?? 0, text] as const)
        .toSorted(([a], [b]) => a - b)
        .map(([, text]) => text)
        .join(',')
    const plainly = (list: readonly (readonly [string, string])[]) => list.map(([one, other]) => `${JSON.stringify(one)}:${other}`)
    const params = `{${shuffled([name, ...plainly(within)])}}`
    return `{${shuffled(['"jsonrpc":"2.0"', '"method":"tools/call"', id, `"params":${params}`, ...plainly(around)])}}`
  })
  .filter((text) => read(text).ok)

test('an id is replaced, and every byte around it stays', () => {
  fc.assert(
    fc.property(messages, idText, (text, id) => {
      const message = mustBe(read(text))
      const { from = 0, to = 0 } = message.idAt ?? {}
      const other = withId(message, id)
      const bytes = Buffer.from(other.bytes)
      const after = bytes.byteLength - (message.bytes.byteLength - to)
      assert.ok(bytes.subarray(0, from).equals(Buffer.from(message.bytes).subarray(0, from)))
      assert.ok(bytes.subarray(after).equals(Buffer.from(message.bytes).subarray(to)))
      assert.equal(bytes.toString('utf8', from, after), id)
      const again = mustBe(read(bytes))
      assert.deepEqual([again.id, again.idAt, again.params], [id, other.idAt, message.params])
      assert.deepEqual(withId(other, message.id ?? '').bytes, Buffer.from(message.bytes))
    }),
  )
})

test('a name is replaced, and every byte around it stays', () => {
  fc.assert(
    fc.property(messages, key, (text, name) => {
      const message = mustBe(read(text))
      const other = withText(message, ['name'], name)
      const again = mustBe(read(other.bytes))
      assert.equal(again.params['name'], name)
      assert.deepEqual([again.id, again.idAt, again.params], [message.id, other.idAt, other.params])
      const [was, is] = [Buffer.from(message.bytes).toString('latin1'), Buffer.from(other.bytes).toString('latin1')]
      const wanted = Buffer.from(JSON.stringify(name)).toString('latin1')
      const changed = [...Array(was.length).keys()].some((from) => {
        if (!is.startsWith(was.slice(0, from))) return false
        const rest = is.slice(from + wanted.length)
        return is.startsWith(wanted, from) && was.endsWith(rest) && rest.length <= was.length - from
      })
      assert.ok(changed, 'more was changed than one text')
    }),
  )
})

test('noise is refused or read, and never throws', () => {
  const bits = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '\\',
    '\\u0061',
    '"id"',
    '"method"',
    '"jsonrpc":"2.0"',
    '1',
    'null',
    'é',
    '\0',
    ' ',
  )
  fc.assert(fc.property(fc.array(bits, { maxLength: 40 }), (parts) => void read(parts.join(''))))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(bytes)))
})
