/** HPACK (RFC 7541): heads as clients compress them, and ours, which we do not. */
import { type Field, type HuffmanTable, makeHuffmanTable, staticFields } from './http2-hpack-tables.ts'

/** What a client may have us remember, in bytes as RFC 7541 §4.1 counts them: the value that nobody needs to announce. */
const tableBytesMax = 4_096
/** What RFC 7541 §4.1 and RFC 9113 §6.5.2 add for each field. */
const fieldExtraBytes = 32

export interface DecodedBlock {
  /** Flat, in their order; only as far as they fit. */
  readonly fields: readonly string[]
  readonly isTooLarge: boolean
}

/** Reads the blocks of one connection, each in its turn: every one of them changes what the next one means. */
export class HpackDecoder {
  /** The newest last. */
  readonly #entries: Field[] = []
  #bytes = 0
  #bytesMax = tableBytesMax

  /**
   * The fields of a whole block. `undefined`: it cannot be read, and so nothing that follows on the connection. Above `listBytesMax`, counted
   * with 32 for each field, fields are read and not kept: some bytes may stand for a thousand times as many.
   */
  decode(block: Buffer, listBytesMax: number): DecodedBlock | undefined {
    const reader = new BlockReader(block)
    const fields: string[] = []
    let bytes = 0
    while (!reader.isOver) {
      const first = reader.peek()
      if ((first & 0xe0) === 0x20) {
        // A change of the table's size stands before the first field.
        if (bytes > 0 || !this.#resize(reader.integer(5))) return undefined
        continue
      }
      const field = this.#field(reader, first)
      if (field === undefined) return undefined
      bytes += field[0].length + field[1].length + fieldExtraBytes
      if (bytes <= listBytesMax) fields.push(field[0], field[1])
    }
    return { fields, isTooLarge: bytes > listBytesMax }
  }

  #field(reader: BlockReader, first: number): Field | undefined {
    if ((first & 0x80) !== 0) return this.#at(reader.integer(7))
    const isKept = (first & 0x40) !== 0
    const index = reader.integer(isKept ? 6 : 4)
    const name = index === 0 ? reader.string() : this.#at(index)?.[0]
    const value = name === undefined ? undefined : reader.string()
    if (name === undefined || value === undefined) return undefined
    const field: Field = [name, value]
    if (isKept) this.#keep(field)
    return field
  }

  #at(index: number | undefined): Field | undefined {
    if (index === undefined || index === 0) return undefined
    if (index <= staticFields.length) return staticFields[index - 1]
    return this.#entries[this.#entries.length - (index - staticFields.length)]
  }

  #keep(field: Field): void {
    this.#entries.push(field)
    this.#bytes += sizeOf(field)
    this.#evict()
  }

  #resize(bytesMax: number | undefined): boolean {
    if (bytesMax === undefined || bytesMax > tableBytesMax) return false
    this.#bytesMax = bytesMax
    this.#evict()
    return true
  }

  #evict(): void {
    let gone = 0
    for (; this.#bytes > this.#bytesMax; gone += 1) {
      const oldest = this.#entries[gone]
      if (oldest === undefined) break
      this.#bytes -= sizeOf(oldest)
    }
    if (gone > 0) this.#entries.splice(0, gone)
  }
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + fieldExtraBytes
}

let huffman: HuffmanTable | undefined

class BlockReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.byteLength
  }

  peek(): number {
    return this.#bytes[this.#at] ?? 0
  }

  /** RFC 7541 §5.1, up to 2^28: nothing here is larger. */
  integer(bits: number): number | undefined {
    const mask = 2 ** bits - 1
    let value = (this.#bytes[this.#at] ?? 0) & mask
    this.#at += 1
    if (value < mask) return value
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) return undefined
      this.#at += 1
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return undefined
  }

  /** Bytes as latin1 text. */
  string(): string | undefined {
    if (this.isOver) return undefined
    const isCoded = (this.peek() & 0x80) !== 0
    const length = this.integer(7)
    if (length === undefined || this.#at + length > this.#bytes.byteLength) return undefined
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return isCoded ? decodeHuffman(bytes) : bytes.toString('latin1')
  }
}

function decodeHuffman(bytes: Buffer): string | undefined {
  huffman ??= makeHuffmanTable()
  const { steps, mayEnd } = huffman
  // The shortest code has five bits.
  const found = Buffer.allocUnsafe(Math.ceil((bytes.byteLength * 8) / 5))
  let length = 0
  let state = 0
  for (const byte of bytes) {
    for (const nibble of [byte >>> 4, byte & 15]) {
      const step = steps[state * 16 + nibble]
      if (step === undefined) return undefined
      if (step.byte >= 0) {
        found[length] = step.byte
        length += 1
      }
      state = step.next
    }
  }
  return mayEnd[state] === true ? found.toString('latin1', 0, length) : undefined
}

const statusIndexes = new Map(staticFields.flatMap(([name, value], at) => (name === ':status' ? [[Number(value), at + 1] as const] : [])))
const nameIndexes = new Map(staticFields.map(([name], at) => [name, at + 1] as const).toReversed())
/** The table of the answers' fields has no room, so that nothing of ours is ever kept: what is said once a connection, before the first. */
export const emptyTable = '\x20'

/** A block of fields as latin1 text. Nothing is compressed: a secret's length would show beside what a client chose (CRIME). */
export function encodeFields(status: number, flat: readonly string[]): string {
  const known = statusIndexes.get(status)
  let text = known === undefined ? `\x08\x03${status}` : String.fromCharCode(0x80 | known)
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] ?? '').toLowerCase()
    const value = flat[at + 1] ?? ''
    const index = nameIndexes.get(name)
    text += index === undefined ? `\0${integerText(name.length, 7)}${name}` : integerText(index, 4)
    text += integerText(value.length, 7) + value
  }
  return text
}

function integerText(value: number, bits: number): string {
  const mask = 2 ** bits - 1
  if (value < mask) return String.fromCharCode(value)
  let text = String.fromCharCode(mask)
  let left = value - mask
  for (; left >= 128; left = Math.floor(left / 128)) text += String.fromCharCode((left & 127) | 128)
  return text + String.fromCharCode(left)
}
