/** Request heads: which headers pass, which are read, which are refused; and what an approval is bound to. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type HttpRequest, materialOf, readRequest } from './codec.ts'

const limits = { headersMax: 20, targetBytesMax: 100 }

function read(headers: readonly string[], { target = '/a', version = '1.1', withheld = 'x-key' } = {}) {
  return readRequest({ method: 'POST', target, version, headers: ['Host', 'shop.test', ...headers] }, limits, withheld)
}

function accepted(headers: readonly string[]): HttpRequest {
  const result = read(headers)
  assert.ok(result.ok, JSON.stringify(result))
  return result.value
}

const refused: readonly (readonly [says: string, headers: readonly string[], code: string, detail: RegExp])[] = [
  ['two Hosts', ['host', 'shop.test'], 'action.ambiguous', /host stands twice/],
  ['two Authorizations', ['Authorization', 'Bearer a', 'authorization', 'Bearer b'], 'action.ambiguous', /authorization stands twice/],
  [
    'two Content-Types',
    ['Content-Type', 'text/plain', 'content-type', 'application/json'],
    'action.ambiguous',
    /content-type stands twice/,
  ],
  ['two Content-Lengths', ['Content-Length', '1', 'Content-Length', '1'], 'action.ambiguous', /content-length stands twice/],
  ['two lengths in one field', ['Content-Length', '1, 1'], 'action.ambiguous', /plain number/],
  ['a length with a sign', ['Content-Length', '+1'], 'action.ambiguous', /plain number/],
  ['a length with a leading zero', ['Content-Length', '01'], 'action.ambiguous', /plain number/],
  ['a hexadecimal length', ['Content-Length', '0x1'], 'action.ambiguous', /plain number/],
  ['a length beyond every number', ['Content-Length', '9999999999999999'], 'action.ambiguous', /plain number/],
  ['length and chunks', ['Content-Length', '1', 'Transfer-Encoding', 'chunked'], 'action.ambiguous', /exclude each other/],
  ['two Transfer-Encodings', ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'], 'action.ambiguous', /stands twice/],
  ['a transfer coding besides chunked', ['Transfer-Encoding', 'gzip, chunked'], 'input.invalid', /chunked only/],
  ['a method override', ['X-HTTP-Method-Override', 'DELETE'], 'action.ambiguous', /would change/],
  ['another method override', ['X-Method-Override', 'DELETE'], 'action.ambiguous', /would change/],
  ['a target override', ['X-Original-URL', '/admin'], 'action.ambiguous', /would change/],
  ['another target override', ['X-Rewrite-URL', '/admin'], 'action.ambiguous', /would change/],
  ['a header with an underscore', ['X_Forwarded_For', '1.2.3.4'], 'action.ambiguous', /underscore/],
  ['an upgrade', ['Connection', 'upgrade', 'Upgrade', 'websocket'], 'input.invalid', /upgrade/],
  ['another expectation', ['Expect', '200-ok'], 'input.invalid', /100-continue only/],
  ['another scheme', ['Authorization', 'Basic YTpi'], 'credential.invalid', /Bearer/],
  ['a token with a comma', ['Authorization', 'Bearer a, Bearer b'], 'credential.invalid', /Bearer/],
  [
    'Connection that lists what belongs to the request',
    ['Connection', 'Content-Type', 'Content-Type', 'application/json'],
    'action.ambiguous',
    /Connection lists/,
  ],
  ['Connection that lists the credential', ['Connection', 'close, authorization'], 'action.ambiguous', /Connection lists/],
  ['too many headers', Array.from({ length: 40 }, (_, place) => `x-${place}`), 'input.too-large', /20 headers/],
]

for (const [says, headers, code, detail] of refused) {
  test(`refused: ${says}`, () => {
    const result = read(headers)
    assert.ok(!result.ok, JSON.stringify(result))
    assert.equal(result.refusal.code, code)
    assert.match(result.refusal.detail ?? '', detail)
  })
}

for (const host of [undefined, '', 'a b', 'user@shop', 'shop/x', 'a,b']) {
  test(`refused: Host ${JSON.stringify(host)}`, () => {
    const result = readRequest({ method: 'GET', target: '/', version: '1.1', headers: host === undefined ? [] : ['Host', host] }, limits)
    assert.ok(!result.ok && result.refusal.code === 'action.ambiguous')
  })
}

for (const version of ['1.0', '2.0', '0.9']) {
  test(`refused: HTTP/${version}`, () => {
    const result = read([], { version })
    assert.ok(!result.ok && result.refusal.code === 'input.malformed')
  })
}

test('a target beyond its bound is refused as too large', () => {
  const result = read([], { target: `/${'a'.repeat(100)}` })
  assert.ok(!result.ok && result.refusal.code === 'input.too-large')
})

test('what passes, passes as it was written; what is the hop’s, the client’s own or an assertion does not', () => {
  const { headers } = accepted([
    'Accept',
    '*/*',
    'X-Custom',
    'a',
    'X-Custom',
    'b',
    'Authorization',
    'Bearer abc',
    'Cookie',
    'sid=1',
    'X-API-Key',
    'k',
    'X-Key',
    'own',
    'X-Forwarded-For',
    '1.2.3.4',
    'X-Forwarded-Whatever',
    'x',
    'Forwarded',
    'for=1.2.3.4',
    'X-Real-IP',
    '1.2.3.4',
    'Proxy-Authorization',
    'Basic x',
    'Connection',
    'keep-alive, X-Hop',
    'X-Hop',
    '1',
    'Keep-Alive',
    'timeout=5',
    'TE',
    'trailers',
    'Traceparent',
    '00-1-2-01',
    'If-None-Match',
    '"a"',
  ])
  assert.deepEqual(headers, ['Accept', '*/*', 'X-Custom', 'a', 'X-Custom', 'b', 'Traceparent', '00-1-2-01', 'If-None-Match', '"a"'])
})

const preferences: readonly (readonly [value: string, wait: number | undefined, passes: readonly string[]])[] = [
  ['wait=5', 5, []],
  ['wait=0', 0, []],
  ['Wait = "7"', 7, []],
  ['wait=600', 60, []],
  ['wait=5, wait=9', 5, []],
  ['wait=-1', undefined, []],
  ['wait', undefined, []],
  ['return=minimal', undefined, ['Prefer', 'return=minimal']],
  ['return=minimal, wait=3; x=y, foo="a, wait=9"', 3, ['Prefer', 'return=minimal, foo="a, wait=9"']],
]

for (const [value, wait, passes] of preferences) {
  test(`Prefer: ${value}`, () => {
    const request = accepted(['Prefer', value])
    assert.equal(request.waitSeconds, wait)
    assert.deepEqual(request.headers, passes)
  })
}

test('the body’s length is read from its framing', () => {
  assert.equal(accepted([]).bodyLength, 0)
  assert.equal(accepted(['Content-Length', '0']).bodyLength, 0)
  assert.equal(accepted(['content-length', '17']).bodyLength, 17)
  assert.equal(accepted(['Transfer-Encoding', 'Chunked']).bodyLength, 'chunked')
})

test('an approval is bound to method, target, passing headers and body; not to spelling, waiting, trace context or framing', () => {
  const first = materialOf(
    accepted(['Content-Length', '2', 'X-A', '1', 'Traceparent', 't1', 'Prefer', 'wait=1', 'Authorization', 'Bearer a']),
    'ff',
  )
  const again = materialOf(
    accepted(['Transfer-Encoding', 'chunked', 'x-a', '1', 'traceparent', 't2', 'Tracestate', 'x', 'Authorization', 'Bearer b']),
    'ff',
  )
  assert.deepEqual(first, { method: 'POST', target: '/a', headers: [['x-a', '1']], bodySha256: 'ff' })
  assert.deepEqual(again, first)
  assert.notDeepEqual(materialOf(accepted(['X-A', '2']), 'ff'), first)
})
