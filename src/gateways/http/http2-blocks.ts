/** Blocks of fields in HTTP/2, put together from HEADERS and CONTINUATION and unpacked (RFC 9113 §4.3). */
import { errorCode, type Fault, flag, protocolFault } from './http2-frames.ts'
import { type DecodedBlock, HpackDecoder } from './http2-hpack.ts'

export interface FieldBlock extends DecodedBlock {
  readonly stream: number
  readonly endsStream: boolean
}

interface OpenBlock {
  readonly stream: number
  readonly endsStream: boolean
  readonly pieces: Buffer[]
  bytes: number
}

const piecesMax = 16

export class FieldBlocks {
  readonly #decoder = new HpackDecoder()
  readonly #bytesMax: number
  #open: OpenBlock | undefined

  /** `bytesMax` is for the fields of one block, unpacked. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The stream whose block is not whole yet. */
  get stream(): number | undefined {
    return this.#open?.stream
  }

  begin(stream: number, flags: number, content: Buffer): FieldBlock | Fault | undefined {
    this.#open = { stream, endsStream: (flags & flag.endStream) !== 0, pieces: [], bytes: 0 }
    return this.add(flags, content)
  }

  /** Whatever stands in it must be read, or nothing after it can be: so what is too long ends the connection (CVE-2024-27316). */
  add(flags: number, content: Buffer): FieldBlock | Fault | undefined {
    const open = this.#open
    if (open === undefined) return protocolFault('CONTINUATION of nothing')
    open.pieces.push(content)
    open.bytes += content.byteLength
    if (open.bytes > this.#bytesMax * 2 || open.pieces.length > piecesMax)
      return { code: errorCode.enhanceYourCalm, says: 'a head that is too large' }
    if ((flags & flag.endHeaders) === 0) return undefined
    this.#open = undefined
    const decoded = this.#decoder.decode(open.pieces.length === 1 ? content : Buffer.concat(open.pieces), this.#bytesMax)
    if (decoded === undefined) return { code: errorCode.compression, says: 'a head that cannot be unpacked' }
    return { stream: open.stream, endsStream: open.endsStream, ...decoded }
  }
}
