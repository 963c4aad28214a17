/** Looks back into a journal: what stands between marks, newest first, a bounded number of bytes, and what became of an action after it. */
import type { Instant } from '../kernel/instants.ts'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { lineBytesMax } from '../ledger/journal-format.ts'
import type { JournalDisk, Segment } from './journal-reading.ts'
import type { Slices } from './slices.ts'

export interface LookBack {
  /** Bytes that stand in the lines looked for. It is enough if others hold them too: each line found is read whole. */
  readonly mark: Buffer
  /** Nothing before this is looked for. */
  readonly since: Instant
  readonly bytesMax: number
  readonly slices: Slices
}

/** A line that has the mark, and where what follows it begins. */
export interface FoundLine {
  readonly entry: JsonObject
  readonly segment: number
  readonly end: number
}

/** How far a look went. */
export interface Looked {
  readonly bytes: number
  /** Of the oldest line that was passed; absent where there was none. */
  readonly from?: Instant
  /** Why what is before that was not looked at, although it may be of the time asked about. */
  readonly cut?: 'pruned' | 'limit'
}

const chunkBytes = 262_144
const newline = 0x0a

/** Lines with the mark, the newest first; what they came to is its return value. A torn end is passed over. */
export async function* linesBack(disk: JournalDisk, look: LookBack): AsyncGenerator<FoundLine, Looked, undefined> {
  const segments = await disk.list()
  let bytes = 0
  let from: Instant | undefined
  const looked = (cut?: Looked['cut']): Looked => ({
    bytes,
    ...(from === undefined ? {} : { from }),
    ...(cut === undefined ? {} : { cut }),
  })
  for (const segment of segments.toReversed()) {
    for await (const piece of piecesBack(disk, segment)) {
      await look.slices.pause()
      yield* marked(piece, segment.first, look)
      bytes += piece.read
      from = firstInstant(piece.bytes) ?? from
      if (from !== undefined && from < look.since) return looked()
      if (bytes >= look.bytesMax) return looked(piece.start === 0 && segment.first === 1 ? undefined : 'limit')
    }
  }
  const [first] = segments
  return looked(first === undefined || first.first === 1 ? undefined : 'pruned')
}

/** Whole lines, and where they begin in their segment. */
interface Piece {
  readonly bytes: Buffer
  readonly start: number
  /** What was read to have them. */
  readonly read: number
}

/** A segment from its end to its beginning. A line that no journal of ours has, longer than any may be, ends it. */
async function* piecesBack(disk: JournalDisk, segment: Segment): AsyncGenerator<Piece, void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  let isTail = true
  for (let end = segment.bytes; end > 0; ) {
    const start = Math.max(0, end - chunkBytes)
    const chunk = Buffer.from(await disk.read(segment.first, start, end - start))
    let bytes = rest.byteLength === 0 ? chunk : Buffer.concat([chunk, rest])
    // What has no line feed after it was torn, or is being written now.
    if (isTail) bytes = bytes.subarray(0, bytes.lastIndexOf(newline) + 1)
    if (bytes.byteLength > 0) isTail = false
    const head = start === 0 ? 0 : bytes.indexOf(newline) + 1
    rest = start === 0 ? rest : bytes.subarray(0, head)
    if (rest.byteLength > 2 * lineBytesMax) return
    if (head < bytes.byteLength || start === 0) yield { bytes: bytes.subarray(head), start: start + head, read: end - start }
    end = start
  }
}

async function* marked(piece: Piece, segment: number, { mark, slices }: LookBack): AsyncGenerator<FoundLine, void, undefined> {
  const { bytes } = piece
  const ends: number[] = []
  for (let at = bytes.indexOf(mark); at >= 0; ) {
    const end = bytes.indexOf(newline, at)
    ends.push(end)
    at = bytes.indexOf(mark, end)
  }
  for (const end of ends.toReversed()) {
    if (slices.isOver) await slices.pause()
    const start = bytes.lastIndexOf(newline, end - 1) + 1
    const entry = readEntry(bytes.subarray(start, end))
    if (entry !== undefined) yield { entry, segment, end: piece.start + end + 1 }
  }
}

function readEntry(line: Uint8Array): JsonObject | undefined {
  const read = parseJson(line, { depthMax: 80 })
  return read.ok && isJsonObject(read.value) ? read.value : undefined
}

function firstInstant(bytes: Buffer): Instant | undefined {
  // Seals have no instant, and stand alone between lines that have one.
  for (let start = 0, tries = 0; start < bytes.byteLength && tries < 3; tries += 1) {
    const end = bytes.indexOf(newline, start)
    const at = readEntry(bytes.subarray(start, end))?.['at']
    if (typeof at === 'number') return at
    start = end + 1
  }
  return undefined
}

/** The entry of what became of this decision, where it stands within so many bytes behind its line. */
export async function outcomeAfter(
  disk: JournalDisk,
  { entry, segment, end }: FoundLine,
  { bytesMax, slices }: Pick<LookBack, 'bytesMax' | 'slices'>,
): Promise<JsonObject | undefined> {
  const { decision } = entry
  const mark = Buffer.from(`"decision":${JSON.stringify(decision)}`)
  let left = bytesMax
  for (const { first, bytes } of await disk.list()) {
    if (first < segment) continue
    let rest: Buffer = Buffer.alloc(0)
    for (let offset = first === segment ? end : 0; offset < bytes && left > 0; ) {
      await slices.pause()
      const chunk = Buffer.from(await disk.read(first, offset, Math.min(chunkBytes, bytes - offset)))
      if (chunk.byteLength === 0) break
      offset += chunk.byteLength
      left -= chunk.byteLength
      const all = Buffer.concat([rest, chunk])
      const found = outcomeIn(all, mark, decision)
      if (found !== undefined) return found
      rest = all.subarray(all.lastIndexOf(newline) + 1)
    }
    if (left <= 0) return undefined
  }
  return undefined
}

function outcomeIn(bytes: Buffer, mark: Buffer, decision: unknown): JsonObject | undefined {
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    const end = bytes.indexOf(newline, at)
    if (end < 0) return undefined
    const entry = readEntry(bytes.subarray(bytes.lastIndexOf(newline, at) + 1, end))
    if (entry?.['type'] === 'outcome' && entry['decision'] === decision) return entry
  }
  return undefined
}
