/** Cedar itself as the judge: random policies, entities and requests must get from our evaluator what they get from cedar-wasm. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { formats, quoted } from '../../../test/oracle/cedar-words.ts'
import { compareAll, noTally } from '../../../test/oracle/compare.ts'
import { policyJson } from '../../../test/oracle/policy-json.ts'
import { commitSeed } from '../../../test/sim/machines/commit-seed.ts'
import { mustBe } from '../../kernel/result.ts'
import { entityStore, type EntityStore } from './entities.ts'
import { type CedarRequest, evaluate } from './evaluate.ts'
import { compilePolicies } from './policies.ts'
import { Uid } from './values.ts'

// CEDAR_RUNS=20000 CEDAR_SEED=7 node --test src/decision/cedar/oracle.test.ts
const runs = Number(process.env['CEDAR_RUNS'] ?? 250)
const seed = Number(process.env['CEDAR_SEED'] ?? commitSeed())

interface Answer {
  readonly decision: 'allow' | 'deny'
  readonly determining: readonly string[]
  readonly errors: readonly string[]
}

const idOf = (place: number) => `p${String(place).padStart(3, '0')}`

function ask(texts: readonly string[], request: CedarRequest, entities: EntityStore): Answer {
  const sources = texts.map((text, place) => ({ id: idOf(place), file: 'random.cedar', line: 1, text, json: policyJson(text) }))
  const { decision, permits, forbids, errors } = evaluate(mustBe(compilePolicies(sources)), request, entities)
  const determining = decision === 'allow' ? permits : forbids
  return { decision, determining: determining.map(({ id }) => id), errors: errors.map(({ policy }) => policy.id) }
}

function askCedar(texts: readonly string[], call: Omit<cedar.AuthorizationCall, 'policies'>): Answer {
  const answer = cedar.isAuthorized({
    ...call,
    policies: { staticPolicies: Object.fromEntries(texts.map((text, place) => [idOf(place), text])) },
  })
  assert.ok(answer.type === 'success', JSON.stringify(answer))
  const { decision, diagnostics } = answer.response
  return { decision, determining: diagnostics.reason.toSorted(), errors: diagnostics.errors.map(({ policyId }) => policyId).toSorted() }
}

test(`sets of policies and linked templates get the answers of cedar-wasm and of a naive evaluator (seed ${seed}, ${runs} × 2)`, (t) => {
  const seen = noTally()
  compareAll(seed, runs, seen)
  assert.equal(seen.comparisons, runs * 2)
  // Agreement about nothing would prove nothing.
  assert.ok(Math.min(seen.allow, seen.deny, seen.errors, seen.determining) > runs / 10, JSON.stringify(seen))
  t.diagnostic(JSON.stringify(seen))
})

/** Texts near the edge of what a parser takes: a known one with a few characters changed. */
function nearly({ texts, characters }: { readonly texts: readonly string[]; readonly characters: string }): fc.Arbitrary<string> {
  const change = fc.record({ at: fc.nat(24), remove: fc.nat(1), add: fc.constantFrom('', ...characters) })
  return fc
    .tuple(fc.constantFrom(...texts), fc.array(change, { maxLength: 3 }))
    .map(([text, changes]) => changes.reduce((now, { at, remove, add }) => now.slice(0, at) + add + now.slice(at + remove), text))
}

const at = new Uid('T', 't')
const nothing = {
  principal: { type: 'T', id: 't' },
  action: { type: 'T', id: 't' },
  resource: { type: 'T', id: 't' },
  context: {},
  entities: [],
}

for (const [name, format] of Object.entries(formats)) {
  test(`${name}() takes and refuses the texts that cedar-wasm does, and finds the same ones equal (seed ${seed})`, () => {
    const taken = { good: 0, bad: 0 }
    fc.assert(
      fc.property(fc.array(fc.tuple(nearly(format), nearly(format)), { minLength: 20, maxLength: 20 }), (pairs) => {
        const texts = pairs.map(
          ([left, right]) => `permit (principal, action, resource) when { ${name}(${quoted(left)}) == ${name}(${quoted(right)}) };`,
        )
        const answer = ask(texts, { principal: at, action: at, resource: at, context: new Map() }, mustBe(entityStore([])))
        assert.deepEqual(answer, askCedar(texts, nothing))
        taken.bad += answer.errors.length
        taken.good += pairs.length - answer.errors.length
      }),
      { seed, numRuns: Math.max(10, runs / 10) },
    )
    assert.ok(Math.min(taken.good, taken.bad) > 5, JSON.stringify(taken))
  })
}
