/** A journal's disk in memory, for worlds that want no files. */
import type { JournalDisk } from '../../src/control/journal-reading.ts'

export function memoryJournalDisk(): JournalDisk {
  const segments = new Map<number, Buffer>()
  const segment = (first: number): Buffer => {
    const bytes = segments.get(first)
    if (bytes === undefined) throw new Error(`no segment ${first}`)
    return bytes
  }
  return {
    list: async () => [...segments].toSorted(([a], [b]) => a - b).map(([first, bytes]) => ({ first, bytes: bytes.byteLength })),
    create: async (first) => {
      segments.set(first, Buffer.alloc(0))
    },
    append: async (first, bytes) => {
      segments.set(first, Buffer.concat([segment(first), bytes]))
    },
    sync: async () => undefined,
    read: async (first, from, bytes) => segment(first).subarray(from, from + bytes),
    truncate: async (first, bytes) => {
      segments.set(first, segment(first).subarray(0, bytes))
    },
    remove: async (first) => void segments.delete(first),
    close: async () => undefined,
  }
}
