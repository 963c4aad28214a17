/** What a held call's tool is, in a terminal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitionFacts } from './definition-text.ts'
import { factLines } from './table.ts'
import { paints } from './text.ts'

const hash = `v1:${'a'.repeat(64)}`

test('what is no tool says nothing', () => {
  assert.deepEqual(definitionFacts(undefined), [])
})

test('a tool that changed is told with what it was and is, and with nothing that a terminal would obey', () => {
  const pinned = `v1:${'b'.repeat(64)}`
  const description = 'Burns.\u001b[2J\nTwice.'
  const differences = [{ at: 'description', before: 'Looks.', after: description }]
  const lines = factLines(definitionFacts({ hash, pinned, description, differences, worse: 'destructive' }), paints(false))
  const text = lines.join('\n')
  assert.doesNotMatch(text, /\u001b/)
  for (const wanted of [
    /another one now than/,
    /may destroy something/,
    /before: Looks\./,
    /now: Burns\./,
    /^ +Twice\.$/m,
    /aaaa now$/m,
    /bbbb when it was granted$/m,
  ])
    assert.match(text, wanted)
})

test('a change that cannot be shown is told as that', () => {
  const text = factLines(definitionFacts({ hash, pinned: 'v1:b' }), paints(false)).join('\n')
  assert.match(text, /What changed of it cannot be shown/)
})
