/** Recorded actions out of journals, from an instant on: the newest that fit a budget of bytes, in the order they were written. */
import { type GrantId, type IdentityId, parseId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { Fraction, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { lineBytesMax } from '../ledger/journal-format.ts'
import type { ArgumentValue } from '../model/actions.ts'
import { type Origin, type Provenance, readKind } from '../model/provenance.ts'
import type { JournalDisk, Segment } from './journal-reading.ts'
import type { LogStore } from './ports.ts'
import type { Slices } from './slices.ts'

/** One decision line. */
export interface RecordedAction {
  readonly at: Instant
  readonly decision: string
  readonly address: string
  readonly arguments: Readonly<Record<string, ArgumentValue>>
  readonly chain: readonly IdentityId[]
  /** Absent where it was refused for want of one. */
  readonly grant?: GrantId
  /** `shop/restart`. */
  readonly resource: string
  /** Of what kind its arguments' origins were. */
  readonly provenance?: Provenance
}

/** A journal, and what of it was read. */
export interface ReadJournal {
  readonly name: string
  /** Of the first line that was read; absent where none was. */
  readonly from?: Instant
  /** Why what is before that was not read, although it may be of the time asked about. */
  readonly cut?: 'pruned' | 'limit'
}

const decisionMark = Buffer.from('"type":"decision"')
const firstLineBytesMax = 2 * lineBytesMax

export interface JournalPart {
  readonly segments: readonly Segment[]
  readonly bytes: number
  readonly cut?: 'pruned' | 'limit'
}

/** The segments, oldest first, that hold everything since then, as far as the budget goes. */
export async function segmentsSince(disk: JournalDisk, since: Instant, bytesMax: number): Promise<JournalPart> {
  const all = await disk.list()
  const taken: Segment[] = []
  let bytes = 0
  for (const segment of all.toReversed()) {
    if (taken.length > 0 && bytes + segment.bytes > bytesMax) return { segments: taken, bytes, cut: 'limit' }
    taken.unshift(segment)
    bytes += segment.bytes
    const begins = await firstInstant(disk, segment)
    if (begins !== undefined && begins < since) return { segments: taken, bytes }
  }
  const [first] = taken
  return first === undefined || first.first === 1 ? { segments: taken, bytes } : { segments: taken, bytes, cut: 'pruned' }
}

async function firstInstant(disk: JournalDisk, segment: Segment): Promise<Instant | undefined> {
  const bytes = Buffer.from(await disk.read(segment.first, 0, Math.min(firstLineBytesMax, segment.bytes)))
  // Read whole: an argument of a client may be called the same as a member of ours.
  for (const line of bytes.toString().split('\n').slice(0, -1)) {
    const read = parseJson(line, { depthMax: 80 })
    if (read.ok && isJsonObject(read.value) && typeof read.value['at'] === 'number') return read.value['at']
  }
  return undefined
}

const chunkBytes = 262_144
const newline = 0x0a

/** Lines of decisions in these segments, many at a time; whatever else stands there is passed over unread, and so is a line without its end. */
export async function* decisionLines(disk: JournalDisk, segments: readonly Segment[]): AsyncGenerator<readonly Buffer[], void, undefined> {
  for (const { first, bytes } of segments) {
    let rest: Buffer = Buffer.alloc(0)
    for (let offset = 0; offset < bytes; ) {
      const chunk = await disk.read(first, offset, Math.min(chunkBytes, bytes - offset))
      if (chunk.byteLength === 0) break
      offset += chunk.byteLength
      const { lines, left } = split(Buffer.concat([rest, chunk]))
      yield lines
      rest = left
      if (rest.byteLength > 2 * lineBytesMax) break
    }
  }
}

function split(bytes: Buffer): { readonly lines: readonly Buffer[]; readonly left: Buffer } {
  const lines: Buffer[] = []
  let start = 0
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
    const line = bytes.subarray(start, end)
    if (line.includes(decisionMark)) lines.push(line)
    start = end + 1
  }
  return { lines, left: bytes.subarray(start) }
}

/** What a decision line says; `undefined` for any other, and for one that is not as Remit writes it. */
export function readAction(line: Uint8Array | string): RecordedAction | undefined {
  const read = parseJson(line, { depthMax: 80 })
  return read.ok && isJsonObject(read.value) && read.value['type'] === 'decision' ? readRecorded(read.value) : undefined
}

/** Later there is no day: what says so was written by nobody's clock. */
const instantMax: Instant = 8_640_000_000_000_000

/** The same of a line that is read already. */
export function readRecorded(entry: JsonObject): RecordedAction | undefined {
  const { at, decision, address, arguments: given, chain, grant, resource, provenance } = entry
  const links = readChain(chain)
  const values = isJsonObject(given) ? readArguments(given) : undefined
  if (typeof at !== 'number' || typeof decision !== 'string' || typeof address !== 'string' || typeof resource !== 'string')
    return undefined
  const seen = provenance === undefined ? nowhere : readProvenance(provenance)
  if (seen === undefined || links === undefined || values === undefined || at < 0 || at > instantMax) return undefined
  const rode = parseId('grn', grant)
  return { at, decision, address, arguments: values, chain: links, resource, ...seen, ...(rode.ok ? { grant: rode.value } : {}) }
}

const nowhere: Pick<RecordedAction, 'provenance'> = {}

function readProvenance(given: JsonValue): Pick<RecordedAction, 'provenance'> | undefined {
  if (!isJsonObject(given)) return undefined
  const kinds: [string, Origin][] = []
  for (const [name, words] of Object.entries(given)) {
    const kind = typeof words === 'string' ? readKind(words) : undefined
    if (kind === undefined) return undefined
    kinds.push([name, { kind }])
  }
  return { provenance: Object.fromEntries(kinds) }
}

function readChain(value: JsonValue | undefined): readonly IdentityId[] | undefined {
  if (!Array.isArray(value)) return undefined
  const links: IdentityId[] = []
  for (const each of value) {
    const id = parseId('idn', each)
    if (!id.ok) return undefined
    links.push(id.value)
  }
  return links
}

function readArguments(given: JsonObject): RecordedAction['arguments'] | undefined {
  const values: [string, ArgumentValue][] = []
  for (const [name, value] of Object.entries(given)) {
    const read = readArgument(value)
    if (read === undefined) return undefined
    values.push([name, read])
  }
  // As own members, whatever they are called.
  return Object.fromEntries(values)
}

export function readArgument(value: JsonValue | undefined): ArgumentValue | undefined {
  if (value instanceof Fraction) return value
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
    case 'bigint':
      return value
    default: {
      if (!Array.isArray(value)) return undefined
      const texts = value.filter((each): each is string => typeof each === 'string')
      return texts.length === value.length ? texts : undefined
    }
  }
}

const heardLeavesMax = 50_000
const pageMax = 500

/** Names of the journals that the ledger heard of since then, newest leaves first, as far as so many of them tell. */
export async function journalsHeardOf(
  log: Pick<LogStore, 'tree' | 'leaves'>,
  about: { readonly space: string; readonly since: Instant; readonly slices: Slices; readonly leavesMax?: number },
): Promise<ReadonlySet<string>> {
  const { space, since, slices, leavesMax = heardLeavesMax } = about
  const names = new Set<string>()
  const { size } = await log.tree()
  for (let end = size; end > Math.max(0, size - leavesMax); end -= pageMax) {
    const from = Math.max(0, end - pageMax)
    for (const { body } of (await log.leaves(from, end - from)).toReversed()) {
      await slices.pause()
      if (body === undefined || !body.includes('"journal.anchored"')) continue
      const read = parseJson(body)
      if (!read.ok || !isJsonObject(read.value) || read.value['kind'] !== 'journal.anchored' || read.value['space'] !== space) continue
      const { at, subject } = read.value
      if (typeof at === 'number' && at < since) return names
      if (typeof subject === 'string') names.add(subject)
    }
  }
  return names
}
