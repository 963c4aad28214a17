/** What a log and its witness say to each other (C2SP tlog-witness), and the witness's judgement of a new head. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { parseBase64, toBase64 } from './base64.ts'
import { openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import type { NoteKey } from './note.ts'
import { type Hash, sameHash, verifyConsistency } from './tree.ts'

export interface AddCheckpoint {
  /** Size of the head that the witness is thought to have. */
  readonly old: number
  /** From that head to the new one. */
  readonly proof: readonly Hash[]
  /** The new head, a signed note. */
  readonly note: string
}

/** The media type of the size that a witness answers where it has another head. */
export const sizeType = 'text/x.tlog.size'
const proofMax = 63

export function writeAddCheckpoint({ old, proof, note }: AddCheckpoint): string {
  return `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${note}`
}

/** Reads what `writeAddCheckpoint` writes; refuses `ledger.malformed`. */
export function parseAddCheckpoint(text: string): Result<AddCheckpoint> {
  const malformed = (detail: string) => refuse('ledger.malformed', { detail })
  const end = text.indexOf('\n\n')
  const [first = '', ...lines] = text.slice(0, Math.max(0, end)).split('\n')
  const [, digits] = /^old (0|[1-9]\d{0,15})$/.exec(first) ?? []
  const old = Number(digits)
  if (!Number.isSafeInteger(old)) return malformed('the first line is the old size')
  if (lines.length > proofMax) return malformed(`a proof has at most ${proofMax} hashes`)
  const proof: Hash[] = []
  for (const line of lines) {
    const hash = parseBase64(line)
    if (hash?.byteLength !== 32) return malformed('a line of the proof is not a hash')
    proof.push(hash)
  }
  return done({ old, proof, note: text.slice(end + 2) })
}

/** The newest head that a witness has cosigned. */
export interface SeenHead {
  readonly size: number
  readonly root: Hash
}

/** Nothing was ever cosigned. */
export const nothingSeen: SeenHead = { size: 0, root: new Uint8Array(32) }

/** A witness's answer, by the status that tlog-witness gives it. */
export type Judgement =
  | { readonly status: 200; readonly head: SeenHead; readonly text: string }
  | { readonly status: 400 | 403 | 404 | 422; readonly why: string }
  /** It has another head: of the size that is told, or of this size with another root. */
  | { readonly status: 409; readonly size: number; readonly why: string }

/** The origin that a request is about, so that what was seen of it can be looked up; undefined where it names none. */
export function originOf(request: AddCheckpoint): string | undefined {
  const checkpoint = parseCheckpoint(request.note.slice(0, request.note.lastIndexOf('\n\n') + 1))
  return checkpoint.ok ? checkpoint.value.origin : undefined
}

/** Whether a witness that has seen `seen` of this log may cosign the new head; `keys` are those of the logs it knows. */
export function judgeCheckpoint(request: AddCheckpoint, seen: SeenHead, keys: readonly NoteKey[]): Judgement {
  const origin = originOf(request)
  if (origin === undefined) return { status: 400, why: 'there is no checkpoint in it' }
  const own = keys.filter((key) => key.name === origin)
  if (own.length === 0) return { status: 404, why: 'this log is not known here' }
  const opened = openCheckpoint(request.note, origin, own)
  if (!opened.ok) return { status: 403, why: opened.refusal.detail ?? 'the log has not signed it' }
  const { size, root, text } = opened.value
  const { old, proof } = request
  if (old > size) return { status: 400, why: 'the old size is above that of the checkpoint' }
  if (old !== seen.size) return { status: 409, size: seen.size, why: `the newest head here is of size ${seen.size}` }
  if (old === size && seen.size > 0 && !sameHash(root, seen.root))
    return { status: 409, size: seen.size, why: `another head of size ${size} was cosigned` }
  const first = old === 0 ? { first: 0, firstRoot: emptyRoot } : { first: old, firstRoot: seen.root }
  if (!verifyConsistency({ ...first, second: size, secondRoot: root, path: proof }))
    return { status: 422, why: `it is not proved that the head of size ${size} follows that of size ${old}` }
  return { status: 200, head: { size, root }, text }
}

/** SHA-256 of nothing: the root of the tree without leaves, which every tree follows. */
const emptyRoot: Hash = Buffer.from('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hex')
