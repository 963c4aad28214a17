import assert from 'node:assert/strict'
import test from 'node:test'
import { policyJson } from '../../../test/oracle/policy-json.ts'
import { mustBe } from '../../kernel/result.ts'
import { readsOfContext } from './context-names.ts'
import { compilePolicy } from './policies.ts'

function policyWhen(conditions: string) {
  const text = `@id("p") permit (principal, action, resource) ${conditions};`
  return mustBe(compilePolicy({ file: 'a.cedar', line: 1, text, json: policyJson(text) }))
}

test('a member of the context is found whatever way it is written, and no other is', () => {
  const rows: readonly (readonly [conditions: string, isRead: boolean])[] = [
    ['', false],
    ['when { context.time > datetime("2026-01-01") }', true],
    ['when { context["time"] > datetime("2026-01-01") }', true],
    ['when { context["\\u{74}ime"] > datetime("2026-01-01") }', true],
    ['when { context // of the moment\n . time > datetime("2026-01-01") }', true],
    ['unless { 1 == 2 || (if context has time then false else true) }', true],
    ['when { context has time.zone }', true],
    ['when { context has zone.time }', false],
    ['when { context.task.time == "time" }', false],
    ['when { principal.time == 1 && context.task.kind == "time" }', false],
    ['when { {when: context}.when.time > datetime("2026-01-01") }', true],
    ['when { context == principal.seen }', true],
    ['when { [context.time.toDate()].contains(datetime("2026-01-01")) }', true],
  ]
  for (const [conditions, isRead] of rows) assert.equal(readsOfContext(policyWhen(conditions), new Set(['time'])), isRead, conditions)
})
