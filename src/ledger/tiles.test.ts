/** Tiles against the examples of C2SP tlog-tiles, and against the tree itself. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { mustBe } from '../kernel/result.ts'
import { hashesAt, hasTile, parseEntryBundle, parseTilePath, tilePath, tileRoot, tileWidth, withNodes, writeEntryBundle } from './tiles.ts'
import {
  appendLeaf,
  consistencyProof,
  emptyFrontier,
  frontierRoot,
  type Hash,
  inclusionProof,
  leafHash,
  readFrontier,
  verifyConsistency,
  verifyInclusion,
} from './tree.ts'

const names: readonly (readonly [level: number | 'entries', index: number, width: number, path: string])[] = [
  [0, 0, 256, '0/000'],
  [0, 1_234_067, 256, '0/x001/x234/067'],
  [0, 999, 256, '0/999'],
  [0, 1_000, 256, '0/x001/000'],
  [1, 273, 112, '1/273.p/112'],
  [63, 0, 1, '63/000.p/1'],
  ['entries', 67, 255, 'entries/067.p/255'],
]
for (const [level, index, width, path] of names)
  test(`a tile's path: ${path}`, () => {
    assert.equal(tilePath({ level, index, width }), path)
    assert.deepEqual(mustBe(parseTilePath(path)), { level, index, width })
  })

const strange = [
  '',
  '0',
  '0/',
  '0/1',
  '0/0000',
  '00/000',
  '64/000',
  '-1/000',
  '0/x000/001',
  '0/001/002',
  '0/x001/x002',
  '0/000.p/0',
  '0/000.p/256',
  '0/000.p/01',
  '0/000.p/',
  '0/000.P/1',
  '0/000/',
  'Entries/000',
  '0/../000',
  '0/x001/x002/x003/x004/x005/006',
]
for (const path of strange) test(`no tile's path: ${JSON.stringify(path)}`, () => assert.equal(parseTilePath(path).ok, false))

test('every tile has one path and every path one tile', () => {
  const name = fc.record({
    level: fc.oneof(fc.constant('entries' as const), fc.integer({ min: 0, max: 63 })),
    index: fc.integer({ min: 0, max: 999_999_999_999 }),
    width: fc.integer({ min: 1, max: 256 }),
  })
  fc.assert(fc.property(name, (each) => assert.deepEqual({ ...mustBe(parseTilePath(tilePath(each))) }, { ...each })))
})

test("tlog-tiles' own example: 70,000 leaves", () => {
  assert.deepEqual(
    [0, 1, 2, 3].map((level) => hashesAt(level, 70_000)),
    [70_000, 273, 1, 0],
  )
  const has = (level: number, index: number, width: number) => hasTile({ level, index, width }, 70_000)
  assert.deepEqual([has(0, 272, 256), has(0, 273, 256), has(0, 273, 112), has(0, 273, 113)], [true, false, true, false])
  assert.deepEqual([has(1, 0, 256), has(1, 1, 17), has(1, 1, 18), has(2, 0, 1), has(3, 0, 1)], [true, true, false, true, false])
})

test('a bundle is read as it was written; cut short it is refused', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 256 }), (entries) => {
      const bundle = writeEntryBundle(entries)
      assert.deepEqual(
        mustBe(parseEntryBundle(bundle)).map((each) => [...each]),
        entries.map((each) => [...each]),
      )
      if (bundle.byteLength > 0) assert.equal(parseEntryBundle(bundle.subarray(0, -1)).ok, false)
    }),
  )
  assert.equal(Buffer.from(writeEntryBundle([Buffer.from('ab'), Buffer.alloc(0)])).toString('hex'), '000261620000')
  assert.equal(parseEntryBundle(Buffer.alloc(2 * 257)).ok, false)
  assert.throws(() => writeEntryBundle([new Uint8Array(65_536)]))
})

test('proofs made of tiles are those of the tree, across the edges of tiles', async () => {
  const most = 2 * tileWidth + 3
  const leaves: Hash[] = []
  const roots = [frontierRoot(emptyFrontier)]
  let frontier = emptyFrontier
  for (let index = 0; index < most; index += 1) {
    const leaf = leafHash(Buffer.from(`leaf ${index}`))
    leaves.push(leaf)
    frontier = appendLeaf(frontier, leaf)
    roots.push(frontierRoot(frontier))
  }
  const above = [0, 1].map((tile) => tileRoot(leaves.slice(tile * tileWidth, (tile + 1) * tileWidth)))
  const read = async (level: number, from: number, count: number) => {
    const row = [leaves, above][level] ?? []
    assert.ok(from + count <= row.length, `level ${level} has no hashes ${from} to ${from + count - 1}`)
    return row.slice(from, from + count)
  }
  const sizes = [1, 2, 255, 256, 257, 300, 511, 512, 513, most]
  for (const size of sizes) {
    const root = roots[size] ?? assert.fail()
    assert.deepEqual(frontierRoot(await withNodes(read, (node) => readFrontier(node, size))), root)
    for (const index of [0, 1, 254, 255, 256, 257, 511, 512].filter((each) => each < size)) {
      const path = await withNodes(read, (node) => inclusionProof(node, index, size))
      assert.ok(verifyInclusion({ leaf: leaves[index] ?? assert.fail(), index, size, path, root }), `leaf ${index} of ${size}`)
    }
    for (const first of sizes.filter((each) => each <= size)) {
      const path = await withNodes(read, (node) => consistencyProof(node, first, size))
      const firstRoot = roots[first] ?? assert.fail()
      assert.ok(verifyConsistency({ first, second: size, firstRoot, secondRoot: root, path }), `${first} to ${size}`)
    }
  }
})
