/** Checkpoints as C2SP tlog-checkpoint 1.0.0 defines them: a signed note that names a log, its size and its root. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { parseBase64, toBase64 } from './base64.ts'
import { type NoteKey, type NoteSigner, openNote, signNote } from './note.ts'
import type { Hash } from './tree.ts'

export interface Checkpoint {
  /** The log's name, like a URL without a scheme: the name of the key that signs it. */
  readonly origin: string
  readonly size: number
  readonly root: Hash
}

export interface OpenCheckpoint extends Checkpoint {
  /** What was signed. */
  readonly text: string
  /** The keys whose signatures were checked: the log's, and those of the given witnesses that cosigned. */
  readonly keys: readonly NoteKey[]
  /** Names of signatures by keys that were not given. */
  readonly unknown: readonly string[]
}

/** The text that is signed: origin, size and root, a line each. Remit writes no extension lines. */
export function writeCheckpoint({ origin, size, root }: Checkpoint): string {
  if (origin.length === 0 || origin.includes('\n')) throw new Error('an origin is one line')
  if (!Number.isSafeInteger(size) || size < 0) throw new Error('a size is a count')
  if (root.byteLength !== 32) throw new Error('a root is 32 bytes')
  return `${origin}\n${size}\n${toBase64(root)}\n`
}

/** Reads that text; refuses `ledger.malformed`, extension lines included: an unknown one could change what the head means. */
export function parseCheckpoint(text: string): Result<Checkpoint> {
  const [origin = '', digits = '', base64 = '', end, ...more] = text.split('\n')
  const root = parseBase64(base64)
  const size = Number(digits)
  if (more.length > 0) return refuse('ledger.malformed', { detail: 'a checkpoint with extension lines' })
  if (origin === '' || end !== '' || root?.byteLength !== 32)
    return refuse('ledger.malformed', { detail: 'a checkpoint is origin, size and root' })
  if (!Number.isSafeInteger(size) || size < 0 || `${size}` !== digits)
    return refuse('ledger.malformed', { detail: 'the size of the checkpoint is not a count' })
  return done({ origin, size, root })
}

/** The signed note over a checkpoint. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): string {
  return signNote(writeCheckpoint(checkpoint), signers)
}

/** Opens the note and reads the checkpoint in it, for one log; refuses as `openNote`, and another origin as `ledger.unverified`. */
export function openCheckpoint(note: string, origin: string, keys: readonly NoteKey[]): Result<OpenCheckpoint> {
  const opened = openNote(note, keys)
  if (!opened.ok) return opened
  // A witness vouches that heads follow each other; only the log itself says what its head is.
  if (!opened.value.keys.some((key) => key.name === origin && key.kind === 'signs'))
    return refuse('ledger.unverified', { detail: 'the log itself has not signed' })
  const checkpoint = parseCheckpoint(opened.value.text)
  if (!checkpoint.ok) return checkpoint
  if (checkpoint.value.origin !== origin) return refuse('ledger.unverified', { detail: 'the checkpoint of another log' })
  return done({ ...checkpoint.value, text: opened.value.text, keys: opened.value.keys, unknown: opened.value.unknown })
}
