/** Records as the text that is kept, and back: canonical JSON, so that bigint and Fraction survive. */
import { canonicalJson, parseJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import type { RecordKind, Records } from '../../model/records.ts'

/** UTF-8 bytes of one document; the database holds the same bound. */
const documentBytesMax = 4_194_304

/** As deep as SQLite's own `json_valid` goes: what is let in can be read again, from any database. */
const documentDepthMax = 1_000

export const documentLimits = { bytesMax: documentBytesMax, depthMax: documentDepthMax } as const

/** Throws above 4 MiB, above 1,000 levels, and on what is not JSON. */
export function writeDocument(value: unknown): string {
  const text = canonicalJson(value)
  if (Buffer.byteLength(text) > documentBytesMax) throw new Error(`a document takes at most ${documentBytesMax} bytes`)
  if (text.length > 2 * documentDepthMax && depthOf(text) > documentDepthMax)
    throw new Error(`a document has at most ${documentDepthMax} levels`)
  return text
}

/** How many arrays and objects lie in each other, of canonical text. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let isInText = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '"') isInText = !isInText
    else if (isInText) at += character === '\\' ? 1 : 0
    else if (character === '[' || character === '{') depth += 1
    else if (character === ']' || character === '}') depth -= 1
    if (depth > deepest) deepest = depth
  }
  return deepest
}

/** Only what `writeDocument` made of a record of this kind is ever kept under it; a text that cannot be read throws. */
export function readDocument<K extends RecordKind>(_kind: K, text: string): Records[K]
export function readDocument(_kind: RecordKind, text: string): unknown {
  return mustBe(parseJson(text, documentLimits))
}
