import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Roster } from './roster.ts'

test('holds what was added and has not left, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('add' as const), fc.nat(30))), (steps) => {
      const roster = new Roster<object>()
      const wanted = new Set<object>()
      const ways: (readonly [object, () => void])[] = []
      for (const step of steps) {
        if (step === 'add') {
          const item = {}
          ways.push([item, roster.add(item)])
          wanted.add(item)
        } else {
          // Leaving twice is leaving once.
          const [item, leave] = ways[step] ?? []
          leave?.()
          if (item !== undefined) wanted.delete(item)
        }
        assert.equal(roster.size, wanted.size)
        assert.deepEqual(new Set(roster), wanted)
      }
    }),
  )
})

test('whoever leaves while they are gone through is still met', () => {
  const roster = new Roster<number>()
  const ways = [1, 2, 3].map((item) => roster.add(item))
  const met: number[] = []
  for (const item of roster) {
    for (const leave of ways) leave()
    met.push(item)
  }
  assert.deepEqual(met, [1, 2, 3])
  assert.equal(roster.size, 0)
})
