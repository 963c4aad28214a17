/** Keys that live in a folder as files which nobody but their owner may read. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, mkdir, open, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'

export interface HostSigner {
  readonly name: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

const fileBytesMax = 4_096

/** The Ed25519 signer kept as `<name>.pem`, made if there is none. `label` is the name that it signs under. Refuses as `loadOrMakeKey`. */
export async function loadOrMakeSigner(folder: string, name: string, label: string): Promise<Result<HostSigner>> {
  const key = await loadOrMakeKey(folder, name)
  return key.ok ? done(makeSigner(key.value, label)) : key
}

/**
 * The Ed25519 private key kept as `<name>.pem` (PKCS8), made if there is none. Refuses `configuration.invalid`, with the remedy in
 * `detail`, when the file could have been read, or the folder written, by others, and when it holds something else.
 */
export async function loadOrMakeKey(folder: string, name: string): Promise<Result<KeyObject>> {
  const text = await loadOrMake(folder, `${fileName(name)}.pem`, newPrivateKeyText)
  if (!text.ok) return text
  const key = readPrivateKey(text.value)
  if (key === undefined)
    return refuse('configuration.invalid', { detail: `${join(folder, name)}.pem does not hold an Ed25519 private key (PKCS8, PEM)` })
  return done(key)
}

/** Signs with an Ed25519 private key (RFC 8032). Throws on any other key. */
export function makeSigner(key: KeyObject, label: string): HostSigner {
  if (key.type !== 'private' || key.asymmetricKeyType !== 'ed25519') throw new Error('a signer needs an Ed25519 private key')
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  if (x === undefined) throw new Error('an Ed25519 key has an x')
  return {
    name: label,
    publicKey: new Uint8Array(Buffer.from(x, 'base64url')),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  }
}

function fileName(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,63}(?:\.old)?$/.test(name)) throw new Error('a key file is named in lowercase letters, digits and hyphens')
  return name
}

function newPrivateKeyText(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
}

function readPrivateKey(text: string): KeyObject | undefined {
  try {
    const key = createPrivateKey({ key: text, format: 'pem' })
    return key.asymmetricKeyType === 'ed25519' ? key : undefined
  } catch {
    // The error of the parser could quote the file, so it goes no further.
    return undefined
  }
}

async function loadOrMake(folder: string, file: string, make: () => string): Promise<Result<string>> {
  const checked = await checkKeyFolder(folder)
  if (!checked.ok) return checked
  const present = await readKeyFile(join(folder, file))
  if (present !== undefined) return present
  const text = make()
  await writeKeyFile(folder, file, text)
  return done(text)
}

/** Makes the folder where it is missing; refuses `configuration.invalid` where others could put keys of their own into it. */
export async function checkKeyFolder(folder: string): Promise<Result<undefined>> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { mode } = await stat(folder)
  if ((mode & 0o022) === 0) return done(undefined)
  return refuse('configuration.invalid', { detail: `others may write in ${folder}: run chmod go-w ${folder}` })
}

/** The text of a file, a refusal (`configuration.invalid`) if others could have had it, nothing if there is none. */
export async function readKeyFile(path: string): Promise<Result<string> | undefined> {
  let handle: FileHandle
  try {
    // Not through a link: its target may have other modes than what we look at.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP') return refuse('configuration.invalid', { detail: `${path} is a link: put the key itself there` })
    throw thrown
  }
  try {
    const flaw = flawOf(await handle.stat())
    if (flaw !== undefined) return refuse('configuration.invalid', { detail: `${path} ${flaw}` })
    return done(await handle.readFile('utf8'))
  } finally {
    await handle.close()
  }
}

function flawOf(file: Stats): string | undefined {
  if (!file.isFile()) return 'is not a file'
  if ((file.mode & 0o077) !== 0)
    return `may be read by others (mode ${(file.mode & 0o777).toString(8)}): if nobody else had it, run chmod 600 on it`
  if (file.size > fileBytesMax) return 'is too large for a key'
  return undefined
}

/** Whole or not at all, and still there after a power cut: written aside, flushed, renamed, and the folder flushed too. */
export async function writeKeyFile(folder: string, file: string, text: string): Promise<void> {
  const aside = join(folder, `.${file}.${randomBytes(6).toString('hex')}`)
  try {
    const handle = await open(aside, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(aside, join(folder, file))
  } catch (thrown) {
    await unlink(aside).catch(() => undefined)
    throw thrown
  }
  await syncFolder(folder)
}

/** What was renamed or removed in a folder stays so after a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Puts one key file in the place of another, in one step that lasts. */
export async function renameKeyFile(folder: string, from: string, to: string): Promise<void> {
  await rename(join(folder, from), join(folder, to))
  await syncFolder(folder)
}
