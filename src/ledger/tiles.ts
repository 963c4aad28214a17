/** Tiles as C2SP tlog-tiles names and fills them: 256 hashes, or entries, of one level of the tree side by side. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Hash, type NodeReader, nodeHash } from './tree.ts'

/** Hashes in a full tile. */
export const tileWidth = 256
/** Levels of the tree in a tile: what stands above 256 hashes is one hash of the level above. */
const tileHeight = 8
const entryBytesMax = 65_535
const levelMax = 63

/** `N` of level `L`, full or the first `width` hashes of it. A level of `entries` has the leaves themselves. */
export interface TileName {
  readonly level: number | 'entries'
  readonly index: number
  /** 1 to 256. */
  readonly width: number
}

/** `0/x001/x234/067`, `entries/000.p/17`: what follows `tile/` in the path. */
export function tilePath({ level, index, width }: TileName): string {
  const digits = `${index}`
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/\d{3}/g) ?? []
  const path = groups.map((group, place) => (place < groups.length - 1 ? `x${group}` : group)).join('/')
  return `${level}/${path}${width === tileWidth ? '' : `.p/${width}`}`
}

/** Reads such a path in its one spelling; refuses `not-found` any other. */
export function parseTilePath(text: string): Result<TileName> {
  const [, level = '', groups = '', partial] = /^(entries|0|[1-9]\d?)\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(text) ?? []
  const name: TileName = {
    level: level === 'entries' ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, '')),
    width: partial === undefined ? tileWidth : Number(partial),
  }
  const isKnown = groups !== '' && name.width <= tileWidth && (name.level === 'entries' || name.level <= levelMax)
  // Spelled again: leading groups of zeroes, and a partial tile as wide as a full one, have another name already.
  return isKnown && tilePath(name) === text ? done(name) : refuse('not-found', { detail: 'there is no tile of this name' })
}

/** How many hashes a level of tiles has in a tree of this size: of the entries, and at level 0, one each. */
export function hashesAt(level: number | 'entries', size: number): number {
  return level === 'entries' ? size : Math.floor(size / tileWidth ** level)
}

/** Whether a tree of this size has such a tile: full, or as wide as it was at this size or before. */
export function hasTile({ level, index, width }: TileName, size: number): boolean {
  return index * tileWidth + width <= hashesAt(level, size)
}

/** Entries one after the other, each behind its length in two bytes. Throws above 65,535 bytes. */
export function writeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    if (entry.byteLength > entryBytesMax) throw new Error('an entry of a bundle has at most 65,535 bytes')
    const length = Buffer.alloc(2)
    length.writeUInt16BE(entry.byteLength)
    parts.push(length, entry)
  }
  return Buffer.concat(parts)
}

/** Reads a bundle; refuses `ledger.malformed` one that is cut short, and one with more than 256 entries. */
export function parseEntryBundle(bytes: Uint8Array): Result<Uint8Array[]> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: Uint8Array[] = []
  for (let at = 0; at < buffer.byteLength; ) {
    const end = at + 2 > buffer.byteLength ? Number.NaN : at + 2 + buffer.readUInt16BE(at)
    if (!(end <= buffer.byteLength) || entries.length === tileWidth)
      return refuse('ledger.malformed', { detail: `the bundle ends within entry ${entries.length}, or holds more than ${tileWidth}` })
    entries.push(buffer.subarray(at + 2, end))
    at = end
  }
  return done(entries)
}

/** The root over a whole number of hashes, a power of two of them: of 256, the hash that stands for them one level of tiles higher. */
export function tileRoot(hashes: readonly Hash[]): Hash {
  let row = hashes
  while (row.length > 1) {
    const above: Hash[] = []
    for (let at = 0; at < row.length; at += 2) {
      const [left, right] = [row[at], row[at + 1]]
      if (left === undefined || right === undefined) throw new Error('a tile has a root over a power of two hashes only')
      above.push(nodeHash(left, right))
    }
    row = above
  }
  const [root] = row
  if (root === undefined) throw new Error('a tile without hashes has no root')
  return root
}

/** The hashes of one level of tiles, `from` a number on, exactly `count` of them. */
export type HashReader = (level: number, from: number, count: number) => Promise<readonly Hash[]>

/**
 * Answers what is asked of the nodes of a tree whose hashes are read a tile at a time: `ask` runs twice, once to hear which nodes it
 * wants and once to hand them out, so it must ask for the same ones whatever they are.
 */
export async function withNodes<T>(read: HashReader, ask: (read: NodeReader) => T): Promise<T> {
  const wanted = new Map<string, readonly [level: number, index: number]>()
  ask((level, index) => {
    wanted.set(`${level}/${index}`, [level, index])
    return unread
  })
  const found = new Map<string, Hash>()
  for (const [key, [level, index]] of wanted) {
    const width = 2 ** (level % tileHeight)
    found.set(key, tileRoot(await read(Math.floor(level / tileHeight), index * width, width)))
  }
  return ask((level, index) => {
    const hash = found.get(`${level}/${index}`)
    if (hash === undefined) throw new Error('the nodes that a question wants do not depend on what they are')
    return hash
  })
}

const unread: Hash = new Uint8Array(32)
