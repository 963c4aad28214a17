import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { recordKinds, sampleRecords, tell } from '../../test/contract/sample-records.ts'
import { canonicalJson, isJsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import type { RecordKind } from '../model/records.ts'
import type { Fed } from './parse-fed-records.ts'
import { parseFromControl } from './parse-from-control.ts'

const fedKinds = [
  'identity',
  'credential',
  'passkey',
  'exception',
  'issuer',
  'service',
  'policySet',
  'grant',
  'uses',
  'session',
  'binding',
  'hold',
] as const

function fed(kind: RecordKind, record: unknown): Fed | string {
  const read = parseFromControl(canonicalJson({ type: 'record', kind, record }), 'main')
  if (!read.ok) return read.refusal.code
  assert.ok(read.value.type === 'record')
  return read.value.fed
}

/** As it would come over the wire, to be changed. */
function loose(kind: RecordKind, number = 1): Record<string, unknown> {
  return JSON.parse(canonicalJson(sampleRecords[kind](number))) as Record<string, unknown>
}

/** Every object in a value but those whose names are free, by its path. */
function objectsIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return []
  const free = ['arguments', 'proves', 'json']
  const own = Array.isArray(value) || free.includes(path.at(-1) ?? '') ? [] : [path]
  return [...own, ...Object.entries(value).flatMap(([name, each]) => (name === 'json' ? [] : objectsIn(each, [...path, name])))]
}

function at(value: unknown, path: readonly string[]): Record<string, unknown> {
  return path.reduce((inner, name) => (inner as Record<string, unknown>)[name], value) as Record<string, unknown>
}

for (const kind of fedKinds) {
  test(`a ${kind} comes as it went`, () => {
    for (const number of [1, 2, 3]) {
      const read = fed(kind, sampleRecords[kind](number))
      assert.ok(typeof read !== 'string' && read.isUnderstood, JSON.stringify(read))
      assert.deepEqual(
        tell(mustBe(parseJson(canonicalJson(read.change.record)))),
        tell(mustBe(parseJson(canonicalJson(sampleRecords[kind](number))))),
      )
    }
  })

  test(`a ${kind} with anything in it that is not known is not understood, wherever that stands`, () => {
    const paths = objectsIn(loose(kind))
    assert.ok(paths.length > 0)
    for (const path of paths) {
      const record = loose(kind)
      at(record, path)['onlyOnMondays'] = true
      const read = fed(kind, record)
      assert.ok(typeof read !== 'string' && !read.isUnderstood, path.join('.'))
      assert.match(read.record.why, /onlyOnMondays is not known/)
      assert.equal(read.record.id, record['id'])
    }
  })

  test(`a ${kind} without a member that it needs, or with another value in its place, is not taken for one`, () => {
    for (const name of Object.keys(loose(kind))) {
      for (const value of [undefined, null, { strange: 1 }, [[]], 1.5]) {
        const record = loose(kind)
        if (value === undefined) delete record[name]
        else record[name] = value
        const text = JSON.stringify({ type: 'record', kind, record })
        const read = parseFromControl(text, 'main')
        const isTaken = read.ok && read.value.type === 'record' && read.value.fed.isUnderstood
        assert.ok(!isTaken || (value === undefined && isOptional(kind, name)), `${name}: ${JSON.stringify(value)}`)
      }
    }
  })
}

/** What the sample has and its kind can do without. */
function isOptional(kind: RecordKind, name: string): boolean {
  const others = { service: ['credential', 'gateway'], issuer: ['jwksUri', 'jwks'], exception: ['grant'], identity: ['owner'] }
  return (
    Object.entries(others).some(([each, names]) => each === kind && names.includes(name)) ||
    /At$|By$|^(?:reason|ending|heartbeat|continues|sum|recent|returned|reserved)$/.test(name)
  )
}

test('kinds that are none of a gateway’s business end the link', () => {
  for (const kind of recordKinds)
    if (!fedKinds.some((each) => each === kind)) assert.equal(fed(kind, sampleRecords[kind](1)), 'input.malformed', kind)
})

test('limits of a scope line that are not known yet keep the whole grant out', () => {
  const [line] = loose('grant')['scope'] as Record<string, unknown>[]
  for (const scope of [
    [{ ...line, notBefore: 9 }],
    [{ ...line, arguments: { service: { notOneOf: ['till'] } } }],
    [{ ...line, effects: ['reed'] }],
    [{ ...line, arguments: { service: { format: 'iban' } } }],
    [{ ...line, after: ['shop/one', 'shop/two'] }],
  ]) {
    const read = fed('grant', { ...loose('grant'), scope })
    assert.ok(typeof read !== 'string' && !read.isUnderstood)
    assert.deepEqual(read.record.actor, (loose('grant')['chain'] as string[])[0])
  }
})

test('a secret does not print once it was read', () => {
  const read = mustBe(parseFromControl(canonicalJson({ type: 'secret', service: 'shop', value: 'hunter2' }), 'main'))
  assert.doesNotMatch(JSON.stringify(read), /hunter2/)
})

test('a key that is there twice ends the link', () => {
  for (const text of ['{"type":"drill","n":1,"n":2}', '{"type":"drill","type":"drill","n":1}'])
    assert.ok(!parseFromControl(text, 'main').ok)
  const record = canonicalJson(sampleRecords.grant(1))
  assert.ok(!parseFromControl(`{"type":"record","kind":"grant","record":${record.replace('"tier"', '"tier":0,"tier"')}}`, 'main').ok)
})

test('the quick way in and the strict one read the same, whatever is changed on the way', () => {
  // White space keeps a message from the quick way.
  const tellOf = (message: string): string => {
    const read = parseFromControl(message, 'main')
    return read.ok ? canonicalJson(read.value) : read.refusal.code
  }
  const piece = fc.constantFrom(
    '"',
    '0',
    '9',
    '.',
    'e',
    '-',
    '{',
    ']',
    ',',
    ':',
    '\\',
    'ü',
    '\ud800',
    '1.5',
    '9007199254740993',
    '"a":1,',
    '"id":"x",',
  )
  for (const kind of fedKinds) {
    const text = canonicalJson({ type: 'record', kind, record: sampleRecords[kind](1) })
    assert.equal(tellOf(text), tellOf(`${text} `), kind)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(3), piece, (place, gone, put) => {
        const changed = text.slice(0, place) + put + text.slice(place + gone)
        assert.equal(tellOf(changed), tellOf(`${changed} `), changed)
      }),
      { numRuns: 400 },
    )
  }
})

test('whatever comes is read or refused, and never throws', () => {
  const types = [
    'welcome',
    'record',
    'snapshot',
    'changes',
    'lease',
    'answer',
    'secret',
    'no-secret',
    'keys',
    'drill',
    'refused',
    '__proto__',
  ]
  const message = fc.tuple(
    fc.constantFrom(...types),
    fc.dictionary(fc.constantFrom('n', 'kind', 'record', 'id', 'answer', 'changes', 'forget', 'version', 'x'), fc.jsonValue()),
  )
  fc.assert(
    fc.property(message, ([type, members]) => {
      const read = parseFromControl(JSON.stringify({ ...members, type }), 'main')
      if (read.ok) assert.equal(read.value.type, type)
    }),
    { numRuns: 500 },
  )
})

test('a message with one thing changed is the same kind of message, or none', () => {
  const changes = {
    type: 'changes',
    after: 1,
    version: 2,
    at: 3,
    changes: [{ kind: 'grant', id: sampleRecords.grant(1).id, record: sampleRecords.grant(1) }],
    forget: [],
  }
  const text = canonicalJson(changes)
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('"', '0', '9', 'x', '{', ']', ',', ' '), (place, letter) => {
      const changed = text.slice(0, place) + letter + text.slice(place + 1)
      const read = parseFromControl(changed, 'main')
      if (!read.ok) return
      assert.ok(read.value.type === 'changes')
      const understood = read.value.changes.length + read.value.notUnderstood.length
      assert.equal(understood, 1)
      const value: JsonValue = mustBe(parseJson(changed))
      assert.ok(isJsonObject(value))
    }),
    { numRuns: 2_000 },
  )
})
