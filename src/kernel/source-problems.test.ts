/** Which known name was meant. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeSourceProblem, nearestName } from './source-problems.ts'

const known = ['approval', 'duration', 'maxDuration', 'id', 'hold', 'release-manager']

const cases: readonly (readonly [written: string, meant: string | undefined])[] = [
  ['aproval', 'approval'],
  ['Duration', 'duration'],
  ['max_duration', 'maxDuration'],
  ['hodl', 'hold'],
  ['release-manger', 'release-manager'],
  ['something else entirely', undefined],
  ['', undefined],
  ['x', undefined],
]

for (const [written, meant] of cases)
  test(`"${written}" means ${meant ?? 'nothing known'}`, () => assert.equal(nearestName(written, known), meant))

test('a long name is compared without taking long', () => {
  assert.equal(nearestName('a'.repeat(1_000_000), ['a'.repeat(999_999)]), 'a'.repeat(999_999))
})

test('a problem reads as compilers write it', () => {
  const problem = { file: 'a.cedar', line: 3, column: 7, message: 'there is no Role::"x"', remedy: 'declare it' }
  assert.equal(describeSourceProblem(problem), 'a.cedar:3:7: there is no Role::"x"\n  declare it')
})
