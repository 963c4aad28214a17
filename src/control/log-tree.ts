/** The ledger's tree for whoever reads it: tiles, entry bundles and proofs, in milliseconds however long the log is. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { verifyBody } from '../ledger/leaf.ts'
import { hashesAt, hasTile, parseTilePath, tileRoot, type TileName, tileWidth, withNodes, writeEntryBundle } from '../ledger/tiles.ts'
import {
  appendLeaf,
  consistencyProof,
  emptyFrontier,
  frontierRoot,
  type Hash,
  inclusionProof,
  leafHash,
  readFrontier,
  sameHash,
} from '../ledger/tree.ts'
import type { LeafRow, LogStore } from './ports.ts'

/**
 * Keeps what stands above the leaves: for each level of tiles from 1 on, the hashes of the full tiles below, 32 bytes each, in order.
 * All of it can be made again from the leaves. Every call throws when it could not do what it says.
 */
export interface HashShelf {
  /** How to find it, for whoever must look at it. */
  readonly place: string
  /** How many whole hashes of a level are kept. */
  count(level: number): Promise<number>
  read(level: number, from: number, count: number): Promise<Uint8Array>
  append(level: number, hashes: Uint8Array): Promise<void>
  /** Forgets all levels. */
  clear(): Promise<void>
  /** Says whose tiles are kept here; where they were those of another log, forgets all levels first. */
  claim(origin: string): Promise<void>
}

/** For a house without files. An eighth of a byte a leaf. */
export function memoryShelf(): HashShelf {
  let levels: Uint8Array[] = []
  const at = (level: number) => levels[level] ?? new Uint8Array()
  return {
    place: 'memory',
    count: async (level) => at(level).byteLength / 32,
    read: async (level, from, count) => at(level).subarray(from * 32, (from + count) * 32),
    append: async (level, hashes) => void (levels[level] = Buffer.concat([at(level), hashes])),
    clear: async () => void (levels = []),
    claim: async () => undefined,
  }
}

export interface LogTreeOptions {
  readonly log: Pick<LogStore, 'tree' | 'leaves'>
  readonly shelf: HashShelf
  /** The log's name: an epoch that began with fewer entries has one of its own. */
  readonly origin: string
  /** Hears of each place where what is kept is not what was signed. */
  readonly alarm: (says: string, cause: unknown) => void
}

/** Leaves in one reading: whole tiles, and below the store's own ceiling. */
const leavesAtOnce = 3 * tileWidth
const toldMax = 100
/** Hashes in one reading while the whole tree is checked. */
const hashesAtOnce = 4_096

export class LogTree {
  readonly #options: LogTreeOptions
  readonly #told = new Set<string>()
  #turn: Promise<unknown> = Promise.resolve()

  /**
   * Makes what is missing above the leaves, and holds what is there against the signed head: what was changed on the shelf is named and
   * made again, what was changed in the leaves is named. Refuses `ledger.tail-lost` where the shelf has tiles that the store has not.
   */
  static async open(options: LogTreeOptions): Promise<Result<LogTree>> {
    const { log, shelf, alarm } = options
    const tree = new LogTree(options)
    await shelf.claim(options.origin)
    const { size } = await log.tree()
    const kept = await shelf.count(1)
    if (kept > hashesAt(1, size))
      return refuse('ledger.tail-lost', {
        detail: `the tiles in ${shelf.place} are of at least ${kept * tileWidth} entries, the store has ${size}`,
      })
    await tree.grow()
    if (await tree.#isSound()) return done(tree)
    const wrong = await tree.#firstWrong()
    await shelf.clear()
    await tree.grow()
    if (await tree.#isSound())
      alarm(`${wrong ?? 'a tile'} was changed in ${shelf.place}; the tiles were made again from the leaves`, undefined)
    else alarm('the stored leaves of the ledger are not those that were signed; verify an export to see which', undefined)
    return done(tree)
  }

  private constructor(options: LogTreeOptions) {
    this.#options = options
  }

  /** Puts on the shelf what the full tiles of the newest tree have above them. Throws what store or shelf throw. */
  grow(): Promise<void> {
    const growing = this.#turn.then(() => this.#growAll())
    this.#turn = growing.catch(() => undefined)
    return growing
  }

  /** The bytes of a tile or an entry bundle by what follows `tile/` in its path; refuses `not-found` what the newest tree has not. */
  async tile(path: string): Promise<Result<Uint8Array>> {
    const name = parseTilePath(path)
    if (!name.ok) return name
    const { size } = await this.#options.log.tree()
    if (!hasTile(name.value, size)) return refuse('not-found', { detail: `the tree of ${size} entries has no such tile` })
    const { level, index, width } = name.value
    if (level !== 'entries') {
      const hashes = await this.#hashes(level, index * tileWidth, width)
      const sound = await this.#holdAgainstParent({ level, index, width }, hashes)
      return sound.ok ? done(Buffer.concat(hashes)) : sound
    }
    const rows = await this.#leaves(index * tileWidth, width)
    const sound = await this.#holdAgainstParent({ level: 0, index, width }, hashesOf(rows))
    return sound.ok ? done(writeEntryBundle(rows.map((row) => row.leaf))) : sound
  }

  /** That a leaf is in the tree of the first `size` leaves; both must be there. */
  inclusion(index: number, size: number): Promise<readonly Hash[]> {
    return this.#ask((read) => inclusionProof(read, index, size))
  }

  /** That the tree of `first` leaves is the beginning of that of `second`; both must be there. */
  consistency(first: number, second: number): Promise<readonly Hash[]> {
    return this.#ask((read) => consistencyProof(read, first, second))
  }

  /** The root of the first `size` leaves; they must be there. */
  root(size: number): Promise<Hash> {
    return this.#ask((read) => frontierRoot(readFrontier(read, size)))
  }

  async #ask<T>(question: Parameters<typeof withNodes<T>>[1]): Promise<T> {
    await this.grow()
    return withNodes((level, from, count) => this.#hashes(level, from, count), question)
  }

  async #growAll(): Promise<void> {
    const { log, shelf } = this.#options
    const { size } = await log.tree()
    for (let level = 1; hashesAt(level, size) > 0; level += 1) {
      // From the last level to the next, a few tiles at a time: memory does not grow with the log.
      const tilesAtOnce = leavesAtOnce / tileWidth
      for (let at = await shelf.count(level); at < hashesAt(level, size); at = await shelf.count(level)) {
        const tiles = Math.min(tilesAtOnce, hashesAt(level, size) - at)
        const below = await this.#hashes(level - 1, at * tileWidth, tiles * tileWidth)
        const roots = Array.from({ length: tiles }, (_, tile) => tileRoot(below.slice(tile * tileWidth, (tile + 1) * tileWidth)))
        await shelf.append(level, Buffer.concat(roots))
      }
    }
  }

  async #hashes(level: number, from: number, count: number): Promise<readonly Hash[]> {
    if (level === 0) return hashesOf(await this.#leaves(from, count))
    if (level > 0 && (await this.#options.shelf.count(level)) < from + count) await this.grow()
    const bytes = await this.#options.shelf.read(level, from, count)
    if (bytes.byteLength !== count * 32) throw new Error(`the shelf has no ${count} hashes of level ${level} from ${from} on`)
    return Array.from({ length: count }, (_, place) => bytes.subarray(place * 32, (place + 1) * 32))
  }

  async #leaves(from: number, count: number): Promise<readonly LeafRow[]> {
    const rows = await this.#options.log.leaves(from, count)
    const gap = rows.findIndex((row, place) => row.index !== from + place)
    if (gap >= 0 || rows.length < count) throw new Error(`leaf ${from + (gap < 0 ? rows.length : gap)} is missing in the store`)
    return rows
  }

  /** A full tile is what the hash above it says, or it is not handed out. */
  async #holdAgainstParent(name: TileName & { readonly level: number }, hashes: readonly Hash[]): Promise<Result<undefined>> {
    const { level, index, width } = name
    if (width < tileWidth) return done(undefined)
    const [parent] = await this.#hashes(level + 1, index, 1)
    if (sameHash(parent, tileRoot(hashes))) return done(undefined)
    const detail = await this.#describeDamage(level, index)
    // Anybody may ask for tiles: each damage is told once, and not more of them than an operator reads.
    if (!this.#told.has(detail) && this.#told.size < toldMax) this.#options.alarm(`the ledger is damaged: ${detail}`, undefined)
    if (this.#told.size < toldMax) this.#told.add(detail)
    return refuse('ledger.damaged', { detail })
  }

  async #describeDamage(level: number, index: number): Promise<string> {
    const { shelf } = this.#options
    const onShelf = `hash ${index} of level ${level + 1} in ${shelf.place}, or one of the hashes it is made of, was changed`
    if (level > 0 || !(await this.#isSound())) return onShelf
    const rows = await this.#leaves(index * tileWidth, tileWidth)
    const changed = rows.find(({ leaf, body, salt }) => body !== undefined && salt !== undefined && !verifyBody(leaf, body, salt))
    return changed === undefined
      ? `one of leaves ${index * tileWidth} to ${(index + 1) * tileWidth - 1} was changed in the store`
      : `leaf ${changed.index} was changed in the store`
  }

  /** Whether level 1 of the shelf, with the leaves that no full tile has, leads to the stored root. */
  async #isSound(): Promise<boolean> {
    const { log } = this.#options
    const { size, frontier } = await log.tree()
    const full = hashesAt(1, size)
    let above = emptyFrontier
    for (let at = 0; at < full; at += hashesAtOnce)
      for (const hash of await this.#hashes(1, at, Math.min(hashesAtOnce, full - at))) above = appendLeaf(above, hash)
    const rest = size % tileWidth === 0 ? [] : await this.#leaves(full * tileWidth, size % tileWidth)
    let below = emptyFrontier
    for (const row of rest) below = appendLeaf(below, leafHash(row.leaf))
    const made = [...above.hashes, ...below.hashes]
    return made.length * 32 === frontier.byteLength && sameHash(Buffer.concat(made), frontier)
  }

  /** The first hash of level 1 that its leaves do not lead to. */
  async #firstWrong(): Promise<string | undefined> {
    const full = hashesAt(1, (await this.#options.log.tree()).size)
    for (let at = 0; at < full; at += 1) {
      const [kept] = await this.#hashes(1, at, 1)
      if (!sameHash(kept, tileRoot(await this.#hashes(0, at * tileWidth, tileWidth)))) return `hash ${at} of level 1`
    }
    return undefined
  }
}

function hashesOf(rows: readonly LeafRow[]): readonly Hash[] {
  return rows.map((row) => leafHash(row.leaf))
}
