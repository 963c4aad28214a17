/** Reads a gateway's journal from its disk: the lines, what a crash left of the last of them, and the head to go on from. */
import type { DecisionId } from '../kernel/ids.ts'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import type { Result } from '../kernel/result.ts'
import { done } from '../kernel/result.ts'
import { refuse } from '../kernel/refusals.ts'
import {
  chainLine,
  type Head,
  lineBytesMax,
  readSeal,
  type Seal,
  startHead,
  stepLine,
  verifySeal,
  type Walk,
} from '../ledger/journal-format.ts'
import type { NoteKey } from '../ledger/note.ts'

/** A file of whole groups of lines. */
export interface Segment {
  /** Number of its first line. */
  readonly first: number
  readonly bytes: number
}

/** What keeps a journal. Every call throws when it could not do what it says. */
export interface JournalDisk {
  /** All segments, in order of their first line. */
  list(): Promise<readonly Segment[]>
  /** Makes an empty segment that a power cut does not take away again. */
  create(first: number): Promise<void>
  /** Appends all the bytes. When it throws, any number of them may have been written. */
  append(first: number, bytes: Uint8Array): Promise<void>
  /** As `append`, before it returns. Answers false, with nothing written, where that could keep its caller waiting. */
  appendNow?(first: number, bytes: Uint8Array): boolean
  /** Resolves when everything appended survives a power cut. */
  sync(first: number): Promise<void>
  /** At most `bytes` bytes from an offset on; fewer only at the end. */
  read(first: number, from: number, bytes: number): Promise<Uint8Array>
  /** Takes a whole segment away. */
  remove(first: number): Promise<void>
  /** Cuts the segment to a length, so that a power cut does not bring the rest back. */
  truncate(first: number, bytes: number): Promise<void>
  close(): Promise<void>
  /** Resolves when what else has come in by now has been worked on, so that its entries share a write with those before. */
  turn?(): Promise<void>
}

/** A line that the ledger has vouched for. */
export interface Anchored {
  readonly n: number
  /** Hex. */
  readonly hash: string
}

/** Where a journal goes on. */
export interface ReadBack {
  readonly walk: Walk
  /** The last segment, as long as it is after the cut; absent in a journal that has none yet. */
  readonly segment?: Segment
  /** What a crash left unfinished at the end of it, and must be cut. */
  readonly tornBytes: number
}

const chunkBytes = 1_048_576
const newline = 0x0a
const sealStart = Buffer.from('{"hash":"')
const sealMark = Buffer.from('"type":"seal"')
/** Of a line of ours: members stand in order, and what a client sent is escaped, so that it cannot end a line. */
const versionAtEnd = /^\{.*"type":"(?:decision|known)",.*"version":(\d{1,15})\}$/gm

interface DiskLine {
  /** Without its line feed. */
  readonly bytes: Buffer
  /** Offset behind its line feed. */
  readonly end: number
}

/** The finished lines of a segment from an offset on; what follows the last line feed is not given. */
export async function* readLines(disk: JournalDisk, segment: Segment, from = 0): AsyncGenerator<DiskLine, void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  for (let offset = from; offset < segment.bytes; ) {
    const chunk = await disk.read(segment.first, offset, Math.min(chunkBytes, segment.bytes - offset))
    if (chunk.byteLength === 0) return
    const bytes = Buffer.concat([rest, chunk])
    const base = offset - rest.byteLength
    let start = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      yield { bytes: bytes.subarray(start, end), end: base + end + 1 }
      start = end + 1
    }
    rest = bytes.subarray(start)
    offset += chunk.byteLength
    if (rest.byteLength > 2 * lineBytesMax) return
  }
}

/** All lines up to the last seal, of a journal that nobody writes any more: what a crash or a copy left behind it is under no seal. */
export async function* readSealedLines(disk: JournalDisk): AsyncGenerator<string, void, undefined> {
  let waiting: string[] = []
  for await (const line of readNumbered(disk, 1, Number.MAX_SAFE_INTEGER)) {
    waiting.push(line)
    if (readSeal(line) === undefined) continue
    yield* waiting
    waiting = []
  }
}

/** The lines numbered `from` to `upto`, in order, over all segments. */
export async function* readNumbered(disk: JournalDisk, from: number, upto: number): AsyncGenerator<string, void, undefined> {
  const segments = await disk.list()
  for (const [place, segment] of segments.entries()) {
    const next = segments[place + 1]
    if (segment.first > upto) return
    if (next !== undefined && next.first <= from) continue
    let n = segment.first
    for await (const { bytes } of readLines(disk, segment)) {
      if (n > upto) return
      if (n >= from) yield bytes.toString()
      n += 1
    }
  }
}

/**
 * Reads the last segment back and checks its chain, its seals against it and the signature of its last seal. Refuses
 * `ledger.malformed` or `ledger.unverified` where finished lines were changed, and where the journal lacks what `anchored` names.
 * A line without its end, or a hole of zero bytes that a power cut left, is no finished line: it and what follows is torn.
 */
export async function readBack(disk: JournalDisk, key: NoteKey, anchored?: Anchored): Promise<Result<ReadBack>> {
  const segments = await disk.list()
  const segment = segments.at(-1)
  const start = await headBefore(disk, segments, key)
  if (!start.ok) return start
  const held = new AnchorCheck(anchored)
  held.pass(start.value)
  if (segment === undefined) return held.result({ walk: { head: start.value, sealed: start.value }, tornBytes: 0 })
  if (segment.first !== start.value.n + 1) return refuse('ledger.malformed', { detail: `line ${start.value.n + 1} is in no segment` })
  const sealed = await readSealed(disk, segment, { start: start.value, key, held })
  if (!sealed.ok) return sealed
  return readTail(disk, segment, { sealed: sealed.value, key, held })
}

/**
 * The highest version of the store that the newest lines name, or 0. A decision, and a line `known`, is written after the store had that
 * version durably: a store that is behind it has lost its tail, or is a copy of before.
 */
export async function newestVersion(disk: JournalDisk): Promise<number> {
  for (const { first, bytes } of (await disk.list()).toReversed()) {
    const from = Math.max(0, bytes - chunkBytes)
    const text = Buffer.from(await disk.read(first, from, bytes - from)).toString('latin1')
    const versions = [...text.matchAll(versionAtEnd)].map(([, digits]) => Number(digits))
    if (versions.length > 0) return Math.max(...versions)
  }
  return 0
}

/** The head at the end of the last segment but one, which ends with a seal. */
async function headBefore(disk: JournalDisk, segments: readonly Segment[], key: NoteKey): Promise<Result<Head>> {
  const before = segments.at(-2)
  return before === undefined ? done(startHead(key.vkey)) : headOfSegment(disk, before, key)
}

/** The head at the end of a whole segment, from the seal that it ends with. Refuses `ledger.malformed` or `ledger.unverified`. */
export async function headOfSegment(disk: JournalDisk, before: Segment, key: NoteKey): Promise<Result<Head>> {
  const bytes = Buffer.from(await disk.read(before.first, Math.max(0, before.bytes - 4096), 4096))
  const line = bytes.subarray(bytes.lastIndexOf(newline, -2) + 1, -1)
  const seal = bytes.at(-1) === newline ? readSeal(line.toString()) : undefined
  if (seal === undefined) return refuse('ledger.malformed', { detail: `the segment from line ${before.first} does not end with a seal` })
  if (!verifySeal(seal, key))
    return refuse('ledger.unverified', { detail: `the seal in line ${seal.line} is not signed by the key of ${key.name}` })
  return done(chainLine(seal, line))
}

interface Sealed {
  readonly head: Head
  /** Offset behind the last seal. */
  readonly end: number
}

/** Hashes line after line and holds each seal against the chain; that is enough, since a seal fits only the very lines before it. */
async function readSealed(
  disk: JournalDisk,
  segment: Segment,
  from: { start: Head; key: NoteKey; held: AnchorCheck },
): Promise<Result<Sealed>> {
  let head = from.start
  let sealed: Sealed = { head, end: 0 }
  let last: Seal | undefined
  for await (const { bytes, end } of readLines(disk, segment)) {
    const seal =
      bytes.includes(sealMark) && bytes.subarray(0, sealStart.byteLength).equals(sealStart) ? readSeal(bytes.toString()) : undefined
    const before = head
    head = chainLine(head, bytes)
    from.held.pass(head)
    if (seal === undefined) continue
    const fits = seal.n === before.n && Buffer.compare(seal.hash, before.hash) === 0
    if (!fits)
      return refuse('ledger.unverified', { detail: `lines ${sealed.head.n + 1} to ${before.n} are not those that line ${head.n} seals` })
    sealed = { head, end }
    last = seal
  }
  if (last !== undefined && !verifySeal(last, from.key)) {
    return refuse('ledger.unverified', { detail: `the seal in line ${last.line} is not signed by the key of ${from.key.name}` })
  }
  return done(sealed)
}

/** What follows the last seal was written but not signed for: whole lines that chain on are kept, a torn end is not. */
async function readTail(
  disk: JournalDisk,
  segment: Segment,
  from: { sealed: Sealed; key: NoteKey; held: AnchorCheck },
): Promise<Result<ReadBack>> {
  const { head, end: sealedEnd } = from.sealed
  let walk: Walk = { head, sealed: head }
  let sound = sealedEnd
  for await (const { bytes, end } of readLines(disk, segment, sealedEnd)) {
    // Canonical JSON holds no zero byte.
    if (bytes.includes(0)) break
    const step = stepLine(walk, bytes.toString(), from.key)
    if (!step.ok) return step
    walk = step.value.walk
    sound = end
  }
  return from.held.result({ walk, segment: { first: segment.first, bytes: sound }, tornBytes: segment.bytes - sound })
}

/** Holds the lines that were read against the one that the ledger vouches for. */
class AnchorCheck {
  readonly #anchored: Anchored | undefined
  #differs = false

  constructor(anchored: Anchored | undefined) {
    this.#anchored = anchored
  }

  pass(head: Head): void {
    if (head.n === this.#anchored?.n && Buffer.from(head.hash).toString('hex') !== this.#anchored.hash) this.#differs = true
  }

  result(read: ReadBack): Result<ReadBack> {
    const { n } = this.#anchored ?? { n: 0 }
    if (this.#differs) return refuse('ledger.unverified', { detail: `line ${n} is not the one that the ledger anchors` })
    if (n > read.walk.head.n)
      return refuse('ledger.unverified', { detail: `the journal ends at line ${read.walk.head.n}, but the ledger anchors line ${n}` })
    return done(read)
  }
}

/**
 * The entries whose `decision` is this one, oldest first, from the newest segments: as many as lie within `bytesMax` bytes, and one at
 * least. Refuses `not-found`.
 */
export async function readDecision(disk: JournalDisk, id: DecisionId, bytesMax: number): Promise<Result<readonly JsonObject[]>> {
  let found: JsonObject[] = []
  let bytes = 0
  for (const segment of (await disk.list()).toReversed()) {
    bytes += segment.bytes
    if (bytes > bytesMax && bytes > segment.bytes) break
    const here: JsonObject[] = []
    for await (const line of readLines(disk, segment)) {
      const entry = line.bytes.includes(id) ? parseJson(line.bytes, { depthMax: 80 }) : undefined
      if (entry?.ok && isJsonObject(entry.value) && entry.value.decision === id) here.push(entry.value)
    }
    found = [...here, ...found]
  }
  return found.length > 0 ? done(found) : refuse('not-found')
}
