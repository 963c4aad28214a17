/** Selectors as policies write them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mustBe } from '../kernel/result.ts'
import { describeSelector, parseSelector, uniteSelectors } from './selector.ts'

const read: readonly (readonly [text: string, described: string])[] = [
  ['role:sre', 'role:sre'],
  ['identity:ana', 'identity:ana'],
  [' 2 of  role:sre ', '2 of role:sre'],
  ['1 of role:sre', 'role:sre'],
  ['role:sre,identity:ana.b@example.org', 'role:sre, identity:ana.b@example.org'],
  ['2 of role:sre | role:dba, identity:ana', '2 of role:sre | role:dba, identity:ana'],
  ['role:sre, 2 of role:sre', '3 of role:sre'],
  ['role:sre | role:dba, role:dba | role:sre', '2 of role:dba | role:sre'],
  ['2 of identity:ana|identity:bob', '2 of identity:ana | identity:bob'],
]

for (const [text, described] of read) {
  test(`"${text}" is read`, () => {
    const selector = mustBe(parseSelector(text))
    assert.equal(describeSelector(selector), described)
    assert.deepEqual(mustBe(parseSelector(described)), selector)
  })
}

const refused: readonly (readonly [text: string, says: RegExp])[] = [
  ['', /"" is neither role:name nor identity:name/],
  ['sre', /"sre" is neither/],
  ['role:', /neither/],
  ['role: sre', /neither/],
  ['Role:sre', /neither/],
  ['role:sre,', /neither/],
  ['role:sre and role:dba', /neither/],
  ['0 of role:sre', /0 persons cannot be asked for/],
  ['11 of role:sre', /11 persons/],
  ['-1 of role:sre', /neither/],
  ['identity:ana, identity:ana', /more often than it names/],
  ['6 of role:sre, 5 of role:sre', /11 persons/],
  ['2 of identity:ana', /asks for more persons than it names/],
  ['2 of identity:ana | identity:ana', /asks for more persons than it names/],
  [Array.from({ length: 9 }, () => 'role:sre').join(), /at most 8 parts/],
  [Array.from({ length: 17 }, () => 'role:sre').join('|'), /at most 16 names/],
]

for (const [text, says] of refused) {
  test(`"${text.slice(0, 40)}" is refused`, () => {
    const answer = parseSelector(text)
    assert.match((!answer.ok && answer.refusal.detail) || 'not refused', says)
  })
}

test('united selectors ask for all, and of equal parts for the most persons', () => {
  const united = uniteSelectors(
    ['role:sre', '2 of role:sre', 'role:a | role:b', 'role:b | role:a, identity:ana'].map((text) => mustBe(parseSelector(text))),
  )
  assert.equal(describeSelector(united), '2 of role:sre, role:a | role:b, identity:ana')
  assert.deepEqual(uniteSelectors([]), { parts: [] })
})
