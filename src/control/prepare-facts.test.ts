/** Policies read before they are applied: in slices, with turns for others in between, and applied by a look-up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyJson } from '../../test/oracle/policy-json.ts'
import { RealClock } from '../../test/world/clock.ts'
import { isJsonObject } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { entityStore } from '../decision/cedar/entities.ts'
import { readingRules, readRules } from '../decision/rules.ts'
import { warmingUp } from '../decision/warm-up.ts'
import type { PolicySet } from '../model/policies.ts'
import { FactTables } from './fact-tables.ts'
import { needsPreparing, preparePolicies, readWarm } from './prepare-facts.ts'

const many = 1_000
const entities = mustBe(entityStore([]))

/** Time passes with each look at it: every slice ends after some forty steps, however quick this machine is. */
class HastyClock extends RealClock {
  turns = 0
  #looks = 0

  override now(): number {
    this.#looks += 1
    return Math.floor(this.#looks / 10)
  }

  override turn(): Promise<void> {
    this.turns += 1
    return super.turn()
  }
}

function setOf(texts: readonly string[]): PolicySet {
  const parsed = texts.map((text, place) => {
    const json = policyJson(text)
    return { file: 'a.cedar', line: place + 1, text, json: isJsonObject(json) ? json : {} }
  })
  const files = [{ name: 'a.cedar', text: texts.join('\n') }]
  return { id: 'current', space: 'main', version: 'v', files, parsed, publishedAt: 0, publishedBy: 'ana' }
}

const texts = Array.from(
  { length: many },
  (_, place) =>
    `@id("p-${place}") forbid (principal in Role::"r${place % 10}", action in Effect::Action::"write", resource in Service::"s${place % 50}") when { context.session.refusals > ${place} };`,
)

test('a thousand policies are read and warmed with turns for others in between, and applied as what was read', async () => {
  const set = setOf(texts)
  const clock = new HastyClock()
  const read = await readWarm({ policies: set.parsed, files: set.files, schema: '' }, { clock, entities })
  assert.ok(read.ok)
  assert.ok(clock.turns >= many / 50, `${clock.turns} turns`)
  const tables = new FactTables('main')
  tables.settle(1)
  const change = { kind: 'policySet', id: set.id, record: set } as const
  assert.ok(needsPreparing(change))
  tables.follow({ version: 2, changes: [change], forget: [], notUnderstood: [] })
  assert.equal(tables.rules?.guardrails, read.rules.guardrails, 'what was compiled beforehand, not compiled again')
  assert.equal(tables.rules?.guardrails.policies.length, many)
})

test('a set is prepared of its content, not of its version: another list under the same version is read anew', async () => {
  const [first, second] = [setOf(texts.slice(0, 2)), setOf(texts.slice(2, 3))]
  await preparePolicies(first, { clock: new RealClock(), entities })
  const tables = new FactTables('main')
  tables.settle(1)
  tables.follow({ version: 2, changes: [{ kind: 'policySet', id: 'current', record: second }], forget: [], notUnderstood: [] })
  assert.deepEqual(
    tables.rules?.guardrails.policies.map(({ id }) => id),
    ['p-2'],
  )
})

test('preparing what cannot be read does nothing, and applying it leaves no rules', async () => {
  const set = setOf(['@id("open") permit (principal, action, resource);'])
  await preparePolicies(set, { clock: new RealClock(), entities })
  const tables = new FactTables('main')
  tables.settle(1)
  tables.follow({ version: 2, changes: [{ kind: 'policySet', id: 'current', record: set }], forget: [], notUnderstood: [] })
  assert.equal(tables.rules, undefined)
})

test('reading in steps comes to what reading at once does, one step for each policy', () => {
  const set = setOf(texts.slice(0, 20))
  const input = { policies: [...set.parsed], files: set.files, schema: 'x' }
  const steps = readingRules(input)
  let count = 0
  let step = steps.next()
  for (; step.done !== true; step = steps.next()) count += 1
  assert.ok(count >= 20)
  const [stepped, atOnce] = [step.value, readRules({ ...input, policies: [...set.parsed] })]
  assert.ok(stepped.ok && atOnce.ok)
  assert.equal(stepped.rules.version, atOnce.rules.version)
  assert.deepEqual([...stepped.rules.guardrails.byId.keys()], [...atOnce.rules.guardrails.byId.keys()])
})

test('warming up asks about each form of scope, and about a bounded number of policies', () => {
  const forms = [
    'principal',
    'principal == Human::"ana"',
    'principal in Role::"r"',
    'principal is Human',
    'principal is Human in Role::"r"',
  ]
  const small = setOf(forms.map((form, place) => `@id("f-${place}") forbid (${form}, action in Effect::Action::"any", resource);`))
  const steps = (set: PolicySet) => {
    const read = readRules({ policies: set.parsed, files: set.files, schema: '' })
    assert.ok(read.ok)
    return [...warmingUp(read.rules, entities)].length
  }
  assert.equal(steps(small), forms.length)
  assert.ok(steps(setOf(texts)) <= 50)
})
