import assert from 'node:assert/strict'
import { test } from 'node:test'
import { excuse, readExceptions } from './exceptions.ts'

const finding = { rule: 'lint/long', path: 'src/a.ts', line: 3, says: 'is long' }
const exception = { rule: 'lint/long', path: 'src/a.ts', reason: 'a table that reads better whole' }
const all = () => true

const cases = [
  { says: 'what no exception names stays', findings: [finding], list: { most: 0, exceptions: [] }, want: [/is long/] },
  { says: 'what one names is excused', findings: [finding], list: { most: 1, exceptions: [exception] }, want: [] },
  {
    says: 'another file is not',
    findings: [{ ...finding, path: 'src/b.ts' }],
    list: { most: 1, exceptions: [exception] },
    want: [/is long/, /remove it/],
  },
  { says: 'one that excuses nothing must go', findings: [], list: { most: 1, exceptions: [exception] }, want: [/remove it/] },
  { says: 'the list may not grow', findings: [finding], list: { most: 0, exceptions: [exception] }, want: [/only shrinks/] },
  { says: 'its bound follows it down', findings: [], list: { most: 1, exceptions: [] }, want: [/lower it/] },
  { says: 'a reason is wanted', findings: [finding], list: { most: 1, exceptions: [{ ...exception, reason: ' ' }] }, want: [/no reason/] },
]

for (const { says, findings, list, want } of cases) {
  test(says, () => {
    const left = excuse(findings, list, all)
    assert.equal(left.length, want.length)
    for (const [place, pattern] of want.entries()) assert.match(left[place]?.says ?? '', pattern)
  })
}

test('a check that did not run shows nothing unused', () => {
  assert.deepEqual(
    excuse([], { most: 1, exceptions: [exception] }, () => false),
    [],
  )
})

test('the list can be read', () => {
  assert.ok(readExceptions().most >= 0)
})
