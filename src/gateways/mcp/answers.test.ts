/** Refusals as a client of MCP hears them, by era and method. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { CallToolResultSchema, JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js'
import { isJsonObject, type JsonObject, parseJson } from '../../kernel/json.ts'
import { type Refusal, type RefusalCode, refusals } from '../../kernel/refusals.ts'
import { mustBe } from '../../kernel/result.ts'
import { refusalAnswer } from './answers.ts'
import type { Era } from './envelope.ts'
import { readMessage } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'

const request = (method: string, params = '{}', id = '7') =>
  mustBe(readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`), defaultLimits))
const codes = Object.keys(refusals).filter((code): code is RefusalCode => code !== '')

function answer(refusal: Refusal, given: { readonly era?: Era; readonly message?: ReturnType<typeof request> } = {}, more = {}) {
  const { status, body } = refusalAnswer({ refusal, more, ...given })
  const read = mustBe(parseJson(body))
  assert.ok(isJsonObject(read))
  return { status, body, read }
}

function at(value: JsonObject, ...path: readonly string[]): unknown {
  let found: unknown = value
  for (const name of path) found = typeof found === 'object' && found !== null ? Reflect.get(found, name) : undefined
  return found
}

const rows: readonly (readonly [
  code: RefusalCode,
  method: string | undefined,
  era: Era | undefined,
  status: number,
  told: number | 'result',
])[] = [
  ['json.malformed', undefined, undefined, 400, -32700],
  ['input.too-large', undefined, undefined, 413, 413],
  ['mcp.batch', undefined, undefined, 400, -32600],
  ['mcp.message', undefined, undefined, 400, -32600],
  ['credential.missing', undefined, undefined, 401, 401],
  ['credential.invalid', 'tools/call', 'stateless', 401, 401],
  ['mcp.mismatch', 'tools/call', undefined, 400, -32020],
  ['mcp.version', 'tools/call', undefined, 400, -32022],
  ['mcp.envelope', 'tools/call', undefined, 400, -32602],
  ['mcp.capability', 'tools/call', 'stateless', 400, -32021],
  ['mcp.method', 'unknown/method', 'stateless', 404, -32601],
  ['mcp.method', 'unknown/method', 'handshake', 200, -32601],
  ['grant.missing', 'tools/call', 'stateless', 200, 'result'],
  ['grant.missing', 'tools/call', 'handshake', 200, 'result'],
  ['grant.missing', 'resources/read', 'stateless', 200, 403],
  ['grant.missing', 'prompts/get', 'handshake', 200, 403],
  ['action.unknown', 'tools/call', 'stateless', 200, 'result'],
  ['action.unknown', 'resources/read', 'stateless', 200, -32602],
  ['action.arguments', 'tools/call', 'stateless', 200, 'result'],
  ['action.arguments', 'prompts/get', 'stateless', 200, -32602],
  ['action.held', 'tools/call', 'handshake', 200, 'result'],
  ['upstream.unreachable', 'tools/call', 'stateless', 200, 'result'],
  ['upstream.unreachable', 'tools/list', 'stateless', 200, 502],
  ['internal', 'tools/list', 'stateless', 200, -32603],
]

for (const [code, method, era, status, told] of rows) {
  test(`${code} of ${method ?? 'what cannot be read'}${era === undefined ? '' : `, ${era}`}`, () => {
    const message = method === undefined ? undefined : request(method)
    const { status: got, read } = answer({ code }, { ...(era === undefined ? {} : { era }), ...(message === undefined ? {} : { message }) })
    assert.equal(got, status)
    assert.equal(read['id'], message === undefined ? null : 7)
    if (told === 'result') assert.equal(at(read, 'result', 'isError'), true)
    else assert.equal(at(read, 'error', 'code'), told)
  })
}

test('a code of our own is in no range that JSON-RPC or MCP reserves, and theirs say what they say there', () => {
  const theirs = new Set([-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022])
  for (const code of codes) {
    for (const method of ['tools/call', 'resources/read', 'tools/list']) {
      const told = at(answer({ code }, { era: 'stateless', message: request(method) }).read, 'error', 'code')
      if (told === undefined || (typeof told === 'number' && theirs.has(told))) continue
      assert.ok(typeof told === 'number' && (told > -32000 || told < -32768), `${code} is told as ${JSON.stringify(told)}`)
    }
  }
})

test('every refusal of a call is what the official schemas know as one', () => {
  for (const code of codes) {
    for (const era of ['stateless', 'handshake'] as const) {
      const { body, read } = answer({ code, detail: 'x' }, { era, message: request('tools/call', '{"name":"a"}', '"a"') })
      JSONRPCMessageSchema.parse(JSON.parse(body))
      if (read['result'] === undefined) continue
      assert.equal(CallToolResultSchema.parse(JSON.parse(body).result).isError, true)
      assert.equal(at(read, 'result', 'resultType'), era === 'stateless' ? 'complete' : undefined)
    }
  }
})

test('a model is told what is so, what to do, what to ask for and who is asked', () => {
  const refusal: Refusal = {
    code: 'action.held',
    ask: [{ task: 'incident', actions: ['restart'], resource: 'ops/restart', command: 'remit request --task incident ops/restart' }],
  }
  const more = { decision: 'dec_1', hold: 'hld_1', page: 'https://remit.example/hold/hld_1' }
  const { read } = answer(refusal, { era: 'stateless', message: request('tools/call') }, more)
  const [content] = [at(read, 'result', 'content')].flat()
  assert.deepEqual(`${at(Object(content), 'text')}`.split('\n'), [
    'action.held: held: a person must approve this action',
    'Ask for: restart on ops/restart, as a task of kind incident (remit request --task incident ops/restart)',
    'Held as hld_1: nothing was done yet. Send exactly the same call again once it is approved.',
    'A person answers at https://remit.example/hold/hld_1',
    'Decision dec_1',
  ])
  assert.equal(at(read, 'result', '_meta', 'remit/refusal', 'type'), 'urn:remit:refusal:action.held')
  assert.equal(at(read, 'result', '_meta', 'remit/refusal', 'hold'), 'hld_1')
})

test('an id comes back as it was written', () => {
  for (const id of ['9007199254740993', '"\\u0061"', '"a\\"b"', '-1', '""']) {
    for (const method of ['tools/call', 'prompts/get'])
      assert.ok(
        answer({ code: 'grant.missing' }, { era: 'handshake', message: request(method, '{}', id) }).body.includes(`"id":${id},`),
        id,
      )
  }
})

test('a version says what is spoken, a capability what is needed, a resource its URI', () => {
  const version = answer({ code: 'mcp.version', detail: '2099-01-01' }, { message: request('tools/list') })
  assert.equal(at(version.read, 'error', 'data', 'requested'), '2099-01-01')
  assert.deepEqual(at(version.read, 'error', 'data', 'supported'), ['2026-07-28'])
  const capability = answer({ code: 'mcp.capability', detail: 'elicitation url' }, { era: 'stateless', message: request('tools/call') })
  assert.equal(JSON.stringify(at(capability.read, 'error', 'data', 'requiredCapabilities')), '{"elicitation":{"url":{}}}')
  const resource = answer({ code: 'action.unknown' }, { era: 'stateless', message: request('resources/read', '{"uri":"x://y"}') })
  assert.equal(at(resource.read, 'error', 'data', 'uri'), 'x://y')
})

test('what only operators hear is told as what is not there', () => {
  const code = codes.find((each) => refusals[each].tells === 'operator')
  assert.ok(code !== undefined)
  const { body } = answer({ code, detail: 'an inside of ours' }, { era: 'stateless', message: request('resources/read') })
  assert.ok(!body.includes(code) && !body.includes('an inside of ours'))
})

test('a text cut in half is still JSON', () => {
  const { body } = answer({ code: 'mcp.method', detail: '\ud83d' }, { era: 'stateless', message: request('x', '{"uri":"x"}') })
  assert.ok(parseJson(body).ok)
})
