/** Records as the text that is kept, and back: canonical JSON, so that bigint and Fraction survive. */
import { canonicalJson, parseJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import type { RecordKind, Records } from '../../model/records.ts'

/** UTF-8 bytes of one document; the database holds the same bound. */
const documentBytesMax = 4_194_304

/** As deep as the database's own `json_valid` goes: what it lets in can be read again. */
const documentDepthMax = 1_000

/** Throws above 4 MiB, and on what is not JSON. */
export function writeDocument(value: unknown): string {
  const text = canonicalJson(value)
  if (Buffer.byteLength(text) > documentBytesMax) throw new Error(`a document takes at most ${documentBytesMax} bytes`)
  return text
}

/** Only what `writeDocument` made of a record of this kind is ever kept under it; a text that cannot be read throws. */
export function readDocument<K extends RecordKind>(_kind: K, text: string): Records[K]
export function readDocument(_kind: RecordKind, text: string): unknown {
  return mustBe(parseJson(text, { bytesMax: documentBytesMax, depthMax: documentDepthMax }))
}
