/** A leaf of the ledger: a version and a salted commitment to a body, so that the body can be erased and the proof stays. */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Hash, sameHash, sha256 } from './tree.ts'

/** What happened, as it is committed to: canonical JSON of exactly these members. */
export interface LedgerBody {
  readonly v: 1
  /** UTC milliseconds. */
  readonly at: number
  readonly kind: string
  readonly space: string
  readonly actor: string
  readonly subject: string
  readonly facts: JsonObject
}

export const saltBytes = 32
const leafBytes = 33
const version = 1
const bodyBytesMax = 4_194_304
const bodyDepthMax = 90

/** The text a commitment is made over. Throws on what is not JSON. */
export function writeBody(body: Omit<LedgerBody, 'v'>): string {
  const { at, kind, space, actor, subject, facts } = body
  return canonicalJson({ v: version, at, kind, space, actor, subject, facts })
}

/** Reads a body's text; refuses `ledger.malformed` what is not exactly the canonical text of one. */
export function parseBody(text: string): Result<LedgerBody> {
  const parsed = parseJson(text, { bytesMax: bodyBytesMax, depthMax: bodyDepthMax })
  if (!parsed.ok) return refuse('ledger.malformed', { detail: `the body: ${parsed.refusal.detail ?? 'unreadable'}` })
  const body = readBody(parsed.value)
  if (body === undefined || writeBody(body) !== text)
    return refuse('ledger.malformed', { detail: 'the body is not a canonical ledger body' })
  return done(body)
}

function readBody(value: JsonValue): LedgerBody | undefined {
  if (!isJsonObject(value)) return undefined
  const { v, at, kind, space, actor, subject, facts } = value
  if (v !== version || typeof at !== 'number' || typeof kind !== 'string' || typeof space !== 'string') return undefined
  if (typeof actor !== 'string' || typeof subject !== 'string' || !isJsonObject(facts)) return undefined
  return { v, at, kind, space, actor, subject, facts }
}

/** The leaf of a body's text: 0x01 ‖ SHA-256(salt ‖ UTF-8 of the text), 33 bytes. Without the salt a body cannot be guessed from it. */
export function commit(body: string, salt: Uint8Array): Uint8Array {
  if (salt.byteLength !== saltBytes) throw new Error('a salt is 32 bytes')
  const leaf = new Uint8Array(leafBytes)
  leaf[0] = version
  leaf.set(commitment(body, salt), 1)
  return leaf
}

/** Whether a leaf commits to exactly this text under this salt. */
export function verifyBody(leaf: Uint8Array, body: string, salt: Uint8Array): boolean {
  if (!isLeaf(leaf) || salt.byteLength !== saltBytes || !body.isWellFormed()) return false
  return sameHash(leaf.subarray(1), commitment(body, salt))
}

/** Whether these bytes are a leaf of a version that can be read here. */
export function isLeaf(bytes: Uint8Array): boolean {
  return bytes.byteLength === leafBytes && bytes[0] === version
}

function commitment(body: string, salt: Uint8Array): Hash {
  return sha256(Buffer.concat([salt, Buffer.from(body)]))
}
