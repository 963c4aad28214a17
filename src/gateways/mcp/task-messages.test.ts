import assert from 'node:assert/strict'
import test from 'node:test'
import { withTasks } from './discovery.ts'
import { checkBareEnvelope } from './envelope.ts'
import { readMessage } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'
import { canonicalJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import { cancelMessage, createdTask, makesTasks, mayBecomeTask, payloadAnswer, taskMethodOf } from './task-messages.ts'

const read = (text: string) => mustBe(readMessage(Buffer.from(text), defaultLimits))
const meta = (capabilities: string) =>
  `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":${capabilities}}`
const declares = '{"extensions":{"io.modelcontextprotocol/tasks":{}}}'

for (const [says, method, params, revision, want] of [
  ['a call of a client that declares the extension', 'tools/call', meta(declares), undefined, true],
  ['of one that does not', 'tools/call', meta('{"extensions":{}}'), undefined, false],
  ['that says so by another word', 'tools/call', meta('{"tasks":{}}'), undefined, false],
  ['a prompt', 'prompts/get', meta(declares), undefined, false],
  ['a call that asks for one, of the experiment', 'tools/call', '"task":{"ttl":1}', '2025-11-25', true],
  ['that does not ask', 'tools/call', '', '2025-11-25', false],
  ['that asks for something else', 'tools/call', '"task":1', '2025-11-25', false],
  ['of a revision before the experiment', 'tools/call', '"task":{}', '2025-06-18', false],
] as const)
  test(`may become a task: ${says}`, () => {
    const message = read(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${params}}}`)
    const envelope = mustBe(checkBareEnvelope(message))
    assert.equal(mayBecomeTask({ ...envelope, ...(revision === undefined ? {} : { revision }) }, message), want)
  })

test('methods of each generation, and no list of everybody’s tasks in either', () => {
  const found = (era: 'stateless' | 'handshake') =>
    ['tasks/get', 'tasks/update', 'tasks/cancel', 'tasks/result', 'tasks/list', 'tasks/toString'].filter(
      (method) => taskMethodOf({ era }, { kind: 'request', method, params: {}, bytes: new Uint8Array() }) !== undefined,
    )
  assert.deepEqual(found('stateless'), ['tasks/get', 'tasks/update', 'tasks/cancel'])
  assert.deepEqual(found('handshake'), ['tasks/get', 'tasks/cancel', 'tasks/result'])
})

test('the task that a response makes', () => {
  const result = (json: string) => read(`{"jsonrpc":"2.0","id":1,"result":${json}}`)
  assert.equal(createdTask('stateless', result('{"resultType":"task","taskId":"a"}')), 'a')
  assert.equal(createdTask('handshake', result('{"task":{"taskId":"a"}}')), 'a')
  for (const json of [
    '{"resultType":"complete","taskId":"a"}',
    '{"resultType":"task","taskId":1}',
    '{"resultType":"task","taskId":""}',
    '[]',
  ])
    assert.equal(createdTask('stateless', result(json)), undefined, json)
  assert.equal(createdTask('handshake', result('{"taskId":"a"}')), undefined)
  assert.equal(createdTask('stateless', result(`{"resultType":"task","taskId":"${'a'.repeat(257)}"}`)), undefined)
  assert.ok(makesTasks(result('{"capabilities":{"tasks":{"requests":{"tools":{"call":{}}}}}}')))
  assert.ok(!makesTasks(result('{"capabilities":{"tasks":{"requests":{}}}}')))
})

for (const [says, given, want] of [
  ['without any', '{"content":[1.50]}', '{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}},"content":[1.50]}'],
  ['with others', '{"_meta":{"a":1} }', '{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"a":1} }'],
  ['empty', '{"_meta":{ }}', '{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"} }}'],
  [
    'with the server’s own',
    '{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"x"}}}',
    '{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}',
  ],
] as const)
  test(`a result that is told of a task: _meta ${says}`, () => {
    assert.equal(Buffer.from(payloadAnswer('7', 't', ['result', given])).toString(), `{"jsonrpc":"2.0","id":7,"result":${want}}`)
  })

for (const [given, want] of [
  ['{}', '{"extensions":{"io.modelcontextprotocol/tasks":{}}}'],
  ['{"tools":{}}', '{"extensions":{"io.modelcontextprotocol/tasks":{}},"tools":{}}'],
  ['{"extensions":{"a/b":{}}}', '{"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}'],
  ['{"extensions":{"io.modelcontextprotocol/tasks":{"x":1}}}', '{"extensions":{"io.modelcontextprotocol/tasks":{"x":1}}}'],
  ['{"extensions":[]}', '{"extensions":[]}'],
  ['7', '7'],
] as const)
  test(`the extension is declared beside ${given}`, () => {
    const whole = (capabilities: string) => `{"jsonrpc":"2.0","id":1,"result":{"capabilities":${capabilities},"ttlMs":1.0}}`
    assert.equal(Buffer.from(withTasks(Buffer.from(whole(given)))).toString(), whole(want))
  })

test('a cancel of our own says its revision and its client, and nothing else of the call', () => {
  const call = read(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","requestState":"s",${meta('{}').replace('{', '{"traceparent":"t",')}}}`,
  )
  const message = cancelMessage('stateless', 'a"b', call.params)
  const again = read(Buffer.from(message.bytes).toString())
  assert.equal(
    canonicalJson(again.params),
    '{"_meta":{"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"taskId":"a\\"b"}',
  )
  assert.deepEqual(again.idAt, message.idAt)
})

test('a cancel of our own is short, however much its client says of itself', () => {
  const long = meta('{}').replace('{', `{"io.modelcontextprotocol/clientInfo":{"name":"${'x'.repeat(1_000_000)}","version":"1"},`)
  const call = read(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x",${long}}}`)
  const { bytes } = cancelMessage('stateless', 'a', call.params)
  assert.ok(bytes.byteLength < 500)
  assert.equal(
    canonicalJson(read(Buffer.from(bytes).toString()).params['_meta'] ?? null),
    '{"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/protocolVersion":"2026-07-28"}',
  )
})
