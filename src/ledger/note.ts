/** Signed notes as C2SP signed-note 1.0.0 defines them, with Ed25519 keys and tlog-cosignature's: a text, an empty line, signature lines. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { parseBase64, toBase64 } from './base64.ts'
import { sha256 } from './tree.ts'

/** Whoever can sign under a name; the private key stays with its holder. */
export interface NoteSigner {
  readonly name: string
  /** Ed25519, 32 raw bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes: pure Ed25519 over the message. */
  sign(message: Uint8Array): Uint8Array
}

/** Whose key it is: a log, or a gateway, signs what it says itself; a witness cosigns that it saw one head follow another. */
export type KeyKind = 'signs' | 'cosigns'

/** A key that signatures are checked with. */
export interface NoteKey {
  readonly name: string
  readonly kind: KeyKind
  /** 4 bytes, hex: a hint for finding the key, no proof. */
  readonly hash: string
  readonly vkey: string
  verify(message: Uint8Array, signature: Uint8Array): boolean
}

export interface OpenNote {
  /** What was signed, its last line feed included. */
  readonly text: string
  /** The keys whose signatures were checked; never empty. */
  readonly keys: readonly NoteKey[]
  /** Names of signatures by keys that were not given: nothing is known of those. */
  readonly unknown: readonly string[]
}

/** The algorithm byte of each kind: pure Ed25519 (signed-note), and Ed25519 over a timed cosignature (tlog-cosignature). */
const algorithms: Readonly<Record<KeyKind, number>> = { signs: 1, cosigns: 4 }
const signatureBytes = 64
const timeBytes = 8
const noteBytesMax = 1_048_576
const signaturesMax = 100
const separator = '\n\n— '

/** The public form of a key: `name+hash+base64(algorithm ‖ public key)`. */
export function makeVkey(name: string, publicKey: Uint8Array, kind: KeyKind = 'signs'): string {
  if (!isKeyName(name)) throw new Error('a key name has no space and no +')
  if (publicKey.byteLength !== 32) throw new Error('an Ed25519 public key is 32 bytes')
  return `${name}+${keyHash(name, publicKey, kind)}+${toBase64(Buffer.concat([Buffer.from([algorithms[kind]]), publicKey]))}`
}

/** Reads a vkey; refuses `ledger.malformed`. */
export function parseVkey(vkey: string): Result<NoteKey> {
  const [name = '', hash = '', ...rest] = vkey.split('+')
  const bytes = parseBase64(rest.join('+'))
  const kind = kindOf(bytes?.[0])
  if (bytes?.byteLength !== 33 || kind === undefined || !isKeyName(name))
    return refuse('ledger.malformed', { detail: 'a key is name+hash+base64, Ed25519' })
  const publicKey = bytes.subarray(1)
  if (hash !== keyHash(name, publicKey, kind))
    return refuse('ledger.malformed', { detail: 'the hash in the key is not the hash of the key' })
  const key = importPublicKey(publicKey)
  const verifiers: Readonly<Record<KeyKind, NoteKey['verify']>> = {
    signs: (message, signature) => signature.byteLength === signatureBytes && verify(null, message, key, signature),
    cosigns: (message, signature) => {
      const seconds = secondsOf(signature)
      return seconds !== undefined && verify(null, cosigned(message, seconds), key, signature.subarray(timeBytes))
    },
  }
  return done({ name, kind, hash, vkey, verify: verifiers[kind] })
}

function kindOf(algorithm: number | undefined): KeyKind | undefined {
  if (algorithm === algorithms.signs) return 'signs'
  return algorithm === algorithms.cosigns ? 'cosigns' : undefined
}

/** The note over a text, signed by each signer in turn. Throws on a text that no note may hold. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!isNoteText(text)) throw new Error('a note is text without control characters that ends with a line feed')
  if (signers.length === 0) throw new Error('a note needs a signature')
  return `${text}\n${signers.map((signer) => signatureLine(text, signer)).join('')}`
}

function signatureLine(text: string, signer: NoteSigner): string {
  const hash = Buffer.from(keyHash(signer.name, signer.publicKey, 'signs'), 'hex')
  return `— ${signer.name} ${toBase64(Buffer.concat([hash, signer.sign(Buffer.from(text))]))}\n`
}

/** A witness's line under a checkpoint's text (cosignature/v1), at an instant in whole seconds since 1970. */
export function cosignatureLine(text: string, signer: NoteSigner, seconds: number): string {
  if (!isNoteText(text)) throw new Error('a note is text without control characters that ends with a line feed')
  const hash = Buffer.from(keyHash(signer.name, signer.publicKey, 'cosigns'), 'hex')
  const time = Buffer.alloc(timeBytes)
  time.writeBigUInt64BE(BigInt(seconds))
  return `— ${signer.name} ${toBase64(Buffer.concat([hash, time, signer.sign(cosigned(Buffer.from(text), seconds))]))}\n`
}

/** What a witness signs: the time and the checkpoint's text. */
function cosigned(text: Uint8Array, seconds: number): Uint8Array {
  return Buffer.concat([Buffer.from(`cosignature/v1\ntime ${seconds}\n`), text])
}

/** The time in a cosignature; undefined where the bytes are none. */
function secondsOf(signature: Uint8Array): number | undefined {
  if (signature.byteLength !== timeBytes + signatureBytes) return undefined
  const seconds = Number(Buffer.from(signature).readBigUInt64BE(0))
  return Number.isSafeInteger(seconds) ? seconds : undefined
}

/** One more line of signature under a note, taken from lines that somebody sent: the one that this key made, checked, and no other. */
export function addSignature(note: string, lines: string, key: NoteKey): Result<string> {
  const parsed = parseNote(note)
  if (!parsed.ok) return parsed
  const sent = parseNote(`${parsed.value.text}\n${lines}`)
  if (!sent.ok) return sent
  const fits = ({ name, hash }: Signature) => name === key.name && hash === key.hash
  if (parsed.value.signatures.some(fits)) return done(note)
  const found = sent.value.signatures.find(fits)
  if (found === undefined) return refuse('ledger.unverified', { detail: `nothing there is signed by ${key.name}` })
  if (!key.verify(Buffer.from(parsed.value.text), found.signature))
    return refuse('ledger.unverified', { detail: `the signature of ${key.name} does not fit` })
  return done(`${note}— ${key.name} ${toBase64(Buffer.concat([Buffer.from(key.hash, 'hex'), found.signature]))}\n`)
}

/**
 * Opens a note. Refuses `ledger.malformed` what is no note, and `ledger.unverified` where a given key's signature does not fit or
 * none of the given keys has signed. Signatures by other keys prove nothing and are only named.
 */
export function openNote(note: string, keys: readonly NoteKey[]): Result<OpenNote> {
  const parsed = parseNote(note)
  if (!parsed.ok) return parsed
  const { text, signatures } = parsed.value
  const message = Buffer.from(text)
  const [verified, unknown]: [NoteKey[], string[]] = [[], []]
  for (const { name, hash, signature } of signatures) {
    const key = keys.find((candidate) => candidate.name === name && candidate.hash === hash)
    if (key === undefined) unknown.push(name)
    else if (verified.includes(key)) return refuse('ledger.malformed', { detail: `the note is signed twice by ${name}` })
    else if (key.verify(message, signature)) verified.push(key)
    else return refuse('ledger.unverified', { detail: `the signature of ${name} does not fit` })
  }
  if (verified.length === 0) return refuse('ledger.unverified', { detail: 'signed by none of the known keys' })
  return done({ text, keys: verified, unknown })
}

interface Signature {
  readonly name: string
  readonly hash: string
  readonly signature: Uint8Array
}

/** Splits a note into text and signatures, checking the form only. */
function parseNote(note: string): Result<{ readonly text: string; readonly signatures: readonly Signature[] }> {
  const malformed = (detail: string) => refuse('ledger.malformed', { detail })
  if (note.length > noteBytesMax) return malformed('the note is too long')
  // The last empty line ends the text: the text itself may hold such lines.
  const end = note.lastIndexOf('\n\n')
  const text = note.slice(0, end + 1)
  if (end < 0 || !note.startsWith(separator, end) || !isNoteText(text)) return malformed('a note is a text, an empty line and signatures')
  const lines = note.slice(end + 2).split('\n')
  if (lines.pop() !== '') return malformed('the note does not end with a line feed')
  if (lines.length > signaturesMax) return malformed(`more than ${signaturesMax} signatures`)
  const signatures: Signature[] = []
  for (const line of lines) {
    const [, name = '', base64 = ''] = /^— (\S+) (\S+)$/u.exec(line) ?? []
    const bytes = parseBase64(base64)
    if (!isKeyName(name) || bytes === undefined || bytes.byteLength < 5) return malformed('a signature line cannot be read')
    signatures.push({ name, hash: Buffer.from(bytes.subarray(0, 4)).toString('hex'), signature: bytes.subarray(4) })
  }
  return done({ text, signatures })
}

/** First 4 bytes, hex, of SHA-256(name ‖ 0x0A ‖ algorithm ‖ public key). */
function keyHash(name: string, publicKey: Uint8Array, kind: KeyKind): string {
  const bytes = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([algorithms[kind]]), publicKey])
  return Buffer.from(sha256(bytes).subarray(0, 4)).toString('hex')
}

function importPublicKey(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

function isKeyName(name: string): boolean {
  return name.length > 0 && name.length <= 256 && name.isWellFormed() && !/[\s+\p{Cc}]/u.test(name)
}

function isNoteText(text: string): boolean {
  return text.endsWith('\n') && text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text)
}

/** What a key is for; undefined where it is none. */
export function kindOfVkey(vkey: string): KeyKind | undefined {
  const key = parseVkey(vkey)
  return key.ok ? key.value.kind : undefined
}
