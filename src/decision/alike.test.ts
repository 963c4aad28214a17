/** Who is alike: nobody of whom policies could say different things. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyJson } from '../../test/oracle/policy-json.ts'
import { mustBe } from '../kernel/result.ts'
import type { Identity } from '../model/identities.ts'
import { alikeness } from './alike.ts'
import { compilePolicies } from './cedar/policies.ts'

const agent: Identity = {
  id: 'idn_1',
  space: 'main',
  name: 'one',
  kind: 'ai-agent',
  owner: 'idn_8',
  roles: ['a', 'b'],
  state: 'live',
  signsInBy: [],
  createdAt: 0,
}
const everybody = '@id("e") forbid (principal, action, resource);'
const named = '@id("n") forbid (principal, action, resource) when { [AiAgent::"one"].contains(principal) };'
const owned = '@id("o") forbid (principal, action, resource) when { principal has owner && principal["owner"] == Human::"ana" };'

const rows: readonly (readonly [says: string, text: string, other: Partial<Identity>, alike: boolean])[] = [
  ['the same in all but the name', everybody, { name: 'two' }, true],
  ['roles in another order', everybody, { roles: ['b', 'a'] }, true],
  ['of another owner', everybody, { owner: 'idn_9' }, true],
  ['with another role', everybody, { roles: ['a', 'c'] }, false],
  ['with one role more', everybody, { roles: ['a', 'b', 'c'] }, false],
  ['of another kind', everybody, { kind: 'robot' }, false],
  ['one of them named in a condition', named, { name: 'two' }, false],
  ['of another owner, where a policy reads it', owned, { owner: 'idn_9' }, false],
  ['with roles whose names run together', everybody, { roles: ['a\nb'] }, false],
]
for (const [says, text, other, alike] of rows) {
  test(`${says}: ${alike ? 'alike' : 'not alike'}`, () => {
    const set = mustBe(compilePolicies([{ file: 'a.cedar', line: 1, text, json: policyJson(text) }]))
    const likenessOf = alikeness([set])
    assert.equal(likenessOf(agent) === likenessOf({ ...agent, ...other }), alike)
  })
}
