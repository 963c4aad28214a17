/** The tree against the vectors of Certificate Transparency and a naive recursion over all leaves. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import fc from 'fast-check'
import {
  appendLeaf,
  consistencyProof,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  type Hash,
  inclusionProof,
  leafHash,
  nodeHash,
  readFrontier,
  verifyConsistency,
  verifyInclusion,
} from './tree.ts'

/** The leaves and roots of the reference tests of RFC 6962 (certificate-transparency `merkle_tree_test`). */
const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) =>
  Buffer.from(hex, 'hex'),
)
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

/** The definition in RFC 6962 §2.1, word for word. */
function naiveRoot(hashes: readonly Hash[]): Hash {
  const [only] = hashes
  if (only === undefined) return createHash('sha256').digest()
  if (hashes.length === 1) return only
  let k = 1
  while (k * 2 < hashes.length) k *= 2
  return nodeHash(naiveRoot(hashes.slice(0, k)), naiveRoot(hashes.slice(k)))
}

function grow(count: number): { hashes: Hash[]; frontiers: Frontier[]; read: (level: number, index: number) => Hash } {
  const nodes = new Map<string, Hash>()
  const hashes = Array.from({ length: count }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)))
  const frontiers = [emptyFrontier]
  for (const leaf of hashes)
    frontiers.push(appendLeaf(frontiers.at(-1) ?? emptyFrontier, leaf, (level, index, hash) => nodes.set(`${level}/${index}`, hash)))
  const read = (level: number, index: number): Hash => nodes.get(`${level}/${index}`) ?? assert.fail(`no node ${level}/${index}`)
  return { hashes, frontiers, read }
}

const most = 70
const tree = grow(most)
const rootAt = (size: number): Hash => naiveRoot(tree.hashes.slice(0, size))
const hex = (hash: Hash): string => Buffer.from(hash).toString('hex')

test('the vectors of RFC 6962', () => {
  let frontier = emptyFrontier
  assert.equal(hex(frontierRoot(frontier)), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  for (const [index, leaf] of leaves.entries()) {
    frontier = appendLeaf(frontier, leafHash(leaf))
    assert.equal(hex(frontierRoot(frontier)), roots[index])
  }
})

test('frontier and stored subtrees agree with the naive recursion at every size', () => {
  for (let size = 0; size <= most; size += 1) {
    const frontier = tree.frontiers[size] ?? emptyFrontier
    assert.equal(hex(frontierRoot(frontier)), hex(rootAt(size)))
    assert.deepEqual(readFrontier(tree.read, size), frontier)
  }
})

test('every leaf of every tree is proved, and under no other number, size, leaf or root', () => {
  for (let size = 1; size <= most; size += 1) {
    const root = rootAt(size)
    for (let index = 0; index < size; index += 1) {
      const leaf = tree.hashes[index] ?? assert.fail()
      const path = inclusionProof(tree.read, index, size)
      assert.ok(verifyInclusion({ leaf, index, size, path, root }))
      assert.ok(!verifyInclusion({ leaf, index: index + 1, size, path, root }))
      assert.ok(!verifyInclusion({ leaf: root, index, size, path: [...path, root], root }))
      assert.ok(!verifyInclusion({ leaf, index, size, path: path.slice(1), root }) || path.length === 0)
      assert.ok(!verifyInclusion({ leaf, index, size, path, root: leafHash(root) }))
    }
  }
})

test('every tree is proved to begin every larger one, and no other', () => {
  for (let second = 0; second <= most; second += 1) {
    for (let first = 0; first <= second; first += 1) {
      const [firstRoot, secondRoot] = [rootAt(first), rootAt(second)]
      const path = consistencyProof(tree.read, first, second)
      assert.ok(verifyConsistency({ first, second, firstRoot, secondRoot, path }), `${first} in ${second}`)
      assert.ok(!verifyConsistency({ first, second, firstRoot: leafHash(firstRoot), secondRoot, path }))
      assert.ok(!verifyConsistency({ first, second, firstRoot, secondRoot, path: [...path, firstRoot] }))
      if (first > 0) assert.ok(!verifyConsistency({ first, second, firstRoot, secondRoot: leafHash(secondRoot), path }))
      if (path.length > 0) assert.ok(!verifyConsistency({ first, second, firstRoot, secondRoot, path: path.slice(0, -1) }))
    }
  }
})

test('a proof with one byte changed proves nothing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: most }),
      fc.nat(),
      fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 })),
      (size, a, [b, c, change]) => {
        const spoil = (path: readonly Hash[]): Hash[] =>
          path.map((hash, place) => (place === b % path.length ? hash.map((byte, at) => (at === c % 32 ? byte ^ change : byte)) : hash))
        const index = a % size
        const inclusion = spoil(inclusionProof(tree.read, index, size))
        assert.ok(!verifyInclusion({ leaf: tree.hashes[index] ?? assert.fail(), index, size, path: inclusion, root: rootAt(size) }))
        const first = 1 + (a % (size - 1))
        const path = spoil(consistencyProof(tree.read, first, size))
        assert.ok(!verifyConsistency({ first, second: size, firstRoot: rootAt(first), secondRoot: rootAt(size), path }))
      },
    ),
  )
})

test('numbers that are no counts prove nothing', () => {
  const leaf = leafHash(Buffer.from('x'))
  for (const [index, size] of [
    [-1, 1],
    [0.5, 1],
    [0, Number.NaN],
    [0, 0],
    [0, Number.POSITIVE_INFINITY],
  ] as const) {
    assert.ok(!verifyInclusion({ leaf, index, size, path: [], root: leaf }), `${index} of ${size}`)
    assert.ok(!verifyConsistency({ first: index, second: size, firstRoot: leaf, secondRoot: leaf, path: [] }), `${index} to ${size}`)
  }
})
