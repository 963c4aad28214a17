/** Memory that connections are read into, and that is read into again once nobody holds on to what stands in it. */

/** Answers whether nobody holds on to the bytes. */
export type Hear = (bytes: Buffer) => boolean

const readBytes = 65_536
/** All connections are read into one buffer, one after another, and what was read is copied out of it: cheaper than a large buffer for each read. */
const readBuffer = Buffer.allocUnsafeSlow(readBytes)
/** Below it a copy of its own costs little, and one that is kept should not keep much more than it is. */
const sparedBytesMin = readBytes / 2
const spareMax = 16
/** Memory that was read into and is free again: long answers would else have the whole heap collected once for every thirty of them. */
const spare: Buffer[] = []

/** How a socket that is read into memory of ours tells what it read (`onread` of `net.connect`). */
export function hearing(hear: Hear) {
  return {
    buffer: readBuffer,
    callback: (length: number) => {
      if (length < sparedBytesMin) {
        hear(Buffer.from(readBuffer.subarray(0, length)))
        return true
      }
      const memory = spare.pop() ?? Buffer.allocUnsafeSlow(readBytes)
      readBuffer.copy(memory, 0, 0, length)
      if (hear(memory.subarray(0, length)) && spare.length < spareMax) spare.push(memory)
      return true
    },
  }
}
