/** Schemas, contexts and entities as cedar-wasm reads them: what it takes we take, what it refuses we refuse, and policies see the same. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { probes, randomScene, type Scene } from '../../../test/oracle/random-schemas.ts'
import { type JsonObject, parseJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import { type ApplicationSet, openApplication, readActionOf, readContext, readUidOf } from '../application-set.ts'
import { evaluate } from './evaluate.ts'
import { Uid } from './values.ts'

function schemaOf(text: string): JsonObject {
  const answer = cedar.schemaToJsonWithResolvedTypes(text)
  assert.ok(answer.type === 'success', JSON.stringify(answer))
  return lossless(JSON.stringify(answer.json))
}

function lossless(text: string): JsonObject {
  return mustBe(parseJson(text, { depthMax: 1_000 })) as JsonObject
}

const compiledProbes = probes.map((when, place) => {
  const text = `permit (principal, action, resource) when { ${when} };`
  const answer = cedar.policyToJson(text)
  assert.ok(answer.type === 'success')
  return { id: `p${place}`, isTemplate: false, file: 'probe.cedar', line: place + 1, text, json: lossless(JSON.stringify(answer.json)) }
})

function open(schema: JsonObject, entities: readonly JsonObject[] = []) {
  return openApplication({
    id: 'random',
    version: '1',
    schema: { name: 's', text: '', json: schema },
    parsed: compiledProbes,
    links: [],
    entities,
    callers: [],
  })
}

interface Tally {
  taken: number
  refused: number
  asked: number
  allowed: number
}

/** The answer of cedar-wasm: which probes hold, or that it takes no such request. */
function theirs({ schema, entities, context, asked }: Scene): readonly string[] | 'refused' {
  const [type, id] = asked.resource
  const answer = cedar.isAuthorized({
    principal: { type: 'App::User', id: asked.principal },
    action: { type: 'App::Action', id: asked.action },
    resource: { type, id },
    context: context as cedar.Context,
    schema: schema as cedar.Schema,
    validateRequest: true,
    policies: { staticPolicies: Object.fromEntries(compiledProbes.map((probe) => [probe.id, probe.text])) },
    entities: entities as cedar.Entities,
  })
  if (answer.type === 'failure') return 'refused'
  return [...answer.response.diagnostics.reason, ...answer.response.diagnostics.errors.map((error) => `${error.policyId}!`)].toSorted()
}

function ours(set: ApplicationSet, { context, asked }: Scene): readonly string[] | 'refused' {
  const action = readActionOf(set, asked.action)
  const resource = readUidOf(set, ...asked.resource)
  if (!action.ok || !resource.ok) return 'refused'
  const uids = { principal: new Uid('App::User', asked.principal), action: action.value, resource: resource.value }
  const read = readContext(set, uids, lossless(JSON.stringify(context)))
  if (!read.ok) return 'refused'
  const { permits, errors } = evaluate(set.policies, { ...uids, context: read.value }, set.entities)
  return [...permits.map((policy) => policy.id), ...errors.map(({ policy }) => `${policy.id}!`)].toSorted()
}

function compareScene(scene: Scene, tally: Tally): void {
  const text = cedar.schemaToText(scene.schema as cedar.Schema)
  assert.ok(text.type === 'success', JSON.stringify(text))
  const schema = schemaOf(text.text)
  const takes = cedar.checkParseEntities({ entities: scene.entities as cedar.Entities, schema: scene.schema as cedar.Schema })
  const set = open(schema, lossless(`{"list":${JSON.stringify(scene.entities)}}`)['list'] as readonly JsonObject[])
  assert.equal(set.ok, takes.type === 'success', `${JSON.stringify(takes)} ${set.ok ? '' : set.refusal.detail} ${JSON.stringify(scene)}`)
  if (set.ok) tally.taken += 1
  else tally.refused += 1
  const answering = set.ok ? { set: set.value, scene } : { set: mustBe(open(schema)), scene: { ...scene, entities: [] } }
  const wanted = theirs(answering.scene)
  assert.deepEqual(ours(answering.set, answering.scene), wanted, JSON.stringify(answering.scene))
  if (wanted === 'refused') return
  tally.asked += 1
  if (wanted.length > 0) tally.allowed += 1
}

test('what cedar-wasm takes of entities and requests is taken, what it refuses refused, and policies see the same', () => {
  const tally: Tally = { taken: 0, refused: 0, asked: 0, allowed: 0 }
  const numRuns = 250
  fc.assert(
    fc.property(randomScene, (scene) => compareScene(scene, tally)),
    { numRuns },
  )
  for (const [what, count] of Object.entries(tally)) assert.ok(count > numRuns / 20, `${what}: ${count} of ${numRuns}`)
})

describe('values', () => {
  const schema =
    schemaOf(`type Deep = { n: Long }; entity User { level: Long, tag?: Set<Deep>, "__proto__"?: String } tags decimal; entity Doc;
    action "look" appliesTo { principal: User, resource: Doc, context: { n?: Long, at?: datetime, deep?: Deep, who?: User, "__proto__"?: Long } };`)
  const set = mustBe(open(schema))
  const asked = { principal: new Uid('User', 'u'), action: new Uid('Action', 'look'), resource: new Uid('Doc', 'd') }
  const rows: readonly (readonly [json: string, want: string])[] = [
    ['{"n":9223372036854775807}', 'n=9223372036854775807'],
    ['{"n":-9223372036854775808}', 'n=-9223372036854775808'],
    ['{"n":9007199254740993}', 'n=9007199254740993'],
    ['{"n":1.0}', '/n: this is the fraction 1.0'],
    ['{"n":-0}', '/n: this is the fraction -0'],
    ['{"n":1e3}', '/n: this is the fraction 1e3'],
    ['{"n":"1"}', '/n: this is a text'],
    ['{"n":null}', '/n: this is null, which Cedar does not have'],
    ['{"__proto__":3}', '__proto__=3'],
    ['{"constructor":3}', '/constructor: the schema has no attribute "constructor" here'],
    ['{"deep":{}}', '/deep/n: this is missing'],
    ['{"deep":{"n":1,"m/~":2}}', '/deep/m~1~0: the schema has no attribute "m/~" here'],
    ['{"at":"2024-13-01"}', '/at: "2024-13-01" cannot be read by datetime()'],
    ['{"at":{"fn":"duration","arg":"1h"}}', '/at: this is an object'],
    ['{"who":{"type":"User","id":"a","x":1}}', '/who: an entity has a type and an id, and nothing else'],
    ['{"who":{"type":"Doc","id":"a"}}', '/who: this is an entity of type "Doc", and User is wanted'],
    ['{"who":"User::\\"a\\""}', '/who: this is a text'],
  ]
  for (const [json, want] of rows) {
    test(`${json} is ${want}`, () => {
      const read = readContext(set, asked, lossless(json))
      const told = read.ok
        ? [...read.value].map(([name, value]) => `${name}=${typeof value === 'bigint' ? value : 'something else'}`).join()
        : read.refusal.detail
      assert.equal(told, want)
    })
  }

  test('a context five thousand deep is refused where its type ends, also where nobody bounded its depth', () => {
    let deep: JsonObject = { n: 1 }
    for (let level = 0; level < 5_000; level += 1) deep = { deep }
    const read = readContext(set, asked, deep)
    assert.equal(read.ok ? '' : read.refusal.detail, '/deep/deep: the schema has no attribute "deep" here')
    let list: readonly unknown[] = []
    for (let level = 0; level < 5_000; level += 1) list = [list]
    const other = readContext(set, asked, { n: list } as unknown as JsonObject)
    assert.equal(other.ok ? '' : other.refusal.detail, '/n: this is a list')
  })

  test('two actions of one name want the namespace', () => {
    const both = mustBe(open(schemaOf('entity U; action a appliesTo { principal: U, resource: U }; namespace N { action a, b; }')))
    assert.match(readActionOf(both, 'a').ok ? '' : JSON.stringify(readActionOf(both, 'a')), /2 actions are called/)
    assert.equal(mustBe(readActionOf(both, 'N::Action::"a"')).key, new Uid('N::Action', 'a').key)
    assert.equal(mustBe(readActionOf(both, 'b')).type, 'N::Action')
  })
})

describe('entities', () => {
  const text = `entity Org; entity Team in [Org]; entity User in [Team] { level: Long } tags Long; entity Color enum ["red"];
    action all; action a in [all] appliesTo { principal: User, resource: User };`
  const kinds = schemaOf(text)
  const odd: readonly (readonly [says: string, entities: string, isTaken: boolean])[] = [
    ['a parent of the parent’s type', '[{"uid":{"type":"User","id":"u"},"attrs":{"level":1},"parents":[{"type":"Org","id":"o"}]}]', true],
    ['a parent of its own type', '[{"uid":{"type":"User","id":"u"},"attrs":{"level":1},"parents":[{"type":"User","id":"v"}]}]', false],
    [
      'a parent of an enumerated type',
      '[{"uid":{"type":"User","id":"u"},"attrs":{"level":1},"parents":[{"type":"Color","id":"red"}]}]',
      false,
    ],
    ['a parent below it', '[{"uid":{"type":"Org","id":"o"},"attrs":{},"parents":[{"type":"Team","id":"t"}]}]', false],
    ['an action as parent', '[{"uid":{"type":"User","id":"u"},"attrs":{"level":1},"parents":[{"type":"Action","id":"a"}]}]', false],
    ['one of an enumerated type', '[{"uid":{"type":"Color","id":"red"},"attrs":{},"parents":[]}]', true],
    ['none of an enumerated type', '[{"uid":{"type":"Color","id":"green"},"attrs":{},"parents":[]}]', false],
    ['an enumerated one with a parent', '[{"uid":{"type":"Color","id":"red"},"attrs":{},"parents":[{"type":"Org","id":"o"}]}]', false],
    ['an action as it is', '[{"uid":{"type":"Action","id":"a"},"attrs":{},"parents":[{"type":"Action","id":"all"}]}]', true],
    ['an action without its group', '[{"uid":{"type":"Action","id":"a"},"attrs":{},"parents":[]}]', false],
    ['an action that is not there', '[{"uid":{"type":"Action","id":"b"},"attrs":{},"parents":[]}]', false],
    ['tags where there are none', '[{"uid":{"type":"Team","id":"t"},"attrs":{},"parents":[],"tags":{"x":1}}]', false],
    ['a tag of another type', '[{"uid":{"type":"User","id":"u"},"attrs":{"level":1},"parents":[],"tags":{"x":"1"}}]', false],
    ['a tag', '[{"uid":{"type":"User","id":"u"},"attrs":{"level":1},"parents":[],"tags":{"__proto__":1}}]', true],
    ['no attributes', '[{"uid":{"type":"Team","id":"t"},"parents":[]}]', false],
    ['no parents', '[{"uid":{"type":"Team","id":"t"},"attrs":{}}]', false],
    [
      'one twice, with other parents',
      '[{"uid":{"type":"Team","id":"t"},"attrs":{},"parents":[]},{"uid":{"type":"Team","id":"t"},"attrs":{},"parents":[{"type":"Org","id":"o"}]}]',
      false,
    ],
    [
      'the same parent twice',
      '[{"uid":{"type":"Team","id":"t"},"attrs":{},"parents":[{"type":"Org","id":"o"},{"type":"Org","id":"o"}]}]',
      true,
    ],
  ]
  for (const [says, entities, isTaken] of odd) {
    test(`${says} is ${isTaken ? 'taken' : 'refused'}, as by cedar-wasm`, () => {
      const theirs = cedar.checkParseEntities({ entities: JSON.parse(entities) as cedar.Entities, schema: text })
      const read = openApplication({
        id: 'odd',
        version: '1',
        schema: { name: 's', text, json: kinds },
        parsed: [],
        links: [],
        entities: mustBe(parseJson(entities)) as unknown as readonly JsonObject[],
        callers: [],
      })
      assert.deepEqual([theirs.type === 'success', read.ok], [isTaken, isTaken], JSON.stringify(theirs))
    })
  }

  const schema = schemaOf('entity G in [G]; action a appliesTo { principal: G, resource: G };')
  const group = (id: number, parents: readonly number[]): JsonObject => ({
    uid: { type: 'G', id: `${id}` },
    attrs: {},
    parents: parents.map((each) => ({ type: 'G', id: `${each}` })),
  })

  test('a chain of nine hundred is climbed, one of ten thousand refused, and neither exhausts the stack', () => {
    const chain = (length: number) => Array.from({ length }, (_, place) => group(place, place + 1 < length ? [place + 1] : []))
    const set = mustBe(open(schema, chain(900)))
    assert.equal(set.entities.ancestorsOf('G::"0').size, 899)
    const long = open(schema, chain(10_000))
    assert.match(long.ok ? '' : (long.refusal.detail ?? ''), /more than 500000 others above them/)
  })

  test('a circle of ten thousand is refused', () => {
    const circle = Array.from({ length: 10_000 }, (_, place) => group(place, [(place + 1) % 10_000]))
    const refused = open(schema, circle)
    assert.match(refused.ok ? '' : (refused.refusal.detail ?? ''), /^\/9999\/parents: .*circle/)
  })

  test('an entity that is its own parent is refused', () => {
    const refused = open(schema, [group(1, [1])])
    assert.match(refused.ok ? '' : (refused.refusal.detail ?? ''), /circle/)
  })
})
