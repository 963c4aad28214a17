/** Which values decided a policy, against a table that a reader can judge; and that no policy or request makes it throw or go on for ever. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { policyJson } from '../../../test/oracle/policy-json.ts'
import { randomPolicy } from '../../../test/oracle/random-policies.ts'
import { randomRequest, randomWorld } from '../../../test/oracle/random-worlds.ts'
import { commitSeed } from '../../../test/sim/machines/commit-seed.ts'
import { mustBe } from '../../kernel/result.ts'
import { because } from './because.ts'
import { entityStore, type EntityStore } from './entities.ts'
import { type CedarRequest, judge } from './evaluate.ts'
import { Datetime, parseDecimal, parseIp } from './extensions.ts'
import { compilePolicy, type CompiledPolicy } from './policies.ts'
import { isInScope } from './scopes.ts'
import { type CedarRecord, CedarSet, type CedarValue, Uid } from './values.ts'

const aide = new Uid('AiAgent', 'aide')
const refund = new Uid('Action', 'http:shop/refund')
const route = new Uid('Route', 'shop/refund')
const sre = new Uid('Role', 'sre')
const shop = new Uid('Service', 'shop')
const attributes = new Map<string, CedarValue>([
  ['environment', 'prod'],
  ['tier', 2n],
  ['labels', new CedarSet(['money', 'pii'])],
])
const entities = mustBe(
  entityStore([
    { uid: aide, attributes: new Map(), parents: [sre] },
    { uid: route, attributes, parents: [shop] },
  ]),
)
const decimal = (text: string): CedarValue => parseDecimal(text) ?? ''
const ip = (text: string): CedarValue => parseIp(text) ?? ''
const context: CedarRecord = new Map<string, CedarValue>([
  [
    'arguments',
    new Map<string, CedarValue>([
      ['amount', 700n],
      ['currency', 'EUR'],
      ['rate', decimal('-1.25')],
      ['force', true],
    ]),
  ],
  ['client', ip('10.0.3.7')],
  ['proved', new Map<string, CedarValue>([['ticket', 'OPS-7']])],
  ['session', new Map<string, CedarValue>([['refusals', 3n]])],
  ['time', new Datetime(BigInt(Date.UTC(2030, 0, 2, 3, 4, 5)))],
  ['odd name', 1n],
])
const request: CedarRequest = { principal: aide, action: refund, resource: route, context }

function compiled(text: string): CompiledPolicy {
  return mustBe(compilePolicy({ file: 'a.cedar', line: 1, text, json: policyJson(text) }))
}

interface Row {
  readonly when: string
  readonly says: readonly string[]
  readonly scope?: string
}

const rows: readonly Row[] = [
  { when: 'when { resource.environment == "prod" }', says: ['resource.environment is "prod"'] },
  { when: 'when { resource.environment == "dev" }', says: ['resource.environment is "prod", not "dev"'] },
  { when: 'when { resource.environment != "dev" }', says: ['resource.environment is "prod", not "dev"'] },
  { when: 'unless { resource.environment == "dev" }', says: ['resource.environment is "prod", not "dev"'] },
  { when: 'when { context.arguments.amount > 500 }', says: ['context.arguments.amount is 700, above 500'] },
  { when: 'when { context.arguments.amount <= 500 }', says: ['context.arguments.amount is 700, above 500'] },
  { when: 'when { context.arguments.amount >= 700 }', says: ['context.arguments.amount is 700, at least 700'] },
  {
    when: 'when { context.arguments.amount > context.session.refusals }',
    says: ['context.arguments.amount is 700, above context.session.refusals, which is 3'],
  },
  { when: 'when { context.proved has ticket }', says: ['context.proved has ticket'] },
  { when: 'when { !(context.proved has change) }', says: ['context.proved has no change'] },
  { when: 'when { context has proved.ticket }', says: ['context has proved.ticket'] },
  { when: 'when { context.proved.ticket like "OPS-*" }', says: ['context.proved.ticket is "OPS-7", like "OPS-*"'] },
  { when: 'when { principal in Role::"sre" }', says: ['principal is AiAgent::"aide", in Role::"sre"'] },
  { when: 'when { principal in Role::"dba" }', says: ['principal is AiAgent::"aide", not in Role::"dba"'] },
  { when: 'when { principal is Human }', says: ['principal is AiAgent::"aide", not of type Human'] },
  {
    when: 'when { resource.labels.contains("pii") }',
    says: ['resource.labels.contains("pii") is true; resource.labels is ["money", "pii"]'],
  },
  { when: 'when { context.arguments.force }', says: ['context.arguments.force is true'] },
  {
    when: 'when { context.client.isInRange(ip("10.0.0.0/8")) }',
    says: ['context.client.isInRange(ip("10.0.0.0/8")) is true; context.client is 10.0.3.7'],
  },
  {
    when: 'when { context.arguments.rate.lessThan(decimal("0.5")) }',
    says: ['context.arguments.rate.lessThan(decimal("0.5")) is true; context.arguments.rate is -1.25'],
  },
  {
    when: 'when { context.time < datetime("2031-01-01") }',
    says: ['context.time is 2030-01-02T03:04:05.000Z, below datetime("2031-01-01")'],
  },
  { when: 'when { context["odd name"] == 1 }', says: ['context["odd name"] is 1'] },
  {
    when: 'when { context.arguments.amount + 1 == 701 }',
    says: ['(context.arguments.amount + 1) == 701 is true; context.arguments.amount is 700'],
  },
  // Of a chain only what decided it.
  {
    when: 'when { resource.environment == "dev" || context.arguments.amount > 500 || principal is Human }',
    says: ['context.arguments.amount is 700, above 500'],
  },
  {
    when: 'when { resource.environment == "prod" && context.arguments.amount > 900 && principal is Human }',
    says: ['context.arguments.amount is 700, at most 900'],
  },
  {
    when: 'when { resource.environment == "prod" && context.session.refusals > 2 }',
    says: ['resource.environment is "prod"', 'context.session.refusals is 3, above 2'],
  },
  {
    when: 'when { resource.environment == "prod" } unless { context.proved has change }',
    says: ['resource.environment is "prod"', 'context.proved has no change'],
  },
  {
    when: 'when { if context.arguments.amount > 500 then principal is AiAgent else principal is Human }',
    says: ['context.arguments.amount is 700, above 500', 'principal is AiAgent::"aide", of type AiAgent'],
  },
  // What could not be evaluated, and nothing else.
  {
    when: 'when { resource.environment == "prod" && context.risk > 3 }',
    says: ['cannot be evaluated: record has no attribute "risk", in context.risk > 3'],
  },
  // No conditions, or not even its scope.
  { when: '', says: ['it has no conditions, and is about AiAgent::"aide", Action::"http:shop/refund" and Route::"shop/refund"'] },
  { when: 'when { true }', scope: 'principal is Human, action, resource', says: ['principal is AiAgent::"aide", not of type Human'] },
  {
    when: '',
    scope: 'principal in Role::"dba", action, resource',
    says: ['principal is AiAgent::"aide", not in Role::"dba"'],
  },
]

for (const { when, scope = 'principal, action, resource', says } of rows)
  test(`${scope === 'principal, action, resource' ? '' : scope}${when === '' ? ' (no condition)' : ` ${when}`}`.trim(), () => {
    assert.deepEqual(because(compiled(`@id("a") forbid (${scope}) ${when};`), request, entities), says)
  })

test('what is long is cut, and what is much ends', () => {
  const long = 'x'.repeat(5_000)
  const many = [...Array(200).keys()].map((place) => `context.arguments.amount != ${place}`)
  const lines = because(compiled(`@id("a") forbid (principal, action, resource) when { ${many.join(' && ')} };`), request, entities)
  assert.equal(lines.length, 5)
  assert.equal(lines[4], 'and more')
  const wide = because(
    compiled(`@id("a") forbid (principal, action, resource) when { context.arguments.currency != "${long}" };`),
    request,
    entities,
  )
  assert.ok(wide.every((line) => line.length <= 200))
})

const seed = Number(process.env['CEDAR_SEED'] ?? commitSeed())

test(`whatever a policy and a request hold, it answers within its bounds, and names an error where there is one (seed ${seed})`, () => {
  const seen = { errors: 0, holds: 0, other: 0 }
  fc.assert(
    fc.property(randomPolicy, randomWorld, randomRequest, (text, { store }, { ours: asked }) => {
      const policy = mustBe(compilePolicy({ id: 'p', file: 'r.cedar', line: 1, text, json: policyJson(text) }))
      const lines = because(policy, asked, store)
      assert.ok(lines.length >= 1 && lines.length <= 5, JSON.stringify(lines))
      for (const line of lines) assert.ok(line.length > 0 && line.length <= 200)
      if (!matches(policy, asked, store)) return
      const { errors, forbids, permits } = judge([policy], asked, store)
      assert.equal(lines.at(-1)?.startsWith('cannot be evaluated'), errors.length > 0, `${text}\n${lines.join('\n')}`)
      seen[errors.length > 0 ? 'errors' : forbids.length + permits.length > 0 ? 'holds' : 'other'] += 1
    }),
    { seed, numRuns: 600 },
  )
  assert.ok(Math.min(seen.errors, seen.holds, seen.other) > 0, JSON.stringify(seen))
})

function matches({ scope }: CompiledPolicy, { principal, action, resource }: CedarRequest, store: EntityStore): boolean {
  return (
    isInScope(scope.principal, principal, store) && isInScope(scope.action, action, store) && isInScope(scope.resource, resource, store)
  )
}
