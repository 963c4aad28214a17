import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../kernel/json.ts'
import { parseFromGateway } from './parse-from-gateway.ts'

const ulid = '01JC0000000000000000000000'
const claims = {
  jti: `tok_${ulid}`,
  space: 'main',
  chain: [`idn_${ulid}`],
  provedBy: `crd_${ulid}`,
  audience: 'urn:remit:main:gateway:edge',
  issuedAt: 1,
  expiresAt: 2,
  proved: { ticket: 'OPS-1' },
}
const action = {
  protocol: 'http',
  service: 'shop',
  operation: 'restart',
  verb: 'POST',
  effect: 'execute',
  tier: 2,
  arguments: { service: 'till', count: 9_007_199_254_740_993n, tags: ['a', 'b'], dry: false },
  target: 'POST /services/till/restart',
}
const material = { method: 'POST', target: '/services/till/restart', headers: [['accept', '*/*']], bodySha256: '00' }
const grant = `grn_${ulid}`
const session = `ses_${ulid}`
const address = '192.0.2.1'

/** One of each kind, with every member that it may have. */
const whole = [
  { type: 'hello', speaks: [2, 1], software: '0.4.0', run: 'r1', has: { epoch: 1, version: 7 } },
  { type: 'renew', n: 3 },
  { type: 'applied', version: 12 },
  { type: 'alive', grants: [{ grant, lastUse: 5, underWay: 1 }] },
  { type: 'anchor', n: 9, hash: 'ab'.repeat(32) },
  { type: 'drilled', n: 1 },
  {
    type: 'serves',
    services: [
      { service: 'shop', url: 'https://shop.example' },
      { service: 'till', url: 'http://[::1]:8080' },
      { service: 'ops', url: 'https://shop.example:8720/mcp' },
    ],
  },
  ...[
    { what: 'bind', claims, address },
    { what: 'bind', claims, address, token: 'a.b.c' },
    { what: 'bind', claims: { ...claims, grant }, address },
    { what: 'used-elsewhere', claims, bound: '192.0.2.2', address },
    { what: 'open-session', claims, address, grant },
    { what: 'settle', claims, address, action, material, grant, session, line: 0, hold: `hld_${ulid}` },
    { what: 'hold', claims, address, action, material, body: 'eA==', grant, session, digest: 'v1:00' },
    { what: 'mark-untrusted', claims, address, session, grant, service: 'mail', operation: 'read' },
    { what: 'read-before', claims, address },
    { what: 'exhausted', grant },
    { what: 'reserve', grant, line: 0, uses: 5 },
    { what: 'release', grant, line: 0, uses: 0 },
    { what: 'renew-certificate', request: '-----BEGIN' },
  ].map((ask, id) => ({ type: 'ask', id, ask })),
]

type Json = null | boolean | string | number | bigint | readonly Json[] | { readonly [name: string]: Json }

test('reads back every kind of message as it was written', () => {
  for (const message of whole) {
    const text = canonicalJson(message)
    const read = parseFromGateway(text)
    assert.ok(read.ok, `${text}: ${read.ok ? '' : read.refusal.detail}`)
    assert.equal(canonicalJson(read.value), text)
  }
})

test('takes nothing away, adds nothing and changes nothing: one member that is another kind of thing is refused', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...whole),
      fc.nat(),
      fc.constantFrom('strange', 'null', 'list', 'object', 'negative', 'fraction'),
      (message, at, how) => {
        const places: ((value: Json) => Json)[] = []
        const visit = (value: Json, put: (value: Json) => Json): void => {
          if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
            places.push(() => put({ ...value, strange: 1 }))
            for (const [name, each] of Object.entries(value)) visit(each, (other) => put({ ...value, [name]: other }))
          } else if (!Array.isArray(value)) places.push((other) => put(other))
        }
        visit(message, (value) => value)
        const change = places[at % places.length] ?? ((value: Json) => value)
        const other: Record<typeof how, Json> = {
          strange: { strange: true },
          null: null,
          list: [[[]]],
          object: {},
          negative: -1,
          fraction: '\u0000fraction',
        }
        const text = canonicalJson(change(other[how])).replaceAll('"\\u0000fraction"', '1.5')
        const read = parseFromGateway(text)
        // Free names and exact numbers may stand in arguments; whatever is read is read as it was written.
        if (read.ok) assert.equal(canonicalJson(read.value), text)
        else assert.equal(read.refusal.code, 'feed.unreadable')
      },
    ),
    { numRuns: 2_000 },
  )
})

test('never throws, whatever comes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.constantFrom(...whole.map((each) => canonicalJson(each)))), fc.nat(), (text, cut) => {
      const read = parseFromGateway(text.slice(0, cut % (text.length + 1)))
      assert.ok(read.ok || read.refusal.code === 'feed.unreadable')
    }),
    { numRuns: 2_000 },
  )
})

const refused = [
  { says: 'a second reading of one key', text: '{"type":"renew","n":1,"n":2}' },
  { says: 'a kind that is not known', text: '{"type":"stop","n":1}' },
  { says: 'a kind that every object has', text: '{"type":"constructor"}' },
  { says: 'a question that is not known', text: '{"type":"ask","id":1,"ask":{"what":"toString"}}' },
  { says: 'no object', text: '[]' },
  { says: 'an id of another kind', text: canonicalJson({ type: 'ask', id: 1, ask: { what: 'exhausted', grant: session } }) },
  { says: 'an empty chain', text: canonicalJson({ type: 'ask', id: 1, ask: { what: 'bind', claims: { ...claims, chain: [] }, address } }) },
  { says: 'a body that is written otherwise', text: canonicalJson({ ...whole[12], ask: { ...Object(whole[12])['ask'], body: 'eB==' } }) },
  { says: 'nothing to reserve', text: canonicalJson({ type: 'ask', id: 1, ask: { what: 'reserve', grant, line: 0, uses: 0 } }) },
  ...[
    'https://shop.example/',
    'https://SHOP.example',
    'https://shop.example:443',
    'https://user@shop.example',
    'https://shop.example/orders',
    'https://shop.example?to=elsewhere',
    'ftp://shop.example',
    'javascript:alert(1)',
    'data:,x',
    'null',
    'shop.example',
    `http://${'a'.repeat(300)}`,
  ].map((url) => ({
    says: `a place that is no origin: ${url.slice(0, 40)}`,
    text: canonicalJson({ type: 'serves', services: [{ service: 'shop', url }] }),
  })),
  {
    says: 'two places of one service',
    text: canonicalJson({
      type: 'serves',
      services: [
        { service: 'shop', url: 'http://a.example' },
        { service: 'shop', url: 'http://b.example' },
      ],
    }),
  },
  {
    says: 'more services than a gateway may have',
    text: canonicalJson({
      type: 'serves',
      services: Array.from({ length: 10_001 }, (_, at) => ({ service: `s${at}`, url: 'http://a.example' })),
    }),
  },
  { says: 'a number beyond what is exact', text: '{"type":"renew","n":9007199254740993}' },
  { says: 'more than a message may be', text: `{"type":"renew","n":1${' '.repeat(16_777_216)}}` },
]

for (const { says, text } of refused)
  test(`refuses ${says}`, () => {
    const read = parseFromGateway(text)
    assert.equal(read.ok ? 'read' : read.refusal.code, 'feed.unreadable')
  })
