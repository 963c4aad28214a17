/** One entry with all that proves it, as C2SP tlog-proof writes it: index, path, checkpoint, and our leaf with its body as extra data. */
import { canonicalJson, isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { parseBase64, toBase64 } from './base64.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { ExportedLeaf } from './export-format.ts'
import { parseBody, verifyBody } from './leaf.ts'
import { type NoteKey, parseVkey } from './note.ts'
import { type Hash, leafHash, verifyInclusion } from './tree.ts'

export interface EntryProof {
  /** With its body and salt, or without both once erased. */
  readonly leaf: ExportedLeaf
  /** From the leaf's sibling up. */
  readonly path: readonly Hash[]
  /** A signed note over a tree that has the leaf. */
  readonly checkpoint: string
}

export interface ProofReport {
  readonly ok: boolean
  readonly origin: string
  readonly index: number
  /** Leaves in the tree that it is proved to be in. */
  readonly size: number
  /** What was recorded; absent where it was erased: the commitment alone is proved then. */
  readonly body?: JsonObject
  /** Names of the given witnesses that cosigned. */
  readonly cosignedBy: readonly string[]
  /** Names of signatures whose keys were not given. */
  readonly unknown: readonly string[]
  /** What does not fit; empty exactly when `ok`. */
  readonly failures: readonly string[]
}

const firstLine = 'c2sp.org/tlog-proof@v1'
const fileBytesMax = 16_777_216
const pathMax = 63

export function writeProof({ leaf, path, checkpoint }: EntryProof): string {
  const { index, data, body, salt } = leaf
  const extra = canonicalJson({ leaf: toBase64(data), body, salt: salt === undefined ? undefined : toBase64(salt) })
  const lines = [firstLine, `extra ${toBase64(Buffer.from(extra))}`, `index ${index}`, ...path.map(toBase64)]
  return `${lines.join('\n')}\n\n${checkpoint}`
}

/** Reads a proof; refuses `ledger.malformed` what `writeProof` would not have written. */
export function parseProof(text: string): Result<EntryProof> {
  const malformed = (detail: string) => refuse('ledger.malformed', { detail })
  if (text.length > fileBytesMax) return malformed('the proof is too long')
  const end = text.indexOf('\n\n')
  const [first, extra = '', index = '', ...path] = text.slice(0, Math.max(0, end)).split('\n')
  if (first !== firstLine) return malformed(`a proof begins with ${firstLine}`)
  if (path.length > pathMax) return malformed('the path is longer than any tree is high')
  const hashes: Hash[] = []
  for (const line of path) {
    const hash = parseBase64(line)
    if (hash?.byteLength !== 32) return malformed('a line of the path is not a hash')
    hashes.push(hash)
  }
  const leaf = readLeaf(extra.replace(/^extra /, ''), Number(index.replace(/^index /, '')))
  const proof = leaf === undefined ? undefined : { leaf, path: hashes, checkpoint: text.slice(end + 2) }
  // Writing it again finds whatever was read past.
  return proof === undefined || writeProof(proof) !== text ? malformed('the leaf or its index cannot be read') : done(proof)
}

function readLeaf(extra: string, index: number): ExportedLeaf | undefined {
  const bytes = parseBase64(extra)
  const parsed = bytes === undefined ? undefined : parseJson(bytes, { bytesMax: fileBytesMax, depthMax: 100 })
  if (parsed?.ok !== true || !isJsonObject(parsed.value) || !Number.isSafeInteger(index)) return undefined
  const { leaf, body, salt } = parsed.value
  const data = typeof leaf === 'string' ? parseBase64(leaf) : undefined
  if (data === undefined) return undefined
  if (body === undefined && salt === undefined) return { index, data }
  const saltRead = typeof salt === 'string' ? parseBase64(salt) : undefined
  return isJsonObject(body) && saltRead !== undefined ? { index, data, body, salt: saltRead } : undefined
}

/**
 * Checks a proof as a stranger would, against the keys they brought: the log's own, and of witnesses whose word they want as well.
 * Never refuses: what cannot be read, or does not fit, is a failure in the report.
 */
export function verifyProof(text: string, vkeys: readonly string[]): ProofReport {
  const failures: string[] = []
  const keys: NoteKey[] = []
  for (const vkey of vkeys) {
    const key = parseVkey(vkey)
    if (key.ok) keys.push(key.value)
    else failures.push(`${vkey}: ${key.refusal.detail ?? 'is no key'}`)
  }
  const origin = keys.find((key) => key.kind === 'signs')?.name ?? ''
  const nothing: ProofReport = { ok: false, origin, index: 0, size: 0, cosignedBy: [], unknown: [], failures }
  if (origin === '') return { ...nothing, failures: [...failures, 'the key of the log is not given'] }
  const proof = parseProof(text)
  if (!proof.ok) return { ...nothing, failures: [...failures, proof.refusal.detail ?? proof.refusal.code] }
  const { leaf, path, checkpoint } = proof.value
  const opened = openCheckpoint(checkpoint, origin, keys)
  if (!opened.ok) return { ...nothing, index: leaf.index, failures: [...failures, opened.refusal.detail ?? opened.refusal.code] }
  const { size, root, unknown } = opened.value
  const cosignedBy = opened.value.keys.filter((key) => key.kind === 'cosigns').map((key) => key.name)
  for (const key of keys)
    if (key.kind === 'cosigns' && !cosignedBy.includes(key.name)) failures.push(`${key.name} has not cosigned this head`)
  if (!verifyInclusion({ leaf: leafHash(leaf.data), index: leaf.index, size, path, root }))
    failures.push(`the path does not lead from leaf ${leaf.index} to the root of the tree of size ${size}`)
  const body = leaf.body === undefined || leaf.salt === undefined ? undefined : canonicalJson(leaf.body)
  if (body !== undefined && leaf.salt !== undefined) {
    const read = parseBody(body)
    if (!verifyBody(leaf.data, body, leaf.salt)) failures.push('the body is not the one the leaf commits to')
    else if (!read.ok) failures.push(read.refusal.detail ?? read.refusal.code)
  }
  return {
    ok: failures.length === 0,
    origin,
    index: leaf.index,
    size,
    ...(leaf.body === undefined ? {} : { body: leaf.body }),
    cosignedBy,
    unknown,
    failures,
  }
}
