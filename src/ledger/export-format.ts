/** The lines of an export: canonical JSON, one object a line; header, then leaves with checkpoints between them, then journals. */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { parseBase64, toBase64 } from './base64.ts'

export const exportFormat = 'remit-ledger-export-1'
const lineBytesMax = 8_388_608
const lineDepthMax = 100

export interface ExportHeader {
  /** The log's name. */
  readonly origin: string
  /** The log's own key first; then those of witnesses. */
  readonly vkeys: readonly string[]
  readonly journals: readonly { readonly name: string; readonly vkey: string }[]
  /** The space whose bodies it shows; of others it has the commitments. */
  readonly space?: string
}

export interface ExportedLeaf {
  readonly index: number
  readonly data: Uint8Array
  /** Both absent once erased, and where they are withheld. */
  readonly body?: JsonObject
  readonly salt?: Uint8Array
  /** The body belongs to another space than the one that this export is of. */
  readonly withheld?: true
}

export type ExportLine =
  | { readonly is: 'header'; readonly header: ExportHeader }
  | { readonly is: 'leaf'; readonly leaf: ExportedLeaf }
  /** Stands right behind the last leaf that it covers. */
  | { readonly is: 'checkpoint'; readonly note: string }
  /** A journal's line, character for character, without its line feed. */
  | { readonly is: 'journal'; readonly journal: string; readonly line: string }

/** A line of an export, without its line feed. */
export function writeExportLine(line: ExportLine): string {
  switch (line.is) {
    case 'header':
      return canonicalJson({ format: exportFormat, ...line.header })
    case 'leaf': {
      const { index, data, body, salt, withheld } = line.leaf
      return canonicalJson({ leaf: { index, data: toBase64(data), body, salt: salt === undefined ? undefined : toBase64(salt), withheld } })
    }
    case 'checkpoint':
      return canonicalJson({ checkpoint: line.note })
    case 'journal':
      return canonicalJson({ journal: line.journal, line: line.line })
  }
}

/** Reads a line; refuses `ledger.malformed` what `writeExportLine` would not have written. */
export function parseExportLine(text: string): Result<ExportLine> {
  const parsed = parseJson(text, { bytesMax: lineBytesMax, depthMax: lineDepthMax })
  if (!parsed.ok) return refuse('ledger.malformed', { detail: `the line cannot be read: ${parsed.refusal.detail ?? 'not JSON'}` })
  const line = isJsonObject(parsed.value) ? readLine(parsed.value) : undefined
  // Writing it again finds whatever was read past: white space, unknown members, another order.
  if (line === undefined || writeExportLine(line) !== text)
    return refuse('ledger.malformed', { detail: 'the line is not one of this format' })
  return done(line)
}

function readLine(object: JsonObject): ExportLine | undefined {
  const { format, checkpoint, journal, line, leaf } = object
  if (format === exportFormat) return readHeader(object)
  if (typeof checkpoint === 'string') return { is: 'checkpoint', note: checkpoint }
  if (typeof journal === 'string' && typeof line === 'string') return { is: 'journal', journal, line }
  return isJsonObject(leaf) ? readLeaf(leaf) : undefined
}

function readHeader({ origin, vkeys, journals, space }: JsonObject): ExportLine | undefined {
  if (typeof origin !== 'string' || !isArray(vkeys) || !isArray(journals)) return undefined
  if (!vkeys.every((vkey) => typeof vkey === 'string')) return undefined
  const named: { name: string; vkey: string }[] = []
  for (const journal of journals) {
    if (!isJsonObject(journal) || typeof journal.name !== 'string' || typeof journal.vkey !== 'string') return undefined
    named.push({ name: journal.name, vkey: journal.vkey })
  }
  return { is: 'header', header: { origin, vkeys, journals: named, ...(typeof space === 'string' ? { space } : {}) } }
}

function readLeaf({ index, data, body, salt, withheld }: JsonObject): ExportLine | undefined {
  const bytes = typeof data === 'string' ? parseBase64(data) : undefined
  if (typeof index !== 'number' || bytes === undefined) return undefined
  if (body === undefined && salt === undefined)
    return { is: 'leaf', leaf: { index, data: bytes, ...(withheld === true ? { withheld } : {}) } }
  const saltRead = typeof salt === 'string' ? parseBase64(salt) : undefined
  if (!isJsonObject(body) || saltRead === undefined) return undefined
  return { is: 'leaf', leaf: { index, data: bytes, body, salt: saltRead } }
}

function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}
