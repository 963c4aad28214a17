/** The Merkle tree of RFC 6962: hashes, a frontier that grows leaf by leaf, and the proofs of RFC 9162 with their verification. */
import { hash } from 'node:crypto'

/** SHA-256, 32 bytes. */
export type Hash = Uint8Array

/** All that is needed to append: the roots of the complete subtrees, the largest first, one for each 1 in the binary form of `size`. */
export interface Frontier {
  readonly size: number
  readonly hashes: readonly Hash[]
}

/** Gives the root of the complete subtree over the leaves from `index * 2 ** level`, `2 ** level` of them. */
export type NodeReader = (level: number, index: number) => Hash

/** Is called with each subtree that an append completes, the leaf itself (level 0) first. */
export type NodeWriter = (level: number, index: number, hash: Hash) => void

export const emptyFrontier: Frontier = { size: 0, hashes: [] }

export function sha256(bytes: Uint8Array): Hash {
  return hash('sha256', bytes, 'buffer')
}

/** SHA-256(0x00 ‖ data). */
export function leafHash(data: Uint8Array): Hash {
  const bytes = new Uint8Array(1 + data.byteLength)
  bytes.set(data, 1)
  return sha256(bytes)
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Hash, right: Hash): Hash {
  const bytes = new Uint8Array(65)
  bytes[0] = 1
  bytes.set(left, 1)
  bytes.set(right, 33)
  return sha256(bytes)
}

export function sameHash(one: Hash | undefined, other: Hash | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0
}

/** The frontier with one leaf more; `leaf` is a leaf hash. */
export function appendLeaf(frontier: Frontier, leaf: Hash, write?: NodeWriter): Frontier {
  const hashes = [...frontier.hashes]
  let [hash, level, index] = [leaf, 0, frontier.size]
  write?.(level, index, hash)
  // Each 1 at the end of the size is a subtree as large as the new one: the two become one of twice the size.
  while (isOdd(index)) {
    const left = hashes.pop()
    if (left === undefined) throw new Error('a frontier holds one hash for each 1 in its size')
    hash = nodeHash(left, hash)
    level += 1
    index = half(index)
    write?.(level, index, hash)
  }
  hashes.push(hash)
  return { size: frontier.size + 1, hashes }
}

/** The tree head over all leaves of the frontier; of none, SHA-256 of nothing. */
export function frontierRoot(frontier: Frontier): Hash {
  return frontier.hashes.length === 0 ? sha256(new Uint8Array(0)) : frontier.hashes.reduceRight((right, left) => nodeHash(left, right))
}

/** The frontier of the first `size` leaves, from stored subtrees. */
export function readFrontier(read: NodeReader, size: number): Frontier {
  const hashes: Hash[] = []
  let start = 0
  while (start < size) {
    const width = largestPower(size - start)
    hashes.push(read(Math.log2(width), start / width))
    start += width
  }
  return { size, hashes }
}

/** Proof that leaf `index` is in the tree of `size` leaves (RFC 9162 §2.1.3.1). */
export function inclusionProof(read: NodeReader, index: number, size: number): Hash[] {
  if (!(index >= 0 && index < size)) throw new Error('the leaf is not in the tree')
  let [start, end] = [0, size]
  const path: Hash[] = []
  while (end - start > 1) {
    const middle = start + split(end - start)
    if (index < middle) {
      path.push(rangeRoot(read, middle, end))
      end = middle
    } else {
      path.push(rangeRoot(read, start, middle))
      start = middle
    }
  }
  return path.reverse()
}

/** Proof that the tree of `first` leaves is the beginning of the tree of `second` leaves (RFC 9162 §2.1.4.1). */
export function consistencyProof(read: NodeReader, first: number, second: number): Hash[] {
  if (!(first >= 0 && first <= second)) throw new Error('a tree is consistent with larger ones only')
  if (first === 0 || first === second) return []
  let [start, end] = [0, second]
  let whole = true
  const path: Hash[] = []
  while (end !== first) {
    const middle = start + split(end - start)
    if (first <= middle) {
      path.push(rangeRoot(read, middle, end))
      end = middle
    } else {
      path.push(rangeRoot(read, start, middle))
      start = middle
      whole = false
    }
  }
  // Where the old tree is itself a subtree of the new one, the verifier has its root already.
  if (!whole) path.push(rangeRoot(read, start, end))
  return path.reverse()
}

export interface Inclusion {
  readonly leaf: Hash
  readonly index: number
  readonly size: number
  readonly path: readonly Hash[]
  readonly root: Hash
}

/** RFC 9162 §2.1.3.2. */
export function verifyInclusion({ leaf, index, size, path, root }: Inclusion): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false
  let [node, last, hash] = [index, size - 1, leaf]
  for (const sibling of path) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash)
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      hash = nodeHash(hash, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && sameHash(hash, root)
}

export interface Consistency {
  readonly first: number
  readonly second: number
  readonly firstRoot: Hash
  readonly secondRoot: Hash
  readonly path: readonly Hash[]
}

/** RFC 9162 §2.1.4.2; a tree of nothing is the beginning of every tree. */
export function verifyConsistency({ first, second, firstRoot, secondRoot, path }: Consistency): boolean {
  if (!isCount(first) || !isCount(second) || first > second) return false
  if (first === 0 && !sameHash(firstRoot, frontierRoot(emptyFrontier))) return false
  if (first === second) return path.length === 0 && sameHash(firstRoot, secondRoot)
  if (first === 0) return path.length === 0
  const [start, ...rest] = largestPower(first) === first ? [firstRoot, ...path] : path
  if (start === undefined) return false
  let [node, last] = [first - 1, second - 1]
  while (isOdd(node)) [node, last] = [half(node), half(last)]
  let [old, young] = [start, start]
  for (const sibling of rest) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      old = nodeHash(sibling, old)
      young = nodeHash(sibling, young)
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      young = nodeHash(young, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && sameHash(old, firstRoot) && sameHash(young, secondRoot)
}

function rangeRoot(read: NodeReader, start: number, end: number): Hash {
  const width = end - start
  if (largestPower(width) === width) return read(Math.log2(width), start / width)
  const middle = start + split(width)
  return nodeHash(rangeRoot(read, start, middle), rangeRoot(read, middle, end))
}

/** The largest power of two that is not above `count`. Bits are counted by halving: `>>` would stop at 2^31 leaves. */
function largestPower(count: number): number {
  let power = 1
  while (power * 2 <= count) power *= 2
  return power
}

/** Where RFC 6962 splits a tree: the largest power of two below `width`. */
function split(width: number): number {
  const power = largestPower(width)
  return power === width ? power / 2 : power
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isOdd(value: number): boolean {
  return value % 2 === 1
}

function half(value: number): number {
  return Math.floor(value / 2)
}
