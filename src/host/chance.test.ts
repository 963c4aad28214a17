import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isId } from '../kernel/ids.ts'
import { makeChance } from './chance.ts'

test('ids are well formed, differ, and sort by their instant', () => {
  const chance = makeChance()
  const ids = Array.from({ length: 1_000 }, (_, instant) => chance.id('grn', instant))
  assert.ok(ids.every((id) => isId('grn', id)))
  assert.equal(new Set(ids.map((id) => id.slice(-16))).size, 1_000)
  assert.deepEqual([...ids].sort(), ids)
})

test('bytes come in the number asked for, and differ', () => {
  const chance = makeChance()
  assert.equal(chance.bytes(32).byteLength, 32)
  assert.notDeepEqual(chance.bytes(32), chance.bytes(32))
})
