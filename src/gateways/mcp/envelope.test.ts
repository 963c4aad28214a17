/** The revision of a message, and headers that must say what its body says. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { anyPoint } from '../../../test/world/any-point.ts'
import { mustBe } from '../../kernel/result.ts'
import { checkBareEnvelope, checkEnvelope, type Envelope, type Headers, headerText, needCapability, readHeaderText } from './envelope.ts'
import { readMessage } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'
import type { Message } from './ports.ts'

const now = '2026-07-28'
const versionKey = 'io.modelcontextprotocol/protocolVersion'
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'
const meta = { [versionKey]: now, [capabilitiesKey]: {} }

function message(value: object): Message {
  return mustBe(readMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value })), defaultLimits))
}
const request = (method: string, params?: object) => message({ id: 1, method, ...(params === undefined ? {} : { params }) })
const notice = (method: string, params?: object) => message({ method, ...(params === undefined ? {} : { params }) })
const call = request('tools/call', { name: 'restart', arguments: {}, _meta: meta })
const headers = (version: string | undefined, method?: string, name?: string): Headers =>
  Object.entries({ 'MCP-Protocol-Version': version, 'Mcp-Method': method, 'Mcp-Name': name }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  )

const taken: Readonly<Record<string, readonly [headers: Headers, message: Message, era: string, revision?: string]>> = {
  'a call that says all of itself': [headers(now, 'tools/call', 'restart'), call, 'stateless', now],
  'headers in lower case': [
    [
      ['mcp-protocol-version', now],
      ['mcp-method', 'tools/call'],
      ['mcp-name', 'restart'],
    ],
    call,
    'stateless',
    now,
  ],
  'a name in base64': [headers(now, 'tools/call', '=?base64?cmVzdGFydA==?='), call, 'stateless', now],
  'white space around values': [headers(` ${now} `, '\ttools/call', '  restart '), call, 'stateless', now],
  'a name that only base64 can carry': [
    headers(now, 'resources/read', headerText('runbook://café ')),
    request('resources/read', { uri: 'runbook://café ', _meta: meta }),
    'stateless',
    now,
  ],
  'a list, which has no name': [headers(now, 'tools/list'), request('tools/list', { _meta: meta }), 'stateless', now],
  'a list with a name that nobody reads': [headers(now, 'tools/list', 'x'), request('tools/list', { _meta: meta }), 'stateless', now],
  discovery: [headers(now, 'server/discover'), request('server/discover', { _meta: meta }), 'stateless', now],
  'a task by its id': [headers(now, 'tasks/get', 't1'), request('tasks/get', { taskId: 't1', _meta: meta }), 'stateless', now],
  'a notification by its header': [headers(now), notice('notifications/cancelled', { requestId: 1 }), 'stateless', now],
  'a notification by its body': [[], notice('notifications/cancelled', { requestId: 1, _meta: { [versionKey]: now } }), 'stateless', now],
  initialize: [[], request('initialize', { protocolVersion: '2025-11-25', capabilities: {} }), 'handshake'],
  'initialize that asks for what nobody speaks yet': [[], request('initialize', { protocolVersion: '2099-01-01' }), 'handshake'],
  'a call after a handshake': [headers('2025-11-25'), request('tools/call', { name: 'restart' }), 'handshake', '2025-11-25'],
  'a call of a revision that had no header': [[], request('tools/call', { name: 'restart' }), 'handshake'],
  'a call of an older revision with headers that agree': [
    headers('2025-06-18', 'tools/call', 'restart'),
    request('tools/call', { name: 'restart' }),
    'handshake',
    '2025-06-18',
  ],
  'an answer to a server': [headers('2025-11-25'), message({ id: 1, result: {} }), 'handshake', '2025-11-25'],
}

for (const [says, [given, one, era, revision]] of Object.entries(taken)) {
  test(`taken: ${says}`, () => {
    const envelope = mustBe(checkEnvelope(given, one))
    assert.deepEqual([envelope.era, envelope.revision], [era, revision])
  })
}

const refused: Readonly<Record<string, readonly [headers: Headers, message: Message, code: string, detail?: RegExp]>> = {
  'no version in the headers': [headers(undefined, 'tools/call', 'restart'), call, 'mcp.mismatch', /MCP-Protocol-Version is missing/],
  'no method in the headers': [headers(now, undefined, 'restart'), call, 'mcp.mismatch', /Mcp-Method is missing/],
  'no name in the headers': [headers(now, 'tools/call'), call, 'mcp.mismatch', /Mcp-Name is missing/],
  'another version': [headers('2025-11-25', 'tools/call', 'restart'), call, 'mcp.mismatch', /"2025-11-25", the body says "2026-07-28"/],
  'another method': [headers(now, 'tools/list', 'restart'), call, 'mcp.mismatch', /"tools\/list", the body says "tools\/call"/],
  'a method in upper case': [headers(now, 'TOOLS/CALL', 'restart'), call, 'mcp.mismatch'],
  'another name': [headers(now, 'tools/call', 'list'), call, 'mcp.mismatch', /"list", the body says "restart"/],
  'a name in upper case': [headers(now, 'tools/call', 'Restart'), call, 'mcp.mismatch'],
  'another name in base64': [headers(now, 'tools/call', '=?base64?bGlzdA==?='), call, 'mcp.mismatch', /"list"/],
  'base64 without its padding': [headers(now, 'tools/call', '=?base64?cmVzdGFydA?='), call, 'mcp.mismatch', /canonical/],
  'base64 with bits left over': [headers(now, 'tools/call', '=?base64?cmVzdGFydB==?='), call, 'mcp.mismatch'],
  'base64 that is none': [headers(now, 'tools/call', '=?base64?***?='), call, 'mcp.mismatch', /canonical/],
  'base64 that is no UTF-8': [headers(now, 'tools/call', '=?base64?/w==?='), call, 'mcp.mismatch', /canonical/],
  'a name encoded twice': [headers(now, 'tools/call', headerText(headerText('restart é'))), call, 'mcp.mismatch'],
  'a name twice, the second another': [[...headers(now, 'tools/call', 'restart'), ['mcp-name', 'list']], call, 'mcp.mismatch', /2 times/],
  'a version twice': [[...headers(now, 'tools/call', 'restart'), ['mcp-protocol-version', now]], call, 'mcp.mismatch', /2 times/],
  'a name for a body that has none': [
    headers(now, 'tools/call', 'restart'),
    request('tools/call', { _meta: meta }),
    'mcp.mismatch',
    /no name/,
  ],
  'a name for a body that has a number': [headers(now, 'tools/call', '1'), request('tools/call', { name: 1, _meta: meta }), 'mcp.mismatch'],
  'another name before 2026-07-28': [
    headers('2025-11-25', 'tools/call', 'list'),
    request('tools/call', { name: 'restart' }),
    'mcp.mismatch',
  ],
  'another method before 2026-07-28': [headers('2025-11-25', 'tools/list'), request('tools/call', { name: 'restart' }), 'mcp.mismatch'],
  'initialize in 2026-07-28': [headers(now), request('initialize', {}), 'mcp.mismatch', /initialize/],
  'a version that nobody speaks': [
    headers('v999.0.0', 'tools/call', 'restart'),
    request('tools/call', { name: 'restart', _meta: { ...meta, [versionKey]: 'v999.0.0' } }),
    'mcp.version',
    /^v999\.0\.0$/,
  ],
  'a version that nobody speaks, in the header alone': [headers('1.0'), request('ping'), 'mcp.version'],
  'a version of later, in the header alone': [headers('2099-01-01'), notice('notifications/x'), 'mcp.version'],
  'an older version in the envelope': [
    headers('2025-11-25', 'tools/list'),
    request('tools/list', { _meta: { ...meta, [versionKey]: '2025-11-25' } }),
    'mcp.version',
  ],
  'no envelope': [headers(now, 'tools/list'), request('tools/list'), 'mcp.envelope', /protocolVersion/],
  'an envelope without a version': [
    headers(now, 'tools/list'),
    request('tools/list', { _meta: { [capabilitiesKey]: {} } }),
    'mcp.envelope',
    /protocolVersion/,
  ],
  'a version that is no text': [
    headers(undefined, 'tools/list'),
    request('tools/list', { _meta: { ...meta, [versionKey]: 1 } }),
    'mcp.envelope',
  ],
  'an envelope without capabilities': [
    headers(now, 'tools/list'),
    request('tools/list', { _meta: { [versionKey]: now } }),
    'mcp.envelope',
    /clientCapabilities/,
  ],
  'capabilities that are a list': [
    headers(now, 'tools/list'),
    request('tools/list', { _meta: { ...meta, [capabilitiesKey]: [] } }),
    'mcp.envelope',
    /clientCapabilities/,
  ],
  'an answer in 2026-07-28': [headers(now), message({ id: 1, result: {} }), 'mcp.message', /asking again/],
}

for (const [says, [given, one, code, detail]] of Object.entries(refused)) {
  test(`refused: ${says}`, () => {
    const result = checkEnvelope(given, one)
    assert.ok(!result.ok, JSON.stringify(result))
    assert.equal(result.refusal.code, code, result.refusal.detail ?? says)
    if (detail !== undefined) assert.match(result.refusal.detail ?? '', detail)
  })
}

test('over stdio the body says it alone', () => {
  assert.equal(mustBe(checkBareEnvelope(call)).era, 'stateless')
  assert.equal(mustBe(checkBareEnvelope(request('tools/call', { name: 'x' }))).era, 'handshake')
  const later = checkBareEnvelope(request('ping', { _meta: { ...meta, [versionKey]: '2099-01-01' } }))
  assert.ok(!later.ok && later.refusal.code === 'mcp.version')
})

const capabilities: readonly (readonly [said: object, needed: readonly string[], has: boolean])[] = [
  [{}, ['elicitation'], false],
  [{ elicitation: {} }, ['elicitation'], true],
  [{ elicitation: {} }, ['elicitation', 'form'], true],
  [{ elicitation: {} }, ['elicitation', 'url'], false],
  [{ elicitation: { url: {} } }, ['elicitation', 'url'], true],
  [{ elicitation: { url: {} } }, ['elicitation', 'form'], false],
  [{ elicitation: true }, ['elicitation'], false],
  [{ extensions: { 'io.modelcontextprotocol/tasks': {} } }, ['extensions', 'io.modelcontextprotocol/tasks'], true],
  [{ extensions: {} }, ['extensions', 'io.modelcontextprotocol/tasks'], false],
  [{}, ['constructor'], false],
  [{}, ['__proto__', 'x'], false],
]

for (const [said, needed, has] of capabilities) {
  test(`${JSON.stringify(said)} ${has ? 'has' : 'lacks'} ${needed.join('.')}`, () => {
    const envelope: Envelope = mustBe(
      checkEnvelope(headers(now, 'tools/list'), request('tools/list', { _meta: { ...meta, [capabilitiesKey]: said } })),
    )
    const result = needCapability(envelope, needed)
    assert.equal(result.ok, has)
    if (!result.ok) assert.deepEqual(result.refusal, { code: 'mcp.capability', detail: needed.join(' ') })
  })
}

test('every text comes out of a header as it went in, and as characters that headers carry', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: anyPoint }).filter((text) => text.isWellFormed()),
      (text) => {
        const written = headerText(text)
        assert.match(written, /^[\x20-\x7e]*$/)
        assert.equal(readHeaderText(written), text)
      },
    ),
  )
  for (const text of ['', ' x', 'x ', '=?base64?', '=?base64?eA==?=', 'a\r\nb', '\0']) assert.equal(readHeaderText(headerText(text)), text)
})

test('whatever the headers say, a name passes only if it is the name of the body', () => {
  const names = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('restart', 'Restart', 'restart ', '=?base64?cmVzdGFydA==?=', '=?base64?cmVzdGFydA?='),
  )
  fc.assert(
    fc.property(names, (name) => {
      const isSame = readHeaderText(name) === 'restart'
      assert.equal(checkEnvelope(headers(now, 'tools/call', name), call).ok, isSame)
    }),
  )
})
