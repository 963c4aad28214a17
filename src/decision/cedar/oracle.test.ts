/** Cedar itself as the judge: random policies, entities and requests must get from our evaluator what they get from cedar-wasm. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { isJsonObject, parseJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import { entityStore, type EntityStore } from './entities.ts'
import { evaluate } from './evaluate.ts'
import { extensionFunctions } from './extensions.ts'
import { compilePolicies } from './policies.ts'
import { type CedarRecord, CedarSet, type CedarValue, Uid } from './values.ts'

// CEDAR_RUNS=20000 CEDAR_SEED=7 node --test src/decision/cedar/oracle.test.ts
const runs = Number(process.env['CEDAR_RUNS'] ?? 250)
const seed = Number(process.env['CEDAR_SEED'] ?? Date.now() % 2_147_483_647)

/** `policyToJson` without its rounding: what it parses is read by our own parser. */
function policyJson(text: string): unknown {
  const parse = JSON.parse
  let seen = ''
  JSON.parse = (source: string) => {
    seen = source
    return parse(source)
  }
  try {
    const answer = cedar.policyToJson(text)
    if (answer.type === 'failure') throw new Error(`${text}: ${answer.errors.map((error) => error.message).join('; ')}`)
  } finally {
    JSON.parse = parse
  }
  const json = mustBe(parseJson(seen, { depthMax: 1_000 }))
  return isJsonObject(json) ? json['json'] : undefined
}

// --- Random policies -------------------------------------------------------------------------------------------------

const quoted = (text: string) => JSON.stringify(text)
const names = ['a', 'n', 's', 'e', 'r', 't', 'x', 'constructor', '__proto__', 'two words']
const entityTexts = ['Role::"r0"', 'Role::"r1"', 'Role::"r2"', 'Human::"h0"', 'Human::"h1"', 'A::Agent::"a0"', 'A::Agent::"gone"', 'Action::"go"', 'Action::"any"', 'Thing::"t0"', 'Thing::"t1"']
const typeNames = ['Role', 'Human', 'A::Agent', 'Action', 'Thing']
const decimals = ['1.5', '1.50', '-0.0001', '0.0', '1.23456', '12', '.5', '01.5', '922337203685477.5807', '922337203685477.5808', '-922337203685477.5808', '+1.0']
const times = ['2024-10-15', '2024-10-15T11:35:00Z', '2024-10-15T11:35:00.123Z', '2024-10-15T11:35:00+0130', '2024-02-30', '1969-12-31T23:59:59.999-2359', '2024-10-15T24:00:00Z', '2024-10-15T11:35:00+2400', '0000-01-01', '9999-12-31', '2024-10-15T11:35Z']
const durations = ['1h', '1d2h3m4s5ms', '-1d', '0ms', '90m', '5ms', '', '-', '1h1d', '1ms1s', '106751991167d', '106751991168d', '1m1ms', '36h']
const ips = ['10.0.0.1', '10.0.0.1/32', '10.0.0.0/8', '10.0.0.1/8', '010.0.0.1', '127.0.0.1', '127.0.0.0/7', '224.1.1.1', '::1', '::1/128', '::/0', 'ff02::1', '2001:db8::/32', '::ffff:1.2.3.4', '1::2::3', '10.0.0.1/33', '10.0.0.1/08', '0.0.0.0/0', 'fe80::1%eth0']

interface Expressions {
  bool: string
  long: string
  text: string
  entity: string
  set: string
  record: string
  decimal: string
  datetime: string
  duration: string
  ip: string
  anything: string
}

const expressions = fc.letrec<Expressions>((tie) => {
  /** Mostly of the type that fits, now and then of any: the errors must agree as well. */
  const of = (kind: keyof Expressions) => fc.oneof({ maxDepth: 5, depthSize: 'small' }, { weight: 12, arbitrary: tie(kind) }, { weight: 1, arbitrary: tie('anything') })
  const join = (left: fc.Arbitrary<string>, operator: string, right: fc.Arbitrary<string>) => fc.tuple(left, right).map(([a, b]) => `(${a} ${operator} ${b})`)
  const call = (receiver: fc.Arbitrary<string>, name: string, ...args: fc.Arbitrary<string>[]) =>
    fc.tuple(receiver, ...args).map(([first, ...rest]) => `(${first}).${name}(${rest.join(', ')})`)
  const field = fc.tuple(fc.oneof(of('record'), of('entity')), fc.constantFrom(...names)).map(([owner, name]) => `(${owner})[${quoted(name)}]`)
  const choice = (kind: keyof Expressions) => fc.tuple(of('bool'), of(kind), of(kind)).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`)
  const leafFirst = { maxDepth: 5, depthSize: 'small', withCrossShrink: true } as const
  const either = (leaf: fc.Arbitrary<string>, ...more: fc.Arbitrary<string>[]) => fc.oneof(leafFirst, leaf, ...more)
  const literal = (name: string, texts: readonly string[]) => fc.constantFrom(...texts).map((text) => `${name}(${quoted(text)})`)
  return {
    bool: either(
      fc.constantFrom('true', 'false', 'context.a', 'context["__proto__"]'),
      ...['&&', '||'].flatMap((operator) => [join(of('bool'), operator, of('bool')), join(of('bool'), operator, of('bool'))]),
      of('bool').map((a) => `(!(${a}))`),
      choice('bool'),
      ...['<', '<=', '>', '>='].map((operator) => join(of('long'), operator, of('long'))),
      ...['<', '>='].map((operator) => join(of('datetime'), operator, of('datetime'))),
      join(of('duration'), '<=', of('duration')),
      ...['==', '!='].flatMap((operator) => [
        join(tie('anything'), operator, tie('anything')),
        ...(['long', 'text', 'entity', 'set', 'record', 'decimal', 'datetime', 'ip'] as const).map((kind) => join(of(kind), operator, of(kind))),
      ]),
      join(of('entity'), 'in', of('entity')),
      fc.tuple(of('entity'), of('entity'), of('entity')).map(([a, b, c]) => `(${a} in [${b}, ${c}])`),
      fc.tuple(of('entity'), fc.constantFrom(...typeNames)).map(([a, type]) => `(${a} is ${type})`),
      fc.tuple(of('entity'), fc.constantFrom(...typeNames), of('entity')).map(([a, type, b]) => `(${a} is ${type} in ${b})`),
      call(of('set'), 'contains', of('anything')),
      call(of('set'), 'containsAll', of('set')),
      call(of('set'), 'containsAny', of('set')),
      call(of('set'), 'isEmpty'),
      fc.tuple(of('text'), fc.array(fc.constantFrom('*', 'a', 'b', 'ab', '\\*', 'é', '😀'), { maxLength: 5 })).map(([a, parts]) => `(${a} like "${parts.join('')}")`),
      fc.tuple(fc.oneof(of('record'), of('entity')), fc.constantFrom(...names)).map(([a, name]) => `(${a} has ${quoted(name)})`),
      fc.tuple(fc.oneof(of('record'), of('entity')), fc.constantFrom('r.a', 'r.r.x', 'e.n', 'a.x.n', 'r.r')).map(([a, path]) => `(${a} has ${path})`),
      ...['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'].map((name) => call(of('decimal'), name, of('decimal'))),
      ...['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'].map((name) => call(of('ip'), name)),
      call(of('ip'), 'isInRange', of('ip')),
      field,
    ),
    long: either(
      fc.constantFrom('0', '1', '-1', '2', '7', '9007199254740993', '9223372036854775807', '-9223372036854775808', 'context.n', 'principal.n', 'resource.n'),
      ...['+', '-', '*'].map((operator) => join(of('long'), operator, of('long'))),
      of('long').map((a) => `(-(${a}))`),
      choice('long'),
      ...['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'].map((name) => call(of('duration'), name)),
      field,
    ),
    text: either(fc.constantFrom('""', '"a"', '"ab"', '"a*b"', '"é"', '"b😀a"', 'context.s', 'principal.s'), choice('text'), field),
    entity: either(fc.constantFrom('principal', 'action', 'resource', 'context.e', 'principal.e', ...entityTexts), choice('entity'), field),
    set: either(fc.constantFrom('[]', '[1, 2]', '["a", "ab"]', 'context.t', 'principal.t'), fc.array(tie('anything'), { maxLength: 3 }).map((all) => `[${all.join(', ')}]`), field),
    record: either(
      fc.constantFrom('context', 'context.r', 'principal.r', '{}'),
      fc.tuple(tie('anything'), tie('anything')).map(([a, b]) => `{"a": ${a}, "__proto__": ${b}}`),
      fc.tuple(tie('anything'), tie('anything')).map(([a, b]) => `{x: ${a}, r: {a: ${b}}}`),
    ),
    decimal: either(literal('decimal', decimals), field),
    datetime: either(
      literal('datetime', times),
      fc.constant('context.x'),
      call(of('datetime'), 'offset', of('duration')),
      call(of('datetime'), 'toDate'),
    ),
    duration: either(literal('duration', durations), call(of('datetime'), 'durationSince', of('datetime')), call(of('datetime'), 'toTime')),
    ip: either(literal('ip', ips), field),
    anything: fc.oneof(leafFirst, tie('long'), tie('text'), tie('entity'), tie('bool'), tie('set'), tie('record'), tie('decimal'), tie('datetime'), tie('duration'), tie('ip')),
  }
})

const scope = (variable: string) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(variable) },
    { weight: 1, arbitrary: fc.constantFrom(...entityTexts).map((uid) => `${variable} == ${uid}`) },
    { weight: 3, arbitrary: fc.constantFrom(...entityTexts).map((uid) => `${variable} in ${uid}`) },
    { weight: 2, arbitrary: fc.constantFrom(...typeNames).map((type) => `${variable} is ${type}`) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...typeNames), fc.constantFrom(...entityTexts)).map(([type, uid]) => `${variable} is ${type} in ${uid}`) },
  )

const actionScope = fc.constantFrom('action', 'action', 'action', 'action == Action::"go"', 'action in Action::"any"', 'action in Action::"any"', 'action in [Action::"go", Action::"any"]', 'action in [Action::"stay"]', 'action in []')

const policyText = fc
  .record({
    effect: fc.constantFrom('permit', 'permit', 'forbid'),
    principal: scope('principal'),
    action: actionScope,
    resource: scope('resource'),
    conditions: fc.array(fc.tuple(fc.constantFrom('when', 'unless'), expressions.bool), { maxLength: 2 }),
  })
  .map(({ effect, principal, action, resource, conditions }) => `${effect} (${principal}, ${action}, ${resource}) ${conditions.map(([kind, body]) => `${kind} { ${body} }`).join(' ')};`)

// --- Random entities and contexts, once as Cedar's JSON ---------------------------------------------------------------

type Json = boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

const entityJson = (text: string): Json => {
  const [, type = '', id = ''] = /^(.*)::"(.*)"$/.exec(text) ?? []
  return { __entity: { type, id } }
}
const extension = (fn: string, arg: string): Json => ({ __extn: { fn, arg } })

const { value: jsonValue, fields: jsonFields } = fc.letrec<{ value: Json; fields: { readonly [name: string]: Json } }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.boolean(),
    fc.constantFrom<Json>(0, 1, -1, 7, Number.MAX_SAFE_INTEGER),
    fc.constantFrom<Json>('', 'a', 'ab', 'b😀a', 'a*b'),
    fc.constantFrom(...entityTexts).map(entityJson),
    fc.constantFrom(extension('decimal', '1.5'), extension('ip', '10.0.0.0/8'), extension('datetime', '2024-10-15'), extension('duration', '1h')),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('fields'),
  ),
  // Each name with a value of the type its users expect, or of any, or not at all.
  fields: fc.array(fc.tuple(fc.constantFrom(...names), tie('value')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
}))

const attributes = fc
  .record({
    loose: jsonFields,
    fitting: fc.record(
      { a: fc.boolean(), n: fc.constantFrom(0, 1, 7), s: fc.constantFrom('a', 'ab'), e: fc.constantFrom(...entityTexts).map(entityJson), t: fc.array(fc.constantFrom<Json>(1, 2, 'a'), { maxLength: 3 }), x: fc.constant(extension('datetime', '2024-10-15T11:35:00Z')) },
      { requiredKeys: [] },
    ),
  })
  .map(({ loose, fitting }): { readonly [name: string]: Json } => ({ ...loose, ...fitting }))

// Parents are only taken from later in this list, so that no circle can arise.
const hierarchy = ['Human::"h0"', 'A::Agent::"a0"', 'Thing::"t0"', 'Human::"h1"', 'Thing::"t1"', 'Role::"r0"', 'Role::"r1"', 'Role::"r2"']
const world = fc
  .tuple(...hierarchy.map((uid, place) => fc.record({ uid: fc.constant(uid), there: fc.integer({ min: 0, max: 4 }), attrs: attributes, parents: fc.subarray(hierarchy.slice(place + 1)) })))
  .map((all) => [
    ...all.filter(({ there }) => there > 0),
    { uid: 'Action::"go"', attrs: {}, parents: ['Action::"any"'] },
    { uid: 'Action::"any"', attrs: {}, parents: [] },
  ])

const request = fc.record({
  principal: fc.constantFrom('Human::"h0"', 'Human::"h1"', 'A::Agent::"a0"', 'A::Agent::"gone"'),
  action: fc.constantFrom('Action::"go"', 'Action::"go"', 'Action::"stay"'),
  resource: fc.constantFrom('Thing::"t0"', 'Thing::"t1"', 'Role::"r0"'),
  context: attributes,
})

// --- The same for ours ------------------------------------------------------------------------------------------------

function uidOf(text: string): Uid {
  const [, type = '', id = ''] = /^(.*)::"(.*)"$/.exec(text) ?? []
  return new Uid(type, id)
}

function jsonUid(text: string): cedar.TypeAndId {
  const { type, id } = uidOf(text)
  return { type, id }
}

function valueOf(json: Json): CedarValue {
  if (typeof json === 'number') return BigInt(json)
  if (typeof json !== 'object') return json
  if (Array.isArray(json)) return new CedarSet(json.map(valueOf))
  const entity = 'type' in json ? undefined : Object.getOwnPropertyDescriptor(json, '__entity')?.value
  if (entity !== undefined) return new Uid(entity.type, entity.id)
  const call = Object.getOwnPropertyDescriptor(json, '__extn')?.value
  if (call !== undefined) return extensionFunctions.get(call.fn)!.call([call.arg])
  return recordOf(json as { readonly [name: string]: Json })
}

function recordOf(fields: { readonly [name: string]: Json }): CedarRecord {
  return new Map(Object.entries(fields).map(([name, json]) => [name, valueOf(json)]))
}

function storeOf(entities: readonly { uid: string; attrs: { readonly [name: string]: Json }; parents: readonly string[] }[]): EntityStore {
  return mustBe(entityStore(entities.map(({ uid, attrs, parents }) => ({ uid: uidOf(uid), attributes: recordOf(attrs), parents: parents.map(uidOf) }))))
}

test(`our evaluator answers as cedar-wasm does: decision, determining policies, errors (seed ${seed}, ${runs} × 2 comparisons)`, (t) => {
  const seen = { allow: 0, deny: 0, errors: 0, determining: 0 }
  fc.assert(
    fc.property(fc.array(policyText, { minLength: 1, maxLength: 6 }), world, fc.tuple(request, request), (texts, entities, requests) => {
      const named = texts.map((text, place) => `@id("p${place}") ${text}`)
      const compiled = mustBe(compilePolicies(named.map((text) => ({ file: 'random.cedar', line: 1, text, json: policyJson(text) }))))
      const store = storeOf(entities)
      for (const { principal, action, resource, context } of requests) {
        const theirs = cedar.isAuthorized({
          principal: jsonUid(principal),
          action: jsonUid(action),
          resource: jsonUid(resource),
          context: context as cedar.Context,
          policies: { staticPolicies: Object.fromEntries(named.map((text, place) => [`p${place}`, text])) },
          entities: entities.map(({ uid, attrs, parents }) => ({ uid: jsonUid(uid), attrs: attrs as cedar.EntityJson['attrs'], parents: parents.map(jsonUid) })),
        })
        assert.ok(theirs.type === 'success', JSON.stringify(theirs))
        const { decision, diagnostics } = theirs.response
        const ours = evaluate(compiled, { principal: uidOf(principal), action: uidOf(action), resource: uidOf(resource), context: recordOf(context) }, store)
        const determining = ours.decision === 'allow' ? ours.permits : ours.forbids
        assert.deepEqual(
          { decision: ours.decision, determining: determining.map(({ id }) => id), errors: ours.errors.map(({ policy }) => policy.id) },
          { decision, determining: diagnostics.reason.toSorted(), errors: diagnostics.errors.map(({ policyId }) => policyId).toSorted() },
        )
        seen[decision] += 1
        seen.errors += ours.errors.length
        seen.determining += determining.length
      }
    }),
    { seed, numRuns: runs },
  )
  // Agreement about nothing would prove nothing.
  assert.ok(Math.min(seen.allow, seen.deny, seen.errors, seen.determining) > runs / 10, JSON.stringify(seen))
  t.diagnostic(JSON.stringify(seen))
})

/** Texts near the edge of what a parser takes: a good one with a few characters changed. */
function nearly(texts: readonly string[], characters: string): fc.Arbitrary<string> {
  const change = fc.record({ at: fc.nat(24), remove: fc.nat(1), add: fc.constantFrom('', ...characters) })
  return fc.tuple(fc.constantFrom(...texts), fc.array(change, { maxLength: 3 })).map(([text, changes]) => changes.reduce((now, { at, remove, add }) => now.slice(0, at) + add + now.slice(at + remove), text))
}

const formats = [
  { name: 'decimal', texts: decimals, characters: '0123456789.-+e ' },
  { name: 'datetime', texts: times, characters: '0123456789TZ:-+. ' },
  { name: 'duration', texts: durations, characters: '0123456789dhms-+ ' },
  { name: 'ip', texts: ips, characters: '0123456789abcdefF.:/ ' },
]

for (const { name, texts, characters } of formats) {
  test(`${name}() takes and refuses the texts that cedar-wasm does, and finds the same ones equal (seed ${seed})`, () => {
    const taken = { good: 0, bad: 0 }
    fc.assert(
      fc.property(fc.array(fc.tuple(nearly(texts, characters), nearly(texts, characters)), { minLength: 20, maxLength: 20 }), (pairs) => {
        const policies = pairs.map(([left, right], place) => `@id("p${place + 10}") permit(principal, action, resource) when { ${name}(${quoted(left)}) == ${name}(${quoted(right)}) };`)
        const uid = { type: 'T', id: 't' }
        const theirs = cedar.isAuthorized({ principal: uid, action: uid, resource: uid, context: {}, entities: [], policies: { staticPolicies: Object.fromEntries(policies.map((text, place) => [`p${place + 10}`, text])) } })
        assert.ok(theirs.type === 'success', JSON.stringify(theirs))
        const compiled = mustBe(compilePolicies(policies.map((text) => ({ file: '', line: 1, text, json: policyJson(text) }))))
        const [at] = [new Uid('T', 't')]
        const ours = evaluate(compiled, { principal: at, action: at, resource: at, context: new Map() }, mustBe(entityStore([])))
        const { reason, errors } = theirs.response.diagnostics
        assert.deepEqual({ equal: ours.permits.map(({ id }) => id), errors: ours.errors.map(({ policy }) => policy.id) }, { equal: reason.toSorted(), errors: errors.map(({ policyId }) => policyId).toSorted() })
        taken.bad += errors.length
        taken.good += 20 - errors.length
      }),
      { seed, numRuns: Math.max(10, runs / 10) },
    )
    assert.ok(taken.good > 5 && taken.bad > 20, JSON.stringify(taken))
  })
}
