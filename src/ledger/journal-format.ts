/** A gateway's journal of actions: numbered lines of canonical JSON under one chain of hashes, closed again and again by signed seals. */
import { hash } from 'node:crypto'
import { canonicalJson, canonicalObject, isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { parseBase64, toBase64 } from './base64.ts'
import type { NoteKey, NoteSigner } from './note.ts'
import { type Hash, sha256 } from './tree.ts'

/** What happened, as a gateway tells it: `v` and `n` are added, members that are undefined left out. */
export interface JournalEntry {
  /** UTC milliseconds. */
  readonly at: number
  readonly type: string
  readonly [member: string]: unknown
}

/** The last line of a journal and the chain hash over all lines up to it. `n` is 0 before the first line. */
export interface Head {
  readonly n: number
  readonly hash: Hash
}

/** How far a journal was checked. Lines beyond `sealed` are chained, but nobody has signed for them yet. */
export interface Walk {
  readonly head: Head
  readonly sealed: Head
}

export interface Seal extends Head {
  /** The seal's own line number, `n + 1`. */
  readonly line: number
  readonly signature: Uint8Array
}

export const lineBytesMax = 1_048_576

/** Ledger entries of this kind say that a journal's oldest lines were taken away: facts { journal, from, n, hash (hex, up to line n) }. */
export const prunedKind = 'journal.pruned'

const lineDepthMax = 80
const sealPattern = /^\{"hash":"([0-9a-f]{64})","n":([1-9]\d*),"sig":"([^"]*)","type":"seal","upto":(0|[1-9]\d*),"v":1\}$/

/** The head before the first line: it binds the chain to the journal's name and key. */
export function startHead(vkey: string): Head {
  return { n: 0, hash: sha256(Buffer.from(`remit journal 1\n${vkey}\n`)) }
}

/** Line `n`, without its line feed. Throws on an entry that is not JSON or poses as a seal. */
export function writeLine(n: number, entry: JournalEntry): string {
  if (entry.type === 'seal' || 'n' in entry || 'v' in entry) throw new Error('an entry is no seal and does not number itself')
  return canonicalObject(entry, [
    ['n', n],
    ['v', 1],
  ])
}

/** The head once `line` follows: SHA-256(hash so far ‖ bytes of the line without its line feed). */
export function chainLine(head: Head, line: Uint8Array): Head {
  const bytes = Buffer.allocUnsafe(32 + line.byteLength)
  bytes.set(head.hash)
  bytes.set(line, 32)
  return { n: head.n + 1, hash: sha256(bytes) }
}

/** Lines as bytes, each with its line feed, and the head once they follow. */
export function appendLines(head: Head, lines: readonly string[]): { readonly bytes: Uint8Array; readonly head: Head } {
  let length = 0
  let longest = 0
  for (const line of lines) {
    const bytes = Buffer.byteLength(line)
    length += bytes + 1
    if (bytes > longest) longest = bytes
  }
  const all = Buffer.allocUnsafe(length)
  // The hash so far stands before each line, so that both are hashed in one go. As text of one byte a character it costs half of a buffer.
  const hashed = Buffer.allocUnsafe(32 + longest)
  hashed.set(head.hash)
  let at = 0
  for (const line of lines) {
    const bytes = hashed.write(line, 32)
    hashed.copy(all, at, 32, 32 + bytes)
    at += bytes
    all[at] = 0x0a
    at += 1
    hashed.write(hash('sha256', hashed.subarray(0, 32 + bytes), 'latin1'), 0, 'latin1')
  }
  return { bytes: all, head: { n: head.n + lines.length, hash: Buffer.from(hashed.subarray(0, 32)) } }
}

/** The seal over all lines up to `head`, to be written as the next line. */
export function writeSeal(head: Head, signer: NoteSigner): string {
  const hash = Buffer.from(head.hash).toString('hex')
  const sig = toBase64(signer.sign(sealMessage(signer.name, head.n, hash)))
  return canonicalJson({ v: 1, n: head.n + 1, type: 'seal', upto: head.n, hash, sig })
}

/** Reads a seal's line; undefined where it is none, or not written exactly as a seal is. */
export function readSeal(line: string): Seal | undefined {
  const [, hash = '', number, base64 = '', upto] = sealPattern.exec(line) ?? []
  const signature = parseBase64(base64)
  const [n, own] = [Number(upto), Number(number)]
  if (signature === undefined || !Number.isSafeInteger(own) || own !== n + 1) return undefined
  return { n, hash: Buffer.from(hash, 'hex'), line: own, signature }
}

/** Whether the key of the journal has signed this seal. */
export function verifySeal(seal: Seal, key: NoteKey): boolean {
  return key.verify(sealMessage(key.name, seal.n, Buffer.from(seal.hash).toString('hex')), seal.signature)
}

/** The number that a line gives itself, unchecked; 0 where it has none. */
export function numberOf(line: string): number {
  const parsed = parseJson(line, { bytesMax: lineBytesMax, depthMax: lineDepthMax })
  return parsed.ok && isJsonObject(parsed.value) && typeof parsed.value.n === 'number' ? parsed.value.n : 0
}

export function startWalk(vkey: string): Walk {
  const head = startHead(vkey)
  return { head, sealed: head }
}

/**
 * Checks the next line of a journal. Refuses `ledger.malformed` a line that was not written so or does not have the next number, and
 * `ledger.unverified` a seal that does not fit the lines before it or was not signed by the journal's key; `detail` names the lines.
 */
export function stepLine(walk: Walk, line: string, key: NoteKey): Result<{ readonly walk: Walk; readonly entry: JsonObject }> {
  const due = walk.head.n + 1
  const read = readLine(line, due)
  if (!read.ok) return read
  const head = chainLine(walk.head, Buffer.from(line))
  if (read.value.type !== 'seal') return done({ walk: { head, sealed: walk.sealed }, entry: read.value })
  const seal = readSeal(line)
  if (seal === undefined) return refuse('ledger.malformed', { detail: `line ${due} is not a seal as seals are written` })
  const fits = Buffer.compare(seal.hash, walk.head.hash) === 0
  if (!fits) return refuse('ledger.unverified', { detail: `lines ${walk.sealed.n + 1} to ${due - 1} are not those that line ${due} seals` })
  if (!verifySeal(seal, key))
    return refuse('ledger.unverified', { detail: `the seal in line ${due} is not signed by the key of ${key.name}` })
  return done({ walk: { head, sealed: head }, entry: read.value })
}

function readLine(line: string, due: number): Result<JsonObject> {
  const malformed = (detail: string) => refuse('ledger.malformed', { detail })
  const parsed = parseJson(line, { bytesMax: lineBytesMax, depthMax: lineDepthMax })
  if (!parsed.ok) return malformed(`line ${due} cannot be read: ${parsed.refusal.detail ?? 'not JSON'}`)
  const entry = parsed.value
  if (!isJsonObject(entry) || canonicalJson(entry) !== line) return malformed(`line ${due} is not a canonical JSON object`)
  if (entry.v !== 1) return malformed(`line ${due} has a version that is not known here`)
  if (entry.n !== due) return malformed(`line ${due} has another number`)
  if (typeof entry.type !== 'string') return malformed(`line ${due} has no type`)
  if (entry.type !== 'seal' && typeof entry.at !== 'number') return malformed(`line ${due} has no instant`)
  return done(entry)
}

function sealMessage(name: string, n: number, hash: string): Uint8Array {
  return Buffer.from(`remit journal head 1\n${name}\n${n}\n${hash}\n`)
}
