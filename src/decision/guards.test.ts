/** What was found once is found again only among the same rules, entities and record of an identity. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { mustBe } from '../kernel/result.ts'
import type { Identity } from '../model/identities.ts'
import { entityStore } from './cedar/entities.ts'
import { compilePolicy, joinPolicies } from './cedar/policies.ts'
import { guardsOf } from './guards.ts'
import type { Rules } from './rules.ts'
import { identityEntities } from './world.ts'

const action = { protocol: 'http', service: 'shop', operation: 'restart' } as const
const aide: Identity = {
  id: 'idn_1',
  space: 'main',
  name: 'aide',
  kind: 'ai-agent',
  roles: ['night'],
  state: 'live',
  signsInBy: [],
  createdAt: 0,
}

/** Rules with one guardrail of this id, which speaks of whoever has the role. */
function rulesOf(id: string, role: string): Rules {
  const json = {
    effect: 'forbid',
    principal: { op: 'in', entity: { type: 'Role', id: role } },
    action: { op: 'All' },
    resource: { op: 'All' },
    conditions: [],
    annotations: { id },
  }
  const none = mustBe(joinPolicies([]))
  const guardrails = mustBe(joinPolicies([mustBe(compilePolicy({ file: 'a.cedar', line: 1, text: '', json }))]))
  return { eligibility: none, guardrails, desk: none, terms: new Map(), holds: new Map(), duties: new Map(), version: id }
}

const entitiesOf = (identity: Identity) => mustBe(entityStore(identityEntities(identity, () => undefined)))

test('other rules, other entities and another record are looked at anew', () => {
  const [first, second, day] = [rulesOf('first', 'night'), rulesOf('second', 'night'), rulesOf('day', 'day')]
  const [entities, moved] = [entitiesOf(aide), entitiesOf({ ...aide, roles: ['day'] })]
  const found = (rules: Rules, store = entities, who = aide) => guardsOf(rules, store, who, action).policies.map((policy) => policy.id)
  assert.deepEqual(found(first), ['first'])
  assert.deepEqual(found(first), ['first'])
  assert.deepEqual(found(second), ['second'])
  assert.deepEqual(found(first), ['first'])
  assert.deepEqual(found(day), [])
  assert.deepEqual(found(day, moved), ['day'])
  assert.deepEqual(found(first, moved), [])
  assert.deepEqual(found(first, entities, { ...aide, name: 'other' }), [])
  assert.deepEqual(found(first), ['first'])
})
