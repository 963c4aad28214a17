/** The generated schema, held against Cedar's own reading of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { anyPoint } from '../../test/world/any-point.ts'
import { effects } from '../model/effects.ts'
import { argumentTypes } from '../model/services.ts'
import { actionEntities, cedarSchema, cedarText, type SchemaWorld } from './schema.ts'
import { operationUid } from './names.ts'

const name = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), fc.string({ minLength: 1, maxLength: 8, unit: anyPoint }))
const operation = fc.record({
  name,
  effect: fc.constantFrom(...effects),
  arguments: fc.uniqueArray(fc.record({ name, type: fc.constantFrom(...argumentTypes), required: fc.boolean() }), {
    selector: (each) => each.name,
    maxLength: 4,
  }),
})
const service = fc.record({
  name: fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/),
  protocol: fc.constantFrom('http', 'mcp'),
  environment: fc.constantFrom('prod', 'test'),
  labels: fc.constant([]),
  operations: fc.uniqueArray(operation, { selector: (each) => each.name, maxLength: 4 }),
})
const world: fc.Arbitrary<SchemaWorld> = fc.record({
  services: fc.uniqueArray(service, { selector: (each) => each.name, maxLength: 4 }),
  facts: fc.uniqueArray(fc.constantFrom('ticket', 'run', 'ci.run', 'ci.environment', 'branch'), { maxLength: 5 }),
})

test('every world gives a schema that Cedar reads, with each operation below its effect and its arguments typed', () => {
  fc.assert(
    fc.property(world, (world) => {
      const schema = cedarSchema(world)
      const read = cedar.schemaToJson(schema)
      assert.ok(read.type === 'success', JSON.stringify(read))
      assert.deepEqual(read.warnings, [])
      const actions = read.json['']?.actions ?? {}
      for (const { name, protocol, operations } of world.services) {
        for (const operation of operations) {
          const action = actions[operationUid({ id: name, protocol }, operation.name).id]
          assert.deepEqual(
            action?.memberOf?.map(({ id, type }) => `${type}::${id}`),
            [`Effect::Action::${operation.effect}`],
          )
          const given = JSON.stringify(action?.appliesTo?.context)
          for (const argument of operation.arguments) assert.ok(given.includes(JSON.stringify(argument.name)), argument.name)
        }
      }
      assert.equal(cedarSchema({ ...world, services: world.services.toReversed() }), schema)
    }),
    { numRuns: 100 },
  )
})

test('the action entities are those that Cedar makes of the schema', () => {
  const world: SchemaWorld = {
    services: [
      { name: 'shop', protocol: 'http', environment: 'prod', labels: [], operations: [{ name: 'list', effect: 'read', arguments: [] }] },
    ],
  }
  const read = cedar.schemaToJson(cedarSchema(world))
  assert.ok(read.type === 'success')
  const theirs = Object.entries(read.json).flatMap(([namespace, { actions }]) =>
    Object.entries(actions).map(([id, { memberOf }]) => {
      const type = namespace === '' ? 'Action' : `${namespace}::Action`
      return `${type} ${id} < ${(memberOf ?? []).map((parent) => parent.id).join()}`
    }),
  )
  const ours = actionEntities(world).map(({ uid, parents }) => `${uid.type} ${uid.id} < ${parents.map((parent) => parent.id).join()}`)
  assert.deepEqual(ours.toSorted(), theirs.toSorted())
})

const typed: readonly (readonly [condition: string, valid: boolean])[] = [
  ['context.arguments.name like "a*"', true],
  ['context.arguments.count > 3', true],
  ['context.arguments.ratio.lessThan(decimal("0.5"))', true],
  ['context.arguments.force', true],
  ['context.arguments.tags.contains("x")', true],
  ['context.arguments.name > 3', false],
  ['context.arguments.maybe == "x"', false],
  ['context.arguments has maybe && context.arguments.maybe == "x"', true],
  ['context.provenance has name && context.provenance.name == "untrusted"', true],
  ['context.proved has ci && context.proved.ci has run && context.proved.ci.run == "7"', true],
  ['context.proved has ticket && context.proved.ticket == context.claimed.ticket', false],
  ['context has client && context.client.isInRange(ip("10.0.0.0/8"))', true],
  ['context.time < datetime("2030-01-01") && context.session.refusals > 2', true],
  ['resource.environment == "prod" && resource.tier > 1 && resource.impact.safety == 0 && resource.labels.contains("web")', true],
  ['principal is AiAgent && principal.owner in Role::"sre"', true],
  ['principal.owner in Role::"sre"', false],
]

test('policies may read arguments, facts, session, client, resource and owner by their types', () => {
  const argument = (name: string, type: (typeof argumentTypes)[number], required = true) => ({ name, type, required })
  const args = [
    argument('name', 'string'),
    argument('count', 'long'),
    argument('ratio', 'decimal'),
    argument('force', 'boolean'),
    argument('tags', 'strings'),
    argument('maybe', 'string', false),
  ]
  const schema = cedarSchema({
    services: [
      { name: 'shop', protocol: 'http', environment: 'prod', labels: [], operations: [{ name: 'do', effect: 'execute', arguments: args }] },
    ],
    facts: ['ci.run'],
  })
  for (const [condition, valid] of typed) {
    const answer = cedar.validate({
      schema,
      policies: { staticPolicies: `forbid (principal, action == Action::"http:shop/do", resource) when { ${condition} };` },
    })
    assert.ok(answer.type === 'success', JSON.stringify(answer))
    assert.equal(answer.validationErrors.length + answer.validationWarnings.length === 0, valid, `${condition}: ${JSON.stringify(answer)}`)
  }
})

test('any text becomes a Cedar text of the same meaning', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyPoint }), (text) => {
      const answer = cedar.policyToJson(`permit (principal == T::${cedarText(text)}, action, resource);`)
      assert.ok(answer.type === 'success', cedarText(text))
      assert.deepEqual(answer.json.principal, { op: '==', entity: { type: 'T', id: text } })
    }),
  )
})
