/** Memory that connections are read into, and that is read into again once nobody holds on to what stands in it. */

/** Answers whether nobody holds on to the bytes. */
export type Hear = (bytes: Buffer) => boolean

/** A long answer in few pieces costs its client and us a third of what it costs in pieces of 64 KiB. */
const readBytes = 262_144
/** All connections are read into one buffer, one after another, and what was read is copied out of it: cheaper than a large buffer for each read. */
const readBuffer = Buffer.allocUnsafeSlow(readBytes)

/** Memory of one size that was read into and is free again: long answers would else have the whole heap collected once for every thirty of them. */
interface Spare {
  readonly bytes: number
  readonly free: Buffer[]
}

/** Below half of the smallest a copy of its own costs little; of none is less than half used, for those who keep it. */
const spares: readonly Spare[] = [65_536, 131_072, readBytes].map((bytes) => ({ bytes, free: [] }))
const freeMax = 8
const sparedBytesMin = 32_768

/**
 * Gives the memory of a piece back at once, where the piece is all of it. What waits for a collection of garbage is outside the heap, and for
 * every 64 MB of it the whole heap is collected. Only of what no write under way needs any more; whoever else still looks into it finds it
 * empty, and never somebody else's bytes.
 */
export function letGo({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= letGoBytesMin && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Less costs as much to give back as to collect. */
const letGoBytesMin = 16_384

/** How a socket that is read into memory of ours tells what it read (`onread` of `net.connect`). */
export function hearing(hear: Hear) {
  return {
    buffer: readBuffer,
    callback: (length: number) => {
      const spare = length < sparedBytesMin ? undefined : spares.find(({ bytes }) => length <= bytes)
      if (spare === undefined) {
        hear(Buffer.from(readBuffer.subarray(0, length)))
        return true
      }
      const memory = spare.free.pop() ?? Buffer.allocUnsafeSlow(spare.bytes)
      readBuffer.copy(memory, 0, 0, length)
      if (hear(memory.subarray(0, length)) && spare.free.length < freeMax) spare.free.push(memory)
      return true
    },
  }
}
