/** What is too deep or too long is refused with its place, or an error of its policy: nothing ends the process, also where the checker was skipped. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mustBe } from '../../kernel/result.ts'
import { entityStore } from './entities.ts'
import { type Evaluation, evaluate } from './evaluate.ts'
import { compilePolicies } from './policies.ts'
import { type CedarRecord, CedarSet, type CedarValue, Uid } from './values.ts'

const scope = { principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' } }
const truth = { Value: true }
const context = { Var: 'context' }

function compileBody(body: unknown) {
  const json = { effect: 'permit', annotations: { id: 'a' }, ...scope, conditions: [{ kind: 'when', body }] }
  return compilePolicies([{ file: 'a.cedar', line: 3, text: '', json }])
}

function ask(body: unknown, given: CedarRecord = new Map()): Evaluation {
  const at = { principal: new Uid('Human', 'ana'), action: new Uid('Action', 'go'), resource: new Uid('Thing', 't'), context: given }
  return evaluate(mustBe(compileBody(body)), at, mustBe(entityStore([])))
}

function wrapped(times: number, from: unknown, wrap: (inner: unknown) => unknown): unknown {
  let made = from
  for (let place = 0; place < times; place += 1) made = wrap(made)
  return made
}

const and = (left: unknown) => ({ '&&': { left, right: truth } })
const nestings: Readonly<Record<string, (inner: unknown) => unknown>> = {
  '!': (arg) => ({ '!': { arg } }),
  '&& to the right': (right) => ({ '&&': { left: truth, right } }),
  if: (inner) => ({ 'if-then-else': Object.fromEntries(['if', 'then', 'else'].map((name) => [name, name === 'then' ? inner : truth])) }),
  '==': (left) => ({ '==': { left, right: truth } }),
  '+': (left) => ({ '+': { left, right: { Value: 1n } } }),
  Set: (inner) => ({ Set: [inner] }),
  Record: (inner) => ({ Record: { a: inner } }),
  ip: (inner) => ({ ip: [inner] }),
  has: (left) => ({ has: { left, attr: 'a' } }),
}

for (const [name, wrap] of Object.entries(nestings)) {
  test(`${name} in itself: 399 times is compiled, 10,000 times refused with the place`, () => {
    assert.equal(compileBody(wrapped(399, truth, wrap)).ok, true)
    const answer = compileBody(wrapped(10_000, truth, wrap))
    assert.match((!answer.ok && answer.refusal.detail) || 'not refused', /^a\.cedar:3: .*an expression nested deeper than 400$/)
  })
}

test('what is 399 deep is evaluated', () => {
  assert.deepEqual([ask(wrapped(399, truth, nestings['if'] ?? assert.fail())).decision], ['allow'])
  assert.deepEqual([ask(wrapped(399, truth, nestings['&& to the right'] ?? assert.fail())).decision], ['allow'])
})

test('a chain is a loop: 1,000 terms are evaluated, 10,000 refused with the place', () => {
  assert.equal(ask(wrapped(1_000, truth, and)).decision, 'allow')
  const path = (left: unknown) => ({ '.': { left, attr: 'a' } })
  assert.equal(ask(wrapped(1_000, context, path)).errors.length, 1)
  for (const [body, says] of [
    [wrapped(10_000, truth, and), /^a\.cedar:3: .*"&&" more than 2000 times in a row$/],
    [wrapped(10_000, context, path), /^a\.cedar:3: .*"\." more than 2000 times in a row$/],
    [{ has: { left: context, attr: Array.from({ length: 10_000 }, () => 'a') } }, /^a\.cedar:3: .*"has" with more than 2000 names/],
  ] as const) {
    const answer = compileBody(body)
    assert.match((!answer.ok && answer.refusal.detail) || 'not refused', says)
  }
})

test('a literal that is 10,000 deep is refused with the place', () => {
  for (const value of [wrapped(10_000, 1n, (inner) => [inner]), wrapped(10_000, 1n, (inner) => ({ a: inner }))]) {
    const answer = compileBody({ '==': { left: { Value: value }, right: context } })
    assert.match((!answer.ok && answer.refusal.detail) || 'not refused', /^a\.cedar:3: .*a value nested deeper than 400$/)
  }
})

function deep(levels: number): CedarRecord {
  let made: CedarRecord = new Map<string, CedarValue>([['end', 1n]])
  for (let place = 0; place < levels; place += 1) made = new Map([['a', made]])
  return made
}

test('a context that is 10,000 deep is an error of the policy that compares it', () => {
  const given = new Map([
    ['one', deep(10_000)],
    ['other', deep(10_000)],
  ])
  const at = (attr: string) => ({ '.': { left: context, attr } })
  for (const body of [{ '==': { left: at('one'), right: at('other') } }, { contains: { left: { Set: [truth] }, right: at('one') } }]) {
    assert.deepEqual(
      ask(body, given).errors.map(({ message }) => message),
      ['a value is nested deeper than 500'],
    )
  }
  assert.deepEqual(ask({ '==': { left: at('one'), right: at('one') } }, given).errors, [], 'the same thing needs no looking into')
})

test('integers at the ends of 64 bits are kept, and one beyond them is refused', () => {
  for (const [value, isTaken] of [
    [2n ** 63n - 1n, true],
    [-(2n ** 63n), true],
    [2n ** 63n, false],
    [-(2n ** 63n) - 1n, false],
    [2 ** 53, false],
    [1.5, false],
    [null, false],
  ] as const) {
    assert.equal(compileBody({ '==': { left: { Value: value }, right: { Value: 1n } } }).ok, isTaken, String(value))
  }
  assert.equal(new CedarSet([2n ** 63n - 1n, 2n ** 63n - 1n, -(2n ** 63n)]).size, 2)
})
