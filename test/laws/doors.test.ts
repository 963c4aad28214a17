/** No door opens by accident: not by a forbid that is added, not by a permit that is taken away, whatever else the policies say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { evaluate } from '../../src/decision/cedar/evaluate.ts'
import { compilePolicies } from '../../src/decision/cedar/policies.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { policyJson } from '../oracle/policy-json.ts'
import { randomPolicy } from '../oracle/random-policies.ts'
import { randomRequest, randomWorld } from '../oracle/random-worlds.ts'
import { commitSeed } from '../sim/machines/commit-seed.ts'

const seed = commitSeed()

const setOf = (texts: readonly string[]) =>
  mustBe(compilePolicies(texts.map((text, place) => ({ id: `p${place}`, file: 'doors.cedar', line: 1, text, json: policyJson(text) }))))

const isForbid = (text: string) => text.startsWith('forbid')

test(`adding a forbid and removing a permit never turn a no into a yes (seed ${seed})`, () => {
  const seen = { closed: 0, stayed: 0 }
  const policies = fc.array(randomPolicy, { minLength: 2, maxLength: 6 })
  const law = fc.property(
    policies,
    randomPolicy,
    fc.tuple(randomWorld, randomRequest),
    fc.nat(5),
    (texts, more, [{ store }, { ours }], place) => {
      const permits = texts.filter((text) => !isForbid(text))
      const gone = permits[place % Math.max(1, permits.length)]
      const forbid = isForbid(more) ? more : more.replace('permit', 'forbid')
      const before = evaluate(setOf(texts), ours, store).decision
      for (const narrowed of [[...texts, forbid], [forbid, ...texts], texts.filter((text) => text !== gone)]) {
        const after = evaluate(setOf(narrowed), ours, store).decision
        assert.ok(before === 'allow' || after === 'deny', 'a door was opened')
        seen[before === after ? 'stayed' : 'closed'] += 1
      }
    },
  )
  fc.assert(law, { seed, numRuns: 300 })
  // Most doors are closed from the beginning: a seed that closes few says little, and is followed by the next.
  for (let next = seed + 1; seen.closed <= 20 && next < seed + 10; next += 1) fc.assert(law, { seed: next, numRuns: 300 })
  assert.ok(seen.closed > 20, JSON.stringify(seen))
})
