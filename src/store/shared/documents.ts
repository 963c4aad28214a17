/** Records as the text that is kept, and back: canonical JSON, so that bigint and Fraction survive; long ones in turns with whatever else waits. */
import { atOnce, inTurns, type Turning } from '../../kernel/in-turns.ts'
import { canonicalJson, parseJson } from '../../kernel/json.ts'
import { measuringDepth, readingJson, writingJson } from '../../kernel/long-json.ts'
import { mustBe } from '../../kernel/result.ts'
import type { RecordKind, Records } from '../../model/records.ts'

/** UTF-8 bytes of one document; the database holds the same bound. */
const documentBytesMax = 4_194_304

/** As deep as SQLite's own `json_valid` goes: what is let in can be read again, from any database. */
const documentDepthMax = 1_000

export const documentLimits = { bytesMax: documentBytesMax, depthMax: documentDepthMax } as const

/** Characters beyond which a document is read in turns, and others have theirs before and after the database takes it. */
const longText = 65_536
/** Elements of an array beyond which what it stands in is written in turns. */
const longArray = 64

/** Throws above 4 MiB, above 1,000 levels, and on what is not JSON. */
export async function writeDocument(value: object, turning: Turning | undefined): Promise<string> {
  const isLong = turning !== undefined && hasLongArray(value)
  const text = isLong ? await inTurns(writingJson(value), turning) : canonicalJson(value)
  if (Buffer.byteLength(text) > documentBytesMax) throw new Error(`a document takes at most ${documentBytesMax} bytes`)
  if (text.length <= 2 * documentDepthMax) return text
  const depth = isLong ? await inTurns(measuringDepth(text), turning) : atOnce(measuringDepth(text))
  if (depth > documentDepthMax) throw new Error(`a document has at most ${documentDepthMax} levels`)
  await restAround(text, turning)
  return text
}

/** Before and after the database takes a long text: both are work that nobody can divide. */
export async function restAround(text: string, turning: Turning | undefined): Promise<void> {
  if (isLongText(text)) await turning?.turn()
}

export function isLongText({ length }: string): boolean {
  return length > longText
}

/** In the value itself, or one level deeper. */
function hasLongArray(value: object, levels = 2): boolean {
  return Object.values(value).some((member: unknown) => {
    if (Array.isArray(member)) return member.length > longArray
    return levels > 1 && typeof member === 'object' && member !== null && hasLongArray(member, levels - 1)
  })
}

/** Only what `writeDocument` made of a record of this kind is ever kept under it; a text that cannot be read throws. */
export async function readDocument<K extends RecordKind>(_kind: K, text: string, turning: Turning | undefined): Promise<Records[K]>
export async function readDocument(_kind: RecordKind, text: string, turning: Turning | undefined): Promise<unknown> {
  if (text.length <= longText || turning === undefined) return mustBe(parseJson(text, documentLimits))
  const read = await inTurns(readingJson(text, documentLimits), turning)
  await restAround(text, turning)
  return mustBe(read)
}
