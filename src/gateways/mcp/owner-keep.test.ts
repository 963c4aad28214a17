import assert from 'node:assert/strict'
import test from 'node:test'
import { OwnerKeep } from './owner-keep.ts'

test('the oldest of an owner makes room, then that of whoever added something longest ago, and each is told of once', () => {
  const gone: string[] = []
  const keep = new OwnerKeep<string>({ ofOneMax: 2, max: 3 }, (kept) => gone.push(kept))
  for (const kept of ['a1', 'a2', 'a3']) keep.add('a', kept, kept)
  assert.deepEqual([gone, keep.size], [['a1'], 2])
  for (const kept of ['b1', 'b2']) keep.add('b', kept, kept)
  assert.deepEqual([gone, keep.size], [['a1', 'a2'], 3])
  assert.deepEqual([keep.allOf('a'), keep.allOf('b'), keep.allOf('c')], [['a3'], ['b1', 'b2'], []])
  keep.add('a', 'a3', 'a3 anew')
  keep.remove('a', 'a3')
  keep.remove('a', 'a3')
  assert.deepEqual(gone, ['a1', 'a2', 'a3', 'a3 anew'])
  assert.equal(keep.find('a', 'b1'), undefined, 'somebody else’s')
  assert.equal(keep.find('b', 'b1'), 'b1')
  keep.removeWhere(() => true)
  assert.deepEqual([keep.size, gone.length], [0, 6])
})

test('whoever is gone may take others along', () => {
  const keep: OwnerKeep<string> = new OwnerKeep({ ofOneMax: 1, max: 10 }, (kept) => keep.remove('b', `of ${kept}`))
  keep.add('b', 'of one', 'x')
  keep.add('a', 'one', 'one')
  keep.add('a', 'two', 'two')
  assert.deepEqual([keep.size, keep.allOf('a'), keep.allOf('b')], [1, ['two'], []])
})
