/** What of a tool a person has to look at: another definition than is pinned, and one that is worse than what was declared. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Action } from '../model/actions.ts'
import type { ToolPin } from '../model/grants.ts'
import { driftOf, requirementOfDrift } from './drift.ts'

const [one, other] = ['v1:1', 'v1:2']
const { changed, worse } = { changed: 'remit:definition-changed', worse: 'remit:definition-worse' }

const rows: readonly (readonly [says: string, pin: ToolPin | undefined, said: Action['definition'], want: readonly string[]])[] = [
  ['what is no tool', { hash: one }, undefined, []],
  ['a first call', undefined, { hash: one }, []],
  ['what is pinned', { hash: one }, { hash: one }, []],
  ['another one', { hash: one }, { hash: other }, [changed]],
  ['another one after a yes to one', { hash: one, accepted: true }, { hash: other }, [changed]],
  ['worse, first', undefined, { hash: one, worse: 'destructive' }, [worse]],
  ['worse, pinned', { hash: one }, { hash: one, worse: 'not-read-only' }, [worse]],
  ['worse, which a person said yes to', { hash: one, accepted: true }, { hash: one, worse: 'not-read-only' }, []],
  ['another one that is worse', { hash: one }, { hash: other, worse: 'destructive' }, [changed, worse]],
  ['another one that is worse, after a yes to one', { hash: one, accepted: true }, { hash: other, worse: 'destructive' }, [changed, worse]],
]

for (const [says, pin, definition, want] of rows)
  test(`${says}: ${want.join(', ') || 'nothing'}`, () => {
    const action: Action = {
      protocol: 'mcp',
      service: 'mail',
      operation: 'read',
      verb: 'tools/call',
      effect: 'read',
      tier: 0,
      arguments: {},
      target: 'tools/call read',
      ...(definition === undefined ? {} : { definition }),
    }
    assert.deepEqual(driftOf(pin === undefined ? {} : { tools: { 'mail/read': pin } }, action), want)
    assert.deepEqual(
      driftOf(pin === undefined ? {} : { tools: { 'mail/write': pin } }, action),
      definition?.worse === undefined ? [] : [worse],
    )
  })

test('a person is asked, and no fewer than policy and the grant asked for', () => {
  const part = (name: string, count = 1) => ({ count, from: [{ kind: 'role' as const, name }] })
  const none = { selector: { parts: [] }, personsMin: 0 }
  assert.deepEqual(requirementOfDrift(none, { requirement: none }), { selector: { parts: [] }, personsMin: 1 })
  assert.deepEqual(
    requirementOfDrift(
      { selector: { parts: [part('a')] }, personsMin: 1 },
      { requirement: { selector: { parts: [part('a', 2), part('b')] }, personsMin: 3 } },
    ),
    { selector: { parts: [part('a', 2), part('b')] }, personsMin: 3 },
  )
})
