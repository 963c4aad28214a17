/** A journal's disk that can be full, fail to sync, and lose what it was never asked to keep. */
import type { JournalDisk } from '../../../src/control/journal-reading.ts'
import type { Dice } from '../../world/chance.ts'
import type { Counts } from './counts.ts'

interface Piece {
  bytes: Buffer
  /** So many of them survive a power cut. */
  kept: number
}

export class Disk {
  readonly #pieces = new Map<number, Piece>()
  readonly #dice: Dice
  readonly #counts: Counts
  isFull = false
  failsToSync = false

  constructor(dice: Dice, counts: Counts) {
    this.#dice = dice
    this.#counts = counts
  }

  /** For one run of a program. */
  open(): JournalDisk {
    return {
      list: async () => [...this.#pieces].toSorted(([a], [b]) => a - b).map(([first, { bytes }]) => ({ first, bytes: bytes.byteLength })),
      create: async (first) => {
        if (this.isFull) this.#noSpace()
        this.#pieces.set(first, { bytes: Buffer.alloc(0), kept: 0 })
      },
      append: async (first, bytes) => {
        const piece = this.#piece(first)
        const taken = this.isFull ? this.#dice.below(bytes.byteLength) : bytes.byteLength
        piece.bytes = Buffer.concat([piece.bytes, bytes.subarray(0, taken)])
        if (this.isFull) this.#noSpace()
      },
      sync: async (first) => {
        if (this.failsToSync) {
          this.#counts.add('failed fsync')
          throw new Error('EIO: the disk could not keep it')
        }
        const piece = this.#piece(first)
        piece.kept = piece.bytes.byteLength
      },
      read: async (first, from, bytes) => this.#piece(first).bytes.subarray(from, from + bytes),
      truncate: async (first, bytes) => {
        const piece = this.#piece(first)
        piece.bytes = piece.bytes.subarray(0, bytes)
        piece.kept = piece.bytes.byteLength
      },
      remove: async (first) => void this.#pieces.delete(first),
      close: async () => undefined,
    }
  }

  /** All of it, as somebody finds it who opens the machine. */
  text(): string {
    const pieces = [...this.#pieces].toSorted(([a], [b]) => a - b).map(([, { bytes }]) => bytes)
    return Buffer.concat(pieces).toString('utf8')
  }

  /** Whether it holds this text, in what survives a power cut or anywhere. */
  has(text: string, isKept: boolean): boolean {
    for (const { bytes, kept } of this.#pieces.values()) {
      const at = bytes.lastIndexOf(text)
      // The seal that closes the group comes after it.
      if (at >= 0 && (!isKept || at < kept)) return true
    }
    return false
  }

  /** The power went: of what was not synced any part may be there, up to any byte. */
  losePower(): void {
    for (const piece of this.#pieces.values()) {
      const loose = piece.bytes.byteLength - piece.kept
      if (loose === 0) continue
      this.#counts.add('lost tail')
      piece.bytes = piece.bytes.subarray(0, piece.kept + this.#dice.below(loose + 1))
      piece.kept = piece.bytes.byteLength
    }
  }

  #piece(first: number): Piece {
    const piece = this.#pieces.get(first)
    if (piece === undefined) throw new Error(`no segment ${first}`)
    return piece
  }

  #noSpace(): never {
    this.#counts.add('full disk')
    throw new Error('ENOSPC: no space left on the disk')
  }
}
